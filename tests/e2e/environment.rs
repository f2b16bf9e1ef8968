//! `[environment]`: what stages find, and what the record says of it.

use crate::support::Bench;

const PIPELINE: &str = r#"
    [pipeline]
    name = "environment"
    [environment]
    inherit = ["QUANT_*"]
    dotenv = [".env", { file = ".env.local", optional = true }]
    set = { SET = "set", BOTH = "set", OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector.example:4318" }
    [stages.a]
    run = "env | sort; echo $DB_PASSWORD | tr a-z a-z"
    env = { STAGE = "stage", ALL = "stage", OF_STAGE = "1" }
"#;

#[test]
fn a_stage_finds_what_its_pipeline_says_and_nothing_else() {
    let bench = Bench::new(PIPELINE);
    bench.write(".env", "DOTENV=dotenv\nBOTH=dotenv\nALL=dotenv\nQUANT_B=dotenv\nDB_PASSWORD='q7Zx9LmT4vKpW2sR'\nFORENSIC_STAGE_ID=other\n");
    let ran = bench
        .command(&["run", "--run-id", "R"])
        .envs([("QUANT_A", "host"), ("QUANT_B", "host"), ("OTHER", "host"), ("ALL", "host"), ("LC_ALL", "C")])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let log = bench.read("logs/a/1.out.log");
    let value = |name: &str| log.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    for (name, expected) in [
        ("QUANT_A", Some("host")),
        ("QUANT_B", Some("dotenv")),
        ("LC_ALL", Some("C")),
        ("OTHER", None),
        ("CARGO_MANIFEST_DIR", None),
        ("DOTENV", Some("dotenv")),
        ("BOTH", Some("set")),
        ("SET", Some("set")),
        ("ALL", Some("stage")),
        ("OF_STAGE", Some("1")),
        ("FORENSIC_STAGE_ID", Some("a")),
        // A pipeline that sends its stages' spans elsewhere is heard, as a stage is.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Some("http://collector.example:4318")),
        ("DB_PASSWORD", Some("[REDACTED]")),
    ] {
        assert_eq!(value(name), expected, "{name} in\n{log}");
    }
    assert!(value("PATH").is_some());
    assert!(log.ends_with("[REDACTED]\n"), "the value where it stands alone: {log}");
    assert_eq!(
        bench.json("run.json")["redaction"]["by_name"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|n| *n == "DB_PASSWORD")
            .count(),
        1
    );
}

#[test]
fn a_bad_file_is_a_mistake_of_the_user_and_nothing_is_started() {
    let bench = Bench::new(PIPELINE);
    for (content, expected) in [
        (None, ".env: there is no such file; if it may be missing, write `{ file = \".env\", optional = true }`"),
        (Some("A=1\n\nDB_PASSWORD=correct horse\n"), ".env:3: this is no `NAME=value`"),
    ] {
        if let Some(content) = content {
            bench.write(".env", content);
        }
        let ran = bench.run();
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("horse"), "{}", ran.stderr);
        assert!(!bench.run_dir().exists());
    }
}
