//! The report of a run that has ended, made again from its run directory alone, so that evidence and signature of the run
//! go on being true.

use super::loading::Loader;
use super::record::RunRecord;
use super::reporting::{Drawn, ReportError, Reported, call_plugins, draw};
use super::sdk::PluginSettings;
use super::secrets::gather_again;
use crate::clock::Clock;
use crate::directory::{REPORTS, RunDirectory};
use crate::events::{Observer, RunEvent};
use crate::evidence::{SignatureState, SigningKey, Verdict, sign, verify};
use crate::report::text::Terminal;

/// Writes the reports of a finished run again, from its run directory alone. `key` signs what comes of it, where it is
/// not what was there. `terminal`: also drawn as text for this one.
///
/// # Errors
/// [`ReportError`]. A plugin that fails is none: the report says so.
pub fn rebuild(
    directory: &RunDirectory,
    plugins: &PluginSettings,
    key: Option<&SigningKey>,
    terminal: Option<Terminal>,
    observer: &mut dyn Observer,
) -> Result<(RunRecord, Reported), ReportError> {
    let mut record = RunRecord::load(directory)?;
    let (redactor, told) = gather_again(&record.redaction, std::env::vars_os())?;
    for text in told {
        let text = format!("{text}: words of plugins are masked without it");
        observer.on_event(&RunEvent::Warning { text: &text });
    }
    let verdict = record.evidence.is_some().then(|| verify(directory.dir(), None)).transpose()?;
    let altered = verdict.as_ref().map(altered).unwrap_or_default();
    let note = (!altered.is_empty()).then(|| {
        format!(
            "ALTERED: this report was made anew of files that are not what the run left behind: {}.",
            altered.join(", ")
        )
    });
    if let Some(text) = &note {
        observer.on_event(&RunEvent::Warning { text });
    }
    let called = call_plugins(directory, &record, &Loader::new(plugins), &redactor, None, observer)?;
    let drawn = draw(directory, &record, called, &redactor, None, note.as_deref(), terminal)?;
    let reported = match verdict {
        Some(verdict) if altered.is_empty() => replace(directory, &mut record, drawn, key, &verdict)?,
        // The evidence stays as it is: it tells of the new report too that it is not what the run left behind.
        Some(verdict) if !matches!(verdict.signature, SignatureState::Absent) => return Err(ReportError::Signed),
        _ => drawn.write(directory)?,
    };
    Ok((record, reported))
}

/// What differs from the evidence, beside the reports.
fn altered(verdict: &Verdict) -> Vec<String> {
    let changed = verdict.changed.iter().map(|change| &change.path);
    let added = verdict.added.iter().map(|added| &added.file.path);
    let removed = verdict.removed.iter().map(|file| &file.path);
    let reports = format!("{REPORTS}/");
    changed.chain(added).chain(removed).filter(|path| !path.starts_with(&reports)).cloned().collect()
}

/// Writes a report anew. Evidence and signature of the run go on being true: where the bytes are those that were there,
/// nothing else changes; where they are not, the evidence tells what was replaced.
fn replace(
    directory: &RunDirectory,
    record: &mut RunRecord,
    drawn: Drawn,
    key: Option<&SigningKey>,
    verdict: &Verdict,
) -> Result<Reported, ReportError> {
    let Some(evidence) = &record.evidence else { return drawn.write(directory) };
    let paths = drawn.paths();
    if paths.iter().all(|(path, text)| evidence.holds(path, text.as_bytes())) {
        return drawn.write(directory);
    }
    if key.is_none() && !matches!(verdict.signature, SignatureState::Absent) {
        return Err(ReportError::Signed);
    }
    let names: Vec<String> = paths.into_iter().map(|(path, _)| path).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let reported = drawn.write(directory)?;
    let now = Clock::start().now();
    if let Some(evidence) = &mut record.evidence
        && evidence.refresh(directory.dir(), &names, "report", now)
    {
        let bytes = record.save(directory)?;
        if let Some(key) = key {
            sign(directory.dir(), &bytes, key, now)?;
        }
    }
    Ok(reported)
}
