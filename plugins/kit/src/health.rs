//! The data health of a sleeve: counts of assets by status, and the one word that sums them up.

use forensic_guest_sdk::{Cell, Severity};
use serde_json::Value;

use crate::inputs::{InputError, Inputs, join};
use crate::json;

/// Names below a sleeve's folder, the first that is there counts.
pub const NAMES: [&str; 3] =
    ["data_health.json", "reports/selection/data_health_selected.md", "reports/selection/data_health_raw.md"];

/// Assets by status: the first word of the status in capitals, without marks, so that `OKX` is not `OK`. In the
/// order of the file, each once.
pub type Counts = Vec<(String, u64)>;

/// The sum of a sleeve's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing but `OK`.
    Healthy,
    /// Stale or degraded assets, or some that are not `OK`.
    Degraded,
    /// Missing assets.
    MissingData,
    /// Nothing that says either.
    Unknown,
}

impl Health {
    /// Stale or degraded assets: DEGRADED; missing ones: MISSING DATA; nothing but `OK`: HEALTHY; some `OK` beside
    /// anything else: DEGRADED; else UNKNOWN.
    pub fn of(counts: &Counts) -> Self {
        let some = |status: &str| counts.iter().any(|(word, count)| word == status && *count > 0);
        let others = counts.iter().any(|(status, count)| status != "OK" && *count > 0);
        if some("STALE") || some("DEGRADED") {
            Self::Degraded
        } else if some("MISSING") {
            Self::MissingData
        } else if some("OK") {
            if others { Self::Degraded } else { Self::Healthy }
        } else {
            Self::Unknown
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Healthy => Severity::Info,
            Self::Degraded | Self::Unknown => Severity::Warning,
            Self::MissingData => Severity::Error,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Degraded => "DEGRADED",
            Self::MissingData => "MISSING DATA",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The word with its mark, for a table.
    pub fn cell(self) -> Cell {
        Cell::status(self.severity(), self.word())
    }
}

/// Reads a sleeve's counts.
///
/// # Errors
/// If there is no such file, or it counts nothing.
pub fn read(inputs: &Inputs<'_>, folder: &str) -> Result<Counts, InputError> {
    let ids = NAMES.map(|name| join(folder, name));
    let id = inputs.first_of(&ids.each_ref().map(String::as_str))?;
    let counts = match id.ends_with(".json") {
        true => from_json(&inputs.json(id)?.value),
        false => from_markdown(&inputs.text(id)?),
    };
    counts.map_err(|why| inputs.unusable(id, why))
}

/// `{status: count}`.
fn from_json(value: &Value) -> Result<Counts, String> {
    let object = value.as_object().ok_or("is no object of counts by status")?;
    let mut counts = Counts::new();
    for status in object.keys() {
        let count = json::integer(value, status).and_then(|count| u64::try_from(count).ok());
        let count = count.ok_or_else(|| format!("has no whole number for the status {status:?}"))?;
        add(&mut counts, status, count)?;
    }
    if counts.is_empty() { Err("counts no asset".into()) } else { Ok(counts) }
}

/// The table with the columns Status and Count; without one, the first with the column Status, an asset a row.
fn from_markdown(text: &str) -> Result<Counts, String> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.trim().strip_prefix('|')?;
        let inner = inner.strip_suffix('|').unwrap_or(inner);
        Some(inner.split('|').map(|cell| cell.trim().trim_matches(['*', '`']).trim().to_owned()).collect())
    };
    let mut by_asset: Option<Counts> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(header) = cells(line) else { continue };
        let column = |name: &str| header.iter().position(|title| title.eq_ignore_ascii_case(name));
        let (status, count) = (column("status"), column("count"));
        let mut counts = Counts::new();
        for row in lines.by_ref().map_while(cells) {
            let rule = row.iter().all(|cell| !cell.is_empty() && cell.chars().all(|char| "-: ".contains(char)));
            let Some(word) = status.and_then(|at| row.get(at)).filter(|_| !rule) else { continue };
            let number = match count {
                None => 1,
                Some(at) => {
                    let field = row.get(at).map(String::as_str).unwrap_or_default();
                    field.parse().map_err(|_| format!("has {field:?} as the count of {word:?}"))?
                }
            };
            add(&mut counts, word, number)?;
        }
        match (status, count) {
            (Some(_), Some(_)) if counts.is_empty() => return Err("counts no asset".into()),
            (Some(_), Some(_)) => return Ok(counts),
            (Some(_), None) if !counts.is_empty() => drop(by_asset.get_or_insert(counts)),
            _ => {}
        }
    }
    by_asset.ok_or_else(|| "has no table with a column Status".into())
}

fn add(counts: &mut Counts, status: &str, count: u64) -> Result<(), String> {
    let word = status.split(|char: char| !char.is_alphanumeric() && char != '_').find(|word| !word.is_empty());
    let word = word.ok_or_else(|| format!("has the status {status:?}"))?.to_ascii_uppercase();
    match counts.iter_mut().find(|(other, _)| *other == word) {
        Some((_, sum)) => *sum = sum.saturating_add(count),
        None => counts.push((word, count)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, u64)]) -> Health {
        Health::of(&pairs.iter().map(|(status, count)| ((*status).to_owned(), *count)).collect())
    }

    #[test]
    fn the_word_follows_the_counts() {
        assert_eq!(of(&[("OK", 12)]), Health::Healthy);
        assert_eq!(of(&[("OK", 12), ("STALE", 0), ("MISSING", 0)]), Health::Healthy);
        assert_eq!(of(&[("OK", 12), ("STALE", 1), ("MISSING", 1)]), Health::Degraded);
        assert_eq!(of(&[("OK", 12), ("MISSING", 1)]), Health::MissingData);
        assert_eq!(of(&[("OK", 12), ("DROPPED", 1)]), Health::Degraded);
        assert_eq!(of(&[("DROPPED", 1)]), Health::Unknown);
        assert_eq!(of(&[("OK", 0)]), Health::Unknown);
    }

    #[test]
    fn a_summary_table_beats_the_table_of_assets() {
        let text = "# Health\n\n| Symbol | Status |\n|---|:--|\n| OKX:BTC | ❌ DROPPED |\n\n## Summary by Status\n\n\
            | Status | Count |\n| :--- | ---: |\n| ✅ OK (MARKET CLOSED) | 3 |\n| **OK** | 2 |\n| STALE | 0 |\n";
        assert_eq!(from_markdown(text).unwrap(), [("OK".to_owned(), 5), ("STALE".to_owned(), 0)]);
        let assets = text.split("##").next().unwrap();
        assert_eq!(from_markdown(assets).unwrap(), [("DROPPED".to_owned(), 1)]);
        assert!(from_markdown("all OK").unwrap_err().contains("no table"));
        assert!(from_markdown("| Status | Count |\n| - | - |\n| OK | many |\n").unwrap_err().contains("\"many\""));
    }

    #[test]
    fn json_counts() {
        let read = |text| from_json(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"OK": 3, "Stale": 1.0}"#).unwrap(), [("OK".to_owned(), 3), ("STALE".to_owned(), 1)]);
        assert!(read("[]").is_err() && read("{}").is_err() && read(r#"{"OK": "x"}"#).is_err());
    }
}
