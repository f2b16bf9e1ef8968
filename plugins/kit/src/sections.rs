//! Pieces that every report has.

use forensic_guest_sdk::{Block, Cell, Column, ColumnFormat, Document, HealthDetail, Host, KeyValue, Severity, Table};

use crate::inputs::{InputError, Inputs};

/// A trouble that the reader should see where it matters and the run's owner in the list of findings: a callout
/// here and a finding, with the same sentence.
pub fn trouble(document: &mut Document, severity: Severity, subject: &str, sentence: &str) {
    document.callout(severity, sentence).finding(severity, subject, sentence);
}

/// The same for an input, with what follows from it, such as `the allocation is N/A`.
pub fn input_trouble(document: &mut Document, severity: Severity, error: &InputError, so: &str) {
    trouble(document, severity, error.id(), &format!("{}; {so}.", error.explain()));
}

/// One warning for each problem that reading a file had; `id` is the file.
pub fn problems(document: &mut Document, id: &str, problems: &[String]) {
    for problem in problems {
        trouble(document, Severity::Warning, id, &format!("{id}: {problem}."));
    }
}

/// A warning if bare `NaN` or `Infinity` were read as null.
pub fn not_finite(document: &mut Document, id: &str, count: usize) {
    if count > 0 {
        let what = if count == 1 { "1 number that is" } else { "numbers that are" };
        let count = if count == 1 { String::new() } else { format!("{count} ") };
        problems(document, id, &[format!("{count}{what} not finite read as absent")]);
    }
}

/// The run as a title block: `first`, then run id, pipeline, profile, outcome and the time of the report, which is
/// the run's end, so that the same run gives the same report. Without a trace these are `N/A`.
pub fn title_block(document: &mut Document, host: &dyn Host, first: Vec<KeyValue>) {
    let run = host.run().ok();
    let text = |value: Option<String>| Cell::from(value.filter(|text| !text.is_empty()));
    let mut values = first;
    values.push(KeyValue::text("Run", text(run.as_ref().map(|run| run.id.clone()))));
    values.push(KeyValue::text("Pipeline", text(run.as_ref().map(|run| run.pipeline.clone()))));
    values.push(KeyValue::text("Pipeline profile", text(run.as_ref().and_then(|run| run.profile.clone()))));
    values.push(KeyValue::text("Result", text(run.as_ref().map(|run| run.outcome.clone()))));
    values.push(KeyValue {
        key: "Generated (end of the run, UTC)".into(),
        value: run.and_then(|run| i64::try_from(run.end_time).ok()).into(),
        format: ColumnFormat::Time,
        decimals: 0,
        unit: String::new(),
    });
    document.push(Block::KeyValues(values));
}

/// Pipeline Health, drawn by the host from the trace. Where the trace is missing or unreadable, it says so and the
/// report goes on.
pub fn pipeline_health(document: &mut Document, host: &dyn Host, detail: HealthDetail) {
    match host.run() {
        Ok(_) => {
            document.pipeline_health(detail);
        }
        Err(error) => {
            let sentence = format!(
                "Pipeline Health can't be shown: {}. The rest of this report does not need it.",
                error.explain()
            );
            trouble(document, Severity::Error, "data/forensic_trace.json", &sentence);
        }
    }
}

/// The report's last section: files used with their SHA-256, and files looked for in vain.
pub fn inputs(document: &mut Document, inputs: &Inputs<'_>) {
    document.heading(2, "Inputs");
    let used = inputs.used();
    if used.is_empty() {
        document.paragraph("No file was read.");
    } else {
        let columns = [("File", As::Text), ("Size", As::Bytes), ("SHA-256", As::Text), ("Use", As::Text)];
        let mut table = self::table(&columns);
        table.caption = "Used".into();
        for (file, why) in used {
            let usable = why.map_or_else(|| Cell::from("read"), |why| Cell::status(Severity::Error, why));
            let size = i64::try_from(file.size).unwrap_or(i64::MAX);
            table.rows.push(vec![file.id.into(), size.into(), file.sha256.into(), usable]);
        }
        document.push(table);
    }
    let missing = inputs.missing();
    if missing.is_empty() {
        document.paragraph("No file that was looked for is missing.");
    } else {
        let mut table = self::table(&[("File", As::Text), ("Note", As::Text)]);
        table.caption = "Missing".into();
        for (id, note) in missing {
            table.rows.push(vec![id.into(), note.into()]);
        }
        document.push(table);
    }
}

/// How a column of [`table`] is written.
#[derive(Debug, Clone, Copy)]
pub enum As {
    /// Text.
    Text,
    /// A number with this many digits after the point.
    Number(u8),
    /// A fraction as a percentage with this many digits after the point.
    Percent(u8),
    /// The same with a plus sign before positive ones.
    SignedPercent(u8),
    /// Bytes.
    Bytes,
}

/// An empty table from a list of titles: a few bytes of data a column, where [`Column`]'s own functions are code.
pub fn table(columns: &[(&str, As)]) -> Table {
    let column = |(title, kind): &(&str, As)| match *kind {
        As::Text => Column::text(*title),
        As::Number(decimals) => Column::number(*title, decimals),
        As::Percent(decimals) => Column::percent(*title, decimals),
        As::SignedPercent(decimals) => Column::percent(*title, decimals).signed(),
        As::Bytes => Column::bytes(*title),
    };
    Table { caption: String::new(), columns: columns.iter().map(column).collect(), rows: Vec::new() }
}

/// `1 sleeve`, `2 sleeves`.
pub fn count(number: usize, singular: &str) -> String {
    if number == 1 { format!("1 {singular}") } else { format!("{number} {singular}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forensic_guest_sdk::testing::MockHost;

    #[test]
    fn without_a_trace_the_report_says_so() {
        let mut document = Document::new("x");
        title_block(&mut document, &MockHost::new(), vec![KeyValue::text("Profile", "p")]);
        pipeline_health(&mut document, &MockHost::new(), HealthDetail::Full);
        assert_eq!(document.blocks.len(), 2);
        assert_eq!(document.findings.len(), 1);
        assert!(document.findings[0].text.contains("the forensic trace is missing"));
    }

    #[test]
    fn inputs_end_with_what_is_missing() {
        let host = MockHost::new().with_file("a.json", "{}").with_file("b.json", "{");
        let files = Inputs::new(&host);
        let _ = (files.json("a.json"), files.json("b.json"), files.json("c.json"));
        let mut document = Document::new("x");
        inputs(&mut document, &files);
        let tables: Vec<&Table> = document
            .blocks
            .iter()
            .filter_map(|block| if let Block::Table(table) = block { Some(table) } else { None })
            .collect();
        assert_eq!((tables.len(), tables[0].rows.len(), tables[1].rows.len()), (2, 2, 1));
    }
}
