//! Everything that is computed from a trace, as one object: JSON for programs (`DESIGN` 6, `forensic.summary/1`),
//! text for a terminal (`text`). Formulae belong in `metrics`.

mod text;

use super::load::Trace;
use super::metrics::chain::{self, Class, Totals};
use super::metrics::occupancy::{self, Idle, Occupancy};
use super::metrics::wait::{self, Queue};
use super::metrics::{Timeline, dag, ratio};
use super::model::Run;
use super::span::Status;
use super::warnings::{Sort, Warnings};
use crate::conventions::result;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

pub use text::render_text;

/// Name and version of the JSON object.
pub const SCHEMA: &str = "forensic.summary/1";

/// Summary of a run. Times are Unix ns, durations ns, ratios unrounded; `None` where undefined.
///
/// A zero denominator makes a ratio undefined, and so does a run without stages. What needs the DAG is undefined in
/// traces of other writers and where the needs form a circle. What only some runs have (a resumed run's origin, a stage's
/// group …) is absent in JSON where there is nothing to tell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// [`SCHEMA`]
    pub schema: &'static str,
    /// The run itself.
    pub run: RunSummary,
    /// **W**, run.end − run.start: total duration.
    pub wall_ns: u64,
    /// Last attempt's end − first attempt's start; 0 without attempts.
    pub makespan_ns: u64,
    /// **B**, measure of the union of all attempts.
    pub busy_ns: u64,
    /// W − B.
    pub idle: Idle,
    /// **T₁**, sum of all attempts' durations.
    pub work_ns: u64,
    /// Final successful attempts only.
    pub useful_ns: u64,
    /// T₁ − useful.
    pub wasted_ns: u64,
    /// **S** = T₁ / W, the mean number of stages running.
    pub speedup: Option<f64>,
    /// **E** = T₁ / (N·W); with unlimited slots S / S_max; `None` with unknown slots.
    pub efficiency: Option<f64>,
    /// Σ(user + system) / (W · cores).
    pub cpu_use: Option<f64>,
    /// Most attempts that ran at once.
    pub max_concurrency: u64,
    /// ns at concurrency 0, 1, 2 …, without holes; keys are texts in JSON.
    #[serde(serialize_with = "by_level")]
    pub levels: Vec<u64>,
    /// Longest path in the DAG by cost.
    pub critical_path: Option<CriticalPath>,
    /// S_max = T₁ / T∞.
    pub max_speedup: Option<f64>,
    /// max(T∞, T₁ / N).
    pub lower_bound_ns: Option<u64>,
    /// Lower bound / W.
    pub schedule_quality: Option<f64>,
    /// Waiting of all stages.
    pub queue: Option<Queue>,
    /// Observed chain in order of time; its segments tile the run.
    pub chain: Option<Vec<ChainSegment>>,
    /// Sums of the chain.
    pub chain_totals: Option<Totals>,
    /// In declaration order where known, else by start.
    pub stages: Vec<StageSummary>,
    /// Counts of all spans of the file.
    pub spans: SpanCounts,
    /// What was odd about the file or the run.
    pub warnings: Vec<String>,
}

/// The run of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSummary {
    /// Run id.
    pub id: Option<String>,
    /// Pipeline name.
    pub pipeline: Option<String>,
    /// Profile.
    pub profile: Option<String>,
    /// Result word.
    pub result: Option<String>,
    /// 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// `None` in an empty trace.
    pub start_time: Option<u64>,
    /// `None` in an empty trace.
    pub end_time: Option<u64>,
    /// 0 means unlimited, `None` unknown.
    pub slots: Option<u64>,
    /// The run that it resumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<String>,
    /// The run that it is a stage of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_run: Option<String>,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_stage: Option<String>,
}

/// T∞ of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CriticalPath {
    /// The wall with unlimited slots.
    pub duration_ns: u64,
    /// Ids along one longest path, in order; stages without cost are not listed.
    pub stages: Vec<String>,
}

/// A segment of the observed chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChainSegment {
    /// What it is.
    pub class: Class,
    /// Stage id; `None` for overhead.
    pub stage: Option<String>,
    /// Number of the attempt that ran or was waited for, from 1.
    pub attempt: Option<u64>,
    /// Unix ns.
    pub start_time: u64,
    /// Unix ns.
    pub end_time: u64,
}

