//! The benchmark: a column of the returns matrix, on the dates that it shares with the series.

use forensic_guest_sdk::Document;
use forensic_plugin_kit::stats::Annualization;
use forensic_plugin_kit::{Frame, Inputs, inputs, sections};

use crate::Settings;
use crate::chosen::Chosen;
use crate::sample::Sample;

/// The returns of a sleeve's symbols and its benchmark.
const MATRIX: &str = "returns_matrix.csv";
/// The stock market.
const STOCKS: &str = "AMEX:SPY";
/// The crypto market, with or without an exchange before it.
const COIN: &str = "BTCUSDT";

/// What the series is compared with.
pub(crate) struct Benchmark {
    pub(crate) name: String,
    /// One a date of the series.
    pub(crate) returns: Vec<f64>,
    /// Dates of the series that the benchmark does not have.
    pub(crate) dropped: usize,
}

/// The same sample with a benchmark, and then only the dates that both have; without one it stays whole and says why.
pub(crate) fn beside(
    mut sample: Sample,
    files: &Inputs<'_>,
    settings: &Settings,
    chosen: &Chosen,
    document: &mut Document,
) -> Sample {
    if chosen.is_baseline() {
        sample.benchmark = Err("the series is a baseline itself".into());
        return sample;
    }
    let id = inputs::join(&settings.dir, MATRIX);
    let frame = match files.frame(&id) {
        Ok(frame) => frame,
        Err(error) => {
            sample.benchmark = Err(error.explain());
            return sample;
        }
    };
    let (name, values) = match pick(&frame, settings.benchmark.as_deref(), sample.annualization, &id) {
        Ok(found) => found,
        Err(why) => {
            sample.benchmark = Err(why);
            return sample;
        }
    };
    sections::problems(document, &id, &frame.problems);
    let both: Vec<(i64, f64, f64)> = sample
        .times
        .iter()
        .zip(&sample.returns)
        .filter_map(|(time, own)| {
            let other = values[frame.times.binary_search(time).ok()?];
            other.is_finite().then_some((*time, *own, other))
        })
        .collect();
    if both.len() < 2 {
        let shared = sections::count(both.len(), "date");
        sample.benchmark = Err(format!(
            "{name} of {id} shares {shared} with the series (a date is an instant: see that both are in one time zone)"
        ));
        return sample;
    }
    let dropped = sample.times.len() - both.len();
    sample.times = both.iter().map(|row| row.0).collect();
    sample.returns = both.iter().map(|row| row.1).collect();
    let returns = both.iter().map(|row| row.2).collect();
    sample.benchmark = Ok(Benchmark { name, returns, dropped });
    sample
}

/// The configured column, else the market that trades as often as the series, else the other market.
fn pick<'f>(
    frame: &'f Frame,
    configured: Option<&str>,
    annualization: Annualization,
    id: &str,
) -> Result<(String, &'f [f64]), String> {
    let column = |name: &str| frame.column(name).map(|values| (name.to_owned(), values));
    if let Some(name) = configured {
        return column(name).ok_or_else(|| format!("the configured {name} is no column of {id}"));
    }
    let coin = || {
        let found = frame.columns.iter().find(|column| column.name.rsplit(':').next() == Some(COIN))?;
        Some((found.name.clone(), found.values.as_slice()))
    };
    let found = if annualization.factor == Annualization::EVERY_DAY.factor {
        coin().or_else(|| column(STOCKS))
    } else {
        column(STOCKS).or_else(coin)
    };
    found.ok_or_else(|| format!("no `benchmark` is configured, and neither {STOCKS} nor {COIN} is a column of {id}"))
}
