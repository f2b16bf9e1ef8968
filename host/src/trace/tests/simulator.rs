//! A small list scheduler that makes random runs: stages start in declared order as soon as they are ready and a slot
//! is free; with retries, back-off, cache, skips, triggers, conditions, failures that are allowed, pools, cancellation, and stages on a
//! cluster, which start some time after they were submitted. Written apart from the metrics, on purpose.

use proptest::prelude::*;
use std::fmt::Write;

/// What a stage would do if it were started.
#[derive(Clone, Debug)]
pub(in crate::trace) struct Spec {
    pub needs: Vec<usize>,
    /// Duration of each attempt; all but the last fail.
    pub attempts: Vec<u64>,
    pub last_fails: bool,
    pub backoff: u64,
    /// Pause between "ready" and "may start".
    pub dispatch: u64,
    /// That pause is a wait for a pool.
    pub pool: bool,
    pub cached: bool,
    pub trigger: &'static str,
    /// Its condition does not hold.
    pub unwanted: bool,
    pub allow_failure: bool,
    /// On a cluster: from when an attempt is submitted until it starts.
    pub remote: Option<u64>,
}

#[derive(Clone, Debug)]
pub(in crate::trace) struct Plan {
    pub stages: Vec<Spec>,
    /// 0: unlimited.
    pub slots: u64,
    pub lead: u64,
    pub tail: u64,
    pub cancel_at: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::trace) struct Attempt {
    /// On a cluster.
    pub submitted: Option<u64>,
    /// It waits in the cluster, and may never do anything else.
    pub waiting: bool,
    pub start: u64,
    pub end: u64,
    pub backoff: u64,
    pub result: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::trace) struct Stage {
    pub id: String,
    pub needs: Vec<usize>,
    pub ready: Option<u64>,
    pub attempts: Vec<Attempt>,
    pub result: &'static str,
    pub end: u64,
    pub cached: bool,
    pub trigger: &'static str,
    pub released_by: Option<usize>,
    pub skip_reason: Option<&'static str>,
    pub allow_failure: bool,
    pub pool: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::trace) struct SimRun {
    pub start: u64,
    pub schedule_start: u64,
    pub end: u64,
    pub slots: u64,
    pub stages: Vec<Stage>,
}

pub(in crate::trace) fn plan() -> impl Strategy<Value = Plan> {
    let spec = (
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        prop::collection::vec(0u64..40, 1..4),
        prop::bool::weighted(0.1),
        0u64..10,
        prop_oneof![4 => Just(0u64), 1 => 1u64..8],
        prop::bool::weighted(0.15),
        (
            any::<bool>(),
            prop_oneof![5 => Just("all"), 2 => Just("any"), 1 => Just("always")],
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.3),
            prop::option::weighted(0.3, 0u64..12),
        ),
    );
    let stages = prop::collection::vec(spec, 0..16);
    (stages, 0u64..5, 0u64..5, 0u64..5, prop::option::weighted(0.2, 0u64..120)).prop_map(
        |(stages, slots, lead, tail, cancel_at)| Plan {
            stages: stages
                .into_iter()
                .enumerate()
                .map(|(index, (needs, attempts, last_fails, backoff, dispatch, cached, flow))| {
                    let mut needs: Vec<usize> =
                        if index == 0 { Vec::new() } else { needs.iter().map(|need| need.index(index)).collect() };
                    needs.sort_unstable();
                    needs.dedup();
                    let (pool, trigger, unwanted, allow_failure, remote) = flow;
                    let pool = pool && dispatch > 0;
                    Spec {
                        needs,
                        attempts,
                        last_fails,
                        backoff,
                        dispatch,
                        pool,
                        cached,
                        trigger,
                        unwanted,
                        allow_failure,
                        remote,
                    }
                })
                .collect(),
            slots,
            lead,
            tail,
            cancel_at,
        },
    )
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Pending { not_before: u64, backoff: u64 },
    Running { end: u64 },
    Done { good: bool },
}

const EPOCH: u64 = 1_000_000;

