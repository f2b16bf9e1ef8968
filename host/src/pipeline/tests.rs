//! The loader as its users meet it: a file in, a pipeline or the whole text of the refusal out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::limits::{Limit, Limits};

const BUILTINS: [&str; 2] = ["risk.report_meta", "alpha.report_decisions"];

/// Loads a text as `pipeline.toml` of a folder with `stages/`, `plugin.wasm` and nothing else.
fn load_text(text: impl AsRef<[u8]>) -> Result<Pipeline, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("stages")).unwrap();
    fs::write(folder.path().join("plugin.wasm"), b"\0asm").unwrap();
    let path = folder.path().join("pipeline.toml");
    fs::write(&path, text).unwrap();
    load(&path, &BUILTINS)
}

/// The refusal of a text, with the file's folder left out.
fn refusal(text: impl AsRef<[u8]>) -> String {
    match load_text(text) {
        Err(LoadError::Invalid(mistakes)) => {
            let folder = mistakes.path().parent().unwrap().display().to_string();
            mistakes.render(false).replace(&format!("{folder}/"), "")
        }
        other => panic!("not refused as invalid: {other:?}"),
    }
}

/// The mistakes of a text as `line:column message`.
fn mistakes(text: impl AsRef<[u8]>) -> Vec<String> {
    match load_text(text) {
        Err(LoadError::Invalid(mistakes)) => mistakes
            .items()
            .iter()
            .map(|item| {
                let mut said = format!("{}:{} {}", item.line, item.column, item.message);
                for text in [&item.labels[0].message, &item.help.join("; ")] {
                    if !text.is_empty() {
                        said.push_str(" | ");
                        said.push_str(text);
                    }
                }
                said
            })
            .collect(),
        other => panic!("not refused as invalid: {other:?}"),
    }
}

fn stage(body: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n[stages.a]\n{body}\n")
}

fn report(body: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n[[report]]\n{body}\n")
}

#[test]
fn everything_that_can_be_said_is_read() {
    let pipeline = load_text(
        r#"
[pipeline]
name = "meta.full"
profile = "meta_production"
max_parallel = 4
root = "out/./runs"
timeout = "1h 30m"
kill_grace = "0s"
[stages."meta.aggregation"]
command = ["python3", "aggregate.py", ""]
needs = ["sleeve.long", "sleeve.short"]
env = { PYTHONHASHSEED = "0" }
workdir = "stages"
timeout = "10m"
retries = { max = 2, backoff = "1s", on_exit = [75, 3, 75] }
[stages]
"sleeve.short".run = "echo $X"
[stages."sleeve.long"]
command = ["true"]
[[report]]
id = "risk.report_meta"
plugin = "builtin:risk.report_meta"
artifacts = ["data/*.json", "sleeves/**/{audit,log}.jsonl"]
config = { profiles = ["hrp"], at = 1979-05-27T07:32:00Z, n = { x = 1.5, y = [true, 0xff] } }
limits = { time = "10s", memory = "128MiB", document = 1_000, fuel = 5 }
on_failure = "fail"
[[report]]
id = "own"
plugin = "plugin.wasm"
"#,
    )
    .unwrap();
    let dir = pipeline.dir.clone();
    assert!(dir.is_absolute());
    assert_eq!(pipeline.name, "meta.full");
    assert_eq!(pipeline.profile.as_deref(), Some("meta_production"));
    assert_eq!(pipeline.max_parallel, Some(4));
    assert_eq!(pipeline.root, Some(dir.join("out/runs")));
    assert_eq!(pipeline.timeout, Some(Duration::from_secs(5400)));
    assert_eq!(pipeline.kill_grace, Duration::ZERO);
    assert!(pipeline.source.text.contains("meta.full"));

    let ids: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    assert_eq!(ids, ["meta.aggregation", "sleeve.short", "sleeve.long"], "in the order of the file");
    assert_eq!(
        pipeline.stages[0],
        Stage {
            id: StageId("meta.aggregation".to_owned()),
            command: Command::Argv(vec!["python3".to_owned(), "aggregate.py".to_owned(), String::new()]),
            needs: vec![2, 1],
            trigger: Trigger::All,
            when: None,
            allow_failure: false,
            priority: 0,
            resources: Vec::new(),
            inputs: Vec::new(),
            outputs: None,
            cache: false,
            member: None,
            group: None,
            env: BTreeMap::from([("PYTHONHASHSEED".to_owned(), "0".to_owned())]),
            workdir: dir.join("stages"),
            timeout: Some(Duration::from_secs(600)),
            retries: Retries { max: 2, backoff: Duration::from_secs(1), on_exit: Some(vec![3, 75]) },
        }
    );
    assert_eq!(pipeline.stages[1].command, Command::Shell("echo $X".to_owned()));
    assert_eq!(pipeline.stages[1].workdir, dir);
    assert_eq!(pipeline.stages[2].retries, Retries::default());
    assert_eq!(pipeline.execution_order(), [1, 2, 0]);
    assert_eq!(pipeline.dependents(), [vec![], vec![0], vec![0]]);
    assert_eq!(pipeline.stage_index("sleeve.long"), Some(2));

    let meta = &pipeline.reports[0];
    assert_eq!(meta.plugin, PluginSource::Builtin("risk.report_meta".to_owned()));
    assert_eq!(meta.artifacts, ["data/*.json", "sleeves/**/{audit,log}.jsonl"]);
    assert_eq!(
        meta.config.to_string(),
        r#"{"profiles":["hrp"],"at":"1979-05-27T07:32:00Z","n":{"x":1.5,"y":[true,255]}}"#
    );
    assert_eq!(meta.limits.time(), Duration::from_secs(10));
    assert_eq!(meta.limits.get(Limit::Memory), 128 << 20);
    assert_eq!((meta.limits.get(Limit::Document), meta.limits.get(Limit::Fuel)), (1_000, 5));
    assert_eq!(meta.on_failure, OnFailure::Fail);
    let own = &pipeline.reports[1];
    assert_eq!(own.plugin, PluginSource::Path(dir.join("plugin.wasm")));
    assert_eq!((own.limits, own.on_failure), (Limits::default(), OnFailure::Degrade));
    assert_eq!(own.config, serde_json::json!({}));
}

