//! The parts of a key: labelled texts and digests, how a key is made of them, and how two sets of them differ. Pure: nothing
//! is read here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::files::sha256;

/// Name and version of what a key is made of: a change makes every earlier key a different one.
const FORMAT: &str = "forensic.key/1";
/// The longest text that stands in a part as it is, bytes; of a longer one there is the digest.
const MAX_TEXT: usize = 200;
/// Differences that a sentence names.
const NAMED: usize = 3;

/// Label of an argument vector.
pub(super) const COMMAND: &str = "command";
/// Label of a text for the shell.
pub(super) const RUN: &str = "run";
/// Label of a nested pipeline's file.
pub(super) const PIPELINE: &str = "pipeline";
/// Label of what a nested pipeline's stages are.
pub(super) const PIPELINE_STAGES: &str = "pipeline stages";
/// Label of the working folder.
pub(super) const WORKDIR: &str = "workdir";
/// Label of the declared outputs.
pub(super) const OUTPUTS: &str = "outputs";
/// Label of the needs together, where they are many.
pub(super) const NEEDS: &str = "needs";
/// What labels of variables, files and needs begin with.
pub(super) const ENV: &str = "env ";
/// See [`ENV`].
pub(super) const INPUT: &str = "input ";
/// See [`ENV`].
pub(super) const NEED: &str = "need ";

/// What a stage's result depends on, in short: 32 bytes, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// As text. Every stage's is written, so it is done by hand.
    pub(super) fn text(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(2 * self.0.len());
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Label and value.
pub(super) type Part = (Arc<str>, Arc<str>);

/// The key of parts, which are in ascending order of their labels. Lengths stand before texts, so that no two sets of parts
/// look alike.
pub(super) fn key<'p>(parts: impl Iterator<Item = (&'p str, &'p str)>) -> Key {
    let mut digest = Sha256::new();
    digest.update(FORMAT.as_bytes());
    for (label, value) in parts {
        digest.update((label.len() as u64).to_le_bytes());
        digest.update(label.as_bytes());
        digest.update((value.len() as u64).to_le_bytes());
        digest.update(value.as_bytes());
    }
    Key(digest.finalize().into())
}

/// A text as a part's value: itself where it is short, else its digest.
pub(super) fn text(text: &str) -> String {
    const DIGEST: &str = "sha256:";
    if text.len() > MAX_TEXT || text.starts_with(DIGEST) {
        format!("{DIGEST}{}", sha256(text.as_bytes()))
    } else {
        text.to_owned()
    }
}

/// What differs, in a few words: `input a.py changed, env X is new`; `None` where nothing does. Both are in ascending order of
/// labels, `old` by its type.
pub(super) fn difference(old: &BTreeMap<String, String>, new: &[Part]) -> Option<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut tell = |label: &str, what: &str| found.push((weight(label), format!("{label} {what}")));
    let mut old = old.iter().peekable();
    for (label, value) in new {
        while let Some((gone, _)) = old.next_if(|(before, _)| before.as_str() < &**label) {
            tell(gone, "is gone");
        }
        match old.next_if(|(before, _)| before.as_str() == &**label) {
            None => tell(label, "is new"),
            Some((_, before)) if before.as_str() != &**value => tell(label, "changed"),
            Some(_) => {}
        }
    }
    old.for_each(|(label, _)| tell(label, "is gone"));
    // A command that was an array and is a text now, and the like, is one change.
    let kinds: Vec<usize> = (0..found.len()).filter(|&at| found[at].0 == 0).collect();
    if let [first, others @ ..] = kinds.as_slice()
        && !others.is_empty()
    {
        found[*first].1 = "command changed".to_owned();
        for &other in others.iter().rev() {
            found.remove(other);
        }
    }
    found.sort_by_key(|(weight, _)| *weight);
    let more = found.len().saturating_sub(NAMED);
    let mut text = found.iter().take(NAMED).map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(", and {more} more"));
    }
    (!found.is_empty()).then_some(text)
}

/// What a reader wants to know first comes first.
fn weight(label: &str) -> usize {
    match label {
        COMMAND | RUN | PIPELINE => 0,
        PIPELINE_STAGES => 1,
        _ if label.starts_with(INPUT) => 2,
        _ if label.starts_with(ENV) => 3,
        _ => 4,
    }
}