pub(in crate::trace) fn simulate(plan: &Plan) -> SimRun {
    let count = plan.stages.len();
    let mut now = EPOCH + plan.lead;
    let cancel_at = plan.cancel_at.map(|after| now + after);
    let mut state = vec![State::Waiting; count];
    let mut stages: Vec<Stage> = (0..count)
        .map(|index| Stage {
            // Order of ids and of declaration differ.
            id: format!("s{:02}", (index * 7) % 16 + 16 * (index / 16)),
            needs: plan.stages[index].needs.clone(),
            ready: None,
            attempts: Vec::new(),
            result: "success",
            end: now,
            cached: false,
            trigger: plan.stages[index].trigger,
            released_by: None,
            skip_reason: None,
            allow_failure: plan.stages[index].allow_failure,
            pool: plan.stages[index].pool,
        })
        .collect();
    loop {
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for index in 0..count {
                let spec = &plan.stages[index];
                let all_done = spec.needs.iter().all(|&need| matches!(state[need], State::Done { .. }));
                let good = spec.needs.iter().copied().find(|&need| state[need] == State::Done { good: true });
                let released = good.filter(|_| spec.trigger == "any");
                if state[index] != State::Waiting || !(all_done || released.is_some()) {
                    continue;
                }
                changed = true;
                let stage = &mut stages[index];
                stage.ready = Some(now);
                stage.end = now;
                stage.released_by = released;
                let kept = match spec.trigger {
                    "any" => released.is_none() && !spec.needs.is_empty(),
                    "always" => false,
                    _ => spec.needs.iter().any(|&need| state[need] == State::Done { good: false }),
                };
                if kept || spec.unwanted {
                    stage.result = "skip";
                    stage.skip_reason = Some(if kept { "need" } else { "when" });
                    state[index] = State::Done { good: !kept };
                } else if spec.cached {
                    stage.cached = true;
                    state[index] = State::Done { good: true };
                } else {
                    state[index] = State::Pending { not_before: now + spec.dispatch, backoff: 0 };
                }
            }
        }
        for index in 0..count {
            let running = state.iter().filter(|state| matches!(state, State::Running { .. })).count() as u64;
            if let State::Pending { not_before, backoff } = state[index]
                && not_before <= now
                && (plan.slots == 0 || running < plan.slots)
            {
                let remote = plan.stages[index].remote;
                let start = now + remote.unwrap_or(0);
                let end = start + plan.stages[index].attempts[stages[index].attempts.len()];
                let submitted = remote.map(|_| now);
                stages[index].attempts.push(Attempt {
                    submitted,
                    waiting: false,
                    start,
                    end,
                    backoff,
                    result: "success",
                });
                state[index] = State::Running { end };
            }
        }
        let next = state
            .iter()
            .filter_map(|state| match *state {
                State::Running { end } => Some(end),
                State::Pending { not_before, .. } if not_before > now => Some(not_before),
                _ => None,
            })
            .min();
        let Some(next) = next else { break };
        if let Some(cancel) = cancel_at.filter(|cancel| *cancel < next) {
            now = cancel.max(now);
            for index in 0..count {
                if matches!(state[index], State::Done { .. }) {
                    continue;
                }
                stages[index].result = "cancellation";
                stages[index].end = now;
                if let (State::Running { .. }, Some(last)) = (state[index], stages[index].attempts.last_mut()) {
                    last.end = now;
                    last.waiting = last.start > now;
                    last.start = last.start.min(now);
                    last.result = "cancellation";
                }
            }
            break;
        }
        now = next;
        for index in 0..count {
            let State::Running { end } = state[index] else { continue };
            if end > now {
                continue;
            }
            let (spec, stage) = (&plan.stages[index], &mut stages[index]);
            let was_last = stage.attempts.len() == spec.attempts.len();
            let good = was_last && !spec.last_fails;
            if !good && let Some(last) = stage.attempts.last_mut() {
                last.result = "failure";
            }
            if was_last {
                stage.end = now;
                stage.result = if good { "success" } else { "failure" };
                state[index] = State::Done { good: good || spec.allow_failure };
            } else {
                state[index] = State::Pending { not_before: now + spec.backoff, backoff: spec.backoff };
            }
        }
    }
    SimRun { start: EPOCH, schedule_start: EPOCH + plan.lead, end: now + plan.tail, slots: plan.slots, stages }
}

impl SimRun {
    /// Changes every time.
    pub(in crate::trace) fn map_times(&self, change: impl Fn(u64) -> u64, scale: u64) -> SimRun {
        let mut run = self.clone();
        for time in [&mut run.start, &mut run.schedule_start, &mut run.end] {
            *time = change(*time);
        }
        for stage in &mut run.stages {
            stage.ready = stage.ready.map(&change);
            stage.end = change(stage.end);
            for attempt in &mut stage.attempts {
                attempt.submitted = attempt.submitted.map(&change);
                (attempt.start, attempt.end) = (change(attempt.start), change(attempt.end));
                attempt.backoff *= scale;
            }
        }
        run
    }

