//! The engine: from bytes to a plugin that can be called.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{EngineWeak, Result};

use super::bindings::{ReportPlugin, ReportPluginPre};
use super::cache::Cache;
use super::cached::{Code, Found};
use super::config::config;
use super::inspect::{Facts, Inspection, fits, inspect_known, validate};
use super::pace::Pace;
use super::seen::{Kind, Stamp};
use super::source::{self, Source};
use super::store::State;
use super::{LoadError, compile, wasi};
use crate::files::sha256;
use crate::limits::{CompileLimits, Limit, Limits};
use crate::phases::{Steps, within};

/// The clock of all calls.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What an [`Engine`] needs to know.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// An executable that answers to [`COMPILE_COMMAND`](super::COMPILE_COMMAND) with
    /// [`compile_child`](super::compile_child): our own.
    pub compiler: PathBuf,
    /// A private folder for compiled plugins; made where it doesn't exist. Without one, plugins are compiled every
    /// time.
    pub cache: Option<PathBuf>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("The WebAssembly engine does not start on this machine: {0}.")]
pub struct EngineError(String);

/// Loads plugins and calls them. Many threads may use one engine at once.
pub struct Engine {
    compiler: PathBuf,
    compile_limits: CompileLimits,
    cache: Option<Cache>,
    warning: Option<String>,
    /// Components that the compiler gave up on, and why: another report stage with the same one need not wait again.
    hopeless: Mutex<HashMap<String, LoadError>>,
    pace: Arc<Pace>,
    runtimes: Mutex<Vec<Arc<Runtime>>>,
}

/// A `wasmtime` engine. There is one for each stack size that is asked for, which is one, almost always.
struct Runtime {
    stack: usize,
    engine: wasmtime::Engine,
    /// Of the report API alone.
    linker: Linker<State>,
    /// With WASI beside it; made when the first plugin wants it.
    wasi_linker: OnceLock<Linker<State>>,
    /// What decides, beside the component, whether compiled code fits.
    compatibility: u64,
}

/// A component that is ready to run.
#[derive(Clone)]
pub struct Plugin {
    name: String,
    inspection: Inspection,
    compiled: Compiled,
    pub(super) pre: ReportPluginPre<State>,
}

/// Where a plugin's machine code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiled {
    /// From the cache.
    Cached,
    /// From a compile child, which took so long.
    Fresh(Duration),
}

