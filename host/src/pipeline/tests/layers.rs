//! Templates, groups and included files.

use std::time::Duration;

use super::*;

#[test]
fn the_stage_wins_over_its_templates_and_they_over_the_group() {
    let pipeline = load_text(with(
        r#"[templates.slow]
timeout = "1h"
priority = 1
env = { A = "slow", B = "slow", C = "slow", D = "slow" }
retries = { max = 5, backoff = "9s" }
[templates.python]
priority = 2
command = ["python3", "${{ matrix.n }}.py"]
env = { B = "python", C = "python" }
[templates.base]
workdir = "stages"
timeout = "9h"
env = { D = "base", E = "base", F = "base" }
[groups.g]
matrix = { n = [1, 2] }
template = "base"
env = { E = "group", D = "group" }
timeout = "8h"
[groups.g.stages.a]
template = ["slow", "python"]
env = { C = "own" }
retries = { max = 1, on_exit = [75] }
[groups.g.stages.b]
run = "${{ matrix.n }}"
matrix = { n = ["only"] }
"#,
    ))
    .unwrap();
    let a = &pipeline.stages[1];
    assert_eq!((a.id.as_str(), a.group.as_deref()), ("a.2", Some("g")));
    let env: Vec<_> = a.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("A", "slow"), ("B", "python"), ("C", "own"), ("D", "slow"), ("E", "group"), ("F", "base")]);
    assert_eq!((a.timeout, a.priority), (Some(Duration::from_secs(3600)), 2));
    assert_eq!(a.retries, Retries { max: 1, backoff: Duration::from_secs(9), on_exit: Some(vec![75]) });
    assert_eq!(a.command, Command::Argv(vec!["python3".to_owned(), "2.py".to_owned()]));
    assert_eq!(a.workdir, pipeline.dir.join("stages"));
    let b = &pipeline.stages[2];
    assert_eq!((b.id.as_str(), b.timeout), ("b.only", Some(Duration::from_secs(8 * 3600))));
    assert_eq!(pipeline.stages.len(), 3);
}

#[test]
fn templates_and_groups_are_checked_even_if_nobody_uses_them() {
    assert_eq!(
        refusal(with(
            r#"[templates.python]
timeot = "2m"
env = { A = 1 }
[templates.other]
template = "python"
[groups.g]
run = "1"
[groups.h.stages.a]
template = ["pyton", "python"]
run = "1"
[stages.b]
template = "python"
run = "1"
"#
        )),
        r#"error: unknown key `timeot` in template `python`
 --> pipeline.toml:4:1
  |
4 | timeot = "2m"
  | ^^^^^^
  |
  = help: did you mean `timeout`?

error: wrong type for `A`
 --> pipeline.toml:5:13
  |
5 | env = { A = 1 }
  |             ^ expected a string, found an integer
  |
  = help: write it in quotes: "1"

error: unknown key `template` in template `other`
 --> pipeline.toml:7:1
  |
7 | template = "python"
  | ^^^^^^^^
  |
  = help: known keys: matrix, foreach, exclude, command, run, pipeline, needs, when, allow_failure, priority, resources, inputs, outputs, cache, env, workdir, timeout, retries, executor, ray

error: group `g` has no stages
 --> pipeline.toml:8:9
  |
8 | [groups.g]
  |         ^
  |
  = help: add `[groups.g.stages."id"]`

error: unknown key `run` in group `g`
 --> pipeline.toml:9:1
  |
9 | run = "1"
  | ^^^
  |
  = help: known keys: template, matrix, foreach, exclude, needs, when, allow_failure, priority, resources, inputs, cache, env, workdir, timeout, retries, executor, ray, stages

error: unknown template `pyton`
  --> pipeline.toml:11:13
   |
11 | template = ["pyton", "python"]
   |             ^^^^^^^
   |
   = help: did you mean `python`?
"#
    );
}

