//! From the read model to columns. Numbers that have a formula come from `metrics` and the summary; nothing is computed anew.

use super::{Attempts, Chain, Columns, Log, Spans, Stages};
use crate::trace::load::Trace;
use crate::trace::metrics::{Timeline, chain, wait};
use crate::trace::model::{Attempt, Run, Stage};
use crate::trace::summary::Summary;
use std::collections::HashMap;

impl Columns {
    /// The columns of a run, without tails and baseline. `summary` is that of the same run; one of another run gives columns
    /// without the numbers of stages that do not match.
    ///
    /// Near-linear in the number of spans; needs 12 bytes for each beside the trace while it works, and what it returns
    /// holds at most [`SPANS_MAX`](super::SPANS_MAX) of them.
    pub fn of(trace: &Trace, run: &Run, summary: &Summary) -> Self {
        let timeline = Timeline::of(run);
        let since = |time: u64| since(run.start, time);
        // Where the needs form a circle, or nobody knows them, nobody waited for anything.
        let waited = summary.critical_path.is_some();
        let (spans, spans_left_out) = Spans::of(trace, run);
        let mut columns = Self {
            start_time: run.start,
            wall_ns: timeline.wall(),
            slots: run.slots,
            cores: run.cores,
            inferred: run.inferred,
            stages: stages(run, summary),
            spans,
            spans_left_out,
            ..Self::default()
        };
        for ((at, stage), times) in (0u32..).zip(&run.stages).zip(&timeline.stages) {
            let came_so_far = !stage.attempts.is_empty() || stage.cached;
            let ready = match waited && came_so_far {
                true => Some(wait::ready(&timeline, times)),
                false => stage.ready_time,
            };
            columns.stages.ready_ns.push(ready.map(since));
            let waiting = wait::intervals(&timeline, times);
            for (attempt, (from, _, cut)) in stage.attempts.iter().zip(waiting) {
                let ready = waited.then(|| since(from.min(attempt.start)));
                columns.attempts.push(at, stage, attempt, run.start, ready, cut.backoff);
            }
        }
        if summary.chain.is_some() {
            columns.chain = chain(run, &timeline);
        }
        columns
    }
}

/// ns after the run's start; what does not fit is cut off.
pub(super) fn since(start: u64, time: u64) -> i64 {
    if time >= start {
        i64::try_from(time - start).unwrap_or(i64::MAX)
    } else {
        i64::try_from(start - time).map_or(i64::MIN, |before| -before)
    }
}

/// All but when they were ready, and the baseline.
fn stages(run: &Run, summary: &Summary) -> Stages {
    let mut places: HashMap<&str, u32> = HashMap::new();
    for (at, stage) in (0..).zip(&run.stages) {
        places.entry(&stage.id).or_insert(at);
    }
    let needs = |stage: &Stage| -> Option<Vec<u32>> {
        let mut needs: Vec<u32> =
            stage.needs.as_ref()?.iter().filter_map(|need| places.get(&**need).copied()).collect();
        needs.sort_unstable();
        needs.dedup();
        Some(needs)
    };
    let text = |text: &Option<&str>| text.map(str::to_owned);
    let mut columns = Stages::default();
    for (at, stage) in run.stages.iter().enumerate() {
        let computed = summary.stages.get(at).filter(|summary| summary.id == stage.id);
        columns.id.push(stage.id.clone());
        columns.result.push(stage.result.clone());
        columns.start_ns.push(since(run.start, stage.start));
        columns.end_ns.push(since(run.start, stage.end));
        columns.needs.push(needs(stage));
        columns.cost_ns.push(computed.map(|stage| stage.cost_ns));
        columns.queue_ns.push(computed.and_then(|stage| stage.queue_ns));
        columns.slack_ns.push(computed.and_then(|stage| stage.slack_ns));
        columns.drag_ns.push(computed.and_then(|stage| stage.drag_ns));
        columns.critical.push(computed.and_then(|stage| stage.critical).unwrap_or(false));
        columns.cached.push(stage.cached);
        columns.saved_ns.push(stage.saved_ns);
        columns.inferred.push(stage.inferred);
        columns.cpu_ns.push(stage.cpu_ns());
        columns.peak_memory_bytes.push(stage.peak_memory());
        columns.exit_code.push(stage.exit_code());
        columns.error.push(stage.error());
        columns.group.push(stage.group.clone());
        columns.member_of.push(stage.member_of.clone());
        columns.allow_failure.push(stage.allow_failure);
        columns.skip_reason.push(stage.skip_reason.clone());
        columns.cached_from.push(stage.cached_from.clone());
        columns.waited_for_pool.push(text(&stage.waited_for_pool()));
        columns.child_run.push(text(&stage.child_run()));
    }
    columns
}

