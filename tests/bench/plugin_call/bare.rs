//! The floor: the same machine code in wasmtime alone, set up and limited as the host does it (`host/src/plugin/config.rs`), with
//! nothing of ours around it. No digest, no inspection, no metering of host calls, no thread, no clock, no check of the document.
//! Where a guest wants WASI it gets that of wasmtime-wasi. Of the trace there are records that were made beforehand.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{
    Config, Engine, OperatorCost, Result, Store, StoreLimits, StoreLimitsBuilder, VariableOperatorCost,
    WasmBacktraceDetails,
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use generated::forensic::report::{artifacts, log, telemetry, trace, types};
use generated::{ReportPlugin, ReportPluginPre};

#[allow(missing_docs, clippy::all, reason = "generated code")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "report-plugin",
        with: { "forensic:report/telemetry.span": super::Handle },
        additional_derives: [Clone],
    });
}

pub(crate) use trace::Span;
pub(crate) use types::{Attribute, AttributeValue};

/// What the host's own limits are by default (`host/src/limits.rs`).
const FUEL: u64 = 5_000_000_000;
const STACK: usize = 512 << 10;
/// The largest pages that the host gives (`host/src/plugin/view.rs`).
const PAGE_MAX: u32 = 1024;
const TIMES_MAX: u32 = 65_536;

/// wasmtime, and what guests import.
pub(crate) struct Bare {
    engine: Engine,
    linker: Linker<State>,
    wasi_linker: Linker<State>,
}

/// A guest that is ready to run.
pub(crate) struct Guest {
    pre: ReportPluginPre<State>,
    wasi: bool,
}

/// What the parts of one call took.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) instantiate: Duration,
    pub(crate) describe: Duration,
    pub(crate) render: Duration,
    pub(crate) drop: Duration,
}

/// All spans of a trace, as guests get them.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) spans: Vec<Span>,
}

/// A span of a guest's own work: nobody keeps it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Handle;

struct State {
    limits: StoreLimits,
    records: Arc<Records>,
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

impl Bare {
    pub(crate) fn new() -> Result<Self> {
        let engine = Engine::new(&config())?;
        let mut linker = Linker::new(&engine);
        ReportPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
        let mut wasi_linker = linker.clone();
        wasmtime_wasi::p2::add_to_linker_sync(&mut wasi_linker)?;
        Ok(Self { engine, linker, wasi_linker })
    }

    /// `code`: a file with the machine code that the host made. That it is taken says that both set up wasmtime alike.
    #[expect(unsafe_code, reason = "loading machine code can't be checked, only where it came from")]
    pub(crate) fn load(&self, code: &Path, wasi: bool) -> Result<Guest> {
        // SAFETY: the file is what our own compile child wrote, in a folder that this benchmark has just made.
        let component = unsafe { Component::deserialize_file(&self.engine, code) };
        let component = component.context("the host's machine code does not fit: is `config` that of the host?")?;
        let linker = if wasi { &self.wasi_linker } else { &self.linker };
        Ok(Guest { pre: ReportPluginPre::new(linker.instantiate_pre(&component)?)?, wasi })
    }

