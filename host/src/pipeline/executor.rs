//! Where attempts run: `[executor]`, and the keys `executor` and `ray` of a stage. May live here: what they say, and what follows
//! from it alone. [`table`] and [`placement`] read it. Nothing here knows Ray.

pub(super) mod placement;
pub(super) mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::model::{Command, OutputGlob, Pipeline, Stage};
use crate::limits::show_duration;

/// What the bridge has in flight of an attempt's messages before it waits for the host: so many beats may pass before silence
/// means anything.
pub const RAY_WINDOW: u32 = 16;

/// Most stages that a warning names.
const MAX_NAMED: usize = 5;

/// `[executor]`: where attempts run unless their stage says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutorConfig {
    /// `kind`.
    pub kind: ExecutorKind,
    /// Everything else: what holds for attempts that run on Ray, whoever sends them there.
    pub ray: RayConfig,
}

/// Where an attempt runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecutorKind {
    /// `"local"`: on this machine, as a process of this program.
    #[default]
    Local,
    /// `"ray"`: on a node of a Ray cluster.
    Ray,
}

impl ExecutorKind {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::Local, Self::Ray];

    /// The word in `pipeline.toml`, after `--executor` and in the trace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ray => "ray",
        }
    }
}

/// What holds for attempts that run on Ray.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RayConfig {
    /// `address`: `auto` (the cluster that this machine is a part of) or `host:port`; never `ray://`. `auto` where nothing is set.
    pub address: String,
    /// `python`: an interpreter with the cluster's Ray and Python; a name that is looked for in `PATH`, or an absolute path.
    /// `python3` where nothing is set.
    pub python: String,
    /// `token_file`: the file with the cluster's token, absolute; whether it exists is not known. `None`: Ray's own ways.
    pub token_file: Option<PathBuf>,
    /// `allow_unauthenticated`: a cluster that lets anybody in is no reason for a warning. False where nothing is set.
    pub allow_unauthenticated: bool,
    /// `connect_timeout`: from the start of the bridge until it is ready; 1 s to 1 h; 30 s where nothing is set.
    pub connect_timeout: Duration,
    /// `queue_timeout`: how long a submitted attempt may wait for a place; 1 s to 366 days; 10 min where nothing is set.
    pub queue_timeout: Duration,
    /// `beat`: how often an attempt says that it lives; 100 ms to 1 min; 1 s where nothing is set.
    pub beat: Duration,
    /// `lease`: how long an attempt goes on when it hears nothing, then ends itself; at least two beats, at most 1 h; 30 s where
    /// nothing is set.
    pub lease: Duration,
    /// `lost_after`: how long an attempt may be silent before it counts as lost; more than [`RayConfig::fence`]; 90 s where
    /// nothing is set.
    pub lost_after: Duration,
    /// `on_lost`: what becomes of a stage whose attempt was lost.
    pub on_lost: OnLost,
    /// `lost_retries`: attempts after lost ones, beside [`super::Retries::max`]; 0 to 100; 3 where nothing is set. It counts only with
    /// [`OnLost::Retry`].
    pub lost_retries: u32,
    /// `files`: how files get to a node and back.
    pub files: Files,
    /// `worker`: how this program gets to a node.
    pub worker: WorkerSource,
}

impl Default for RayConfig {
    fn default() -> Self {
        Self {
            address: "auto".to_owned(),
            python: "python3".to_owned(),
            token_file: None,
            allow_unauthenticated: false,
            connect_timeout: Duration::from_secs(30),
            queue_timeout: Duration::from_secs(600),
            beat: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            lost_after: Duration::from_secs(90),
            on_lost: OnLost::default(),
            lost_retries: 3,
            files: Files::default(),
            worker: WorkerSource::default(),
        }
    }
}

