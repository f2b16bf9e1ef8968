//! Reports, secrets, rules of redaction, telemetry.

use std::time::Duration;

use super::*;

#[test]
fn report_stages_are_checked() {
    let good = "id = \"r\"\nplugin = \"plugin.wasm\"\n";
    assert_eq!(
        mistakes(report("")),
        [
            "3:1 `id` is missing in `[[report]]` | add `id = \"…\"`",
            "3:1 `plugin` is missing in `[[report]]` | add `plugin = \"…\"`"
        ]
    );
    for (body, expected) in [
        (
            "id = \"Forensic_Report\"\nplugin = \"plugin.wasm\"",
            "4:6 bad report id `Forensic_Report` | the host's own report has this name",
        ),
        (
            "id = \"../r\"\nplugin = \"plugin.wasm\"",
            "4:6 bad report id `../r` | `/` is not allowed | did you mean `r`?",
        ),
        (
            "id = \"r\"\nplugin = \"builtin:risk.report_mta\"",
            "5:10 unknown built-in plugin `risk.report_mta` | did you mean `builtin:risk.report_meta`?",
        ),
        (
            "id = \"r\"\nplugin = \"risk.report_meta\"",
            "5:10 plugin `risk.report_meta` cannot be found | there is no such file | did you mean `builtin:risk.report_meta`?",
        ),
        (
            "id = \"r\"\nplugin = \"stages\"",
            "5:10 plugin `stages` cannot be found | this is not a file | it is relative to the pipeline file's folder",
        ),
    ] {
        assert_eq!(mistakes(report(body)), [expected], "{body}");
    }
    for (body, expected) in [
        (
            "artifacts = [\"a/../b\"]",
            "6:14 bad file pattern `a/../b` | `..` is not allowed | patterns are relative to the run directory and stay below it",
        ),
        (
            "artifacts = [\"/etc/*\"]",
            "6:14 bad file pattern `/etc/*` | it is absolute | patterns are relative to the run directory and stay below it",
        ),
        ("artifacts = [\"./a//b\"]", "6:14 bad file pattern `./a//b` | it would match nothing | did you mean `a/b`?"),
        ("artifacts = [\"a[\"]", "6:14 bad file pattern `a[` | unclosed character class; missing ']'"),
        ("config = { a = inf }", "6:16 bad value for `a` | only finite numbers are allowed, JSON has no others"),
        ("config = [1]", "6:10 wrong type for `config` | expected a table, found an array"),
        (
            "limits = { memory = \"2GiB\" }",
            "6:21 limit `memory`: 2GiB asked for, above the host maximum of 1GiB | 64KiB to 1GiB are allowed",
        ),
        ("limits = { memory = \"64M\" }", "6:21 `64M` is not a size | `M` is no unit of size | did you mean `64MiB`?"),
        ("limits = { hostcalls = 1 }", "6:12 unknown key `hostcalls` in `limits` | did you mean `host_calls`?"),
        ("limits = { fuel = -1 }", "6:19 bad value for `fuel` | expected a number that is not negative"),
        (
            "on_failure = \"faill\"",
            "6:14 bad value for `on_failure` | expected \"degrade\" or \"fail\" | did you mean `fail`?",
        ),
    ] {
        assert_eq!(mistakes(report(&format!("{good}{body}"))), [expected], "{body}");
    }
    let twice = format!("{good}[[report]]\n{}", good.replace("\"r\"", "\"R\""));
    assert!(mistakes(report(&twice))[0].starts_with("7:6 report id `R` is used twice | again here"));
}

#[test]
fn secrets_rules_and_telemetry_are_read() {
    let pipeline = load_text(with(
        r#"[secrets]
env = ["DB_PASSWORD", "FORENSIC_KEY"]
files = ["secrets/./token", "/run/secrets/x"]
[redaction]
keys = ["wallet_address"]
patterns = { order = "ORD-[0-9]{8}", any = '\bx\d+\b' }
allow_keys = ["session_id"]
[redaction.allow_patterns]
build = "build-[0-9a-f]{40}"
[telemetry]
receive = false
forward = false
spans_per_attempt = 1_000
bytes_per_attempt = "1MiB"
forward_timeout = "0s"
"#,
    ))
    .unwrap();
    let pattern = |name: &str, pattern: &str| (name.to_owned(), pattern.to_owned());
    assert_eq!(pipeline.secrets.env, ["DB_PASSWORD", "FORENSIC_KEY"]);
    assert_eq!(pipeline.secrets.files, [pipeline.dir.join("secrets/token"), "/run/secrets/x".into()]);
    assert_eq!(
        pipeline.redaction,
        Redaction {
            keys: vec!["wallet_address".to_owned()],
            patterns: vec![pattern("order", "ORD-[0-9]{8}"), pattern("any", r"\bx\d+\b")],
            allow_keys: vec!["session_id".to_owned()],
            allow_patterns: vec![pattern("build", "build-[0-9a-f]{40}")],
        }
    );
    assert_eq!(
        pipeline.telemetry,
        Telemetry {
            receive: false,
            forward: false,
            spans_per_attempt: 1_000,
            bytes_per_attempt: 1 << 20,
            forward_timeout: Duration::ZERO,
        }
    );
    let plain = load_text(with("[secrets]\n[redaction]\n[telemetry]")).unwrap();
    assert_eq!((plain.secrets, plain.redaction), Default::default());
    assert_eq!(plain.telemetry, Telemetry::default());
}

