//! Selection alpha: what choosing the assets added, both sides weighted equally.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::{Notes, sections};

use crate::doubts;
use crate::view::View;

/// What the optimization is measured against.
pub(crate) struct Baselines {
    /// Yearly return of what was selected, in equal parts.
    pub(crate) filtered: Option<f64>,
    /// Yearly return of what was selected less that of the whole universe.
    pub(crate) selection: Option<f64>,
}

pub(crate) fn write(document: &mut Document, view: &View<'_>, notes: &mut Notes) -> Baselines {
    document.heading(2, "Selection alpha");
    let (raw, filtered) = (view.raw(), view.filtered());
    let of = |entry: Option<&forensic_plugin_kit::suite::Entry>| entry?.summary.annual_return;
    let selection = of(filtered).zip(of(raw)).map(|(filtered, raw)| filtered - raw);
    let baselines = Baselines { filtered: of(filtered), selection };
    let (Some(raw), Some(filtered)) = (raw, filtered) else {
        let lacking = match (raw, filtered) {
            (None, None) => "neither the raw pool nor the filtered universe",
            (None, _) => "no raw pool (profile raw_pool_ew)",
            _ => "no filtered universe (profile benchmark or equal_weight)",
        };
        let sentence = format!("Insufficient data: {} {lacking} under the engine market.", view.has());
        sections::trouble(document, Severity::Warning, notes.id(), &sentence);
        return baselines;
    };
    document.paragraph(
        "The raw pool holds the whole universe in equal parts, the filtered universe what was selected of it. \
         Selection alpha is the difference of their yearly returns.",
    );
    let meta = &view.tournament.meta;
    let mut table = Table::new([
        Column::text("Baseline"),
        Column::text("Profile"),
        Column::percent("Ann. Return", 2),
        Column::percent("Selection Alpha", 2).signed(),
        Column::integer("Windows"),
        Column::integer("Days"),
        Column::text("Basis"),
        Column::text("Doubts"),
    ]);
    for (title, entry, alpha) in
        [("Raw Pool EW", raw, Cell::from("reference")), ("Filtered EW", filtered, selection.into())]
    {
        let against = (title == "Filtered EW").then_some(raw);
        table.row([
            title.into(),
            entry.profile.as_str().into(),
            entry.summary.annual_return.into(),
            alpha,
            Cell::Integer(entry.windows.len() as i64),
            doubts::days(entry, meta).into(),
            entry.summary.basis.text().into(),
            doubts::of(entry, against, meta, notes).into(),
        ]);
    }
    document.push(table);
    notes.write(document);
    baselines
}