#[test]
fn no_stages_are_a_pipeline_too() {
    for text in ["[pipeline]\nname = \"x\"\n", "\u{feff}[pipeline]\r\nname = \"x\"\r\n[stages]\r\n"] {
        let pipeline = load_text(text).unwrap();
        assert_eq!((pipeline.stages.len(), pipeline.max_parallel, pipeline.root), (0, None, None));
        assert_eq!(pipeline.kill_grace, Duration::from_secs(5));
    }
}

#[test]
fn five_mistakes_are_five_messages() {
    assert_eq!(
        refusal(
            r#"[pipeline]
name = "x"
max_paralel = 2
[stages."größe"]
run = "true"
[stages.a]
command = ["true"]
needs = ["b"]
timeout = "10"
[stages.b]
command = ["true"]
needs = ["a", "c."]
"#
        ),
        r#"error: unknown key `max_paralel` in `[pipeline]`
 --> pipeline.toml:3:1
  |
3 | max_paralel = 2
  | ^^^^^^^^^^^
  |
  = help: did you mean `max_parallel`?

error: bad stage id `größe`
 --> pipeline.toml:4:9
  |
4 | [stages."größe"]
  |         ^^^^^^^ `ö` is not allowed
  |
  = help: did you mean `gr__e`?
  = help: an id has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 128 characters

error: stages need each other in a cycle: a → b → a
  --> pipeline.toml:8:10
   |
 8 | needs = ["b"]
   |          ^^^ `a` needs `b`
...
12 | needs = ["a", "c."]
   |          --- `b` needs `a`
   |
   = help: take out one of these needs

error: `10` is not a duration
 --> pipeline.toml:9:11
  |
9 | timeout = "10"
  |           ^^^^ it has no unit
  |
  = help: did you mean `10s`?

error: stage `b` needs an unknown stage `c.`
  --> pipeline.toml:12:15
   |
12 | needs = ["a", "c."]
   |               ^^^^ there is no such stage
"#
    );
}

#[test]
fn a_stage_defined_twice_is_said_once_with_both_places() {
    let text =
        "[pipeline]\nname = \"x\"\n[stages.\"a.b\"]\nrun = \"1\"\n[stages.\"a.b\"] # again\nrun = \"2\"\nneds = []\n";
    assert_eq!(
        refusal(text),
        r#"error: stage `a.b` is defined twice
 --> pipeline.toml:5:9
  |
3 | [stages."a.b"]
  | -------------- first here
4 | run = "1"
5 | [stages."a.b"] # again
  |         ^^^^^ again here
  |
  = help: give each stage an id of its own, or keep one

error: unknown key `neds` in stage `a.b`
 --> pipeline.toml:7:1
  |
7 | neds = []
  | ^^^^
  |
  = help: did you mean `needs`?
"#
    );
}

