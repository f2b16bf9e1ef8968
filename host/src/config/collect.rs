//! Mistakes while files are read: gathered by byte range, put in order and given lines and columns at the end, in one walk
//! over each text.
//!
//! The files stand one after the other in one space of places: the first from 0, each further one from a base of its own,
//! so that a range alone says which file it is in.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics, Label, MAX_LISTED};
use super::syntax::Damage;

/// A mistake before its line is known.
#[derive(Debug)]
pub(crate) struct Draft {
    message: String,
    labels: Vec<(Range<usize>, String)>,
    help: Vec<String>,
    /// Part of the text at the first label that is meant.
    narrow: Option<String>,
    /// How many more things that were made from the same text have it.
    repeats: usize,
    /// The parser found it.
    syntax: bool,
    /// Something is missing, probably because a value was lost.
    missing: bool,
    /// A name is unknown, probably because what defines it could not be read.
    unknown: bool,
}

impl Draft {
    fn new(at: Range<usize>, message: String) -> Self {
        Self {
            message,
            labels: vec![(at, String::new())],
            help: Vec::new(),
            narrow: None,
            repeats: 0,
            syntax: false,
            missing: false,
            unknown: false,
        }
    }

    /// Says something at the caret.
    pub(crate) fn label(&mut self, text: impl Into<String>) -> &mut Self {
        self.labels[0].1 = text.into();
        self
    }

    /// Points at another place.
    pub(crate) fn also(&mut self, at: Range<usize>, text: impl Into<String>) -> &mut Self {
        self.labels.push((at, text.into()));
        self
    }

    /// Puts the caret at a part of the text, if it is there as it is.
    pub(crate) fn narrow_to(&mut self, part: impl Into<String>) -> &mut Self {
        self.narrow = Some(part.into());
        self
    }

    /// Says what to do.
    pub(crate) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help.push(text.into());
        self
    }

    /// Says what to do, where there is something to say.
    pub(crate) fn maybe_help(&mut self, text: Option<String>) -> &mut Self {
        self.help.extend(text);
        self
    }

    /// Says which name was probably meant.
    pub(crate) fn did_you_mean(&mut self, name: Option<&str>) -> &mut Self {
        self.maybe_help(name.map(|name| format!("did you mean `{name}`?")))
    }

    /// Marks it as a likely consequence of a syntax error, to be left out where there is one.
    pub(crate) fn may_follow_from_syntax(&mut self) -> &mut Self {
        self.missing = true;
        self
    }

    /// Marks it as a likely consequence of something that could not be read, see [`Collector::names_are_lost`].
    pub(crate) fn may_follow_from_lost_names(&mut self) -> &mut Self {
        self.unknown = true;
        self
    }
}

/// A file beyond the first.
#[derive(Debug)]
struct Further {
    path: PathBuf,
    text: Arc<str>,
    base: usize,
}

