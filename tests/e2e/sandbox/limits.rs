//! What has no end of its own ends at its limit, and the operator reads which.

use std::fs;
use std::time::{Duration, Instant};

use forensic_host::limits::{Limit, show_bytes};
use forensic_host::plugin::{CallFailure, Inputs, TraceInput};

use super::by_hand::by_hand_failure;
use super::{KIB, MIB, assert_limit, engine, failure, granted, limits, paragraphs, plugin, request, run};

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
    // What a guest asks for later is refused, and remembered for the case that it gives up over it.
    let grow = "(drop (table.grow $t (ref.null func) (i32.const 50000))) unreachable";
    assert_eq!(
        by_hand_failure(r#"(memory (export "memory") 1) (table $t 10 funcref)"#, grow, &[]),
        "The plugin was stopped: limit `table_elements` (table elements together) is 20000, 50010 asked for; raise it with \
         `limits.table_elements`, up to 1000000."
    );
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
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: granted(folder.path(), &["large"]).unwrap() };
    let report = engine().call(plugin(), request("flood-reads"), &inputs, &limits(&[(Limit::ReadBytes, 10 * MIB)]));
    assert_eq!(
        report.outcome.unwrap_err().to_string(),
        "The plugin was stopped: limit `read_bytes` (bytes read through host functions) is 10MiB, 10485893B asked for; \
         raise it with `limits.read_bytes`, up to 16GiB."
    );
    assert!(report.bytes_read <= 10 * MIB);
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
