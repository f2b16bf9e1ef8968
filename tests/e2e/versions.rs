//! Versions of the report API: what was released stays, and plugins of earlier days run on the host of today.

use std::fs;
use std::path::{Path, PathBuf};

use forensic_host::limits::Limits;
use forensic_host::plugin::{API_VERSION, Engine, EngineSettings, LoadError, inspect};
use sha2::{Digest as _, Sha256};
use wit_parser::{Resolve, SourceMap};

use crate::support::{Bench, workspace};

/// Plugins that were built against a released version, with their digests: they are never built again.
const PLUGINS: [(&str, &str); 1] = [("0.1.0", "502e4c43efd4c221cec6ca7e8775b8f4176c47371e4c812dfa710dda89dce881")];

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plugin_of(version: &str) -> Vec<u8> {
    fs::read(workspace().join(format!("tests/fixtures/plugins/{version}.wasm"))).unwrap()
}

/// The folders of released versions.
fn released() -> Vec<(String, PathBuf)> {
    let folders = fs::read_dir(workspace().join("wit/released")).unwrap().map(|entry| entry.unwrap().path());
    let mut released: Vec<_> = folders
        .filter(|path| path.is_dir())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    released.sort();
    released
}

/// The WIT files of a folder, as one text each.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "wit"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Whether plugins that were built against the WIT files `before` run on a host that has `now`; the error says why not.
fn serves(version: &str, before: &[(PathBuf, String)], now: &[(PathBuf, String)]) -> Result<(), String> {
    // Two packages of one name and version can't stand side by side, so that of today is called a later one.
    let line = |version: &str| format!("package forensic:report@{version};");
    let (track, patch) = version.rsplit_once('.').unwrap();
    let later_version = format!("{track}.9{patch}");
    let package = |resolve: &mut Resolve, files: &[(PathBuf, String)], later: bool| {
        let mut map = SourceMap::default();
        for (path, text) in files {
            let text = if later { text.replace(&line(version), &line(&later_version)) } else { text.clone() };
            map.push(path, text);
        }
        let group = map.parse().map_err(|(map, error)| error.render(&map))?;
        resolve.push_group(group).map_err(|error| format!("{error:#}"))
    };
    let mut resolve = Resolve::default();
    let before = package(&mut resolve, before, false)?;
    let now = package(&mut resolve, now, true)?;
    for (name, &world) in &resolve.packages[before].worlds {
        let same = resolve.packages[now].worlds.get(name).ok_or_else(|| format!("there is no world `{name}`"))?;
        wit_component::semver_check(resolve.clone(), world, *same)
            .map_err(|error| format!("world {name}: {error:#}"))?;
    }
    Ok(())
}

/// Versions of one track are compatible: those of one major, and while that is 0, of one minor.
fn track(version: &str) -> String {
    let parts: Vec<&str> = version.split('.').collect();
    if parts[0] == "0" { parts[..2].join(".") } else { parts[0].to_owned() }
}

#[test]
fn released_versions_are_what_they_were() {
    let folder = workspace().join("wit/released");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut told: Vec<String> = Vec::new();
    for (version, path) in released() {
        for (file, text) in files(&path) {
            let name = format!("{version}/{}", file.file_name().unwrap().to_str().unwrap());
            told.push(format!("{}  {name}", sha256(text.as_bytes())));
        }
    }
    assert_eq!(told, sums.lines().collect::<Vec<_>>(), "wit/released: nothing in there changes any more");
    assert!(
        released().iter().any(|(version, _)| version == API_VERSION),
        "report API {API_VERSION} is not in wit/released"
    );
    for (version, _) in released() {
        assert!(PLUGINS.iter().any(|(known, _)| *known == version), "no plugin of report API {version} is kept");
    }
}

#[test]
fn plugins_of_every_released_version_of_this_track_fit_the_wit_of_today() {
    let now = files(&workspace().join("wit"));
    let same_track: Vec<_> =
        released().into_iter().filter(|(version, _)| track(version) == track(API_VERSION)).collect();
    assert!(!same_track.is_empty());
    for (version, folder) in same_track {
        if let Err(why) = serves(&version, &files(&folder), &now) {
            panic!(
                "plugins of report API {version} would not run any more: {why}\nRecords, variants and enums are frozen once \
                 released; add new functions and new types instead."
            );
        }
    }
}

/// The files with each `(from, to)` replaced.
fn changed(files: &[(PathBuf, String)], changes: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
    let mut files = files.to_vec();
    for (from, to) in changes {
        let mut found = false;
        for (_, text) in &mut files {
            found |= text.contains(from);
            *text = text.replace(from, to);
        }
        assert!(found, "{from:?} is nowhere");
    }
    files
}

