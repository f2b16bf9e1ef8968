//! The host's side of the WIT package, as `wasmtime` generates it. Every import may end the call, because every
//! import is counted (`host.rs`).

#![allow(missing_docs, reason = "generated; the WIT package documents every item")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "report-plugin",
    imports: { default: trappable },
    with: { "forensic:report/telemetry.span": super::telemetry::Handle },
    additional_derives: [Clone, PartialEq],
});

pub(crate) use forensic::report::{artifacts, log, telemetry, trace, types};
