//! What the dispatcher's thread and the reader's thread share.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cap_std::fs::Dir;

use super::super::executor::{Fate, Fault};
use super::cluster::Cluster;
use super::process::BridgeProcess;
use super::route::Route;
use crate::clock::Clock;
use crate::pipeline::{OnLost, RayConfig};
use crate::redact::Rules;
use crate::telemetry::ForensicSpanExporter;
use crate::telemetry::otlp::receive::Allowance;

/// Notices of one run that are told; a cluster that falls apart must not fill the terminal.
const NOTICES_MAX: usize = 200;

/// What stays the same.
pub(super) struct Settings {
    pub(super) config: RayConfig,
    pub(super) clock: Clock,
    pub(super) grace: Duration,
    pub(super) trace_id: String,
    pub(super) run_id: String,
    pub(super) run_dir: PathBuf,
    pub(super) rules: Rules,
    pub(super) receive: Option<Allowance>,
    pub(super) debug: bool,
}

/// What both threads see.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) dir: Dir,
    pub(super) exporter: ForensicSpanExporter,
    pub(super) bridge: BridgeProcess,
    state: Mutex<State>,
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    pub(super) live: HashMap<String, Route>,
    /// Attempts that have ended.
    pub(super) done: HashSet<String>,
    /// Lost attempts, by stage.
    pub(super) losses: HashMap<String, u32>,
    pub(super) cluster: Cluster,
    /// The run is over, so that the bridge's end is no loss.
    pub(super) stopping: bool,
    /// Why there is no bridge any more.
    pub(super) gone: Option<String>,
    tell: Option<Box<dyn Fn(String) + Send>>,
    /// Before somebody listens.
    untold: Vec<String>,
    told: usize,
}

impl Shared {
    pub(super) fn new(settings: Settings, dir: Dir, exporter: ForensicSpanExporter, bridge: BridgeProcess) -> Self {
        Self { settings, dir, exporter, bridge, state: Mutex::default() }
    }

    /// A panic in the other thread leaves nothing half done that matters: go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listen(&self, tell: Box<dyn Fn(String) + Send>) {
        let mut state = self.lock();
        let warnings = state.cluster.record.warnings.clone();
        let untold = std::mem::take(&mut state.untold);
        warnings.into_iter().chain(untold).for_each(&tell);
        state.tell = Some(tell);
    }

    pub(super) fn notice(&self, text: String) {
        self.lock().notice(text);
    }

    /// Whether a stage that loses an attempt now may have another.
    pub(super) fn may_repeat(&self, state: &State, stage: &str) -> bool {
        let config = &self.settings.config;
        config.on_lost == OnLost::Retry
            && state.gone.is_none()
            && state.losses.get(stage).copied().unwrap_or(0) < config.lost_retries
    }

    /// Ends an attempt for the dispatcher.
    pub(super) fn finish(&self, state: &mut State, route: Route, fate: Fate) {
        if let Fate::Fault(Fault { again: Some(_), .. }) = &fate {
            *state.losses.entry(route.sender.stage.clone()).or_default() += 1;
        }
        state.done.insert(route.id.clone());
        let clock = route.started.as_ref().and_then(|started| state.cluster.offset(&started.node));
        route.finish(fate, self.settings.clock.now(), clock, self.settings.config.beat, &self.exporter);
    }
}

impl State {
    pub(super) fn notice(&mut self, text: String) {
        self.told += 1;
        let text = match self.told {
            ..NOTICES_MAX => text,
            NOTICES_MAX => "there are more warnings of the cluster, which are not told".to_owned(),
            _ => return,
        };
        match &self.tell {
            Some(tell) => tell(text),
            None => self.untold.push(text),
        }
    }
}
