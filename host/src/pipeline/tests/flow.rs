//! Needs and their triggers, conditions, pools, what stages inherit, what they read and leave.

use std::collections::BTreeMap;

use super::*;

fn three(body: &str) -> String {
    with(&format!(
        "[stages.a]\nrun = \"1\"\n[stages.b]\nrun = \"1\"\n[groups.g]\nmatrix = {{ n = [1, 2] }}\n[groups.g.stages.m]\n\
         run = \"1\"\n[stages.c]\nrun = \"1\"\n{body}\n"
    ))
}

#[test]
fn needs_are_ids_patterns_and_groups() {
    for (needs, trigger, expected) in [
        ("[\"b\", \"a\"]", Trigger::All, vec![1, 0]),
        ("{ all = [\"a\"] }", Trigger::All, vec![0]),
        ("{ any = [\"m.*\", \"a\"] }", Trigger::Any, vec![2, 3, 0]),
        ("{ always = [\"group:g\"] }", Trigger::Always, vec![2, 3]),
        ("[\"*\"]", Trigger::All, vec![0, 1, 2, 3]),
        ("[\"m.2\", \"m*\", \"group:g\", \"*.1\"]", Trigger::All, vec![3, 2]),
        ("[\"m*\", \"m.2\"]", Trigger::All, vec![2, 3]),
    ] {
        let pipeline = load_text(three(&format!("needs = {needs}"))).unwrap();
        assert_eq!((pipeline.stages[4].trigger, &pipeline.stages[4].needs), (trigger, &expected), "{needs}");
    }
    let pipeline = load_text(with(
        "[groups.g]\nmatrix = { n = [1, 2] }\n[groups.g.stages.a]\nrun = \"1\"\n[groups.g.stages.b]\nrun = \"1\"\n\
         needs = [\"a.${{ matrix.n }}\"]",
    ))
    .unwrap();
    assert_eq!([&pipeline.stages[2].needs, &pipeline.stages[3].needs], [&[0], &[1]], "the member of the same values");
    assert_eq!(pipeline.stages[2].group.as_deref(), Some("g"));
}

#[test]
fn needs_that_cannot_be_are_told() {
    for (needs, expected) in [
        ("[\"m*\", \"m.2\", \"m.2\"]", "13:23 stage `c` needs `m.2` twice | again here | keep one"),
        (
            "[\"m\"]",
            "13:10 stage `c` needs an unknown stage `m` | there is no such stage | many are made from it: `m.*` means all of them, `m.1` one",
        ),
        (
            "[\"g\"]",
            "13:10 stage `c` needs an unknown stage `g` | there is no such stage | for all stages of the group, write `group:g`",
        ),
        (
            "[\"group:h\"]",
            "13:10 stage `c` needs an unknown group `h` | there is no such group | did you mean `group:g`?",
        ),
        ("[\"x*\"]", "13:10 `x*` matches no stage | `*` stands for any characters of an id"),
        ("[\"c*\"]", "13:10 `c*` matches no other stage | `*` stands for any characters of an id"),
        ("{ some = [\"a\"] }", "13:11 unknown key `some` in `needs` | known keys: all, any, always"),
        (
            "{}",
            "13:9 bad value for `needs` | expected one of `all`, `any` and `always` | write `needs = { any = [\"a\", \"b\"] }`",
        ),
        (
            "{ any = [] }",
            "13:17 bad value for `any` | expected at least one stage id, because one need is what lets it start | name what it waits for, or leave `needs` out",
        ),
        ("{ any = [], all = [] }", "13:11 `needs` has both `all` and `any` | keep one of them"),
        (
            "{ any = \"a\" }",
            "13:17 wrong type for `any` | expected an array of stage ids, found a string | write `any = [\"a\"]`",
        ),
    ] {
        assert_eq!(mistakes(three(&format!("needs = {needs}"))), [expected], "{needs}");
    }
    assert_eq!(
        refusal(with(
            "[stages.a]\nforeach = [\"x\", \"y\"]\nrun = \"1\"\nneeds = [\"b.*\"]\n[stages.b]\nforeach = [\"x\"]\nrun = \"1\"\nneeds = [\"a.${{ item }}\"]"
        )),
        r#"error: stages need each other in a cycle: a.x → b.x → a.x
  --> pipeline.toml:6:10
   |
 6 | needs = ["b.*"]
   |          ^^^^^ `a.x` needs `b.x`
...
10 | needs = ["a.${{ item }}"]
   |          --------------- `b.x` needs `a.x`
   |
   = help: take out one of these needs
"#
    );
}

