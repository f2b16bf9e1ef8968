//! The one thread that decides: it starts the stage, and ends it when it is told to, or when the host is not heard of any
//! more. It writes nothing and reads nothing itself, so that nothing can hold it up.

use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::closing::{Closing, Outcome};
use super::folder::OwnFolder;
use super::input::{Checked, Lines};
use super::output::Output;
use super::protocol::{self, Beat, Channel, Ended, JobCommand, Started, Why};
use super::spans::{Emitted, Feed};
use super::{INTERNAL, SKEW_VARIABLE, control, fail, logs};
use crate::clock::{Clock, UnixNanos};
use crate::conventions::{attr, kind, origin};
use crate::dag::{
    AttemptEvent, AttemptFacts, AttemptSpec, Changes, Executor as _, Fate, LocalExecutor, Neighbours, RunningAttempt,
};
use crate::pipeline::Command;
use crate::telemetry::otlp::receive::Sender as Origin;
use crate::telemetry::otlp::{OtlpServices, OtlpSettings};
use crate::telemetry::{ForensicSpanExporter, RunTelemetry};

/// A process that even KILL doesn't end, as it waits for a device, is not waited for any longer than this.
const GIVE_UP: Duration = Duration::from_secs(10);
/// The same for what is left to do when nobody listens any more.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What the one who decides hears of.
#[derive(Debug)]
pub(super) enum Event {
    /// The host is there.
    Lease,
    /// Somebody wants the stage to end.
    Cancel { force: bool },
    /// The relay is gone: nobody gives orders or reads any more.
    Gone,
    /// The stage has ended.
    Ended(UnixNanos),
    /// Everything is said.
    Closed,
}

/// Runs the job and tells about it.
pub(super) fn run(checked: Checked, lines: Lines, to: File) -> ExitCode {
    let clock = Clock::start().shifted(skew());
    let (sender, events) = mpsc::channel();
    let broken = sender.clone();
    let started = Output::start(checked.job.id.clone(), to, move || drop(broken.send(Event::Gone)));
    let output = match started {
        Ok(output) => output,
        Err(error) => return fail(INTERNAL, &format!("the worker can't start a thread: {error}")),
    };
    let mut host = Host { events, lease: checked.lease(), heard: Instant::now(), lost: false, output: output.clone() };
    let (grace, beat) = (checked.grace(), checked.beat());
    let mut closing = match prepare(checked, clock, output.clone(), lines, &sender) {
        Ok(closing) => closing,
        Err(why) => {
            output.finish(protocol::Event::Ended(Ended::refused(clock.now(), why.clone())));
            return fail(INTERNAL, &why);
        }
    };
    let job = &closing.checked.job;
    let mut executor = LocalExecutor::new(clock).with_orphans(&job.run, &job.run_dir, Neighbours::None);
    let outcome = match launch(&mut closing, &mut executor, sender.clone()) {
        Ok(process) => {
            tell_start(&closing, process.pid());
            if let Some(every) = beat {
                keep_beating(every, clock, &closing.emitted, output);
            }
            attend(process, &mut host, grace, clock)
        }
        Err(error) => Outcome { time: clock.now(), why: Why::SpawnError, end: None, error: Some(error) },
    };
    // Whatever is left of it, on a system where that was not done with the attempt's own end.
    executor.finish();
    let last = thread::Builder::new().name("closing".into()).spawn(move || {
        closing.close(outcome);
        // Whoever decides may have given up.
        let _ = sender.send(Event::Closed);
    });
    if let Err(error) = last {
        return fail(INTERNAL, &format!("the worker can't start a thread: {error}"));
    }
    let mut give_up = host.lost.then(|| Instant::now() + LAST_WORDS);
    loop {
        match host.next(give_up) {
            None | Some(Event::Closed) => return ExitCode::SUCCESS,
            Some(Event::Gone) => give_up = Some(Instant::now() + LAST_WORDS),
            Some(_) => {}
        }
    }
}

/// Says that a job can't be done, where nothing was begun.
pub(super) fn refuse(id: String, why: String, to: File) {
    if let Ok(output) = Output::start(id, to, || ()) {
        let now = Clock::start().shifted(skew()).now();
        output.finish(protocol::Event::Ended(Ended::refused(now, why)));
    }
}

