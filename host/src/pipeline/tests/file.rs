//! The file as a whole: everything at once, syntax, what is missing.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::*;
use crate::limits::{Limit, Limits};

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
            placement: Placement::default(),
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
