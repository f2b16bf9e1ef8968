//! The plugins of a run or a rebuild: each component is loaded once, when the first report stage wants it, or ahead of that in a
//! thread beside the run's stages.
//!
//! What fails ahead is no news: stages may have had all the memory just then. It is tried again when it is wanted, and told then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::sdk::PluginSettings;
use crate::limits::{Limit, Limits, Maxima};
use crate::phases::{self, phase, phase_of, within};
use crate::plugin::{Engine, EngineError, LoadError, Pace, Plugin, Source};

/// Loads plugins, each once, for as many threads as like.
pub(super) struct Loader {
    settings: PluginSettings,
    engine: Mutex<Option<Arc<Engine>>>,
    slots: Mutex<HashMap<Key, Slot>>,
    pace: Arc<Pace>,
}

/// All that loading depends on.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    sha256: String,
    /// Most bytes of the component.
    size: u64,
    /// Bytes of the guest's stack.
    stack: u64,
}

/// Locked while it is loaded: who wants the same one waits.
type Slot = Arc<Mutex<Option<Plugin>>>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loader {
    /// For plugins that are waited for.
    pub(super) fn new(settings: &PluginSettings) -> Self {
        Self::at(Pace::default(), settings)
    }

    fn at(pace: Pace, settings: &PluginSettings) -> Self {
        let (settings, pace) = (settings.clone(), Arc::new(pace));
        Self { settings, engine: Mutex::default(), slots: Mutex::default(), pace }
    }

    /// What any report stage may be given.
    pub(super) fn maxima(&self) -> Maxima {
        self.settings.limits.maxima
    }

    /// How urgent it is.
    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The sandbox, started if it is not there yet.
    ///
    /// # Errors
    /// Where this machine can't run WebAssembly.
    pub(super) fn engine(&self) -> Result<Arc<Engine>, EngineError> {
        let mut engine = locked(&self.engine);
        if let Some(engine) = &*engine {
            return Ok(engine.clone());
        }
        let started = within("start the engine", || self.settings.engine())?.with_pace(self.pace.clone());
        Ok(engine.insert(Arc::new(started)).clone())
    }

    /// The plugin, loaded if it is not there yet.
    ///
    /// # Errors
    /// As [`Engine::load_source`].
    pub(super) fn load(
        &self,
        engine: &Engine,
        name: &str,
        source: &Source<'_>,
        limits: &Limits,
    ) -> Result<Plugin, LoadError> {
        let slot = locked(&self.slots).entry(Key::of(source, limits)).or_default().clone();
        let mut plugin = locked(&slot);
        if let Some(plugin) = &*plugin {
            return Ok(plugin.clone());
        }
        Ok(plugin.insert(engine.load_source(name, source, limits)?).clone())
    }
}

impl Key {
    fn of(source: &Source<'_>, limits: &Limits) -> Self {
        Self { sha256: source.sha256().to_owned(), size: limits.get(Limit::Component), stack: limits.get(Limit::Stack) }
    }
}

/// A loader that is at work already. Dropped, it gives up what is not done, and leaves no thread.
pub(super) struct Ahead {
    loader: Arc<Loader>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Begins to load these, in their order: ids of report stages, their components and limits. `parent`: the phase of the host
    /// that this is a part of.
    pub(super) fn start(
        settings: &PluginSettings,
        plugins: Vec<(String, Source<'static>, Limits)>,
        parent: u64,
    ) -> Self {
        let loader = Arc::new(Loader::at(Pace::ahead(), settings));
        let thread = (!plugins.is_empty()).then(|| {
            let loader = loader.clone();
            let load = move || {
                phases::enter(parent);
                let _phase = phase("load plugins ahead");
                let Ok(engine) = loader.engine() else { return };
                for (report, source, limits) in plugins {
                    if loader.pace.is_given_up() {
                        return;
                    }
                    let _phase = phase_of("load ahead", &report);
                    drop(loader.load(&engine, &report, &source, &limits));
                }
            };
            // Where there is no thread, each is loaded when it is wanted.
            thread::Builder::new().name("plugin loader".into()).spawn(load).ok()
        });
        Self { loader, thread: thread.flatten() }
    }

    /// For who waits.
    pub(super) fn loader(&self) -> &Loader {
        &self.loader
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.loader.pace.give_up();
        // What it panicked with was told by itself.
        self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::builtins;
    use crate::limits::HostLimits;
    use crate::run::Fetching;

    /// Settings with a compiler that does what this script says.
    fn settings(folder: &Path, script: &str) -> PluginSettings {
        let compiler = folder.join("compiler");
        // By another process: whatever is started meanwhile would keep a file open that this one writes.
        let write = format!("printf '%s\\n' '#!/bin/sh' '{script}' > \"$1\" && chmod 700 \"$1\"");
        assert!(Command::new("sh").args(["-c", &write, "sh"]).arg(&compiler).status().unwrap().success());
        let limits = HostLimits::default();
        PluginSettings { compiler, cache: None, fetching: Fetching::default(), policy: Arc::default(), limits }
    }

    fn plugin() -> (String, Source<'static>, Limits) {
        let builtin = builtins::find("risk.report_meta").unwrap();
        ("r".into(), Source::known(builtin.component, builtin.sha256), Limits::default())
    }

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn what_fails_ahead_is_tried_again_when_it_is_wanted_and_then_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "echo \"$RAYON_NUM_THREADS $FORENSIC_COMPILE_NICE\" >> {0}/calls; echo no >&2; exit 1",
            folder.path().display()
        );
        let calls = || read(folder.path().join("calls"));
        let mut ahead = Ahead::start(&settings(folder.path(), &script), vec![plugin()], 0);
        ahead.thread.take().unwrap().join().unwrap();
        assert_eq!(calls(), "1 10\n");
        let loader = ahead.loader();
        loader.pace().want();
        let engine = loader.engine().unwrap();
        let (name, source, limits) = plugin();
        for _ in 0..2 {
            let error = loader.load(&engine, &name, &source, &limits).unwrap_err();
            assert!(error.to_string().contains("no"), "{error}");
            assert_eq!(calls(), "1 10\n2 0\n");
        }
    }

    #[test]
    fn nobody_waits_for_a_compiler_that_nobody_wants() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("echo $$ > {}/pid; exec sleep 1000", folder.path().display());
        let ahead = Ahead::start(&settings(folder.path(), &script), vec![plugin(), plugin()], 0);
        let pid = || read(folder.path().join("pid")).trim().to_owned();
        while pid().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        drop(ahead);
        assert!(!Path::new("/proc").join(pid()).exists());
    }
}