#[test]
fn syntax_errors_come_with_the_other_mistakes_where_the_rest_can_be_trusted() {
    let text = "[pipeline]\nname = \nmax_parallel = 0\n[stages.a]\nrun = true story\ntimeout = 10m\nruns = 1\n";
    assert_eq!(
        mistakes("[pipeline]\nname = \nmax_parallel = 0\n[stages.a]\ntimeout = 10m\ncwd = \"stages\"\n"),
        [
            "2:8 a value is missing after `=` | expected a value",
            "3:16 bad value for `max_parallel` | with 0 at once nothing would ever run | write 1 for one at a time, or \
             leave it out for as many as there are cores",
            "5:11 string values must be quoted | not a TOML value | write it in quotes: \"10m\"",
            "6:1 unknown key `cwd` in stage `a` | did you mean `workdir`?",
        ]
    );
    assert!(mistakes(text).iter().any(|said| said.starts_with("5:")));
    assert_eq!(
        mistakes("[pipeline]\nname = \"x\"\n[stages.a]\ncommand = [\"x\"\nneeds = 1\n[stages.b]\n"),
        ["5:1 an array is not closed | expected `,` or `]` before this"]
    );
}

#[test]
fn repeated_keys_are_refused() {
    assert_eq!(
        mistakes(stage("run = \"1\"\nrun = \"2\"\nenv = { A = \"1\", A = \"2\" }")),
        ["5:1 key `run` appears twice | again here | keep one", "6:18 key `A` appears twice | again here | keep one"]
    );
}

#[test]
fn needs_are_checked() {
    assert_eq!(
        mistakes(
            "[pipeline]\nname = \"x\"\n[stages.load]\nrun = \"1\"\nneeds = [\"load\", \"Save\", \"save\", \"save\", 1]\n\
             [stages.save]\nrun = \"1\"\nneeds = \"lod\"\n"
        ),
        [
            "5:10 stage `load` needs itself | take it out of `needs`",
            "5:18 stage `load` needs an unknown stage `Save` | there is no such stage | did you mean `save`?",
            "5:34 stage `load` needs `save` twice | again here | keep one",
            "5:42 wrong type for `needs` | expected a string, found an integer | write it in quotes: \"1\"",
            "8:9 wrong type for `needs` | expected an array of stage ids, found a string | write `needs = [\"lod\"]`",
        ]
    );
}

#[test]
fn each_knot_of_needs_is_told_once() {
    let mut text = "[pipeline]\nname = \"x\"\n".to_owned();
    for (id, need) in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "e"), ("e", "d"), ("f", "a")] {
        text += &format!("[stages.{id}]\nrun = \"1\"\nneeds = [\"{need}\"]\n");
    }
    let found = mistakes(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("5:10 stages need each other in a cycle: a → b → c → a |"), "{found:?}");
    assert!(found[1].starts_with("14:10 stages need each other in a cycle: d → e → d |"), "{found:?}");
}