impl RayConfig {
    /// How long after its last sign of life an attempt may still be running on a node that can't be reached: what was in flight,
    /// the lease, and the time that its processes have to end.
    pub fn fence(&self, kill_grace: Duration) -> Duration {
        self.beat.saturating_mul(RAY_WINDOW).saturating_add(self.lease).saturating_add(kill_grace)
    }

    /// Why an attempt could be taken for lost while it still runs, or nothing.
    pub fn timing_problem(&self, kill_grace: Duration) -> Option<String> {
        let fence = self.fence(kill_grace);
        (self.lost_after <= fence).then(|| {
            format!(
                "`lost_after` ({}) has to be more than `lease` + {RAY_WINDOW} × `beat` + `kill_grace` ({} + {RAY_WINDOW} × {} + {} = {})",
                show_duration(self.lost_after),
                show_duration(self.lease),
                show_duration(self.beat),
                show_duration(kill_grace),
                show_duration(fence),
            )
        })
    }
}

/// `on_lost`: what becomes of a stage whose attempt was lost with its worker, its node or the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLost {
    /// `"fail"`: it fails; its command ran at most once.
    #[default]
    Fail,
    /// `"retry"`: another attempt, once the lost one can't be running any more; its command ran at least once.
    Retry,
}

impl OnLost {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::Fail, Self::Retry];

    /// The word in `pipeline.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Retry => "retry",
        }
    }
}

/// `files`: how files get to a node and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Files {
    /// `"shared"`: every node sees the pipeline's folder and the run directory under the same paths.
    #[default]
    Shared,
    /// `"ship"`: each attempt works on copies; what its stage declares as `outputs` comes back.
    Ship,
}

impl Files {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::Shared, Self::Ship];

    /// The word in `pipeline.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Ship => "ship",
        }
    }
}

/// `worker`: how this program gets to a node, where it watches over an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WorkerSource {
    /// `"ship"`: it is sent there, once for each node and version.
    #[default]
    Ship,
    /// It is there already, under this absolute path on every node.
    Path(PathBuf),
}

/// Where a stage's attempts run, and what they need there.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// `executor`. `None`: the pipeline's. Ask [`Pipeline::executor_of`], which knows what always runs here.
    pub executor: Option<ExecutorKind>,
    /// `ray = { cpus }`: processors that Ray keeps free for it, fractions too; 1 where nothing is set.
    pub cpus: f64,
    /// `ray = { gpus }`; 0 where nothing is set.
    pub gpus: f64,
    /// `ray = { memory }`, bytes, by which Ray places it, but does not limit it; 0, which is none, where nothing is set.
    pub memory: u64,
    /// `ray = { custom }`: resources that nodes were started with, each more than 0.
    pub custom: BTreeMap<String, f64>,
    /// `ray = { labels }`: what the node's labels have to be.
    pub labels: BTreeMap<String, String>,
}

impl Default for Placement {
    fn default() -> Self {
        Self { executor: None, cpus: 1.0, gpus: 0.0, memory: 0, custom: BTreeMap::new(), labels: BTreeMap::new() }
    }
}

/// Why something is refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAddress {
    /// A part of a sentence.
    pub why: String,
    /// A sentence.
    pub advice: String,
}

