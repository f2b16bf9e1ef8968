//! From the path of an address to what is asked for. Pure: no path of an address ever becomes a path of a file by joining texts; the
//! only ones that come near a file system are those in [`RunFile`], and they are opened below the run directory.

use hyper::Uri;
use percent_encoding::percent_decode_str;

use super::limits::PATH_MAX;
use crate::directory::{DATA, LOGS, RECORD, REPORTS, RunId, TRACE_NAME};
use crate::trace::export::Format;

/// Deepest place of a log below the run directory, in names.
const LOG_DEPTH: usize = 5;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// A page over many runs.
    Page(PageName),
    /// The same for programs.
    Json(PageName),
    /// The page of a run.
    Run(RunId),
    /// What happens while it runs.
    Events(RunId),
    /// `forensic_report.json`, made of the trace as it is now.
    Report(RunId),
    /// A file of a run.
    File(RunId, RunFile),
    /// The trace in another format.
    Export(RunId, Format),
    /// The picture of the window, which there is none of.
    Icon,
}

/// A page over many runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageName {
    /// The list.
    Runs,
    /// Two runs beside each other.
    Compare,
    /// Durations over runs.
    Trends,
    /// What plugins found.
    Findings,
}

impl PageName {
    /// All with their paths and those of their JSON.
    pub(super) const ALL: [(Self, &str, &str); 4] = [
        (Self::Runs, "/", "/runs.json"),
        (Self::Compare, "/compare", "/compare.json"),
        (Self::Trends, "/trends", "/trends.json"),
        (Self::Findings, "/findings", "/findings.json"),
    ];

    /// Where its JSON is.
    pub(super) fn json_path(self) -> &'static str {
        Self::ALL.iter().find(|(name, _, _)| *name == self).map_or("/runs.json", |(_, _, json)| json)
    }
}

/// What a file of a run is, and so how it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// `run.json`, the trace, a JSON report: as it is.
    Json,
    /// A Markdown report: as it is.
    Text,
    /// Output of a stage: masked on its way.
    Log,
    /// Anything else, to be saved: also an HTML report, which stands in a folder that others can write to.
    Other,
}

/// A file of a run: a path below its directory without `.`, `..` and empty names, in one of the places that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunFile {
    path: String,
    kind: FileKind,
}

impl RunFile {
    /// Of decoded names; `None`: none that is shown.
    fn of(names: &[String]) -> Option<Self> {
        let ending = names.last()?.rsplit_once('.').map_or("", |(_, ending)| ending);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let kind = match (names.as_slice(), ending) {
            (&[RECORD], _) | (&[DATA, TRACE_NAME], _) | (&[REPORTS, _], "json") => FileKind::Json,
            (&[REPORTS, _], "md") => FileKind::Text,
            (&[REPORTS, _], _) => FileKind::Other,
            (&[LOGS, _, _, ..], "log") if names.len() <= LOG_DEPTH => FileKind::Log,
            _ => return None,
        };
        Some(Self { path: names.join("/"), kind })
    }

    /// The path below the run directory.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What it is.
    pub(super) fn kind(&self) -> FileKind {
        self.kind
    }

    /// Its last name.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// What an address asks for; `None`: there is nothing like that.
pub(super) fn route(uri: &Uri) -> Option<Route> {
    let path = uri.path();
    if path.len() > PATH_MAX {
        return None;
    }
    for (name, page, json) in PageName::ALL {
        if path == page {
            return Some(Route::Page(name));
        }
        if path == json {
            return Some(Route::Json(name));
        }
    }
    if path == "/favicon.ico" {
        return Some(Route::Icon);
    }
    let names = names(path.strip_prefix('/')?)?;
    let (run, rest) = match names.as_slice() {
        [runs, id, rest @ ..] if runs == "runs" => (RunId::parse(id).ok()?, rest),
        _ => return None,
    };
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Some(Route::Run(run)),
        ["events"] => Some(Route::Events(run)),
        ["report.json"] => Some(Route::Report(run)),
        ["export", format] => Some(Route::Export(run, format.parse().ok()?)),
        ["files", ..] => Some(Route::File(run, RunFile::of(&rest[1..])?)),
        _ => None,
    }
}

