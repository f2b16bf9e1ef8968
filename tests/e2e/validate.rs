//! What is wrong with a pipeline is said before anything runs.

use crate::support::Bench;

const MISTAKES: &str = r#"[pipeline]
name = "five mistakes"
max_paralel = 2

[stages.load]
run = "touch ran"
needs = ["lod"]

[stages.clean]
run = "touch ran"
needs = ["score"]
timeout = "10 minuts"

[stages.score]
run = "touch ran"
needs = ["clean"]

[[report]]
id = "risk.report_meta"
plugin = "builtin:risk.report_mta"
"#;

#[test]
fn five_mistakes_are_told_at_once_with_place_caret_and_suggestion_and_nothing_runs() {
    let bench = Bench::new(MISTAKES);
    for command in [&["validate"][..], &["run"][..]] {
        let ran = bench.call(command);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stdout.is_empty());
        for text in [
            "pipeline.toml:3:1",
            "`max_parallel`",
            "pipeline.toml:7:10",
            "`load`",
            "pipeline.toml:11:10",
            "clean → score → clean",
            "pipeline.toml:12:11",
            "pipeline.toml:20:10",
            "risk.report_meta",
            "5 mistakes",
        ] {
            assert!(ran.stderr.contains(text), "{text} is not in\n{}", ran.stderr);
        }
        assert_eq!(ran.stderr.matches("\nerror: ").count() + usize::from(ran.stderr.starts_with("error: ")), 6);
        assert!(ran.stderr.contains("^"), "no caret in\n{}", ran.stderr);
    }
    assert!(!bench.path().join("ran").exists() && !bench.path().join("data").exists());
}

#[test]
fn a_program_can_read_what_is_wrong() {
    let bench = Bench::new(MISTAKES);
    let ran = bench.call(&["validate", "--format", "json"]);
    assert_eq!(ran.code, Some(2));
    let list: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 5);
    assert_eq!(list[0]["line"], 3);
}

#[test]
fn a_valid_pipeline_is_said_to_be_valid_and_not_run() {
    let bench = Bench::new("[pipeline]\nname = \"fine\"\n[stages.a]\nrun = \"touch ran\"\n");
    let ran = bench.call(&["validate"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("fine is valid: 1 stage"), "{}", ran.stderr);
    assert!(!bench.path().join("ran").exists());
}

#[test]
fn what_cannot_run_on_ray_is_told_before_anything_runs() {
    let bench = Bench::new(
        "[pipeline]\nname = \"far\"\n[executor]\nkind = \"ray\"\naddress = \"ray://head:10001\"\n[stages.a]\nrun = \"touch ran\"\n\
         ray = { num_cpus = 2 }\n",
    );
    for command in ["validate", "run"] {
        let ran = bench.call(&[command]);
        assert_eq!(ran.code, Some(2));
        for text in [
            "pipeline.toml:5:11",
            "`ray://`",
            "ray start --address=head:6379 --num-cpus=0",
            "pipeline.toml:8:9",
            "did you mean `cpus`?",
            "2 mistakes",
        ] {
            assert!(ran.stderr.contains(text), "{text} is not in\n{}", ran.stderr);
        }
    }
    assert!(!bench.path().join("ran").exists());
}

#[test]
fn validate_and_plan_say_where_stages_run() {
    let bench = Bench::new(
        "[pipeline]\nname = \"far\"\n[stages.a]\nrun = \"true\"\n[stages.b]\nrun = \"true\"\nexecutor = \"ray\"\n",
    );
    let ran = bench.call(&["validate"]);
    assert!(ran.stderr.contains("; 1 on Ray (auto), 1 on this machine"), "{}", ran.stderr);
    let ran = bench.call(&["plan", "--executor", "ray", "--ray-address", "head:6379"]);
    assert!(ran.stdout.starts_with("far: 2 stages, Ray at head:6379\n\n1  a  ray"), "{}", ran.stdout);
    let ran = bench.call(&["plan", "--executor", "local"]);
    assert!(!ran.stdout.contains("ray") && ran.stdout.contains("1  a  run"), "{}", ran.stdout);
    for (arguments, why) in [
        (&["plan", "--executor", "rya"][..], "expected local or ray"),
        (&["plan", "--executor", "local", "--ray-address", "auto"], "no stage runs on Ray"),
        (&["run", "--ray-address", "ray://head:10001"], "Ray Client"),
    ] {
        let ran = bench.call(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.stderr.contains(why), "{why} is not in\n{}", ran.stderr);
    }
}

#[test]
fn a_missing_file_and_wrong_usage_are_exit_code_2() {
    let bench = Bench::new("");
    for arguments in
        [&["run", "nowhere.toml"][..], &["walk"], &["run", "--max-parallel", "0"], &["report", "no-such-run"]]
    {
        let ran = bench.call(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn the_wit_package_is_printed_and_written() {
    let bench = Bench::new("");
    let printed = bench.call(&["wit"]);
    assert_eq!(printed.code, Some(0));
    assert_eq!(printed.stdout.matches("package forensic:report@0.1.0;").count(), 1);
    assert!(printed.stdout.contains("world report-plugin"));
    assert_eq!(bench.call(&["wit", "--out", "wit"]).code, Some(0));
    assert!(bench.path().join("wit/types.wit").is_file());
}
