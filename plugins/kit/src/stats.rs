//! Statistics of return series, by the specification's formulas. NaN is a missing value.

use crate::time;

/// Days below this many are annualized linearly.
pub const FEW_DAYS: usize = 30;

/// How returns become yearly numbers; one for a whole report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Annualization {
    /// Periods in a year.
    pub factor: f64,
    /// Why this factor, for the reader.
    pub reason: &'static str,
}

impl Annualization {
    /// Five trading days a week.
    pub const DAILY: Self = Self { factor: 252.0, reason: "daily returns, none on a weekend" };
    /// Markets that never close.
    pub const EVERY_DAY: Self = Self { factor: 365.0, reason: "there are returns on weekends" };
    /// Hours of trading days.
    pub const HOURLY: Self = Self { factor: 252.0 * 24.0, reason: "the first two rows are at most an hour apart" };

    /// The rule: fewer than two rows 252; the first two rows at most an hour apart 252·24; any weekend date 365;
    /// else 252. `times` are Unix seconds, ascending.
    pub fn of(times: &[i64]) -> Self {
        match times {
            [first, second, ..] if second - first <= 3600 => Self::HOURLY,
            [_, _, ..] if times.iter().any(|time| time::is_weekend(*time)) => Self::EVERY_DAY,
            _ => Self::DAILY,
        }
    }
}

/// A number that the rules hold within limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clipped {
    /// Within the limits.
    pub value: f64,
    /// As it was.
    pub raw: f64,
}

impl Clipped {
    /// Holds `raw` between `low` and `high`.
    pub fn new(raw: f64, low: f64, high: f64) -> Self {
        Self { value: raw.clamp(low, high), raw }
    }

    /// Whether the limits changed it.
    pub fn is_clipped(&self) -> bool {
        self.value != self.raw
    }
}

/// What one return series did.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// Number of returns.
    pub days: usize,
    /// Compounded return over all days.
    pub total: f64,
    /// Yearly return: compounded, or linear for fewer than 30 days.
    pub annual_return: Clipped,
    /// Yearly volatility; `None` for a single day.
    pub volatility: Option<Clipped>,
    /// Sharpe ratio; `None` where the volatility is zero or unknown.
    pub sharpe: Option<Clipped>,
    /// Deepest fall below the running peak, starting from 1.0; zero or negative.
    pub max_drawdown: f64,
    /// Share of days above zero.
    pub win_rate: f64,
    /// Days whose return was held within -0.9999 and 10.
    pub clipped_days: usize,
}

impl Performance {
    /// The specification's formulas on simple returns; missing values are dropped, `None` if none is left.
    ///
    /// Days are clipped to [-0.9999, 10]. From 30 days on the yearly return is (1+total)^(factor/n) - 1 and Sharpe
    /// mean/sd·√factor; with fewer, mean·factor and that over (volatility + 1e-9). Volatility is sd·√factor with n-1,
    /// in [0, 5]; the yearly return in [-0.9999, 5]; Sharpe in [-4, 5], and at most -5 if total <= -0.95.
    pub fn of(returns: &[f64], factor: f64) -> Option<Self> {
        let known = returns.iter().copied().filter(|value| value.is_finite());
        let days: Vec<f64> = known.clone().map(|value| value.clamp(-0.9999, 10.0)).collect();
        let average = mean(&days)?;
        let win_rate = known.clone().filter(|value| *value > 0.0).count() as f64 / days.len() as f64;
        let total = days.iter().map(|day| 1.0 + day).product::<f64>() - 1.0;
        let few = days.len() < FEW_DAYS;
        let yearly = if few { average * factor } else { (1.0 + total).powf(factor / days.len() as f64) - 1.0 };
        let deviation = sample_sd(&days);
        let sharpe = deviation.filter(|sd| *sd > 1e-12 * average.abs()).map(|sd| {
            let raw = if few { yearly / (sd * factor.sqrt() + 1e-9) } else { average / sd * factor.sqrt() };
            let mut sharpe = Clipped::new(raw, -4.0, 5.0);
            if total <= -0.95 {
                sharpe.value = sharpe.value.min(-5.0);
            }
            sharpe
        });
        Some(Self {
            days: days.len(),
            total,
            annual_return: Clipped::new(yearly, -0.9999, 5.0),
            volatility: deviation.map(|sd| Clipped::new(sd * factor.sqrt(), 0.0, 5.0)),
            sharpe,
            max_drawdown: max_drawdown(&days),
            win_rate,
            clipped_days: known.zip(&days).filter(|(raw, held)| raw != *held).count(),
        })
    }

