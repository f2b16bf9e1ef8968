//! The pages: each a function from the runs and a query to static HTML, and the same as JSON.

pub(super) mod compare;
mod draw;
mod draw_trend;
pub(super) mod error;
pub(super) mod findings;
pub(super) mod list;
pub(super) mod run;
pub(super) mod skeleton;
#[cfg(test)]
mod tests_many;
pub(super) mod trends;
pub(super) mod words;

use hyper::StatusCode;
use serde::Serialize;

use super::answer::Problem;
use crate::report::html::Html;

/// What a page belongs to, for the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The list of runs, and what is about one run.
    Runs,
    /// Durations over runs.
    Trends,
    /// What plugins found.
    Findings,
}

/// A page without its frame, which [`skeleton`] draws: `body` stands in `<main>`, below the `<h1>` with the title.
pub(super) struct Page {
    /// What stands in the window's title and in `h1`.
    pub(super) title: String,
    /// Where it belongs.
    pub(super) area: Area,
    /// Its content.
    pub(super) body: Html,
    /// The same for programs, made when it is asked for: `/x.json` beside `/x`.
    pub(super) json: Option<Json>,
}

/// Makes a page's JSON.
pub(super) type Json = Box<dyn FnOnce() -> serde_json::Result<Vec<u8>> + Send>;

impl Page {
    /// A page that has no JSON.
    pub(super) fn new(title: impl Into<String>, area: Area, body: Html) -> Self {
        Self { title: title.into(), area, body, json: None }
    }

    /// The same with its data.
    pub(super) fn with_json(self, data: impl Serialize + Send + 'static) -> Self {
        let json: Json = Box::new(move || {
            let mut bytes = serde_json::to_vec_pretty(&data)?;
            bytes.push(b'\n');
            Ok(bytes)
        });
        Self { json: Some(json), ..self }
    }

    /// Its JSON.
    pub(super) fn into_json(self) -> Result<Vec<u8>, Problem> {
        let nothing = || Problem::new(StatusCode::NOT_FOUND, "this page has no JSON", "Take the page without `.json`.");
        self.json.ok_or_else(nothing)?().map_err(Problem::internal)
    }
}
