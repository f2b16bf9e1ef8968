//! What loading and calling a plugin costs, for every first-party plugin:
//! `cargo bench --locked -p forensic-host --bench plugin_call`.
//!
//! There is no trace and there are no artifacts, so this is the price of the sandbox and not of a report: a plugin
//! may well answer that data is missing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use forensic_host::builtins::{self, Builtin};
use forensic_host::limits::Limits;
use forensic_host::plugin::document::PluginError;
use forensic_host::plugin::{
    Artifacts, CallFailure, CallReport, Compiled, Engine, EngineSettings, Inputs, Plugin, Request, TraceInput,
};

/// How often each part is measured; the table has medians.
const ROUNDS: usize = 200;
/// The same for the compile child, which takes a thousand times as long.
const COMPILE_ROUNDS: usize = 5;

const TITLES: [&str; 7] = ["plugin", "bytes", "compile", "cached load", "call", "load+call+drop", "the call gave"];

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = |cache| Engine::new(EngineSettings { compiler: env!("CARGO_BIN_EXE_forensic-host").into(), cache });
    let cold = engine(None)?;
    let warm = engine(Some(folder.path().join("cache")))?;
    let mut rows = vec![TITLES.map(str::to_owned)];
    for name in builtins::names() {
        let builtin = builtins::find(name).context("a name without a plugin")?;
        rows.push(row(builtin, &cold, &warm).with_context(|| format!("plugin {name}"))?);
    }
    print(&rows);
    println!("\nmedians of {ROUNDS}, of the compile child {COMPILE_ROUNDS}");
    Ok(())
}

fn row(builtin: &Builtin, cold: &Engine, warm: &Engine) -> Result<[String; 7]> {
    let compile = median(COMPILE_ROUNDS, || match load(cold, builtin)?.compiled() {
        Compiled::Fresh(time) => Ok(time),
        Compiled::Cached => bail!("an engine without a cache took it from the cache"),
    })?;
    load(warm, builtin)?;
    let plugin = load(warm, builtin)?;
    if plugin.compiled() != Compiled::Cached {
        bail!("the second load does not come from the cache");
    }
    let gave = match call(warm, &plugin).outcome {
        Ok(_) => "a document",
        Err(CallFailure::Plugin(PluginError::MissingData(_))) => "missing data",
        Err(failure) => bail!("{failure}"),
    };
    let load_time = median(ROUNDS, || timed(|| load(warm, builtin)))?;
    let call_time = median(ROUNDS, || timed(|| Ok(call(warm, &plugin))))?;
    let whole = median(ROUNDS, || {
        let start = Instant::now();
        let plugin = load(warm, builtin)?;
        drop((call(warm, &plugin), plugin));
        Ok(start.elapsed())
    })?;
    Ok([
        builtin.name.to_owned(),
        builtin.component.len().to_string(),
        milliseconds(compile),
        milliseconds(load_time),
        milliseconds(call_time),
        milliseconds(whole),
        gave.to_owned(),
    ])
}

fn load(engine: &Engine, builtin: &Builtin) -> Result<Plugin> {
    Ok(engine.load(builtin.name, builtin.component, &Limits::default())?)
}

fn call(engine: &Engine, plugin: &Plugin) -> CallReport {
    let request = Request { report_id: "bench".into(), config: "{}".into() };
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() };
    engine.call(plugin, request, &inputs, &Limits::default())
}

/// How long something takes; dropping what it gave is not counted.
fn timed<T>(something: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let start = Instant::now();
    let given = something()?;
    let time = start.elapsed();
    drop(given);
    Ok(time)
}

fn median(rounds: usize, mut measure: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut times = (0..rounds).map(|_| measure()).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// Columns as wide as they need to be: words to the left, figures to the right.
fn print(rows: &[[String; 7]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(column)),
            6 => cell.clone(),
            _ => format!("{cell:>0$}", width(column)),
        });
        println!("{}", cells.collect::<Vec<_>>().join("  "));
    }
}
