use proptest::prelude::*;

use super::*;
use crate::pipeline::{Command, ExecutorKind, Files, Placement};

fn key(keys: &Keys, pipeline: &Pipeline, stage: &str) -> Key {
    keys.key(pipeline.stage_index(stage).unwrap()).unwrap()
}

fn labels(keys: &Keys, stage: usize) -> Vec<String> {
    keys.parts(stage).map(|(label, _)| label.to_owned()).collect()
}

#[test]
fn every_part_of_a_stage_changes_its_key_and_those_of_its_dependents_alone() {
    let world = World::new();
    let plain = world.pipeline(&["a", "b <- a", "c"]);
    world.write("data/x.csv", "1");
    world.write("sub/b.py", "in sub");
    let before = world.keys(&plain);
    type Edit<'e> = (&'e str, &'e dyn Fn(&mut Pipeline));
    let edits: [Edit<'_>; 7] = [
        ("command", &|p| p.stages[1].command = Command::Argv(vec!["python3".into(), "b.py".into(), "-v".into()])),
        ("shell", &|p| p.stages[1].command = Command::Shell("python3 b.py".into())),
        ("env", &|p| drop(p.stages[1].env.insert("LEVEL".into(), "3".into()))),
        ("workdir", &|p| p.stages[1].workdir = world.dir().join("sub")),
        ("outputs", &|p| p.stages[1].outputs = Some(vec![])),
        ("inputs", &|p| p.stages[1].inputs = vec!["data/*.csv".into()]),
        ("needs", &|p| p.stages[1].needs = vec![0, 2]),
    ];
    for (what, edit) in edits {
        let mut edited = plain.clone();
        edit(&mut edited);
        let after = world.keys(&edited);
        assert_ne!(key(&before, &plain, "b"), key(&after, &edited, "b"), "{what}");
        assert_eq!(key(&before, &plain, "a"), key(&after, &edited, "a"), "{what}");
        assert_eq!(key(&before, &plain, "c"), key(&after, &edited, "c"), "{what}");
    }
    // What a result doesn't depend on.
    let mut other = plain.clone();
    other.stages[1].timeout = Some(std::time::Duration::from_secs(1));
    other.stages[1].priority = 7;
    other.stages[1].allow_failure = true;
    other.executor.kind = ExecutorKind::Ray;
    other.executor.ray.files = Files::Ship;
    other.stages[1].placement = Placement { executor: Some(ExecutorKind::Local), cpus: 4.0, ..Placement::default() };
    assert_eq!(key(&before, &plain, "b"), key(&world.keys(&other), &other, "b"));
    // The content of a script, found by the argument that names it.
    world.write("a.py", "changed");
    let after = world.keys(&plain);
    assert_ne!(key(&before, &plain, "a"), key(&after, &plain, "a"));
    assert_ne!(key(&before, &plain, "b"), key(&after, &plain, "b"), "through its need");
    assert_eq!(key(&before, &plain, "c"), key(&after, &plain, "c"));
}

#[test]
fn a_moved_checkout_has_the_same_keys() {
    let (one, two) = (World::new(), World::new());
    let mut pipelines = [one.pipeline(&["a", "b <- a"]), two.pipeline(&["a", "b <- a"])];
    for (world, pipeline) in [&one, &two].into_iter().zip(&mut pipelines) {
        world.write("../shared/s.csv", "x");
        pipeline.stages[0].workdir = world.temp.path().to_owned();
        pipeline.stages[0].inputs = vec!["shared/*".into()];
    }
    let keys = [one.keys(&pipelines[0]), two.keys(&pipelines[1])];
    assert_eq!(key(&keys[0], &pipelines[0], "b"), key(&keys[1], &pipelines[1], "b"));
    assert!(labels(&keys[0], 0).contains(&"input ../shared/s.csv".to_owned()), "{:?}", labels(&keys[0], 0));
}