/// Gathers mistakes.
#[derive(Debug)]
pub(crate) struct Collector {
    drafts: Vec<Draft>,
    unlisted: usize,
    spare: Draft,
    further: Vec<Further>,
    /// Where the next file starts.
    end: usize,
    /// Hashes of what was recorded: a template's mistake is met wherever it is used.
    seen: HashSet<u64>,
    /// Mistakes of what is made from one text many times: where and of which kind, and which draft.
    once: HashMap<(usize, usize, &'static str), usize>,
    /// Where the damaged files start.
    damaged: Vec<usize>,
    values_lost: bool,
    names_lost: bool,
}

impl Collector {
    /// For a file of so many bytes.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            drafts: Vec::new(),
            unlisted: 0,
            spare: Draft::new(0..0, String::new()),
            further: Vec::new(),
            end: length + 1,
            seen: HashSet::new(),
            once: HashMap::new(),
            damaged: Vec::new(),
            values_lost: false,
            names_lost: false,
        }
    }

    /// Adds a file and gives the base of its places.
    pub(crate) fn add_source(&mut self, path: &Path, text: Arc<str>) -> usize {
        let base = self.end;
        self.end += text.len() + 1;
        self.further.push(Further { path: path.to_owned(), text, base });
        base
    }

    /// Path and text of the files beyond the first, as they were added.
    pub(crate) fn further(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.further.iter().map(|file| (file.path.as_path(), &*file.text))
    }

    /// Records a mistake at a byte range; the caller adds labels and help. What was recorded before is not told again.
    pub(crate) fn error(&mut self, at: Range<usize>, message: impl Into<String>) -> &mut Draft {
        let message = message.into();
        let mut hasher = DefaultHasher::new();
        (at.start, at.end, &message).hash(&mut hasher);
        let new = self.seen.insert(hasher.finish());
        let draft = Draft::new(at, message);
        if !new || self.is_full() {
            self.unlisted += usize::from(new);
            self.spare = draft;
            &mut self.spare
        } else {
            self.drafts.push(draft);
            self.drafts.last_mut().expect("just pushed")
        }
    }

    /// Like [`Self::error`], for what is made from one text many times: of a kind of mistake at a place the first is told,
    /// and how many more there are.
    pub(crate) fn error_once(
        &mut self,
        kind: &'static str,
        at: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Draft {
        let next = self.drafts.len();
        match self.once.entry((at.start, at.end, kind)) {
            Entry::Vacant(entry) => {
                entry.insert(next);
                self.error(at, message)
            }
            Entry::Occupied(entry) => {
                if let Some(draft) = self.drafts.get_mut(*entry.get()) {
                    draft.repeats += 1;
                }
                self.spare = Draft::new(at, String::new());
                &mut self.spare
            }
        }
    }

    /// Takes over what the parser found in the file that starts at `base`.
    pub(super) fn absorb(&mut self, base: usize, syntax: Self, damage: Damage) {
        for mut draft in syntax.drafts {
            for (span, _) in &mut draft.labels {
                *span = span.start + base..span.end + base;
            }
            draft.syntax = true;
            if self.is_full() {
                self.unlisted += 1;
            } else {
                self.drafts.push(draft);
            }
        }
        self.unlisted += syntax.unlisted;
        if damage != Damage::None {
            self.damaged.push(base);
        }
        self.values_lost |= damage == Damage::Values;
    }

    /// Something that defines names could not be read, so that unknown ones are no mistakes of their own; the reason is
    /// recorded.
    pub(crate) fn names_are_lost(&mut self) {
        self.names_lost = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Whether further mistakes would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.drafts.len() >= MAX_LISTED
    }

    /// Counts mistakes that nobody will see.
    pub(crate) fn count_unlisted(&mut self, number: usize) {
        self.unlisted += number;
    }

    /// Removes what only says again what another mistake says: what is on the same line as a syntax error, and, where
    /// values or names were lost, what complains of something missing. `text` is the first file's.
    pub(crate) fn drop_consequences(&mut self, text: &str) {
        let mut lines: HashMap<usize, Lines<'_>> = HashMap::new();
        for base in &self.damaged {
            let text = self.further.iter().find(|file| file.base == *base).map_or(text, |file| &*file.text);
            lines.insert(*base, Lines::new(text));
        }
        let bases: Vec<usize> = self.further.iter().map(|file| file.base).collect();
        let line = |draft: &Draft| {
            let at = draft.labels[0].0.start;
            let base = base_of(&bases, at);
            lines.get(&base).map(|lines| base + lines.around(at - base).start)
        };
        let syntax = self.drafts.iter().filter(|draft| draft.syntax);
        let broken: HashSet<usize> = syntax.filter_map(line).collect();
        let (values_lost, names_lost) = (self.values_lost, self.names_lost);
        self.drafts.retain(|draft| {
            let lost = (draft.missing && values_lost) || (draft.unknown && names_lost);
            draft.syntax || !(lost || line(draft).is_some_and(|line| broken.contains(&line)))
        });
    }

    /// Puts the mistakes in order and works out their lines. `path` and `text` are the first file's.
    pub(crate) fn finish(self, path: &Path, text: String) -> Diagnostics {
        let bases: Vec<usize> = self.further.iter().map(|file| file.base).collect();
        let mut sources = vec![(path.to_owned(), Arc::from(text))];
        sources.extend(self.further.into_iter().map(|file| (file.path, file.text)));
        let mut places: Vec<(usize, usize, usize, usize)> = Vec::new();
        let mut items: Vec<((usize, usize), Diagnostic)> = Vec::with_capacity(self.drafts.len());
        for (i, mut draft) in self.drafts.into_iter().enumerate() {
            if draft.repeats > 0 {
                let more = draft.repeats;
                draft.help.push(format!("the same is wrong with {more} more that are made from this"));
            }
            let mut narrow = draft.narrow.take();
            let mut labels = Vec::with_capacity(draft.labels.len());
            for (j, (at, message)) in draft.labels.into_iter().enumerate() {
                let base = base_of(&bases, at.start);
                let source = bases.partition_point(|start| *start <= at.start);
                let text: &str = &sources[source].1;
                let local = |at: usize| text.floor_char_boundary((at - base).min(text.len()));
                let mut span = local(at.start)..local(at.end).max(local(at.start));
                if let Some(part) = narrow.take()
                    && let Some(from) = text[span.clone()].find(&part)
                {
                    span = span.start + from..span.start + from + part.len();
                }
                places.push((source, span.start, i, j));
                labels.push(Label { line: 1, column: 1, message, source, span, line_span: 0..0 });
            }
            let first = (labels[0].source, labels[0].span.start);
            let path = sources[first.0].0.clone();
            items.push((
                first,
                Diagnostic { path, line: 1, column: 1, message: draft.message, labels, help: draft.help },
            ));
        }
        places.sort_unstable();
        for in_source in places.chunk_by(|a, b| a.0 == b.0) {
            let text: &str = &sources[in_source[0].0].1;
            let mut walk = Walk::new(text);
            for (_, at, i, j) in in_source {
                walk.to(*at);
                let label = &mut items[*i].1.labels[*j];
                label.line = walk.line;
                label.column = walk.column;
                label.line_span = walk.line_span.clone();
                let end = text.floor_char_boundary(label.span.end.min(walk.line_span.end));
                label.span.end = end.max(label.span.start);
            }
        }
        items.sort_by_key(|(first, _)| *first);
        let items = items
            .into_iter()
            .map(|(_, mut item)| {
                (item.line, item.column) = (item.labels[0].line, item.labels[0].column);
                item
            })
            .collect();
        Diagnostics { sources, items, unlisted: self.unlisted }
    }
}

