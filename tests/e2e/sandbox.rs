//! The sandbox, through real components: what a hostile plugin does, and what its operator reads.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use forensic_host::limits::{Limit, Limits, show_bytes};
use forensic_host::plugin::document::{Block, Document, Level, PluginError};
use forensic_host::plugin::{
    Artifacts, CallFailure, CallReport, Compiled, Engine, EngineSettings, GrantError, Inputs, Plugin, Request,
    TraceInput, inspect,
};
use forensic_host::trace::{Trace, summarize};
use tempfile::TempDir;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

// ---- set-up ----------------------------------------------------------------------------------------------------

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The hostile plugin, built from source once.
fn hostile() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let target =
            PathBuf::from(env!("CARGO_BIN_EXE_forensic-host")).parent().unwrap().parent().unwrap().join("guests");
        forensic_guest_build::build_guests(&workspace(), &target, &["hostile-guest"]).unwrap().remove(0)
    })
}

fn engine_with(cache: Option<PathBuf>) -> Engine {
    Engine::new(EngineSettings { compiler: env!("CARGO_BIN_EXE_forensic-host").into(), cache }).unwrap()
}

/// One engine and one cache for all tests that don't look at them.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, TempDir)> = OnceLock::new();
    &ENGINE
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            (engine_with(Some(folder.path().join("cache"))), folder)
        })
        .0
}

fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| engine().load("hostile", hostile(), &Limits::default()).unwrap())
}

fn limits(changes: &[(Limit, u64)]) -> Limits {
    let mut limits = Limits::default();
    for (limit, value) in changes {
        limits.set(*limit, *value).unwrap();
    }
    limits
}

fn nothing() -> Inputs {
    Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() }
}

fn request(deed: &str) -> Request {
    Request { report_id: "test".into(), config: format!(r#"{{"do": "{deed}"}}"#) }
}

fn run(deed: &str, changes: &[(Limit, u64)]) -> CallReport {
    engine().call(plugin(), request(deed), &nothing(), &limits(changes))
}

/// The failure of a deed, and its text.
fn failure(deed: &str, changes: &[(Limit, u64)]) -> (CallFailure, String) {
    let failure = run(deed, changes).outcome.unwrap_err();
    let text = failure.to_string();
    (failure, text)
}

fn assert_limit(deed: &str, changes: &[(Limit, u64)], limit: Limit, text: &str) {
    let (failure, said) = failure(deed, changes);
    assert_eq!(said, text, "{deed}");
    assert!(matches!(failure, CallFailure::Limit { limit: hit, .. } if hit == limit), "{deed}: {failure:?}");
}

fn paragraphs(document: &Document) -> Vec<&str> {
    document
        .blocks
        .iter()
        .filter_map(|block| if let Block::Paragraph(text) = block { Some(&**text) } else { None })
        .collect()
}

/// A plugin written by hand: what Rust guests can't do. `code` goes into the module beside the exports.
fn by_hand(code: &str, describe: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
            {code}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func $describe (export "forensic:report/plugin@0.1.0#describe") (result i32) {describe})
            (func (export "forensic:report/plugin@0.1.0#render") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    let mut module = wat::parse_str(module).unwrap();
    // The type of its world, which `wit-bindgen` writes into a section of its own.
    let core = core_module();
    for payload in wasmparser::Parser::new(0).parse_all(core) {
        if let wasmparser::Payload::CustomSection(section) = payload.unwrap()
            && section.name().starts_with("component-type")
        {
            module.push(0);
            let mut body = Vec::new();
            leb(&mut body, section.name().len());
            body.extend(section.name().as_bytes());
            body.extend(section.data());
            leb(&mut module, body.len());
            module.extend(body);
        }
    }
    forensic_guest_build::componentize(&module).unwrap()
}

/// The module that the hostile plugin was made of, which still has its type section.
fn core_module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| {
        hostile();
        let target =
            PathBuf::from(env!("CARGO_BIN_EXE_forensic-host")).parent().unwrap().parent().unwrap().join("guests");
        fs::read(target.join("wasm32-unknown-unknown/guest/hostile_guest.wasm")).unwrap()
    })
}

