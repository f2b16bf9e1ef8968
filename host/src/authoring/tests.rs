//! The manifest's mistakes, golden files, worlds.

use std::fs;
use std::path::Path;

use super::*;
use crate::config::LoadError;
use crate::limits::{Limit, Limits};
use crate::plugin::inspect;

fn read(text: &str) -> Result<Manifest, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(MANIFEST), text).unwrap();
    Manifest::read(folder.path()).map_err(|error| match error {
        LoadError::Invalid(diagnostics) => diagnostics.render(false),
        other => other.to_string(),
    })
}

#[test]
fn a_manifest_is_read_whole() {
    let manifest = read(
        r#"
        [plugin]
        name = "acme.slowest"
        language = "rust"
        component = "out/acme_slowest.wasm"
        config = { threshold = 0.5, rows = 10 }

        [grants]
        artifacts = ["data/*.json"]
        reason = "reads the fills"

        [grants.limits]
        memory = "128MiB"
        "#,
    )
    .unwrap();
    assert_eq!((manifest.name.as_str(), manifest.language), ("acme.slowest", Language::Rust));
    assert_eq!(manifest.component_path(), manifest.folder.join("out/acme_slowest.wasm"));
    assert_eq!(manifest.config, serde_json::json!({"threshold": 0.5, "rows": 10}));
    assert_eq!(manifest.grants.artifacts, ["data/*.json"]);
    assert_eq!(manifest.grants.limits.get(Limit::Memory), 128 << 20);
    assert_eq!(manifest.grants.asked, [Limit::Memory]);
    let least = read("[plugin]\nname = \"a\"\nlanguage = \"c\"\ncomponent = \"a.wasm\"\n").unwrap();
    assert_eq!((least.grants, least.config), (Grants::default(), serde_json::json!({})));
}

#[test]
fn each_mistake_is_told_with_its_place_and_its_cure() {
    let told = read(
        "[plugin]\nname = \"acme/slowest\"\nlanguage = \"javascript\"\ncomponent = \"../x.wasm\"\nversion = \"1\"\n\n[grants]\n\
         artefacts = []\nlimits = { memory = \"2TiB\", fule = 3 }\n",
    )
    .unwrap_err();
    for part in [
        "plugin.toml:2:8",
        "did you mean `acme_slowest`?",
        "plugin.toml:3:12",
        "did you mean `js`?",
        "plugin.toml:4:13",
        "it leads out of this folder",
        "plugin.toml:5:1",
        "unknown key `version` in `[plugin]`",
        "plugin.toml:8:1",
        "did you mean `artifacts`?",
        "plugin.toml:9:21",
        "above the host maximum of 1GiB",
        "did you mean `fuel`?",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    for (text, part) in [
        ("", "the table `[plugin]` is missing"),
        ("[plugin]\nname = \"a\"\nlanguage = \"c\"\n", "add `component = \"team_report.wasm\"`"),
        ("[plugin]\nname = \"a\"\nlanguage = \"c\"\ncomponent = \"/a.wasm\"\n", "leads out of this folder"),
        ("[plugin\n", "plugin.toml:1"),
        (
            "[plugin]\nname = \"a\"\nlanguage = \"c\"\ncomponent = \"a\"\n[grants]\nartifacts = \"x\"\n",
            "artifacts = [\"x\"]",
        ),
    ] {
        let told = read(text).unwrap_err();
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn a_golden_file_is_compared_written_and_compared_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tests/golden/a.md");
    let compare = |text: &str, update| Golden::compare(path.clone(), text, update).unwrap().comparison;
    assert_eq!(compare("one\ntwo\n", false), Comparison::Missing);
    assert!(!path.exists(), "a comparison writes nothing");
    assert_eq!(compare("one\ntwo\n", true), Comparison::Written);
    assert_eq!(compare("one\ntwo\n", true), Comparison::Same);
    let Comparison::Differs(diff) = compare("one\nthree\n", false) else { panic!("it differs") };
    assert!(diff.contains("\n-two\n+three\n") && diff.contains("a.md"), "{diff}");
    fs::write(&path, "one\r\ntwo\r\n").unwrap();
    assert_eq!(compare("one\ntwo\n", false), Comparison::Same);
    // The form of JSON is nobody's concern.
    let path = folder.path().join("a.json");
    fs::write(&path, "{\"a\": [1,\n 2.5]}").unwrap();
    let golden = Golden::compare(path, "{\n  \"a\": [\n    1,\n    2.5\n  ]\n}\n", false).unwrap();
    assert!(golden.passed(), "{golden:?}");
}

#[test]
fn recorded_runs_are_the_folders_by_name() {
    let folder = tempfile::tempdir().unwrap();
    assert!(recorded_runs(folder.path()).unwrap().is_empty());
    for name in ["b", "a", ".hidden"] {
        fs::create_dir_all(folder.path().join("tests/runs").join(name)).unwrap();
    }
    fs::write(folder.path().join("tests/runs/README.md"), "").unwrap();
    let names: Vec<String> = recorded_runs(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn the_world_is_the_smallest_that_fits() {
    let world = |imports: &[&str]| {
        let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
        let component = wat::parse_str(format!("(component {imports})")).unwrap();
        World::of(&inspect(&component, &Limits::default()).unwrap())
    };
    assert_eq!(world(&[]), World::TraceOnly);
    assert_eq!(world(&["forensic:report/trace@0.1.0", "forensic:report/log@0.1.0"]), World::TraceOnly);
    assert_eq!(world(&["forensic:report/trace@0.1.0", "forensic:report/telemetry@0.1.0"]), World::Report);
    let more = world(&["forensic:report/trace@0.1.0", "wasi:io/streams@0.2.3", "wasi:io/poll@0.2.3"]);
    assert_eq!(more, World::More(vec!["wasi:io".into()]));
}

#[test]
fn function_names_are_seen_inside_of_modules_only() {
    let component = |code: &str| wat::parse_str(format!("(component {code})")).unwrap();
    assert!(has_function_names(&component("(core module (func $named))")));
    assert!(!has_function_names(&component("(core module $module (func))")));
    assert!(!has_function_names(b"\0asm"));
}

#[test]
fn what_is_named_is_found_or_told_with_the_command_that_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let find = |path: &Path| Project::find(path).map(|project| project.component).map_err(|error| error.to_string());
    assert!(find(folder.path()).unwrap_err().contains("`forensic-host plugin new`"));
    fs::write(folder.path().join(MANIFEST), "[plugin]\nname = \"a\"\nlanguage = \"c\"\ncomponent = \"a.wasm\"\n")
        .unwrap();
    let told = find(folder.path()).unwrap_err();
    assert!(told.contains("forensic-host plugin build"), "{told}");
    fs::write(folder.path().join("a.wasm"), "bytes").unwrap();
    for named in ["", "plugin.toml", "a.wasm"] {
        assert_eq!(find(&folder.path().join(named)).unwrap(), b"bytes", "{named}");
    }
    assert!(find(&folder.path().join("b.wasm")).unwrap_err().contains("b.wasm"));
}
