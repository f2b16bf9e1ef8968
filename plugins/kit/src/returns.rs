//! The return series of a sleeve: which ones there are, and how many periods their year has.

use serde_json::Value;

use crate::stats::Annualization;
use crate::{InputError, Inputs, Notes, inputs, json};

/// Where the list of series is, below the sleeve's folder.
pub const INDEX: &str = "returns/index.json";
/// Parts of names that only crypto pairs have.
const STABLE: [&str; 2] = ["USDT", "USDC"];

/// One series, as the index lists it. The three parts are never made out of the name, for each may hold a `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Unique in the index.
    pub name: String,
    /// Below the sleeve's folder.
    pub file: String,
    /// Who traded: `custom`.
    pub simulator: String,
    /// Who weighted: `skfolio`.
    pub engine: String,
    /// By which profile: `min_variance`.
    pub profile: String,
}

/// Reads the index below `dir`: a list, or an object with a list `series`. An entry has `simulator`, `engine`,
/// `profile`, and `name` or `file`; one without is left out and noted, as is the second of a name.
///
/// # Errors
/// If it is missing, is no JSON, or has no such list.
pub fn index(files: &Inputs<'_>, dir: &str, notes: &mut Notes) -> Result<Vec<Listed>, InputError> {
    let id = inputs::join(dir, INDEX);
    let parsed = files.json(&id)?.value;
    let list = match &parsed {
        Value::Array(list) => Some(list.as_slice()),
        other => other.get("series").and_then(Value::as_array).map(Vec::as_slice),
    };
    let Some(list) = list else {
        return Err(files.unusable(&id, "must be a list, or an object with the list `series`".into()));
    };
    let mut series: Vec<Listed> = Vec::new();
    for (at, entry) in list.iter().enumerate() {
        match listed(entry) {
            Some(found) if series.iter().any(|other| other.name == found.name) => {
                notes.warn(format!("Names that are in {id} twice: the first counts"), found.name);
            }
            Some(found) => series.push(found),
            None => notes.warn(
                format!("Entries of {id} without simulator, engine, profile, or name and file"),
                format!("number {}", at + 1),
            ),
        }
    }
    Ok(series)
}

fn listed(entry: &Value) -> Option<Listed> {
    let text = |key: &str| json::text(entry, key).map(str::to_owned);
    let file = text("file").or_else(|| Some(format!("returns/{}.csv", text("name")?)))?;
    let stem = || file.rsplit('/').next().map(|last| last.strip_suffix(".csv").unwrap_or(last).to_owned());
    let name = text("name").or_else(stem)?;
    Some(Listed { name, file, simulator: text("simulator")?, engine: text("engine")?, profile: text("profile")? })
}

/// The rule on dates; where these say nothing and all `names` are crypto pairs, a year has 365 periods.
pub fn annualization<'n>(times: &[i64], names: impl IntoIterator<Item = &'n str>) -> Annualization {
    let by_dates = Annualization::of(times);
    let mut names = names.into_iter().peekable();
    let crypto = names.peek().is_some() && names.all(|name| STABLE.iter().any(|part| name.contains(part)));
    if by_dates == Annualization::DAILY && times.len() > 1 && crypto {
        return Annualization { factor: 365.0, reason: "crypto pairs (USDT, USDC)" };
    }
    by_dates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;
    use forensic_guest_sdk::testing::MockHost;

    fn read(index: &str) -> (Result<Vec<Listed>, InputError>, Vec<String>) {
        let host = MockHost::new().with_file("data/returns/index.json", index);
        let mut notes = Notes::new("data/returns/index.json");
        let listed = super::index(&Inputs::new(&host), "data", &mut notes);
        let mut document = forensic_guest_sdk::Document::new("x");
        notes.write(&mut document);
        (listed, document.findings.into_iter().map(|finding| finding.text).collect())
    }

    #[test]
    fn names_are_kept_apart() {
        let (listed, findings) = read(
            r#"[{"simulator": "a_b", "engine": "c", "profile": "d_e", "name": "a_b_c_d_e"},
                {"simulator": "a", "engine": "b_c", "profile": "d_e", "file": "returns/x_1.csv"}]"#,
        );
        let listed = listed.unwrap();
        assert_eq!((listed[0].simulator.as_str(), listed[0].file.as_str()), ("a_b", "returns/a_b_c_d_e.csv"));
        assert_eq!((listed[1].name.as_str(), listed[1].engine.as_str()), ("x_1", "b_c"));
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn entries_of_no_use_are_counted_and_no_list_is_an_error() {
        let one = r#"{"simulator": "s", "engine": "e", "profile": "p", "name": "n"}"#;
        let (listed, findings) = read(&format!(r#"{{"series": [{one}, {one}, {{"name": "n"}}, 5]}}"#));
        assert_eq!(listed.unwrap().len(), 1);
        assert!(findings[0].ends_with("twice: the first counts: n."), "{findings:?}");
        assert!(findings[1].ends_with("name and file: number 3, number 4."), "{findings:?}");
        for bad in ["{}", "5", "{", r#"{"series": {}}"#] {
            assert!(matches!(read(bad).0, Err(InputError::Unusable { .. })), "{bad}");
        }
    }

    #[test]
    fn crypto_pairs_have_365_periods_unless_dates_say_more() {
        let monday = time::parse("2024-03-04").unwrap();
        let week = |days: i64| (0..days).map(|day| monday + day * time::DAY).collect::<Vec<_>>();
        let factor = |times: &[i64], names: &[&str]| annualization(times, names.iter().copied()).factor;
        assert_eq!(factor(&week(5), &["BINANCE:BTCUSDT", "OKX:ETHUSDC"]), 365.0);
        assert_eq!(factor(&week(5), &["BINANCE:BTCUSDT", "AMEX:SPY"]), 252.0);
        assert_eq!(factor(&week(5), &[]), 252.0);
        assert_eq!(factor(&week(7), &["AMEX:SPY"]), 365.0);
        assert_eq!(factor(&[monday, monday + 3600], &["BINANCE:BTCUSDT"]), 252.0 * 24.0);
    }
}