#[test]
fn included_files_count_as_if_they_stood_here() {
    let bench = Bench::new(&[
        (
            "shared/common.toml",
            "include = [\"deep.toml\", \"../other.toml\"]\n[templates.t]\nworkdir = \"here\"\n[stages.late]\nrun = \"1\"\n\
             [pools]\ngpu = 1\n[[report]]\nid = \"r\"\nplugin = \"p.wasm\"\n[secrets]\nenv = [\"B\"]\n[redaction]\nkeys = [\"kk\"]\n\
             [environment]\nset = { B = \"2\" }\ndotenv = [\"x.env\"]\n[telemetry]\nforward = false\n",
        ),
        ("shared/deep.toml", "[groups.g.stages.deep]\nrun = \"1\"\n"),
        ("shared/here/x", ""),
        ("shared/p.wasm", ""),
        ("other.toml", "include = [\"shared/deep.toml\"]\n"),
    ]);
    let text = "include = [\"shared/common.toml\"]\n[pipeline]\nname = \"x\"\n[stages.first]\ntemplate = \"t\"\nrun = \"1\"\n\
                needs = [\"late\", \"group:g\"]\nresources = { gpu = 1 }\n[secrets]\nenv = [\"A\"]\n[environment]\nset = { A = \"1\" }\n\
                [telemetry]\nreceive = false\n";
    let pipeline = bench.load(text).unwrap();
    let ids: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    assert_eq!(ids, ["first", "late", "deep"], "the pipeline's own first");
    assert_eq!(pipeline.stages[0].workdir, pipeline.dir.join("shared/here"), "relative to the file in which it stands");
    assert_eq!(pipeline.stages[1].workdir, pipeline.dir);
    assert_eq!(pipeline.secrets.env, ["A", "B"]);
    assert_eq!((pipeline.redaction.keys.len(), pipeline.reports.len(), pipeline.environment.set.len()), (1, 1, 2));
    assert_eq!(pipeline.environment.dotenv, [(pipeline.dir.join("shared/x.env"), false)]);
    assert_eq!((pipeline.telemetry.receive, pipeline.telemetry.forward), (false, false));
    let included: Vec<String> =
        pipeline.included.iter().map(|file| bench.bare(&file.path.display().to_string())).collect();
    assert_eq!(included, ["shared/common.toml", "shared/deep.toml", "shared/../other.toml"], "each once");
}

#[test]
fn mistakes_of_included_files_are_shown_there() {
    let bench = Bench::new(&[
        ("a.toml", "[stages.one]\nrun = \"1\"\n[templates.t]\nenv = { \"A B\" = \"1\" }\n[pipeline]\nname = \"y\"\n"),
        (
            "b.toml",
            "include = [\"pipeline.toml\"]\n[stages.two]\ntimeout = 5\nrun = \"x\n[telemetry]\nreceive = true\n",
        ),
        ("c.toml", "[telemetry]\nreceive = true\n[environment]\ninherit = \"all\"\n"),
    ]);
    let text = "include = [\"a.toml\", \"b.toml\", \"c.toml\"]\n[pipeline]\nname = \"x\"\n[stages.one]\ntemplate = \"t\"\nrun = \"1\"\n\
                [environment]\ninherit = \"all\"\n";
    assert_eq!(
        bench.refusal(text),
        r#"error: stage `one` is defined twice
 --> a.toml:1:9
  |
1 | [stages.one]
  |         ^^^ again here
  |
 ::: pipeline.toml:4:9
  |
4 | [stages.one]
  |         --- first here
  |
  = help: give each stage an id of its own, or keep one

error: bad name `A B` of an environment variable
 --> a.toml:4:9
  |
4 | env = { "A B" = "1" }
  |         ^^^^^ it contains white space or a control character

error: an included file has no `[pipeline]`
 --> a.toml:5:2
  |
5 | [pipeline]
  |  ^^^^^^^^ only the pipeline file itself has it
  |
  = help: move what it says there

error: invalid basic string
 --> b.toml:4:9
  |
4 | run = "x
  |         ^ expected `"`

error: key `inherit` is defined twice
 --> c.toml:4:1
  |
4 | inherit = "all"
  | ^^^^^^^ again here
  |
 ::: pipeline.toml:8:1
  |
8 | inherit = "all"
  | ------- first here
  |
  = help: keep one, or give one another name
"#
    );
    let bench = Bench::new(&[
        ("a.toml", "include = [\"b.toml\"]"),
        ("b.toml", "include = [\"./a.toml\"]"),
        ("c.toml", "\u{0}"),
    ]);
    assert_eq!(
        bench.mistakes(
            with("").replacen("[p", "include = [\"a.toml\", \"no.toml\"]\n[p", 1)
                + "[stages.x]\ntemplate = \"t\"\nrun = \"1\"\nneeds = [\"gone\"]\n"
        ),
        [
            "pipeline.toml:1:22 cannot read the included file `no.toml` | there is no such file | it is relative to the folder \
             of the file that names it",
            "b.toml:1:12 `a.toml` includes itself | this leads back to a file that is being read | take it out of `include`",
        ],
        "what a lost file may define is not unknown"
    );
}