fn leb(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn by_hand_failure(code: &str, describe: &str, changes: &[(Limit, u64)]) -> String {
    let limits = limits(changes);
    let plugin = engine().load("by hand", &by_hand(code, describe), &limits).unwrap();
    engine().call(&plugin, request("behave"), &nothing(), &limits).outcome.unwrap_err().to_string()
}

// ---- a plugin that behaves -------------------------------------------------------------------------------------

#[test]
fn an_honest_call_gives_a_document_and_its_cost() {
    let report = run("behave", &[]);
    let info = report.info.unwrap();
    assert_eq!((&*info.name, &*info.version), ("test.hostile", "0.1.0"));
    let document = report.outcome.unwrap();
    assert_eq!(paragraphs(&document), ["Nothing bad was done."]);
    assert!(report.fuel > 1000 && report.fuel < 100_000, "{}", report.fuel);
    assert!(report.peak_memory >= MIB && report.peak_memory < 4 * MIB, "{}", report.peak_memory);
    assert_eq!((report.host_calls, report.bytes_read, report.log_dropped), (0, 0, 0));
    assert_eq!(report.log, []);
}

#[test]
fn the_same_inputs_give_the_same_report_cold_and_warm() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = seen_inputs(folder.path());
    let reference = engine().call(plugin(), request("look"), &inputs, &Limits::default());
    assert!(reference.outcome.is_ok(), "{reference:?}");
    let cold = engine_with(None).load("cold", hostile(), &Limits::default()).unwrap();
    assert!(matches!(cold.compiled(), Compiled::Fresh(_)));
    let warm = engine().load("warm", hostile(), &Limits::default()).unwrap();
    for plugin in [plugin(), &cold, &warm] {
        assert_eq!(engine().call(plugin, request("look"), &inputs, &Limits::default()), reference);
    }
    for deed in ["memory", "recurse", "trap", "flood-calls", "flood-block"] {
        let few = [(Limit::HostCalls, 1000)];
        assert_eq!(run(deed, &few), run(deed, &few), "{deed}");
    }
}

#[test]
fn many_threads_may_share_an_engine() {
    let expected = run("behave", &[]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(run("behave", &[]), expected);
                }
            });
        }
    });
}

// ---- what it can see -------------------------------------------------------------------------------------------

