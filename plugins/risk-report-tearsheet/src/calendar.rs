//! Returns compounded by month and by year. What has no data has no return.

use forensic_plugin_kit::{order, time};

/// A year's compounded returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Year {
    /// The year.
    pub year: i64,
    /// January to December; `None` for a month without data.
    pub months: [Option<f64>; 12],
    /// All that there is of the year.
    pub total: f64,
    /// Number of returns.
    pub observations: usize,
}

/// Years in their order. `times` are the dates of `returns`, in UTC.
pub fn years(times: &[i64], returns: &[f64]) -> Vec<Year> {
    let mut years: Vec<(i64, Vec<(usize, f64)>)> = Vec::new();
    for (at, value) in times.iter().zip(returns) {
        let (year, month, _) = time::civil(*at);
        order::entry(&mut years, year).push(((month - 1) as usize, *value));
    }
    let compound = |(year, returns): (i64, Vec<(usize, f64)>)| {
        let mut months = [None; 12];
        for (month, value) in &returns {
            let grown = 1.0 + months[*month].unwrap_or(0.0);
            months[*month] = Some(grown * (1.0 + value) - 1.0);
        }
        let total = returns.iter().map(|(_, value)| 1.0 + value).product::<f64>() - 1.0;
        Year { year, months, total, observations: returns.len() }
    };
    years.into_iter().map(compound).collect()
}