impl Engine {
    /// Makes an engine. A cache that can't be used is no error: see [`Engine::warning`].
    ///
    /// # Errors
    /// Where this machine can't run WebAssembly.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        let (cache, warning) = match settings.cache.as_deref().map(Cache::open).transpose() {
            Ok(cache) => (cache, None),
            Err(warning) => (None, Some(warning)),
        };
        let engine = Self {
            compiler: settings.compiler,
            compile_limits: CompileLimits::default(),
            cache,
            warning,
            hopeless: Mutex::default(),
            pace: Arc::default(),
            runtimes: Mutex::default(),
        };
        engine.runtime(Limits::default().size(Limit::Stack)).map_err(|error| EngineError(format!("{error:#}")))?;
        Ok(engine)
    }

    /// With other limits for the process that compiles.
    #[must_use]
    pub fn with_compile_limits(mut self, limits: CompileLimits) -> Self {
        self.compile_limits = limits;
        self
    }

    /// In the hurry that somebody else tells; else somebody always waits.
    #[must_use]
    pub(crate) fn with_pace(mut self, pace: Arc<Pace>) -> Self {
        self.pace = pace;
        self
    }

    /// Why the cache isn't used, where it was wanted.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Makes a plugin of a component's bytes. `name` is what it is called in threads and messages. Of `limits`, those
    /// on the component's size and on the guest's stack count here.
    ///
    /// # Errors
    /// Whatever is wrong with it, in a sentence; the cheapest checks come first.
    pub fn load(&self, name: &str, bytes: &[u8], limits: &Limits) -> Result<Plugin, LoadError> {
        fits(bytes.len() as u64, limits)?;
        self.load_source(name, &Source::of(bytes), limits)
    }

    /// Makes a plugin of a component that may not have been read yet.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn load_source(&self, name: &str, source: &Source<'_>, limits: &Limits) -> Result<Plugin, LoadError> {
        fits(source.size(), limits)?;
        let mut step = Steps::begin("get the machine code");
        let runtime = self.runtime(limits.size(Limit::Stack)).map_err(broken)?;
        let key = format!("{}-{:016x}", source.sha256(), runtime.compatibility);
        let (inspection, component, compiled) = match self.cached(&runtime, &key) {
            // What is in the cache was inspected before it was compiled, and is what has this digest.
            Some((facts, component)) => {
                let inspection = facts.inspection(source.sha256().to_owned());
                inspection.check()?;
                (inspection, component, Compiled::Cached)
            }
            None => {
                let bytes = source.bytes()?;
                let inspection = within("inspect", || inspect_known(&bytes, source.sha256(), limits))?;
                inspection.check()?;
                let (component, took) = self.compile(&runtime, &key, &inspection, &bytes)?;
                (inspection, component, Compiled::Fresh(took))
            }
        };
        step.next("link");
        let linker = if inspection.uses_wasi() { runtime.wasi_linker().map_err(broken)? } else { &runtime.linker };
        let pre = linker.instantiate_pre(&component).and_then(ReportPluginPre::new);
        let pre = pre.map_err(|error| LoadError::OtherTypes(format!("{error:#}")))?;
        Ok(Plugin { name: name.to_owned(), inspection, compiled, pre })
    }

    /// A component in a file. It is read for its digest, which the cache remembers for as long as the file stays as it is: then
    /// it is not read again.
    ///
    /// # Errors
    /// Where it can't be read, changes meanwhile, or is larger than `limits` allow.
    pub fn source(&self, file: File, limits: &Limits) -> Result<Source<'static>, LoadError> {
        let unreadable = |why: String| LoadError::Unreadable(why);
        let size = file.metadata().map_err(|error| unreadable(error.to_string()))?.len();
        fits(size, limits)?;
        let stamp = Stamp::of(&file).filter(|stamp| stamp.size() == size);
        let known = self.cache.as_ref().zip(stamp.as_ref());
        if let Some(sha256) = known.and_then(|(cache, stamp)| cache.recall(Kind::Component, stamp)) {
            return Ok(Source::unchanged(file, size, sha256));
        }
        let now = SystemTime::now();
        let bytes = source::read(&file, size).map_err(|error| unreadable(error.to_string()))?;
        let digest = sha256(&bytes);
        if let Some((cache, stamp)) = known {
            cache.remember(Kind::Component, &file, stamp, now, &digest);
        }
        Ok(Source::known(bytes, digest))
    }

    /// Compiles a plugin into the cache, so that the next [`Engine::load`] finds it there. Without a cache nothing is
    /// kept: see [`Engine::warning`].
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn precompile(&self, bytes: &[u8], limits: &Limits) -> Result<Compiled, LoadError> {
        Ok(self.load("precompile", bytes, limits)?.compiled)
    }

    /// What the cache has under this key.
    fn cached(&self, runtime: &Runtime, key: &str) -> Option<(Facts, Component)> {
        let Found { facts, code } = within("look into the cache", || self.cache.as_ref()?.get(key))?;
        Some((facts, within("map the machine code", || runtime.found(code))?))
    }

    /// The machine code of a component from the compiler, and how long that took.
    fn compile(
        &self,
        runtime: &Runtime,
        key: &str,
        inspection: &Inspection,
        bytes: &[u8],
    ) -> Result<(Component, Duration), LoadError> {
        let hopeless = || self.hopeless.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = hopeless().get(key) {
            return Err(error.clone());
        }
        validate(bytes)?;
        let (start, ahead) = (Instant::now(), self.pace.is_ahead());
        let compiled = within("compile", || compile::compile(&self.compiler, bytes, &self.compile_limits, &self.pace));
        let code = compiled.inspect_err(|error| {
            if !ahead && matches!(error, LoadError::CompileLimit(_) | LoadError::Uncompilable(_)) {
                hopeless().insert(key.to_owned(), error.clone());
            }
        })?;
        let component = runtime.deserialize(&code).map_err(broken)?;
        if let Some(cache) = &self.cache {
            // A full disk costs time at the next run, and nothing else.
            cache.put(key, &Facts::of(inspection), &code).ok();
        }
        Ok((component, start.elapsed()))
    }

    fn runtime(&self, stack: usize) -> Result<Arc<Runtime>> {
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtimes.iter().find(|runtime| runtime.stack == stack) {
            return Ok(runtime.clone());
        }
        let runtime = Arc::new(Runtime::new(stack)?);
        runtimes.push(runtime.clone());
        Ok(runtime)
    }
}

