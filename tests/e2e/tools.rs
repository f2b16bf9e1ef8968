//! The tools of plugin authors, through the real binary: `plugin inspect`, `check`, `test`, `precompile`; and that what a
//! plugin's native tests see is what the sandbox shows.

use std::path::{Path, PathBuf};
use std::{env, fs};

use forensic_guest_sdk::testing::{MockHost, document_json};
use forensic_guest_sdk::{Document, Host, PluginError, ReportPlugin, Request};
use serde_json::{Value, json};

use crate::support::{Bench, Ran, hostile_guest, workspace};

const MANIFEST: &str = r#"
[plugin]
name = "test.first"
language = "rust"
component = "first.wasm"
config = { a = 1 }

[grants]
artifacts = ["data/*.txt"]
reason = "reads what stage a writes"
"#;

fn first_plugin() -> Vec<u8> {
    fs::read(workspace().join("tests/fixtures/plugins/0.1.0.wasm")).unwrap()
}

/// A project with a component and nothing else.
fn project(manifest: &str, component: &[u8]) -> Bench {
    let bench = Bench::new("");
    bench.write("plugin.toml", manifest);
    bench.write("first.wasm", component);
    bench
}

/// The same with a recorded run.
fn recorded(manifest: &str, component: &[u8]) -> Bench {
    let bench = project(manifest, component);
    let other = Bench::new(
        "[pipeline]\nname = \"recorded\"\n[stages.a]\nrun = \"printf hello > $FORENSIC_DATA_DIR/x.txt\"\n[stages.b]\nrun = \"true\"\n\
         needs = [\"a\"]\n",
    );
    assert_eq!(other.run().code, Some(0));
    copy(&other.run_dir(), &bench.path().join("tests/runs/example"));
    bench
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn parsed(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}:\n{}\n{}", ran.stdout, ran.stderr))
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn inspect_shows_what_a_component_says_of_itself() {
    let bench = project(MANIFEST, &first_plugin());
    let text = bench.call(&["plugin", "inspect", "first.wasm"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""));
    assert_contains(
        &text.stdout,
        &[
            "sha256",
            "world           report-plugin",
            "pure            yes",
            "0.1.0; this host has",
            "forensic:report/trace@0.1.0",
            "Rust",
            "rustc",
        ],
    );
    // A folder with a manifest will do.
    let json = parsed(&bench.call(&["plugin", "inspect", "--format", "json"]));
    assert_eq!((&json["world"], &json["pure"], &json["api"]), (&json!("report-plugin"), &json!(true), &json!("0.1.0")));
    assert_eq!(json["exports"], json!(["forensic:report/plugin@0.1.0"]));
    assert_eq!((&json["refusal"], &json["function_names"]), (&Value::Null, &json!(true)));
    assert_eq!(json["languages"], json!(["Rust"]));
    assert!(json["producers"].as_array().unwrap().iter().any(|tool| tool["name"] == "rustc"), "{json}");
    assert_eq!(json["size"], first_plugin().len());
    bench.write("no.wasm", "#!/bin/sh\n");
    let refused = bench.call(&["plugin", "inspect", "no.wasm"]);
    assert_eq!(refused.code, Some(2));
    assert_contains(&refused.stderr, &["error: The plugin is not WebAssembly"]);
}

#[test]
fn check_says_whether_it_runs_here_what_it_asks_for_and_what_could_be_better() {
    let bench = project(MANIFEST, &first_plugin());
    let good = bench.call(&["plugin", "check"]);
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    assert_contains(
        &good.stdout,
        &[
            "built for report API 0.1.0",
            "pure",
            "function names are kept",
            "it asks for the files data/*.txt",
            "its reason: reads",
            "test.first 0.1.0",
            "It runs here: 0 errors, 0 warnings.",
        ],
    );
    bench.write(
        "plugin.toml",
        "[plugin]\nname = \"other.name\"\nlanguage = \"c\"\ncomponent = \"first.wasm\"\n[grants.limits]\nmemory = \"128MiB\"\nhost_calls = 1000000\n",
    );
    let json = parsed(&bench.call(&["plugin", "check", ".", "--format", "json"]));
    assert_eq!(json["runs_here"], true);
    let remarks = json["remarks"].as_array().unwrap();
    let said = |subject: &str, grade: &str, part: &str| {
        let fits = |remark: &&Value| {
            remark["subject"] == subject && remark["grade"] == grade && remark["text"].as_str().unwrap().contains(part)
        };
        assert!(remarks.iter().any(|remark| fits(&remark)), "{grade} {subject}: {part} is not in {remarks:#?}");
    };
    said("name", "warning", "`describe` says \"test.first\", and plugin.toml says \"other.name\"");
    said("grants", "note", "limits.memory = 128MiB (default 64MiB)");
    said("grants", "note", "limits.host_calls is the default");
    said("grants", "warning", "gives no reason");
    said("grants", "warning", "it imports `forensic:report/artifacts`, and asks for no files");
    said("render", "ok", "without trace and files");
}

#[test]
fn check_refuses_what_cannot_run_here_with_advice_for_both_sides() {
    let bench = Bench::new("");
    let plugin = |imports: &str| {
        format!(r#"(component {imports} (instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#)
    };
    for (component, parts) in [
        (
            plugin(r#"(import "acme:tools/shell@1.0.0" (instance))"#),
            &["error    imports", "acme:tools/shell@1.0.0", "for the author:", "for the operator:"][..],
        ),
        (plugin(""), &["error    world", "does not have export `describe`"]),
        (plugin(r#"(import "forensic:report/trace@0.2.0" (instance))"#), &["error    api", "needs report API 0.2.0"]),
    ] {
        bench.write("x.wasm", wat::parse_str(component).unwrap());
        let ran = bench.call(&["plugin", "check", "x.wasm"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert_contains(&ran.stdout, parts);
        assert_contains(&ran.stdout, &["It can't run here: 1 error"]);
    }
    let missing = bench.call(&["plugin", "check", "nowhere.wasm"]);
    assert_eq!(missing.code, Some(2));
    assert_contains(&missing.stderr, &["error: cannot read nowhere.wasm"]);
}

#[test]
fn mistakes_in_the_manifest_and_a_missing_build_are_told() {
    let bench = Bench::new("");
    let none = bench.call(&["plugin", "test"]);
    assert_eq!(none.code, Some(2));
    assert_contains(&none.stderr, &["holds no `plugin.toml`", "forensic-host plugin new"]);
    bench.write("plugin.toml", "[plugin]\nname = \"a\"\nlanguge = \"rust\"\ncomponent = \"first.wasm\"\n");
    for command in ["test", "check", "inspect", "precompile"] {
        let ran = bench.call(&["plugin", command, "."]);
        assert_eq!(ran.code, Some(2), "{command}");
        assert_contains(&ran.stderr, &["plugin.toml:3:1", "did you mean `language`?", "^", "has 1 mistake\n"]);
    }
    bench.write("plugin.toml", MANIFEST);
    let unbuilt = bench.call(&["plugin", "test", "."]);
    assert_eq!(unbuilt.code, Some(2));
    assert_contains(&unbuilt.stderr, &["first.wasm is not there yet", "forensic-host plugin build ."]);
    bench.write("first.wasm", first_plugin());
    let no_runs = bench.call(&["plugin", "test", "."]);
    assert_eq!(no_runs.code, Some(2));
    assert_contains(&no_runs.stderr, &["there is no recorded run", "forensic-host run", "forensic_trace.json"]);
}

#[test]
fn test_renders_compares_shows_the_difference_and_writes() {
    let bench = recorded(MANIFEST, &first_plugin());
    let first = bench.call(&["plugin", "test"]);
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert_contains(
        &first.stdout,
        &["missing  example: fuel ", "tests/golden/example.md is not there yet", "--update"],
    );
    assert!(!bench.path().join("tests/golden").exists(), "it only compares");
    let update = bench.call(&["plugin", "test", "--update"]);
    assert_eq!(update.code, Some(0), "{}", update.stderr);
    let page = fs::read_to_string(bench.path().join("tests/golden/example.md")).unwrap();
    assert_contains(&page, &["run R of recorded: success", "data/x.txt: hello", "A finding.", "`first.wasm`"]);
    let golden: Value =
        serde_json::from_slice(&fs::read(bench.path().join("tests/golden/example.json")).unwrap()).unwrap();
    assert_eq!((&golden["title"], &golden["blocks"][0]["type"]), (&json!("The first plugin"), &json!("heading")));
    let same = bench.call(&["plugin", "test"]);
    assert_eq!(same.code, Some(0), "{}", same.stdout);
    assert_contains(
        &same.stdout,
        &["ok  example: fuel ", "host calls", "log info: it runs", "1 recorded run of test.first: 1 ok"],
    );

    bench.write("plugin.toml", MANIFEST.replace("a = 1", "a = 2"));
    bench.write("tests/golden/gone.md", "");
    let differs = bench.call(&["plugin", "test"]);
    assert_eq!(differs.code, Some(1));
    assert_contains(
        &differs.stdout,
        &[
            "differs  example",
            "--- ./tests/golden/example.md",
            "\n-{\"a\":1}\n+{\"a\":2}\n",
            "gone.md belongs to no recorded run",
        ],
    );
    let json = parsed(&bench.call(&["plugin", "test", "--format", "json"]));
    let run = &json["runs"][0];
    assert_eq!((&run["passed"], &run["markdown"]["result"]), (&json!(false), &json!("differs")));
    assert!(run["peak_memory"].as_u64() > Some(1 << 16) && run["host_calls"].as_u64() > Some(8), "{run}");
    assert_eq!(run["spans"], 1);
    assert_contains(run["json"]["diff"].as_str().unwrap(), &["-", "+"]);
}

#[test]
fn test_shows_failures_logs_and_limits_and_grants_only_what_the_manifest_asks_for() {
    let manifest = |deed: &str| {
        format!(
            "[plugin]\nname = \"test.hostile\"\nlanguage = \"rust\"\ncomponent = \"first.wasm\"\nconfig = {{ do = \"{deed}\" }}\n"
        )
    };
    let bench = recorded(&manifest("trap"), hostile_guest());
    let page = |deed: &str| {
        bench.write("plugin.toml", manifest(deed));
        let ran = bench.call(&["plugin", "test", "--update"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        (ran.stdout, fs::read_to_string(bench.path().join("tests/golden/example.md")).unwrap())
    };
    let (told, trap) = page("trap");
    assert_contains(&told, &["no document: ", "a deliberate panic", "log error: "]);
    assert_contains(&trap, &["a deliberate panic", "for the plugin's author"]);
    let (told, _) = page("flood-log");
    assert_contains(&told, &["limit hit: limit `log`", "lines dropped"]);
    let (_, look) = page("look");
    assert!(look.contains("run: Ok") && !look.contains("artifact "), "{look}");
    bench.write("plugin.toml", manifest("look") + "[grants]\nartifacts = [\"**\"]\n");
    let ran = bench.call(&["plugin", "test", "--update"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let look = fs::read_to_string(bench.path().join("tests/golden/example.md")).unwrap();
    assert!(look.contains("artifact data/x.txt") && !look.contains("artifact run.json"), "{look}");
}

#[test]
fn precompile_fills_the_cache_once() {
    let bench = project(MANIFEST, &first_plugin());
    let call = |arguments: &[&str]| -> Ran {
        bench.command(arguments).env("XDG_CACHE_HOME", bench.path().join("cache")).output().unwrap().into()
    };
    let first = call(&["plugin", "precompile", "first.wasm"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_contains(&first.stdout, &["first.wasm: 59.6 KiB → ", "of machine code, compiled in "]);
    let again = parsed(&call(&["plugin", "precompile", ".", "first.wasm", "--format", "json"]));
    for row in again.as_array().unwrap() {
        assert_eq!((&row["compile_ns"], &row["error"]), (&json!(0), &Value::Null));
        assert!(row["code_size"].as_u64() > row["size"].as_u64(), "{row}");
    }
    bench.write("no.wasm", "no");
    let failed = call(&["plugin", "precompile", "no.wasm", "first.wasm"]);
    assert_eq!(failed.code, Some(2));
    assert_contains(&failed.stdout, &["was in the cache already"]);
    assert_contains(&failed.stderr, &["error: no.wasm: The plugin is not WebAssembly"]);
}

type Render = fn(&Request, &dyn Host) -> Result<Document, PluginError>;

/// Whether two documents are the same, up to the last digits of a number: logarithms come from the C library natively, and
/// from Rust's own inside the sandbox.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| alike(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            ones.len() == others.len()
                && ones.iter().all(|(key, one)| others.get(key).is_some_and(|other| alike(one, other)))
        }
        (Value::Number(one), Value::Number(other)) if one != other => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= 1e-12 * one.abs().max(other.abs()),
            _ => false,
        },
        (one, other) => one == other,
    }
}

/// A report stage with a first-party plugin.
struct FirstParty {
    id: &'static str,
    plugin: &'static str,
    /// What the stage before it puts into the run's data.
    data: PathBuf,
    config: Value,
    render: Render,
}

fn first_party() -> Vec<FirstParty> {
    let fixtures =
        |package: &str, folder: &str| workspace().join("plugins").join(package).join("tests/fixtures").join(folder);
    vec![
        FirstParty {
            id: "meta",
            plugin: "risk.report_meta",
            data: fixtures("risk-report-meta", "run/data"),
            config: json!({"meta_profile": "meta_test", "profiles": ["hrp", "min_variance"]}),
            render: risk_report_meta::ReportMeta::render,
        },
        FirstParty {
            id: "portfolio",
            plugin: "risk.report_portfolio",
            data: fixtures("risk-report-portfolio", "data"),
            config: json!({"dir": "data/portfolio", "pipeline_health": "full"}),
            render: risk_report_portfolio::ReportPortfolio::render,
        },
        FirstParty {
            id: "flat",
            plugin: "risk.report_tournament",
            data: fixtures("risk-report-tournament", "flat"),
            config: json!({"dir": "data/flat"}),
            render: risk_report_tournament::ReportTournament::render,
        },
        FirstParty {
            id: "nested",
            plugin: "risk.report_tournament",
            data: fixtures("risk-report-tournament", "nested"),
            config: json!({"dir": "data/nested"}),
            render: risk_report_tournament::ReportTournament::render,
        },
        FirstParty {
            id: "decisions",
            plugin: "alpha.report_decisions",
            data: fixtures("alpha-report-decisions", ""),
            config: json!({"dir": "data/decisions"}),
            render: alpha_report_decisions::ReportDecisions::render,
        },
        FirstParty {
            id: "selection",
            plugin: "alpha.report_selection",
            data: fixtures("alpha-report-selection", ""),
            config: json!({"dir": "data/selection"}),
            render: alpha_report_selection::ReportSelection::render,
        },
        FirstParty {
            id: "clusters",
            plugin: "alpha.report_clusters",
            data: fixtures("alpha-report-clusters", ""),
            config: json!({"dir": "data/clusters"}),
            render: alpha_report_clusters::ReportClusters::render,
        },
        FirstParty {
            id: "tearsheet",
            plugin: "risk.report_tearsheet",
            data: fixtures("risk-report-tournament", "flat"),
            config: json!({"dir": "data/tearsheet", "series": "a_b"}),
            render: risk_report_tearsheet::ReportTearsheet::render,
        },
        FirstParty {
            id: "attribution",
            plugin: "risk.report_attribution",
            data: fixtures("risk-report-tournament", "nested"),
            config: json!({"dir": "data/attribution"}),
            render: risk_report_attribution::ReportAttribution::render,
        },
        FirstParty {
            id: "friction",
            plugin: "risk.report_friction",
            data: fixtures("risk-report-tournament", "nested"),
            config: json!({"dir": "data/friction"}),
            render: risk_report_friction::ReportFriction::render,
        },
        FirstParty {
            id: "index",
            plugin: "risk.report_index",
            data: fixtures("risk-report-tournament", "nested"),
            config: json!({"dir": "data/index", "pages": ["friction", "nowhere"]}),
            render: risk_report_index::ReportIndex::render,
        },
        // What it needs is not there: the error is the same, too.
        FirstParty {
            id: "missing",
            plugin: "risk.report_portfolio",
            data: PathBuf::new(),
            config: json!({}),
            render: risk_report_portfolio::ReportPortfolio::render,
        },
    ]
}

#[test]
fn first_party_plugins_make_natively_on_a_recorded_run_what_their_components_make() {
    let known = |name: &&str| first_party().iter().any(|stage| stage.plugin == *name);
    assert_eq!(forensic_host::builtins::names().into_iter().find(|name| !known(name)), None, "it needs data here");
    let mut pipeline = "[pipeline]\nname = \"parity\"\n".to_owned();
    for FirstParty { id, plugin, data, config, .. } in first_party() {
        let to = if id == "meta" { String::new() } else { id.to_owned() };
        let run = if data.as_os_str().is_empty() {
            "true".to_owned()
        } else {
            format!("mkdir -p $FORENSIC_DATA_DIR/{to} && cp -r {}/. $FORENSIC_DATA_DIR/{to}", data.display())
        };
        let config = config.as_object().unwrap().iter().map(|(key, value)| format!("{key} = {value}"));
        let config: Vec<String> = config.collect();
        pipeline += &format!(
            "[stages.{id}]\nrun = '{run}'\n[[report]]\nid = \"{id}\"\nplugin = \"builtin:{plugin}\"\nartifacts = [\"data/**\"]\n\
             config = {{ {} }}\n",
            config.join(", ")
        );
    }
    let bench = Bench::new(&pipeline);
    // With a past, so that there is a history.
    assert_eq!(bench.call(&["run", "--run-id", "before"]).code, Some(0));
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report = bench.json("reports/forensic_report.json");
    for FirstParty { id, config, render, .. } in first_party() {
        let host = MockHost::from_run_dir(bench.run_dir(), &["data/**"]).unwrap();
        let native = render(&Request::new(id).with_config(config.to_string()), &host);
        let entry = report["reports"].as_array().unwrap().iter().find(|entry| entry["id"] == id).unwrap();
        match native {
            Ok(document) => {
                assert_eq!(entry["status"], "ok", "{id}: {}", entry["error"]);
                let mut sandboxed = entry["document"].clone();
                sandboxed["findings"] = entry["findings"].clone();
                let native = document_json(&document);
                if !alike(&native, &sandboxed) {
                    // For a look, with a diff tool.
                    let folder = env::temp_dir();
                    fs::write(folder.join("native.json"), format!("{native:#}")).unwrap();
                    fs::write(folder.join("sandboxed.json"), format!("{sandboxed:#}")).unwrap();
                    panic!("{id}: native.json and sandboxed.json in {} differ", folder.display());
                }
            }
            Err(error) => {
                assert_eq!((id, &entry["status"]), ("missing", &json!("failed")), "{id}: {error:?}");
                let (PluginError::MissingData(text) | PluginError::InvalidConfig(text) | PluginError::Internal(text)) =
                    error;
                assert_contains(entry["error"]["text"].as_str().unwrap(), &[text.trim_end_matches('.')]);
            }
        }
    }
}