#[test]
fn an_incompatible_change_of_the_wit_is_found_and_a_compatible_one_is_not() {
    let before = files(&workspace().join("wit/released/0.1.0"));
    let serves = |changes: &[(&str, &str)]| serves("0.1.0", &before, &changed(&before, changes));
    for (from, to) in [
        ("        pipeline: string,\n", "        pipeline: string,\n        owner: string,\n"),
        ("        failed: bool,\n", ""),
        ("enum level { debug, info, warn, error }", "enum level { debug, info, warn, error, fatal }"),
        ("        heat-map,\n", "        heat-map,\n        pie,\n"),
        ("history: func(max: u32)", "history: func(max: u64)"),
        ("    history: func(max: u32) -> list<run-summary>;\n", ""),
        (
            "    describe: func() -> plugin-info;\n",
            "    describe: func() -> plugin-info;\n    help: func() -> string;\n",
        ),
        ("world trace-only-plugin", "world small-plugin"),
    ] {
        let why = serves(&[(from, to)]).expect_err(to);
        assert!(why.starts_with("world ") || why.starts_with("there is no world"), "{to:?} is not even WIT: {why}");
    }
    let clock = ("interface log {", "interface clock { now: func() -> u64; }\ninterface log {");
    let new_import = ("    import telemetry;\n", "    import telemetry;\n    import clock;\n");
    for changes in [
        &[][..],
        &[("    health: func()", "    count: func() -> u32;\n    health: func()")],
        &[("    record key-value {", "    record size { width: u32 }\n    record key-value {")],
        &[clock, new_import],
    ] {
        serves(changes).unwrap_or_else(|why| panic!("{changes:?}: {why}"));
    }
}

#[test]
fn a_plugin_of_every_released_version_runs() {
    for (version, digest) in PLUGINS {
        let component = plugin_of(version);
        assert_eq!(sha256(&component), digest, "the plugin of {version} is never built again");
        let inspection = inspect(&component, &Limits::default()).unwrap();
        assert_eq!((inspection.api.as_deref(), inspection.pure), (Some(version), true));
        let bench = Bench::new(
            "[pipeline]\nname = \"old\"\n[stages.a]\nrun = \"printf hello > $FORENSIC_DATA_DIR/x.txt\"\n[stages.b]\nrun = \"true\"\n\
             needs = [\"a\"]\n[[report]]\nid = \"first\"\nplugin = \"first.wasm\"\nartifacts = [\"data/*.txt\"]\non_failure = \"fail\"\n\
             config = { a = 1 }\n",
        );
        bench.write("first.wasm", &component);
        let ran = bench.run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let page = bench.read("reports/first.md");
        for part in [
            "run R of old: success",
            "critical path: a b",
            "attempts: a#1 b#1",
            "times: 2",
            "history: 0",
            "data/x.txt: hello",
            "no other file",
            "25.00 %",
            "A paragraph.",
            "1.500 s",
            "A callout.",
            "A chart",
            "A link",
            "A finding.",
        ] {
            assert!(page.contains(part), "{part} is not in the page of {version}:\n{page}");
        }
    }
}

/// The same component, stamped with another version of the same length.
fn stamped(version: &str) -> Vec<u8> {
    let mut component = plugin_of("0.1.0");
    let section = b"forensic:api0.1.0";
    let at = component.windows(section.len()).position(|window| window == section).unwrap();
    let start = at + section.len() - version.len();
    component[start..start + version.len()].copy_from_slice(version.as_bytes());
    component
}

#[test]
fn plugins_of_later_hosts_and_other_tracks_are_refused_before_they_are_compiled() {
    // Whatever gets as far as being compiled fails otherwise.
    let engine = Engine::new(EngineSettings { compiler: "/nonexistent".into(), cache: None }).unwrap();
    let refused = |component: &[u8]| engine.load("test", component, &Limits::default()).unwrap_err();
    assert!(matches!(refused(&stamped("0.1.0")), LoadError::Compiler(_)), "the stamp is all that differs");
    let pre = wat::parse_str(
        r#"(component (core module (@custom "forensic:api" "0.1.0-rc.1"))
            (instance $plugin) (export "forensic:report/plugin@0.1.0" (instance $plugin)))"#,
    );
    let pre = pre.unwrap();
    let later = ["0.1.1", "0.2.0", "1.0.0"].map(|version| (version, stamped(version)));
    for (version, component) in later.into_iter().chain([("0.1.0-rc.1", pre)]) {
        let error = refused(&component);
        assert!(matches!(&error, LoadError::OtherApi { needs } if needs == version), "{version}: {error:?}");
        assert_eq!(error.to_string(), format!("The plugin needs report API {version}, this host has {API_VERSION}."));
    }
}