const TRACE: &str = r#"[
{"name":"run","start_time":0,"end_time":4000,"duration_ms":0.004,"status":"Error","attributes":{"forensic.kind":"run","cicd.pipeline.name":"p","cicd.pipeline.run.id":"r1","cicd.pipeline.result":"failure","forensic.slots":1,"forensic.schedule_start_time":0},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000001","parent_span_id":null},
{"name":"a","start_time":1000,"end_time":3000,"duration_ms":0.002,"status":"Error","attributes":{"forensic.kind":"stage","forensic.stage.id":"a","forensic.stage.needs":[],"cicd.pipeline.task.run.result":"failure","forensic.attempts":1,"n":1.5,"t":["x","y"],"j":{"k":null},"b":true},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000002","parent_span_id":"0000000000000001"},
{"name":"a","start_time":1000,"end_time":3000,"duration_ms":0.002,"status":"Error","attributes":{"forensic.kind":"attempt","forensic.stage.id":"a","forensic.attempt":1,"cicd.pipeline.task.run.result":"failure","process.exit.code":3},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000003","parent_span_id":"0000000000000002"}
]"#;

fn seen_inputs(folder: &Path) -> Inputs {
    fs::write(folder.join("b.txt"), "bee").unwrap();
    fs::write(folder.join("a.txt"), "").unwrap();
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).unwrap();
    let trace = Trace::from_slice(TRACE.as_bytes()).unwrap();
    let summary = summarize(&trace);
    let history = [(&summary).into()].into();
    Inputs {
        trace: TraceInput::Available { trace: Arc::new(trace), summary: Arc::new(summary), history },
        artifacts: Artifacts::grant(&dir, &["*.txt"], |_| false).unwrap(),
    }
}

#[test]
fn a_plugin_sees_the_trace_and_granted_files() {
    let folder = tempfile::tempdir().unwrap();
    let report = engine().call(plugin(), request("look"), &seen_inputs(folder.path()), &Limits::default());
    assert!(report.host_calls > 10 && report.bytes_read > 500, "{report:?}");
    let document = report.outcome.unwrap();
    let text = paragraphs(&document).join("\n");
    assert_eq!(text, include_str!("sandbox_look.txt").trim_end());
}

#[test]
fn a_missing_and_an_unreadable_trace_are_told_to_the_plugin() {
    let missing = run("look", &[]).outcome.unwrap();
    assert_eq!(paragraphs(&missing)[0], "run: Err(TraceError::Missing)");
    let inputs = Inputs { trace: TraceInput::Unreadable("line 3".into()), artifacts: Artifacts::none() };
    let unreadable = engine().call(plugin(), request("look"), &inputs, &Limits::default()).outcome.unwrap();
    assert_eq!(paragraphs(&unreadable)[1], r#"health: Err(TraceError::Unreadable("line 3"))"#);
}

// ---- limits ----------------------------------------------------------------------------------------------------

#[test]
fn an_endless_loop_ends_at_its_fuel_and_always_at_the_same_point() {
    let first = run("loop", &[(Limit::Fuel, 5_000_000)]);
    assert_eq!(
        first.outcome.as_ref().unwrap_err().to_string(),
        "The plugin was stopped: it was busy in <hostile_guest::Hostile as forensic_guest_sdk::plugin::ReportPlugin>::render: \
         limit `fuel` (fuel of the call) is 5000000; raise it with `limits.fuel`, up to 1000000000000."
    );
    assert_eq!(first.fuel, 5_000_000);
    assert_eq!(run("loop", &[(Limit::Fuel, 5_000_000)]), first);
}

#[test]
fn an_endless_loop_ends_at_its_time() {
    let start = Instant::now();
    assert_limit(
        "loop",
        &[(Limit::Time, 200_000_000), (Limit::Fuel, 1_000_000_000_000)],
        Limit::Time,
        "The plugin was stopped: it was busy in <hostile_guest::Hostile as forensic_guest_sdk::plugin::ReportPlugin>::render: \
         limit `time` (wall time of the call) is 200ms; raise it with `limits.time`, up to 10m.",
    );
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_loop_before_the_first_call_ends_too() {
    assert_eq!(
        by_hand_failure(
            r#"(memory (export "memory") 1) (func $start (loop (br 0))) (start $start)"#,
            "unreachable",
            &[(Limit::Fuel, 1_000_000)]
        ),
        "The plugin was stopped: it was busy in start: limit `fuel` (fuel of the call) is 1000000; raise it with \
         `limits.fuel`, up to 1000000000000."
    );
}

#[test]
fn memory_ends_at_its_limit() {
    let report = run("memory", &[]);
    assert!(report.peak_memory > 60 * MIB && report.peak_memory <= 64 * MIB, "{}", report.peak_memory);
    let failure = report.outcome.unwrap_err();
    let CallFailure::Limit { limit: Limit::Memory, asked: Some(asked), .. } = failure else { panic!("{failure:?}") };
    assert!(asked > 64 * MIB && asked < 66 * MIB, "{asked}");
    assert_eq!(
        failure.to_string(),
        format!(
            "The plugin was stopped: limit `memory` (all memories together) is 64MiB, {} asked for; raise it with \
             `limits.memory`, up to 1GiB.",
            show_bytes(asked)
        )
    );
    let start = by_hand_failure(r#"(memory (export "memory") 2000)"#, "unreachable", &[]);
    assert_eq!(
        start,
        "The plugin was stopped: limit `memory` (all memories together) is 64MiB, 125MiB asked for; raise it with \
         `limits.memory`, up to 1GiB."
    );
    let together = by_hand_failure(r#"(memory (export "memory") 600) (memory 600)"#, "unreachable", &[]);
    assert_eq!(
        together,
        "The plugin was stopped: limit `memory` (all memories together) is 64MiB, 75MiB asked for; raise it with \
         `limits.memory`, up to 1GiB."
    );
}

#[test]
fn a_plugin_that_lives_on_without_the_memory_is_not_punished() {
    let document = run("frugal", &[]).outcome.unwrap();
    assert_eq!(paragraphs(&document), ["refused: true"]);
}

#[test]
fn filling_memory_costs_fuel_by_the_byte() {
    let fill = "(memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) unreachable";
    assert_eq!(
        by_hand_failure(r#"(memory (export "memory") 256)"#, fill, &[(Limit::Fuel, 1_000_000)]),
        "The plugin was stopped: it was busy in describe: limit `fuel` (fuel of the call) is 1000000; raise it \
         with `limits.fuel`, up to 1000000000000."
    );
}

#[test]
fn tables_memories_and_instances_end_at_their_limits() {
    for (code, changes, text) in [
        (
            "(table 30000 funcref)",
            &[][..],
            "limit `table_elements` (table elements together) is 20000, 30000 asked for; raise it with \
             `limits.table_elements`, up to 1000000",
        ),
        (
            "(table 9 funcref)",
            &[(Limit::Tables, 0)][..],
            "limit `tables` (tables) is 0, 1 asked for; raise it with `limits.tables`, up to 1000",
        ),
        (
            "(memory 1) (memory 1)",
            &[(Limit::Memories, 2)][..],
            "limit `memories` (memories) is 2, 3 asked for; raise it with `limits.memories`, up to 100",
        ),
    ] {
        let code = format!(r#"(memory (export "memory") 1) {code}"#);
        assert_eq!(by_hand_failure(&code, "unreachable", changes), format!("The plugin was stopped: {text}."));
    }
    assert_limit(
        "behave",
        &[(Limit::Instances, 1)],
        Limit::Instances,
        "The plugin was stopped: limit `instances` (instances) is 1, 2 asked for; raise it with `limits.instances`, up to 1000.",
    );
}

#[test]
fn recursion_ends_well() {
    let (failure, text) = failure("recurse", &[]);
    assert_eq!(
        text,
        "The plugin crashed: recursion too deep or out-of-bounds access, in hostile_guest::recurse. The run itself is not \
         touched; this is a fault of the plugin, and running it again will not help. For its author: a Rust plugin's own \
         stack is 1 MiB, and overflowing it looks like this: make the recursion a loop, or its frames smaller."
    );
    assert!(matches!(failure, CallFailure::Trap(_)));
    // Without a stack of its own in memory, it ends at the engine's.
    let code = r#"(memory (export "memory") 1) (func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"#;
    for (stack, shown) in
        [(64 * KIB, "64KiB; raise it with `limits.stack`, up to 4MiB"), (4 * MIB, "4MiB; this is the host's maximum")]
    {
        assert_eq!(
            by_hand_failure(code, "(call $deep)", &[(Limit::Stack, stack)]),
            format!(
                "The plugin was stopped: recursion too deep, in deep: limit `stack` (the guest's stack) is {shown}."
            )
        );
    }
}

#[test]
fn host_calls_end_at_their_limit() {
    assert_limit(
        "flood-calls",
        &[(Limit::HostCalls, 1000)],
        Limit::HostCalls,
        "The plugin was stopped: limit `host_calls` (calls of host functions) is 1000; raise it with \
         `limits.host_calls`, up to 100000000.",
    );
    assert_eq!(run("flood-calls", &[(Limit::HostCalls, 1000)]).host_calls, 1000);
}

#[test]
fn reading_ends_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("large"), vec![7; 3 << 20]).unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let inputs =
        Inputs { trace: TraceInput::Missing, artifacts: Artifacts::grant(&dir, &["large"], |_| false).unwrap() };
    let report = engine().call(plugin(), request("flood-reads"), &inputs, &limits(&[(Limit::ReadBytes, 10 * MIB)]));
    assert_eq!(
        report.outcome.unwrap_err().to_string(),
        "The plugin was stopped: limit `read_bytes` (bytes read through host functions) is 10MiB, 10485893B asked for; \
         raise it with `limits.read_bytes`, up to 16GiB."
    );
    assert!(report.bytes_read <= 10 * MIB);
}

#[test]
fn documents_end_at_their_limits() {
    let room = (Limit::Memory, 256 * MIB);
    assert_limit(
        "flood-document",
        &[room],
        Limit::Document,
        "The plugin was stopped: limit `document` (the document) is 4MiB; raise it with `limits.document`, up to 64MiB.",
    );
    assert_limit(
        "flood-document",
        &[room, (Limit::Document, 60 * MIB)],
        Limit::Document,
        "The plugin was stopped: limit `document` (the document) is 60MiB, 67111455B asked for; raise it with \
         `limits.document`, up to 64MiB.",
    );
    assert_limit(
        "flood-block",
        &[],
        Limit::Block,
        "The plugin was stopped: block 1, a paragraph: limit `block` (one block of the document) is 1MiB, 1048617B asked \
         for; raise it with `limits.block`, up to 16MiB.",
    );
    assert_limit(
        "behave",
        &[(Limit::Block, 16)],
        Limit::Block,
        "The plugin was stopped: what `describe` returned: limit `block` (one block of the document) is 16B, 62B asked for; \
         raise it with `limits.block`, up to 16MiB.",
    );
    assert_limit(
        "argument",
        &[room],
        Limit::Document,
        "The plugin was stopped: <forensic_guest_sdk::host::wasm::WasmHost as forensic_guest_sdk::host::Host>::log hands the \
         host a text larger than any document: limit `document` (the document) is 4MiB; raise it with `limits.document`, up to 64MiB.",
    );
}

#[test]
fn bad_documents_are_named() {
    for (deed, text) in [
        ("ragged", "block 1 is a table, and row 1 is ragged: 1 cell for 2 columns"),
        ("level", "block 1 is a heading, and its level is 9, and levels go from 1 to 4"),
        ("chart", r#"block 1 is a chart, and series "lopsided" has 1 x value and 0 y values"#),
    ] {
        let (failure, said) = failure(deed, &[]);
        assert_eq!(said, format!("The plugin made a bad document: {text}."));
        assert!(matches!(failure, CallFailure::BadDocument { block: 1, .. }));
    }
}

#[test]
fn logs_end_at_their_limit_and_the_rest_is_counted() {
    let report = run("flood-log", &[(Limit::Fuel, 100_000_000_000), (Limit::Time, 60_000_000_000)]);
    assert!(report.outcome.is_ok(), "{:?}", report.outcome);
    let kept: u64 = report.log.iter().map(|line| line.text.len() as u64).sum();
    assert!(kept <= 64 * KIB && kept > 62 * KIB, "{kept}");
    assert_eq!(report.log.len() as u64 + report.log_dropped, 200_000);
    assert!(report.log.iter().all(|line| line.text.len() as u64 <= KIB && line.text.ends_with("x…")));
    assert!(report.log[3].text.starts_with("line 3 xxx"));
}

// ---- crashes and refusals --------------------------------------------------------------------------------------

#[test]
fn a_panic_is_told_with_its_text_and_place() {
    let (failure, text) = failure("trap", &[]);
    let rest =
        text.strip_prefix("The plugin crashed: it panicked: panicked at tests/guests/hostile/src/lib.rs:").unwrap();
    let rest = rest.trim_start_matches(|char: char| char.is_ascii_digit() || char == ':');
    assert_eq!(
        rest,
        "\\na deliberate panic\\nin two lines, in <hostile_guest::Hostile as forensic_guest_sdk::plugin::ReportPlugin>::render, called \
         by <hostile_guest::_::Exported as forensic_guest_sdk::bindings::exports::forensic::report::plugin::Guest>::render, \
         called by forensic_guest_sdk::bindings::exports::forensic::report::plugin::_export_render_cabi, called by \
         forensic:report/plugin@0.1.0#render. The run itself is not touched; this is a fault of the plugin, and running it \
         again will not help. For its author: return a `plugin-error` where an input may be bad, and keep panics for bugs."
    );
    let CallFailure::Trap(trap) = &failure else { panic!("{failure:?}") };
    assert_eq!(trap.log.len(), 1);
    assert_eq!(failure.log()[0].level, Level::Error);
    assert!(trap.functions.len() > 2, "{:?}", trap.functions);
}

#[test]
fn a_plugins_own_refusal_is_passed_on() {
    let (failure, text) = failure("error", &[]);
    assert_eq!(text, "The plugin misses data that it needs: the file that never was.");
    assert_eq!(failure, CallFailure::Plugin(PluginError::MissingData("the file that never was".into())));
    let (_, text) = self::failure("dance", &[]);
    assert_eq!(text, "The plugin does not accept its config: `do` is \"dance\".");
}

#[test]
fn crashes_of_all_kinds_are_told_in_words() {
    let operator = "The run itself is not touched; this is a fault of the plugin, and running it again will not help.";
    let memory = r#"(memory (export "memory") 1)"#;
    let border = "For its author: a value that crossed to the host was not what the WIT says; look at the bindings, and at \
                  code that writes to memory by itself.";
    let place = "in describe";
    for (code, describe, text) in [
        (
            "",
            "unreachable",
            format!(
                "it gave up without a word (`unreachable`), {place}. {operator} For its author: send the text of a panic \
                 through `log` with level `error`, as the Rust SDK does, and it will stand here."
            ),
        ),
        (
            "",
            "(i32.div_u (i32.const 1) (i32.const 0))",
            format!(
                "it divided by zero, {place}. {operator} For its author: check the divisor, and report a missing figure \
                 as `none`."
            ),
        ),
        (
            "(type $t (func)) (table 1 funcref)",
            "(call_indirect (type $t) (i32.const 0)) (i32.const 0)",
            format!(
                "it called a function pointer that is none, {place}. {operator} For its author: look for code that writes \
                 to memory by itself, or casts function pointers."
            ),
        ),
        (
            r#"(data (i32.const 0) "\20\00\00\00\01\00\00\00") (data (i32.const 32) "\ff")"#,
            "(i32.const 0)",
            format!("invalid utf-8 sequence of 1 bytes from index 0. {operator} {border}"),
        ),
        (
            r#"(data (i32.const 0) "\ff\ff\ff\7f\ff\ff\00\00")"#,
            "(i32.const 0)",
            format!("string pointer/length out of bounds of memory. {operator} {border}"),
        ),
        ("", "(i32.const -4)", format!("pointer out of bounds of memory. {operator} {border}")),
    ] {
        let said = by_hand_failure(&format!("{memory} {code}"), describe, &[]);
        assert_eq!(said, format!("The plugin crashed: {text}"), "{describe}");
    }
}

// ---- loading ---------------------------------------------------------------------------------------------------

fn load_error(bytes: &[u8]) -> String {
    engine().load("test", bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn what_is_no_component_is_told_apart() {
    assert_eq!(load_error(b""), "The plugin is not WebAssembly: the file does not begin with `\\0asm`.");
    assert_eq!(load_error(b"#!/bin/sh\n"), load_error(b""));
    assert_eq!(
        load_error(core_module()),
        "The plugin is a core module, not a component: build it with the SDK, or make a component of it with \
         `wasm-tools component new`."
    );
    let folder = tempfile::tempdir().unwrap();
    engine_with(Some(folder.path().join("cache"))).load("test", hostile(), &Limits::default()).unwrap();
    let compiled = fs::read_dir(folder.path().join("cache")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        load_error(&fs::read(compiled).unwrap()),
        "The plugin is compiled machine code (`.cwasm`), which is never loaded from elsewhere: give the component that it \
         was made from."
    );
    let small = limits(&[(Limit::Component, 1000)]);
    let size = hostile().len();
    assert_eq!(
        engine().load("test", hostile(), &small).unwrap_err().to_string(),
        format!(
            "The plugin is too large: limit `component` (the component file) is 1000B, {} asked for; raise it with \
             `limits.component`, up to 256MiB.",
            show_bytes(size as u64)
        )
    );
}

#[test]
fn truncated_and_damaged_components_are_refused_and_nothing_panics() {
    let good = hostile();
    for end in (0..good.len()).step_by(997).chain([good.len() - 1]) {
        let text = load_error(&good[..end]);
        assert!(text.starts_with("The plugin is not") || text.starts_with("The component is not"), "{end}: {text}");
    }
    let half = load_error(&good[..good.len() / 2]);
    assert!(half.starts_with("The plugin is not a valid component: unexpected end-of-file (at offset 0x"), "{half}");
    let nowhere = Engine::new(EngineSettings { compiler: "/nonexistent".into(), cache: None }).unwrap();
    let mut seen = BTreeSet::new();
    for at in (8..good.len()).step_by(331) {
        let mut bad = good.to_vec();
        bad[at] ^= 0x55;
        // What is still valid gets as far as the compiler, which isn't there.
        seen.insert(nowhere.load("test", &bad, &Limits::default()).unwrap_err().to_string());
    }
    assert!(seen.len() > 10, "{seen:?}");
}

#[test]
fn a_component_that_wants_more_than_is_granted_is_told_all_of_it() {
    let component = wat::parse_str(
        r#"(component
            (import "wasi:sockets/tcp@0.2.3" (instance))
            (import "wasi:clocks/wall-clock@0.2.3" (instance))
            (import "forensic:report/trace@0.1.0" (instance))
            (import "acme:tools/shell@1.0.0" (instance))
            (instance $plugin)
            (export "forensic:report/plugin@0.1.0" (instance $plugin)))"#,
    )
    .unwrap();
    assert_eq!(
        load_error(&component),
        "The plugin wants wasi:sockets/tcp@0.2.3: a plugin gets no network; it wants wasi:clocks/wall-clock@0.2.3: a plugin \
         gets no clock; all times are in the trace; it wants acme:tools/shell@1.0.0: this host does not know it."
    );
    let inspection = inspect(&component, &Limits::default()).unwrap();
    assert_eq!((inspection.imports.len(), inspection.refused.len()), (4, 3));
}

#[test]
fn other_versions_and_other_components_are_told_before_anything_is_compiled() {
    let with_section = |version: &str| {
        wat::parse_str(format!(
            r#"(component
                (core module (@custom "forensic:api" "{version}"))
                (import "forensic:report/trace@0.2.0" (instance))
                (instance $plugin)
                (export "forensic:report/plugin@0.2.0" (instance $plugin)))"#
        ))
        .unwrap()
    };
    assert_eq!(load_error(&with_section("0.2")), "The plugin needs report API 0.2, this host has 0.1.");
    assert_eq!(
        load_error(&with_section("new")),
        "The plugin is not a valid component: its section `forensic:api` holds no version."
    );
    assert_eq!(
        load_error(&with_section("0.1")),
        "The plugin wants forensic:report/trace@0.2.0: it is built for report API 0.2, this host has 0.1."
    );
    let only_export = r#"(component (instance $p) (export "forensic:report/plugin@0.2.1" (instance $p)))"#;
    assert_eq!(
        load_error(&wat::parse_str(only_export).unwrap()),
        "The plugin needs report API 0.2, this host has 0.1."
    );
    let other = r#"(component (instance $p) (export "acme:tools/run@1.0.0" (instance $p)))"#;
    assert_eq!(
        load_error(&wat::parse_str(other).unwrap()),
        "The component is not a report plugin: it does not export `forensic:report/plugin`, but acme:tools/run@1.0.0."
    );
    let wrong_types = r#"(component (instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#;
    assert_eq!(
        load_error(&wat::parse_str(wrong_types).unwrap()),
        "The plugin was built against other WIT files than this host's report API 0.1: instance export \
         `forensic:report/plugin@0.1.0` does not have export `describe`."
    );
    assert_eq!(plugin().inspection().api.as_deref(), Some("0.1"));
}

#[test]
fn proposals_that_are_switched_off_are_refused() {
    for (what, code) in [
        ("64-bit memories", "(memory i64 1)"),
        ("threads", "(memory 1 1 shared)"),
        ("garbage collection", "(type (struct))"),
        ("exceptions", "(tag)"),
    ] {
        let component = format!(
            r#"(component (core module {code}) (instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#
        );
        let text = load_error(&wat::parse_str(component).unwrap());
        assert!(text.starts_with("The plugin is not a valid component: "), "{what}: {text}");
    }
}

/// Each component instantiates the one before it twice: 2^k instances in a few bytes.
fn compile_bomb(levels: usize) -> Vec<u8> {
    let mut text = String::from("(component (component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..=levels {
        let below = level - 1;
        text += &format!("(component $c{level} (instance (instantiate $c{below})) (instance (instantiate $c{below})))");
    }
    text += &format!("(instance (instantiate $c{levels}))");
    text += r#"(instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#;
    wat::parse_str(text).unwrap()
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a compiler without optimisation runs out of time first, after a minute")]
fn a_compile_bomb_hurts_nobody_but_the_compile_child() {
    let bomb = compile_bomb(30);
    assert!(bomb.len() < 4000);
    let text = load_error(&bomb);
    assert_eq!(text, "The plugin cannot be compiled within limits: it needed more than 2 GiB of memory.");
}

#[test]
fn a_compiler_that_is_none_is_our_own_fault() {
    let with = |compiler: &str| Engine::new(EngineSettings { compiler: compiler.into(), cache: None }).unwrap();
    let text = with("/nonexistent").load("test", hostile(), &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        text,
        "The compiler of plugins does not work: can't start /nonexistent: No such file or directory (os error 2)."
    );
    let text = with("/bin/true").load("test", hostile(), &Limits::default()).unwrap_err().to_string();
    assert!(text.starts_with("The compiler of plugins does not work: "), "{text}");
}

// ---- the cache -------------------------------------------------------------------------------------------------

#[test]
fn the_second_load_comes_from_the_cache_and_damage_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let compiled = || engine_with(Some(cache.clone())).load("test", hostile(), &Limits::default()).unwrap().compiled();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    let file = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    // Well signed, and still no machine code of ours.
    let inner = b"\x7fELF and nothing more";
    let digest = <sha2::Sha256 as sha2::Digest>::digest(inner);
    fs::write(&file, [&inner[..], &digest, b"forensic cwasm 1"].concat()).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
}

#[test]
fn without_a_usable_cache_plugins_still_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let engine = engine_with(Some(file.clone()));
    assert_eq!(
        engine.warning(),
        Some(&*format!("the plugin cache {} can't be used: Not a directory (os error 20)", file.display()))
    );
    let plugin = engine.load("test", hostile(), &Limits::default()).unwrap();
    assert!(engine.call(&plugin, request("behave"), &nothing(), &Limits::default()).outcome.is_ok());
}

// ---- artifacts -------------------------------------------------------------------------------------------------

fn granted(folder: &Path, patterns: &[&str]) -> Result<Artifacts, GrantError> {
    Artifacts::grant(&Dir::open_ambient_dir(folder, ambient_authority()).unwrap(), patterns, |_| false)
}

fn ids(artifacts: &Artifacts) -> Vec<&str> {
    artifacts.iter().map(|artifact| &*artifact.id).collect()
}

#[test]
fn only_regular_files_below_the_run_are_listed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(data.join("deep/er")).unwrap();
    fs::write(data.join("b.json"), "{}").unwrap();
    fs::write(data.join("a.json"), "abc").unwrap();
    fs::write(data.join("deep/er/c.json"), "").unwrap();
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    symlink(outside.path().join("secret"), data.join("link.json")).unwrap();
    symlink("a.json", data.join("inside.json")).unwrap();
    symlink(outside.path(), data.join("folder")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(data.join("pipe.json")).status().unwrap();
    assert!(fifo.success());
    let _socket = std::os::unix::net::UnixListener::bind(data.join("socket.json")).unwrap();

    let shallow = granted(folder.path(), &["data/*.json"]).unwrap();
    assert_eq!(ids(&shallow), ["data/a.json", "data/b.json"]);
    let deep = granted(folder.path(), &["data/**"]).unwrap();
    assert_eq!(ids(&deep), ["data/a.json", "data/b.json", "data/deep/er/c.json"]);
    assert_eq!(
        ids(&granted(folder.path(), &["data/{a,b}.json", "run.json"]).unwrap()),
        ["data/a.json", "data/b.json", "run.json"]
    );
    assert_eq!(ids(&granted(folder.path(), &["data/*/*/c.json"]).unwrap()), ["data/deep/er/c.json"]);
    assert_eq!(ids(&granted(folder.path(), &[]).unwrap()), [""; 0]);
    assert_eq!(deep.skipped(), [""; 0]);

    let a = deep.get("data/a.json").unwrap();
    assert_eq!((a.size, &*a.sha256), (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(deep.read("data/a.json", 1, u32::MAX), Some(Ok(b"bc".to_vec())));
    assert_eq!(deep.read("data/a.json", 3, 9), Some(Ok(vec![])));
    assert_eq!(deep.read("data/a.json", u64::MAX, 9), Some(Ok(vec![])));
    for id in [
        "data/link.json",
        "data/inside.json",
        "data/pipe.json",
        "data/folder/secret",
        "run.json",
        "../x",
        "/etc/passwd",
        "",
    ] {
        assert_eq!(deep.read(id, 0, 9), None, "{id}");
    }
}

#[test]
fn a_read_gives_a_mebibyte_at_most() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("large"), vec![7; 3 << 20]).unwrap();
    let artifacts = granted(folder.path(), &["large"]).unwrap();
    assert_eq!(artifacts.read("large", 0, u32::MAX).unwrap().unwrap().len(), 1 << 20);
    assert_eq!(artifacts.read("large", (3 << 20) - 5, u32::MAX).unwrap().unwrap().len(), 5);
}

#[test]
fn a_file_that_is_swapped_after_the_grant_is_not_read() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("d")).unwrap();
    for name in ["grows", "other", "link", "pipe", "gone", "d/file"] {
        fs::write(path(name), "honest").unwrap();
    }
    let artifacts = granted(folder.path(), &["**"]).unwrap();
    assert_eq!(ids(&artifacts).len(), 6);
    fs::write(path("grows"), "honest and more").unwrap();
    fs::write(path("new"), "secret").unwrap();
    fs::rename(path("new"), path("other")).unwrap();
    fs::remove_file(path("link")).unwrap();
    symlink(outside.path().join("secret"), path("link")).unwrap();
    fs::remove_file(path("pipe")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    fs::remove_file(path("gone")).unwrap();
    fs::remove_dir_all(path("d")).unwrap();
    fs::write(outside.path().join("file"), "secret").unwrap();
    symlink(outside.path(), path("d")).unwrap();
    for (id, why) in [
        ("grows", "it has changed since it was listed"),
        ("other", "it has changed since it was listed"),
        ("pipe", "it has changed since it was listed"),
        ("link", "Too many levels of symbolic links (os error 40)"),
        ("gone", "No such file or directory (os error 2)"),
        ("d/file", "Not a directory (os error 20)"),
    ] {
        assert_eq!(artifacts.read(id, 0, 99), Some(Err(why.to_owned())), "{id}");
    }
}

#[test]
fn patterns_that_lead_out_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (pattern, why) in [
        ("../x", "`.`, `..` and empty names have no place in it"),
        ("data/../../x", "`.`, `..` and empty names have no place in it"),
        ("/etc/passwd", "it is absolute; patterns start at the run directory"),
        ("", "it is empty"),
        ("data/[", "unclosed character class; missing ']'"),
    ] {
        assert_eq!(
            granted(folder.path(), &[pattern]).unwrap_err().to_string(),
            format!("`{pattern}` is no pattern for artifacts: {why}")
        );
    }
}

#[test]
fn a_plugin_cannot_escape_through_ids() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    symlink("/etc/passwd", folder.path().join("data/link")).unwrap();
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: granted(folder.path(), &["data/**"]).unwrap() };
    let document = engine().call(plugin(), request("escape"), &inputs, &Limits::default()).outcome.unwrap();
    assert_eq!(
        paragraphs(&document),
        ["../../../etc/passwd: false", "/etc/passwd: false", "run.json: false", "data/link: false"]
    );
}

// ---- speed -----------------------------------------------------------------------------------------------------

/// `cargo test --release -- --ignored --nocapture speed`: what the parts of a call cost.
#[test]
#[ignore = "a measurement, of use in release builds only"]
fn speed_of_a_warm_call() {
    let best = |what: &str, call: &mut dyn FnMut()| {
        let mut times: Vec<Duration> = (0..300)
            .map(|_| {
                let start = Instant::now();
                call();
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{what}: best {:?}, median {:?}", times[0], times[times.len() / 2]);
    };
    let folder = tempfile::tempdir().unwrap();
    let cold = engine_with(Some(folder.path().join("cache")));
    let Compiled::Fresh(time) = cold.load("test", hostile(), &Limits::default()).unwrap().compiled() else { panic!() };
    println!("component: {} bytes; compile child: {time:?}", hostile().len());
    plugin();
    best("new engine", &mut || drop(engine_with(None)));
    best("inspect", &mut || drop(inspect(hostile(), &Limits::default())));
    best("load from the cache", &mut || drop(engine().load("test", hostile(), &Limits::default())));
    best("call: thread, store, describe, render, drop", &mut || drop(run("behave", &[])));
    best("load and call", &mut || {
        let plugin = engine().load("test", hostile(), &Limits::default()).unwrap();
        drop(engine().call(&plugin, request("behave"), &nothing(), &Limits::default()));
    });
}
