//! Reports: plugins that behave and plugins that do not, and the report made again.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Bench, hostile_guest};

/// A pipeline with one good stage and one report stage of the hostile guest for each deed.
fn pipeline(deeds: &[&str], extra: &str) -> Bench {
    let mut text = "[pipeline]\nname = \"reports\"\n[stages.a]\nrun = 'echo {\"x\": 1} > $FORENSIC_DATA_DIR/x.json; \
                    ln -s /etc/passwd $FORENSIC_DATA_DIR/link'\n"
        .to_owned();
    for deed in deeds {
        text += &format!(
            "[[report]]\nid = \"{deed}\"\nplugin = \"hostile.wasm\"\nartifacts = [\"data/**\"]\nconfig = {{ do = \"{deed}\" }}\n{extra}\n"
        );
    }
    let bench = Bench::new(&text);
    bench.write("hostile.wasm", hostile_guest());
    bench
}

#[test]
fn each_hostile_plugin_ends_within_its_limit_with_its_own_message_and_the_rest_is_whole() {
    let deeds = [
        ("behave", ""),
        ("loop", "limits."),
        ("memory", "limits.memory"),
        ("recurse", "recursion"),
        ("flood-calls", "limits."),
        ("flood-reads", "limits."),
        ("flood-log", ""),
        ("flood-block", "limits.block"),
        ("trap", "a deliberate panic"),
        ("error", "the file that never was"),
        ("ragged", "table"),
        ("escape", ""),
    ];
    let bench = pipeline(&deeds.map(|(deed, _)| deed), "");
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report = bench.json("reports/forensic_report.json");
    for (deed, message) in deeds {
        let entry = report["reports"].as_array().unwrap().iter().find(|entry| entry["id"] == deed).unwrap();
        let page = bench.read(&format!("reports/{deed}.md"));
        if message.is_empty() {
            assert!(entry["error"].is_null(), "{deed}: {entry}");
        } else {
            assert!(entry["error"].to_string().contains(message), "{deed}: {}", entry["error"]);
            assert!(page.contains("failed") || page.contains('❌'), "{deed}:\n{page}");
        }
    }
    // One span for each call, after the run's end, and none of them counts as work.
    let trace = bench.trace();
    assert_eq!(trace.kind("report").len(), deeds.len());
    for span in trace.kind("report") {
        assert!(span["start_time"].as_u64() >= trace.run()["end_time"].as_u64());
        assert_eq!(span["parent_span_id"], trace.run()["span_id"]);
        assert!(span["attributes"]["forensic.plugin.fuel"].as_u64().unwrap() > 0, "{span}");
    }
    assert_eq!(report["summary"]["stages"].as_array().unwrap().len(), 1);
    assert!(bench.read("reports/flood-log.md").contains("limits.log"));
    let page = bench.read("reports/escape.md");
    assert!(page.contains("false") && !page.contains("true"), "{page}");
}

#[test]
fn a_plugin_is_compiled_while_stages_run_and_is_none_of_what_they_leave_behind() {
    let bench = pipeline(&["behave", "escape"], "");
    let cache = bench.path().join("cache");
    let compiled = cache.join("forensic-host/plugins");
    // The first stage leaves a process behind, the second one ends when there is machine code.
    let stages = format!(
        "[stages.b]\nrun = 'setsid sleep 1000 & sleep 0.1'\n[stages.c]\nneeds = [\"b\"]\ntimeout = \"5m\"\n\
         run = 'while [ -z \"$(ls {} 2>/dev/null)\" ]; do sleep 0.05; done'\n[[report]]",
        compiled.display()
    );
    bench.write(
        "pipeline.toml",
        std::fs::read_to_string(bench.path().join("pipeline.toml")).unwrap().replacen("[[report]]", &stages, 1),
    );
    let ran = bench.command(&["run", "--run-id", "R"]).env("XDG_CACHE_HOME", &cache).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let report = bench.json("reports/forensic_report.json");
    assert!(report["reports"].as_array().unwrap().iter().all(|entry| entry["error"].is_null()), "{report}");
    let trace = bench.trace();
    let escaped = |stage: &str| trace.attempts(stage)[0]["attributes"]["forensic.escaped_processes"].as_u64();
    assert_eq!((escaped("b"), escaped("c")), (Some(1), None));
    assert!(trace.run()["attributes"]["forensic.escaped_processes"].is_null(), "{}", trace.run());
}

