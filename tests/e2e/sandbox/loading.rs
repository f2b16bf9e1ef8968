//! What is no plugin, is built for another host, wants more than it gets, or can't be compiled.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use forensic_host::limits::{CompileLimits, Limit, Limits, show_bytes};
use forensic_host::plugin::{Engine, EngineSettings, inspect};

use super::by_hand::core_module;
use super::cache::cached;
use super::{engine, engine_with, limits, plugin};
use crate::support::hostile_guest;

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
    engine_with(Some(folder.path().join("cache"))).load("test", hostile_guest(), &Limits::default()).unwrap();
    let [compiled] = &cached(&folder.path().join("cache"))[..] else { panic!("not one file") };
    assert_eq!(
        load_error(&fs::read(compiled).unwrap()),
        "The plugin is compiled machine code (`.cwasm`), which is never loaded from elsewhere: give the component that it \
         was made from."
    );
    let small = limits(&[(Limit::Component, 1000)]);
    let size = hostile_guest().len();
    assert_eq!(
        engine().load("test", hostile_guest(), &small).unwrap_err().to_string(),
        format!(
            "The plugin is too large: limit `component` (the component file) is 1000B, {} asked for; raise it with \
             `limits.component`, up to 256MiB.",
            show_bytes(size as u64)
        )
    );
}

#[test]
fn truncated_and_damaged_components_are_refused_and_nothing_panics() {
    let good = hostile_guest();
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
            (import "wasi:http/outgoing-handler@0.2.3" (instance))
            (import "wasi:clocks/wall-clock@0.3.0" (instance))
            (import "wasi:clocks/wall-clock@0.2.3" (instance))
            (import "forensic:report/trace@0.1.0" (instance))
            (import "acme:tools/shell@1.0.0" (instance))
            (instance $plugin)
            (export "forensic:report/plugin@0.1.0" (instance $plugin)))"#,
    )
    .unwrap();
    assert_eq!(
        load_error(&component),
        "The plugin wants wasi:http/outgoing-handler@0.2.3: a plugin gets no network; build it without: with jco, `--disable \
         http --disable fetch-event`; it wants wasi:clocks/wall-clock@0.3.0: this host has WASI 0.2, not 0.3.0; build it for \
         0.2, or without WASI; it wants acme:tools/shell@1.0.0: this host does not know it."
    );
    let inspection = inspect(&component, &Limits::default()).unwrap();
    assert_eq!((inspection.imports.len(), inspection.refused.len()), (5, 3));
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
    assert_eq!(load_error(&with_section("0.2")), "The plugin needs report API 0.2, this host has 0.1.0.");
    assert_eq!(
        load_error(&with_section("new")),
        "The plugin is not a valid component: its section `forensic:api` holds no version."
    );
    assert_eq!(
        load_error(&with_section("0.1")),
        "The plugin wants forensic:report/trace@0.2.0: it is built for report API 0.2.0, this host has 0.1.0."
    );
    let only_export = r#"(component (instance $p) (export "forensic:report/plugin@0.2.1" (instance $p)))"#;
    assert_eq!(
        load_error(&wat::parse_str(only_export).unwrap()),
        "The plugin needs report API 0.2.1, this host has 0.1.0."
    );
    let other = r#"(component (instance $p) (export "acme:tools/run@1.0.0" (instance $p)))"#;
    assert_eq!(
        load_error(&wat::parse_str(other).unwrap()),
        "The component is not a report plugin: it does not export `forensic:report/plugin`, but acme:tools/run@1.0.0."
    );
    let wrong_types = r#"(component (instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#;
    assert_eq!(
        load_error(&wat::parse_str(wrong_types).unwrap()),
        "The plugin was built against other WIT files than this host's report API 0.1.0: instance export \
         `forensic:report/plugin@0.1.0` does not have export `describe`."
    );
    assert_eq!(plugin().inspection().api.as_deref(), Some("0.1.0"));
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
fn components_that_multiply_are_refused_before_anything_is_compiled() {
    let bomb = compile_bomb(30);
    assert!(bomb.len() < 4000);
    assert_eq!(
        load_error(&bomb),
        "The plugin cannot be compiled within limits: its components instantiate each other 3221225472 times in all, and 10000 \
         is the most."
    );
    // What passes is compiled: it does no harm.
    assert!(load_error(&compile_bomb(10)).starts_with("The plugin was built against other WIT files"));
}

/// One function of so many statements, which no number of threads compiles faster.
/// Types that each hold the previous one `twice` or once.
fn nested_types(levels: usize, twice: bool) -> Vec<u8> {
    let mut text = "(component (type $t0 (tuple u32 u32))".to_owned();
    for level in 1..=levels {
        let below = level - 1;
        let second = if twice { format!("$t{below}") } else { "u32".into() };
        text += &format!(" (type $t{level} (tuple $t{below} {second}))");
    }
    text += r#"(instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#;
    wat::parse_str(text).unwrap()
}

#[test]
fn types_that_grow_without_bounds_are_refused_before_anything_is_compiled() {
    for (levels, twice) in [(200, false), (40, true)] {
        let nowhere = Engine::new(EngineSettings { compiler: "/nonexistent".into(), cache: None }).unwrap();
        let error = nowhere.load("types", &nested_types(levels, twice), &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("The plugin is not a valid component: "), "refused before it is compiled: {error}");
    }
}

fn long_function(statements: usize) -> Vec<u8> {
    let body =
        "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 4))))".repeat(statements);
    let text = format!(
        r#"(component (core module (memory 1) (func {body})) (instance $p) (export "forensic:report/plugin@0.1.0" (instance $p)))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn compiling_ends_at_its_time_and_at_its_memory() {
    let component = long_function(200_000);
    let error = |limits: CompileLimits| {
        let engine = engine_with(None).with_compile_limits(limits);
        engine.load("test", &component, &Limits::default()).unwrap_err().to_string()
    };
    let default = CompileLimits::default();
    assert_eq!(
        error(CompileLimits { time: Duration::from_millis(50), ..default }),
        "The plugin cannot be compiled within limits: it took longer than 50ms; whoever runs the host raises that with \
         `plugin.compile.time` in forensic-host.toml."
    );
    assert_eq!(
        error(CompileLimits { memory: 300 << 20, ..default }),
        "The plugin cannot be compiled within limits: it needed more than 300MiB of memory; whoever runs the host raises that \
         with `plugin.compile.memory` in forensic-host.toml."
    );
}

#[test]
fn a_compiler_that_is_none_is_our_own_fault() {
    let with = |compiler: &str| Engine::new(EngineSettings { compiler: compiler.into(), cache: None }).unwrap();
    let text = with("/nonexistent").load("test", hostile_guest(), &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        text,
        "The compiler of plugins does not work: can't start /nonexistent: No such file or directory (os error 2)."
    );
    let text = with("/bin/true").load("test", hostile_guest(), &Limits::default()).unwrap_err().to_string();
    assert!(text.starts_with("The compiler of plugins does not work: "), "{text}");
}
