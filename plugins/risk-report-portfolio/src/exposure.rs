//! Volatility of a portfolio, and its beta and correlation to a benchmark, from columns of returns.
//!
//! `NaN` in a column means that the bar is missing.

use forensic_plugin_kit::stats::{covariance, pearson};

/// Rows that beta and correlation need.
pub(crate) const MIN_ROWS: usize = 20;
/// A benchmark whose variance is not above this does not move.
const FLAT: f64 = 1e-12;

/// A weight with a sign, and the returns it applies to.
#[derive(Clone, Copy)]
pub(crate) struct Position<'a> {
    pub(crate) weight: f64,
    pub(crate) returns: &'a [f64],
}

impl Position<'_> {
    fn complete(&self) -> bool {
        self.returns.iter().all(|value| value.is_finite())
    }
}

/// Annualised volatility: `sqrt(w' C w · periods)`, where `C` is the sample covariance over the rows that both
/// columns of a pair have.
///
/// Columns without gaps share all their rows, so they are one column: the portfolio's part that is in them. Only
/// pairs of columns with gaps are taken one by one.
pub(crate) fn volatility(positions: &[Position<'_>], periods: f64) -> Result<f64, &'static str> {
    if positions.is_empty() {
        return Err("none of its assets is a column of the returns");
    }
    let (whole, gappy): (Vec<&Position<'_>>, Vec<&Position<'_>>) =
        positions.iter().partition(|position| position.complete());
    let mut columns: Vec<(f64, Vec<f64>)> = Vec::new();
    if let Some(first) = whole.first() {
        let mut sum = vec![0.0; first.returns.len()];
        for position in &whole {
            for (total, value) in sum.iter_mut().zip(position.returns) {
                *total += position.weight * value;
            }
        }
        columns.push((1.0, sum));
    }
    columns.extend(gappy.iter().map(|position| (position.weight, position.returns.to_vec())));
    let mut variance = 0.0;
    for (at, (weight, column)) in columns.iter().enumerate() {
        for (other_weight, other) in &columns[..at] {
            let Some(covariance) = covariance(column, other) else {
                return Err("two of its assets have fewer than two bars in common");
            };
            variance += 2.0 * weight * other_weight * covariance;
        }
        let Some(own) = covariance(column, column) else {
            return Err("one of its assets has fewer than two bars");
        };
        variance += weight * weight * own;
    }
    if variance < 0.0 {
        return Err("the gaps of its columns make the covariance matrix impossible (negative variance)");
    }
    Ok((variance * periods).sqrt())
}

/// How a portfolio moves with a benchmark.
#[derive(Debug)]
pub(crate) struct Sensitivity {
    /// Covariance over the benchmark's variance.
    pub(crate) beta: f64,
    /// Pearson's; `None` if the portfolio does not move.
    pub(crate) correlation: Option<f64>,
    /// Bars that both have.
    pub(crate) rows: usize,
}

/// Beta and correlation over the bars where the benchmark and at least one asset have a return; an asset's
/// missing bar counts as 0 there.
pub(crate) fn sensitivity(positions: &[Position<'_>], benchmark: &[f64]) -> Result<Sensitivity, String> {
    if positions.is_empty() {
        return Err("none of its assets is a column of the returns".into());
    }
    let mut portfolio = Vec::new();
    let mut market = Vec::new();
    for (row, &value) in benchmark.iter().enumerate() {
        let mut present = positions.iter().filter(|position| position.returns[row].is_finite()).peekable();
        if !value.is_finite() || present.peek().is_none() {
            continue;
        }
        portfolio.push(present.map(|position| position.weight * position.returns[row]).sum());
        market.push(value);
    }
    if market.len() < MIN_ROWS {
        return Err(format!("{} bars in common with the benchmark, at least {MIN_ROWS} are needed", market.len()));
    }
    let variance = covariance(&market, &market).filter(|variance| *variance > FLAT);
    let (Some(variance), Some(covariance)) = (variance, covariance(&portfolio, &market)) else {
        return Err("the benchmark does not move".into());
    };
    let correlation = pearson(&portfolio, &market);
    Ok(Sensitivity { beta: covariance / variance, correlation, rows: market.len() })
}