/// Where the file starts that a place is in; `bases` are those of the files beyond the first.
fn base_of(bases: &[usize], at: usize) -> usize {
    match bases.partition_point(|base| *base <= at) {
        0 => 0,
        next => bases[next - 1],
    }
}

/// A walk through the text from place to place, never back.
struct Walk<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
    line_span: Range<usize>,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, column: 1, line_span: 0..line_end(text, 0) }
    }

    fn to(&mut self, at: usize) {
        let passed = &self.text[self.at..at];
        if let Some(last) = passed.rfind('\n') {
            self.line += passed.bytes().filter(|b| *b == b'\n').count();
            let start = self.at + last + 1;
            self.column = 1 + self.text[start..at].chars().count();
            self.line_span = start..line_end(self.text, at);
        } else {
            self.column += passed.chars().count();
        }
        self.at = at;
    }
}

/// Where the line ends in which `from` is, without its line break.
fn line_end(text: &str, from: usize) -> usize {
    let end = text[from..].find('\n').map_or(text.len(), |at| from + at);
    let carriage_return = end > from && text.as_bytes()[end - 1] == b'\r';
    end - usize::from(carriage_return)
}

/// Where each line starts, for checks that ask for lines again and again.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line in which a byte is, with its line break.
    pub(crate) fn around(&self, at: usize) -> Range<usize> {
        let next = self.starts.partition_point(|start| *start <= at);
        self.starts[next - 1]..self.starts.get(next).copied().unwrap_or(self.text.len())
    }
}