#[test]
fn conditions_are_read() {
    let pipeline = load_text(
        three(
            r#"needs = { always = ["m.*"] }
when = { env = { DEPLOY = "${{ pipeline.name }}", CI = true, OFF = false }, profile = ["prod"], exists = ["run:data/s.json", "stages/x.py"], result = { "m.1" = "failure" }, not = { profile = ["dev"] }, any = [{ env = { A = true } }, { exists = ["q"], profile = ["p"] }] }"#,
        )
        .replace("name = \"x\"", "name = \"big\""),
    )
    .unwrap();
    let set = |name: &str, set| Condition::Env(name.to_owned(), EnvTest::Set(set));
    let profile = |name: &str| Condition::Profile(vec![name.to_owned()]);
    let host = |path: &str| Condition::Exists(Place::Host(pipeline.dir.join(path)));
    assert_eq!(
        pipeline.stages[4].when,
        Some(Condition::All(vec![
            Condition::Env("DEPLOY".to_owned(), EnvTest::Is("big".to_owned())),
            set("CI", true),
            set("OFF", false),
            profile("prod"),
            Condition::Exists(Place::Run("data/s.json".to_owned())),
            host("stages/x.py"),
            Condition::Result(2, "failure".to_owned()),
            Condition::Not(Box::new(profile("dev"))),
            Condition::Any(vec![set("A", true), Condition::All(vec![host("q"), profile("p")])]),
        ]))
    );
    let one = load_text(stage("run = \"1\"\nwhen = { profile = [\"p\"] }")).unwrap();
    assert_eq!(one.stages[0].when, Some(profile("p")));
}

#[test]
fn conditions_are_checked() {
    for (when, expected) in [
        ("{}", "12:8 bad value for `when` | it is empty | leave it out: the stage runs whenever it can"),
        ("{ profil = [\"p\"] }", "12:10 unknown key `profil` in `when` | did you mean `profile`?"),
        (
            "{ env = { CI = 1 } }",
            "12:16 wrong type for `CI` | expected a string, or true or false, found an integer | write it in quotes: \"1\"",
        ),
        ("{ env = { \"A=\" = true } }", "12:11 bad name `A=` of an environment variable | it contains `=`"),
        ("{ any = [] }", "12:9 bad value for `any` | it has no choice, so it would never hold | leave it out"),
        ("{ exists = [\"run:a/../b\"] }", "12:13 bad path `run:a/../b` | it is no plain path below the run directory"),
        (
            "{ result = { a = \"failed\" } }",
            "12:18 bad value for `a` | expected one of success, failure, error, timeout, cancellation, skip",
        ),
        (
            "{ result = { a = \"failure\" } }",
            "12:14 `when` asks for the result of `a`, which stage `c` does not need | only what it needs has a result by then | add it to `needs`; `needs = { always = […] }` lets the stage start after a failure, too",
        ),
    ] {
        let found = mistakes(three(&format!("when = {when}")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].split_once(' ').unwrap().1, expected.split_once(' ').unwrap().1, "{when}");
    }
    let deep = format!("when = {}profile = [\"p\"]{}", "{ not = ".repeat(18) + "{ ", " }".repeat(19));
    assert!(mistakes(stage(&format!("run = \"1\"\n{deep}")))[0].contains("nested deeper than 16 levels"));
}

