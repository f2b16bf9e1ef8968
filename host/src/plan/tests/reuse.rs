use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;

use super::*;

#[test]
fn a_run_that_failed_half_way_is_resumed() {
    let world = World::new();
    let pipeline = world.pipeline(&["a", "b <- a", "c <- b", "d"]);
    let first = world.run(&pipeline, "r1", None, &all(), &["b"]);
    assert!(first.decisions.iter().all(|decision| decision.reason.is_none()), "nobody asked for reuse");
    std::fs::set_permissions(first.directory.path().join("data/a.txt"), std::fs::Permissions::from_mode(0o555))
        .unwrap();
    let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
    assert_eq!(second.reused(&pipeline), ["a", "d"]);
    assert_eq!(second.restored, Restored { stages: 2, files: 2, bytes: 14, warnings: vec![] });
    assert_eq!(second.read("data/a.txt"), "a of r1");
    assert_eq!(second.read("data/b.txt"), "b of r2");
    let mode = std::fs::metadata(second.directory.path().join("data/a.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o555);
    assert_eq!(second.reason(&pipeline, "a"), "nothing that it depends on changed since run r1");
    assert_eq!(second.reason(&pipeline, "b"), "did not succeed in run r1, or its outputs were not kept");
    assert_eq!(second.reason(&pipeline, "c"), "need b runs again");
    assert_eq!(second.decisions[3].action, Action::Reuse { run_id: "r1".into(), saved_ns: 1_003 });
    // The last run alone is enough.
    std::fs::remove_dir_all(first.directory.path()).unwrap();
    let third = world.run(&pipeline, "r3", Some("r2"), &all(), &[]);
    assert_eq!(third.reused(&pipeline), ["a", "b", "c", "d"]);
    assert_eq!(third.read("data/a.txt"), "a of r1");
    assert_eq!(third.decisions[0].action, Action::Reuse { run_id: "r1".into(), saved_ns: 1_000 }, "where it ran");
    let mut plan = RunPlan::run_all(&pipeline);
    fill(&mut plan, &third.decisions, Some(&world.past(&pipeline, "r2")));
    assert_eq!(plan.resumed_from.as_deref(), Some("r2"));
    assert_eq!(plan.stages[2].reason, third.decisions[2].reason);
    assert_eq!(plan.stages[2].key.as_ref().map(String::len), Some(64));
}

#[test]
fn a_miss_names_what_differs() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a", "b", "c", "d", "e", "f <- e"]);
    pipeline.stages[1].env.insert("OMP_NUM_THREADS".into(), "1".into());
    world.run(&pipeline, "r1", None, &all(), &[]);
    world.write("a.py", "changed");
    pipeline.stages[1].env.insert("OMP_NUM_THREADS".into(), "4".into());
    pipeline.stages[2].command = crate::pipeline::Command::Shell("true".into());
    pipeline.stages[3].outputs = None;
    pipeline.stages[5].needs = vec![];
    let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
    assert_eq!(second.reused(&pipeline), ["e"]);
    assert_eq!(second.reason(&pipeline, "a"), "input a.py changed since run r1");
    assert_eq!(second.reason(&pipeline, "b"), "env OMP_NUM_THREADS changed since run r1");
    assert_eq!(second.reason(&pipeline, "c"), "command changed, input c.py is gone since run r1");
    assert_eq!(second.reason(&pipeline, "d"), "declares no outputs: add `outputs = […]` to have it reused");
    assert_eq!(second.reason(&pipeline, "f"), "need e is gone since run r1");
    // What the trace of a run says is better than what its folders say.
    let third = world.run(&pipeline, "r3", None, &all(), &["a"]);
    let past = world.past(&pipeline, "r3").with_results([("a".to_owned(), "timeout".to_owned())].into());
    let sources = Sources { resume: Some(&past), ..Sources::default() };
    let decisions = decide(&pipeline, &world.keys(&pipeline), &all(), sources).unwrap();
    assert_eq!(decisions[0].reason.as_deref(), Some("did not succeed in run r3 (timeout)"));
    assert!(third.warnings.is_empty());
}

#[test]
fn damage_is_found_and_reaches_dependents() {
    let world = World::new();
    let pipeline = world.pipeline(&["size", "gone", "content", "after <- content", "manifest", "link"]);
    let first = world.run(&pipeline, "r1", None, &all(), &[]);
    let path = |name: &str| first.directory.path().join(name);
    std::fs::write(path("data/size.txt"), "longer than it was").unwrap();
    std::fs::remove_file(path("data/gone.txt")).unwrap();
    std::fs::write(path("data/content.txt"), "CONTENT of r1").unwrap();
    std::fs::write(path("stages/manifest.json"), "{").unwrap();
    std::fs::rename(path("data/link.txt"), path("data/elsewhere.txt")).unwrap();
    symlink("elsewhere.txt", path("data/link.txt")).unwrap();
    let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
    assert_eq!(second.reused(&pipeline), Vec::<&str>::new());
    assert_eq!(second.reason(&pipeline, "size"), "output data/size.txt of run r1 is damaged: it has another size");
    assert_eq!(second.reason(&pipeline, "gone"), "output data/gone.txt of run r1 is missing");
    assert_eq!(
        second.reason(&pipeline, "content"),
        "output data/content.txt of run r1 is damaged: it has other content"
    );
    assert_eq!(second.reason(&pipeline, "after"), "need content runs again");
    assert!(second.reason(&pipeline, "manifest").starts_with("its manifest in run r1 can't be used: "));
    assert!(second.reason(&pipeline, "link").starts_with("output data/link.txt of run r1 can't be read: "));
    assert_eq!(second.restored.warnings.len(), 1, "only what reading showed: {:?}", second.restored.warnings);
    assert_eq!(second.read("data/content.txt"), "content of r2");
}

#[test]
fn outputs_of_the_working_folder_stay_and_are_verified() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a", "b"]);
    for stage in &mut pipeline.stages {
        stage.outputs = Some(vec![OutputGlob::Workdir(format!("build/{}.bin", stage.id))]);
    }
    let first = world.run(&pipeline, "r1", None, &all(), &[]);
    let summaries = world.root().join("summaries");
    let everything = [OutputGlob::Workdir("**".into())];
    let taken = super::super::outputs::take(first.directory.dir(), &world.dir(), &summaries, &everything).unwrap();
    let paths: Vec<&str> = taken.iter().map(|output| output.path.as_str()).collect();
    assert_eq!(paths, ["a.py", "b.py", "build/a.bin", "build/b.bin"], "and nothing of the runs");
    world.write("build/b.bin", "b of R1");
    let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
    assert_eq!(second.reused(&pipeline), ["a"]);
    assert_eq!(second.reason(&pipeline, "b"), "output build/b.bin of run r1 is damaged: it has other content");
    assert_eq!(std::fs::read_to_string(world.dir().join("build/a.bin")).unwrap(), "a of r1");
}

