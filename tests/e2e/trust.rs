//! Plugins from elsewhere: the lock file, signatures, registries, what is granted to whom, and findings that fail a run.

use std::path::Path;
use std::process::Command;

use forensic_host::registry::{Access, Reference, Upload, push};

use crate::registry_server::RealRegistry;
use crate::support::{Bench, Ran, hostile_guest};

fn bench(plugin: &str, extra: &str) -> Bench {
    let bench = Bench::new(&format!(
        "[pipeline]\nname = \"trust\"\n[stages.a]\nrun = \"echo '{{}}' > $FORENSIC_DATA_DIR/x.json\"\n\
         [[report]]\nid = \"own\"\nplugin = \"{plugin}\"\nartifacts = [\"data/*.json\"]\nconfig = {{ do = \"behave\" }}\n{extra}\n\
         [[report]]\nid = \"meta\"\nplugin = \"builtin:risk.report_index\"\n"
    ));
    bench.write("own.wasm", hostile_guest());
    bench
}

/// The component with a custom section more: other bytes, the same code.
fn changed() -> Vec<u8> {
    let mut bytes = hostile_guest().to_vec();
    bytes.extend([0, 3, 1, b'x', 0]);
    bytes
}

fn refused(ran: &Ran, bench: &Bench, words: &[&str]) {
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(!bench.run_dir().exists(), "refused before there is a run");
    for word in words {
        assert!(ran.stderr.contains(word), "{word} is missing in:\n{}", ran.stderr);
    }
}

