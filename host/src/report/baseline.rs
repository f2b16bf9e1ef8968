//! What a run is compared with: typical durations of earlier runs, and the rule that parts a change from noise. Plain numbers;
//! where they come from belongs in `runs`, how they are shown in `health`.

use serde::{Deserialize, Serialize, Serializer};

use super::json::raw;

/// Runs that a duration is typical of, at most.
pub const SAMPLES_MAX: usize = 10;
/// With fewer runs than that, no change is told from noise: of three or four runs the spread itself is chance.
pub const SAMPLES_MIN: u32 = 5;
/// No change below this share of the median counts, in percent.
const FLOOR_PERCENT: u64 = 5;
/// Nor one below this, ns.
const FLOOR_NS: u64 = 50_000_000;
/// The median absolute deviation times this estimates the standard deviation of normal noise.
const SIGMA: f64 = 1.4826;
/// The same for few values, from [`SAMPLES_MIN`] on, by which it is too small on average: Croux and Rousseeuw, Time-efficient
/// algorithms for two highly robust estimators of scale (1992). For n above nine: n ÷ (n − 0.8).
const FEW: [f64; 5] = [1.206, 1.200, 1.140, 1.129, 1.107];
/// So many standard deviations from the median count as an outlier: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
const CUTOFF: f64 = 3.5;

/// How long something took in several runs. Durations in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typical {
    /// Number of runs, at least 1.
    pub runs: u32,
    /// The median; of an even number, the mean of the two in the middle.
    pub median_ns: u64,
    /// Median absolute deviation from the median, not scaled.
    pub mad_ns: u64,
    /// The shortest.
    pub min_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Typical {
    /// Of these durations; `None` where there are none.
    pub fn of(durations: &[u64]) -> Option<Self> {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        let (&min_ns, &max_ns) = sorted.first().zip(sorted.last())?;
        let median_ns = median(&sorted);
        let mut deviations: Vec<u64> = sorted.iter().map(|ns| ns.abs_diff(median_ns)).collect();
        deviations.sort_unstable();
        let runs = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
        Some(Self { runs, median_ns, mad_ns: median(&deviations), min_ns, max_ns })
    }

    /// How far a single run may lie from the median by chance, ns. `None`: too few runs to say.
    pub fn noise_ns(&self) -> Option<u64> {
        let beyond = self.runs.checked_sub(SAMPLES_MIN)? as usize;
        let runs = f64::from(self.runs);
        let few = FEW.get(beyond).copied().unwrap_or(runs / (runs - 0.8));
        let floor = (self.median_ns / 100).saturating_mul(FLOOR_PERCENT).max(FLOOR_NS);
        Some(((self.mad_ns as f64 * SIGMA * few * CUTOFF) as u64).max(floor))
    }

    /// Between which durations nothing is worth a word, ns: the noise around the median, and whatever was there before.
    /// `None`: too few runs to say.
    pub fn usual(&self) -> Option<(u64, u64)> {
        let noise = self.noise_ns()?;
        Some((
            self.median_ns.saturating_sub(noise).min(self.min_ns),
            self.median_ns.saturating_add(noise).max(self.max_ns),
        ))
    }

    /// Judges a further run.
    pub fn judge(&self, now_ns: u64) -> Change {
        match self.usual() {
            None => Change::Unknown,
            Some((_, high)) if now_ns > high => Change::Slower,
            Some((low, _)) if now_ns < low => Change::Faster,
            Some(_) => Change::WithinNoise,
        }
    }

    /// Judges the difference of two single runs: each of them varies, so √2 of the noise.
    pub fn judge_two(&self, from_ns: u64, to_ns: u64) -> Change {
        match self.noise_ns() {
            None => Change::Unknown,
            Some(noise) if from_ns.abs_diff(to_ns) as f64 <= noise as f64 * std::f64::consts::SQRT_2 => {
                Change::WithinNoise
            }
            Some(_) if to_ns > from_ns => Change::Slower,
            Some(_) => Change::Faster,
        }
    }
}

/// Of a sorted, not empty list.
fn median(sorted: &[u64]) -> u64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => sorted[middle - 1].midpoint(sorted[middle]),
        _ => sorted[middle],
    }
}

/// What a difference between two durations amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Longer, beyond noise.
    Slower,
    /// Shorter, beyond noise.
    Faster,
    /// As it was.
    WithinNoise,
    /// Nobody knows how much it varies: too few runs.
    Unknown,
}

impl Change {
    /// Whether it is beyond noise.
    pub fn is_flagged(self) -> bool {
        matches!(self, Self::Slower | Self::Faster)
    }

    /// A shape and a word.
    pub fn words(self) -> &'static str {
        match self {
            Self::Slower => "▲ slower",
            Self::Faster => "▼ faster",
            Self::WithinNoise => "within noise",
            Self::Unknown => "too few runs",
        }
    }
}

/// Earlier successful runs of the same pipeline and profile, as they were known when a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct Baseline {
    /// The newest of them.
    pub run_id: String,
    /// The whole run, of those that ran all their stages; `None` where none did.
    pub wall: Option<Typical>,
    /// Each stage by its id, of those runs that executed it.
    #[serde(serialize_with = "a_line_each")]
    pub stages: Vec<(String, Typical)>,
    /// Earlier runs had them and executed them, and the run's own pipeline has none of that name; ids, in the order of the newest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Stages that the run has and no earlier one had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<String>,
    /// The run itself reused results or left stages out: its total is not comparable.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A record is read by people too, and may have many stages.
fn a_line_each<S: Serializer>(stages: &[(String, Typical)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(stages.iter().map(raw))
}

/// The forms that a baseline has in records.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    /// Before there were several runs in it: the durations of the last one.
    Single { run_id: String, wall_ns: u64, stages: Vec<(String, u64)> },
    Several {
        run_id: String,
        wall: Option<Typical>,
        stages: Vec<(String, Typical)>,
        #[serde(default)]
        gone: Vec<String>,
        #[serde(default)]
        new: Vec<String>,
        #[serde(default)]
        partial: bool,
    },
}

impl From<Form> for Baseline {
    fn from(form: Form) -> Self {
        let one = |ns| Typical { runs: 1, median_ns: ns, mad_ns: 0, min_ns: ns, max_ns: ns };
        match form {
            Form::Single { run_id, wall_ns, stages } => Self {
                run_id,
                wall: Some(one(wall_ns)),
                stages: stages.into_iter().map(|(id, ns)| (id, one(ns))).collect(),
                ..Self::default()
            },
            Form::Several { run_id, wall, stages, gone, new, partial } => {
                Self { run_id, wall, stages, gone, new, partial }
            }
        }
    }
}

#[cfg(test)]
mod tests;
