//! One call: a fresh store, `describe`, `render`, and what became of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

use super::document::{Document, PluginInfo};
use super::engine::{Engine, Plugin, TICK};
use super::failure::CallFailure;
use super::inputs::Inputs;
use super::logbook::{LogLine, printable};
use super::meter::{Exceeded, settle};
use super::store::State;
use super::telemetry::GuestSpans;
use super::trap::{Misuse, TrapReport, functions};
use super::{bindings, checks};
use crate::limits::{Limit, Limits};
use crate::phases::{self, Steps};

/// The stack of a call's thread: the guest's own largest, and as much again for the host.
const THREAD_STACK: usize = 8 << 20;
/// What is shown of an engine's own message.
const TEXT_MAX: usize = 1 << 10;

/// What a report stage asks of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Id of the report stage.
    pub report_id: String,
    /// `config` of the report stage, as JSON text; `{}` if there is none.
    pub config: String,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReport {
    /// What the plugin says of itself, if it came so far.
    pub info: Option<PluginInfo>,
    /// The document, checked; or why there is none.
    pub outcome: Result<Document, CallFailure>,
    /// Fuel used: the same for the same plugin and inputs, on every machine.
    pub fuel: u64,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// Lines that did not fit.
    pub log_dropped: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes that they handed out.
    pub bytes_read: u64,
    /// The most that its memories took together.
    pub peak_memory: u64,
    /// The spans that it made of its own work.
    pub spans: GuestSpans,
}

/// As [`Engine::call`], but in this thread, which has to be a [`call_thread`]: for one call after another.
pub fn call_here(plugin: &Plugin, request: Request, inputs: &Inputs, limits: &Limits) -> CallReport {
    // Nothing of a call is left but its inputs, which nobody changes.
    let called = catch_unwind(AssertUnwindSafe(|| call(plugin, request, inputs.clone(), limits)));
    called.unwrap_or_else(|_| CallReport::panicked())
}

/// A thread whose stack is large enough for calls.
pub fn call_thread() -> thread::Builder {
    thread::Builder::new().name("plugin".into()).stack_size(THREAD_STACK)
}

impl CallReport {
    fn panicked() -> Self {
        Self::failed("it panicked".into())
    }

    fn failed(why: String) -> Self {
        Self::because(CallFailure::Host { why })
    }

    fn because(failure: CallFailure) -> Self {
        Self {
            info: None,
            outcome: Err(failure),
            fuel: 0,
            log: Vec::new(),
            log_dropped: 0,
            host_calls: 0,
            bytes_read: 0,
            peak_memory: 0,
            spans: GuestSpans::default(),
        }
    }
}

impl Engine {
    /// Calls a plugin: `describe`, then `render`, in an instance of its own and on a thread of its own, within
    /// `limits`. Never panics, whatever the plugin does.
    pub fn call(&self, plugin: &Plugin, request: Request, inputs: &Inputs, limits: &Limits) -> CallReport {
        let thread = call_thread().name(format!("plugin {}", plugin.name().replace('\0', "")));
        let caller = phases::innermost();
        let called = || {
            phases::enter(caller);
            call_here(plugin, request, inputs, limits)
        };
        thread::scope(|scope| match thread.spawn_scoped(scope, called) {
            Ok(thread) => thread.join().unwrap_or_else(|_| CallReport::panicked()),
            Err(error) => CallReport::because(CallFailure::without_thread(&error)),
        })
    }
}

fn call(plugin: &Plugin, request: Request, inputs: Inputs, limits: &Limits) -> CallReport {
    let mut step = Steps::begin("make the store");
    let inspection = plugin.inspection();
    let limits = &if inspection.uses_wasi() { limits.for_interpreter() } else { *limits };
    let mut store = Store::new(plugin.pre.engine(), State::new(inputs, &inspection.digest, limits));
    store.limiter(|state| &mut state.space);
    store.call_hook(settle);
    store.set_hostcall_fuel(checks::hostcall_fuel(limits));
    // Before anything of the guest runs: its start functions count too.
    let ticks = limits.time().as_nanos().div_ceil(TICK.as_nanos());
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1));
    let budget = limits.get(Limit::Fuel);
    if let Err(error) = store.set_fuel(budget) {
        return CallReport::failed(format!("{error:#}"));
    }
    let mut info = None;
    step.next("run the guest");
    let outcome = run(&mut store, plugin, request, limits, &mut info);
    step.next("drop the store");
    let fuel = budget.saturating_sub(store.get_fuel().unwrap_or_default());
    store.data_mut().finish_output();
    let State { meter, space, log, spans, .. } = store.into_data();
    let (log, log_dropped) = log.finish();
    CallReport {
        info,
        outcome,
        fuel,
        log,
        log_dropped,
        host_calls: meter.calls,
        bytes_read: meter.bytes,
        peak_memory: space.peak_memory(),
        spans: spans.finish(),
    }
}