/// The names of a path, each decoded once. `None` where one could be anything but a name.
fn names(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .map(|name| {
            let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
            let bad = name.is_empty() || name == "." || name == "..";
            let strange = |letter: char| letter.is_control() || letter == '/' || letter == '\\';
            (!bad && !name.contains(strange)).then_some(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(path: &str) -> Option<Route> {
        route(&Uri::try_from(path).ok()?)
    }

    fn file(path: &str) -> Option<(String, FileKind)> {
        match of(path)? {
            Route::File(_, file) => Some((file.path, file.kind)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_page_has_its_path() {
        let run = || RunId::parse("R-1").unwrap();
        for (path, expected) in [
            ("/", Route::Page(PageName::Runs)),
            ("/?q=x", Route::Page(PageName::Runs)),
            ("/runs.json", Route::Json(PageName::Runs)),
            ("/trends.json", Route::Json(PageName::Trends)),
            ("/runs/R-1", Route::Run(run())),
            ("/runs/%52-1", Route::Run(run())),
            ("/runs/R-1/events", Route::Events(run())),
            ("/runs/R-1/report.json", Route::Report(run())),
            ("/runs/R-1/export/perfetto", Route::Export(run(), Format::Perfetto)),
        ] {
            assert_eq!(of(path), Some(expected), "{path}");
        }
        for path in ["/runs", "/runs/", "/runs/R-1/", "/runs/R-1/export/exe", "/runs/R-1/x", "//", "/Trends", "/x"] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn only_some_files_are_shown() {
        for (path, expected, kind) in [
            ("run.json", "run.json", FileKind::Json),
            ("data/forensic_trace.json", "data/forensic_trace.json", FileKind::Json),
            ("reports/forensic_report.json", "reports/forensic_report.json", FileKind::Json),
            ("reports/a%20b.md", "reports/a b.md", FileKind::Text),
            ("reports/forensic_report.html", "reports/forensic_report.html", FileKind::Other),
            ("logs/a%5Bx%3D1%5D/1.err.log", "logs/a[x=1]/1.err.log", FileKind::Log),
            ("logs/%252e%252e/1.err.log", "logs/%2e%2e/1.err.log", FileKind::Log),
        ] {
            assert_eq!(file(&format!("/runs/R/files/{path}")), Some((expected.to_owned(), kind)), "{path}");
        }
        for path in [
            "",
            "data/secret.json",
            "data/forensic_trace.json/x",
            "run.json.sig",
            "plugins/x.wasm",
            "stages/x.json",
            "reports",
            "reports/a/b.md",
            "reports/../run.json",
            "reports/%2e%2e",
            "reports/.%2E/run.json",
            "reports/..%2frun.json",
            "reports/..%5crun.json",
            "reports/a%00.md",
            "reports//a.md",
            "logs/x.log",
            "logs/../../../etc/passwd.log",
            "logs/a/%2e%2e/%2e%2e/run.log",
            "logs/a/1.err.txt",
            "logs/a/b/c/d/e.log",
        ] {
            assert_eq!(file(&format!("/runs/R/files/{path}")), None, "{path}");
        }
        for id in ["..", "%2e%2e", ".hidden", "a%2fb", "a%00", "a%20b", &"x".repeat(129)] {
            assert_eq!(of(&format!("/runs/{id}")), None, "{id}");
        }
    }

    proptest! {
        /// Whatever an address is made of: what comes near the file system has plain names only, in places that are shown.
        #[test]
        fn no_path_leaves_its_place(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "..", ".", "", "%2e", "%2E%2e", "%2f", "%5c", "%00", "%252e", "/", "reports", "logs", "data", "run.json",
                    "a.log", "b.md", "forensic_trace.json", "%ff", "~", ":",
                ]),
                0..9,
            ),
            slashes in any::<bool>(),
        ) {
            let path = parts.join(if slashes { "/" } else { "" });
            if let Some((path, _)) = file(&format!("/runs/R/files/{path}")) {
                let names: Vec<&str> = path.split('/').collect();
                prop_assert!(names.iter().all(|name| !matches!(*name, "" | "." | "..")), "{}", path);
                prop_assert!(!path.contains(['\0', '\\']), "{}", path);
                let first = names[0];
                prop_assert!(["run.json", "data", "reports", "logs"].contains(&first), "{}", path);
                prop_assert!(std::path::Path::new(&path).is_relative());
            }
        }

        #[test]
        fn nothing_panics(path in "/[ -~]{0,80}") {
            drop(of(&path));
        }
    }
}
