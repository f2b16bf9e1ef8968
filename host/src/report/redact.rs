//! Takes secrets out of what plugins say, before any of it is drawn: a plugin may have read them in an artifact.

use super::{PluginIdentity, Section, Status};
use crate::plugin::document::{Block, Cell, Document, LinkTarget};
use crate::redact::Redactor;

impl Section {
    /// Masks secrets in all of the plugin's words. Returns how many places were masked.
    pub fn redact(&mut self, redactor: &Redactor) -> u64 {
        let mut mask = Mask { redactor, count: 0 };
        let PluginIdentity { source: _, name, version, title, digest: _ } = &mut self.plugin;
        for text in [name, version, title] {
            mask.text(text);
        }
        if let Status::Failed(failure) = &mut self.status {
            mask.text(&mut failure.text);
            failure.operator.iter_mut().chain(&mut failure.author).for_each(|text| mask.text(text));
        }
        self.log.iter_mut().for_each(|line| mask.text(&mut line.text));
        if let Some(document) = &mut self.document {
            mask.document(document);
        }
        mask.count
    }
}

struct Mask<'r> {
    redactor: &'r Redactor,
    count: u64,
}

impl Mask<'_> {
    fn text(&mut self, text: &mut String) {
        self.value(None, text);
    }

    fn value(&mut self, key: Option<&str>, text: &mut String) {
        let redacted = self.redactor.value(key, text);
        if redacted.count > 0 {
            self.count += redacted.count as u64;
            *text = redacted.text.into_owned();
        }
    }

    fn cell(&mut self, key: &str, cell: &mut Cell) {
        match cell {
            Cell::Text(text) => self.value(Some(key), text),
            Cell::Status(status) => self.text(&mut status.text),
            Cell::None | Cell::Number(_) | Cell::Integer(_) => {}
        }
    }

    fn document(&mut self, document: &mut Document) {
        self.text(&mut document.title);
        for finding in &mut document.findings {
            self.text(&mut finding.subject);
            self.text(&mut finding.text);
        }
        for block in &mut document.blocks {
            match block {
                Block::Heading(heading) => self.text(&mut heading.text),
                Block::Paragraph(text) => self.text(text),
                Block::Bullets(texts) => texts.iter_mut().for_each(|text| self.text(text)),
                Block::Callout(callout) => self.text(&mut callout.text),
                Block::Code(code) => self.text(&mut code.text),
                Block::KeyValues(pairs) => {
                    for pair in pairs {
                        self.cell(&pair.key, &mut pair.value);
                        self.text(&mut pair.key);
                        self.text(&mut pair.unit);
                    }
                }
                Block::Table(table) => {
                    self.text(&mut table.caption);
                    for row in &mut table.rows {
                        for (index, cell) in row.iter_mut().enumerate() {
                            let title = table.columns.get(index).map_or("", |column| &column.title);
                            self.cell(title, cell);
                        }
                    }
                    for column in &mut table.columns {
                        self.text(&mut column.title);
                        self.text(&mut column.unit);
                    }
                }
                Block::Chart(chart) => {
                    for text in [&mut chart.title, &mut chart.x_title, &mut chart.y_title, &mut chart.unit] {
                        self.text(text);
                    }
                    chart.labels.iter_mut().for_each(|label| self.text(label));
                    chart.series.iter_mut().for_each(|series| self.text(&mut series.name));
                }
                Block::Links(links) => {
                    for link in links {
                        self.text(&mut link.text);
                        let (LinkTarget::Report(target) | LinkTarget::Address(target)) = &mut link.target;
                        self.text(target);
                    }
                }
                Block::PipelineHealth(_) => {}
            }
        }
    }
}
