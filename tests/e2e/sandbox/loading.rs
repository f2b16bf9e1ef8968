//! What is no plugin, is built for another host, wants more than it gets, or can't be compiled.

use std::collections::BTreeSet;
use std::fs;

use forensic_host::limits::{Limit, Limits, show_bytes};
use forensic_host::plugin::{Engine, EngineSettings, inspect};

use super::by_hand::core_module;
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
    let compiled = fs::read_dir(folder.path().join("cache")).unwrap().next().unwrap().unwrap().path();
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
    let text = with("/nonexistent").load("test", hostile_guest(), &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        text,
        "The compiler of plugins does not work: can't start /nonexistent: No such file or directory (os error 2)."
    );
    let text = with("/bin/true").load("test", hostile_guest(), &Limits::default()).unwrap_err().to_string();
    assert!(text.starts_with("The compiler of plugins does not work: "), "{text}");
}
