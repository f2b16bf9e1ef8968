//! How many attempts run at each instant, and what follows from that alone: busy and idle time, the level profile,
//! time at or above a level, weighted time.

use super::{AttemptTimes, Timeline};

/// The number of running attempts as a step function over the run.
#[derive(Clone, Debug)]
pub struct Occupancy {
    /// Where each step begins, ascending; the first is the run's start, the last its end.
    times: Vec<u64>,
    /// Attempts running from `times[i]` to `times[i + 1]`; 0 after the last.
    running: Vec<u64>,
}

impl Occupancy {
    /// Sweeps over all attempts. Intervals are half-open: touching ones do not overlap, empty ones do not count.
    pub fn of(timeline: &Timeline<'_>) -> Self {
        Self::sweep(timeline, |attempt| attempt.start)
    }

    /// The same of the slots of the host: an attempt on a cluster holds one from when it was submitted.
    pub fn of_slots(timeline: &Timeline<'_>) -> Self {
        Self::sweep(timeline, AttemptTimes::slot_taken)
    }

    fn sweep(timeline: &Timeline<'_>, from: impl Fn(&AttemptTimes) -> u64) -> Self {
        let mut events: Vec<(u64, i64)> = vec![(timeline.start, 0), (timeline.end, 0)];
        for attempt in timeline.attempts().filter(|a| a.end > from(a)) {
            events.push((from(attempt), 1));
            events.push((attempt.end, -1));
        }
        events.sort_unstable();
        let (mut times, mut running) = (Vec::new(), Vec::new());
        let mut level = 0i64;
        for at_once in events.chunk_by(|a, b| a.0 == b.0) {
            level += at_once.iter().map(|(_, change)| change).sum::<i64>();
            times.push(at_once[0].0);
            running.push(level.unsigned_abs());
        }
        Self { times, running }
    }

    /// Steps as (length in ns, attempts running).
    fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        self.times.windows(2).map(|pair| pair[1] - pair[0]).zip(self.running.iter().copied())
    }

    /// **Level profile**: ns at concurrency 0, 1, 2 … up to the highest. Σ k·tₖ = T₁ and Σ_{k≥1} tₖ = B.
    pub fn levels(&self) -> Vec<u64> {
        let mut levels = vec![0];
        for (length, running) in self.steps() {
            let running = running as usize;
            if levels.len() <= running {
                levels.resize(running + 1, 0);
            }
            levels[running] += length;
        }
        levels
    }

    /// **B**: measure of the union of all attempts, ns.
    pub fn busy(&self) -> u64 {
        self.steps().filter(|(_, running)| *running > 0).map(|(length, _)| length).sum()
    }

    /// How long at least `level` attempts were running, asked of many intervals; see [`AtLeast::within`].
    pub fn at_least(&self, level: u64) -> AtLeast<'_> {
        let mut sums = Vec::with_capacity(self.times.len());
        let mut sum = 0;
        sums.push(0);
        for (length, running) in self.steps() {
            sum += if running >= level { length } else { 0 };
            sums.push(sum);
        }
        AtLeast { occupancy: self, level, sums }
    }

    /// **Weighted time** of each stage, ns: ∫ over its attempts of dt / running(t). The column sums to exactly B.
    ///
    /// The integral is kept as a running sum with 60 binary places, so that an attempt's share is one difference.
    /// What is left by rounding down, at most a nanosecond a stage, goes to the largest remainders, ties in order of
    /// stages.
    pub fn weighted(&self, timeline: &Timeline<'_>) -> Vec<u64> {
        const PLACES: u32 = 60;
        let mut sum = 0u128;
        let mut sums = vec![0u128];
        for (length, running) in self.steps() {
            if running > 0 {
                sum += (u128::from(length) << PLACES) / u128::from(running);
            }
            sums.push(sum);
        }
        let at = |time: u64| sums[self.times.partition_point(|t| *t <= time).saturating_sub(1)];
        let exact: Vec<u128> =
            timeline.stages.iter().map(|stage| stage.attempts.iter().map(|a| at(a.end) - at(a.start)).sum()).collect();
        let mut rounded: Vec<u64> = exact.iter().map(|share| (share >> PLACES) as u64).collect();
        let missing = self.busy().saturating_sub(rounded.iter().sum());
        let mut by_remainder: Vec<usize> = (0..exact.len()).collect();
        by_remainder.sort_by_key(|&stage| std::cmp::Reverse(exact[stage] & ((1 << PLACES) - 1)));
        for stage in by_remainder.into_iter().take(missing as usize) {
            rounded[stage] += 1;
        }
        rounded
    }
}

/// See [`Occupancy::at_least`].
pub struct AtLeast<'a> {
    occupancy: &'a Occupancy,
    level: u64,
    /// Time at or above the level before each step, ns.
    sums: Vec<u64>,
}

impl AtLeast<'_> {
    fn until(&self, time: u64) -> u64 {
        let times = &self.occupancy.times;
        let step = times.partition_point(|t| *t <= time).saturating_sub(1);
        let rest = if self.occupancy.running[step] >= self.level { time.saturating_sub(times[step]) } else { 0 };
        self.sums[step] + rest
    }

    /// Time in `[from, to)` with at least that many attempts running, ns. Logarithmic in the number of attempts.
    pub fn within(&self, from: u64, to: u64) -> u64 {
        if from < to { self.until(to) - self.until(from) } else { 0 }
    }
}

/// **Idle** time, W − B, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Idle {
    /// All of it.
    pub total_ns: u64,
    /// Before the first attempt; all of it if there is none.
    pub lead_in_ns: u64,
    /// Between attempts.
    pub gaps_ns: u64,
    /// After the last attempt.
    pub tail_ns: u64,
}

/// Splits idle time.
pub fn idle(timeline: &Timeline<'_>, busy: u64) -> Idle {
    let total_ns = timeline.wall() - busy;
    let Some((first, last)) = timeline.extent() else {
        return Idle { total_ns, lead_in_ns: total_ns, ..Idle::default() };
    };
    let (lead_in_ns, tail_ns) = (first - timeline.start, timeline.end - last);
    Idle { total_ns, lead_in_ns, gaps_ns: total_ns - lead_in_ns - tail_ns, tail_ns }
}
