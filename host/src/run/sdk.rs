//! [`QuantSdk::run_pipeline`]: the life of one run, from an empty folder to a report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sha2::{Digest as _, Sha256};

use super::calling::{Written, at_hand, read_trace};
use super::components::{ComponentError, Fetching};
use super::history;
use super::loading::Ahead;
use super::outcomes::Outcomes;
use super::parent::Parent;
use super::planning::{PlanError, PlanOptions, Planned, cores, plan_run, pool_sizes};
use super::record::{HostRecord, ReportRecord, RunRecord, StageCounts};
use super::reporting::{self, ReportError, Reported};
use super::secrets::{self, SecretError};
use super::trust::{Checked, TrustPolicy};
use crate::beside::beside;
use crate::clock::{Clock, UnixNanos};
use crate::conventions::{attr, error_type, kind, result};
use crate::dag::{
    DagOutcome, DagRunner, Executors, Keep, LocalExecutor, Neighbours, Nested, RayError, RayExecutor, RaySettings,
    RunContext, StageResult, Stop, StopReason,
};
use crate::directory::{DATA, DirectoryError, PLUGINS, REPORTS, RunDirectory, RunId, TRACE_NAME};
use crate::environment::{EnvironmentError, StageEnvironment};
use crate::events::{Observer, RunEvent};
use crate::evidence::{BinaryDigest, Evidence, HostFacts, KEY_PEM_VARIABLE, SignError, SigningKey, Taken, sign};
use crate::files::hex;
use crate::limits::{HostLimits, Limit, Limits, Maxima};
use crate::phases::{self, Steps, within};
use crate::pipeline::{Pipeline, PluginSource};
use crate::plan::{Keeper, Selection};
use crate::plugin::{Engine, EngineError, EngineSettings, Source, Stamp};
use crate::redact::Redactor;
use crate::telemetry::otlp::forward::Destination;
use crate::telemetry::otlp::receive::Allowance;
use crate::telemetry::otlp::{OtlpServices, OtlpSettings};
use crate::telemetry::{HostSpan, RunTelemetry, SaveError};

/// How long spans that are under way are waited for when the last stage has ended.
const RECEIVE_GRACE: Duration = Duration::from_secs(2);

/// Runs pipelines.
#[derive(Debug)]
pub struct QuantSdk;

/// How a pipeline is to be run.
#[derive(Debug)]
pub struct RunOptions {
    /// Folder that runs go below.
    pub root: PathBuf,
    /// Id of the run; one is made from time and chance if it is not given.
    pub run_id: Option<RunId>,
    /// Attempts that may run at once; else the pipeline's `max_parallel`, else the number of processors.
    pub max_parallel: Option<u32>,
    /// How report plugins are compiled and kept.
    pub plugins: PluginSettings,
    /// Signs the run's evidence.
    pub signing_key: Option<SigningKey>,
    /// Which stages run, and what of earlier results is not reused.
    pub selection: Selection,
    /// The run whose results are reused: an id, a directory, or `latest`.
    pub resume: Option<PathBuf>,
    /// Whether this process may start others while the run goes on.
    pub neighbours: Neighbours,
    /// Ends the run early.
    pub stop: Stop,
}

/// How report plugins are compiled and kept.
#[derive(Clone, Debug)]
pub struct PluginSettings {
    /// The `forensic-host` binary, which compiles plugins in a child process of its own.
    pub compiler: PathBuf,
    /// A private folder for compiled plugins; none: they are compiled each time.
    pub cache: Option<PathBuf>,
    /// How components are fetched that are not part of this program.
    pub fetching: Fetching,
    /// What a component must be to run.
    pub policy: Arc<TrustPolicy>,
    /// What any pipeline may set at most, and what compiling may take.
    pub limits: HostLimits,
}

impl PluginSettings {
    /// The sandbox.
    ///
    /// # Errors
    /// Where this machine can't run WebAssembly.
    pub fn engine(&self) -> Result<Engine, EngineError> {
        let settings = EngineSettings { compiler: self.compiler.clone(), cache: self.cache.clone() };
        Ok(Engine::new(settings)?.with_compile_limits(self.limits.compile))
    }
}

