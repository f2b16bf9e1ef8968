//! Calls host functions in any order with any values, as no guest that a compiler made ever would. The fuzz target
//! `host_functions` and a property test start here; it is no part of the product.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::cli::{stderr, stdin, stdout};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::bindings::sockets::network::IpAddressFamily;
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::bindings::sync::io::{poll, streams};
use wasmtime_wasi::p2::bindings::sync::sockets::udp_create_socket;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

use super::bindings::trace::SpanQuery;
use super::bindings::types::{Attribute, AttributeValue};
use super::bindings::{artifacts, log, telemetry, trace};
use super::document::Level;
use super::store::State;
use super::telemetry::Handle;
use super::{Artifacts, Inputs, TraceInput};
use crate::limits::{Limit, Limits};
use crate::trace::{Trace, summarize};

/// Calls of one program: enough to fill every table, few enough to be quick.
const CALLS_MAX: usize = 5_000;

const TRACE: &str = r#"[
{"name":"run","start_time":0,"end_time":4000,"duration_ms":0.004,"status":"Error","attributes":{"forensic.kind":"run","cicd.pipeline.run.id":"r1","forensic.slots":1},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000001","parent_span_id":null},
{"name":"a","start_time":1000,"end_time":3000,"duration_ms":0.002,"status":"Error","attributes":{"forensic.kind":"stage","forensic.stage.id":"a","n":1.5,"t":["x","y"],"j":{"k":null}},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000002","parent_span_id":"0000000000000001"}
]"#;

fn inputs() -> &'static Inputs {
    static INPUTS: OnceLock<Inputs> = OnceLock::new();
    INPUTS.get_or_init(|| {
        let trace = Trace::from_slice(TRACE.as_bytes()).expect("a trace");
        let summary = summarize(&trace);
        let history = [(&summary).into()].into();
        // Some file that is always there.
        let dir = Dir::open_ambient_dir(env!("CARGO_MANIFEST_DIR"), ambient_authority()).expect("a folder");
        let artifacts = Artifacts::grant(&dir, &["Cargo.toml"], |_| false).expect("a grant");
        Inputs {
            trace: TraceInput::Available { trace: Arc::new(trace), summary: Arc::new(summary), history },
            artifacts,
        }
    })
}

/// A program: bytes that say which function is called with what.
struct Program<'d>(&'d [u8]);

impl Program<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Small numbers, numbers at the edges, and any others.
    fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=199 => u64::from(small),
            edge @ 200..=219 => u64::MAX - u64::from(edge - 200),
            edge @ 220..=229 => u64::from(u32::MAX) + u64::from(edge) - 224,
            edge @ 230..=239 => (64 << 10) + u64::from(edge) - 234,
            _ => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
        }
    }

    fn small(&mut self) -> u32 {
        self.number().min(u64::from(u32::MAX)) as u32
    }

    /// The handles of a table are numbered from 0.
    fn handle(&mut self) -> u32 {
        self.small()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let repeat = if self.byte() == 255 { 2_000 } else { 1 };
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes.repeat(repeat)
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn maybe_text(&mut self) -> Option<String> {
        (self.byte() % 2 == 1).then(|| self.text())
    }

    fn attribute(&mut self) -> Attribute {
        let key = self.text();
        let value = match self.byte() % 6 {
            0 => AttributeValue::Text(self.text()),
            1 => AttributeValue::Boolean(self.byte().is_multiple_of(2)),
            2 => AttributeValue::Integer(self.number() as i64),
            3 => AttributeValue::Number(f64::from_bits(self.number())),
            4 => AttributeValue::Texts((0..self.byte()).map(|_| self.text()).collect()),
            _ => AttributeValue::Json(self.text()),
        };
        Attribute { key, value }
    }

    fn attributes(&mut self) -> Vec<Attribute> {
        (0..self.byte()).map(|_| self.attribute()).collect()
    }

    fn query(&mut self) -> SpanQuery {
        let kinds = [None, Some("run"), Some("stage"), Some("stranger")];
        SpanQuery {
            stage: self.maybe_text(),
            kind: kinds[usize::from(self.byte() % 4)].map(str::to_owned),
            name: self.maybe_text(),
            failed_only: self.byte() % 2 == 1,
        }
    }
}

/// Runs a program. Whatever the functions answer is fine, as long as they answer, and keep to their limits.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzz target reaches it"))]
pub fn host_functions(data: &[u8]) {
    let mut limits = Limits::default();
    for (limit, value) in [(Limit::HostCalls, 1_000_000), (Limit::ReadBytes, 1 << 20), (Limit::Log, 4 << 10)] {
        limits.set(limit, value).expect("in range");
    }
    let mut state = State::new(inputs().clone(), "digest", &limits);
    let mut program = Program(data);
    let mut clock = 0;
    for _ in 0..CALLS_MAX {
        if program.0.is_empty() {
            break;
        }
        // An error ends a guest; here the next call comes all the same.
        call(&mut state, &mut program).ok();
        let now = monotonic_clock::Host::now(&mut state).expect("time");
        assert!(now >= clock, "time goes on");
        clock = now;
    }
    state.finish_output();
    assert!(state.meter.bytes <= 1 << 20);
    let State { log, spans, wasi, .. } = &mut state;
    assert!(wasi.output.last_words().is_none_or(|words| words.len() <= 1 << 10 && !words.contains('\n')));
    assert!(log.tail().iter().all(|line| line.text.len() <= 1 << 10 && !line.text.contains('\n')));
    let spans = std::mem::replace(spans, super::telemetry::Recorder::new(&limits)).finish();
    assert!(spans.spans.len() <= 256);
    for (number, span) in spans.spans.iter().enumerate() {
        assert!(span.parent.is_none_or(|parent| parent < number));
        assert!(span.attributes.len() <= 32 && span.events.len() <= 64 && span.name.len() <= 256);
        assert!(span.start <= span.end && span.end < Duration::from_secs(3600));
        assert!(span.attributes.iter().all(|(key, _)| !key.starts_with("forensic.") && key.len() <= 256));
    }
}

