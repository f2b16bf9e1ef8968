//! What loading and calling a plugin costs, for every first-party plugin and for other components, beside wasmtime alone; and what
//! records of a trace cost on their way to a guest:
//!
//! `cargo bench --locked -p forensic-host --bench plugin_call -- [--json FILE] [--rounds N] [--calls N] [--spans N] [--only N] [NAME=FILE…]`
//!
//! Prints medians and writes all rounds. There is no trace and there are no artifacts, so this is the price of the sandbox and not of
//! a report: a plugin may well answer that data is missing. The components that are named, such as those of the templates, are also
//! called on the templates' recorded run. tests/bench/plugins.py calls it with all that it needs.

mod bare;
mod ours;
mod paging;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forensic_host::builtins;
use forensic_host::plugin::{Inputs, call_thread};
use wasmtime::{Result, format_err};

use bare::{Bare, Records};
use ours::{Ours, gave, nothing, recorded_run};
use rows::{Row, cpu, median};

/// A batch of calls, whose median is the round's value, goes on about so long; it has at least [`CALLS_MIN`].
const BATCH: Duration = Duration::from_millis(200);
const CALLS_MIN: usize = 3;

/// By which name the host's phases are measured.
const PHASES: [(&str, &str); 7] = [
    ("load", "load_us"),
    ("call", "call_us"),
    ("instantiate", "instantiate_us"),
    ("describe", "describe_us"),
    ("render", "render_us"),
    ("check the document", "check_us"),
    ("drop the store", "drop_us"),
];

struct Settings {
    json: Option<PathBuf>,
    rounds: usize,
    /// Most calls of a batch.
    calls: usize,
    /// Spans of the trace that is read in pages.
    spans: usize,
    /// First-party plugins that are measured.
    only: usize,
    components: Vec<(String, PathBuf)>,
}

impl Settings {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut settings =
            Self { json: None, rounds: 5, calls: 100, spans: 100_000, only: usize::MAX, components: Vec::new() };
        while let Some(word) = words.next() {
            let mut number = || -> Result<usize> {
                Ok(words.next().ok_or_else(|| format_err!("a number is missing behind {word}"))?.parse()?)
            };
            match word.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--rounds" => settings.rounds = number()?,
                "--calls" => settings.calls = number()?.max(CALLS_MIN),
                "--spans" => settings.spans = number()?,
                "--only" => settings.only = number()?,
                "--json" => settings.json = words.next().map(PathBuf::from),
                named => {
                    let (name, file) = named.split_once('=').ok_or_else(|| format_err!("{named} is no NAME=FILE"))?;
                    settings.components.push((name.into(), file.into()));
                }
            }
        }
        Ok(settings)
    }
}

fn main() -> Result<()> {
    let settings = Settings::read(std::env::args().skip(1))?;
    // As in a run, where one thread makes one call after another.
    let measured = call_thread().spawn(move || measure(settings))?.join();
    measured.unwrap_or_else(|_| Err(format_err!("it panicked")))
}

fn measure(settings: Settings) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bare = Bare::new()?;
    let mut cases = Vec::new();
    let place = |number: usize| folder.path().join(number.to_string());
    for builtin in builtins::names().into_iter().take(settings.only).filter_map(builtins::find) {
        let name = format!("builtin:{}", builtin.name);
        let ours = Ours::new(&name, builtin.component.to_vec(), &place(cases.len()))?;
        cases.push(Case::new(&settings, &name, ours, &bare, false)?);
    }
    for (name, file) in &settings.components {
        let ours = Ours::new(name, std::fs::read(file)?, &place(cases.len()))?;
        cases.push(Case::new(&settings, name, ours, &bare, true)?);
    }
    // The rounds of a case lie apart, so that a machine that is slow for a second is slow for a round of each.
    for round in 0..settings.rounds {
        for case in &mut cases {
            case.round(round, &bare)?;
        }
    }
    let reader = Ours::new("reader", paging::guest()?, &place(cases.len()))?;
    let mut rows: Vec<Row> = cases.into_iter().flat_map(Case::rows).collect();
    rows.extend(paging::measure(settings.rounds, settings.spans, &reader, &bare)?);

    rows::print(&rows, &["load_us", "instantiate_us", "describe_us", "render_us", "drop_us", "whole_us", "compile_ms"]);
    rows::print(&rows, &["records_per_s"]);
    println!("\nmedians of {} rounds of up to {} calls", settings.rounds, settings.calls);
    settings.json.map_or(Ok(()), |file| rows::write(&file, settings.rounds, &rows))
}

/// A component by the host and by wasmtime alone.
struct Case {
    ours: Ours,
    code: PathBuf,
    wasi: bool,
    /// Without a trace.
    mine: Series,
    floor: Row,
    records: Arc<Records>,
    /// On a recorded run, by the host alone: wasmtime alone has no trace to give.
    recorded: Option<Series>,
}

/// Calls by the host with the same inputs.
struct Series {
    row: Row,
    inputs: Inputs,
    calls: usize,
}