/// What a run left behind.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run directory.
    pub directory: PathBuf,
    /// The record, as it stands in `run.json`.
    pub record: RunRecord,
    /// Why it ended early, if it did.
    pub stopped: Option<StopReason>,
    /// The reports.
    pub reported: Reported,
}

/// Why there is no, or no complete, record of a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The run has no telemetry.
    #[error("can't start the telemetry in {}: {source}", folder.display())]
    Telemetry {
        /// Where.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What is asked for can't be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What stages find in their environment can't be made.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A component could not be had.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A declared secret can't be read or can't be masked.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The sandbox could not be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no cluster, or it can't run the pipeline's stages. No stage has run.
    #[error(transparent)]
    Cluster(#[from] RayError),
    /// The trace is not, or not wholly, on disk.
    #[error("the record of run {run} is not complete: {source}")]
    Trace {
        /// The run.
        run: String,
        /// Why.
        source: SaveError,
    },
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The evidence could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl QuantSdk {
    /// Runs a pipeline: makes the run directory, starts telemetry for this run alone, runs the DAG, saves the
    /// trace, calls the report plugins, writes the report.
    ///
    /// A stage that fails is no error here: the outcome's record says so.
    ///
    /// # Errors
    /// [`RunError`], where there can be no complete record of the run.
    pub fn run_pipeline(
        pipeline: &Pipeline,
        options: RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<RunOutcome, RunError> {
        let whole = phases::innermost();
        let mut step = Steps::begin("start the digest of the program");
        let clock = Clock::start();
        let binary = BinaryDigest::start(options.plugins.cache.as_deref());
        let run_id = options.run_id.unwrap_or_else(|| RunId::generate(clock.started()));
        step.next("gather environment and secrets");
        // Before there is a run: a secret that can't be masked must not begin to be written.
        let environment = StageEnvironment::resolve(&pipeline.environment, std::env::vars_os())?;
        let mut declared = secrets::gather(pipeline, environment.values(), std::env::vars_os())?;
        declared.rules.secrets.extend(std::env::var(KEY_PEM_VARIABLE).ok().filter(|pem| !pem.trim().is_empty()));
        step.next("prepare the redaction rules");
        let redactor = declared.redactor().map_err(ReportError::from)?;
        step.next("fetch and check components");
        let (components, told) = options.plugins.components(pipeline)?;
        told.iter().for_each(|text| warn(observer, text));
        step.next("plan");
        let cores = cores();
        let slots = options.max_parallel.or(pipeline.max_parallel).unwrap_or(cores).max(1);
        let pools = pool_sizes(pipeline, cores);
        let plan_options = PlanOptions {
            root: &options.root,
            selection: &options.selection,
            resume: options.resume.as_deref(),
            run_id: Some(&run_id),
            slots,
            pools: &pools,
        };
        let mut planned = plan_run(pipeline, &plan_options, &environment, &redactor)?;
        step.next("make the run directory");
        let directory = RunDirectory::create(&options.root, &run_id)?;
        let restored = planned.restore(pipeline, &plan_options, &directory, &run_id);
        planned.warnings.iter().chain(&restored.warnings).for_each(|text| warn(observer, text));
        let Planned { plan, reuse, .. } = planned;
        let keeper = reuse
            .map(|reuse| Keeper::start(pipeline, reuse.keys, &directory, &options.root, run_id.as_str()))
            .transpose()
            .unwrap_or_else(|error| {
                warn(observer, &format!("no result of this run can be reused later: {error}"));
                None
            });

        let (reports, written) = keep_plugins(pipeline, components, &directory, &redactor)?;
        // They were checked: what is loaded now is what will be called.
        let plugins = plugins_at_hand(&reports, &directory, &written, options.plugins.limits.maxima);
        let ahead = Ahead::start(&options.plugins, plugins, whole);
        step.next("start the telemetry");
        let telemetry = RunTelemetry::start(directory.folder(DATA)?, run_id.as_str(), redactor)
            .map_err(|source| RunError::Telemetry { folder: directory.path().join(DATA), source })?;
        let mut run_span = telemetry.span(
            format!("RUN {}", pipeline.name),
            SpanKind::Server,
            None,
            clock.started(),
            run_attributes(pipeline, &run_id, slots, cores),
        );
        let run_context = run_span.context();
        step.next("begin the record");
        let host = HostRecord {
            version: env!("CARGO_PKG_VERSION").into(),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            cores,
            executor: pipeline.executor.kind.as_str().into(),
            slots,
            binary_sha256: None,
            machine: HostFacts::collect(),
        };
        let trace_id = run_context.trace_id().to_string();
        let mut record = RunRecord::begin(pipeline, run_id.as_str(), host, clock.started(), trace_id);
        record.reports = reports;
        record.parent = Parent::from_environment(|name| std::env::var(name).ok());
        record.resumed_from.clone_from(&plan.resumed_from);
        if let Some(run) = &record.resumed_from {
            run_span.set(KeyValue::new(attr::RESUMED_FROM, run.clone()));
        }
        record.parent.iter().flat_map(Parent::attributes).for_each(|attribute| run_span.set(attribute));
        record.telemetry.unset_secrets = declared.unset;
        record.redaction.by_name = declared.by_name;
        for name in &declared.left_out {
            warn(
                observer,
                &format!("there are too many secrets: the value of {name} is not masked where it stands alone"),
            );
        }
        record.telemetry.unset_warnings().for_each(|text| warn(observer, &text));
        record.begin_in(&directory)?;

        step.next("start the executor");
        // Before the first stage, and before processes of stages are told from others of this program.
        let ray = pipeline
            .uses_ray()
            .then(|| {
                RayExecutor::start(RaySettings {
                    pipeline,
                    run_id: run_id.as_str(),
                    trace_id: &record.trace_id,
                    directory: &directory,
                    clock,
                    exporter: telemetry.exporter().clone(),
                    rules: declared.rules,
                    receive: pipeline.telemetry.receive.then(|| allowance(pipeline)),
                    program: options.plugins.compiler.clone(),
                    sha256: sha256_of_file(&options.plugins.compiler),
                    bridge: None,
                })
            })
            .transpose();
        let ray = match ray {
            Ok(ray) => ray,
            Err(error) => {
                without_cluster(record, run_span, telemetry, &directory, clock.now(), &error);
                return Err(error.into());
            }
        };
        record.cluster = ray.as_ref().map(RayExecutor::cluster);
        if let Some(cluster) = &record.cluster {
            run_span.set(KeyValue::new(attr::CLUSTER_AUTH, cluster.auth.clone()));
            run_span.set(KeyValue::new(attr::CLUSTER_RAY_VERSION, cluster.ray.clone()));
            record.save(&directory)?;
        }
        let local = LocalExecutor::new(clock).with_orphans(run_id.as_str(), directory.path(), options.neighbours);
        let mut executor = Executors::new(pipeline, local, ray);
        step.next("start the span receiver");
        let mut otlp = start_otlp(pipeline, &telemetry, &run_id, observer);
        step.next("run the stages");
        let schedule_start = clock.now();
        run_span.set(KeyValue::new(attr::SCHEDULE_START, schedule_start as i64));
        telemetry.note(&run_span);
        let mut outcomes = Outcomes::new(pipeline, &plan, observer);
        let nested = Nested {
            program: options.plugins.compiler.clone(),
            root: std::path::absolute(&options.root).unwrap_or_else(|_| options.root.clone()),
            arguments: options.plugins.policy.locked.then(|| "--locked".to_owned()).into_iter().collect(),
        };
        let context = RunContext {
            pipeline,
            plan: &plan,
            slots,
            clock,
            schedule_start,
            telemetry: &telemetry,
            receiver: otlp.as_ref().and_then(OtlpServices::receiver),
            run_span: run_context.clone(),
            directory: &directory,
            run_id: &run_id,
            environment: &environment,
            pools: pools.clone(),
            keep: keeper.as_ref().map(|keeper| keeper as &dyn Keep),
            nested: &nested,
            stop: options.stop.clone(),
        };
        let dag = DagRunner::new(context, &mut executor, &mut outcomes).run();
        step.next("take the last spans");
        outcomes.record(&mut record);
        record.cluster = executor.cluster();
        let end = clock.now();
        let received = otlp.as_mut().and_then(|otlp| otlp.stop_receiving(RECEIVE_GRACE));
        record.result = run_result(pipeline, &dag).to_owned();
        record.stages = StageCounts { cached: dag.cached, allowed: dag.allowed, ..StageCounts::of(&dag.results) };
        record.end_time = Some(end);
        if dag.escaped_processes > 0 {
            run_span.set(KeyValue::new(attr::ESCAPED_PROCESSES, dag.escaped_processes as i64));
        }
        end_run_span(&mut run_span, &record);
        run_span.end(end, (!record.succeeded()).then(|| run_message(&dag, &record)));

        keeper.into_iter().flat_map(Keeper::finish).for_each(|text| warn(observer, &text));

        step.next("save the trace");
        let exporter = telemetry.exporter().clone();
        // Written before any plugin is called.
        let incomplete = |source| RunError::Trace { run: run_id.to_string(), source };
        let saved = telemetry.save(TRACE_NAME).map_err(incomplete);
        step.next("look at earlier runs");
        history::fill(&mut record, &directory);
        step.next("call the report plugins");
        let calls = match &saved {
            Ok(_) => Some(reporting::call_plugins(
                &directory,
                &record,
                ahead.loader(),
                exporter.redactor(),
                Some(&reporting::Live {
                    telemetry: &telemetry,
                    parent: run_context,
                    clock,
                    stop: &options.stop,
                    written: &written,
                }),
                observer,
            )?),
            Err(_) => None,
        };
        step.next("save the trace again");
        // Where no plugin adds to it, the trace is what it will be: it is read meanwhile.
        let last = || telemetry.finish(TRACE_NAME).map_err(incomplete);
        let (finished, read) = match &saved {
            Ok(_) if record.reports.is_empty() => {
                beside("trace", last, || within("read the trace", || read_trace(&directory).ok()))
            }
            _ => (last(), None),
        };
        let same = matches!((&saved, &finished), (Ok(first), Ok(last)) if first.spans == last.spans);
        let read = read.filter(|_| same);
        let mut ledger = exporter.ledger();
        received.iter().for_each(|counts| ledger.add_received(counts));
        record.telemetry.ledger = Some(ledger);
        record.telemetry.forwarded = otlp.and_then(|otlp| otlp.finish(pipeline.telemetry.forward_timeout));
        record.telemetry.forward_warning().iter().for_each(|text| warn(observer, text));
        record.spans = finished.as_ref().ok().map(|saved| saved.spans);
        step.next("take the digest of the program");
        record.host.binary_sha256 = binary.finish();
        if saved.is_err() || finished.is_err() {
            // What can't be said there either is said by the error.
            drop(record.save(&directory));
        }
        // The later one knows more: what waited for room until the end is lost only now.
        finished?;
        saved?;
        step.next("make the report");
        let now = clock.now();
        // All other files are what they will be: they are read meanwhile.
        let (evidence, reported) = Evidence::take_beside(directory.dir(), Taken::RunEnd, now, REPORTS, || {
            reporting::draw(&directory, &record, calls.unwrap_or_default(), exporter.redactor(), read, None, None)?
                .write(&directory)
        });
        let reported = reported?;
        match evidence {
            Ok(evidence) => record.evidence = Some(evidence),
            Err(error) => warn(observer, &format!("the run's files can't be listed as evidence: {error}")),
        }
        step.next("save the record");
        let bytes = record.save(&directory)?;
        if let Some(key) = &options.signing_key {
            sign(directory.dir(), &bytes, key, now)?;
        }
        // A convenience: a file system without links is no reason to fail.
        // The latest run is the one that somebody asked for.
        if record.parent.is_none() {
            drop(directory.mark_latest());
        }
        Ok(RunOutcome { directory: directory.path().to_owned(), record, stopped: dag.stopped, reported })
    }
}

impl Keep for Keeper {
    fn succeeded(&self, stage: usize, duration_ns: u64, attempts: u32, end: UnixNanos) {
        Self::succeeded(self, stage, duration_ns, attempts, end);
    }
}

fn warn(observer: &mut dyn Observer, text: &str) {
    observer.on_event(&RunEvent::Warning { text });
}

/// What one attempt may send.
fn allowance(pipeline: &Pipeline) -> Allowance {
    let wanted = &pipeline.telemetry;
    Allowance { spans: wanted.spans_per_attempt, bytes: wanted.bytes_per_attempt }
}

/// Of the program that is sent to nodes; `None`: it can't be read, and the bridge says so.
fn sha256_of_file(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 1 << 17];
    loop {
        match std::io::Read::read(&mut file, &mut piece).ok()? {
            0 => break,
            length => digest.update(&piece[..length]),
        }
    }
    Some(hex(&digest.finalize()))
}

/// Leaves a record of a run that had no cluster to run on. What can't be written there is said by the error.
fn without_cluster(
    mut record: RunRecord,
    mut span: HostSpan,
    telemetry: RunTelemetry,
    directory: &RunDirectory,
    now: UnixNanos,
    error: &RayError,
) {
    record.result = result::ERROR.to_owned();
    record.end_time = Some(now);
    span.set(KeyValue::new(attr::PIPELINE_RESULT, result::ERROR));
    span.set(KeyValue::new(attr::ERROR_TYPE, error_type::CLUSTER_LOST));
    span.end(now, Some(error.to_string()));
    record.spans = telemetry.finish(TRACE_NAME).ok().map(|saved| saved.spans);
    drop(record.save(directory));
}

/// The OTLP side of the run. That there can be none is told and no reason not to run.
fn start_otlp(
    pipeline: &Pipeline,
    telemetry: &RunTelemetry,
    run_id: &RunId,
    observer: &mut dyn Observer,
) -> Option<OtlpServices> {
    let wanted = &pipeline.telemetry;
    let forward = if wanted.forward {
        Destination::from_environment(&|name| std::env::var(name).ok()).unwrap_or_else(|error| {
            warn(observer, &format!("spans are not forwarded: {error}"));
            None
        })
    } else {
        None
    };
    let settings = OtlpSettings { receive: wanted.receive, allowance: allowance(pipeline), forward };
    let resource = RunTelemetry::resource(run_id.as_str());
    OtlpServices::start(settings, telemetry, resource).unwrap_or_else(|error| {
        warn(observer, &format!("spans that stages send are not received, and none are forwarded: {error}"));
        None
    })
}

/// Copies components from elsewhere into the run directory, so that the report can be made again from it alone. The second: what
/// was written.
fn keep_plugins(
    pipeline: &Pipeline,
    components: Vec<Checked>,
    directory: &RunDirectory,
    redactor: &Redactor,
) -> Result<(Vec<ReportRecord>, Written), RunError> {
    let mut records = Vec::new();
    let mut written = Written::new();
    for (report, Checked { component, trust }) in pipeline.reports.iter().zip(components) {
        records.push(if let PluginSource::Builtin(_) = report.plugin {
            // Checked with the pipeline; a record without a digest says so when the plugin is called.
            ReportRecord::new(report, component.source, component.sha256, redactor)
        } else {
            let place = format!("{PLUGINS}/{}.wasm", component.sha256);
            let mut record = ReportRecord::new(report, place, component.sha256, redactor);
            record.source = Some(component.source);
            record.signed_by = trust.signed_by.map(|key| key.as_str().to_owned());
            if directory.dir().create_dir(PLUGINS).is_ok() || !directory.dir().exists(&record.plugin) {
                directory.write(&record.plugin, &component.bytes)?;
                let file = directory.file(&record.plugin)?.map(cap_std::fs::File::into_std);
                written.extend(file.and_then(|file| Some((record.plugin.clone(), Stamp::of(&file)?))));
            }
            record
        });
    }
    Ok((records, written))
}

/// The components that can be loaded already, each once: ids of report stages, components, limits.
fn plugins_at_hand(
    reports: &[ReportRecord],
    directory: &RunDirectory,
    written: &Written,
    maxima: Maxima,
) -> Vec<(String, Source<'static>, Limits)> {
    let mut seen = HashSet::new();
    let first = reports.iter().filter(|report| seen.insert((&report.sha256, report.limits(maxima).get(Limit::Stack))));
    first
        .filter_map(|report| Some((report, at_hand(directory, report, Some(written))?)))
        .filter(|(report, source)| source.sha256() == report.sha256)
        .map(|(report, source)| (report.id.clone(), source, report.limits(maxima)))
        .collect()
}

fn run_attributes(pipeline: &Pipeline, run_id: &RunId, slots: u32, cores: u32) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new(attr::KIND, kind::RUN),
        KeyValue::new(attr::PIPELINE_NAME, pipeline.name.clone()),
        KeyValue::new(attr::RUN_ID, run_id.as_str().to_owned()),
        KeyValue::new(attr::ACTION_NAME, "RUN"),
        KeyValue::new(attr::SLOTS, i64::from(slots)),
        KeyValue::new(attr::CORES, i64::from(cores)),
    ];
    // Always there, so that a reader need not ask twice.
    attributes.push(KeyValue::new(attr::PROFILE, pipeline.profile.clone().unwrap_or_default()));
    attributes
}