impl Attempts {
    fn push(&mut self, at: u32, stage: &Stage, attempt: &Attempt, start: u64, ready: Option<i64>, backoff: u64) {
        let log = |path: &Option<String>, stream: &str| match path {
            None => Log::None,
            Some(path) if is_usual(path, &stage.id, attempt.number, stream) => Log::Usual,
            Some(path) => Log::At(path.clone()),
        };
        let error = || attempt.message.clone().or_else(|| attempt.error_type.clone());
        self.stage.push(at);
        self.number.push(attempt.number);
        self.result.push(attempt.result.clone());
        self.start_ns.push(since(start, attempt.start));
        self.end_ns.push(since(start, attempt.end));
        self.ready_ns.push(ready);
        self.backoff_ns.push(backoff);
        self.exit_code.push(attempt.exit_code);
        self.signal.push(attempt.signal);
        self.error.push(if attempt.succeeded() { None } else { error() });
        self.cpu_user_ns.push(attempt.cpu_user_ns);
        self.cpu_system_ns.push(attempt.cpu_system_ns);
        self.peak_memory_bytes.push(attempt.peak_memory);
        self.tree_peak_memory_bytes.push(attempt.tree_peak_memory);
        self.io_read_bytes.push(attempt.io_read);
        self.io_written_bytes.push(attempt.io_written);
        self.oom.push(attempt.oom_killed);
        self.waited_for_pool.push(attempt.waited_for_pool.clone());
        let remote = attempt.remote.as_deref();
        self.submitted_ns.push(attempt.submitted.map(|submitted| since(start, submitted)));
        self.worker.push(remote.and_then(|remote| remote.worker.clone()));
        self.node.push(remote.and_then(|remote| remote.node_label()).map(str::to_owned));
        self.inferred.push(attempt.inferred);
        self.stdout.push(log(&attempt.log_stdout, "out"));
        self.stderr.push(log(&attempt.log_stderr, "err"));
    }
}

/// Whether a log's path says no more than its attempt does.
fn is_usual(path: &str, stage: &str, number: u64, stream: &str) -> bool {
    let rest =
        path.strip_prefix("logs/").and_then(|rest| rest.strip_prefix(stage)).and_then(|rest| rest.strip_prefix('/'));
    let written = rest.and_then(|rest| rest.strip_suffix(".log")?.strip_suffix(stream)?.strip_suffix('.'));
    // As a number is written: no sign, no zero before it.
    written.is_some_and(|written| {
        let plain = written.bytes().all(|b| b.is_ascii_digit()) && (written == "0" || !written.starts_with('0'));
        plain && written.parse() == Ok(number)
    })
}

fn chain(run: &Run, timeline: &Timeline<'_>) -> Chain {
    let mut columns = Chain::default();
    for segment in chain::observed_chain(timeline) {
        let attempt = segment.stage.zip(segment.attempt).map(|(stage, attempt)| &run.stages[stage].attempts[attempt]);
        columns.class.push(segment.class);
        columns.stage.push(segment.stage.map(|stage| stage as u32));
        columns.attempt.push(attempt.map(|attempt| attempt.number));
        columns.start_ns.push(since(timeline.start, segment.start));
        columns.end_ns.push(since(timeline.start, segment.end));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::is_usual;

    #[test]
    fn a_usual_path_says_no_more_than_its_attempt() {
        assert!(is_usual("logs/a.b/1.out.log", "a.b", 1, "out"));
        assert!(is_usual("logs/a/10.err.log", "a", 10, "err"));
        assert!(is_usual("logs/a/0.err.log", "a", 0, "err"));
        for other in [
            "logs/a/1.err.log",
            "logs/b/1.out.log",
            "logs/a/2.out.log",
            "logs/a/01.out.log",
            "logs/a/+1.out.log",
            "logs/a/.out.log",
            "a/1.out.log",
        ] {
            assert!(!is_usual(other, "a", 1, "out"), "{other}");
        }
    }
}
