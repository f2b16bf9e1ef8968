//! What plugins found in the runs of a pipeline, and since when: read from the runs' `forensic_report.json`. A finding is the same
//! one in two runs where report, plugin, severity, subject and text are the same.

mod read;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::entry::Entry;
use super::pipelines::ended_of;
use crate::directory::runs_folder;
use read::Reported;

pub use read::{FindingSeverity, FindingsKept, UnreadReport};

/// Runs that are looked at unless another number is asked for.
pub const FINDING_RUNS_DEFAULT: usize = 20;
/// Runs that are looked at, at most.
pub const FINDING_RUNS_MAX: usize = 100;
/// Findings that are told of; beyond, they are counted.
const FINDINGS_MAX: usize = 2_000;

/// Which runs, and which of their findings.
#[derive(Clone, Copy, Debug)]
pub struct FindingsQuery<'a> {
    /// `[pipeline] name`.
    pub pipeline: &'a str,
    /// `[pipeline] profile`; empty is none.
    pub profile: Option<&'a str>,
    /// How many, the newest; 1 to [`FINDING_RUNS_MAX`].
    pub runs: usize,
    /// Only findings of this severity.
    pub severity: Option<FindingSeverity>,
    /// Only those of this report stage.
    pub report: Option<&'a str>,
    /// Only those that have this in subject or text, whatever the case.
    pub text: Option<&'a str>,
    /// Only those that stand so.
    pub standing: Option<Standing>,
}

/// Findings over the ended runs of a pipeline. Times are Unix ns.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// `forensic.findings/1`
    pub schema: &'static str,
    /// `[pipeline] name`.
    pub pipeline: String,
    /// `[pipeline] profile`.
    pub profile: Option<String>,
    /// The runs that were looked at, oldest first; positions elsewhere are positions in here.
    pub runs: Vec<FindingRun>,
    /// Ended runs before these.
    pub older: usize,
    /// Report stages of these runs, sorted.
    pub reports: Vec<String>,
    /// The findings that were asked for: new ones first, then worse ones.
    pub findings: Vec<FindingTrend>,
    /// How many there are.
    pub total: usize,
    /// Findings in reports that have more of them than are looked at.
    pub unread: usize,
}

/// A run that was looked at.
#[derive(Debug, Serialize)]
pub struct FindingRun {
    /// Name of its folder.
    pub folder: String,
    /// Its result word.
    pub result: String,
    /// Its start.
    pub start_time: u64,
    /// Why its findings are not known.
    pub problem: Option<UnreadReport>,
}

/// A finding over the runs.
#[derive(Debug, Serialize)]
pub struct FindingTrend {
    /// Id of the report stage.
    pub report: String,
    /// The name that the plugin gives itself; where it gives none, what it was loaded from.
    pub plugin: String,
    /// How bad it is.
    pub severity: FindingSeverity,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// How it stands in the newest run whose report could be read.
    pub standing: Standing,
    /// Position of the first run that has it.
    pub first_run: usize,
    /// Position of the last one.
    pub last_run: usize,
    /// Runs that have it.
    pub runs: usize,
    /// Runs in which its report came to an end, so that it would have been found.
    pub of_runs: usize,
}

/// How a finding stands in the newest run whose report could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is there, and no earlier of these runs has it.
    New,
    /// It is there again; the run before did not have it.
    Returned,
    /// It is there, and was there in the run before.
    Standing,
    /// Nobody knows: the report failed, or was not made.
    Unchecked,
    /// It is not there any more.
    Gone,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::New, Self::Returned, Self::Standing, Self::Unchecked, Self::Gone];

    /// Its word in queries and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Returned => "returned",
            Self::Standing => "standing",
            Self::Unchecked => "unchecked",
            Self::Gone => "gone",
        }
    }

    /// The one with that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

/// What makes two findings the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key<'a> {
    report: &'a str,
    plugin: &'a str,
    severity: FindingSeverity,
    subject: &'a str,
    text: &'a str,
}