fn end_run_span(span: &mut HostSpan, record: &RunRecord) {
    span.set(KeyValue::new(attr::PIPELINE_RESULT, record.result.clone()));
    let cause = match record.result.as_str() {
        result::SUCCESS => return,
        result::TIMEOUT => error_type::TIMEOUT,
        result::CANCELLATION => error_type::CANCELLED,
        _ => error_type::STAGE_FAILED,
    };
    span.set(KeyValue::new(attr::ERROR_TYPE, cause));
}

fn run_result(pipeline: &Pipeline, dag: &DagOutcome) -> &'static str {
    let counted = || pipeline.stages.iter().zip(&dag.results).filter(|(stage, _)| !stage.allow_failure);
    let any = |wanted: &[StageResult]| {
        counted().any(|(_, result)| wanted.contains(result))
            || wanted == [StageResult::Cancellation] && dag.results.contains(&StageResult::Cancellation)
    };
    // A wish to stop that came when everything was done changed nothing.
    match dag.stopped.filter(|_| any(&[StageResult::Cancellation])) {
        Some(StopReason::Timeout) => result::TIMEOUT,
        Some(StopReason::Signal(_) | StopReason::Request) => result::CANCELLATION,
        _ if any(&[StageResult::Failure, StageResult::Timeout]) => result::FAILURE,
        _ if any(&[StageResult::Error]) => result::ERROR,
        _ => result::SUCCESS,
    }
}

fn run_message(dag: &DagOutcome, record: &RunRecord) -> String {
    let counts = &record.stages;
    let failed = (counts.failure + counts.error + counts.timeout).saturating_sub(counts.allowed);
    let mut text = match dag.stopped {
        Some(StopReason::Timeout) => "the run ran into its timeout".to_owned(),
        Some(_) if record.result == result::CANCELLATION => "the run was stopped".to_owned(),
        _ => String::new(),
    };
    if failed > 0 {
        let comma = if text.is_empty() { "" } else { "; " };
        text += &format!("{comma}{failed} of {} stages failed", counts.total);
    }
    text
}