#[test]
fn a_locked_run_refuses_whatever_differs_from_the_lock_and_says_what() {
    let bench = bench("own.wasm", "");
    let locked = || bench.call(&["run", "--run-id", "R", "--locked"]);
    refused(&locked(), &bench, &["there is no", "forensic.lock", "plugin lock"]);
    let made = bench.call(&["plugin", "lock"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let text = std::fs::read_to_string(bench.path().join("forensic.lock")).unwrap();
    for part in
        ["report = \"own\"", "name = \"test.hostile\"", "version = \"0.1.0\"", "source = \"own.wasm\"", "data/*.json"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert_eq!(bench.call(&["plugin", "lock", "--check"]).code, Some(0));

    bench.write("own.wasm", changed());
    refused(&locked(), &bench, &["own", "sha256:", "--locked"]);
    let check = bench.call(&["plugin", "lock", "--check"]);
    assert_eq!((check.code, check.stderr.contains("own")), (Some(2), true), "{}", check.stderr);
    bench.write("own.wasm", hostile_guest());

    let pipeline = std::fs::read_to_string(bench.path().join("pipeline.toml")).unwrap();
    bench.write(
        "pipeline.toml",
        pipeline
            .replace("data/*.json", "data/**")
            .replace("do = \"behave\" }", "do = \"behave\" }\nlimits = { memory = \"128MiB\" }"),
    );
    refused(&locked(), &bench, &["data/**", "data/*.json", "memory", "128MiB"]);

    bench.write("pipeline.toml", &pipeline);
    assert_eq!(locked().code, Some(0));
}

#[test]
fn without_locked_a_difference_is_told_and_the_run_goes_on() {
    let bench = bench("own.wasm", "");
    assert_eq!(bench.call(&["plugin", "lock"]).code, Some(0));
    bench.write("own.wasm", changed());
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("forensic.lock") && ran.stderr.contains("sha256:"), "{}", ran.stderr);
}

#[test]
fn a_damaged_lock_is_refused_with_its_place() {
    let bench = bench("own.wasm", "");
    bench.write("forensic.lock", "version = 1\n\n[[plugin]]\nreport = 7\n");
    refused(&bench.run(), &bench, &["forensic.lock:4:10", "report"]);
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_host_that_wants_signatures_runs_what_is_signed_and_nothing_else() {
    let bench = bench("own.wasm", "");
    openssl(bench.path(), &["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]);
    openssl(bench.path(), &["pkey", "-in", "key.pem", "-pubout", "-out", "key.pub.pem"]);
    bench.write("forensic-host.toml", "[plugins]\nkeys = [\"key.pub.pem\"]\nrequire_signature = true\n");
    let run = || -> Ran {
        let mut command = bench.command(&["run", "--run-id", "R"]);
        command.env("FORENSIC_HOST_CONFIG", bench.path().join("forensic-host.toml")).output().unwrap().into()
    };
    refused(&run(), &bench, &["own.wasm has no signature", "require_signature"]);
    openssl(
        bench.path(),
        &["pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", "own.wasm", "-out", "own.wasm.sig"],
    );
    bench.write("own.wasm", changed());
    refused(&run(), &bench, &["own.wasm", "signature", "does not count"]);
    bench.write("own.wasm", hostile_guest());
    let ran = run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record = bench.json("run.json");
    assert!(record["reports"][0]["signed_by"].as_str().is_some_and(|id| !id.is_empty()), "{record}");
    assert!(record["reports"][1]["signed_by"].is_null(), "part of the program: {record}");
}

#[test]
fn a_settings_file_with_mistakes_is_refused_with_all_of_them() {
    let bench = bench("own.wasm", "");
    bench.write("settings.toml", "[plugin]\n[plugins]\nkeys = \"x\"\nrequire_signatur = true\n");
    let mut command = bench.command(&["run", "--run-id", "R"]);
    let ran: Ran = command.env("FORENSIC_HOST_CONFIG", "settings.toml").output().unwrap().into();
    refused(
        &ran,
        &bench,
        &["settings.toml:1:2", "settings.toml:3:8", "did you mean `require_signature`?", "3 mistakes"],
    );
}

#[test]
fn a_plugin_comes_from_a_registry_by_its_digest_and_is_kept() {
    let registry = RealRegistry::start();
    let reference = format!("oci://{}/acme/own:1.0", registry.address());
    let upload = Upload {
        component: hostile_guest(),
        imports: &[],
        exports: &[],
        signature: None,
        annotations: &Default::default(),
    };
    let digest = push(&Reference::parse(&reference).unwrap(), &upload, &Access::default()).unwrap();
    let bench = bench(&reference, "");
    let cache = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| -> Ran {
        bench.command(arguments).env("XDG_CACHE_HOME", cache.path()).output().unwrap().into()
    };
    let run = ["run", "--run-id", "R", "--locked"];
    refused(&call(&["run", "--run-id", "R"]), &bench, &["names no digest", "plugin lock"]);
    let made = call(&["plugin", "lock"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let lock = std::fs::read_to_string(bench.path().join("forensic.lock")).unwrap();
    assert!(lock.contains(&digest.to_string()) && lock.contains(&reference), "{lock}");
    // Another component under the same tag changes nothing: the lock has the digest. And no network is needed any more.
    let other =
        Upload { component: &changed(), imports: &[], exports: &[], signature: None, annotations: &Default::default() };
    push(&Reference::parse(&reference).unwrap(), &other, &Access::default()).unwrap();
    drop(registry);
    let ran = call(&run);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record = bench.json("run.json");
    assert!(record["reports"][0]["source"].as_str().unwrap().ends_with(&format!("@{digest}")), "{record}");
}

#[test]
fn explain_says_what_each_plugin_gets_and_runs_nothing() {
    let bench = bench("own.wasm", "limits = { memory = \"128MiB\" }");
    let ran = bench.call(&["run", "--run-id", "R", "--explain"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!bench.run_dir().exists());
    for words in [
        "own.wasm",
        "neither locked nor signed",
        "part of this program",
        "data/*.json",
        "no file",
        "memory 128MiB (default 64MiB)",
        "may call    trace, artifacts, log",
    ] {
        assert!(ran.stdout.contains(words), "{words}:\n{}", ran.stdout);
    }
    let ran = bench.call(&["run", "--run-id", "R", "--explain", "--format", "json"]);
    let parsed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(parsed[0]["limits"][0]["key"], "memory");
    bench.write("own.wasm", "not a component");
    let ran = bench.call(&["run", "--explain"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.contains("PROBLEM") && ran.stdout.contains("not WebAssembly"), "{}", ran.stdout);
}

#[test]
fn findings_fail_a_run_only_from_the_severity_that_was_asked_for() {
    let bench = bench("own.wasm", "");
    let pipeline = std::fs::read_to_string(bench.path().join("pipeline.toml")).unwrap();
    let pipeline = pipeline.replace("behave", "find").split("[[report]]\nid = \"meta\"").next().unwrap().to_owned();
    bench.write("pipeline.toml", &pipeline);
    for (arguments, code) in [
        (&["run"][..], 0),
        (&["run", "--fail-on", "error"], 0),
        (&["run", "--fail-on", "warning"], 4),
        (&["report", "--fail-on", "info"], 4),
        // As the run.
        (&["report"], 4),
        (&["report", "--fail-on", "never"], 0),
    ] {
        let ran = bench.call(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("policy"), code == 4, "{arguments:?}: {}", ran.stderr);
    }
    bench.write("pipeline.toml", pipeline.replace("[stages.a]", "fail_on = \"warning\"\n[stages.a]"));
    let ran = bench.run();
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 finding of severity warning or worse"), "{}", ran.stderr);
    assert_eq!(bench.trace().run()["attributes"]["cicd.pipeline.result"], "success", "the run itself is what it was");
    let ran = bench.call(&["run", "--fail-on", "sometimes"]);
    assert_eq!((ran.code, ran.stderr.contains("never, error, warning or info")), (Some(2), true), "{}", ran.stderr);
}

#[test]
fn spans_of_a_plugin_stand_below_its_call_marked_capped_and_redacted() {
    let bench = bench("own.wasm", "");
    let pipeline = std::fs::read_to_string(bench.path().join("pipeline.toml")).unwrap().replace("behave", "own-spans");
    bench.write("pipeline.toml", pipeline);
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    let call = trace.kind("report").into_iter().find(|span| span["name"] == "own").unwrap();
    let guests: Vec<_> = trace.0.iter().filter(|span| span["attributes"]["forensic.origin"] == "guest").collect();
    assert_eq!(guests.len(), 256);
    assert_eq!(call["attributes"]["forensic.plugin.spans_dropped"], 302 - 256);
    let named = |name: &str| *guests.iter().find(|span| span["name"] == name).unwrap();
    let (outer, inner) = (named("outer"), named("inner"));
    assert_eq!(outer["parent_span_id"], call["span_id"]);
    assert_eq!(inner["parent_span_id"], outer["span_id"]);
    assert_eq!((&inner["status"], &inner["status_message"]), (&"Error".into(), &"nothing to read".into()));
    assert_eq!(outer["attributes"]["guest.forensic.kind"], "stage");
    assert_eq!(outer["attributes"]["rows"], 7);
    assert_eq!(outer["attributes"]["forensic.plugin.name"], "test.hostile");
    assert!(!bench.read("data/forensic_trace.json").contains("hunter2"), "masked by its key");
    assert!(outer["start_time"].as_u64() >= call["start_time"].as_u64());
    assert!(inner["end_time"].as_u64() <= call["end_time"].as_u64());
    // They are no stages, and the report made again is the same: plugins never see them.
    assert_eq!(trace.kind("stage").len(), 1);
    let before = bench.markdown();
    assert_eq!(bench.call(&["report", "R"]).code, Some(0));
    assert_eq!(bench.markdown(), before);
}
