//! `verify`: tells what of a run directory was changed, added or removed since its evidence was taken.

use std::fmt::Write as _;

use super::args::{Common, Format, VerifyCommand};
use super::{Exit, Failure, Outcome, print};
use crate::clock::utc;
use crate::directory::RunDirectory;
use crate::evidence::{
    Added, Against, Change, FileEntry, Kind, PublicKey, RecordState, SignatureState, Taken, Verdict, What,
    verify as compare,
};

pub(super) fn verify(command: &VerifyCommand, common: &Common) -> Outcome {
    let key = command.key.as_deref().map(PublicKey::load).transpose().map_err(Failure::usage)?;
    let directory = RunDirectory::find(&command.root, &command.run).map_err(Failure::usage)?;
    let verdict = compare(directory.dir(), key.as_ref()).map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context(format!("can't verify {}", directory.path().display())))
    })?;
    match command.format {
        Format::Json => print(&(serde_json::to_string_pretty(&verdict).map_err(Failure::internal)? + "\n"))?,
        Format::Text if common.quiet && verdict.intact => {}
        Format::Text => {
            let folder = directory.path().file_name().map(|name| name.to_string_lossy().into_owned());
            print(&describe(&verdict, folder.as_deref()))?;
        }
    }
    Ok(if verdict.intact { Exit::Success } else { Exit::NotIntact })
}

/// The verdict for people: one line a difference, then the notes, then the result.
fn describe(verdict: &Verdict, folder: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |label: &str, rest: String| {
        let _ = writeln!(text, "{label:<10} {rest}");
    };
    for change in &verdict.changed {
        line("changed", changed(change));
    }
    for Added { file, same_bytes_as } in &verdict.added {
        let same = same_bytes_as.as_ref().map(|path| format!("; the bytes of {}, which is gone", safe(path)));
        line("added", format!("{}{}", entry(file), same.unwrap_or_default()));
    }
    for file in &verdict.removed {
        line("removed", entry(file));
    }
    for file in &verdict.unverified {
        let why = file.problem.as_deref().unwrap_or_default();
        line("unknown", format!("{}: could not be read when the evidence was taken ({})", safe(&file.path), safe(why)));
    }
    for rewrite in &verdict.rewrites {
        let paths = rewrite.replaced.iter().map(|file| &file.path).chain(&rewrite.new);
        let paths: Vec<_> = paths.map(|path| safe(path)).collect();
        let (by, command, when) = (safe(&rewrite.by), safe(&rewrite.command), utc(rewrite.time, 0));
        line("rewritten", format!("by {by} (`{command}`) at {when}, after the run: {}", paths.join(", ")));
    }
    match &verdict.record {
        RecordState::Ok { taken: Taken::Recovery, time, by } => {
            line(
                "note",
                format!("the evidence was taken by {} at {}, after the run was killed", safe(by), utc(*time, 0)),
            );
        }
        RecordState::Ok { .. } => {}
        RecordState::Problem { why } => line("run.json", format!("can't be used: {}", safe(why))),
    }
    match &verdict.run_id {
        Some(run) if folder.is_some_and(|folder| folder != run) => {
            line("note", format!("this is the directory of run {}, under another name", safe(run)));
        }
        _ => {}
    }
    line("signature", signature(&verdict.signature));
    let counts = [
        (verdict.changed.len(), "changed"),
        (verdict.added.len(), "added"),
        (verdict.removed.len(), "removed"),
        (verdict.unverified.len(), "unknown"),
    ];
    let mut counts: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    counts.insert(0, format!("{} files, {} bytes", verdict.files, verdict.bytes));
    line(if verdict.intact { "intact" } else { "NOT INTACT" }, counts.join(", "));
    text
}

fn changed(change: &Change) -> String {
    let (expected, found) = (&change.expected, &change.found);
    let what: Vec<String> = change
        .what
        .iter()
        .map(|what| match what {
            What::Kind => format!("was a {}, is a {}", expected.kind.word(), facts(found)),
            What::Size => format!("{} → {} bytes", number(expected.size), number(found.size)),
            What::Digest => format!("sha256 {} → {}", digest(expected), digest(found)),
            What::Target => format!("pointed to {}, points to {}", target(expected), target(found)),
            What::Unreadable => {
                format!("can't be read: {}", safe(found.problem.as_deref().unwrap_or("the reason is not known")))
            }
        })
        .collect();
    let against = match change.against {
        Against::Record => "",
        Against::Signature => " (against the signature)",
    };
    format!("{}: {}{against}", safe(&change.path), what.join(", "))
}

fn entry(file: &FileEntry) -> String {
    format!("{}: {}", safe(&file.path), facts(file))
}

fn facts(file: &FileEntry) -> String {
    if let Some(problem) = &file.problem {
        return format!("{}, can't be read: {}", file.kind.word(), safe(problem));
    }
    match (file.kind, file.size) {
        (Kind::File, Some(size)) => format!("{size} bytes, sha256 {}", digest(file)),
        (Kind::File, None) => format!("sha256 {}", digest(file)),
        (Kind::Symlink, _) => format!("symbolic link to {}", target(file)),
        (kind, _) => kind.word().to_owned(),
    }
}

fn signature(state: &SignatureState) -> String {
    let named = |ids: &[String]| match ids {
        [] => "no key".to_owned(),
        ids => safe(&ids.join(", ")),
    };
    match state {
        SignatureState::Absent => "none".to_owned(),
        SignatureState::NotChecked { key_ids } => {
            format!("not checked, give the public key with `--key`; it names {}", named(key_ids))
        }
        SignatureState::Valid { key_id, run_id, signed_on } => {
            format!("valid: run {} signed at {} by key {key_id}", safe(run_id), safe(signed_on))
        }
        SignatureState::UnknownKey { key_ids } => format!("not by this key; it names {}", named(key_ids)),
        SignatureState::Invalid { why } => format!("INVALID: {}", safe(why)),
    }
}

fn digest(file: &FileEntry) -> String {
    safe(file.sha256.as_deref().unwrap_or("–"))
}

fn target(file: &FileEntry) -> String {
    safe(file.target.as_deref().unwrap_or("–"))
}

fn number(size: Option<u64>) -> String {
    size.map_or_else(|| "?".to_owned(), |size| size.to_string())
}

/// Text from a directory that nobody vouches for: what steers a terminal or turns the reading direction is shown as a code.
pub(super) fn safe(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match steers(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
        out
    })
}