fn call(state: &mut State, program: &mut Program<'_>) -> wasmtime::Result<()> {
    state.meter.enter();
    match program.byte() % 48 {
        0 => answered(trace::Host::run(state)?),
        1 => answered(trace::Host::health(state)?),
        2 => assert!(trace::Host::stages(state, program.small(), program.small())?.len() <= 1024),
        3 => {
            assert!(trace::Host::spans(state, program.query(), program.number(), program.small())?.spans.len() <= 1024)
        }
        4 => {
            let times = trace::Host::times(state, program.query(), program.number(), program.small())?;
            assert_eq!(times.start_times.len(), times.end_times.len());
        }
        5 => answered(trace::Host::history(state, program.small())?),
        6 => answered(artifacts::Host::list(state)?),
        7 => {
            let id = if program.byte().is_multiple_of(2) { "Cargo.toml".to_owned() } else { program.text() };
            if let Ok(bytes) = artifacts::Host::read(state, id, program.number(), program.small())? {
                assert!(bytes.len() <= 1 << 20);
            }
        }
        8..=10 => {
            let level = [Level::Debug, Level::Info, Level::Warn, Level::Error][usize::from(program.byte() % 4)];
            log::Host::log(state, level, program.text())?;
        }
        11..=13 => answered(telemetry::Host::start_span(state, program.text(), program.attributes())?),
        14 => telemetry::HostSpan::set_attribute(state, span(program), program.attribute())?,
        15 => telemetry::HostSpan::add_event(state, span(program), program.text(), program.attributes())?,
        16 => telemetry::HostSpan::fail(state, span(program), program.text())?,
        17 => telemetry::HostSpan::end(state, span(program))?,
        18 => telemetry::HostSpan::drop(state, Resource::new_own(program.handle()))?,
        19 => answered(wall_clock::Host::now(state)?),
        20..=21 => answered(monotonic_clock::Host::subscribe_duration(state, program.number())?),
        22 => answered(monotonic_clock::Host::subscribe_instant(state, program.number())?),
        23..=24 => {
            let list: Vec<_> = (0..program.byte()).map(|_| pollable(program)).collect();
            let len = list.len();
            assert!(poll::Host::poll(state, list)?.iter().all(|&ready| (ready as usize) < len));
        }
        25 => answered(poll::HostPollable::ready(state, pollable(program))?),
        26 => poll::HostPollable::block(state, pollable(program))?,
        27 => poll::HostPollable::drop(state, Resource::new_own(program.handle()))?,
        28 => {
            let len = program.number();
            assert_eq!(random::Host::get_random_bytes(state, len)?.len() as u64, len);
        }
        29 => answered(random::Host::get_random_u64(state)?),
        30 => answered(insecure::Host::get_insecure_random_bytes(state, program.number())?),
        31 => answered(insecure::Host::get_insecure_random_u64(state)?),
        32 => answered(insecure_seed::Host::insecure_seed(state)?),
        33 => answered(stdin::Host::get_stdin(state)?),
        34 => answered(stdout::Host::get_stdout(state)?),
        35 => answered(stderr::Host::get_stderr(state)?),
        36 => answered(streams::HostOutputStream::check_write(state, output(program))?),
        37..=38 => streams::HostOutputStream::write(state, output(program), program.bytes())?,
        39 => streams::HostOutputStream::blocking_write_and_flush(state, output(program), program.bytes())?,
        40 => streams::HostOutputStream::write_zeroes(state, output(program), program.number())?,
        41 => streams::HostOutputStream::flush(state, output(program))?,
        42 => answered(streams::HostOutputStream::subscribe(state, output(program))?),
        43 => answered(streams::HostOutputStream::splice(state, output(program), input(program), program.number())?),
        44 => streams::HostOutputStream::drop(state, Resource::new_own(program.handle()))?,
        45 => answered(streams::HostInputStream::blocking_read(state, input(program), program.number())?),
        46 => answered(streams::HostInputStream::subscribe(state, input(program))?),
        _ => {
            assert!(tcp_create_socket::Host::create_tcp_socket(state, IpAddressFamily::Ipv4).is_err());
            assert!(udp_create_socket::Host::create_udp_socket(state, IpAddressFamily::Ipv6).is_err());
        }
    }
    Ok(())
}

/// What it is doesn't matter.
fn answered<T>(_answer: T) {}

fn span(program: &mut Program<'_>) -> Resource<Handle> {
    Resource::new_borrow(program.handle())
}

fn pollable(program: &mut Program<'_>) -> Resource<DynPollable> {
    Resource::new_borrow(program.handle())
}

fn output(program: &mut Program<'_>) -> Resource<DynOutputStream> {
    Resource::new_borrow(program.handle())
}

fn input(program: &mut Program<'_>) -> Resource<DynInputStream> {
    Resource::new_borrow(program.handle())
}

#[cfg(test)]
mod tests {
    proptest::proptest! {
        #[test]
        fn host_functions_answer_anything(program in proptest::collection::vec(proptest::num::u8::ANY, 0..2_000)) {
            super::host_functions(&program);
        }
    }
}
