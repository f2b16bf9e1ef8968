//! What a plugin costs by the language that it is written in. Takes component files, such as those that `plugin build` makes
//! of the four templates: `cargo bench --locked -p forensic-host --bench languages -- FILE…`.
//!
//! Each is compiled, loaded from the cache, called without a trace (which is starting it, and a page that says so) and
//! called on the recorded run of the templates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::{
    Artifacts, CallReport, Compiled, Engine, EngineSettings, Inputs, Plugin, Request, TraceInput,
};
use forensic_host::trace::{Trace, summarize};

/// How often each part is measured; the table has medians.
const ROUNDS: usize = 50;
/// The same for the compile child.
const COMPILE_ROUNDS: usize = 3;
/// What interpreters need; a pipeline asks for it with `limits`.
const MEMORY: u64 = 256 << 20;
/// One tick of the system's accounting of processor time: `sysconf(_SC_CLK_TCK)` is 100 on Linux.
const TICK: Duration = Duration::from_millis(10);

const TITLES: [&str; 10] = [
    "component",
    "KiB",
    "compile",
    "its CPU",
    "compiled KiB",
    "cached load",
    "empty call",
    "call",
    "memory KiB",
    "fuel",
];

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).filter(|file| file.is_file()).collect();
    if files.is_empty() {
        bail!("name the component files to measure");
    }
    let folder = tempfile::tempdir()?;
    let engine = |cache| Engine::new(EngineSettings { compiler: env!("CARGO_BIN_EXE_forensic-host").into(), cache });
    let cold = engine(None)?;
    let mut rows = vec![TITLES.map(str::to_owned)];
    for (number, file) in files.iter().enumerate() {
        let cache = folder.path().join(number.to_string());
        let warm = engine(Some(cache.clone()))?;
        rows.push(row(file, &cold, &warm, &cache).with_context(|| file.display().to_string())?);
    }
    print(&rows);
    println!("\nmedians of {ROUNDS}, of the compile child {COMPILE_ROUNDS}");
    Ok(())
}

fn row(file: &Path, cold: &Engine, warm: &Engine, cache: &Path) -> Result<[String; 10]> {
    let component = fs::read(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut limits = Limits::default();
    limits.set(Limit::Memory, MEMORY).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let load = |engine: &Engine| -> Result<Plugin> { Ok(engine.load(&name, &component, &limits)?) };

    let before = children_cpu()?;
    let compile = median(COMPILE_ROUNDS, || match load(cold)?.compiled() {
        Compiled::Fresh(time) => Ok(time),
        Compiled::Cached => bail!("an engine without a cache took it from the cache"),
    })?;
    let compile_cpu = (children_cpu()? - before) / COMPILE_ROUNDS as u32;
    load(warm)?;
    let plugin = load(warm)?;
    if plugin.compiled() != Compiled::Cached {
        bail!("the second load does not come from the cache");
    }
    let cached_load = median(ROUNDS, || timed(|| load(warm)))?;
    let none = Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() };
    let run = recorded_run()?;
    let empty = median(ROUNDS, || timed(|| call(warm, &plugin, &none, &limits)))?;
    let full = median(ROUNDS, || timed(|| call(warm, &plugin, &run, &limits)))?;
    let report = call(warm, &plugin, &run, &limits)?;
    Ok([
        name,
        kibibytes(component.len() as u64),
        milliseconds(compile),
        milliseconds(compile_cpu),
        kibibytes(size(cache)?),
        milliseconds(cached_load),
        milliseconds(empty),
        milliseconds(full),
        kibibytes(report.peak_memory),
        report.fuel.to_string(),
    ])
}

/// The run that comes with every template.
fn recorded_run() -> Result<Inputs> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/templates/common/tests/runs/example");
    let trace = Trace::from_slice(&fs::read(folder.join("data/forensic_trace.json"))?)?;
    let summary = Arc::new(summarize(&trace));
    let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
    let artifacts = Artifacts::grant(&folder, &["data/*.csv"], |_| false)?;
    Ok(Inputs { trace: TraceInput::Available { trace: Arc::new(trace), summary, history: [].into() }, artifacts })
}

fn call(engine: &Engine, plugin: &Plugin, inputs: &Inputs, limits: &Limits) -> Result<CallReport> {
    let request = Request { report_id: "bench".into(), config: "{}".into() };
    let report = engine.call(plugin, request, inputs, limits);
    if let Err(failure) = &report.outcome {
        bail!("{failure}");
    }
    Ok(report)
}

/// Processor time of all children that have ended (proc_pid_stat(5), fields 16 and 17).
fn children_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").context("/proc/self/stat is not as described")?.1;
    let ticks: u32 = fields.split(' ').skip(13).take(2).map(|field| field.parse::<u32>().unwrap_or_default()).sum();
    Ok(TICK * ticks)
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
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

fn kibibytes(bytes: u64) -> String {
    (bytes / 1024).to_string()
}

/// Columns as wide as they need to be: words to the left, figures to the right.
fn print(rows: &[[String; 10]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(column)),
            _ => format!("{cell:>0$}", width(column)),
        });
        println!("{}", cells.collect::<Vec<_>>().join("  "));
    }
}