/// What is wrong with the address of a cluster, if anything is.
pub fn address_problem(address: &str) -> Option<BadAddress> {
    let bad = |why: &str, advice: String| Some(BadAddress { why: why.to_owned(), advice });
    if address == "auto" {
        return None;
    }
    if let Some(rest) = address.strip_prefix("ray://") {
        let host = rest.split([':', '/']).next().filter(|host| !host.is_empty()).unwrap_or("HEAD");
        return bad(
            "Ray Client (`ray://`) cannot stream what stages send while they run",
            format!(
                "run forensic-host on a machine of the cluster and write \"auto\"; a machine becomes one with \
                 `ray start --address={host}:6379 --num-cpus=0`"
            ),
        );
    }
    if matches!(address, "local" | "") {
        return bad(
            "Ray would start a cluster for this run alone",
            "to run here, write `kind = \"local\"`; for a cluster of one machine, `ray start --head`, and \"auto\""
                .to_owned(),
        );
    }
    if address.contains("://") {
        return bad(
            "this is a URL",
            "write \"auto\", or the head's address as \"host:port\", such as \"10.0.0.1:6379\"".to_owned(),
        );
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | ',');
    let good = |host: &str| {
        let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
        !host.is_empty() && !host.contains(odd) && (bracketed || !host.contains([':', '[', ']']))
    };
    match address.rsplit_once(':') {
        Some((host, port)) if good(host) => match port.parse::<u16>() {
            Ok(port) if port > 0 => None,
            _ => bad("the port is no number from 1 to 65535", format!("write \"{host}:6379\" for Ray's usual port")),
        },
        None if good(address) => bad(
            "expected \"auto\" or \"host:port\"",
            format!("write \"{address}:6379\" for Ray's usual port, or \"auto\" on a machine of the cluster"),
        ),
        _ => {
            bad("expected \"auto\" or \"host:port\"", "write the head's address, such as \"10.0.0.1:6379\"".to_owned())
        }
    }
}

impl Pipeline {
    /// Where attempts of a stage run. A stage that is a pipeline always runs here: so do report stages.
    pub fn executor_of(&self, stage: &Stage) -> ExecutorKind {
        match stage.command {
            Command::Pipeline(_) => ExecutorKind::Local,
            Command::Argv(_) | Command::Shell(_) => stage.placement.executor.unwrap_or(self.executor.kind),
        }
    }

    /// Whether any stage runs on Ray.
    pub fn uses_ray(&self) -> bool {
        self.stages.iter().any(|stage| self.executor_of(stage) == ExecutorKind::Ray)
    }
    /// Runs everything on this machine, or on Ray all that doesn't say `executor = "local"` itself: `--executor`.
    ///
    /// # Errors
    /// Why the pipeline can't run there, a sentence.
    pub fn run_on(&mut self, kind: ExecutorKind) -> Result<(), String> {
        self.executor.kind = kind;
        if kind == ExecutorKind::Local {
            self.stages.iter_mut().for_each(|stage| stage.placement.executor = None);
        }
        match self.executor.ray.timing_problem(self.kill_grace) {
            Some(problem) if self.uses_ray() => Err(problem),
            _ => Ok(()),
        }
    }

    /// What the user should know about where stages run, a sentence each.
    pub fn placement_warnings(&self) -> Vec<String> {
        if self.executor.ray.files == Files::Shared {
            return Vec::new();
        }
        let there = || self.stages.iter().filter(|stage| self.executor_of(stage) == ExecutorKind::Ray);
        let silent = there().filter(|stage| stage.outputs.is_none());
        let beside =
            there().filter(|stage| stage.outputs.iter().flatten().any(|glob| matches!(glob, OutputGlob::Workdir(_))));
        let silent = named(silent).map(|stages| {
            format!(
                "with `[executor] files = \"ship\"` only declared `outputs` come back from a node, and there are none of: {stages} \
                 (`outputs = []` says that a stage leaves nothing)"
            )
        });
        let beside = named(beside).map(|stages| {
            format!(
                "with `[executor] files = \"ship\"` only what is below the run directory comes back from a node; write `run:` before \
                 the `outputs` of: {stages}"
            )
        });
        silent.into_iter().chain(beside).collect()
    }
}

/// The first few stages by name, if there are any.
fn named<'s>(stages: impl Iterator<Item = &'s Stage>) -> Option<String> {
    let ids: Vec<&str> = stages.map(|stage| stage.id.as_str()).collect();
    let shown = ids.get(..MAX_NAMED.min(ids.len()))?.join(", ");
    match ids.len().saturating_sub(MAX_NAMED) {
        _ if ids.is_empty() => None,
        0 => Some(shown),
        more => Some(format!("{shown} and {more} more")),
    }
}
