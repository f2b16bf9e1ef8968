//! System health: the trace, and whether the data the page rests on is there.

use forensic_guest_sdk::{Block, Cell, Document, Host, KeyValue, Severity};
use forensic_plugin_kit::{Notes, sections, time};
use serde_json::Value;

use crate::book::Profile;
use crate::market::Market;
use crate::settings::Settings;

/// What stands where nothing was tested.
const UNKNOWN: &str = "UNKNOWN";

pub(crate) fn write(
    document: &mut Document,
    host: &dyn Host,
    settings: &Settings,
    root: &Value,
    notes: &mut Notes,
    profiles: &[Profile],
    market: &Market,
) {
    document.heading(2, "System health");
    sections::pipeline_health(document, host, settings.health);

    let nothing = &Value::Null;
    let optimization = notes.object(root, &["optimization"], "").unwrap_or(nothing);
    let regime = notes.object(optimization, &["regime"], "optimization").unwrap_or(nothing);
    let regime = notes.text(regime, &["name"], "optimization.regime");
    let mut values = vec![
        KeyValue::text("Data integrity", integrity(document, profiles, market)),
        KeyValue::text("Regime", regime.map_or_else(unknown, Cell::from)),
    ];
    match &market.returns {
        Ok(returns) => {
            let (frame, annualization) = (&returns.frame, returns.annualization);
            let day = |at: Option<&i64>| at.map(|at| time::date(*at));
            values.push(KeyValue::number("Lookback (bars)", frame.len() as i64, 0));
            values.push(KeyValue::text("First bar", day(frame.times.first())));
            values.push(KeyValue::text("Last bar", day(frame.times.last())));
            let factor = annualization.factor;
            let periods = format!("{factor} periods a year: {}", annualization.reason);
            values.push(KeyValue::text("Annualization", periods));
            values.push(KeyValue::text("Benchmark", returns.benchmark.clone().ok()));
        }
        Err(_) => {
            let keys = ["Lookback (bars)", "Annualization", "Benchmark"];
            values.extend(keys.map(|key| KeyValue::text(key, Cell::None)));
        }
    }
    document.push(Block::KeyValues(values));
    match &market.returns {
        Ok(returns) => {
            sections::problems(document, &market.id, &returns.frame.problems);
            if let Err(why) = &returns.benchmark {
                let sentence = format!("Beta and correlation are N/A: {why}.");
                sections::trouble(document, Severity::Warning, &market.id, &sentence);
            }
        }
        Err(error) => {
            let so = "data integrity is unknown, and lookback, volatility, beta and correlation are N/A";
            sections::input_trouble(document, Severity::Warning, error, so);
        }
    }
    notes.write(document);
}

fn unknown() -> Cell {
    Cell::status(Severity::Warning, UNKNOWN)
}

/// Whether all assets of the first profile that was not skipped are columns of the returns. Without assets or returns nothing was
/// tested, so nothing is healthy.
fn integrity(document: &mut Document, profiles: &[Profile], market: &Market) -> Cell {
    let Ok(returns) = &market.returns else { return unknown() };
    let assets = profiles.iter().find(|profile| profile.skipped.is_none()).map_or(&[][..], Profile::assets);
    if assets.is_empty() {
        let sentence = "Data integrity is unknown: the first profile has no assets to look for in the returns.";
        sections::trouble(document, Severity::Warning, &market.id, sentence);
        return unknown();
    }
    let aligned = assets.iter().filter(|asset| returns.frame.column(&asset.symbol).is_some()).count();
    if aligned == assets.len() {
        return Cell::status(Severity::Info, "HEALTHY");
    }
    Cell::status(Severity::Warning, format!("DEGRADED ({aligned}/{} aligned)", assets.len()))
}
