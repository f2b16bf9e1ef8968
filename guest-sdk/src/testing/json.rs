//! A document as JSON, in the words of `forensic_report.json`: what golden files hold.

use serde_json::{Value, json};

use crate::{
    Block, Cell, ChartKind, Column, ColumnFormat, Document, Finding, HealthDetail, KeyValue, LinkTarget, Severity,
};

/// The document with its findings, as `forensic-host plugin test` and `forensic_report.json` write it. Numbers that are
/// not finite are `null`.
pub fn document_json(document: &Document) -> Value {
    json!({
        "title": document.title,
        "blocks": document.blocks.iter().map(block).collect::<Vec<_>>(),
        "findings": document.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({ "severity": severity(finding.severity), "subject": finding.subject, "text": finding.text })
}

fn block(block: &Block) -> Value {
    match block {
        Block::Heading(heading) => json!({ "type": "heading", "level": heading.level, "text": heading.text }),
        Block::Paragraph(text) => json!({ "type": "paragraph", "text": text }),
        Block::Bullets(points) => json!({ "type": "bullets", "points": points }),
        Block::Table(table) => json!({
            "type": "table",
            "caption": table.caption,
            "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
            "rows": table.rows.iter().map(|row| row.iter().map(cell).collect()).collect::<Vec<Vec<_>>>(),
        }),
        Block::KeyValues(pairs) => json!({ "type": "key-values", "pairs": pairs.iter().map(pair).collect::<Vec<_>>() }),
        Block::Callout(callout) => {
            json!({ "type": "callout", "severity": severity(callout.severity), "text": callout.text })
        }
        Block::Code(code) => json!({ "type": "code", "language": code.language, "text": code.text }),
        Block::Chart(chart) => json!({
            "type": "chart",
            "title": chart.title,
            "kind": match chart.kind {
                ChartKind::Line => "line",
                ChartKind::Bar => "bar",
                ChartKind::Scatter => "scatter",
                ChartKind::HeatMap => "heat-map",
            },
            "x_title": chart.x_title,
            "y_title": chart.y_title,
            "format": format(chart.format),
            "decimals": chart.decimals,
            "unit": chart.unit,
            "x_is_time": chart.x_is_time,
            "labels": chart.labels,
            "series": chart
                .series
                .iter()
                .map(|series| json!({ "name": series.name, "x": series.x, "y": series.y }))
                .collect::<Vec<_>>(),
        }),
        Block::Links(links) => {
            let links = links.iter().map(|link| {
                let (report, address) = match &link.target {
                    LinkTarget::Report(id) => (Some(id), None),
                    LinkTarget::Address(address) => (None, Some(address)),
                };
                json!({ "text": link.text, "report": report, "address": address })
            });
            json!({ "type": "links", "links": links.collect::<Vec<_>>() })
        }
        Block::PipelineHealth(detail) => {
            let detail = match detail {
                HealthDetail::Headline => "headline",
                HealthDetail::Stages => "stages",
                HealthDetail::Full => "full",
            };
            json!({ "type": "pipeline-health", "detail": detail })
        }
    }
}

fn column(column: &Column) -> Value {
    json!({
        "title": column.title,
        "format": format(column.format),
        "decimals": column.decimals,
        "unit": column.unit,
        "signed": column.signed,
        "align": if column.align_right { "right" } else { "left" },
    })
}

fn pair(pair: &KeyValue) -> Value {
    json!({
        "key": pair.key,
        "value": cell(&pair.value),
        "format": format(pair.format),
        "decimals": pair.decimals,
        "unit": pair.unit,
    })
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::None => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Number(number) => json!(number),
        Cell::Integer(number) => json!(number),
        Cell::Status(status) => json!({ "severity": severity(status.severity), "text": status.text }),
    }
}

fn format(format: ColumnFormat) -> &'static str {
    match format {
        ColumnFormat::Text => "text",
        ColumnFormat::Number => "number",
        ColumnFormat::Percent => "percent",
        ColumnFormat::Duration => "duration",
        ColumnFormat::Bytes => "bytes",
        ColumnFormat::Time => "time",
        ColumnFormat::Bar => "bar",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
