//! What a run hides, from a pipeline's text, real files and an environment.

use std::fs;

use super::*;
use crate::redact::MARK;

const STAGE: &str = "[pipeline]\nname = \"x\"\n[stages.a]\nrun = \"1\"\n";

/// Gathers for a pipeline file in a folder with these files.
fn gathered(text: &str, files: &[(&str, &[u8])], environment: &[(&str, &str)]) -> Result<Declared, SecretError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    let pipeline = crate::pipeline::parse(&folder.path().join("p.toml"), text.to_owned(), &[]).unwrap();
    gather(&pipeline, &BTreeMap::new(), environment.iter().map(|(name, value)| (name.into(), value.into())))
}

fn masks(declared: &Declared, text: &str) -> bool {
    Redactor::new(&declared.rules).unwrap().text(text).text == MARK
}

#[test]
fn declared_variables_come_from_the_host_and_from_stages() {
    let text = format!("{STAGE}env = {{ PIN = \"of-stage\" }}\n[secrets]\nenv = [\"PIN\", \"EMPTY\", \"NOT_SET\"]\n");
    let found = gathered(&text, &[], &[("PIN", "of host\n"), ("EMPTY", ""), ("OTHER", "other value 1")]).unwrap();
    assert_eq!(found.rules.secrets, ["of host", "of-stage"]);
    assert_eq!((found.unset, found.from_environment, found.from_files), (vec!["EMPTY".into(), "NOT_SET".into()], 2, 0));
    assert!(found.by_name.is_empty());
}

#[test]
fn files_count_as_a_whole_and_line_by_line() {
    let text = format!("{STAGE}[secrets]\nfiles = [\"one\", \"many\"]\n");
    let many = b"\xef\xbb\xbffirst secret line\r\n\r\nab12\nshort\nsecond secret line\n";
    let found = gathered(&text, &[("one", b"hunter2\n"), ("many", many)], &[]).unwrap();
    assert_eq!((found.from_environment, found.from_files), (0, 3));
    for secret in ["hunter2", "first secret line", "second secret line", "ab12"] {
        assert!(masks(&found, secret), "{secret}");
    }
    assert!(!masks(&found, "short"));
}

