//! The page of one run: the same as its `forensic_report.html`, drawn of what stands in its directory now, with the way to the
//! other pages.

use std::sync::Arc;

use bytes::Bytes;

use super::skeleton::navigation;
use super::{Area, words};
use crate::directory::{RECORD, REPORTS, RunDirectory, RunId, TRACE};
use crate::report::html::Html;
use crate::report::html::style::Reach;
use crate::report::{self, Home};
use crate::runs::{Stamp, State};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::params::{encoded, link};
use crate::serve::view::RunView;

/// What a page was made of: record, trace, documents.
pub(in crate::serve) type Made = [Option<Stamp>; 3];

/// Where the addresses of runs begin.
const RUNS: &str = "/runs/";

/// The page. That of a run that has ended is kept until one of its files changes.
pub(in crate::serve) fn page(app: &App, run: &RunId) -> Result<Bytes, Problem> {
    let directory = app.run(run.as_str())?;
    let made = made(&directory);
    if let Some(page) = app.drawn().get(run.as_str(), &made) {
        return Ok(Bytes::clone(&page));
    }
    let view = RunView::read(&directory)?;
    let (header, files, events) =
        (header(&view, run), format!("{}/files/", address(run)), format!("{}/events", address(run)));
    // From these the script learns where files and other runs are, and what to follow.
    let attributes = [("data-files", files.as_str()), ("data-runs", RUNS), ("data-live", events.as_str())];
    let home = Home {
        header: Some(&header),
        attributes: if view.state == State::Running { &attributes } else { &attributes[..2] },
        files: Some(&files),
        runs: Some(RUNS),
        reach: Reach::Origin,
    };
    let page = Bytes::from(report::page(&view.input(), &home));
    if view.state == State::Ended {
        app.drawn().put(run.to_string(), made, Arc::new(page.clone()), page.len());
    }
    Ok(page)
}

/// `forensic_report.json`, made of the trace as it is now.
pub(in crate::serve) fn report(app: &App, run: &RunId) -> Result<String, Problem> {
    let view = RunView::read(&app.run(run.as_str())?)?;
    Ok(report::json(&view.input()))
}

fn made(directory: &RunDirectory) -> Made {
    let report = format!("{REPORTS}/forensic_report.json");
    [RECORD, TRACE, &report].map(|name| Stamp::of(&directory.file(name).ok()??).ok())
}

/// The way to the other pages, and where the run stands.
fn header(view: &RunView, run: &RunId) -> Html {
    let address = address(run);
    let mut header = Html::default();
    navigation(&mut header, Some(Area::Runs));
    header.within("p", &[("class", "where")], |html| {
        let (mark, word) = words::state(view.state);
        html.element("strong", &[], &format!("{mark} {word}"));
        for (href, text) in [
            (link("/compare", &[("b", run.as_str())]), "Compare with another run"),
            (format!("{address}/report.json"), "forensic_report.json, made now"),
            (format!("{address}/files/{RECORD}"), RECORD),
        ] {
            html.spaced(" · ");
            html.element("a", &[("href", &href)], text);
        }
    });
    header
}

fn address(run: &RunId) -> String {
    format!("/runs/{}", encoded(run.as_str()))
}
