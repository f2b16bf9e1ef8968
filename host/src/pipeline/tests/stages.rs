//! Stages one by one: their keys, and the graph of their needs.

use std::path::Path;

use super::*;

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
fn a_hundred_thousand_stages_are_checked_without_quadratic_steps() {
    let mut text = "[pipeline]\nname = \"x\"\n".to_owned();
    for i in 0..100_000 {
        text += &format!("[stages.s{i}]\nrun = \"1\"\nneeds = [\"s{}\"]\n", (i + 1) % 100_000);
    }
    let found = parse(Path::new("p.toml"), text, &[]).unwrap_err();
    assert_eq!(found.count(), 1);
    assert!(found.items()[0].message.ends_with("→ s11 → … 99988 more … → s0"), "{}", found.items()[0].message);
}