#[test]
fn files_that_a_need_writes_into_the_working_folder_are_no_inputs() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["make", "use <- make"]);
    pipeline.stages[0].outputs = Some(vec![OutputGlob::Workdir("build/made.bin".into())]);
    pipeline.stages[1].command =
        crate::pipeline::Command::Argv(["python3", "use.py", "build/made.bin"].map(str::to_owned).to_vec());
    pipeline.stages[1].inputs = vec!["build/*".into()];
    // It appears while the run goes on.
    assert_eq!(world.run(&pipeline, "r1", None, &all(), &[]).warnings, Vec::<String>::new());
    assert_eq!(world.run(&pipeline, "r2", Some("r1"), &all(), &[]).reused(&pipeline), ["make", "use"]);
    // What somebody else wrote over it is found by the one who made it.
    world.write("build/made.bin", "by hand");
    let third = world.run(&pipeline, "r3", Some("r2"), &all(), &[]);
    assert_eq!(third.reused(&pipeline), Vec::<&str>::new());
    assert_eq!(third.reason(&pipeline, "use"), "need make runs again");
}

#[test]
fn a_half_restored_result_leaves_nothing_behind_and_nothing_is_replaced() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a", "b"]);
    pipeline.stages[0].outputs =
        Some(["data/1.txt", "data/deep/2.txt", "data/3.txt"].map(|path| OutputGlob::Run(path.into())).to_vec());
    let first = world.run(&pipeline, "r1", None, &all(), &[]);
    std::fs::write(first.directory.path().join("data/deep/2.txt"), "A of r1").unwrap();
    let keys = world.keys(&pipeline);
    let past = world.past(&pipeline, "r1");
    let sources = Sources { resume: Some(&past), ..Sources::default() };
    let mut decisions = decide(&pipeline, &keys, &all(), sources).unwrap();
    let into = RunDirectory::create(&world.root(), &RunId::parse("r2").unwrap()).unwrap();
    std::fs::write(into.path().join("data/b.txt"), "somebody's").unwrap();
    let outside = world.temp.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    symlink(&outside, into.path().join("data/deep")).unwrap();
    let restored = restore(&pipeline, &mut decisions, &into, &world.root(), "r2");
    assert_eq!((restored.stages, restored.files), (0, 0));
    assert!(decisions[0].reason.as_ref().unwrap().contains("data/deep/2.txt"), "{:?}", decisions[0].reason);
    assert!(decisions[1].reason.as_ref().unwrap().contains("with other content"), "{:?}", decisions[1].reason);
    assert_eq!(std::fs::read_to_string(into.path().join("data/b.txt")).unwrap(), "somebody's");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "nothing through a link");
    let mut left: Vec<_> =
        std::fs::read_dir(into.path().join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["b.txt", "deep"]);
}