#[test]
fn inputs_are_files_that_nobody_upstream_writes() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["make", "use <- make", "other"]);
    for path in ["build/made.bin", "build/by-hand.txt", "conf/a.toml", "conf/deep/b.toml", "own.txt"] {
        world.write(path, path);
    }
    world.write("artifacts/summaries/runs/r/data/x", "of a run");
    std::os::unix::fs::symlink("conf/a.toml", world.dir().join("linked.toml")).unwrap();
    std::os::unix::fs::symlink("conf", world.dir().join("linked-folder")).unwrap();
    pipeline.stages[0].outputs = Some(vec![OutputGlob::Workdir("build/*.bin".into())]);
    pipeline.stages[1].outputs = Some(vec![OutputGlob::Workdir("own.txt".into())]);
    let all =
        vec!["build/*".into(), "conf".into(), "linked*".into(), "own.txt".into(), "artifacts/**".into(), "no*".into()];
    pipeline.stages[1].inputs = all.clone();
    pipeline.stages[2].inputs = all;
    pipeline.stages[2].command = Command::Argv(
        ["x", "--config=conf/a.toml", "-q", "../work/other.py", "/etc/passwd", "conf"].map(str::to_owned).to_vec(),
    );
    let keys = world.keys(&pipeline);
    let inputs = |stage| -> Vec<String> {
        labels(&keys, stage).iter().filter_map(|label| label.strip_prefix("input ").map(str::to_owned)).collect()
    };
    assert_eq!(inputs(1), ["build/by-hand.txt", "conf/a.toml", "conf/deep/b.toml", "linked.toml", "use.py"]);
    assert_eq!(
        inputs(2),
        [
            "build/by-hand.txt",
            "build/made.bin",
            "conf/a.toml",
            "conf/deep/b.toml",
            "linked.toml",
            "other.py",
            "own.txt"
        ]
    );
    // `no*` may be written yet.
    let nothing = |stage: &str| format!("{stage}: the input `artifacts/**` names no file");
    assert_eq!(keys.warnings, [nothing("use"), nothing("other")]);
    pipeline.stages[0].outputs = Some(vec![OutputGlob::Workdir("build/*.bin".into())]);
    pipeline.stages[1].outputs = None;
    pipeline.stages[2].inputs = ["conf/*.ini", "build/yet-to-come/*", "artifacts/**"].map(str::to_owned).to_vec();
    pipeline.stages[1].inputs = vec![];
    assert_eq!(
        world.keys(&pipeline).warnings,
        ["other: the input `conf/*.ini` names no file", "other: the input `artifacts/**` names no file"]
    );
}

#[test]
fn no_secret_goes_in_not_even_as_a_digest() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a"]);
    pipeline.secrets.env = vec!["BROKER".into()];
    let mut keys = Vec::new();
    for (declared, by_name, url) in [("first-secret-1", "k3y-Value-One-77", "one"), ("second-secret-2", "short", "two")]
    {
        pipeline.stages[0].env = [("BROKER", declared), ("API_TOKEN", by_name)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let environment = [("DATABASE".to_owned(), format!("postgres://me:hunter-{url}-22@host/db"))].into();
        let rules = Rules { secrets: vec![declared.into()], ..Rules::default() };
        keys.push(world.keys_with(&pipeline, &environment, &rules));
    }
    let parts: Vec<(String, String)> = keys[0].parts(0).map(|(l, v)| (l.into(), v.into())).collect();
    assert_eq!(key(&keys[0], &pipeline, "a"), key(&keys[1], &pipeline, "a"), "{parts:?}");
    assert!(parts.contains(&("env API_TOKEN".into(), "[REDACTED]".into())), "{parts:?}");
    assert!(parts.iter().any(|(label, value)| label == "env DATABASE" && value.contains("host/db")), "{parts:?}");
    // A secret's being there counts.
    pipeline.stages[0].env.remove("API_TOKEN");
    assert_ne!(key(&keys[0], &pipeline, "a"), key(&world.keys(&pipeline), &pipeline, "a"));
}