#[test]
fn a_report_that_fails_fails_the_run_only_where_policy_says_so() {
    let bench = pipeline(&["trap"], "on_failure = \"fail\"");
    let ran = bench.run();
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(bench.trace().run()["attributes"]["cicd.pipeline.result"], "success");
}

#[test]
fn a_report_is_rebuilt_to_the_byte_from_the_run_directory_alone() {
    let bench = pipeline(&["behave", "memory", "trap", "inject", "escape"], "");
    assert_eq!(bench.run().code, Some(0));
    let before = files(&bench.run_dir());
    // Elsewhere, and without the plugin's file.
    std::fs::remove_file(bench.path().join("hostile.wasm")).unwrap();
    let moved = bench.path().join("moved");
    std::fs::rename(bench.run_dir(), &moved).unwrap();
    std::fs::remove_dir_all(moved.join("reports")).unwrap();
    std::fs::create_dir(moved.join("reports")).unwrap();
    let ran = bench.call(&["report", "./moved"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let after = files(&moved);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, bytes) in before {
        assert!(after[&name] == bytes, "{name} differs");
    }
}

#[test]
fn a_missing_or_broken_trace_is_said_and_the_plugins_go_on() {
    for broken in [false, true] {
        let bench = pipeline(&["behave"], "");
        assert_eq!(bench.run().code, Some(0));
        let trace = bench.run_dir().join("data/forensic_trace.json");
        if broken {
            std::fs::write(&trace, "not a trace").unwrap();
        } else {
            std::fs::remove_file(&trace).unwrap();
        }
        let ran = bench.call(&["report", "latest"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let report = bench.markdown();
        assert!(report.contains(if broken { "can't be read" } else { "missing" }), "{report}");
        assert!(report.contains("ALTERED") && ran.stderr.contains("data/forensic_trace.json"), "{}", ran.stderr);
        assert_eq!(bench.call(&["verify", "latest"]).code, Some(1));
        assert!(report.contains("Nothing bad was done"), "{report}");
    }
}

#[test]
fn a_plugin_that_was_changed_after_the_run_is_not_called() {
    let bench = pipeline(&["behave"], "");
    assert_eq!(bench.run().code, Some(0));
    let plugin = std::fs::read_dir(bench.run_dir().join("plugins")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&plugin).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&plugin, bytes).unwrap();
    assert_eq!(bench.call(&["report", "latest"]).code, Some(0));
    assert!(bench.markdown().contains("is not the one of the run"), "{}", bench.markdown());
}

#[test]
fn a_plugin_that_was_changed_after_its_digest_was_remembered_is_not_called() {
    let bench = pipeline(&["behave"], "");
    assert_eq!(bench.run().code, Some(0));
    std::thread::sleep(std::time::Duration::from_millis(150));
    for _ in 0..2 {
        assert_eq!(bench.call(&["report", "latest"]).code, Some(0));
        assert!(!bench.markdown().contains("is not the one of the run"), "{}", bench.markdown());
    }
    let plugin = std::fs::read_dir(bench.run_dir().join("plugins")).unwrap().next().unwrap().unwrap().path();
    let modified = std::fs::metadata(&plugin).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&plugin).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&plugin, bytes).unwrap();
    std::fs::File::options().write(true).open(&plugin).unwrap().set_modified(modified).unwrap();
    assert_eq!(bench.call(&["report", "latest"]).code, Some(0));
    assert!(bench.markdown().contains("is not the one of the run"), "{}", bench.markdown());
}

#[test]
fn a_plugin_that_a_stage_of_the_run_changes_is_not_called() {
    let bench = Bench::new(
        "[pipeline]\nname = \"reports\"\n[stages.a]\nrun = '''\nsleep 0.05\nfor file in $FORENSIC_DATA_DIR/../plugins/*.wasm; do\n\
         touch -r $file time; printf x | dd of=$file conv=notrunc bs=1 seek=1000 2> /dev/null; touch -r time $file\ndone\n'''\n\
         [[report]]\nid = \"one\"\nplugin = \"hostile.wasm\"\nconfig = { do = \"behave\" }\n",
    );
    bench.write("hostile.wasm", hostile_guest());
    assert_eq!(bench.run().code, Some(0));
    assert!(bench.markdown().contains("is not the one of the run"), "{}", bench.markdown());
}

#[test]
fn a_file_that_is_no_plugin_is_explained() {
    let bench = pipeline(&["behave"], "");
    bench.write("hostile.wasm", "#!/bin/sh\n");
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(bench.markdown().contains("not WebAssembly"), "{}", bench.markdown());
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    all
}
