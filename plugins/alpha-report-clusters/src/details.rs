//! Each cluster by id: its numbers, what is inside, and its members.

use forensic_guest_sdk::{Column, Document, KeyValue, Table};
use forensic_plugin_kit::{notes, sections, words};

use crate::measure::{Inside, Measured};
use crate::model::{Book, Cluster};

/// Clusters shown.
const CLUSTERS: usize = 60;
/// Members shown of each.
const MEMBERS: usize = 200;
/// Sub-clusters shown of each.
const GROUPS: usize = 20;

pub(crate) fn write(document: &mut Document, book: &Book, measured: &[Measured]) {
    document.heading(2, "Clusters by id");
    if book.clusters.is_empty() {
        document.paragraph("There is no cluster.");
    }
    for (cluster, found) in book.clusters.iter().zip(measured).take(CLUSTERS) {
        document.heading(3, words::cluster_label(&cluster.id));
        numbers(document, cluster, found);
        inside(document, found);
        members(document, cluster);
    }
    if book.clusters.len() > CLUSTERS {
        document.paragraph(format!("{} not shown.", sections::count(book.clusters.len() - CLUSTERS, "more cluster")));
    }
}

fn numbers(document: &mut Document, cluster: &Cluster, found: &Measured) {
    let markets = (!found.markets.is_empty()).then(|| found.markets.join(", "));
    document.key_values([
        KeyValue::number("Size", cluster.members.len() as i64, 0),
        KeyValue::number("Average correlation", found.correlation, 4),
        KeyValue::percent("Volatility", found.volatility, 2),
        KeyValue::number("Antifragility", found.antifragility, 2),
        KeyValue::text("Markets", markets),
    ]);
    let scored = cluster.members.iter().filter(|member| member.antifragility.is_some()).count();
    if scored < cluster.members.len() {
        let of = cluster.members.len();
        document.paragraph(match scored {
            0 => "Antifragility is N/A: no member has a score.".to_owned(),
            some => format!("Antifragility is the mean of the {some} of {of} members that have a score."),
        });
    }
}

fn inside(document: &mut Document, found: &Measured) {
    match &found.inside {
        Inside::Unknown(why) => document.paragraph(format!("Sub-clusters: {why}.")),
        Inside::One => document.paragraph("Sub-clusters: none, all members are near each other."),
        Inside::Several(groups) => {
            document.paragraph(format!("{}:", sections::count(groups.len(), "sub-cluster")));
            let shown = groups.iter().take(GROUPS).map(|names| notes::some(names));
            let more = groups.len().saturating_sub(GROUPS);
            document.bullets(shown.chain((more > 0).then(|| format!("and {more} more"))))
        }
    };
}

fn members(document: &mut Document, cluster: &Cluster) {
    if cluster.members.is_empty() {
        document.paragraph("The cluster has no member.");
        return;
    }
    let mut table = Table::new([
        Column::text("Symbol"),
        Column::text("Description"),
        Column::text("Sector"),
        Column::text("Market"),
    ]);
    for member in cluster.members.iter().take(MEMBERS) {
        table.row([
            member.symbol.as_str().into(),
            member.description.as_deref().into(),
            member.sector.as_deref().into(),
            member.market.as_deref().into(),
        ]);
    }
    document.push(table);
    if cluster.members.len() > MEMBERS {
        document.paragraph(format!("{} not shown.", sections::count(cluster.members.len() - MEMBERS, "more member")));
    }
}