#[test]
fn secrets_are_checked() {
    for (body, expected) in [
        ("evn = []", "4:1 unknown key `evn` in `[secrets]` | did you mean `env`?"),
        (
            "env = \"A\"",
            "4:7 wrong type for `env` | expected an array of names of environment variables, found a string | write `env = [\"A\"]`",
        ),
        (
            "env = [\"A=hunter2\"]",
            "4:8 bad name `A` of an environment variable | it contains `=` | give the name alone; the value stays in the environment, not in this file",
        ),
        (
            "env = [\"A B\"]",
            "4:8 bad name `A B` of an environment variable | it contains white space or a control character",
        ),
        ("env = [\"\"]", "4:8 bad name `` of an environment variable | it is empty"),
        (
            "env = [\"${PIN}\"]",
            "4:8 bad name `${PIN}` of an environment variable | it starts with `$` | did you mean `PIN`?",
        ),
        ("env = [\"A\", \"A\"]", "4:13 variable `A` is listed twice | again here | keep one"),
        (
            "files = [\"a/b\", \"a/./b\"]",
            "4:17 file `a/./b` is listed twice | again here | keep one; `a/b` is the same file, written differently",
        ),
        ("files = [\"a/\"]", "4:10 bad value for `files` | it names a folder | name each file"),
        ("files = [\" \"]", "4:10 bad value for `files` | it is empty"),
    ] {
        assert_eq!(mistakes(with(&format!("[secrets]\n{body}"))), [expected], "{body}");
    }
    let many: Vec<String> = (0..1_001).map(|i| format!("\"V{i}\"")).collect();
    let found = mistakes(with(&format!("[secrets]\nenv = [{}]", many.join(","))));
    assert_eq!(found, ["3:2 1001 secrets are declared | at most 1000 are allowed"]);
}

#[test]
fn rules_of_redaction_are_checked_all_at_once() {
    assert_eq!(
        refusal(with(
            r#"[redaction]
keys = ["wallet_address", "walletAddress", "--"]
allow_keys = ["WALLET-ADDRESS"]
patterns = { open = "ORD-([0-9]", all = "x*", n = 5 }
alow_patterns = {}"#
        )),
        r#"error: name `walletAddress` is listed twice
 --> pipeline.toml:4:27
  |
4 | keys = ["wallet_address", "walletAddress", "--"]
  |         ----------------  ^^^^^^^^^^^^^^^ again here
  |         |
  |         first here
  |
  = help: keep one
  = help: `wallet_address` is the same name, written differently

error: bad value for `keys`
 --> pipeline.toml:4:44
  |
4 | keys = ["wallet_address", "walletAddress", "--"]
  |                                            ^^^^ it holds no ASCII letter or digit
  |
  = help: give the name of a key, such as `wallet_address`

error: name `WALLET-ADDRESS` is listed twice
 --> pipeline.toml:5:15
  |
4 | keys = ["wallet_address", "walletAddress", "--"]
  |         ---------------- first here
5 | allow_keys = ["WALLET-ADDRESS"]
  |               ^^^^^^^^^^^^^^^^ again here
  |
  = help: keep one
  = help: `wallet_address` is the same name, written differently

error: bad pattern `open`
 --> pipeline.toml:6:21
  |
6 | patterns = { open = "ORD-([0-9]", all = "x*", n = 5 }
  |                     ^^^^^^^^^^^^ unclosed group
  |
  = help: classes are ASCII; look-around and back-references don't exist; in "…" write `\\` for a backslash

error: bad pattern `all`
 --> pipeline.toml:6:41
  |
6 | patterns = { open = "ORD-([0-9]", all = "x*", n = 5 }
  |                                         ^^^^ it matches the empty text, and so everywhere
  |
  = help: ask for at least one character, with `+` or `{1,}`

error: wrong type for `n`
 --> pipeline.toml:6:51
  |
6 | patterns = { open = "ORD-([0-9]", all = "x*", n = 5 }
  |                                                   ^ expected a regular expression in quotes, found an integer
  |
  = help: write it in quotes: "5"

error: unknown key `alow_patterns` in `[redaction]`
 --> pipeline.toml:7:1
  |
7 | alow_patterns = {}
  | ^^^^^^^^^^^^^
  |
  = help: did you mean `allow_patterns`?
"#
    );
    let many = |count: usize, item: fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    for (body, expected) in [
        (
            format!("keys = [{}]", many(257, |i| format!("\"k{i}x\""))),
            "4:8 bad value for `keys` | 257 names, at most 256 are allowed | join some of them into one, or remove some",
        ),
        (
            format!("patterns = {{ {} }}", many(65, |i| format!("p{i} = \"x\""))),
            "4:12 bad value for `patterns` | 65 patterns, at most 64 are allowed | join some of them into one, or remove some",
        ),
    ] {
        assert_eq!(mistakes(with(&format!("[redaction]\n{body}"))), [expected]);
    }
}

#[test]
fn telemetry_is_checked() {
    for (body, expected) in [
        ("recieve = true", "4:1 unknown key `recieve` in `[telemetry]` | did you mean `receive`?"),
        (
            "receive = \"false\"",
            "4:11 wrong type for `receive` | expected true or false, found a string | write it without quotes: false",
        ),
        ("forward = 1", "4:11 wrong type for `forward` | expected true or false, found an integer"),
        (
            "spans_per_attempt = 0",
            "4:21 bad value for `spans_per_attempt` | expected 1 to 10000000 | to take none, write `receive = false`",
        ),
        ("bytes_per_attempt = \"1KiB\"", "4:21 bad value for `bytes_per_attempt` | 64KiB to 4GiB are allowed"),
        ("forward_timeout = \"1h\"", "4:19 bad value for `forward_timeout` | at most 10m are allowed"),
    ] {
        assert_eq!(mistakes(with(&format!("[telemetry]\n{body}"))), [expected], "{body}");
    }
}
