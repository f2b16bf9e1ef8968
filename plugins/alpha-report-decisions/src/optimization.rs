//! Stage 4: what the optimizer made of the selection.
//!
//! Nothing writes the audit's `optimization` any more, so whatever is not in there comes from the optimized
//! weights of the same run.

use forensic_guest_sdk::{Block, Cell, Column, Document, KeyValue, Severity, Table};
use forensic_plugin_kit::{Inputs, Notes, json, sections, words};
use serde_json::{Map, Value};

use crate::empty;

/// What this stage shows; `None` where a file does not say.
#[derive(Default)]
struct Facts {
    regime: Option<String>,
    score: Option<f64>,
    cap: Option<f64>,
    profiles: Option<Vec<Profile>>,
}

struct Profile {
    name: String,
    assets: Option<i64>,
    primary: Cell,
}

impl Facts {
    fn complete(&self) -> bool {
        self.regime.is_some() && self.score.is_some() && self.cap.is_some() && self.profiles.is_some()
    }

    fn is_empty(&self) -> bool {
        self.regime.is_none() && self.score.is_none() && self.cap.is_none() && self.profiles.is_none()
    }

    /// Fills the gaps from `other`; returns whether it had something to give.
    fn fill(&mut self, other: Facts) -> bool {
        let mut filled = false;
        let mut take = |gap: bool, known: bool| filled |= gap && known;
        take(self.regime.is_none(), other.regime.is_some());
        take(self.score.is_none(), other.score.is_some());
        take(self.cap.is_none(), other.cap.is_some());
        take(self.profiles.is_none(), other.profiles.is_some());
        self.regime = self.regime.take().or(other.regime);
        self.score = self.score.or(other.score);
        self.cap = self.cap.or(other.cap);
        self.profiles = self.profiles.take().or(other.profiles);
        filled
    }
}

/// Writes the section. `id` is the file with the optimized weights.
pub(crate) fn write(document: &mut Document, audit: &Value, notes: &mut Notes, files: &Inputs<'_>, id: &str) {
    document.heading(2, "Stage 4: Optimization");
    let mut facts = audit.get("optimization").map(|section| from_audit(section, notes)).unwrap_or_default();
    notes.write(document);
    let nothing_in_audit = facts.is_empty();
    if !facts.complete() {
        match files.json(id) {
            Ok(optimized) => {
                let mut weights = Notes::new(id);
                sections::not_finite(document, id, optimized.not_finite);
                if facts.fill(from_weights(&optimized.value, &mut weights)) {
                    document.paragraph(if nothing_in_audit {
                        format!("The audit does not describe the optimization; all of it is from {id}.")
                    } else {
                        format!("What the audit does not say of the optimization is from {id}.")
                    });
                }
                weights.write(document);
            }
            Err(error) => {
                let so = if nothing_in_audit { "the optimization is unknown" } else { "gaps below stay N/A" };
                sections::input_trouble(document, Severity::Warning, &error, so);
            }
        }
    }
    if facts.is_empty() {
        return empty(document, notes, "Neither file describes an optimization.");
    }
    let known = [
        ("the regime", facts.regime.is_some()),
        ("the regime's score", facts.score.is_some()),
        ("the cluster cap", facts.cap.is_some()),
    ];
    document.push(Block::KeyValues(vec![
        KeyValue::text("Regime", facts.regime.take()),
        KeyValue::number("Regime score", facts.score, 2),
        KeyValue::percent("Cluster cap", facts.cap, 1),
    ]));
    let gaps: Vec<&str> = known.iter().filter(|(_, known)| !known).map(|(name, _)| *name).collect();
    if !gaps.is_empty() {
        document.paragraph(format!("N/A because no file says it: {}.", gaps.join(", ")));
    }
    document.heading(3, "Profiles");
    let profiles = facts.profiles.unwrap_or_default();
    if profiles.is_empty() {
        return empty(document, notes, "No file lists optimized profiles.");
    }
    let mut table = Table::new([Column::text("Profile"), Column::integer("Assets"), Column::text("Primary cluster")]);
    for profile in profiles {
        table.row([words::title_case(&profile.name).into(), profile.assets.into(), profile.primary]);
    }
    document.push(table);
}

