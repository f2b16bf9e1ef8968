//! Names and new folders; the builds themselves are tested end to end.

use super::template::{project, sdk_manifest};
use super::*;

#[test]
fn names() {
    for good in ["acme.slowest", "risk.report_meta", "a.b.c2"] {
        assert_eq!(PluginName::parse(good).unwrap().as_str(), good);
    }
    assert_eq!(PluginName::parse("risk.report_meta").unwrap().file_stem(), "risk_report_meta");
    for (bad, suggestion) in [
        ("slowest", Some("team.slowest")),
        ("Acme.Slowest-Stages", Some("acme.slowest_stages")),
        ("acme/slowest", Some("acme.slowest")),
        ("acme..slowest", Some("acme.slowest")),
        ("9acme.slowest", Some("acme.slowest")),
        ("../../etc/passwd", Some("etc.passwd")),
        ("", None),
        ("日本", None),
    ] {
        let error = PluginName::parse(bad).unwrap_err();
        assert_eq!(error.suggestion.as_deref(), suggestion, "{bad}");
        if let Some(suggestion) = suggestion {
            assert!(error.to_string().contains(suggestion), "{error}");
            assert!(PluginName::parse(suggestion).is_ok());
        }
    }
}

#[test]
fn a_new_folder_carries_the_new_name_everywhere() {
    let name = PluginName::parse("team.some_report").unwrap();
    for language in Language::ALL {
        let files = project(language, &name);
        let paths: Vec<&str> = files.iter().map(|(path, _)| &**path).collect();
        for wanted in ["plugin.toml", "pipeline.toml", "README.md", ".gitignore", "wit/report.wit", "wit/types.wit"] {
            assert!(paths.contains(&wanted), "{language:?}: no {wanted} among {paths:?}");
        }
        for wanted in ["run.json", "data/forensic_trace.json", "reports/forensic_report.json"] {
            assert!(paths.contains(&&*format!("tests/runs/example/{wanted}")), "{language:?}: no {wanted}");
        }
        for (path, content) in &files {
            let text = String::from_utf8_lossy(content);
            for old in ["acme.slowest", "acme_slowest", "LANGUAGE\""] {
                assert!(!text.contains(old) && !path.contains(old), "{language:?}: {old} in {path}");
            }
        }
        let run: usize =
            files.iter().filter(|(path, _)| path.contains("tests/runs/")).map(|(_, text)| text.len()).sum();
        assert!(run < 60 << 10, "the recorded run has {run} bytes");
    }
}

#[test]
fn the_wit_of_a_new_folder_is_ours() {
    let name = PluginName::parse("team.report").unwrap();
    for (path, text) in [
        ("wit/report.wit", include_str!("../../../wit/report.wit")),
        ("wit/trace.wit", include_str!("../../../wit/trace.wit")),
        ("wit/types.wit", include_str!("../../../wit/types.wit")),
    ] {
        let files = project(Language::C, &name);
        assert!(files.iter().any(|(name, content)| name == path && content == text.as_bytes()), "{path}");
    }
}

#[test]
fn the_manifest_of_the_sdk_stands_alone() {
    let text = sdk_manifest();
    let root = toml::de::DeTable::parse(&text).unwrap();
    assert!(!text.contains("workspace") && !text.contains("\"*\"") && !text.contains("\"\""), "{text}");
    let dependencies = root.get_ref()["dependencies"].get_ref().as_table().unwrap();
    assert!(dependencies.contains_key("wit-bindgen"), "{text}");
    assert!(text.contains("[target.'cfg(not(target_arch = \"wasm32\"))'.dependencies]"), "{text}");
}
