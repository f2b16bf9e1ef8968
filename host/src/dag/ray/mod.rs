//! The Ray executor: attempts run on the nodes of a Ray cluster, each beside a worker, which is this program.
//!
//! ```text
//! host ── lines ── bridge (Python, a Ray driver) ── a Ray task an attempt ── forensic-host worker ── stage
//! ```
//!
//! The bridge (`bridge.py`, part of this program) is a process of the run (`process`) that speaks JSON lines (`lines`). A
//! thread reads them (`reader`) and does to each attempt (`route`) what they say: output into its logs, spans into the trace,
//! files below the run directory (`files`), its end to the dispatcher. Retries are the dispatcher's: Ray never runs anything
//! twice.
//!
//! May live here: what is special to Ray, seen from the host. What runs on a node is in `worker` and in `bridge.py`.

mod attempt;
mod cluster;
mod error;
mod files;
mod lines;
mod process;
mod reader;
mod route;
mod shared;
#[cfg(test)]
mod tests;
mod watchdog;

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::cluster::Cluster;
pub use self::cluster::{ClusterRecord, NodeRecord};
pub use self::error::RayError;
#[doc(hidden)]
pub use self::lines::read_all;
use self::lines::{Hello, Order, PROTO, Program};
use self::process::{BridgeProcess, ending, plain};
use self::reader::{First, Reader};
use self::shared::{Settings, Shared};
use super::executor::{AttemptSpec, Executor, Hears, LaunchError, RunningAttempt};
use crate::clock::{Clock, nanos};
use crate::directory::RunDirectory;
use crate::pipeline::{ExecutorKind, Pipeline, RAY_WINDOW, Stage, WorkerSource};
use crate::redact::Rules;
use crate::telemetry::ForensicSpanExporter;
use crate::telemetry::otlp::receive::Allowance;

/// The bridge's program.
const BRIDGE: &str = include_str!("bridge.py");
/// The bridge's standard error, below the run directory.
pub const BRIDGE_LOG: &str = "logs/ray-bridge.err.log";
/// What the bridge may need beyond `connect_timeout`, which it has once to connect and once to look at the nodes.
const PREFLIGHT: Duration = Duration::from_secs(15);
/// What it has at the end, to cancel what is left and to say goodbye to the cluster.
const STOP: Duration = Duration::from_secs(5);
/// What it may need beyond that.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What a run gives its Ray executor.
#[derive(Debug)]
pub struct RaySettings<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The run id.
    pub run_id: &'a str,
    /// The run's trace, 32 hexadecimal digits.
    pub trace_id: &'a str,
    /// Takes files that come back, and the bridge's log.
    pub directory: &'a RunDirectory,
    /// The run's clock.
    pub clock: Clock,
    /// Takes spans.
    pub exporter: ForensicSpanExporter,
    /// What workers mask.
    pub rules: Rules,
    /// What one attempt may send by OTLP; `None`: nothing.
    pub receive: Option<Allowance>,
    /// This program, and its SHA-256 where it is known.
    pub program: PathBuf,
    /// See `program`.
    pub sha256: Option<String>,
    /// The command line of another bridge, for tests; `None`: our own.
    pub bridge: Option<Vec<String>>,
}