#[test]
fn two_results_may_share_a_file() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a", "b"]);
    for stage in &mut pipeline.stages {
        stage.outputs = Some(vec![OutputGlob::Run("data/s*.txt".into())]);
    }
    let first = world.run(&pipeline, "r1", None, &all(), &["a", "b"]);
    std::fs::write(first.directory.path().join("data/shared.txt"), "of both").unwrap();
    let keeper = Keeper::start(&pipeline, world.keys(&pipeline), &first.directory, &world.root(), "r1").unwrap();
    (0..2).for_each(|stage| keeper.succeeded(stage, 1, 1, 1));
    assert_eq!(keeper.finish(), Vec::<String>::new());
    let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
    assert_eq!(second.reused(&pipeline), ["a", "b"]);
    assert_eq!((second.restored.files, second.read("data/shared.txt").as_str()), (1, "of both"));
}

#[test]
fn no_manifest_without_its_outputs_or_with_inputs_that_moved() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["missing", "own", "moved", "fine", "folder"]);
    let keys = world.keys(&pipeline);
    pipeline.stages[1].outputs = Some(vec![OutputGlob::Run("logs/own/*".into())]);
    pipeline.stages[4].outputs = Some(vec![OutputGlob::Run("data/folder".into())]);
    let directory = RunDirectory::create(&world.root(), &RunId::parse("r1").unwrap()).unwrap();
    for path in ["logs/own/1.out.log", "data/moved.txt", "data/fine.txt", "data/folder/x/y.txt", "data/folder/z.txt"] {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    symlink("z.txt", directory.path().join("data/folder/link.txt")).unwrap();
    let keeper = Keeper::start(&pipeline, keys, &directory, &world.root(), "r1").unwrap();
    world.write("moved.py", "edited meanwhile");
    (0..5).for_each(|stage| keeper.succeeded(stage, 1, 1, 1));
    assert_eq!(
        keeper.finish(),
        [
            "the result of missing can't be reused later: output `run:data/missing.txt` names no file",
            "the result of own can't be reused later: output `run:logs/own/*` names no file",
            "the result of moved can't be reused later: input moved.py changed while the run went on",
        ]
    );
    let mut kept: Vec<_> =
        std::fs::read_dir(directory.path().join("stages")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["fine.json", "folder.json"]);
    let manifest = Manifest::parse(&std::fs::read(directory.path().join("stages/folder.json")).unwrap()).unwrap();
    let paths: Vec<&str> = manifest.outputs.iter().map(|output| output.path.as_str()).collect();
    assert_eq!(paths, ["data/folder/x/y.txt", "data/folder/z.txt"]);
}