fn skew() -> i64 {
    std::env::var(SKEW_VARIABLE).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Everything but the stage itself.
fn prepare(
    checked: Checked,
    clock: Clock,
    output: Output,
    lines: Lines,
    sender: &Sender<Event>,
) -> Result<Closing, String> {
    let job = &checked.job;
    let folder = OwnFolder::create(job)?;
    let thread = |error: std::io::Error| format!("the worker can't start a thread: {error}");
    let journal = |error: std::io::Error| format!("the worker can't make its journal: {error}");
    let exporter = folder
        .open()
        .and_then(|dir| ForensicSpanExporter::with_detail(dir, checked.redactor.clone(), job.debug))
        .map_err(journal)?;
    let emitted = Arc::new(Emitted::new(exporter.clone()));
    let feed = Feed::start(&exporter, Arc::clone(&emitted), output.clone()).map_err(journal)?;
    let telemetry = RunTelemetry::with_exporter(exporter, &job.run);
    let events = sender.clone();
    thread::Builder::new().name("input".into()).spawn(move || lines.listen(&events)).map_err(thread)?;
    let socket = folder.socket().filter(|path| control::listen(path, sender.clone()).is_ok());
    let control = socket.map(|path| path.display().to_string()).unwrap_or_default();
    let services = match job.receive {
        None => None,
        Some(allowance) => {
            let settings = OtlpSettings { receive: true, allowance, forward: None };
            OtlpServices::start(settings, &telemetry, Vec::new())
                .map_err(|error| format!("the worker can't serve the stage's telemetry: {error}"))?
        }
    };
    let start = clock.now();
    let span = telemetry.span(
        format!("{}#{}@{}", job.stage, job.attempt, job.worker),
        SpanKind::Internal,
        Some(&checked.parent),
        start,
        vec![
            KeyValue::new(attr::KIND, kind::WORKER),
            KeyValue::new(attr::ORIGIN, origin::WORKER),
            KeyValue::new(attr::STAGE_ID, job.stage.clone()),
            KeyValue::new(attr::ATTEMPT, i64::from(job.attempt)),
            KeyValue::new(attr::WORKER, job.worker.clone()),
            KeyValue::new(attr::NODE, job.node.clone()),
        ],
    );
    // So that whoever finds the journal of a worker that was killed knows whose it was.
    telemetry.note(&span);
    Ok(Closing {
        checked,
        output,
        folder,
        control,
        telemetry,
        services,
        admission: None,
        start,
        span,
        emitted,
        feed,
        logs: Vec::new(),
    })
}

/// Starts the stage.
fn launch(
    closing: &mut Closing,
    executor: &mut LocalExecutor,
    sender: Sender<Event>,
) -> Result<Box<dyn RunningAttempt>, String> {
    let pipe = |error: std::io::Error| format!("can't make a pipe for its output: {error}");
    let (stdout, out) = logs::forward(Channel::Out, closing.output.clone()).map_err(pipe)?;
    closing.logs.push(out);
    let (stderr, err) = logs::forward(Channel::Err, closing.output.clone()).map_err(pipe)?;
    closing.logs.push(err);
    let job = &closing.checked.job;
    let parent = &closing.checked.parent;
    let receiver = closing.services.as_ref().and_then(OtlpServices::receiver);
    let admitted = receiver.and_then(|(receiver, allowance)| {
        let context = closing.span.context();
        let sender = Origin {
            stage: job.stage.clone(),
            attempt: job.attempt,
            trace_id: context.trace_id().to_bytes(),
            span_id: context.span_id().to_bytes(),
            // The host's own spans that are known here.
            stage_span_id: parent.span_id().to_bytes(),
            run_span_id: parent.span_id().to_bytes(),
        };
        // Without chance there are no tokens, and a stage runs without a place to send spans to.
        Some((receiver.port(), receiver.admit(sender, allowance).ok()?))
    });
    let traceparent = closing.span.traceparent();
    let mut environment: Changes<'_> = job.unset.iter().map(|name| (name.as_str().into(), None)).collect();
    environment.push((SKEW_VARIABLE.into(), None));
    environment.extend(job.env.iter().map(|(name, value)| (name.as_str().into(), Some(value.into()))));
    let facts = AttemptFacts {
        run_id: &job.run,
        directory: &job.run_dir,
        stage: &job.stage,
        attempt: job.attempt,
        traceparent: &traceparent,
        receiver: admitted.as_ref().map(|(port, admission)| (*port, admission.token())),
    };
    let unset = |name: &str| job.unset.iter().any(|unset| unset == name);
    let inherited = |name: &str| std::env::var_os(name).filter(|_| !unset(name));
    facts.tell(&mut environment, &inherited, &|name| job.env.get(name).map(Into::into));
    let command = match &job.command {
        JobCommand::Argv(argv) => Command::Argv(argv.clone()),
        JobCommand::Shell(text) => Command::Shell(text.clone()),
    };
    let redactor = &closing.checked.redactor;
    let spec = AttemptSpec {
        placement: None,
        command: &command,
        workdir: &job.cwd,
        env: environment,
        stdout: stdout.into(),
        stderr: stderr.into(),
        redactor,
    };
    // Whoever decides outlives the stage, unless it has given up.
    let hears = Box::new(move |event| {
        // It starts at once.
        if let AttemptEvent::Ended(time) = event {
            drop(sender.send(Event::Ended(time)));
        }
    });
    let launched = executor.launch(spec, hears).map_err(|error| redactor.text(&error.to_string()).text.into_owned());
    closing.admission = admitted.map(|(_, admission)| admission);
    launched
}

fn tell_start(closing: &Closing, pid: Option<u32>) {
    let job = &closing.checked.job;
    closing.output.begin(protocol::Event::Started(Started {
        w: closing.start,
        node: job.node.clone(),
        node_name: job.node_name.clone(),
        worker: job.worker.clone(),
        pid: pid.unwrap_or(0),
        span: closing.span.context().span_id().to_string(),
        control: closing.control.clone(),
    }));
}

fn keep_beating(every: Duration, clock: Clock, emitted: &Arc<Emitted>, output: Output) {
    let emitted = Arc::clone(emitted);
    // Without a thread there are no beats: the other lines show that the worker lives.
    let _ = thread::Builder::new().name("beat".into()).spawn(move || {
        loop {
            thread::sleep(every);
            if output.is_over() {
                return;
            }
            output.offer(protocol::Event::Beat(Beat { emitted: emitted.count(), w: clock.now() }));
        }
    });
}

/// Sees the stage through to its end.
fn attend(mut process: Box<dyn RunningAttempt>, host: &mut Host, grace: Duration, clock: Clock) -> Outcome {
    let mut why = Why::Exit;
    // When it is killed, and when it is given up.
    let (mut kill_at, mut give_up) = (None, None);
    let time = loop {
        match host.next(kill_at.or(give_up)) {
            Some(Event::Ended(time)) => break Some(time),
            Some(Event::Cancel { force }) => {
                if why == Why::Exit {
                    why = Why::Cancelled;
                }
                if force {
                    kill_at = Some(Instant::now());
                } else if kill_at.is_none() && give_up.is_none() {
                    process.terminate();
                    kill_at = Some(Instant::now() + grace);
                }
            }
            Some(Event::Gone) => {
                why = Why::Lease;
                if kill_at.is_none() && give_up.is_none() {
                    process.terminate();
                    kill_at = Some(Instant::now() + grace);
                }
            }
            Some(Event::Lease | Event::Closed) => {}
            None if kill_at.take().is_some() => {
                process.kill();
                give_up = Some(Instant::now() + GIVE_UP);
            }
            None => break None,
        }
    };
    let ended = time.map(|_| process.finish());
    let (end, error) = match ended.map(|finished| finished.fate) {
        None => (None, Some("it did not end though it was killed".to_owned())),
        Some(Fate::Fault(fault)) => (None, Some(fault.message)),
        Some(Fate::Ended(end)) => (Some(end), None),
    };
    Outcome { time: time.unwrap_or_else(|| clock.now()), why, end, error }
}

/// What is heard of the host, and since when not.
struct Host {
    events: Receiver<Event>,
    lease: Option<Duration>,
    heard: Instant,
    /// It is given up for good.
    lost: bool,
    output: Output,
}

impl Host {
    /// The next event that matters, at most until then. That the host is gone comes once, whether it was seen or is
    /// concluded from its silence.
    fn next(&mut self, until: Option<Instant>) -> Option<Event> {
        loop {
            let lease = self.lease.filter(|_| !self.lost).map(|lease| self.heard + lease);
            let event = match [lease, until].into_iter().flatten().min() {
                Some(deadline) => self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let now = Instant::now();
            match event {
                Ok(Event::Lease) => self.heard = now,
                Ok(Event::Gone) if self.lost => {}
                Ok(Event::Gone) => return Some(self.lose()),
                Ok(event) => return Some(event),
                Err(_) if lease.is_some_and(|lease| now >= lease) => return Some(self.lose()),
                Err(RecvTimeoutError::Timeout) if until.is_none_or(|until| now < until) => {}
                Err(_) => return None,
            }
        }
    }

    fn lose(&mut self) -> Event {
        self.lost = true;
        // Whoever waits to say something holds up the end of the stage.
        self.output.abandon();
        Event::Gone
    }
}