    /// The spans, one text each, in the order of the run's structure.
    pub(in crate::trace) fn spans(&self) -> Vec<String> {
        let status = |result: &str| if matches!(result, "success" | "skip") { "Success" } else { "Error" };
        let span = |name: &str, start: u64, end: u64, result: &str, attributes: &str, id: u64, parent: &str| {
            format!(
                r#"{{"name":"{name}","start_time":{start},"end_time":{end},"duration_ms":0,"status":"{}","attributes":{{{attributes}}},"trace_id":"000000000000000000000000000000aa","span_id":"{id:016x}","parent_span_id":{parent}}}"#,
                status(result)
            )
        };
        let mut spans = vec![span(
            "run",
            self.start,
            self.end,
            "success",
            &format!(
                r#""forensic.kind":"run","forensic.slots":{},"forensic.cores":2,"forensic.schedule_start_time":{}"#,
                self.slots, self.schedule_start
            ),
            1,
            "null",
        )];
        for (index, stage) in self.stages.iter().enumerate() {
            let needs: Vec<String> = stage.needs.iter().map(|&need| format!("\"{}\"", self.stages[need].id)).collect();
            let mut attributes = format!(
                r#""forensic.kind":"stage","forensic.stage.id":"{}","forensic.stage.index":{index},"forensic.stage.needs":[{}],"cicd.pipeline.task.run.result":"{}","forensic.attempts":{},"forensic.cached":{}"#,
                stage.id,
                needs.join(","),
                stage.result,
                stage.attempts.len(),
                stage.cached
            );
            if stage.trigger != "all" {
                let _ = write!(attributes, r#","forensic.stage.trigger":"{}""#, stage.trigger);
            }
            if let Some(need) = stage.released_by {
                let _ = write!(attributes, r#","forensic.stage.released_by":"{}""#, self.stages[need].id);
            }
            if let Some(reason) = stage.skip_reason {
                let _ = write!(attributes, r#","forensic.skip_reason":"{reason}""#);
            }
            if stage.allow_failure {
                let _ = write!(attributes, r#","forensic.stage.allow_failure":true"#);
            }
            if let Some(ready) = stage.ready {
                let _ = write!(attributes, r#","forensic.ready_time":{ready}"#);
            }
            // The host may begin a stage's span when it submits the first attempt.
            let start = stage.attempts.first().map_or(stage.end, |first| first.submitted.unwrap_or(first.start));
            let id = 1000 * (index as u64 + 1);
            spans.push(span(&stage.id, start, stage.end, stage.result, &attributes, id, "\"0000000000000001\""));
            for (number, attempt) in (1u64..).zip(&stage.attempts) {
                let mut attributes = format!(
                    r#""forensic.kind":"attempt","forensic.stage.id":"{}","forensic.attempt":{number},"forensic.backoff_ns":{},"cicd.pipeline.task.run.result":"{}","forensic.cpu_user_ns":{}"#,
                    stage.id,
                    attempt.backoff,
                    attempt.result,
                    (attempt.end - attempt.start) / 2
                );
                if stage.pool && number == 1 {
                    attributes += r#","forensic.waited_for_pool":"gpu""#;
                }
                if attempt.submitted.is_some() {
                    attributes += r#","forensic.executor":"ray""#;
                    if !attempt.waiting {
                        let _ = write!(attributes, r#","forensic.started_time":{}"#, attempt.start);
                    }
                }
                let parent = format!("\"{id:016x}\"");
                let start = attempt.submitted.unwrap_or(attempt.start);
                spans.push(span("sh", start, attempt.end, attempt.result, &attributes, id + number, &parent));
            }
        }
        spans
    }

    /// The spans that workers made of the attempts on the cluster, one text each: their own, and one of the stage's below it.
    /// `skew`: the workers' clocks minus the host's.
    pub(in crate::trace) fn worker_spans(&self, skew: i64) -> Vec<String> {
        let mut spans = Vec::new();
        for (index, stage) in self.stages.iter().enumerate() {
            for (number, attempt) in (1u64..).zip(&stage.attempts).filter(|(_, a)| a.submitted.is_some() && !a.waiting)
            {
                let attempt_id = 1000 * (index as u64 + 1) + number;
                let own = 1 << 32 | attempt_id;
                let [start, end] = [attempt.start, attempt.end].map(|time| time.saturating_add_signed(skew));
                let of = format!(r#""forensic.stage.id":"{}","forensic.attempt":{number}"#, stage.id);
                let worker = format!(
                    r#""forensic.origin":"worker","forensic.kind":"worker",{of},"forensic.worker":"w{}""#,
                    index % 3
                );
                let sent = format!(r#""forensic.origin":"otlp",{of},"x.unknown":{{"deep":[1,null]}}"#);
                for (name, attributes, id, parent) in
                    [("sh@w", worker, own, attempt_id), ("step", sent, 1 << 33 | attempt_id, own)]
                {
                    spans.push(format!(
                        r#"{{"name":"{name}","start_time":{start},"end_time":{end},"duration_ms":0,"status":"Success","attributes":{{{attributes}}},"trace_id":"000000000000000000000000000000aa","span_id":"{id:016x}","parent_span_id":"{parent:016x}"}}"#
                    ));
                }
            }
        }
        spans
    }

    /// The trace as a file.
    pub(in crate::trace) fn text(&self) -> String {
        format!("[\n{}\n]\n", self.spans().join(",\n"))
    }
}
