//! The host's own way to a plugin, as a run goes it, taken apart by the host's phases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use forensic_host::limits::{Limit, Limits};
use forensic_host::phases;
use forensic_host::plugin::document::PluginError;
use forensic_host::plugin::{
    Artifacts, CallFailure, CallReport, Compiled, Engine, EngineSettings, Inputs, Plugin, Request, Source, TraceInput,
    call_here,
};
use forensic_host::trace::{Trace, summarize};
use wasmtime::{Result, bail, format_err};

/// What follows the machine code in a file of the host's cache: a SHA-256 and 16 bytes that name the layout.
const CACHE_TAIL: usize = 48;

/// Longer than the host takes a file that was written for one that may change unseen.
const SETTLED: Duration = Duration::from_millis(150);

/// The host's engine, with a component of its own in a cache of its own.
pub(crate) struct Ours {
    engine: Engine,
    name: String,
    component: Vec<u8>,
    /// A run knows it of what is part of the program, and of a file that did not change.
    sha256: String,
    limits: Limits,
    cache: PathBuf,
    /// What the one compilation took, in a process of its own.
    pub(crate) compile: Duration,
}

impl Ours {
    /// Compiles the component into a cache in the folder.
    pub(crate) fn new(name: &str, component: Vec<u8>, folder: &Path) -> Result<Self> {
        let cache = folder.join("cache");
        let settings =
            EngineSettings { compiler: env!("CARGO_BIN_EXE_forensic-host").into(), cache: Some(cache.clone()) };
        let engine = Engine::new(settings)?;
        let mut limits = Limits::default();
        // A trace of 100,000 spans is more than a plugin may read by default.
        limits.set(Limit::ReadBytes, 1 << 30)?;
        let sha256 = Source::of(&component).sha256().to_owned();
        let mut ours = Self { engine, name: name.into(), component, sha256, limits, cache, compile: Duration::ZERO };
        let Compiled::Fresh(took) = ours.load()?.compiled() else { bail!("an empty cache had machine code") };
        ours.compile = took;
        // A file's digest is remembered once the file was left alone for a while; until then each load computes it, which no later
        // run does.
        std::thread::sleep(SETTLED);
        if ours.load()?.compiled() != Compiled::Cached {
            bail!("the second load does not come from the cache");
        }
        Ok(ours)
    }

    pub(crate) fn size(&self) -> usize {
        self.component.len()
    }

    pub(crate) fn load(&self) -> Result<Plugin> {
        Ok(self.engine.load_source(&self.name, &Source::known(&self.component, &self.sha256), &self.limits)?)
    }

    pub(crate) fn call(&self, plugin: &Plugin, config: &str, inputs: &Inputs) -> CallReport {
        let request = Request { report_id: "bench".into(), config: config.into() };
        call_here(plugin, request, inputs, &self.limits)
    }

    /// The machine code that the host made, in a file of its own.
    pub(crate) fn machine_code(&self) -> Result<PathBuf> {
        let kept = std::fs::read_dir(&self.cache)?
            .flatten()
            .find(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        let kept = kept.ok_or_else(|| format_err!("nothing is in the cache"))?;
        let mut code = std::fs::read(kept.path())?;
        code.truncate(code.len().saturating_sub(CACHE_TAIL));
        let file = self.cache.with_extension("cwasm");
        std::fs::write(&file, code)?;
        Ok(file)
    }

    /// Loads, calls and drops once, with phases; nanoseconds by name of the phase.
    pub(crate) fn parts(&self, config: &str, inputs: &Inputs) -> Result<BTreeMap<&'static str, f64>> {
        phases::collect(true);
        drop(phases::take());
        let start = Instant::now();
        let plugin = self.load()?;
        let load = start.elapsed();
        let start = Instant::now();
        drop(self.call(&plugin, config, inputs));
        let call = start.elapsed();
        phases::collect(false);
        let phases = phases::take();
        let mut parts: BTreeMap<&'static str, f64> = BTreeMap::new();
        for phase in &phases {
            *parts.entry(phase.name).or_default() += (phase.end - phase.start) as f64;
        }
        parts.insert("load", load.as_nanos() as f64);
        parts.insert("call", call.as_nanos() as f64);
        Ok(parts)
    }
}

/// No trace and no files: what is measured then is the sandbox and not a report.
pub(crate) fn nothing() -> Inputs {
    Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() }
}

/// A trace alone.
pub(crate) fn of_trace(trace: Trace) -> Inputs {
    let summary = Arc::new(summarize(&trace));
    Inputs {
        trace: TraceInput::Available { trace: Arc::new(trace), summary, history: [].into() },
        artifacts: Artifacts::none(),
    }
}

/// The run that comes with every template.
pub(crate) fn recorded_run() -> Result<Inputs> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/templates/common/tests/runs/example");
    let trace = Trace::from_slice(&std::fs::read(folder.join("data/forensic_trace.json"))?)?;
    let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
    Ok(Inputs { artifacts: Artifacts::grant(&folder, &["data/*.csv"], |_| false)?, ..of_trace(trace) })
}

/// What a call gave, in words; any failure but a plugin's own word that data is missing ends the benchmark.
pub(crate) fn gave(report: &CallReport) -> Result<&'static str> {
    match &report.outcome {
        Ok(_) => Ok("a document"),
        Err(CallFailure::Plugin(PluginError::MissingData(_))) => Ok("missing data"),
        Err(failure) => bail!("{failure}"),
    }
}
