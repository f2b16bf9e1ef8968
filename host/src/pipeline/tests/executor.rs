//! `[executor]`, and what a stage says about where it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

fn ray(body: &str) -> String {
    with(&format!("[executor]\n{body}\n"))
}

fn of<'p>(pipeline: &'p Pipeline, id: &str) -> &'p Stage {
    &pipeline.stages[pipeline.stage_index(id).unwrap()]
}

#[test]
fn without_a_word_all_is_local() {
    let pipeline = load_text(stage("run = \"true\"")).unwrap();
    assert_eq!(pipeline.executor, ExecutorConfig::default());
    assert_eq!(pipeline.executor.kind, ExecutorKind::Local);
    assert_eq!(pipeline.stages[0].placement, Placement::default());
    assert_eq!(pipeline.stages[0].placement.cpus, 1.0);
    assert!(!pipeline.uses_ray());
}

#[test]
fn every_key_is_read() {
    let bench = plain();
    let pipeline = bench
        .load(ray(r#"kind = "ray"
address = "10.0.0.1:6379"
python = "venv/bin/python"
token_file = "secrets/token"
allow_unauthenticated = true
connect_timeout = "5s"
queue_timeout = "1h"
beat = "500ms"
lease = "10s"
lost_after = "30s"
on_lost = "retry"
lost_retries = 0
files = "ship"
worker = "/opt/forensic-host""#))
        .unwrap();
    let dir = &pipeline.dir;
    assert_eq!(
        pipeline.executor,
        ExecutorConfig {
            kind: ExecutorKind::Ray,
            ray: RayConfig {
                address: "10.0.0.1:6379".to_owned(),
                python: dir.join("venv/bin/python").to_str().unwrap().to_owned(),
                token_file: Some(dir.join("secrets/token")),
                allow_unauthenticated: true,
                connect_timeout: Duration::from_secs(5),
                queue_timeout: Duration::from_secs(3600),
                beat: Duration::from_millis(500),
                lease: Duration::from_secs(10),
                lost_after: Duration::from_secs(30),
                on_lost: OnLost::Retry,
                lost_retries: 0,
                files: Files::Ship,
                worker: WorkerSource::Path(PathBuf::from("/opt/forensic-host")),
            },
        }
    );
    let plain = load_text(ray("kind = \"ray\"\npython = \"python3.11\"\nworker = \"ship\"")).unwrap().executor.ray;
    assert_eq!(plain, RayConfig { python: "python3.11".to_owned(), ..RayConfig::default() });
    assert_eq!((plain.connect_timeout, plain.queue_timeout), (Duration::from_secs(30), Duration::from_secs(600)));
    assert_eq!(
        (plain.lease, plain.beat, plain.lost_after),
        (Duration::from_secs(30), Duration::from_secs(1), Duration::from_secs(90))
    );
}

#[test]
fn values_are_checked() {
    for (body, expected) in [
        ("kidn = \"ray\"", "4:1 unknown key `kidn` in `[executor]` | did you mean `kind`?"),
        ("kind = \"rya\"", "4:8 bad value for `kind` | expected \"local\" or \"ray\" | did you mean `ray`?"),
        (
            "kind = true",
            "4:8 wrong type for `kind` | expected \"local\" or \"ray\", found a boolean | write it in quotes: \"true\"",
        ),
        ("python = \"\"", "4:10 bad value for `python` | it is empty"),
        (
            "token_file = 1",
            "4:14 wrong type for `token_file` | expected a path, found an integer | write it in quotes: \"1\"",
        ),
        (
            "allow_unauthenticated = \"true\"",
            "4:25 wrong type for `allow_unauthenticated` | expected true or false, found a string | write it without quotes: true",
        ),
        ("connect_timeout = \"2h\"", "4:19 bad value for `connect_timeout` | at most 1h are allowed"),
        ("queue_timeout = \"0s\"", "4:17 bad value for `queue_timeout` | zero is not allowed"),
        ("beat = \"10ms\"", "4:8 bad value for `beat` | at least 100ms"),
        (
            "lease = 30",
            "4:9 wrong type for `lease` | expected a duration in quotes, such as \"10m\", found an integer | did you mean \"30s\"?",
        ),
        (
            "on_lost = \"retyr\"",
            "4:11 bad value for `on_lost` | expected \"fail\" or \"retry\" | did you mean `retry`?",
        ),
        ("lost_retries = 101", "4:16 bad value for `lost_retries` | expected 0 to 100"),
        ("files = \"shipp\"", "4:9 bad value for `files` | expected \"shared\" or \"ship\" | did you mean `ship`?"),
        (
            "worker = \"shp\"",
            "4:10 bad value for `worker` | expected \"ship\", or an absolute path that exists on every node | did you mean `ship`?",
        ),
        (
            "worker = \"bin/forensic-host\"",
            "4:10 bad value for `worker` | expected \"ship\", or an absolute path that exists on every node | `bin/forensic-host` is looked \
             up on other machines, where it has no folder to be relative to",
        ),
    ] {
        assert_eq!(mistakes(ray(body)), [expected], "{body}");
    }
    assert_eq!(
        mistakes("executor = 1\n[pipeline]\nname = \"x\"\n")[0].split(" | ").next().unwrap(),
        "1:12 wrong type for `executor`"
    );
}

#[test]
fn addresses_that_cannot_work_are_refused_with_what_to_write() {
    assert_eq!(
        refusal(ray("kind = \"ray\"\naddress = \"ray://10.0.0.1:10001\"")),
        "error: bad value for `address`
 --> pipeline.toml:5:11
  |
5 | address = \"ray://10.0.0.1:10001\"
  |           ^^^^^^^^^^^^^^^^^^^^^^ Ray Client (`ray://`) cannot stream what stages send while they run
  |
  = help: run forensic-host on a machine of the cluster and write \"auto\"; a machine becomes one with `ray start \
  --address=10.0.0.1:6379 --num-cpus=0`
"
    );
    for (address, expected) in [
        ("local", "Ray would start a cluster for this run alone"),
        ("http://10.0.0.1:8265", "this is a URL"),
        ("10.0.0.1", "expected \"auto\" or \"host:port\" | write \"10.0.0.1:6379\" for Ray's usual port"),
        ("head:0", "the port is no number from 1 to 65535 | write \"head:6379\""),
        ("head:http", "the port is no number from 1 to 65535"),
        ("a b:6379", "expected \"auto\" or \"host:port\" | write the head's address"),
        (":6379", "expected \"auto\" or \"host:port\""),
        ("::1:6379", "expected \"auto\" or \"host:port\""),
    ] {
        let found = mistakes(ray(&format!("address = \"{address}\"")));
        assert!(found.len() == 1 && found[0].contains(expected), "{address}: {found:?}");
        assert!(address_problem(address).is_some());
    }
    for good in ["auto", "head:6379", "10.0.0.1:1", "[::1]:6379", "ray-head.ns.svc.cluster.local:6379"] {
        assert_eq!(load_text(ray(&format!("address = \"{good}\""))).unwrap().executor.ray.address, good);
        assert_eq!(address_problem(good), None);
    }
}

#[test]
fn a_lost_attempt_cannot_run_any_more_when_it_counts_as_lost() {
    let told = "a lost attempt could still be running after";
    // 30 s + 16 × 1 s + 5 s = 51 s.
    assert_eq!(
        mistakes(ray("kind = \"ray\"\nlost_after = \"51s\"")),
        [
            "5:14 a lost attempt could still be running after `lost_after` (51s) | more than 51s are needed | that is `lease` + 16 × `beat` + \
          `[pipeline] kill_grace`: 30s + 16 × 1s + 5s; make `lost_after` longer, or these shorter"
        ]
    );
    load_text(ray("kind = \"ray\"\nlost_after = \"52s\"")).unwrap();
    for (body, place) in
        [("lease = \"70s\"", "4:9"), ("beat = \"4s\"", "4:8"), ("beat = \"4s\"\nlost_after = \"10s\"", "5:14")]
    {
        let found = mistakes(ray(body));
        assert!(found.len() == 1 && found[0].starts_with(&format!("{place} {told}")), "{found:?}");
    }
    // What is too long stands in another table.
    let long = |rest: &str| format!("[pipeline]\nname = \"x\"\nkill_grace = \"5m\"\n{rest}\n");
    let found = mistakes(long("[executor]\nkind = \"ray\""));
    assert!(found.len() == 1 && found[0].starts_with(&format!("3:14 {told}")), "{found:?}");
    let found = mistakes(long("[stages.a]\nrun = \"true\"\nexecutor = \"ray\""));
    assert!(found.len() == 1 && found[0].starts_with(&format!("3:14 {told}")), "{found:?}");
    // Without Ray nobody minds.
    load_text(long("[executor]\nkind = \"local\"\n[stages.a]\nrun = \"true\"")).unwrap();
    assert_eq!(
        mistakes(ray("lease = \"1s\"\nbeat = \"2s\"")),
        [
            "4:9 bad value for `lease` | the lease (1s) is shorter than two beats (2s each) | it is renewed with each beat: every attempt would \
          end itself; make `lease` longer, or `beat` shorter"
        ]
    );
    // A time that can't be read is one mistake, not two.
    assert_eq!(mistakes(ray("kind = \"ray\"\nlost_after = \"1\"")).len(), 1);
}

#[test]
fn a_stage_says_what_it_needs() {
    let pipeline = load_text(with(
        r#"[executor]
kind = "ray"
[templates.big]
ray = { cpus = 4, memory = "2GiB", custom = { slot = 1, disk = 2.5 }, labels = { zone = "a", "ray.io/node-type" = "gpu" } }
[groups.g]
executor = "local"
[groups.g.stages.here]
run = "true"
[groups.g.stages.there]
run = "true"
executor = "ray"
[stages.own]
template = "big"
run = "true"
ray = { gpus = 0.5, custom = { slot = 0 }, labels = { zone = "!b", "ray.io/node-type" = "" } }
[stages."${{ matrix.zone }}.each"]
matrix = { zone = ["x", "y"] }
run = "true"
ray = { cpus = 0, memory = 1024, labels = { zone = "in(${{ matrix.zone }}, z)" } }
[stages.plain]
run = "true"
"#,
    ))
    .unwrap();
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!(
        of(&pipeline, "own").placement,
        Placement {
            executor: None,
            cpus: 4.0,
            gpus: 0.5,
            memory: 2 << 30,
            custom: BTreeMap::from([("disk".to_owned(), 2.5)]),
            labels: text(&[("zone", "!b")]),
        }
    );
    let each = &of(&pipeline, "y.each").placement;
    assert_eq!((each.cpus, each.memory, &each.labels), (0.0, 1024, &text(&[("zone", "in(y, z)")])));
    let kinds: Vec<(&str, ExecutorKind)> =
        pipeline.stages.iter().map(|stage| (stage.id.as_str(), pipeline.executor_of(stage))).collect();
    let (here, there) = (ExecutorKind::Local, ExecutorKind::Ray);
    assert_eq!(
        kinds,
        [("here", here), ("there", there), ("own", there), ("x.each", there), ("y.each", there), ("plain", there)]
    );
}

#[test]
fn what_a_stage_needs_is_checked() {
    for (body, expected) in [
        ("executor = \"rai\"", "5:12 bad value for `executor` | expected \"local\" or \"ray\" | did you mean `ray`?"),
        ("executr = \"ray\"", "5:1 unknown key `executr` in stage `a` | did you mean `executor`?"),
        ("ray = 2", "5:7 wrong type for `ray` | expected a table such as `{ cpus = 2 }`, found an integer"),
        ("ray = { num_cpus = 2 }", "5:9 unknown key `num_cpus` in `ray` | did you mean `cpus`?"),
        ("ray = { cpu = 2 }", "5:9 unknown key `cpu` in `ray` | did you mean `cpus`?"),
        ("ray = { cpus = -1 }", "5:16 bad value for `cpus` | expected a finite number that is not negative"),
        ("ray = { cpus = inf }", "5:16 bad value for `cpus` | expected a finite number that is not negative"),
        ("ray = { cpus = nan }", "5:16 bad value for `cpus` | expected a finite number that is not negative"),
        ("ray = { cpus = \"2\" }", "5:16 wrong type for `cpus` | expected a number, found a string"),
        ("ray = { cpus = 1e10 }", "5:16 bad value for `cpus` | no cluster has so much"),
        ("ray = { cpus = 0.00001 }", "5:16 bad value for `cpus` | Ray counts in steps of 0.0001"),
        (
            "ray = { gpus = 1.5 }",
            "5:16 bad value for `gpus` | Ray shares one GPU, and gives several only whole | write 1 or 2",
        ),
        ("ray = { memory = \"2G\" }", "5:18 `2G` is not a size | `G` is no unit of size | did you mean `2GiB`?"),
        ("ray = { custom = { GPU = 1 } }", "5:20 `GPU` is no custom resource | write `ray = { gpus = … }`"),
        (
            "ray = { custom = { object_store_memory = 1 } }",
            "5:20 `object_store_memory` is no custom resource | Ray manages it itself | take it out",
        ),
        ("ray = { custom = { slot = true } }", "5:27 wrong type for `slot` | expected a number, found a boolean"),
        (
            "ray = { labels = { \"-zone\" = \"a\" } }",
            "5:20 bad name `-zone` of a label | Ray has no labels of such a name | 63 letters, digits, `-`, `_` and `.` at most, the first \
             and the last a letter or digit; in front of it `prefix/` is allowed",
        ),
        (
            "ray = { labels = { zone = \"in(a\" } }",
            "5:27 bad value `in(a` of the label `zone` | no node can have it | write a value, `!value`, `in(a, b)` or `!in(a, b)`; a value \
             has 63 letters, digits, `-`, `_` and `.` at most",
        ),
        (
            "executor = \"local\"\nray = { cpus = 2 }",
            "6:1 stage `a` has `ray`, but never runs there | keep one of them; what a local stage takes stands in `resources`",
        ),
    ] {
        assert_eq!(mistakes(stage(&format!("run = \"true\"\n{body}"))), [expected], "{body}");
    }
    let all = mistakes(stage(
        "run = \"true\"\nexecutor = \"rai\"\nray = { cpus = -1, gpu = 1, labels = { zone = \"\u{e4}\" } }\n[executor]\nkind = \"rai\"\nbeat = 1",
    ));
    assert_eq!(all.len(), 6, "all at once: {all:?}");
}

#[test]
fn a_stage_that_is_a_pipeline_runs_here() {
    let bench = Bench::new(&[(
        "sub.toml",
        "[pipeline]\nname = \"s\"\n[executor]\nkind = \"ray\"\n[stages.a]\nrun = \"true\"\n",
    )]);
    let text = "[pipeline]\nname = \"x\"\n[executor]\nkind = \"ray\"\n[templates.t]\nray = { cpus = 2 }\nexecutor = \"ray\"\n[stages.sub]\n\
                template = \"t\"\npipeline = \"sub.toml\"\n";
    let pipeline = bench.load(text).unwrap();
    assert_eq!(pipeline.executor_of(&pipeline.stages[0]), ExecutorKind::Local, "a template speaks for others, too");
    assert!(!pipeline.uses_ray());
    assert_eq!(
        bench.mistakes(format!("{text}executor = \"ray\"\nray = {{ cpus = 1 }}\n")),
        ["executor", "ray"].into_iter().enumerate().map(|(line, key)| format!(
            "pipeline.toml:{}:1 stage `sub` is a pipeline, and has `{key}` | a stage that is a pipeline runs on this machine | take it out; \
             where the inner stages run is for `[executor]` of the inner pipeline to say", 11 + line
        )).collect::<Vec<_>>()
    );
    bench.load(format!("{text}executor = \"local\"\n")).unwrap();
    // Mistakes of the inner pipeline are told with the outer one's.
    let bad = Bench::new(&[("sub.toml", "[pipeline]\nname = \"s\"\n[executor]\nkind = \"rya\"\n")]);
    let found = bad.mistakes("[pipeline]\nname = \"x\"\n[stages.sub]\npipeline = \"sub.toml\"\n");
    assert!(found.len() == 1 && found[0].starts_with("sub.toml:4:8 bad value for `kind`"), "{found:?}");
}

#[test]
fn included_files_may_say_it_but_only_once() {
    let bench = Bench::new(&[("ray.toml", "[executor]\nkind = \"ray\"\ntoken_file = \"token\"\n")]);
    let pipeline =
        bench.load("include = [\"ray.toml\"]\n[pipeline]\nname = \"x\"\n[executor]\nlease = \"20s\"\n").unwrap();
    assert_eq!((pipeline.executor.kind, pipeline.executor.ray.lease), (ExecutorKind::Ray, Duration::from_secs(20)));
    let found = bench.mistakes("include = [\"ray.toml\"]\n[pipeline]\nname = \"x\"\n[executor]\nkind = \"local\"\n");
    assert_eq!(found, ["ray.toml:2:1 key `kind` is defined twice | again here | keep one, or give one another name"]);
}

#[test]
fn a_flag_wins_over_the_file() {
    let mixed = "[pipeline]\nname = \"x\"\n[executor]\nkind = \"ray\"\n[stages.a]\nrun = \"true\"\n[stages.b]\nrun = \"true\"\nexecutor = \"local\"\n[stages.c]\nrun = \
           \"true\"\nexecutor = \"ray\"\n";
    let kinds = |pipeline: &Pipeline| -> Vec<&str> {
        pipeline.stages.iter().map(|stage| pipeline.executor_of(stage).as_str()).collect()
    };
    let mut pipeline = load_text(mixed).unwrap();
    assert_eq!(kinds(&pipeline), ["ray", "local", "ray"]);
    pipeline.run_on(ExecutorKind::Ray).unwrap();
    assert_eq!(kinds(&pipeline), ["ray", "local", "ray"]);
    pipeline.run_on(ExecutorKind::Local).unwrap();
    assert_eq!(kinds(&pipeline), ["local", "local", "local"]);
    // Only with the flag do the times matter.
    let text = "[pipeline]\nname = \"x\"\nkill_grace = \"10m\"\n[stages.a]\nrun = \"true\"\n";
    let refused = load_text(text).unwrap().run_on(ExecutorKind::Ray).unwrap_err();
    assert_eq!(
        refused,
        "`lost_after` (1m 30s) has to be more than `lease` + 16 × `beat` + `kill_grace` (30s + 16 × 1s + 10m = 10m 46s)"
    );
}

#[test]
fn shipped_files_without_outputs_are_warned_of() {
    let text = "[pipeline]\nname = \"x\"\n[executor]\nkind = \"ray\"\nfiles = \"ship\"\n[stages.a]\nrun = \"true\"\n[stages.b]\nrun = \
                \"true\"\noutputs = []\n[stages.c]\nrun = \"true\"\nexecutor = \"local\"\n";
    let mut pipeline = load_text(text).unwrap();
    assert_eq!(
        pipeline.placement_warnings(),
        [
            "with `[executor] files = \"ship\"` only declared `outputs` come back from a node, and there are none of: a (`outputs = []` says \
          that a stage leaves nothing)"
        ]
    );
    let many: String = (0..9).map(|n| format!("[stages.m{n}]\nrun = \"true\"\n")).collect();
    let warned = load_text(format!("{text}{many}")).unwrap().placement_warnings();
    assert!(warned[0].contains(": a, m0, m1, m2, m3 and 5 more ("), "{warned:?}");
    let beside = load_text(text.replace("outputs = []", "outputs = [\"run:data/x\", \"build/y\"]"))
        .unwrap()
        .placement_warnings();
    assert_eq!(
        beside[1],
        "with `[executor] files = \"ship\"` only what is below the run directory comes back from a node; write `run:` before the `outputs` of: b"
    );
    pipeline.run_on(ExecutorKind::Local).unwrap();
    assert!(pipeline.placement_warnings().is_empty());
    assert!(load_text(text.replace("ship", "shared")).unwrap().placement_warnings().is_empty());
}