/// Runs attempts on a Ray cluster.
pub struct RayExecutor {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl RayExecutor {
    /// Connects to the cluster and looks at its nodes. Nothing runs there yet.
    ///
    /// # Errors
    /// [`RayError`]: there is no cluster, or it can't run stages.
    pub fn start(settings: RaySettings<'_>) -> Result<Self, RayError> {
        let (pipeline, directory) = (settings.pipeline, settings.directory);
        let config = &pipeline.executor.ray;
        let redactor = settings.exporter.redactor().clone();
        let set_up = |what: &str| {
            let what = what.to_owned();
            move |source| RayError::SetUp { what, source }
        };
        let log = directory.dir().create(BRIDGE_LOG).map_err(set_up(BRIDGE_LOG))?.into_std();
        let dir = directory.dir().try_clone().map_err(set_up("open the run directory"))?;
        let argv = settings.bridge.clone().unwrap_or_else(|| vec![config.python.clone(), "-c".into(), BRIDGE.into()]);
        let begin = Instant::now();
        let (bridge, lines) = BridgeProcess::start(&argv, log, &redactor)
            .map_err(|source| RayError::Python { python: config.python.clone(), source })?;
        let path = match &config.worker {
            WorkerSource::Ship => &settings.program,
            WorkerSource::Path(path) => path,
        };
        let ship = config.worker == WorkerSource::Ship;
        bridge.say(&Order::Hello(Box::new(Hello {
            proto: PROTO,
            run: settings.run_id,
            trace: settings.trace_id,
            worker: Program { path, sha256: settings.sha256.as_deref().filter(|_| ship), ship },
            address: &config.address,
            token_file: config.token_file.as_deref(),
            connect_timeout_ms: millis(config.connect_timeout),
            beat_ms: millis(config.beat),
            lease_ms: millis(config.lease),
            grace_ms: millis(pipeline.kill_grace),
            window: RAY_WINDOW,
            lost_after_ms: millis(config.lost_after),
            files: config.files.as_str(),
            ship_dir: &pipeline.dir,
            run_dir: directory.path(),
        })));
        let shared = Arc::new(Shared::new(
            Settings {
                config: config.clone(),
                clock: settings.clock,
                grace: pipeline.kill_grace,
                trace_id: settings.trace_id.to_owned(),
                run_id: settings.run_id.to_owned(),
                run_dir: directory.path().to_owned(),
                rules: settings.rules,
                receive: settings.receive,
                debug: std::env::var_os("TV_DEBUG_TELEMETRY").is_some_and(|value| value == "1"),
            },
            dir,
            settings.exporter.clone(),
            bridge,
        ));
        let (told, first) = mpsc::sync_channel(1);
        let reader = Reader::new(Arc::clone(&shared), BufReader::with_capacity(1 << 16, lines), told);
        let reader = thread::Builder::new()
            .name("ray-bridge".into())
            .spawn(move || reader.run())
            .map_err(set_up("start a thread"))?;
        // Dropped in every way out of here: that ends the bridge.
        let executor = Self { shared, reader: Some(reader) };
        let after = config.connect_timeout * 2 + PREFLIGHT;
        let ready = match first.recv_timeout(after.saturating_sub(begin.elapsed())) {
            Ok(First::Ready(ready)) => ready,
            Ok(First::Refused(refused)) => {
                let clean = |text: &str| plain(text, &redactor).unwrap_or_default();
                return Err(RayError::Refused {
                    what: clean(&refused.what),
                    tried: clean(&refused.tried),
                    detail: clean(&refused.detail),
                    last_line: None,
                });
            }
            Ok(First::Nonsense(why)) => return Err(RayError::Protocol(why)),
            Ok(First::End) => {
                let status = executor.shared.bridge.wait(STOP_GRACE).or_else(|| executor.shared.bridge.kill());
                let last_line = executor.shared.bridge.last_words();
                let path = directory.path().join(BRIDGE_LOG);
                return Err(RayError::Ended { status: ending(status), last_line, path });
            }
            Err(_) => {
                let last_line = executor.shared.bridge.last_line();
                return Err(RayError::Silent { address: config.address.clone(), after: begin.elapsed(), last_line });
            }
        };
        executor.shared.lock().cluster = Cluster::check(&ready, config, &redactor)?;
        watchdog::start(&executor.shared);
        Ok(executor)
    }

    /// What is known of the cluster by now.
    pub fn cluster(&self) -> ClusterRecord {
        self.shared.lock().cluster.record.clone()
    }
}

impl Executor for RayExecutor {
    fn name(&self) -> &'static str {
        ExecutorKind::Ray.as_str()
    }

    fn is_remote(&self, _stage: &Stage) -> bool {
        true
    }

    fn listen(&mut self, tell: Box<dyn Fn(String) + Send>) {
        self.shared.listen(tell);
    }

    fn launch(&mut self, spec: AttemptSpec<'_>, hears: Hears) -> Result<Box<dyn RunningAttempt>, LaunchError> {
        attempt::submit(&self.shared, spec, hears)
    }

    fn finish(&mut self) -> u64 {
        self.shared.lock().stopping = true;
        let bridge = &self.shared.bridge;
        bridge.say(&Order::Stop { deadline_ms: millis(STOP) });
        if bridge.wait(STOP + STOP_GRACE).is_none() {
            bridge.hang_up();
            if bridge.wait(Duration::from_secs(1)).is_none() {
                bridge.kill();
                self.shared.notice("the bridge to Ray did not end in time and was killed".to_owned());
            }
        }
        if let Some(reader) = self.reader.take() {
            let start = Instant::now();
            while !reader.is_finished() && start.elapsed() < STOP_GRACE {
                thread::sleep(Duration::from_millis(2));
            }
        }
        self.shared.exporter.finish_workers().into_iter().for_each(|text| self.shared.notice(text));
        0
    }
}

impl Drop for RayExecutor {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.bridge.hang_up();
        if self.shared.bridge.wait(Duration::from_secs(2)).is_none() {
            self.shared.bridge.kill();
        }
    }
}

impl std::fmt::Debug for RayExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RayExecutor").field("cluster", &self.cluster()).finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    nanos(duration) / 1_000_000
}

/// Where a path of the pipeline is.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