/// A stage of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageSummary {
    /// Stage id.
    pub id: String,
    /// Result word.
    pub result: String,
    /// Ids that it needs; `None` where unknown.
    pub needs: Option<Vec<String>>,
    /// Number of attempts.
    pub attempts: u64,
    /// First attempt's start or the decision.
    pub start_time: u64,
    /// Terminal time.
    pub end_time: u64,
    /// end − start, with the pauses and queues between attempts.
    pub duration_ns: u64,
    /// All attempts and the back-off between them, without queue.
    pub cost_ns: u64,
    /// Waiting before all its attempts.
    pub queue_ns: Option<u64>,
    /// Its share of B; the column sums to B.
    pub weighted_ns: u64,
    /// Total float against T∞.
    pub slack_ns: Option<u64>,
    /// The most that speeding it up can save; only for critical stages.
    pub drag_ns: Option<u64>,
    /// Whether it has a cost and lies on a longest path.
    pub critical: Option<bool>,
    /// True if its result came from an earlier run.
    pub cached: bool,
    /// What that saved.
    pub saved_ns: Option<u64>,
    /// True where an end was not seen.
    pub inferred: bool,
    /// User and system CPU time of all attempts.
    pub cpu_ns: Option<u64>,
    /// Largest peak of its attempts.
    pub peak_memory_bytes: Option<u64>,
    /// Exit code of the last attempt.
    pub exit_code: Option<i64>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// Which results of its needs let it start: `all`, `any`, `always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The need whose end let it start, where one is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_by: Option<String>,
    /// What the members of its matrix have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_of: Option<String>,
    /// The group that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// True if its failure does not fail the run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_failure: bool,
    /// Why it was skipped: `need`, `when`, `selection`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// The same in a sentence, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_message: Option<String>,
    /// The run that a cached result came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_from: Option<String>,
    /// The pool that its last attempt to wait for one waited for, though a slot was free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_for_pool: Option<String>,
    /// The run that its last attempt was, if it is a pipeline of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_run: Option<String>,
    /// Where its last attempt ran, `ray`; absent: on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
}

impl StageSummary {
    /// True if it failed, and the pipeline allows that.
    pub fn failure_is_allowed(&self) -> bool {
        self.allow_failure
            && !matches!(&*self.result, result::SUCCESS | result::SKIP | result::CANCELLATION | result::RUNNING)
    }
}

/// Counts over all spans of the file, report plugins' too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanCounts {
    /// All.
    pub count: u64,
    /// With status Error.
    pub errors: u64,
    /// Whose end was not seen.
    pub inferred: u64,
    /// By who made them: `host`, `otlp`, `worker`, `guest`, `unknown`.
    pub by_origin: BTreeMap<String, u64>,
}

fn by_level<S: Serializer>(levels: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(levels.iter().enumerate().map(|(level, ns)| (level.to_string(), ns)))
}

/// Computes everything from a trace.
pub fn summarize(trace: &Trace) -> Summary {
    summarize_run(trace, &Run::of(trace))
}