    /// What the limits changed, as a sentence's parts; empty if nothing.
    pub fn clipped(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(sharpe) = self.sharpe.filter(Clipped::is_clipped) {
            parts.push(format!("Sharpe clipped from {:.4}", sharpe.raw));
        }
        if self.annual_return.is_clipped() {
            parts.push(format!("annual return clipped from {}", percent(self.annual_return.raw)));
        }
        if let Some(volatility) = self.volatility.filter(Clipped::is_clipped) {
            parts.push(format!("annual volatility clipped from {}", percent(volatility.raw)));
        }
        if self.clipped_days > 0 {
            parts.push(format!(
                "{} with a return outside -99.99% and 1000% clipped",
                crate::sections::count(self.clipped_days, "day")
            ));
        }
        parts
    }
}

/// A fraction as a percentage with two digits, for sentences; tables carry raw numbers.
pub fn percent(fraction: f64) -> String {
    if fraction.abs() < 1e6 { format!("{:.2}%", fraction * 100.0) } else { format!("{:.2e}%", fraction * 100.0) }
}

/// Mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation with n-1; `None` of fewer than two.
pub fn sample_sd(values: &[f64]) -> Option<f64> {
    let average = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - average).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Deepest fall of the compounded curve below its running peak, which starts at 1.0.
pub fn max_drawdown(returns: &[f64]) -> f64 {
    let (mut curve, mut peak, mut worst) = (1.0_f64, 1.0_f64, 0.0_f64);
    for value in returns {
        curve *= 1.0 + value;
        peak = peak.max(curve);
        worst = worst.min(curve / peak - 1.0);
    }
    worst
}

/// Rows where both are known.
pub fn pairs(left: &[f64], right: &[f64]) -> (Vec<f64>, Vec<f64>) {
    left.iter().zip(right).filter(|(l, r)| l.is_finite() && r.is_finite()).unzip()
}

/// Sample covariance (n-1) over the rows where both are known; `None` with fewer than two.
pub fn covariance(left: &[f64], right: &[f64]) -> Option<f64> {
    let (left, right) = pairs(left, right);
    let (mean_left, mean_right) = (mean(&left)?, mean(&right)?);
    let sum: f64 = left.iter().zip(&right).map(|(l, r)| (l - mean_left) * (r - mean_right)).sum();
    (left.len() > 1).then(|| sum / (left.len() - 1) as f64)
}

/// Pearson's correlation over the rows where both are known; `None` with fewer than two, or if one does not vary.
pub fn pearson(left: &[f64], right: &[f64]) -> Option<f64> {
    let (left, right) = pairs(left, right);
    let (sd_left, sd_right) = (sample_sd(&left)?, sample_sd(&right)?);
    let varies = |sd: f64, values: &[f64]| mean(values).is_some_and(|mean| sd > 1e-12 * mean.abs());
    (varies(sd_left, &left) && varies(sd_right, &right))
        .then(|| covariance(&left, &right))?
        .map(|covariance| (covariance / (sd_left * sd_right)).clamp(-1.0, 1.0))
}

/// 1/Σw²: how many equal positions would be as concentrated; `None` if all weights are zero.
pub fn effective_number(weights: &[f64]) -> Option<f64> {
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    (squares > 0.0).then(|| 1.0 / squares)
}

/// Σ weight·return of each row, a missing return counting as zero. Each column has `rows` values.
pub fn weighted_sum(columns: &[(f64, &[f64])], rows: usize) -> Vec<f64> {
    let mut sums = vec![0.0; rows];
    for (weight, values) in columns {
        for (sum, value) in sums.iter_mut().zip(*values).filter(|(_, value)| !value.is_nan()) {
            *sum += weight * value;
        }
    }
    sums
}
