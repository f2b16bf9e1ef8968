//! Finding the results: one JSON file in either shape, or CSV beside a JSON file with the meta part.

use forensic_guest_sdk::{Document, PluginError, Severity};
use serde_json::Value;

use super::model::{Meta, Tournament};
use super::series::Store;
use super::{flat, nested};
use crate::{InputError, Inputs, Notes, inputs, json, sections};

const JSON: &str = "tournament_results.json";
const CSV: &str = "tournament_results.csv";
const META: &str = "tournament_meta.json";

/// Reads the results of the folder `dir`: `tournament_results.json`, else `tournament_results.csv` with
/// `tournament_meta.json`. `periods` is the number of periods in a year, if it is fixed; else the first return series
/// that is needed decides. Troubles of the files go to `document`, odd values to the tournament's notes.
///
/// # Errors
/// [`PluginError::MissingData`] if there are none, or none that can be used.
pub fn load(
    files: &Inputs<'_>,
    dir: &str,
    periods: Option<f64>,
    document: &mut Document,
) -> Result<Tournament, PluginError> {
    let [json_id, csv_id] = [JSON, CSV].map(|name| inputs::join(dir, name));
    let missing = |sentence: String| PluginError::MissingData(format!("{sentence}."));
    let chosen = files
        .first_of(&[&json_id, &csv_id])
        .map_err(|error| missing(format!("{} (nor is there {csv_id})", error.explain())))?;
    if chosen == csv_id {
        return from_csv(files, dir, &csv_id, periods, document).map_err(|error| missing(error.explain()));
    }
    match from_json(files, dir, &json_id, periods, document) {
        Ok(tournament) => Ok(tournament),
        Err(error) if files.has(&csv_id) => {
            sections::input_trouble(document, Severity::Warning, &error, &format!("{csv_id} is read instead"));
            let both = |other: InputError| missing(format!("{}; {}", error.explain(), other.explain()));
            from_csv(files, dir, &csv_id, periods, document).map_err(both)
        }
        Err(error) => Err(missing(error.explain())),
    }
}

fn from_json(
    files: &Inputs<'_>,
    dir: &str,
    id: &str,
    periods: Option<f64>,
    document: &mut Document,
) -> Result<Tournament, InputError> {
    let parsed = files.json(id)?;
    let root = parsed.value;
    let mut notes = Notes::new(id);
    let results = if root.is_array() { Some(&root) } else { root.get("results") };
    let Some(results) = results.filter(|results| results.is_object() || flat::is_flat(results)) else {
        let found = results.map_or("nothing", json::kind);
        return Err(files.unusable(id, format!("must hold `results`, an object or a list, and holds {found}")));
    };
    let meta = match root.get("meta") {
        Some(meta) if meta.is_object() => meta.clone(),
        _ => {
            notes.warn(format!("No `meta` in {id}, so the windows of the context are N/A"), "");
            flat::no_meta()
        }
    };
    let meta = if meta.as_object().is_some_and(serde_json::Map::is_empty) {
        Meta::default()
    } else {
        Meta::read(&meta, &mut notes)
    };
    sections::not_finite(document, id, parsed.not_finite);
    let mut store = Store::open(files, dir, periods, &mut notes);
    let mut skipped = Vec::new();
    let flat = results.as_array().is_some();
    let mut entries = match results {
        Value::Object(simulators) => nested::read(simulators, &mut notes, &mut skipped),
        other => {
            let rows = flat::from_list(other.as_array().map_or(&[], Vec::as_slice), &mut notes);
            flat::entries(rows, &mut store, &mut notes)
        }
    };
    for entry in &mut entries {
        entry.series = store.named(&[entry.simulator.clone(), entry.engine.clone(), entry.profile.clone()]);
    }
    let shape = if flat { "flat: a row a window" } else { "nested: simulator, engine, profile" };
    let annualization = annualization(&store, flat);
    Ok(Tournament { meta, entries, skipped, shape, annualization, notes })
}

fn from_csv(
    files: &Inputs<'_>,
    dir: &str,
    id: &str,
    periods: Option<f64>,
    document: &mut Document,
) -> Result<Tournament, InputError> {
    let records = files.records(id)?;
    let mut notes = Notes::new(id);
    let rows = flat::from_records(&records, &mut notes).map_err(|why| files.unusable(id, why))?;
    sections::problems(document, id, &records.problems);
    let meta_id = inputs::join(dir, META);
    let meta = match files.json(&meta_id) {
        Ok(meta) => {
            let mut notes = Notes::new(&meta_id);
            // Some write the part alone, some around it.
            let part = meta.value.get("meta").unwrap_or(&meta.value);
            let meta = Meta::read(part, &mut notes);
            notes.write(document);
            meta
        }
        Err(error) => {
            let so = "the windows of the context are N/A";
            sections::input_trouble(document, Severity::Warning, &error, so);
            Meta::default()
        }
    };
    let mut store = Store::open(files, dir, periods, &mut notes);
    let entries = flat::entries(rows, &mut store, &mut notes);
    let shape = "flat: CSV with a row a window";
    let annualization = annualization(&store, true);
    Ok(Tournament { meta, entries, skipped: Vec::new(), shape, annualization, notes })
}

fn annualization(store: &Store<'_, '_>, computed: bool) -> String {
    match store.annualization().filter(|_| computed) {
        Some(found) => format!("{} periods a year: {}", found.factor, found.reason),
        None => "as stored by whoever wrote the results; nothing was annualized here".into(),
    }
}
