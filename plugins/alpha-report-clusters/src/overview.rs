//! The overview: one row a cluster, the largest first.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::{order, sections, words};

use crate::measure::Measured;
use crate::model::Book;

pub(crate) fn write(document: &mut Document, book: &Book, measured: &[Measured]) {
    document.heading(2, "Overview");
    if book.clusters.is_empty() {
        return sections::trouble(document, Severity::Warning, &book.id, "The file names no cluster.");
    }
    let mut table = Table::new([
        Column::text("Cluster"),
        Column::text("Primary sector"),
        Column::integer("Assets"),
        Column::number("Avg corr", 3),
        Column::percent("Vol", 2),
        Column::percent("Homogeneity", 1),
    ]);
    let largest_first = |a: &usize, b: &usize| book.clusters[*b].members.len().cmp(&book.clusters[*a].members.len());
    for at in order::sorted((0..book.clusters.len()).collect(), largest_first) {
        let (cluster, found) = (&book.clusters[at], &measured[at]);
        let sector = found.sector.as_ref();
        table.row([
            words::cluster_label(&cluster.id).into(),
            sector.map(|(name, _)| name.as_str()).into(),
            Cell::Integer(cluster.members.len() as i64),
            found.correlation.into(),
            found.volatility.into(),
            sector.map(|(_, share)| *share).into(),
        ]);
    }
    document.push(table);
    document.paragraph(
        "Avg corr: mean over all pairs of members whose returns vary, 1 for a single member. Vol: of the members' mean \
         return, a year. Homogeneity: share of the primary sector among members whose sector is known.",
    );
    let gaps: Vec<String> = book
        .clusters
        .iter()
        .zip(measured)
        .filter(|(_, found)| found.correlation.is_none() || found.volatility.is_none() || found.sector.is_none())
        .map(|(cluster, _)| words::cluster_label(&cluster.id))
        .collect();
    if !gaps.is_empty() {
        let why = match &book.returns {
            Err(why) => format!("{why}; or no member has a sector"),
            Ok(_) => "too few members with returns that vary, or none with a sector".into(),
        };
        let names = forensic_plugin_kit::notes::some(&gaps);
        document.paragraph(format!("N/A in {names}: {why}."));
    }
}
