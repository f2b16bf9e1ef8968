//! The tournament: how each risk profile did over all windows, engines and simulators.

use forensic_guest_sdk::{Cell, Document, Severity};
use forensic_plugin_kit::inputs::Inputs;
use forensic_plugin_kit::json;
use forensic_plugin_kit::sections::{As, input_trouble, problems, table, trouble};
use forensic_plugin_kit::stats::{mean, sample_sd};
use forensic_plugin_kit::table::{Records, Tally};

use crate::config::Settings;

/// Fewer windows than this say nothing about stability.
const FEW_WINDOWS: usize = 5;
/// Share of windows above zero that a stable profile has at least.
const STABLE_SHARE: f64 = 0.6;
/// Standard errors above zero at which a stable profile's mean Sharpe lies at least.
const STABLE_ERRORS: f64 = 2.0;
/// What Stability means, for the reader.
const RULE: &str = "Sharpe and Ann. Return are means, Max Drawdown is the worst, over all windows, engines and \
    simulators. Stability looks at the Sharpe of each window (the mean over its engines and simulators): STABLE if at \
    least 60% of the windows are above zero and their mean is at least two standard errors (deviation ÷ √windows) above \
    zero; UNSTABLE if fewer than half of them are above zero or the mean is not; else MIXED; N/A with fewer than 5 windows.";

/// Numbers of one risk profile.
#[derive(Debug, Default)]
struct Entry {
    rows: usize,
    sharpe: Vec<f64>,
    annual_return: Vec<f64>,
    drawdown: Vec<f64>,
    /// Sharpe ratios of each window.
    windows: Vec<(String, Vec<f64>)>,
}

pub(crate) fn section(document: &mut Document, settings: &Settings, inputs: &Inputs<'_>) {
    document.heading(2, "Tournament");
    let id = settings.file("tournament_results.csv");
    let file = inputs.records(&id).and_then(|records| {
        let columns = records.expect(["window", "profile", "metrics"]).map_err(|why| inputs.unusable(&id, why))?;
        Ok((records, columns))
    });
    let (records, columns) = match file {
        Ok(found) => found,
        Err(error) => {
            return input_trouble(document, Severity::Error, &error, "there is nothing to say about the tournament");
        }
    };
    let (entries, troubles) = collect(&records, columns);
    let mut table = table(&[
        ("Profile", As::Text),
        ("Sharpe", As::Number(2)),
        ("Ann. Return", As::Percent(2)),
        ("Max Drawdown", As::Percent(2)),
        ("Stability", As::Text),
        ("Windows above zero", As::Percent(1)),
        ("Deviation of Sharpe", As::Number(2)),
        ("Windows", As::Number(0)),
        ("Rows", As::Number(0)),
    ]);
    let found = |profile: &str| entries.iter().find(|(name, _)| *name == profile).map(|(_, entry)| entry);
    let mut absent = Vec::new();
    for profile in &settings.profiles {
        let empty = Entry::default();
        let entry = found(profile).unwrap_or(&empty);
        if entry.rows == 0 {
            absent.push(profile.as_str());
        }
        table.rows.push(row(profile, entry));
    }
    document.push(table).paragraph(RULE);
    problems(document, &id, &records.problems);
    problems(document, &id, &troubles);
    for (profile, entry) in settings.profiles.iter().filter_map(|name| Some((name, found(name)?))) {
        for (what, known) in
            [("Sharpe", &entry.sharpe), ("annual return", &entry.annual_return), ("maximum drawdown", &entry.drawdown)]
        {
            let gap = entry.rows - known.len();
            if gap > 0 {
                let text = format!(
                    "{id}: {gap} of {} rows of {profile} have no finite {what} and don't count in it.",
                    entry.rows
                );
                trouble(document, Severity::Warning, profile, &text);
            }
        }
    }
    if !absent.is_empty() {
        let text = format!("{id} has no usable rows for {}: N/A.", absent.join(", "));
        trouble(document, Severity::Warning, &id, &text);
    }
}

