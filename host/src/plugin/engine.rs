//! The engine: from bytes to a plugin that can be called.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{EngineWeak, Result};

use super::bindings::{ReportPlugin, ReportPluginPre};
use super::cache::Cache;
use super::config::config;
use super::inspect::{Inspection, inspect, validate};
use super::store::State;
use super::{LoadError, compile, wasi};
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
        let mut step = Steps::begin("inspect");
        let inspection = inspect(bytes, limits)?;
        inspection.check()?;
        step.next("get the machine code");
        let runtime = self.runtime(limits.size(Limit::Stack)).map_err(broken)?;
        let (component, compiled) = self.component(&runtime, &inspection, bytes)?;
        step.next("link");
        let linker = if inspection.uses_wasi() { runtime.wasi_linker().map_err(broken)? } else { &runtime.linker };
        let pre = linker.instantiate_pre(&component).and_then(ReportPluginPre::new);
        let pre = pre.map_err(|error| LoadError::OtherTypes(format!("{error:#}")))?;
        Ok(Plugin { name: name.to_owned(), inspection, compiled, pre })
    }

    /// Compiles a plugin into the cache, so that the next [`Engine::load`] finds it there. Without a cache nothing is
    /// kept: see [`Engine::warning`].
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn precompile(&self, bytes: &[u8], limits: &Limits) -> Result<Compiled, LoadError> {
        Ok(self.load("precompile", bytes, limits)?.compiled)
    }

    /// The machine code of a component, from the cache or from the compiler.
    fn component(
        &self,
        runtime: &Runtime,
        inspection: &Inspection,
        bytes: &[u8],
    ) -> Result<(Component, Compiled), LoadError> {
        let key = format!("{}-{:016x}", inspection.digest, runtime.compatibility);
        let cached = self.cache.as_ref().and_then(|cache| within("read the cache", || cache.get(&key)));
        let cached = cached.and_then(|code| runtime.deserialize(&code).ok());
        if let Some(component) = cached {
            return Ok((component, Compiled::Cached));
        }
        let hopeless = || self.hopeless.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = hopeless().get(&key) {
            return Err(error.clone());
        }
        validate(bytes)?;
        let start = Instant::now();
        let compiled = within("compile", || compile::compile(&self.compiler, bytes, &self.compile_limits));
        let code = compiled.inspect_err(|error| {
            if matches!(error, LoadError::CompileLimit(_) | LoadError::Uncompilable(_)) {
                hopeless().insert(key.clone(), error.clone());
            }
        })?;
        let component = runtime.deserialize(&code).map_err(broken)?;
        if let Some(cache) = &self.cache {
            // A full disk costs time at the next run, and nothing else.
            cache.put(&key, &code).ok();
        }
        Ok((component, Compiled::Fresh(start.elapsed())))
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
