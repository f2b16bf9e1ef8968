//! The nested shape: simulator, engine, profile.

use serde_json::{Map, Value};

use super::flat;
use super::model::{Basis, Entry, Summary, Window};
use crate::{Notes, json, stats};

/// Where an engine says that it sat out.
const STATUS: &str = "_status";
/// Limits at which the producers clip; a stored number at one of them may be anything beyond it.
const RETURN_LIMITS: [f64; 2] = [-0.9999, 5.0];
const VOLATILITY_LIMIT: f64 = 5.0;
const SHARPE_LIMITS: [f64; 3] = [-5.0, -4.0, 5.0];

/// Reads all entries; engines that were skipped go to `skipped`.
pub(super) fn read(results: &Map<String, Value>, notes: &mut Notes, skipped: &mut Vec<String>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (simulator, engines) in results {
        let Some(engines) = object(engines, &format!("results.{simulator}"), notes) else { continue };
        for (engine, profiles) in engines {
            let path = format!("results.{simulator}.{engine}");
            let Some(profiles) = object(profiles, &path, notes) else { continue };
            let status = profiles.get(STATUS).and_then(|status| status.get("skipped"));
            if status.and_then(Value::as_bool) == Some(true) {
                skipped.push(format!("{engine} ({simulator})"));
                continue;
            }
            for (profile, result) in profiles.iter().filter(|(profile, _)| *profile != STATUS) {
                if object(result, &format!("{path}.{profile}"), notes).is_none() {
                    continue;
                }
                entries.push(entry(simulator, engine, profile, result, notes));
            }
        }
    }
    entries
}

fn object<'v>(value: &'v Value, path: &str, notes: &mut Notes) -> Option<&'v Map<String, Value>> {
    let object = value.as_object();
    if object.is_none() {
        notes.odd(path, "an object", value);
    }
    object
}

fn entry(simulator: &str, engine: &str, profile: &str, result: &Value, notes: &mut Notes) -> Entry {
    let name = format!("{simulator} / {engine} / {profile}");
    let rows: Vec<&Value> = json::list(result, "windows").iter().filter(|window| window.is_object()).collect();
    let windows: Vec<Window> = rows.iter().map(|window| Window::read(window)).collect();
    let stored = result.get("summary").filter(|summary| summary.as_object().is_some_and(|object| !object.is_empty()));
    let summary = match stored {
        Some(stored) => summary(stored, &name, notes),
        None if !rows.is_empty() => {
            notes.warn("No stored summary: means over the windows stand in", &name);
            flat::means(&rows)
        }
        None => {
            notes.warn("Neither a summary nor a window", &name);
            Summary::nothing()
        }
    };
    let sharpes: Vec<f64> = windows.iter().filter_map(|window| window.sharpe).collect();
    let mean = stats::mean(&sharpes);
    if let Some((stored, mean)) = summary.window_sharpe.zip(mean)
        && (stored - mean).abs() > 1e-4 * mean.abs().max(1.0)
    {
        notes.warn("avg_window_sharpe is not the mean of the windows' Sharpe ratios", &name);
    }
    Entry {
        simulator: simulator.into(),
        engine: engine.into(),
        profile: profile.into(),
        summary,
        windows,
        series: None,
    }
}

fn summary(stored: &Value, name: &str, notes: &mut Notes) -> Summary {
    let mut number = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| stored.get(*key).filter(|value| !value.is_null()))?;
        let number = found.as_f64().filter(|number| number.is_finite());
        if number.is_none() {
            notes.odd(&format!("{name}: {}", keys[0]), "a number", found);
        }
        number
    };
    let mut summary = Summary {
        basis: Basis::Stored,
        window_sharpe: number(&["avg_window_sharpe"]),
        sharpe: number(&["sharpe"]),
        annual_return: number(&["annualized_return", "return"]),
        volatility: number(&["annualized_vol", "vol"]),
        drawdown: number(&["max_drawdown", "mdd"]),
        turnover: number(&["avg_turnover", "turnover"]),
        days: None,
        clipped: Vec::new(),
    };
    if let Some(number) = summary.annual_return.filter(|number| RETURN_LIMITS.contains(number)) {
        summary.clipped.push(format!("annual return {}", stats::percent(number)));
    }
    if summary.volatility == Some(VOLATILITY_LIMIT) {
        summary.clipped.push("annual volatility 500.00%".into());
    }
    if let Some(number) = summary.sharpe.filter(|number| SHARPE_LIMITS.contains(number)) {
        summary.clipped.push(format!("Sharpe {number}"));
    }
    summary
}