fn run(
    store: &mut Store<State>,
    plugin: &Plugin,
    request: Request,
    limits: &Limits,
    info: &mut Option<PluginInfo>,
) -> Result<Document, CallFailure> {
    let language = plugin.inspection().languages.first().map(String::as_str);
    let mut step = Steps::begin("instantiate");
    let instance = plugin.pre.instantiate(&mut *store);
    let instance = instance.map_err(|error| explain(&error, store.data_mut(), limits, language, true))?;
    let exports = instance.forensic_report_plugin();
    step.next("describe");
    let described = exports.call_describe(&mut *store);
    let described = described.map_err(|error| explain(&error, store.data_mut(), limits, language, false))?;
    checks::info(&described, limits)?;
    *info = Some(described);
    let request = bindings::types::Request { report_id: request.report_id, config: request.config };
    step.next("render");
    let rendered = exports.call_render(&mut *store, &request);
    let rendered = rendered.map_err(|error| explain(&error, store.data_mut(), limits, language, false))?;
    let document = rendered.map_err(CallFailure::Plugin)?;
    step.next("check the document");
    checks::document(&document, limits)?;
    Ok(document)
}

/// Finds out why the engine ended a call. What we know by ourselves comes before what the engine says.
fn explain(
    error: &wasmtime::Error,
    state: &mut State,
    limits: &Limits,
    language: Option<&str>,
    starting: bool,
) -> CallFailure {
    state.finish_output();
    let words = state.wasi.output.last_words();
    let stopped = |limit, asked, place: &str| match CallFailure::limit(limits, limit, asked, place) {
        CallFailure::Limit { limit, asked, message, .. } => {
            CallFailure::Limit { limit, asked, message, log: state.log.tail() }
        }
        other => other,
    };
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        let place = if exceeded.limit == Limit::Fuel { busy_in(error) } else { String::new() };
        return stopped(exceeded.limit, exceeded.asked, &place);
    }
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::Interrupt) => return stopped(Limit::Time, None, &busy_in(error)),
        Some(Trap::OutOfFuel) => return stopped(Limit::Fuel, None, &busy_in(error)),
        Some(Trap::StackOverflow) => {
            return stopped(Limit::Stack, None, &format!("recursion too deep{}: ", place(error)));
        }
        _ => {}
    }
    // A guest that doesn't get memory gives up in its own way; one that traps at the border had something else.
    if let Some(refused) = state.space.refused
        && matches!(trap, None | Some(Trap::UnreachableCodeReached))
        && !error.is::<Misuse>()
    {
        return stopped(refused.limit, refused.asked, "");
    }
    let root = error.root_cause().to_string();
    if trap.is_none() && root.contains("fuel allocated for hostcalls") {
        return match functions(error).first() {
            // No function runs when a result is taken.
            None => stopped(Limit::Document, None, ""),
            Some(name) => {
                stopped(Limit::Document, None, &format!("{name} hands the host a text larger than any document: "))
            }
        };
    }
    if let Some((limit, asked)) = too_many(&root) {
        return stopped(limit, Some(asked), "");
    }
    match trap {
        None if starting && !error.is::<I32Exit>() => CallFailure::Instantiate { why: printable(&root, TEXT_MAX) },
        _ => CallFailure::Trap(Box::new(TrapReport::new(error, &state.log, words, language))),
    }
}

/// `resource limit exceeded: instance count too high at 65`
fn too_many(text: &str) -> Option<(Limit, u64)> {
    let (what, number) = text.strip_prefix("resource limit exceeded: ")?.split_once(" count too high at ")?;
    let limit = match what {
        "instance" => Limit::Instances,
        "memory" => Limit::Memories,
        "table" => Limit::Tables,
        _ => return None,
    };
    Some((limit, number.parse().ok()?))
}

fn place(error: &wasmtime::Error) -> String {
    functions(error).first().map(|name| format!(", in {name}")).unwrap_or_default()
}

fn busy_in(error: &wasmtime::Error) -> String {
    functions(error).first().map(|name| format!("it was busy in {name}: ")).unwrap_or_default()
}
