//! Drawdowns: how far, from when to when and for how long a curve was below its peak.

use forensic_plugin_kit::time::DAY;

use crate::metrics::quantile;

/// Fall of the compounded curve below its running peak, which starts at 1.0: zero or negative, one a return.
pub fn falls(returns: &[f64]) -> Vec<f64> {
    let (mut curve, mut peak) = (1.0_f64, 1.0_f64);
    let fall = |value: &f64| {
        curve *= 1.0 + value;
        peak = peak.max(curve);
        curve / peak - 1.0
    };
    returns.iter().map(fall).collect()
}

/// A run of dates on which the curve is below its peak.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawdown {
    /// First date below the peak, Unix seconds.
    pub start: i64,
    /// First date of the deepest fall.
    pub valley: i64,
    /// Last date below the peak; of an open run, the last date of all.
    pub end: i64,
    /// Calendar days from start to end, both of them counted.
    pub days: i64,
    /// The deepest fall; negative.
    pub deepest: f64,
    /// The deepest fall without the worst hundredth; `None` where nothing is left.
    pub without_outliers: Option<f64>,
    /// Whether the curve has not come back.
    pub open: bool,
}

/// All drawdowns, in their order. `times` are the dates of `falls`.
pub fn find(times: &[i64], falls: &[f64]) -> Vec<Drawdown> {
    let mut found = Vec::new();
    let mut begin = None;
    for at in 0..=falls.len() {
        let below = falls.get(at).is_some_and(|fall| *fall < 0.0);
        match (begin, below) {
            (None, true) => begin = Some(at),
            (Some(first), false) => {
                found.extend(drawdown(&times[first..at], &falls[first..at], at == falls.len()));
                begin = None;
            }
            _ => {}
        }
    }
    found
}

fn drawdown(times: &[i64], falls: &[f64], open: bool) -> Option<Drawdown> {
    let (start, end) = (*times.first()?, *times.last()?);
    let deepest = falls.iter().copied().fold(0.0, f64::min);
    let valley = times[falls.iter().position(|fall| *fall == deepest)?];
    let depths: Vec<f64> = falls.iter().map(|fall| -fall).collect();
    let outlier = quantile(&depths, 0.99);
    let usual = depths.into_iter().filter(|depth| *depth < outlier).reduce(f64::max);
    let days = end.div_euclid(DAY) - start.div_euclid(DAY) + 1;
    Some(Drawdown { start, valley, end, days, deepest, without_outliers: usual.map(|depth| -depth), open })
}