    /// Makes an instance, calls `describe` and `render`, and drops all of it; whether the guest gave a document is its own affair.
    pub(crate) fn call(&self, guest: &Guest, config: &str, records: &Arc<Records>) -> Result<Parts> {
        let mut parts = Parts::default();
        let mut start = Instant::now();
        let mut step = |part: &mut Duration| {
            *part = start.elapsed();
            start = Instant::now();
        };
        let mut store = Store::new(&self.engine, State::new(guest.wasi, records.clone()));
        store.limiter(|state| &mut state.limits);
        store.set_fuel(FUEL)?;
        // Nobody moves this clock.
        store.set_epoch_deadline(1);
        let instance = guest.pre.instantiate(&mut store)?;
        step(&mut parts.instantiate);
        let exports = instance.forensic_report_plugin();
        exports.call_describe(&mut store)?;
        step(&mut parts.describe);
        let request = types::Request { report_id: "bench".into(), config: config.into() };
        drop(exports.call_render(&mut store, &request)?);
        step(&mut parts.render);
        drop(store);
        step(&mut parts.drop);
        Ok(parts)
    }
}

/// As `host/src/plugin/config.rs`: wasmtime refuses machine code that was made with other settings.
fn config() -> Config {
    let variable = VariableOperatorCost { memory_grow_per_page: 255, ..VariableOperatorCost::new() };
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .consume_fuel(true)
        .operator_cost(OperatorCost { variable, ..OperatorCost::default() })
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .async_stack_size(2 << 20)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

impl State {
    fn new(wasi: bool, records: Arc<Records>) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(if wasi { 256 << 20 } else { 64 << 20 })
            .table_elements(20_000)
            .instances(64)
            .memories(8)
            .tables(64)
            .build();
        let wasi = wasi.then(|| WasiCtxBuilder::new().build());
        Self { limits, records, wasi, table: ResourceTable::new() }
    }

    /// Which of the records are on a page, and where the next one begins.
    fn page(&self, cursor: u64, max: u32) -> (&[Span], Option<u64>) {
        let all = &self.records.spans;
        let from = usize::try_from(cursor).unwrap_or(usize::MAX).min(all.len());
        let to = from.saturating_add(max as usize).min(all.len());
        (&all[from..to], (to < all.len()).then_some(to as u64))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_with(|| WasiCtxBuilder::new().build()), table: &mut self.table }
    }
}

impl types::Host for State {}

impl trace::Host for State {
    fn run(&mut self) -> std::result::Result<trace::RunSummary, trace::TraceError> {
        Err(trace::TraceError::Missing)
    }

    fn health(&mut self) -> std::result::Result<trace::HealthMetrics, trace::TraceError> {
        Err(trace::TraceError::Missing)
    }

    fn stages(&mut self, _offset: u32, _max: u32) -> Vec<trace::StageSummary> {
        Vec::new()
    }

    fn spans(&mut self, _query: trace::SpanQuery, cursor: u64, max: u32) -> trace::SpanPage {
        let (spans, next) = self.page(cursor, max.min(PAGE_MAX));
        trace::SpanPage { spans: spans.to_vec(), next }
    }

    fn times(&mut self, _query: trace::SpanQuery, cursor: u64, max: u32) -> trace::SpanTimes {
        let (spans, next) = self.page(cursor, max.min(TIMES_MAX));
        let start_times = spans.iter().map(|span| span.start_time).collect();
        trace::SpanTimes { start_times, end_times: spans.iter().map(|span| span.end_time).collect(), next }
    }

    fn history(&mut self, _max: u32) -> Vec<trace::RunSummary> {
        Vec::new()
    }
}

impl artifacts::Host for State {
    fn list(&mut self) -> Vec<artifacts::Artifact> {
        Vec::new()
    }

    fn read(&mut self, _id: String, _offset: u64, _len: u32) -> std::result::Result<Vec<u8>, artifacts::ArtifactError> {
        Err(artifacts::ArtifactError::NotGranted)
    }
}

impl log::Host for State {
    fn log(&mut self, _level: log::Level, _text: String) {}
}

impl telemetry::Host for State {
    fn start_span(&mut self, _name: String, _attributes: Vec<Attribute>) -> Resource<Handle> {
        Resource::new_own(0)
    }
}

impl telemetry::HostSpan for State {
    fn set_attribute(&mut self, _span: Resource<Handle>, _attribute: Attribute) {}

    fn add_event(&mut self, _span: Resource<Handle>, _name: String, _attributes: Vec<Attribute>) {}

    fn fail(&mut self, _span: Resource<Handle>, _message: String) {}

    fn end(&mut self, _span: Resource<Handle>) {}

    fn drop(&mut self, _span: Resource<Handle>) -> Result<()> {
        Ok(())
    }
}
