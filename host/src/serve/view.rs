//! One run as a page wants it: record, trace and plugins' documents, read from its directory as it stands now.

use serde::Deserialize;
use std::io::BufReader;

use super::answer::Problem;
use super::limits::{REPORT_MAX, TRACE_MAX};
use crate::clock::Clock;
use crate::directory::{DATA, REPORTS, RunDirectory, TRACE};
use crate::redact::Redactor;
use crate::report::{ReportInput, Section, read_sections};
use crate::run::{Gathered, RedactionRecord, RunRecord, gather_again};
use crate::runs::{State, entry, record_text};
use crate::telemetry::{Open, journal_size, so_far};
use crate::trace::Trace;

/// The trace of a run wherever it stands.
pub(super) struct TraceNow {
    /// Why there is none, in a sentence.
    pub(super) trace: Result<Trace, String>,
    /// Where the run stands.
    pub(super) state: State,
}

/// All that the page of a run is made of.
pub(super) struct RunView {
    /// Where it stands.
    pub(super) state: State,
    gathered: Gathered,
    record: RunRecord,
    sections: Vec<Section>,
}

/// The redaction rules that a run had. Without them nobody knows what is secret.
///
/// # Errors
/// 404 where its record can't be read.
pub(super) fn redactor(directory: &RunDirectory) -> Result<Redactor, Problem> {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        redaction: RedactionRecord,
    }
    let unknown = |why: String| Problem::not_found(format!("nobody knows what is secret in this run's logs: {why}"));
    let text = record_text(directory).map_err(unknown)?;
    let part: Part =
        serde_json::from_slice(&text).map_err(|error| unknown(format!("its record is damaged: {error}")))?;
    rules(&part.redaction)
}

fn rules(record: &RedactionRecord) -> Result<Redactor, Problem> {
    let (redactor, _) = gather_again(record, std::env::vars_os()).map_err(Problem::internal)?;
    Ok(redactor)
}

/// Reads the trace: the saved one, or what the journal of a run that goes on has so far, in which what is open ends now.
pub(super) fn trace_now(directory: &RunDirectory) -> Result<TraceNow, Problem> {
    let state = entry(directory).state;
    let standing = match state {
        State::Running => Some(Open::Running(Clock::start().now())),
        State::Killed | State::Broken => Some(Open::Killed),
        State::Ended => None,
    };
    let too_large = |what: &str, way: &str| format!("{what} has more than {} MiB; {way}", TRACE_MAX >> 20);
    let data = standing.and_then(|standing| Some((standing, directory.folder(DATA).ok()?)));
    let journal = data.and_then(|(standing, data)| {
        let fits = journal_size(&data).ok()?? <= TRACE_MAX;
        if fits {
            so_far(directory.dir(), standing).ok()?.map(Ok)
        } else {
            Some(Err(too_large("the journal", "the trace can be read once the run has ended, or was recovered")))
        }
    });
    let trace = match (journal, directory.file(TRACE)) {
        (Some(journal), _) => {
            journal.and_then(|journal| Trace::from_slice(&journal).map_err(|error| error.to_string()))
        }
        (None, Ok(Some(file))) => {
            let size = file.metadata().map_err(Problem::internal)?.len();
            if size > TRACE_MAX {
                Err(too_large(TRACE, "`forensic-host trace` reads it"))
            } else {
                Trace::read(BufReader::with_capacity(1 << 18, file))
                    .map_err(|error| format!("{TRACE} can't be read: {error}"))
            }
        }
        (None, Ok(None)) => Err(format!("{TRACE} is missing")),
        (None, Err(error)) => Err(error.to_string()),
    };
    Ok(TraceNow { trace, state })
}

impl RunView {
    /// Reads a run.
    ///
    /// # Errors
    /// 404 where its record is missing or damaged: then it is not known as a run.
    pub(super) fn read(directory: &RunDirectory) -> Result<Self, Problem> {
        let damaged = |why: String| {
            let what = format!("this run can't be shown: {why}");
            Problem::new(hyper::StatusCode::NOT_FOUND, what, "Look into its folder; `forensic-host verify` says more.")
        };
        let text = record_text(directory).map_err(damaged)?;
        let record: RunRecord =
            serde_json::from_slice(&text).map_err(|error| damaged(format!("its record is damaged: {error}")))?;
        let TraceNow { trace, state } = trace_now(directory)?;
        let (sections, problem) = sections(directory, state);
        let standing = match state {
            State::Running => Some("This run goes on: what is shown is what was known a moment ago.".to_owned()),
            State::Killed => Some(
                "ERROR: This run was killed. What was open is closed at the last sign of life; `forensic-host recover` \
                 completes it."
                    .to_owned(),
            ),
            State::Ended | State::Broken => None,
        };
        let notes = standing.into_iter().chain(problem).collect();
        let redactor = rules(&record.redaction)?;
        let gathered = Gathered::of(directory, &record, trace, 0, &redactor, notes);
        Ok(Self { state, gathered, record, sections })
    }

    /// What a report is drawn from.
    pub(super) fn input(&self) -> ReportInput<'_> {
        self.gathered.input(&self.record, &self.sections)
    }
}

/// What plugins said, as it was masked when the report was written, and why that can't be shown.
fn sections(directory: &RunDirectory, state: State) -> (Vec<Section>, Option<String>) {
    let name = format!("{REPORTS}/forensic_report.json");
    let shown = |why: String| (Vec::new(), Some(format!("ERROR: Plugins' reports can't be shown: {why}.")));
    let file = match directory.file(&name) {
        Ok(Some(file)) => file.into_std(),
        Ok(None) if state == State::Ended => return shown(format!("{name} is missing")),
        Ok(None) => return (Vec::new(), None),
        Err(error) => return shown(error.to_string()),
    };
    match read_sections(file, REPORT_MAX) {
        Ok(sections) => (sections, None),
        Err(error) => shown(format!("{name}: {error}")),
    }
}
