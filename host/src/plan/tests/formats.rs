use proptest::prelude::*;

use super::*;

fn manifest() -> serde_json::Value {
    let world = World::new();
    let pipeline = world.pipeline(&["a"]);
    let ran = world.run(&pipeline, "r1", None, &all(), &[]);
    serde_json::from_str(&ran.read("stages/a.json")).unwrap()
}

#[test]
fn a_manifest_says_what_docs_say() {
    let value = manifest();
    assert_eq!(value["schema"], "forensic.stage/1");
    assert_eq!((&value["pipeline"], &value["run_id"], &value["stage"]), (&"demo".into(), &"r1".into(), &"a".into()));
    assert_eq!((&value["duration_ns"], &value["attempts"], &value["end_time"]), (&1000.into(), &2.into(), &77.into()));
    let sha256 = crate::files::sha256(b"a of r1");
    assert_eq!(
        value["outputs"],
        serde_json::json!([{ "in": "run", "path": "data/a.txt", "size": 7, "sha256": sha256 }])
    );
    assert_eq!(value["parts"]["command"], r#"["python3","a.py"]"#);
    assert_eq!(value["parts"]["input a.py"], crate::files::sha256(b"script of a"));
    assert_eq!(value["parts"]["outputs"], r#"["run:data/a.txt"]"#);
    assert_eq!(value["parts"]["workdir"], ".");
}

#[test]
fn a_manifest_that_says_what_cannot_be_is_refused() {
    let good = manifest();
    assert!(Manifest::parse(good.to_string().as_bytes()).is_ok());
    let path = |path: &str| ("/outputs/0/path".to_owned(), serde_json::json!(path));
    let mut bad: Vec<(String, serde_json::Value)> = [
        "/etc/x",
        "../x",
        "a/../b",
        "a//b",
        "",
        ".",
        "a\0b",
        "run.json",
        "logs/a/1.out.log",
        "stages/b.json",
        "reports/x",
    ]
    .map(path)
    .to_vec();
    bad.push(path(&"x".repeat(5000)));
    bad.push(("/schema".into(), "forensic.stage/2".into()));
    bad.push(("/key".into(), "0".repeat(64).into()));
    bad.push(("/parts/workdir".into(), "elsewhere".into()));
    bad.push(("/outputs/0/sha256".into(), "ABC".into()));
    bad.push(("/outputs/0/in".into(), "home".into()));
    bad.push(("/outputs/0/size".into(), (-1).into()));
    bad.push(("/attempts".into(), 0.into()));
    let twice = vec![good["outputs"][0].clone(), good["outputs"][0].clone()];
    bad.push(("/outputs".into(), twice.into()));
    for (pointer, value) in bad {
        let mut edited = good.clone();
        *edited.pointer_mut(&pointer).unwrap() = value;
        assert!(Manifest::parse(edited.to_string().as_bytes()).is_err(), "{edited}");
    }
}

#[test]
fn an_entry_is_small_and_names_a_run() {
    let entry = |run: &str| format!(r#"{{"schema":"forensic.cache/1","run_id":"{run}","stage":"a"}}"#);
    assert_eq!(Entry::parse(entry("r1").as_bytes()).unwrap().run_id, "r1");
    for bad in [
        entry("../../etc"),
        entry(""),
        entry(".x"),
        entry(&"r".repeat(200)),
        format!("{}{}", entry("r1"), " ".repeat(5000)),
    ] {
        assert_eq!(Entry::parse(bad.as_bytes()), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..2000, to in any::<u8>()) {
        let _ = (Manifest::parse(&bytes), Entry::parse(&bytes));
        // Nearly good ones.
        let mut near = br#"{"schema":"forensic.stage/1","pipeline":"p","run_id":"r","stage":"s","key":"","parts":{"command":"x"},"outputs":[{"in":"run","path":"a","size":1,"sha256":""}],"duration_ns":1,"attempts":1,"end_time":1}"#.to_vec();
        let at = at % near.len();
        near[at] = to;
        prop_assert!(Manifest::parse(&near).is_err(), "its key is not that of its parts");
    }
}