#[test]
fn pools_and_resources_are_read() {
    let pipeline = load_text(with(
        "on_failure = \"finish-running\"\n[pools]\nram = \"8GiB\"\ngpu = 2\ncpu = \"cores\"\nall = \"memory\"\n\
         [templates.t]\nresources = { gpu = 1, cpu = 4, ram = \"1GiB\" }\n[stages.a]\ntemplate = \"t\"\nrun = \"1\"\n\
         resources = { ram = 1024, gpu = 0, all = \"1TiB\" }\nallow_failure = true\npriority = -7",
    ))
    .unwrap();
    let pool = |name: &str, capacity, bytes| Pool { name: name.to_owned(), capacity, bytes };
    assert_eq!(
        pipeline.pools,
        [
            pool("all", Capacity::Memory, true),
            pool("cpu", Capacity::Cores, false),
            pool("gpu", Capacity::Fixed(2), false),
            pool("ram", Capacity::Fixed(8 << 30), true)
        ]
    );
    let a = &pipeline.stages[0];
    assert_eq!(a.resources, [(0, 1 << 40), (1, 4), (3, 1024)]);
    assert_eq!((a.allow_failure, a.priority, pipeline.on_failure), (true, -7, FailurePolicy::FinishRunning));
}

#[test]
fn pools_and_resources_are_checked() {
    assert_eq!(
        mistakes(with(
            "on_failure = \"stopp\"\n[pools]\n\"a b\" = 1\ngpu = 1\nram = \"8GiB\"\nno = 0\ncpu = \"core\"\nx = 1.5\n\
             [stages.a]\nrun = \"1\"\nresources = { gpu = 2, ram = \"9GiB\", gpo = 1, gpu2 = 1 }\npriority = 1_000_001\n\
             [stages.b]\nrun = \"1\"\nresources = { gpu = \"1GiB\" }"
        )),
        [
            "3:14 bad value for `on_failure` | expected \"continue\", \"finish-running\" or \"stop\" | did you mean `stop`?",
            "5:1 bad name `a b` of a pool | ` ` is not allowed | did you mean `a_b`?",
            "8:6 bad value for `no` | nothing could ever be taken from it | leave it out, or give it 1 at least",
            "9:7 bad value for `cpu` | expected a number, a size such as \"8GiB\", \"cores\" or \"memory\" | did you mean `cores`?",
            "10:5 wrong type for `x` | expected a number, a size such as \"8GiB\", \"cores\" or \"memory\", found a float",
            "13:21 2 of `gpu` are more than there is | the pool has 1 | it would never start; take less, or enlarge the pool",
            "13:30 9GiB of `ram` are more than there is | the pool has 8GiB | it would never start; take less, or enlarge the pool",
            "13:38 unknown pool `gpo` | did you mean `gpu`?",
            "13:47 unknown pool `gpu2` | did you mean `gpu`?",
            "14:12 bad value for `priority` | expected -1000000 to 1000000",
            "17:21 wrong type for `gpu` | expected a number, found a string | the pool `gpu` is no size",
        ]
    );
}

