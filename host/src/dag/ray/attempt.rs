//! An attempt on its way to the cluster, and the dispatcher's handle on it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::super::executor::{AttemptSpec, Fate, Fault, Finished, Hears, LaunchError, Remains, RunningAttempt};
use super::files::{Incoming, data_files};
use super::lines::{Need, Order};
use super::reader::cancel;
use super::route::{Outcome, Route};
use super::shared::Shared;
use super::{absolute, millis};
use crate::conventions::error_type;
use crate::pipeline::{Command, Files, OnLost, OutputGlob};
use crate::telemetry::WorkerSender;
use crate::worker::protocol::{Job, JobCommand, LINE_MAX, Shipping};

/// Room for what the bridge and the relay add to a job's line.
const LINE_ROOM: usize = 64 << 10;

/// An attempt that was submitted.
struct RayAttempt {
    id: String,
    shared: Arc<Shared>,
    outcome: Outcome,
}

/// Hands an attempt to the bridge.
pub(super) fn submit(
    shared: &Arc<Shared>,
    spec: AttemptSpec<'_>,
    hears: Hears,
) -> Result<Box<dyn RunningAttempt>, LaunchError> {
    let refuse = |why: String| LaunchError { program: "the attempt".to_owned(), source: std::io::Error::other(why) };
    let Some(remote) = &spec.placement else { return Err(refuse("it is meant for this machine".into())) };
    let (stage, config) = (remote.stage, &shared.settings.config);
    let id = format!("{}#{}", stage.id, remote.attempt);
    let dir = shared.dir.try_clone().map_err(|error| refuse(error.to_string()))?;
    let ship = config.files == Files::Ship;
    let placement = &stage.placement;
    let order = Order::Submit {
        id: &id,
        need: Need {
            cpus: placement.cpus,
            gpus: placement.gpus,
            memory: placement.memory,
            custom: &placement.custom,
            labels: &placement.labels,
        },
        queue_timeout_ms: millis(config.queue_timeout),
        inputs: if ship { data_files(&shared.dir) } else { Vec::new() },
        job: Box::new(job(shared, &spec, &id, ship)),
    };
    // A line that is too long would be refused by everybody on its way.
    let length = order.line().map_err(|error| refuse(error.to_string()))?.len();
    if length > LINE_MAX - LINE_ROOM {
        return Err(refuse(format!(
            "its command, environment and secrets have {length} bytes, which is too much to send"
        )));
    }
    let outcome = Outcome::default();
    let route = Route {
        id: id.clone(),
        sender: WorkerSender {
            stage: stage.id.to_string(),
            attempt: remote.attempt,
            worker: String::new(),
            trace_id: shared.settings.trace_id.clone(),
            attempt_span: remote.traceparent.split('-').nth(2).unwrap_or_default().to_owned(),
            submitted: shared.settings.clock.now(),
            until: 0,
            bound_ns: 0,
        },
        logs: [spec.stdout, spec.stderr],
        files: Incoming::new(dir),
        outcome: Arc::clone(&outcome),
        at_least_once: config.on_lost == OnLost::Retry,
        next: 0,
        started: None,
        pending: None,
        heard: Instant::now(),
        killed: None,
        last_time: 0,
        emitted: 0,
        received: 0,
        recovered: 0,
        lost_output: None,
        lost_file: None,
        hears,
    };
    {
        let mut state = shared.lock();
        let state = &mut *state;
        if let Some(why) = state.gone.clone() {
            let fault = Fault { cause: error_type::BRIDGE_LOST, message: why, again: None };
            shared.finish(state, route, Fate::Fault(fault));
        } else {
            state.live.insert(id.clone(), route);
        }
    }
    // Not under the lock: the bridge may be waiting for us to read.
    shared.bridge.say(&order);
    Ok(Box::new(RayAttempt { id, shared: Arc::clone(shared), outcome }))
}

fn job(shared: &Shared, spec: &AttemptSpec<'_>, id: &str, ship: bool) -> Job {
    let settings = &shared.settings;
    let mut env = BTreeMap::new();
    let mut unset = std::collections::BTreeSet::new();
    for (name, value) in &spec.env {
        match value {
            Some(value) => {
                unset.remove(&**name);
                env.insert(name.to_string(), value.to_string_lossy().into_owned());
            }
            None => {
                env.remove(&**name);
                unset.insert(name.to_string());
            }
        }
    }
    let remote = spec.placement.as_ref();
    let outputs = remote.and_then(|remote| remote.stage.outputs.as_ref()).into_iter().flatten();
    Job {
        id: id.to_owned(),
        run: settings.run_id.clone(),
        stage: remote.map(|remote| remote.stage.id.to_string()).unwrap_or_default(),
        attempt: remote.map_or(1, |remote| remote.attempt),
        command: match spec.command {
            Command::Argv(argv) => JobCommand::Argv(argv.clone()),
            Command::Shell(text) => JobCommand::Shell(text.clone()),
            // Never sent elsewhere.
            Command::Pipeline(path) => JobCommand::Argv(vec![path.display().to_string()]),
        },
        cwd: absolute(spec.workdir),
        run_dir: settings.run_dir.clone(),
        env,
        unset: unset.into_iter().collect(),
        traceparent: remote.map(|remote| remote.traceparent.to_owned()).unwrap_or_default(),
        grace_ms: millis(settings.grace),
        outputs: outputs
            .filter(|_| ship)
            .filter_map(|glob| match glob {
                OutputGlob::Run(glob) => Some(glob.clone()),
                OutputGlob::Workdir(_) => None,
            })
            .collect(),
        files: if ship { Shipping::Ship } else { Shipping::Shared },
        rules: settings.rules.clone(),
        receive: settings.receive,
        debug: settings.debug,
        node: String::new(),
        node_name: String::new(),
        worker: String::new(),
        lease_ms: 0,
        beat_ms: 0,
        scratch: None,
    }
}

impl RunningAttempt for RayAttempt {
    /// Not on this machine.
    fn pid(&self) -> Option<u32> {
        None
    }

    fn is_waiting(&self) -> bool {
        true
    }

    fn terminate(&mut self) {
        cancel(&self.shared, &self.id, false);
    }

    fn kill(&mut self) {
        if let Some(route) = self.shared.lock().live.get_mut(&self.id) {
            route.killed.get_or_insert_with(Instant::now);
        }
        cancel(&self.shared, &self.id, true);
    }

    fn leave(self: Box<Self>) -> Remains {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::new(|| {
            outcome.unwrap_or_else(|| {
                let message = "the executor does not say how it ended".to_owned();
                let fate = Fate::Fault(Fault { cause: error_type::INTERNAL, message, again: None });
                Finished { fate, elsewhere: Vec::new() }
            })
        })
    }
}
