//! Where a series of durations changed, told once: a step that lasted, or one run that stood out. What counts as a change is the
//! rule of [`Typical`], here as everywhere; this module only asks it of the right runs.

use serde::Serialize;

use crate::report::{Change, SAMPLES_MAX, Typical};

/// Later runs that decide whether a change lasts: more than half of them have to agree.
const FOLLOWERS: usize = 3;

/// One duration of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Position of its run.
    pub(super) run: usize,
    pub(super) ns: u64,
}

/// How long a change stayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Most of the next runs are beyond noise in the same direction.
    Lasting,
    /// They are not: this run alone stands out, or it and the next.
    Outlier,
    /// There is no later run that could say.
    Newest,
}

/// A change of a series of durations. Durations in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Position among the runs of the first that it shows in.
    pub run: usize,
    /// How long it stayed.
    pub kind: StepKind,
    /// `slower` or `faster`.
    pub change: Change,
    /// The median of the runs before, up to ten.
    pub from_ns: u64,
    /// The median of the runs since, as long as it lasted; of an outlier likewise.
    pub to_ns: u64,
    /// Position of the last run that it shows in; `null`: it still does.
    pub until: Option<usize>,
    /// Runs that it shows in.
    pub runs: usize,
}

/// Durations that belong together, and how they came to.
#[derive(Default)]
struct Level {
    samples: Vec<Sample>,
    /// The step that it began with: its position, its direction, and what was before it.
    begun: Option<(usize, Change, Typical, Vec<Sample>)>,
}

impl Level {
    fn typical(&self) -> Option<Typical> {
        typical(&self.samples)
    }

    /// Whether what was before the step that it began with is back, and stays.
    fn is_over(&self, ns: u64, later: &[Sample]) -> bool {
        let Some((_, change, before, _)) = &self.begun else { return false };
        let back = |ns| before.judge(ns) != *change;
        back(ns) && most(later, back)
    }
}

/// More than half of the later runs, of which there has to be one.
fn most(later: &[Sample], fits: impl Fn(u64) -> bool) -> bool {
    2 * later.iter().filter(|later| fits(later.ns)).count() > later.len()
}

/// Of the newest samples of these, oldest first.
pub(super) fn typical(samples: &[Sample]) -> Option<Typical> {
    let newest = &samples[samples.len().saturating_sub(SAMPLES_MAX)..];
    Typical::of(&newest.iter().map(|sample| sample.ns).collect::<Vec<_>>())
}

fn median(samples: &[Sample]) -> Option<u64> {
    let all = Typical::of(&samples.iter().map(|sample| sample.ns).collect::<Vec<_>>());
    all.map(|all| all.median_ns)
}

/// The changes in a series, oldest first.
pub(super) fn steps(series: &[Sample]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut level = Level::default();
    // Those before it have been told with another one.
    let mut next = 0;
    for (at, sample) in series.iter().enumerate() {
        let later = &series[at + 1..series.len().min(at + 1 + FOLLOWERS)];
        let now = level.typical();
        let change = now.map_or(Change::Unknown, |now| now.judge(sample.ns));
        if at < next {
            level.samples.push(*sample);
            continue;
        }
        if let (Change::Slower | Change::Faster, Some(now)) = (change, now) {
            let kind = match later.is_empty() {
                true => StepKind::Newest,
                false if most(later, |ns| now.judge(ns) == change) => StepKind::Lasting,
                false => StepKind::Outlier,
            };
            let alike = later.iter().take_while(|later| now.judge(later.ns) == change).count();
            let alike = &series[at..=at + if kind == StepKind::Outlier { alike } else { 0 }];
            next = at + alike.len();
            steps.push(Step {
                run: sample.run,
                kind,
                change,
                from_ns: now.median_ns,
                to_ns: median(alike).unwrap_or(sample.ns),
                until: alike.last().map(|last| last.run).filter(|_| kind == StepKind::Outlier),
                runs: alike.len(),
            });
            if kind == StepKind::Lasting {
                end(&mut steps, &level, true);
                level = Level { begun: Some((steps.len() - 1, change, now, level.samples)), samples: vec![*sample] };
                continue;
            }
        } else if change == Change::Unknown && level.is_over(sample.ns, later) {
            // Too few runs to judge by the new level, and the old one is back: the step is over.
            end(&mut steps, &level, true);
            let before = level.begun.take().map(|(.., before)| before).unwrap_or_default();
            level = Level { begun: None, samples: before };
        }
        level.samples.push(*sample);
    }
    end(&mut steps, &level, false);
    steps
}

/// Says of the step that a level began with how it went. `over`: another level follows.
fn end(steps: &mut [Step], level: &Level, over: bool) {
    if let Some((step, ..)) = level.begun
        && let Some(step) = steps.get_mut(step)
        && let Some(to_ns) = median(&level.samples)
    {
        step.to_ns = to_ns;
        step.runs = level.samples.len();
        step.until = level.samples.last().map(|sample| sample.run).filter(|_| over);
    }
}