/// From the audit's own section.
fn from_audit(section: &Value, notes: &mut Notes) -> Facts {
    let Some(object) = section.as_object() else {
        if !section.is_null() {
            notes.odd("optimization", "an object", section);
        }
        return Facts::default();
    };
    // Gaps are no trouble yet: the weights may fill them.
    let nested = |keys: [&str; 2]| object.get(keys[0]).and_then(|inner| inner.get(keys[1])).filter(|v| !v.is_null());
    let mut number = |keys: [&str; 2]| {
        let value = nested(keys)?;
        let number = value.as_f64().filter(|number| number.is_finite());
        if number.is_none() {
            notes.odd(&format!("optimization.{}", keys.join(".")), "a finite number", value);
        }
        number
    };
    let (score, cap) = (number(["regime", "score"]), number(["constraints", "cluster_cap"]));
    let regime = object.get("regime").and_then(|regime| json::text(regime, "name")).map(str::to_owned);
    let profiles = object.get("profiles").and_then(Value::as_object).filter(|profiles| !profiles.is_empty());
    let profiles = profiles.map(|profiles| {
        let read = |(name, stats): (&String, &Value)| {
            let path = format!("optimization.profiles.{name}");
            let primary = match stats.get("top_cluster") {
                Some(Value::Number(id)) => Some(words::cluster_label(&id.to_string())),
                _ => notes.text(stats, &["top_cluster"], &path).map(words::cluster_label),
            };
            let assets = notes.integer(stats, &["assets"], &path);
            Profile { name: name.clone(), assets, primary: primary.into() }
        };
        profiles.iter().map(read).collect()
    });
    Facts { regime, score, cap, profiles }
}

/// From the optimized weights: the number of assets, and the cluster of the largest gross weight.
fn from_weights(optimized: &Value, notes: &mut Notes) -> Facts {
    if !optimized.is_object() {
        notes.odd("the file", "an object", optimized);
        return Facts::default();
    }
    let inner = |keys: [&str; 2]| optimized.get(keys[0])?.get(keys[1]);
    let regime = inner(["optimization", "regime"]).unwrap_or(&Value::Null);
    let cap = optimized.get("metadata").and_then(|metadata| json::number(metadata, "cluster_cap"));
    let profiles = notes.object(optimized, &["profiles"], "").and_then(Value::as_object);
    let profiles = profiles.map(|profiles: &Map<String, Value>| {
        profiles.iter().map(|(name, profile)| from_profile(name, profile, notes)).collect()
    });
    Facts { regime: json::text(regime, "name").map(str::to_owned), score: json::number(regime, "score"), cap, profiles }
}

fn from_profile(name: &str, profile: &Value, notes: &mut Notes) -> Profile {
    let path = format!("profiles.{name}");
    let meta = profile.get("meta").unwrap_or(&Value::Null);
    if meta.get("skipped").and_then(Value::as_bool) == Some(true) {
        let reason = json::text(meta, "reason").unwrap_or("no reason given");
        let primary = Cell::status(Severity::Warning, format!("skipped: {reason}"));
        return Profile { name: name.to_owned(), assets: None, primary };
    }
    let assets = notes.list(profile, &["assets"], &path).map(|assets| assets.len() as i64);
    let mut largest: Option<(f64, &Value)> = None;
    for cluster in notes.list(profile, &["clusters"], &path).unwrap_or_default() {
        let Some(gross) = notes.number(cluster, &["Gross_Weight"], &format!("{path}.clusters")) else { continue };
        if largest.is_none_or(|(most, _)| gross > most) {
            largest = Some((gross, cluster));
        }
    }
    let primary = largest.and_then(|(_, cluster)| json::text(cluster, "Cluster_Label")).map(words::cluster_label);
    Profile { name: name.to_owned(), assets, primary: primary.into() }
}