/// Reads them: of the runs of a pipeline among `entries`, which are below `root`, in whatever order.
pub fn findings<'a>(
    root: &Path,
    kept: &FindingsKept,
    entries: impl IntoIterator<Item = &'a Entry>,
    query: &FindingsQuery<'_>,
) -> Findings {
    let all = ended_of(entries, query.pipeline, query.profile);
    let shown = query.runs.clamp(1, FINDING_RUNS_MAX).min(all.len());
    let folder = runs_folder(root);
    let read: Vec<(&Entry, Arc<Result<Reported, UnreadReport>>)> =
        all.iter().take(shown).rev().map(|entry| (*entry, kept.of(&folder, &entry.folder))).collect();
    let known: Vec<(usize, &Reported)> =
        read.iter().enumerate().filter_map(|(at, (_, read))| Some((at, read.as_ref().as_ref().ok()?))).collect();
    let (findings, total) = grouped(&known, query);
    let mut reports: Vec<&str> = sections(&known).map(|(_, section)| section.id.as_str()).collect();
    reports.sort_unstable();
    reports.dedup();
    Findings {
        schema: "forensic.findings/1",
        pipeline: query.pipeline.to_owned(),
        profile: query.profile.filter(|profile| !profile.is_empty()).map(str::to_owned),
        older: all.len() - shown,
        reports: reports.into_iter().map(str::to_owned).collect(),
        findings,
        total,
        unread: known.iter().map(|(_, reported)| reported.left_out).sum(),
        runs: read
            .iter()
            .map(|(entry, read)| FindingRun {
                folder: entry.folder.clone(),
                result: entry.result.clone().unwrap_or_default(),
                start_time: entry.start_time.unwrap_or(0),
                problem: read.as_ref().as_ref().err().copied(),
            })
            .collect(),
    }
}

/// All report stages of these runs, with the position of the run.
fn sections<'a>(known: &[(usize, &'a Reported)]) -> impl Iterator<Item = (usize, &'a read::Section)> {
    known.iter().flat_map(|(at, reported)| reported.reports.iter().map(move |section| (*at, section)))
}

fn grouped(known: &[(usize, &Reported)], query: &FindingsQuery<'_>) -> (Vec<FindingTrend>, usize) {
    let mut checked: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut seen: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    let needle = query.text.map(str::to_lowercase);
    let has = |text: &str| needle.as_ref().is_none_or(|needle| text.to_lowercase().contains(needle.as_str()));
    for (at, section) in sections(known) {
        if section.is_complete() {
            push(checked.entry(&section.id).or_default(), at);
        }
        if query.report.is_some_and(|report| report != section.id) {
            continue;
        }
        let plugin = if section.plugin.name.is_empty() { &section.plugin.source } else { &section.plugin.name };
        for found in &section.findings {
            if query.severity.is_none_or(|severity| severity == found.severity)
                && (has(&found.subject) || has(&found.text))
            {
                let key = Key {
                    report: &section.id,
                    plugin,
                    severity: found.severity,
                    subject: &found.subject,
                    text: &found.text,
                };
                push(seen.entry(key).or_default(), at);
            }
        }
    }
    let latest = known.last().map(|(at, _)| *at);
    let mut findings: Vec<(Key<'_>, FindingTrend)> = seen
        .into_iter()
        .filter_map(|(key, runs)| {
            let checked = checked.get(key.report).map_or(&[][..], Vec::as_slice);
            Some((key, trend(key, &runs, checked, latest?)?))
        })
        .filter(|(_, finding)| query.standing.is_none_or(|standing| standing == finding.standing))
        .collect();
    findings.sort_by(|(a, of_a), (b, of_b)| (of_a.standing, a.severity, a).cmp(&(of_b.standing, b.severity, b)));
    let total = findings.len();
    (findings.into_iter().take(FINDINGS_MAX).map(|(_, finding)| finding).collect(), total)
}

/// Positions come in order; one that is there already is not added.
fn push(runs: &mut Vec<usize>, at: usize) {
    if runs.last() != Some(&at) {
        runs.push(at);
    }
}

/// `runs`: those that have it; `checked`: those in which its report came to an end; `latest`: the newest that could be read.
fn trend(key: Key<'_>, runs: &[usize], checked: &[usize], latest: usize) -> Option<FindingTrend> {
    let (&first_run, &last_run) = runs.first().zip(runs.last())?;
    let before = checked.iter().rev().find(|at| **at < latest);
    let standing = match (last_run == latest, checked.last() == Some(&latest)) {
        (true, _) if first_run == latest => Standing::New,
        (true, _) if before.is_none_or(|before| runs.contains(before)) => Standing::Standing,
        (true, _) => Standing::Returned,
        (false, true) => Standing::Gone,
        (false, false) => Standing::Unchecked,
    };
    Some(FindingTrend {
        report: key.report.to_owned(),
        plugin: key.plugin.to_owned(),
        severity: key.severity,
        subject: key.subject.to_owned(),
        text: key.text.to_owned(),
        standing,
        first_run,
        last_run,
        runs: runs.len(),
        of_runs: checked.len().max(runs.len()),
    })
}