#[test]
fn a_command_that_holds_a_secret_is_never_reused() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["argv", "shell", "plain"]);
    let argv = ["python3", "argv.py", "--password", "correct-horse-battery-7"];
    pipeline.stages[0].command = Command::Argv(argv.map(str::to_owned).to_vec());
    pipeline.stages[1].command = Command::Shell("curl -H 'Authorization: Bearer abcdefgh12345678'".into());
    let first = world.run(&pipeline, "r1", None, &all(), &[]);
    assert_eq!(first.warnings.len(), 2, "{:?}", first.warnings);
    let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
    assert_eq!(second.reused(&pipeline), ["plain"]);
    assert!(second.reason(&pipeline, "argv").starts_with("its command holds what counts as a secret"));
}

#[test]
fn the_stages_own_variables_win_over_everybodys() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a", "b"]);
    pipeline.stages[0].env.insert("N".into(), "1".into());
    let with = |value: &str| {
        let environment = [("N".to_owned(), value.to_owned())].into();
        world.keys_with(&pipeline, &environment, &Rules::default())
    };
    let (one, two) = (with("5"), with("6"));
    assert_eq!(key(&one, &pipeline, "a"), key(&two, &pipeline, "a"));
    assert_ne!(key(&one, &pipeline, "b"), key(&two, &pipeline, "b"));
}

#[test]
fn a_nested_pipeline_counts_with_its_stages_and_their_scripts() {
    let world = World::new();
    world.write("sub/inner.toml", "[pipeline]\nname = \"inner\"\n[stages.in]\ncommand = [\"sh\", \"in.sh\"]\n");
    world.write("sub/in.sh", "1");
    let mut pipeline = world.pipeline(&["a"]);
    pipeline.stages[0].command = Command::Pipeline(world.dir().join("sub/inner.toml"));
    let keys = || {
        compute(&KeyContext {
            pipeline: &pipeline,
            environment: &BTreeMap::new(),
            redactor: &Redactor::new(&Rules::default()).unwrap(),
            root: &world.root(),
            nested: &|path| {
                Ok(Nested {
                    pipeline: crate::pipeline::load(path, &[]).map_err(|error| error.to_string())?,
                    environment: BTreeMap::new(),
                    redactor: Redactor::new(&Rules::default()).unwrap(),
                })
            },
        })
    };
    let before = key(&keys(), &pipeline, "a");
    assert_eq!(before, key(&keys(), &pipeline, "a"));
    world.write("sub/in.sh", "2");
    assert_ne!(before, key(&keys(), &pipeline, "a"));
    std::fs::remove_file(world.dir().join("sub/inner.toml")).unwrap();
    // Nobody knows what it depends on: never reused.
    let ran = world.run(&pipeline, "r1", None, &all(), &[]);
    assert!(ran.warnings[0].contains("inner.toml"), "{:?}", ran.warnings);
}

proptest! {
    /// Two sets of parts have the same key if and only if they are the same.
    #[test]
    fn keys_are_equal_just_where_parts_are(
        one in proptest::collection::btree_map("[ab]{0,3}", "[ab:]{0,3}", 0..4),
        two in proptest::collection::btree_map("[ab]{0,3}", "[ab:]{0,3}", 0..4),
    ) {
        let of = |parts: &BTreeMap<String, String>| super::super::parts::key(parts.iter().map(|(l, v)| (l.as_str(), v.as_str())));
        prop_assert_eq!(one == two, of(&one) == of(&two));
        let listed: Vec<_> = two.iter().map(|(l, v)| (l.as_str().into(), v.as_str().into())).collect();
        prop_assert_eq!(one == two, super::super::parts::difference(&one, &listed).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// The order in which a file declares its stages is no part of their keys.
    #[test]
    fn the_order_of_stages_does_not_count(order in Just(vec!["a", "b <- a", "c <- a b", "d"]).prop_shuffle()) {
        let world = World::new();
        let (straight, shuffled) = (world.pipeline(&["a", "b <- a", "c <- a b", "d"]), world.pipeline(&order));
        let keys = (world.keys(&straight), world.keys(&shuffled));
        for id in ["a", "b", "c", "d"] {
            prop_assert_eq!(key(&keys.0, &straight, id), key(&keys.1, &shuffled, id));
        }
    }
}