#[test]
fn the_environment_is_read_and_checked() {
    let pipeline = load_text(with(
        "[environment]\ninherit = [\"AWS_*\", \"HOME\"]\ndotenv = [\".env\", { file = \"/x/.env\", optional = true }]\n\
         set = { OMP_NUM_THREADS = \"1\", RUN = \"${{ pipeline.name }}\" }",
    ))
    .unwrap();
    let text = |text: &str| text.to_owned();
    assert_eq!(
        pipeline.environment,
        Environment {
            inherit: Inherit::Listed(vec![text("AWS_*"), text("HOME")]),
            dotenv: vec![(pipeline.dir.join(".env"), false), ("/x/.env".into(), true)],
            set: BTreeMap::from([(text("OMP_NUM_THREADS"), text("1")), (text("RUN"), text("x"))]),
        }
    );
    for (word, expected) in [("all", Inherit::All), ("standard", Inherit::Listed(Vec::new()))] {
        let pipeline = load_text(with(&format!("[environment]\ninherit = \"{word}\""))).unwrap();
        assert_eq!(pipeline.environment.inherit, expected);
    }
    for (body, expected) in [
        (
            "inherit = \"none\"",
            "4:11 bad value for `inherit` | expected \"all\", \"standard\", or an array of names | for this variable, write `inherit = [\"none\"]`",
        ),
        (
            "inherit = true",
            "4:11 wrong type for `inherit` | expected \"all\", \"standard\", or an array of names, found a boolean",
        ),
        ("inherit = [\"A=1\"]", "4:12 bad name `A=1` of an environment variable | it contains `=`"),
        ("dotenv = [{ fil = \"x\" }]", "4:13 unknown key `fil` in `dotenv` | did you mean `file`?"),
        ("set = { TRACEPARENT = \"x\" }", "4:9 bad name `TRACEPARENT` of an environment variable | the host sets it"),
        ("seet = {}", "4:1 unknown key `seet` in `[environment]` | did you mean `set`?"),
    ] {
        assert_eq!(mistakes(with(&format!("[environment]\n{body}"))), [expected], "{body}");
    }
}

#[test]
fn inputs_and_outputs_are_read_and_checked() {
    let pipeline = load_text(stage(
        "run = \"1\"\nforeach = [\"p\"]\ninputs = [\"stages/*.py\", \"${{ item }}.yaml\"]\n\
         outputs = [\"run:data/${{ item }}/*.json\", \"build/model.bin\"]\ncache = true",
    ))
    .unwrap();
    let a = &pipeline.stages[0];
    assert_eq!(a.inputs, ["stages/*.py", "p.yaml"]);
    let outputs = [OutputGlob::Run("data/p/*.json".to_owned()), OutputGlob::Workdir("build/model.bin".to_owned())];
    assert_eq!((a.outputs.as_deref(), a.cache), (Some(&outputs[..]), true));
    let nothing = load_text(stage("run = \"1\"\noutputs = []\ncache = true")).unwrap();
    assert_eq!(nothing.stages[0].outputs, Some(Vec::new()));
    assert_eq!(
        refusal(stage(
            "run = \"1\"\ninputs = [\"run:data/x\", \"../a\"]\noutputs = [\"a/../b\", \"run:/x\", \"d/\"]\n[stages.b]\nrun = \"1\"\ncache = true"
        )),
        r#"error: bad file pattern `run:data/x`
 --> pipeline.toml:5:11
  |
5 | inputs = ["run:data/x", "../a"]
  |           ^^^^^^^^^^^^ what is in the run directory is no input
  |
  = help: name the stages that write it in `needs`: what they are made from counts already

error: bad file pattern `../a`
 --> pipeline.toml:5:25
  |
5 | inputs = ["run:data/x", "../a"]
  |                         ^^^^^^ `..` is not allowed
  |
  = help: patterns are relative to `workdir` and stay below it

error: bad file pattern `a/../b`
 --> pipeline.toml:6:12
  |
6 | outputs = ["a/../b", "run:/x", "d/"]
  |            ^^^^^^^^ `..` is not allowed
  |
  = help: patterns are relative to `workdir` and stay below it; `run:` stands for the run directory

error: bad file pattern `/x`
 --> pipeline.toml:6:22
  |
6 | outputs = ["a/../b", "run:/x", "d/"]
  |                      ^^^^^^^^ it is absolute
  |
  = help: after `run:`, patterns are relative to the run directory and stay below it

error: bad file pattern `d/`
 --> pipeline.toml:6:32
  |
6 | outputs = ["a/../b", "run:/x", "d/"]
  |                                ^^^^ it would match nothing
  |
  = help: write `d/**` for all below a folder

error: stage `b` has `cache`, but no `outputs`
 --> pipeline.toml:9:1
  |
9 | cache = true
  | ^^^^^ a result is only used again if what it leaves behind is known
  |
  = help: add `outputs = ["…"]`, or `outputs = []` if it leaves nothing
"#
    );
}