impl Case {
    fn new(settings: &Settings, name: &str, ours: Ours, bare: &Bare, recorded: bool) -> Result<Self> {
        let mine = Series::new(settings, name, &ours, nothing())?;
        let code = ours.machine_code()?;
        let wasi = !ours.load()?.inspection().pure;
        let records = Arc::new(Records::default());
        bare.call(&bare.load(&code, wasi)?, "{}", &records)?;
        let floor = Row::new(name, ours.size(), "wasmtime alone");
        let on_run = |inputs| Series::new(settings, &format!("{name}, on a recorded run"), &ours, inputs);
        let recorded = if recorded { Some(on_run(recorded_run()?)?) } else { None };
        Ok(Self { ours, code, wasi, mine, floor, records, recorded })
    }

    /// One batch of each, in turns.
    fn round(&mut self, number: usize, bare: &Bare) -> Result<()> {
        let first = number.is_multiple_of(2);
        if first {
            self.mine.round(&self.ours)?;
        }
        floor_round(&mut self.floor, self.mine.calls, bare, &self.code, self.wasi, &self.records)?;
        if !first {
            self.mine.round(&self.ours)?;
        }
        self.recorded.as_mut().map_or(Ok(()), |recorded| recorded.round(&self.ours))
    }

    fn rows(self) -> impl Iterator<Item = Row> {
        [self.mine.row, self.floor].into_iter().chain(self.recorded.map(|recorded| recorded.row))
    }
}

impl Series {
    fn new(settings: &Settings, case: &str, ours: &Ours, inputs: Inputs) -> Result<Self> {
        let mut row = Row::new(case, ours.size(), "forensic-host");
        facts(&mut row, ours, &inputs)?;
        let calls = calls(settings, ours, &inputs)?;
        Ok(Self { row, inputs, calls })
    }

    fn round(&mut self, ours: &Ours) -> Result<()> {
        host_round(&mut self.row, self.calls, ours, &self.inputs)
    }
}

/// What is the same each time.
fn facts(row: &mut Row, ours: &Ours, inputs: &Inputs) -> Result<()> {
    let plugin = ours.load()?;
    let report = ours.call(&plugin, "{}", inputs);
    row.fact("gave", gave(&report)?);
    row.fact("fuel", report.fuel);
    row.fact("guest_memory_kib", report.peak_memory / 1024);
    row.fact("code_kib", plugin.code_size() / 1024);
    row.push("compile_ms", ours.compile.as_secs_f64() * 1e3);
    Ok(())
}

/// How many calls a batch has, by how long one takes.
fn calls(settings: &Settings, ours: &Ours, inputs: &Inputs) -> Result<usize> {
    let start = Instant::now();
    drop(ours.call(&ours.load()?, "{}", inputs));
    let fit = BATCH.as_nanos() / start.elapsed().as_nanos().max(1);
    Ok((fit as usize).clamp(CALLS_MIN, settings.calls))
}

/// One batch of the host: first as a run does it, then taken apart, which costs a little itself.
fn host_round(row: &mut Row, calls: usize, ours: &Ours, inputs: &Inputs) -> Result<()> {
    batch(row, calls, || {
        let plugin = ours.load()?;
        drop((ours.call(&plugin, "{}", inputs), plugin));
        Ok(())
    })?;
    let parts = (0..calls).map(|_| ours.parts("{}", inputs)).collect::<Result<Vec<_>>>()?;
    for (phase, measure) in PHASES {
        let times: Vec<f64> = parts.iter().filter_map(|parts| parts.get(phase).copied()).collect();
        // A phase that no call came to, such as the check of a document that there is not.
        if !times.is_empty() {
            row.push(measure, median(times) / 1e3);
        }
    }
    Ok(())
}

/// The same for wasmtime alone.
fn floor_round(
    row: &mut Row,
    calls: usize,
    bare: &Bare,
    code: &Path,
    wasi: bool,
    records: &Arc<Records>,
) -> Result<()> {
    batch(row, calls, || {
        let guest = bare.load(code, wasi)?;
        bare.call(&guest, "{}", records)?;
        Ok(())
    })?;
    let mut all: [Vec<f64>; 5] = Default::default();
    for _ in 0..calls {
        let start = Instant::now();
        let guest = bare.load(code, wasi)?;
        let load = start.elapsed();
        let parts = bare.call(&guest, "{}", records)?;
        let times = [load, parts.instantiate, parts.describe, parts.render, parts.drop];
        all.iter_mut().zip(times).for_each(|(times, time)| times.push(time.as_nanos() as f64 / 1e3));
    }
    for (measure, times) in ["load_us", "instantiate_us", "describe_us", "render_us", "drop_us"].into_iter().zip(all) {
        row.push(measure, median(times));
    }
    Ok(())
}

/// Load, call and drop as a whole, so many times: the median's wall time, the mean's CPU.
fn batch(row: &mut Row, calls: usize, mut whole: impl FnMut() -> Result<()>) -> Result<()> {
    let before = cpu();
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let start = Instant::now();
        whole()?;
        times.push(start.elapsed().as_secs_f64());
    }
    row.push("cpu_s", (cpu() - before) / calls as f64);
    let wall = median(times);
    row.push("wall_s", wall);
    row.push("whole_us", wall * 1e6);
    Ok(())
}
