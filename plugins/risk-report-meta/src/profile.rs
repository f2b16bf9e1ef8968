//! What is known of one risk profile: its files, each read once.

use forensic_plugin_kit::inputs::{InputError, Inputs};
use forensic_plugin_kit::json::{self, Parsed};
use forensic_plugin_kit::table::Frame;
use serde_json::Value;

use crate::config::Settings;

/// A file that was looked for under its name and, if it has one, its old name.
pub(crate) struct Source<T> {
    /// What it is, for the completeness table.
    pub(crate) title: &'static str,
    /// Where it was found, else where it should be.
    pub(crate) id: String,
    /// Whether it was found under its old name.
    pub(crate) old_name: bool,
    /// Its content.
    pub(crate) content: Result<T, InputError>,
}

impl<T> Source<T> {
    /// The content, where there is any.
    pub(crate) fn get(&self) -> Option<&T> {
        self.content.as_ref().ok()
    }
}

/// One sleeve or symbol and its weight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weight {
    pub(crate) symbol: String,
    pub(crate) weight: f64,
    /// The whole entry.
    pub(crate) entry: Value,
}

/// A file with `metadata` and `weights`.
pub(crate) struct Weights {
    pub(crate) metadata: Value,
    /// In file order.
    pub(crate) weights: Vec<Weight>,
    /// What was left out, as sentences.
    pub(crate) problems: Vec<String>,
}

/// A sleeve of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sleeve {
    pub(crate) id: String,
    pub(crate) run_id: Option<String>,
    pub(crate) run_path: Option<String>,
    /// Set for a sleeve that is a meta portfolio itself.
    pub(crate) meta_profile: Option<String>,
}

/// A manifest.
pub(crate) struct Manifest {
    pub(crate) sleeves: Vec<Sleeve>,
    pub(crate) problems: Vec<String>,
}

/// One risk profile.
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) optimized: Source<Weights>,
    pub(crate) returns: Source<Frame>,
    pub(crate) holdings: Source<Weights>,
    /// Only its existence counts.
    pub(crate) tree: Source<()>,
    pub(crate) manifest: Source<Manifest>,
}

impl Profile {
    /// Reads all files of a profile.
    pub(crate) fn read(name: &str, settings: &Settings, inputs: &Inputs<'_>) -> Self {
        let meta = &settings.meta_profile;
        let names = |stem: &str, end: &str| {
            [settings.file(&format!("{stem}_{meta}_{name}.{end}")), settings.file(&format!("{stem}_{name}.{end}"))]
        };
        let json = |id: &str| inputs.json(id);
        let weights = |id: &str| weights(json(id)?).map_err(|why| inputs.unusable(id, why));
        Self {
            name: name.to_owned(),
            optimized: find("Optimized weights", inputs, &names("meta_optimized", "json"), weights),
            returns: find("Sleeve returns", inputs, &names("meta_returns", "csv"), |id| inputs.frame(id)),
            holdings: find("Flattened portfolio", inputs, &names("portfolio_optimized_meta", "json"), weights),
            tree: find("Cluster tree", inputs, &names("meta_cluster_tree", "json")[..1], |_| Ok(())),
            manifest: find("Manifest", inputs, &names("meta_manifest", "json"), |id| {
                manifest(json(id)?).map_err(|why| inputs.unusable(id, why))
            }),
        }
    }
}

fn find<T>(
    title: &'static str,
    inputs: &Inputs<'_>,
    names: &[String],
    read: impl FnOnce(&str) -> Result<T, InputError>,
) -> Source<T> {
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    match inputs.first_of(&ids) {
        Ok(id) => Source { title, id: id.to_owned(), old_name: id != ids[0], content: read(id) },
        Err(error) => Source { title, id: error.id().to_owned(), old_name: false, content: Err(error) },
    }
}

fn weights(parsed: Parsed<Value>) -> Result<Weights, String> {
    let list = parsed.value.get("weights").and_then(Value::as_array).ok_or("has no list `weights`")?;
    let (mut weights, mut problems): (Vec<Weight>, Vec<String>) = (Vec::new(), not_finite(parsed.not_finite));
    for (at, entry) in list.iter().enumerate() {
        match (json::text(entry, "Symbol"), json::number(entry, "Weight")) {
            (Some(symbol), _) if weights.iter().any(|other| other.symbol == symbol) => {
                problems.push(format!("{symbol:?} is there twice: the first one counts"));
            }
            (Some(symbol), Some(weight)) => {
                weights.push(Weight { symbol: symbol.to_owned(), weight, entry: entry.clone() });
            }
            (Some(symbol), None) => problems.push(format!("{symbol:?} has no number `Weight` and is left out")),
            (None, _) => problems.push(format!("entry {} of `weights` has no `Symbol` and is left out", at + 1)),
        }
    }
    if weights.is_empty() {
        return Err("has no entry with `Symbol` and `Weight` in `weights`".into());
    }
    Ok(Weights { metadata: parsed.value.get("metadata").cloned().unwrap_or_default(), weights, problems })
}

fn manifest(parsed: Parsed<Value>) -> Result<Manifest, String> {
    let list = parsed.value.get("sleeves").and_then(Value::as_array).ok_or("has no list `sleeves`")?;
    let (mut sleeves, mut problems): (Vec<Sleeve>, Vec<String>) = (Vec::new(), not_finite(parsed.not_finite));
    for (at, entry) in list.iter().enumerate() {
        let Some(id) = json::text(entry, "id") else {
            problems.push(format!("sleeve {} has no `id` and is left out", at + 1));
            continue;
        };
        let text = |key: &str| json::text(entry, key).map(str::to_owned);
        sleeves.push(Sleeve {
            id: id.to_owned(),
            run_id: text("run_id"),
            run_path: text("run_path"),
            meta_profile: text("meta_profile"),
        });
    }
    if sleeves.is_empty() {
        return Err("names no sleeve".into());
    }
    Ok(Manifest { sleeves, problems })
}

fn not_finite(count: usize) -> Vec<String> {
    let sentence = |count| format!("bare NaN or Infinity at {count} places, read as absent");
    (count > 0).then(|| sentence(count)).into_iter().collect()
}