#[test]
fn the_cache_finds_results_of_any_run_and_outlives_its_runs() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a", "b"]);
    pipeline.stages[0].cache = true;
    let first = world.run(&pipeline, "r1", None, &all(), &[]);
    world.write("a.py", "another version");
    world.run(&pipeline, "r2", None, &all(), &[]);
    world.write("a.py", "script of a");
    let third = world.run(&pipeline, "r3", None, &all(), &[]);
    assert_eq!(third.reused(&pipeline), ["a"]);
    assert_eq!(third.read("data/a.txt"), "a of r1");
    assert_eq!(third.reason(&pipeline, "a"), "the cache has its result, from run r1");
    assert_eq!(third.reason(&pipeline, "b"), "", "nobody asked");
    // It names the newest run now.
    std::fs::remove_dir_all(first.directory.path()).unwrap();
    assert_eq!(world.run(&pipeline, "r4", None, &all(), &[]).reused(&pipeline), ["a"]);
    // Of another pipeline, it doesn't count.
    let mut other = pipeline.clone();
    other.name = "other".into();
    let fifth = world.run(&other, "r5", None, &all(), &[]);
    assert_eq!(fifth.reason(&other, "a"), "no earlier run has a result for its key");
    // Garbage, and runs that are gone.
    let cache = world.root().join("summaries/cache");
    for entry in std::fs::read_dir(&cache).unwrap() {
        std::fs::write(entry.unwrap().path(), "garbage").unwrap();
    }
    let sixth = world.run(&pipeline, "r6", None, &all(), &[]);
    assert_eq!(sixth.reused(&pipeline), Vec::<&str>::new());
    std::fs::remove_dir_all(sixth.directory.path()).unwrap();
    assert_eq!(world.run(&pipeline, "r7", None, &all(), &[]).reused(&pipeline), Vec::<&str>::new());
    let index = CacheIndex::open(&world.root());
    assert_eq!(index.prune(&|run| run == "r7").unwrap(), 1, "the other version");
    assert_eq!(world.run(&pipeline, "r8", None, &all(), &[]).reused(&pipeline), ["a"]);
    // The newest run says what differs.
    world.write("a.py", "a third version");
    let latest = world.past(&pipeline, "r8");
    let sources = Sources { resume: None, cache: Some(&index), latest: Some(&latest) };
    let decisions = decide(&pipeline, &world.keys(&pipeline), &all(), sources).unwrap();
    assert_eq!(decisions[0].reason.as_deref(), Some("input a.py changed since run r8"));
}

#[test]
fn a_run_of_another_pipeline_can_not_be_resumed() {
    let world = World::new();
    let mut pipeline = world.pipeline(&["a"]);
    world.run(&pipeline, "r1", None, &all(), &[]);
    let own = RunId::parse("r1").unwrap();
    let itself = PastRun::open(&world.root(), Path::new("r1"), &pipeline, Some(&own)).unwrap_err();
    assert!(matches!(itself, PastRunError::Itself(_)), "{itself}");
    pipeline.name = "other".into();
    let error = PastRun::open(&world.root(), Path::new("r1"), &pipeline, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't resume run r1: it is a run of the pipeline \"demo\", not of \"other\"; name a run of this pipeline"
    );
    let missing = PastRun::open(&world.root(), Path::new("r9"), &pipeline, None).unwrap_err();
    assert!(matches!(missing, PastRunError::Directory(_)), "{missing}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever failed, changed or was damaged: what is reused is closed under needs, and every stage of a resumed run has a
    /// reason and, in the end, its output.
    #[test]
    fn what_is_reused_is_closed_under_needs(
        edges in proptest::collection::vec(any::<[bool; 5]>(), 6),
        failed in proptest::collection::vec(any::<bool>(), 6),
        edited in proptest::collection::vec(proptest::bool::weighted(0.2), 6),
        damaged in proptest::collection::vec(proptest::bool::weighted(0.2), 6),
    ) {
        let world = World::new();
        let stages: Vec<String> = (0..6).map(|at| {
            let needs: Vec<String> = (0..at).filter(|&need| edges[at][need]).map(|need| format!("s{need}")).collect();
            format!("s{at} <- {}", needs.join(" "))
        }).collect();
        let pipeline = world.pipeline(&stages.iter().map(String::as_str).collect::<Vec<_>>());
        let fails: Vec<String> = (0..6).filter(|&at| failed[at]).map(|at| format!("s{at}")).collect();
        let first = world.run(&pipeline, "r1", None, &all(), &fails.iter().map(String::as_str).collect::<Vec<_>>());
        for at in 0..6 {
            if edited[at] { world.write(&format!("s{at}.py"), "edited"); }
            let output = first.directory.path().join(format!("data/s{at}.txt"));
            if damaged[at] && output.exists() { std::fs::write(output, "xx of r1").unwrap(); }
        }
        let second = world.run(&pipeline, "r2", Some("r1"), &all(), &[]);
        for (at, stage) in pipeline.stages.iter().enumerate() {
            let reused = matches!(second.decisions[at].action, Action::Reuse { .. });
            let may = !edited[at] && !damaged[at] && first.directory.path().join(format!("stages/s{at}.json")).exists();
            let needs = stage.needs.iter().all(|&need| matches!(second.decisions[need].action, Action::Reuse { .. }));
            prop_assert_eq!(reused, may && needs, "{}: {:?}", &stage.id, &second.decisions[at].reason);
            prop_assert!(second.decisions[at].reason.is_some());
            let from = if reused { "r1" } else { "r2" };
            prop_assert_eq!(second.read(&format!("data/s{at}.txt")), format!("s{at} of {from}"));
        }
    }
}
