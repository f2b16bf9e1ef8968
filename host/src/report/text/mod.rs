//! The report for a terminal: what the Markdown file says, as plain text in lines of a given width.
//!
//! | module | job |
//! |---|---|
//! | `page` | lines, and looks if there are colours; the only way to write any |
//! | `width` | how wide a text is, and where it is cut |
//! | `words` | the host's own words, and text in paragraphs |
//! | `table` | tables: text is cut to fit, numbers never are |
//! | `frame` | the frame around a plugin's document |
//! | `document`, `chart` | a plugin's blocks |
//!
//! A plugin's words stand behind a bar at the left edge that only the host draws. What comes from elsewhere has its control
//! characters made visible, and whatever one is left is replaced on its way out: nothing but the host writes an escape sequence.

mod chart;
mod document;
mod frame;
mod page;
mod table;
mod width;
mod words;

use super::frame::name;
use super::model::line;
use super::{ReportInput, health};
use crate::plugin::document::HealthDetail;
use page::Page;

/// Narrowest lines.
const WIDTH_MIN: usize = 40;
/// Widest lines.
const WIDTH_MAX: usize = 400;

/// Where the text will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns of a line; kept between 40 and 400.
    pub width: usize,
    /// Whether it shows colours.
    pub colour: bool,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { width: 80, colour: false }
    }
}

/// Draws Pipeline Health and each report stage's document. A line is at most as wide as the terminal, unless a number alone is
/// wider.
pub fn report(input: &ReportInput<'_>, terminal: Terminal) -> String {
    let mut page = Page::new(Terminal { width: terminal.width.clamp(WIDTH_MIN, WIDTH_MAX), ..terminal });
    let run = name(input.summary.and_then(|summary| summary.run.id.as_deref()).unwrap_or(&input.record.run_id));
    let title = if run.trim().is_empty() { line!("Forensic report") } else { line!("Forensic report of run {}", run) };
    words::heading(&mut page, 0, &title);
    words::draw(&mut page, &health::tell(input, HealthDetail::Full, false), 1);
    if input.sections.is_empty() {
        words::aside(&mut page, &line!("The pipeline has no report stage."));
    }
    input.sections.iter().for_each(|section| frame::draw(&mut page, input, section));
    page.text()
}