#[test]
fn all_problems_are_told_at_once_and_none_shows_a_value() {
    let text = format!(
        "{STAGE}[secrets]\nenv = [\"PIN\", \"LONG\"]\nfiles = [\"no\", \"folder\", \"binary\", \"large\", \"empty\", \"/dev/zero\"]\n"
    );
    let large = "x9".repeat(MAX_SECRET_BYTES);
    let long = "y9".repeat(MAX_SECRET_BYTES);
    let files: &[(&str, &[u8])] = &[("binary", b"secret\xff"), ("large", large.as_bytes()), ("empty", b"\n")];
    let error = gathered(&text, files, &[("PIN", "q7z"), ("LONG", &long)]).unwrap_err();
    let told = error.to_string();
    for part in [
        "`PIN` has 3 characters, fewer than 4",
        "`LONG` has more than 16384 bytes",
        "/no: there is no such file",
        "/folder: it is a folder",
        "/binary is not UTF-8 text",
        "/large has more than 16384 bytes",
        "/empty has 0 characters",
        "/dev/zero: it is not a regular file",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert_eq!(error.problems.len(), 8, "{told}");
    for shown in [told, format!("{error:?}")] {
        assert!(!["q7z", "x9x9", "y9y9", "secret\\xff"].iter().any(|value| shown.contains(value)), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_refused_by_its_name() {
    use std::os::unix::ffi::OsStringExt as _;
    let text = format!("{STAGE}[secrets]\nenv = [\"RAW\"]\n");
    let pipeline = crate::pipeline::parse(Path::new("/nowhere/p.toml"), text, &[]).unwrap();
    let raw = || [(OsString::from("RAW"), OsString::from_vec(b"sec\xffret".to_vec()))].into_iter();
    assert!(gather(&pipeline, &BTreeMap::new(), raw()).unwrap_err().to_string().contains("`RAW` is not UTF-8 text"));
    // One that nobody declared is no reason to stop.
    let pipeline = crate::pipeline::parse(Path::new("/nowhere/p.toml"), STAGE.to_owned(), &[]).unwrap();
    let named = std::iter::once((OsString::from("API_TOKEN"), OsString::from_vec(b"sec\xffret12".to_vec())));
    assert!(gather(&pipeline, &BTreeMap::new(), named).unwrap().rules.secrets.is_empty());
}

#[test]
fn variables_count_by_name_and_value_though_nobody_declared_them() {
    let text = format!(
        "{STAGE}env = {{ BROKER_TOKEN = \"tok-81xk2q\", MODE = \"tok-99zz11\" }}\n[redaction]\nkeys = [\"wallet\"]\nallow_keys = [\"demo_token\"]\n"
    );
    let environment = [
        ("DB_PASSWORD", "hunter22"),
        ("USER_WALLET", "9f8e7d6c5b"),
        ("DEMO_TOKEN", "abcd1234efgh"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=kx1kx2kx3,authorization=Bearer%20zz8yy7xx6"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-XXabc12/agent.7"),
        ("GPG_TTY", "/dev/pts/12345"),
        ("TOKEN_FILE", "/run/secrets/token-1x"),
        ("SECRET_PATH", "secret/data/x1y2z3"),
        ("API_SECRET", "$SOME_SECRET_1"),
        ("GIT_CREDENTIALS", "osxkeychain"),
        ("DEPLOY_TOKEN", "production"),
        ("SESSION_TOKEN", "true"),
        ("MAX_TOKEN", "20261122"),
        ("PWD", "/home/joe/project1"),
        ("HOME", "/home/joe"),
    ];
    let found = gathered(&text, &[], &environment).unwrap();
    assert_eq!(found.by_name, ["BROKER_TOKEN", "DB_PASSWORD", "OTEL_EXPORTER_OTLP_HEADERS", "USER_WALLET"]);
    assert!(found.left_out.is_empty() && found.unset.is_empty());
    for secret in ["tok-81xk2q", "hunter22", "9f8e7d6c5b", "kx1kx2kx3", "zz8yy7xx6"] {
        assert!(masks(&found, secret), "{secret}");
    }
    assert!(!masks(&found, "abcd1234efgh") && !masks(&found, "tok-99zz11"));
}

#[test]
fn what_is_found_by_name_takes_no_room_from_what_is_declared() {
    let names: Vec<String> = (0..MAX_SECRETS).map(|i| format!("V{i:04}")).collect();
    let mut environment: Vec<(String, String)> =
        names.iter().map(|name| (name.clone(), format!("value-{name}"))).collect();
    environment.push(("API_TOKEN".into(), "one-too-many-1x".into()));
    let text = format!("{STAGE}[secrets]\nenv = [\"{}\"]\n", names.join("\", \""));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let found = gathered(&text, &[], &environment).unwrap();
    assert_eq!((found.from_environment, found.by_name.len()), (MAX_SECRETS, 0));
    assert_eq!(found.left_out, ["API_TOKEN"]);
}

#[test]
fn debug_shows_no_value() {
    let text = format!("{STAGE}[secrets]\nenv = [\"PIN\"]\nfiles = [\"one\"]\n");
    let found =
        gathered(&text, &[("one", b"file-value-1")], &[("PIN", "env-value-1"), ("API_KEY", "n4m3d-value-1")]).unwrap();
    let shown = format!("{found:?} {found:#?}");
    assert!(shown.contains("3 values") && !shown.contains("value-1"), "{shown}");
}

#[test]
fn what_the_environment_table_gives_counts_like_a_stages_own() {
    let text = format!("{STAGE}[secrets]\nenv = [\"PIN\"]\n");
    let pipeline = crate::pipeline::parse(std::path::Path::new("p.toml"), text, &[]).unwrap();
    let given = [("PIN", "of-dotenv"), ("DB_PASSWORD", "q7Zx9LmT4vKpW2sR"), ("PLAIN", "correct-horse-8")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let found = gather(&pipeline, &given, std::iter::empty()).unwrap();
    assert_eq!(found.rules.secrets, ["of-dotenv", "q7Zx9LmT4vKpW2sR"]);
    assert_eq!((found.unset, found.by_name), (Vec::new(), vec!["DB_PASSWORD".to_owned()]));
}
