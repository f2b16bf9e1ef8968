//! The series of the page, without gaps, and its benchmark on the same dates.

use forensic_guest_sdk::{Block, Cell, ColumnFormat, Document, KeyValue, PluginError, Severity};
use forensic_plugin_kit::stats::Annualization;
use forensic_plugin_kit::{Frame, Inputs, returns, sections};

use crate::benchmark::{self, Benchmark};
use crate::chosen::Chosen;
use crate::{Settings, empty};

/// Title of the column with the returns.
const COLUMN: &str = "returns";

/// What is measured.
pub(crate) struct Sample {
    /// The file, for findings.
    pub(crate) id: String,
    /// Unix seconds, ascending.
    pub(crate) times: Vec<i64>,
    pub(crate) returns: Vec<f64>,
    /// On the same dates; else why there is none.
    pub(crate) benchmark: Result<Benchmark, String>,
    pub(crate) annualization: Annualization,
}

impl Sample {
    /// What is drawn: the strategy, then the benchmark if there is one.
    pub(crate) fn lines(&self) -> Vec<(&str, &[f64])> {
        let benchmark = self.benchmark.iter().map(|benchmark| (benchmark.name.as_str(), benchmark.returns.as_slice()));
        std::iter::once(("Strategy", self.returns.as_slice())).chain(benchmark).collect()
    }
}

pub(crate) fn load(
    files: &Inputs<'_>,
    settings: &Settings,
    chosen: &Chosen,
    document: &mut Document,
) -> Result<Sample, PluginError> {
    let id = chosen.id.clone();
    let missing = |why: String| PluginError::MissingData(format!("{why}. It is the series of {}.", chosen.title()));
    let frame = files.frame(&id).map_err(|error| missing(error.explain()))?;
    sections::problems(document, &id, &frame.problems);
    let values = column(&frame, &id, document).ok_or_else(|| missing(format!("{id} has no column of numbers")))?;
    let annualization = match settings.periods_per_year {
        Some(factor) => Annualization { factor, reason: "set in the config" },
        None => returns::annualization(&frame.times, [id.as_str()]),
    };
    let known = |(time, value): (&i64, &f64)| value.is_finite().then_some((*time, *value));
    let (times, returns): (Vec<i64>, Vec<f64>) = frame.times.iter().zip(values).filter_map(known).unzip();
    if times.len() < frame.len() {
        let gaps = sections::count(frame.len() - times.len(), "date");
        sections::problems(document, &id, &[format!("{gaps} without a return left out")]);
    }
    let whole = Sample { id, times, returns, benchmark: Err(String::new()), annualization };
    Ok(benchmark::beside(whole, files, settings, chosen, document))
}

fn column<'f>(frame: &'f Frame, id: &str, document: &mut Document) -> Option<&'f [f64]> {
    if let Some(values) = frame.column(COLUMN) {
        return Some(values);
    }
    let first = frame.columns.first()?;
    if frame.columns.len() > 1 {
        let others = frame.columns.len() - 1;
        let sentence =
            format!("{id} has no column {COLUMN}: the first one, {}, is read, and {others} not.", first.name);
        sections::trouble(document, Severity::Warning, id, &sentence);
    }
    Some(&first.values)
}

/// What was measured, and against what.
pub(crate) fn context(document: &mut Document, chosen: &Chosen, sample: &Sample) {
    let date = |key: &str, seconds: Option<&i64>| {
        let nanoseconds = seconds.and_then(|seconds| seconds.checked_mul(1_000_000_000));
        KeyValue {
            key: key.into(),
            value: nanoseconds.into(),
            format: ColumnFormat::Time,
            decimals: 0,
            unit: String::new(),
        }
    };
    let annualization = sample.annualization;
    document.heading(2, "Series");
    document.push(Block::KeyValues(vec![
        KeyValue::text("Engine", chosen.engine.as_str()),
        KeyValue::text("Profile", chosen.profile.as_str()),
        KeyValue::text("Simulator", chosen.simulator.as_str()),
        KeyValue::text("Chosen", chosen.why.as_str()),
        KeyValue::text("File", sample.id.as_str()),
        KeyValue::number("Observations", sample.times.len() as i64, 0),
        date("First (UTC)", sample.times.first()),
        date("Last (UTC)", sample.times.last()),
        KeyValue::text(
            "Benchmark",
            sample.benchmark.as_ref().ok().map_or(Cell::None, |found| found.name.as_str().into()),
        ),
        KeyValue::text("Annualization", format!("{} periods a year: {}", annualization.factor, annualization.reason)),
    ]));
    match &sample.benchmark {
        Ok(found) if found.dropped > 0 => {
            let dates = sections::count(found.dropped, "date");
            document.paragraph(format!("Only dates that both have are measured; {dates} of the series left out."));
        }
        Ok(_) => {}
        Err(why) if chosen.is_baseline() => {
            document.paragraph(format!("The benchmark is N/A: {why}."));
        }
        Err(why) => empty(document, &sample.id, &format!("The benchmark is N/A: {why}.")),
    }
}
