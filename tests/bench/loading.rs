//! What it takes until a plugin that was compiled before has given its page, step by step:
//! `cargo bench --locked -p forensic-host --bench loading -- FILE…`.
//!
//! Each round takes the same way in each of these manners, in turn:
//! - `nothing known`: the component's file is read for its digest, and the digest of its machine code is computed, as at
//!   the first load after a start of the machine;
//! - `bytes`: the component's bytes are at hand and their digest is computed, that of the machine code is remembered;
//! - `file`: both digests are remembered.
//!
//! The cache lies in the folder for temporary files (`TMPDIR`): in a file system whose times count for nothing (ramfs), the
//! machine code is read, its digest computed, and the code copied, each time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::{Artifacts, Compiled, Engine, EngineSettings, Inputs, Plugin, Request, TraceInput};

/// How often each manner is measured.
const ROUNDS: usize = 30;
/// What interpreters need; a pipeline asks for it with `limits`.
const MEMORY: u64 = 256 << 20;
/// After so long the digest of a file is remembered.
const SETTLED: Duration = Duration::from_millis(200);
const MANNERS: [&str; 3] = ["nothing known", "bytes", "file"];
/// What is measured: instantiating, describing, rendering and dropping the instance are one call.
const STEPS: [&str; 4] = ["load", "call", "drop", "all"];

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).filter(|file| file.is_file()).collect();
    if files.is_empty() {
        bail!("name the component files to measure");
    }
    let mut limits = Limits::default();
    limits.set(Limit::Memory, MEMORY).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    for file in &files {
        measure(file, &limits)?;
    }
    println!("\nmilliseconds: median of {ROUNDS} (least, most)");
    Ok(())
}

fn measure(file: &Path, limits: &Limits) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = folder.path().join("cache");
    let settings = EngineSettings { compiler: env!("CARGO_BIN_EXE_forensic-host").into(), cache: Some(cache.clone()) };
    let engine = Engine::new(settings)?;
    let bytes = fs::read(file)?;
    engine.load("bench", &bytes, limits)?;
    thread::sleep(SETTLED);
    let mut times = vec![[(); STEPS.len()].map(|()| Vec::with_capacity(ROUNDS)); MANNERS.len()];
    // The first round is not counted.
    for round in 0..=ROUNDS {
        for turn in 0..MANNERS.len() {
            let manner = (round + turn) % MANNERS.len();
            if manner == 0 {
                forget(&cache)?;
            } else {
                load(&engine, file, &bytes, limits, 2)?;
            }
            let start = Instant::now();
            let plugin = load(&engine, file, &bytes, limits, manner)?;
            let loaded = Instant::now();
            call(&engine, &plugin, limits)?;
            let called = Instant::now();
            drop(plugin);
            let dropped = Instant::now();
            if round > 0 {
                let steps = [loaded - start, called - loaded, dropped - called, dropped - start];
                times[manner].iter_mut().zip(steps).for_each(|(times, step)| times.push(step));
            }
        }
    }
    println!("{} ({} KiB)", file.display(), bytes.len() / 1024);
    for (manner, times) in MANNERS.iter().zip(&mut times) {
        let cells: Vec<String> = STEPS.iter().zip(times).map(|(step, times)| cell(step, times)).collect();
        println!("  {manner:<14}{}", cells.join("  "));
    }
    Ok(())
}

fn load(engine: &Engine, file: &Path, bytes: &[u8], limits: &Limits, manner: usize) -> Result<Plugin> {
    let plugin = if manner == 1 {
        engine.load("bench", bytes, limits)?
    } else {
        engine.load_source("bench", &engine.source(File::open(file)?, limits)?, limits)?
    };
    if plugin.compiled() != Compiled::Cached {
        bail!("{} does not come from the cache", file.display());
    }
    Ok(plugin)
}

/// An empty call: starting the plugin, and a page that says that there is no trace.
fn call(engine: &Engine, plugin: &Plugin, limits: &Limits) -> Result<()> {
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() };
    let request = Request { report_id: "bench".into(), config: "{}".into() };
    match engine.call(plugin, request, &inputs, limits).outcome {
        Ok(_) => Ok(()),
        Err(failure) => bail!("{failure}"),
    }
}

/// Removes what is remembered of files.
fn forget(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "seen") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn cell(step: &str, times: &mut [Duration]) -> String {
    times.sort_unstable();
    let milliseconds = |at: usize| times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let (least, middle, most) = (milliseconds(0), milliseconds(times.len() / 2), milliseconds(times.len() - 1));
    format!("{step} {middle:.3} ({least:.3}, {most:.3})")
}
