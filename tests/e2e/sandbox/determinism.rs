//! A call that goes well: its document, its cost, and that both are always the same.

use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::Compiled;

use super::seen::seen_inputs;
use super::{MIB, engine, engine_with, paragraphs, plugin, request, run};
use crate::support::hostile_guest;

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
    let cold = engine_with(None).load("cold", hostile_guest(), &Limits::default()).unwrap();
    assert!(matches!(cold.compiled(), Compiled::Fresh(_)));
    let warm = engine().load("warm", hostile_guest(), &Limits::default()).unwrap();
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