fn collect(records: &Records, [window, profile, metrics]: [usize; 3]) -> (Vec<(&str, Entry)>, Vec<String>) {
    let mut entries: Vec<(&str, Entry)> = Vec::new();
    let (mut python, mut broken, mut not_finite) = (Tally::default(), Tally::default(), Tally::default());
    for record in &records.rows {
        let text = record.fields[metrics].as_str();
        let parsed = match json::parse(text) {
            Ok(parsed) if parsed.value.is_object() => parsed,
            Ok(parsed) => {
                broken.add(record.line, || format!("{} instead of an object", json::kind(&parsed.value)));
                continue;
            }
            Err(_) if text.starts_with("{'") || text.starts_with("{\"") && text.contains("': ") => {
                python.add(record.line, || shortened(text));
                continue;
            }
            Err(why) => {
                broken.add(record.line, || why);
                continue;
            }
        };
        if parsed.not_finite > 0 {
            not_finite.add(record.line, || shortened(text));
        }
        let entry = at_key(&mut entries, record.fields[profile].as_str());
        entry.rows += 1;
        let number = |keys: &[&str]| json::number_of(&parsed.value, keys);
        if let Some(sharpe) = number(&["sharpe"]) {
            entry.sharpe.push(sharpe);
            at_key(&mut entry.windows, record.fields[window].clone()).push(sharpe);
        }
        entry.annual_return.extend(number(&["annualized_return", "return"]));
        entry.drawdown.extend(number(&["max_drawdown", "mdd"]));
    }
    let troubles = [
        python.sentence(|count| {
            format!(
                "{count} whose metrics are the text of a Python dict, not JSON, left out; write them with json.dumps"
            )
        }),
        broken.sentence(|count| format!("{count} whose metrics are not a JSON object left out")),
        not_finite.sentence(|count| format!("{count} whose metrics hold a bare NaN or Infinity, read as absent")),
    ];
    (entries, troubles.into_iter().flatten().collect())
}

/// The value of a key, made if it is not there. The windows of a tournament come one after the other, so the search
/// begins at the end.
fn at_key<K: PartialEq, V: Default>(pairs: &mut Vec<(K, V)>, key: K) -> &mut V {
    let at = pairs.iter().rposition(|(other, _)| *other == key).unwrap_or_else(|| {
        pairs.push((key, V::default()));
        pairs.len() - 1
    });
    &mut pairs[at].1
}

fn row(profile: &str, entry: &Entry) -> Vec<Cell> {
    let windows: Vec<f64> = entry.windows.iter().filter_map(|(_, values)| mean(values)).collect();
    let above = share_above_zero(&windows);
    let integer = |number: usize| Cell::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    vec![
        profile.into(),
        mean(&entry.sharpe).into(),
        mean(&entry.annual_return).into(),
        entry.drawdown.iter().copied().reduce(f64::min).into(),
        stability(&windows),
        above.into(),
        sample_sd(&windows).into(),
        integer(windows.len()),
        integer(entry.rows),
    ]
}

fn share_above_zero(windows: &[f64]) -> Option<f64> {
    let above = windows.iter().filter(|sharpe| **sharpe > 0.0).count();
    (!windows.is_empty()).then(|| above as f64 / windows.len() as f64)
}

/// The rule that [`RULE`] tells the reader.
fn stability(windows: &[f64]) -> Cell {
    let (Some(above), Some(mean), Some(deviation)) = (share_above_zero(windows), mean(windows), sample_sd(windows))
    else {
        return Cell::None;
    };
    if windows.len() < FEW_WINDOWS {
        Cell::None
    } else if above < 0.5 || mean <= 0.0 {
        Cell::status(Severity::Error, "UNSTABLE")
    } else if above >= STABLE_SHARE && mean >= STABLE_ERRORS * deviation / (windows.len() as f64).sqrt() {
        Cell::status(Severity::Info, "STABLE")
    } else {
        Cell::status(Severity::Warning, "MIXED")
    }
}

fn shortened(text: &str) -> String {
    let mut start: String = text.chars().take(60).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stability_follows_its_rule() {
        let word = |windows: &[f64]| match stability(windows) {
            Cell::Status(status) => status.text,
            other => format!("{other:?}"),
        };
        assert_eq!(word(&[1.0, 1.2, 0.8, 1.1, 0.9]), "STABLE");
        assert_eq!(word(&[5.0, 0.1, -4.0, 0.2, 0.1]), "MIXED");
        assert_eq!(word(&[1.0, -1.0, -1.0, -1.0, 0.5]), "UNSTABLE");
        assert_eq!(word(&[0.1, 0.1, 0.1, 0.1, -9.0]), "UNSTABLE");
        assert_eq!(word(&[1.0; 4]), "Cell::None");
        assert_eq!(word(&[1.0; 5]), "STABLE");
        assert_eq!(word(&[]), "Cell::None");
    }
}