/// [`summarize`], for callers that have the [`Run`] already.
pub fn summarize_run(trace: &Trace, run: &Run) -> Summary {
    let timeline = Timeline::of(run);
    let mut warnings = Warnings::default();

    let occupancy = Occupancy::of(&timeline);
    let (wall_ns, busy_ns, work_ns) = (timeline.wall(), occupancy.busy(), timeline.work());
    let levels = occupancy.levels();
    let weighted = occupancy.weighted(&timeline);
    let costs = timeline.costs();
    let makespan_ns = timeline.extent().map_or(0, |(first, last)| last - first);

    let needs: Vec<&[usize]> = timeline.stages.iter().map(|stage| &*stage.needs).collect();
    let path = run.has_dag.then(|| dag::critical_path(&needs, &costs, |stage| timeline.stages[stage].id)).flatten();
    if run.has_dag && path.is_none() {
        warnings.push(Sort::Model, || {
            "the stages' needs form a circle: critical path, slack, drag, queue and chain are unknown".to_owned()
        });
    }
    let unlimited = run.slots == Some(0);
    // Slots are held for longer than attempts run where a cluster runs them.
    let held = timeline.attempts().any(|attempt| attempt.submitted.is_some()).then(|| Occupancy::of_slots(&timeline));
    let held = held.as_ref().unwrap_or(&occupancy);
    let queue = path.is_some().then(|| wait::total(&timeline, held, unlimited));
    let queues = path.is_some().then(|| wait::by_stage(&timeline));
    let chain = path.is_some().then(|| chain::observed_chain(&timeline));
    if path.is_some() {
        for stage in &timeline.stages {
            let ready = wait::ready(&timeline, stage);
            if let Some(first) = stage.attempts.first().filter(|first| first.start < ready) {
                warnings.push(Sort::Model, || {
                    format!(
                        "stage {} started {} ns before what it needs had ended; its queue was read as 0",
                        stage.id,
                        ready - first.start
                    )
                });
            }
        }
    }

    let some_ratio = |numerator, denominator| ratio(numerator, denominator).filter(|_| !run.stages.is_empty());
    let speedup = some_ratio(work_ns, wall_ns);
    let max_speedup = path.as_ref().and_then(|path| some_ratio(work_ns, path.duration));
    let efficiency = match (timeline.slots, speedup, max_speedup) {
        (Some(slots), Some(speedup), _) => Some(speedup / slots as f64),
        (None, Some(speedup), Some(max)) if unlimited && max > 0.0 => Some(speedup / max),
        _ => None,
    };
    let cpu_ns = run.stages.iter().filter_map(|stage| stage.cpu_ns()).reduce(u64::saturating_add);
    let cpu_use = match (cpu_ns, run.cores) {
        (Some(cpu), Some(cores)) if cores > 0 => some_ratio(cpu, wall_ns).map(|cpu| cpu / cores as f64),
        _ => None,
    };
    let lower_bound_ns = path.as_ref().map(|path| timeline.lower_bound(path.duration));

    let stages = run.stages.iter().enumerate().map(|(index, stage)| StageSummary {
        id: stage.id.clone(),
        result: stage.result.clone(),
        needs: stage.needs.clone(),
        attempts: stage.attempts.len() as u64,
        start_time: stage.start,
        end_time: stage.end,
        duration_ns: stage.end.saturating_sub(stage.start),
        cost_ns: costs[index],
        queue_ns: queues.as_ref().map(|queues| queues[index]),
        weighted_ns: weighted[index],
        slack_ns: path.as_ref().map(|path| path.slack[index]),
        drag_ns: path.as_ref().and_then(|path| path.drag[index]),
        critical: path.as_ref().map(|path| path.is_critical(index)),
        cached: stage.cached,
        saved_ns: stage.saved_ns,
        inferred: stage.inferred,
        cpu_ns: stage.cpu_ns(),
        peak_memory_bytes: stage.peak_memory(),
        exit_code: stage.exit_code(),
        error: stage.error(),
        trigger: stage.trigger.clone(),
        released_by: stage.released_by.clone(),
        member_of: stage.member_of.clone(),
        group: stage.group.clone(),
        allow_failure: stage.allow_failure,
        skip_reason: stage.skip_reason.clone(),
        skip_message: stage.skip_message.clone(),
        cached_from: stage.cached_from.clone(),
        waited_for_pool: stage.waited_for_pool().map(str::to_owned),
        child_run: stage.child_run().map(str::to_owned),
        executor: stage.executor().map(str::to_owned),
    });
    let segments = |chain: &[chain::Segment]| -> Vec<ChainSegment> {
        chain
            .iter()
            .map(|segment| ChainSegment {
                class: segment.class,
                stage: segment.stage.map(|stage| run.stages[stage].id.clone()),
                attempt: segment.stage.zip(segment.attempt).map(|(s, a)| run.stages[s].attempts[a].number),
                start_time: segment.start,
                end_time: segment.end,
            })
            .collect()
    };
    let known = !trace.is_empty();
    Summary {
        schema: SCHEMA,
        run: RunSummary {
            id: run.id.clone(),
            pipeline: run.pipeline.clone(),
            profile: run.profile.clone(),
            result: run.result.clone(),
            trace_id: run.trace_id.clone(),
            start_time: known.then_some(run.start),
            end_time: known.then_some(run.end),
            slots: run.slots,
            resumed_from: run.resumed_from.clone(),
            parent_run: run.parent_run.clone(),
            parent_stage: run.parent_stage.clone(),
        },
        wall_ns,
        makespan_ns,
        busy_ns,
        idle: occupancy::idle(&timeline, busy_ns),
        work_ns,
        useful_ns: timeline.useful(),
        wasted_ns: work_ns - timeline.useful(),
        speedup,
        efficiency,
        cpu_use,
        max_concurrency: levels.len() as u64 - 1,
        levels,
        critical_path: path.as_ref().map(|path| CriticalPath {
            duration_ns: path.duration,
            stages: path.stages.iter().map(|&stage| run.stages[stage].id.clone()).collect(),
        }),
        max_speedup,
        lower_bound_ns,
        schedule_quality: lower_bound_ns.and_then(|bound| some_ratio(bound, wall_ns)),
        queue,
        chain_totals: chain.as_deref().map(chain::totals),
        chain: chain.as_deref().map(segments),
        stages: stages.collect(),
        spans: count(trace),
        warnings: [trace.warnings(), run.warnings(), warnings.texts()].concat(),
    }
}

fn count(trace: &Trace) -> SpanCounts {
    let mut counts = SpanCounts { count: trace.len() as u64, errors: 0, inferred: 0, by_origin: BTreeMap::new() };
    let mut by_origin: Vec<u64> = vec![0; trace.origins.len()];
    for span in trace.spans() {
        counts.errors += u64::from(span.status() == Status::Error);
        counts.inferred += u64::from(span.inferred());
        by_origin[span.origin_index()] += 1;
    }
    counts.by_origin = (0u32..)
        .zip(by_origin)
        .filter(|(_, count)| *count > 0)
        .map(|(origin, count)| (trace.origins.text(origin).to_owned(), count))
        .collect();
    counts
}
