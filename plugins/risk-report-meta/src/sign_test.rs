//! The directional sign test: what it counted and what it found.

use forensic_guest_sdk::{Block, Cell, Document, KeyValue, Severity};
use forensic_plugin_kit::inputs::Inputs;
use forensic_plugin_kit::json;
use forensic_plugin_kit::order::sorted;
use forensic_plugin_kit::sections::{As, count, input_trouble, not_finite, table, trouble};
use serde_json::Value;

use crate::config::Settings;

/// Findings that the table shows at most.
const SHOWN: usize = 20;

pub(crate) fn section(document: &mut Document, settings: &Settings, inputs: &Inputs<'_>) {
    document.heading(2, "Directional sign test");
    let id = settings.file("directional_sign_test.json");
    let parsed = match inputs.json(&id) {
        Ok(parsed) => parsed,
        Err(error) => {
            return input_trouble(
                document,
                Severity::Error,
                &error,
                "the signs of the sleeves are not known to be right",
            );
        }
    };
    let test = &parsed.value;
    let known = |key| json::integer(test, key).filter(|number| *number >= 0);
    let (errors, warnings) = (known("errors"), known("warnings"));
    let result = match (errors, warnings) {
        (None, _) => Cell::status(Severity::Error, "UNKNOWN"),
        (Some(1..), _) => Cell::status(Severity::Error, "FAILED"),
        (Some(_), Some(0)) => Cell::status(Severity::Info, "PASSED"),
        (Some(_), Some(_)) => Cell::status(Severity::Warning, "PASSED with warnings"),
        (Some(_), None) => Cell::status(Severity::Warning, "PASSED, warnings unknown"),
    };
    let mut values = vec![
        KeyValue::text("Result", result),
        KeyValue::number("Errors", errors, 0),
        KeyValue::number("Warnings", warnings, 0),
    ];
    if let Some(tested) = known("tested") {
        values.push(KeyValue::number("Tested", tested, 0));
    }
    document.push(Block::KeyValues(values));
    not_finite(document, &id, parsed.not_finite);
    match errors {
        None => {
            let text = format!("{id} has no whole number `errors`: whether the test passed is unknown.");
            trouble(document, Severity::Error, &id, &text);
        }
        Some(0) => {}
        Some(errors) => {
            let errors = count(usize::try_from(errors).unwrap_or(usize::MAX), "error");
            trouble(document, Severity::Error, &id, &format!("The sign test found {errors}."));
        }
    }
    if let Some(warnings) = warnings.filter(|warnings| *warnings > 0) {
        let warnings = count(usize::try_from(warnings).unwrap_or(usize::MAX), "warning");
        document.finding(Severity::Warning, &id, format!("The sign test has {warnings}."));
    }
    let findings = json::list(test, "findings");
    let by_level = |level: &str| findings.iter().filter(|finding| level_of(finding) == level).count() as i64;
    for (key, number, level) in [("errors", errors, "ERROR"), ("warnings", warnings, "WARN")] {
        if let Some(number) = number.filter(|number| *number != by_level(level)) {
            let text = format!("{id} says {number} {key} but lists {} of them.", by_level(level));
            trouble(document, Severity::Warning, &id, &text);
        }
    }
    listing(document, findings);
}

/// `ERROR`, `WARN` or what else the file says, in capitals; `WARNING` is `WARN`.
fn level_of(finding: &Value) -> String {
    let level = json::text(finding, "level").unwrap_or_default().to_ascii_uppercase();
    if level == "WARNING" { "WARN".to_owned() } else { level }
}

fn listing(document: &mut Document, findings: &[Value]) {
    if findings.is_empty() {
        document.paragraph("The test lists no findings.");
        return;
    }
    let is_error = |finding: &&Value| level_of(finding) == "ERROR";
    let sorted = sorted(findings.iter().collect(), |left, right| is_error(right).cmp(&is_error(left)));
    let titles = ["Level", "Code", "Run ID", "Symbol", "Message"];
    let mut table = table(&titles.map(|title| (title, As::Text)));
    for finding in sorted.iter().take(SHOWN) {
        let level = match level_of(finding).as_str() {
            "" => Cell::None,
            "ERROR" => Cell::status(Severity::Error, "ERROR"),
            level => Cell::status(Severity::Warning, level),
        };
        let text = |key| Cell::from(json::text(finding, key));
        table.rows.push(vec![level, text("code"), text("run_id"), text("symbol"), text("message")]);
    }
    document.push(table);
    if sorted.len() > SHOWN {
        document.paragraph(format!("{SHOWN} of {} findings are shown, errors first.", sorted.len()));
    }
}
