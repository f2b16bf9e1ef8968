//! The observed chain: what the run was doing at each instant, seen from the stage that ended last. Its segments
//! tile the run exactly.

use super::{Timeline, wait};

/// What a segment of the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The host's own time, or nobody's: before scheduling, between a decision and what follows, after the last stage.
    Overhead,
    /// An attempt ran.
    Execution,
    /// A stage was ready, but not started.
    Queue,
    /// The pause before a retry.
    Backoff,
}

/// A segment of the chain, `[start, end)` in Unix ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What it is.
    pub class: Class,
    /// Position of the stage; `None` for overhead.
    pub stage: Option<usize>,
    /// Position of the attempt within its stage: the one that ran, or that was waited for.
    pub attempt: Option<usize>,
    /// Start.
    pub start: u64,
    /// End.
    pub end: u64,
}

/// Walks back from the last finisher: execution, the queue before it, back-off, then the need that ended last (ties:
/// smallest id). Returns the segments in order of time; they cover `[start, end)` of the run without gap or overlap.
///
/// Stages without attempts (cached, skipped) pass through. Where a stage started before its need ended, the chain goes
/// on at the need's end. A circle of needs ends the walk.
pub fn observed_chain(timeline: &Timeline<'_>) -> Vec<Segment> {
    let mut walk = Walk { cursor: timeline.end, segments: Vec::new() };
    let latest = |stages: &mut dyn Iterator<Item = usize>| {
        stages.min_by(|&a, &b| {
            let [a, b] = [a, b].map(|stage| &timeline.stages[stage]);
            b.terminal.cmp(&a.terminal).then_with(|| a.id.cmp(b.id))
        })
    };
    let mut visited = vec![false; timeline.stages.len()];
    let mut next = latest(&mut (0..timeline.stages.len()).filter(|&stage| !timeline.stages[stage].attempts.is_empty()));
    while let Some(stage) = next.filter(|&stage| !std::mem::replace(&mut visited[stage], true)) {
        let times = &timeline.stages[stage];
        let ready = wait::ready(timeline, times);
        for (index, (from, to, attempt)) in wait::intervals(timeline, times).enumerate().rev() {
            // How far down this attempt may reach: not below what it had to wait for.
            let floor = if index == 0 { ready } else { times.attempts[index - 1].end };
            let mut take = |class, until: u64| walk.take(class, Some((stage, index)), until.max(floor));
            // A gap between the attempt's end and what follows belongs to nobody.
            take(Class::Overhead, attempt.end);
            take(Class::Execution, to);
            take(Class::Queue, from);
            if index > 0 {
                take(Class::Backoff, floor);
            }
        }
        next = latest(&mut times.needs.iter().copied());
        if let Some(need) = next {
            walk.take(Class::Overhead, None, timeline.stages[need].terminal);
        }
    }
    walk.take(Class::Overhead, None, timeline.start);
    walk.segments.reverse();
    walk.segments
}

struct Walk {
    /// Everything from here on is covered.
    cursor: u64,
    segments: Vec<Segment>,
}

impl Walk {
    fn take(&mut self, class: Class, of: Option<(usize, usize)>, until: u64) {
        if until >= self.cursor {
            return;
        }
        let of = of.filter(|_| class != Class::Overhead);
        match self.segments.last_mut() {
            Some(last) if class == Class::Overhead && last.class == class => last.start = until,
            _ => self.segments.push(Segment {
                class,
                stage: of.map(|(stage, _)| stage),
                attempt: of.map(|(_, attempt)| attempt),
                start: until,
                end: self.cursor,
            }),
        }
        self.cursor = until;
    }
}

/// Sums of the segments by class, ns; they add up to W.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Attempts.
    pub execution_ns: u64,
    /// Waiting.
    pub queue_ns: u64,
    /// Pauses before retries.
    pub backoff_ns: u64,
    /// The rest.
    pub overhead_ns: u64,
}

/// Adds up a chain.
pub fn totals(chain: &[Segment]) -> Totals {
    let mut totals = Totals::default();
    for segment in chain {
        let sum = match segment.class {
            Class::Overhead => &mut totals.overhead_ns,
            Class::Execution => &mut totals.execution_ns,
            Class::Queue => &mut totals.queue_ns,
            Class::Backoff => &mut totals.backoff_ns,
        };
        *sum += segment.end - segment.start;
    }
    totals
}