#[test]
fn ids_that_differ_only_in_case_clash() {
    let found = mistakes("[pipeline]\nname = \"x\"\n[stages.Load]\nrun = \"1\"\n[stages.load]\nrun = \"1\"\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("5:9 stages `Load` and `load` differ only in case"), "{found:?}");
}

#[test]
fn what_a_stage_runs_is_checked() {
    for (body, expected) in [
        (
            "",
            "3:9 stage `a` has nothing to run | add `command = [\"program\", \"argument\"]`, or `run = \"shell text\"`",
        ),
        ("run = \"1\"\ncommand = [\"1\"]", "4:1 stage `a` has both `command` and `run` | keep one of them"),
        (
            "command = \"python3 x.py\"",
            "4:11 wrong type for `command` | expected an array of strings, program first, found a string | write \
             `command = [\"python3\", \"x.py\"]`, or `run = \"python3 x.py\"` for the shell",
        ),
        (
            "command = []",
            "4:11 bad value for `command` | it is empty | name the program and its arguments: `command = \
             [\"program\", \"argument\"]`",
        ),
        ("command = [\" \"]", "4:12 bad value for `command` | the program's name is empty"),
        ("command = [\"a\", \"b\\u0000\"]", "4:17 bad value for `command` | it contains a NUL character"),
        ("run = \" \\n\"", "4:7 bad value for `run` | it is empty"),
        (
            "run = 5",
            "4:7 wrong type for `run` | expected a string of shell text, found an integer | write it in quotes: \"5\"",
        ),
        ("comand = [\"a\"]", "4:1 unknown key `comand` in stage `a` | did you mean `command`?"),
    ] {
        assert_eq!(mistakes(stage(body)), [expected], "{body}");
    }
}

#[test]
fn how_a_stage_runs_is_checked() {
    for (body, expected) in [
        (
            "env = { \"A B\" = \"1\" }",
            "5:9 bad name `A B` of an environment variable | it contains white space or a control character",
        ),
        (
            "env = { FORENSIC_RUN_ID = \"1\" }",
            "5:9 bad name `FORENSIC_RUN_ID` of an environment variable | the host sets it",
        ),
        (
            "env = { A = 0 }",
            "5:13 wrong type for `A` | expected a string, found an integer | write it in quotes: \"0\"",
        ),
        ("env = [\"A=1\"]", "5:7 wrong type for `env` | expected a table of strings, found an array"),
        (
            "workdir = \"stages/no\"",
            "5:11 bad working folder `stages/no` | there is no such folder | it is relative to the pipeline file's folder",
        ),
        (
            "workdir = \"plugin.wasm\"",
            "5:11 bad working folder `plugin.wasm` | this is not a folder | it is relative to the pipeline file's folder",
        ),
        (
            "timeout = 10",
            "5:11 wrong type for `timeout` | expected a duration in quotes, such as \"10m\", found an integer | did you mean \"10s\"?",
        ),
        ("timeout = \"0s\"", "5:11 bad value for `timeout` | zero would end it at once | leave it out for no limit"),
        ("timeout = \"9999d\"", "5:11 bad value for `timeout` | at most 366d are allowed | leave it out for no limit"),
        (
            "retries = 2",
            "5:11 wrong type for `retries` | expected a table, found an integer | write `retries = { max = 2 }`",
        ),
        ("retries = {}", "5:1 `max` is missing in `retries` | add `max = 2` for two more attempts"),
        ("retries = { max = -1 }", "5:19 bad value for `max` | expected 0 to 100"),
        ("retries = { max = 1, on_exit = [0] }", "5:33 bad value for `on_exit` | expected 1 to 255"),
        (
            "retries = { max = 1, on_exit = [] }",
            "5:32 bad value for `on_exit` | no exit code would ever be tried again | leave it out to try again after every failure",
        ),
        ("retries = { max = 1, backoff = \"2d\" }", "5:32 bad value for `backoff` | at most 1d are allowed"),
    ] {
        assert_eq!(mistakes(stage(&format!("run = \"1\"\n{body}"))), [expected], "{body}");
    }
}

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
fn tables_of_the_wrong_kind_are_told_how_to_be_written() {
    assert_eq!(
        mistakes("[[stages]]\nid = \"x\"\n[report]\n[pipeline]\nnmae = \"x\"\n[stage.x]\n"),
        [
            "1:1 wrong type for `stages` | expected a table for each stage, found an array | write `[stages.\"id\"]` instead of `[[stages]]`",
            "3:1 wrong type for `report` | expected a list of tables, found a table | write `[[report]]` instead of `[report]`",
            "5:1 unknown key `nmae` in `[pipeline]` | did you mean `name`?",
            "6:2 unknown key `stage` in the pipeline file | did you mean `stages`?",
        ]
    );
    assert_eq!(
        mistakes(""),
        ["1:1 the table `[pipeline]` is missing | add `[pipeline]` with `name = \"…\"` at the top"]
    );
    assert_eq!(mistakes("[pipeline]\nname = \"\"\n"), ["2:8 bad value for `name` | it is empty"]);
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let absent = load(&folder.path().join("no.toml"), &BUILTINS).unwrap_err();
    assert!(matches!(&absent, LoadError::Unreadable { io, .. } if io.kind() == std::io::ErrorKind::NotFound));
    assert!(absent.to_string().starts_with("cannot read "), "{absent}");

    let large = folder.path().join("large.toml");
    fs::File::create(&large).unwrap().set_len(MAX_FILE + 1).unwrap();
    let refused = load(&large, &BUILTINS).unwrap_err().to_string();
    assert!(refused.ends_with("large.toml is larger than 64MiB, the most that such a file may have"), "{refused}");

    assert_eq!(
        mistakes(b"[pipeline]\nname = \"\xc3\xa4\xff\"\n"),
        ["2:10 the file is not UTF-8 text | the byte 0xFF is not allowed here | save the file as UTF-8"]
    );
}

#[test]
fn mistakes_serialise_as_a_list() {
    let Err(LoadError::Invalid(found)) = load_text(stage("run = \"1\"\nruns = 1")) else { panic!("not refused") };
    let mut list = serde_json::to_value(&found).unwrap();
    list[0]["path"] = "p".into();
    assert_eq!(
        list,
        serde_json::json!([{
            "severity": "error", "path": "p", "line": 5, "column": 1, "message": "unknown key `runs` in stage `a`",
            "labels": [{"line": 5, "column": 1, "message": ""}], "help": ["did you mean `run`?"],
        }])
    );
    assert!(found.render(true).contains("\u{1b}["));
}

#[test]
fn deep_nesting_is_refused_and_not_crashed_on() {
    let key = ["a"; 80].join(".");
    let deep = format!("{key} = {}1{}", format!("{{ {key} = ").repeat(79), "}".repeat(79));
    let text = report(&format!("id = \"r\"\nplugin = \"plugin.wasm\"\n[report.config]\n{deep}"));
    assert_eq!(mistakes(text).len(), 1);
}

#[test]
fn a_hundred_thousand_stages_are_checked_without_quadratic_steps() {
    let mut text = "[pipeline]\nname = \"x\"\n".to_owned();
    for i in 0..100_000 {
        text += &format!("[stages.s{i}]\nrun = \"1\"\nneeds = [\"s{}\"]\n", (i + 1) % 100_000);
    }
    let found = parse(Path::new("p.toml"), text, &[]).unwrap_err();
    assert_eq!(found.count(), 1);
    assert!(found.items()[0].message.ends_with("→ s11 → … 99988 more … → s0"), "{}", found.items()[0].message);
}

fn with(tables: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n{tables}\n")
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

/// Pieces that make pipelines, right and wrong, so that random texts get past the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[pipeline]\n",
        "name = \"x\"\n",
        "[stages.a]\n",
        "[stages.\"b.c\"]\n",
        "[stages]\n",
        "[[report]]\n",
        "[report]\n",
        "run = \"1\"\n",
        "command = [\"a\", \"b\"]\n",
        "needs = [\"a\", \"b.c\", \"q\"]\n",
        "env = { A = \"1\", \"\" = 2 }\n",
        "retries = { max = 1, backoff = \"1s\" }\n",
        "timeout = \"1M\"\n",
        "workdir = \"é\"\n",
        "id = \"r\"\n",
        "plugin = \"builtin:x\"\n",
        "artifacts = [\"{a\", \"**\"]\n",
        "config = { a = nan, b = [[1]] }\n",
        "limits = { time = \"1h\", fuel = 99999999999999999999 }\n",
        "x",
        "=",
        "\"",
        "\"\"\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\r",
        "\n",
        "\t",
        "\0",
        "\u{feff}",
        "é",
        "#",
        "a.b.c = 1\n",
        "on_failure = 1\n",
        "[secrets]\n",
        "[redaction]\n",
        "[telemetry]\n",
        "env = [\"A\", \"A\", \"$B\"]\n",
        "files = [\"f\", \"f/\"]\n",
        "keys = [\"-\", \"k\"]\n",
        "patterns = { a = \"(\", b = \"x*\" }\n",
        "bytes_per_attempt = 1\n",
        "max_parallel = 0\n",
        "1979-05-27",
        "0x",
        "'",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn must_not_panic(text: String) {
    if let Err(found) = parse(Path::new("/nowhere/p.toml"), text, &BUILTINS) {
        assert!(found.count() > 0);
        found.render(false);
        found.render(true);
        serde_json::to_string(&found).unwrap();
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        must_not_panic(text);
    }

    #[test]
    fn arbitrary_pieces_never_panic(text in pieces()) {
        must_not_panic(text);
    }
}