impl Runtime {
    fn new(stack: usize) -> Result<Self> {
        let engine = wasmtime::Engine::new(&config(stack))?;
        let mut linker = Linker::new(&engine);
        ReportPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
        let mut hasher = DefaultHasher::new();
        (engine.precompile_compatibility_hash(), env!("CARGO_PKG_VERSION")).hash(&mut hasher);
        let weak = engine.weak();
        thread::Builder::new().name("plugin clock".into()).spawn(move || tick(&weak))?;
        Ok(Self { stack, engine, linker, wasi_linker: OnceLock::new(), compatibility: hasher.finish() })
    }

    fn wasi_linker(&self) -> Result<&Linker<State>> {
        if let Some(linker) = self.wasi_linker.get() {
            return Ok(linker);
        }
        let mut linker = self.linker.clone();
        wasi::add_to_linker(&mut linker)?;
        Ok(self.wasi_linker.get_or_init(|| linker))
    }

    /// Machine code out of the cache: mapped, so that only those pages are read that are needed, and the image of a guest's
    /// memory is not copied. Where it can't be mapped (a folder that nothing may be executed from, no `/proc`) it is read.
    fn found(&self, code: Code) -> Option<Component> {
        let mapped = match &code {
            Code::File(file, _) => self.map(file).ok(),
            Code::Bytes(_) => None,
        };
        mapped.or_else(|| self.deserialize(&code.read().ok()?).ok())
    }

    #[expect(unsafe_code, reason = "loading machine code can't be checked, only where it came from")]
    fn map(&self, file: &File) -> Result<Component> {
        // The file that was looked at, whatever its name means by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: as in `deserialize`. And nobody writes to a file of the cache once it has its name: whoever has something
        // else to keep puts another file in its place, and this one lives on for as long as it is mapped.
        unsafe { Component::deserialize_file(&self.engine, path) }
    }

    #[expect(unsafe_code, reason = "loading machine code can't be checked, only where it came from")]
    fn deserialize(&self, code: &[u8]) -> Result<Component> {
        // SAFETY: `code` is what our own executable wrote: either straight from the pipe of the compile child that we
        // started, or from a file that we wrote into a private folder of ours and whose digest still fits.
        within("deserialize", || unsafe { Component::deserialize(&self.engine, code) })
    }
}

/// What goes wrong in the engine itself.
fn broken(error: wasmtime::Error) -> LoadError {
    LoadError::Compiler(format!("{error:#}"))
}

/// Advances the epoch until the engine is gone. A late thread makes up for what it missed.
fn tick(engine: &EngineWeak) {
    let start = Instant::now();
    let mut ticks = 0;
    loop {
        thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else { return };
        let due = start.elapsed().as_nanos() / TICK.as_nanos();
        while ticks < due {
            engine.increment_epoch();
            ticks += 1;
        }
    }
}

impl Plugin {
    /// What it was called when it was loaded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its digest, API version, imports and exports.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Where its machine code came from.
    pub fn compiled(&self) -> Compiled {
        self.compiled
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("compiler", &self.compiler).field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, inspection, compiled, .. } = self;
        f.debug_struct("Plugin")
            .field("name", name)
            .field("inspection", inspection)
            .field("compiled", compiled)
            .finish_non_exhaustive()
    }
}
