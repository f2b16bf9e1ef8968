//! What to read next: the run's other pages, and what the run left.

use forensic_guest_sdk::{Column, Document, Host, Link, Table};
use forensic_plugin_kit::{order, sections};

/// Folders that the map shows.
const FOLDERS: usize = 60;

/// Links to the pages that the config names.
pub(crate) fn write(document: &mut Document, pages: &[String], own: &str) {
    document.heading(2, "Pages");
    let links: Vec<Link> = pages.iter().filter(|page| *page != own).map(|page| Link::report(page, page)).collect();
    if links.is_empty() {
        document.paragraph("The config names no other page: `pages` lists the ids of the report stages to link to.");
        return;
    }
    document.links(links);
    document.paragraph(
        "Reports do not see one another's results, so this page cannot tell which of these could be made. A page that \
         failed says so in its own place in the report, and forensic_report.json lists it; an id without a link is no \
         report stage of this run.",
    );
}

/// Files that were granted to this page, by folder.
pub(crate) fn artifacts(document: &mut Document, host: &dyn Host) {
    document.heading(2, "Artifact map");
    let mut folders: Vec<(String, (u64, u64))> = Vec::new();
    for file in host.artifacts() {
        let folder = file.id.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let (files, size) = order::entry(&mut folders, folder.to_owned());
        (*files, *size) = (*files + 1, size.saturating_add(file.size));
    }
    if folders.is_empty() {
        document.paragraph("No file was granted to this report: its `artifacts` match none.");
        return;
    }
    let folders = order::sorted(folders, |a, b| a.0.cmp(&b.0));
    let mut table = Table::new([Column::text("Folder"), Column::integer("Files"), Column::bytes("Size")]);
    for (folder, (files, size)) in folders.iter().take(FOLDERS) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        table.row([folder.as_str().into(), number(*files).into(), number(*size).into()]);
    }
    document.push(table);
    if let Some(more) = folders.len().checked_sub(FOLDERS).filter(|more| *more > 0) {
        document.paragraph(format!("{} not shown.", sections::count(more, "more folder")));
    }
    document.paragraph("Only files that are there and granted to this report.");
}
