//! The tables `[secrets]` and `[redaction]`: what has to be kept out of everything that a run leaves behind.
//!
//! No value of a secret is read here, and no file is opened: a pipeline can be checked where its secrets aren't known.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::below;
use super::include::Document;
use super::layers::unique;
use super::model::{Redaction, Secrets};
use super::names::variable_problem;
use crate::config::read::{Field, Reader};
use crate::config::words::clip;
use crate::redact::{self, MAX_KEYS, MAX_PATTERNS, MAX_SECRETS};

pub(super) const KEYS: [&str; 2] = ["env", "files"];
pub(super) const RULE_KEYS: [&str; 4] = ["keys", "patterns", "allow_keys", "allow_patterns"];

/// What several documents declare counts together.
pub(super) fn read(reader: &mut Reader, documents: &[Document<'_>]) -> Secrets {
    let mut secrets = Secrets::default();
    let (mut variables, mut files) = (Seen::new(), Seen::new());
    for document in documents {
        let Some(field) = document.table.get("secrets") else { continue };
        let Some(table) = reader.table(&field, "the table `[secrets]`") else { continue };
        reader.refuse_unknown(table, "`[secrets]`", &KEYS);
        if let Some(field) = table.get("env") {
            secrets.env.extend(read_env(reader, &field, &mut variables));
        }
        if let Some(field) = table.get("files") {
            secrets.files.extend(read_files(reader, &field, &document.folder.dir, &mut files));
        }
        let count = secrets.env.len() + secrets.files.len();
        if count > MAX_SECRETS {
            let draft = reader.mistakes.error(field.key_at.clone(), format!("{count} secrets are declared"));
            draft.label(format!("at most {MAX_SECRETS} are allowed"));
        }
    }
    secrets
}

fn read_env(reader: &mut Reader, field: &Field<'_>, seen: &mut Seen<String>) -> Vec<String> {
    let mut names = Vec::new();
    for (element, name) in reader.strings(field, "an array of names of environment variables").unwrap_or_default() {
        if let Some(problem) = variable_problem(name) {
            // What follows a `=` may be the secret itself.
            let shown = name.split('=').next().unwrap_or_default();
            let message = format!("bad name `{}` of an environment variable", clip(shown));
            let draft = reader.mistakes.error(element.at, message).label(problem);
            if name.contains('=') {
                draft.help("give the name alone; the value stays in the environment, not in this file");
            }
        } else if let Some(bare) = name.strip_prefix('$') {
            let bare = bare.trim_start_matches('{').trim_end_matches('}');
            let message = format!("bad name `{}` of an environment variable", clip(name));
            reader.mistakes.error(element.at, message).label("it starts with `$`").did_you_mean(Some(&clip(bare)));
        } else if seen.is_new(reader, &element, name.to_owned(), "variable", name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn read_files(reader: &mut Reader, field: &Field<'_>, dir: &Path, seen: &mut Seen<PathBuf>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (element, _) in reader.strings(field, "an array of paths").unwrap_or_default() {
        let Some(text) = reader.line(&element, "a path") else { continue };
        let path = below(dir, text);
        if text.ends_with('/') {
            reader.bad_value(&element, "it names a folder").help("name each file");
        } else if seen.is_new(reader, &element, path.clone(), "file", text) {
            files.push(path);
        }
    }
    files
}

/// What several documents declare counts together.
pub(super) fn read_rules(reader: &mut Reader, documents: &[Document<'_>]) -> Redaction {
    let mut rules = Redaction::default();
    // One map for both lists: a name in both would be an exception from its own rule.
    let mut seen = Seen::new();
    let (mut patterns, mut exceptions) = (HashMap::new(), HashMap::new());
    for document in documents {
        let Some(field) = document.table.get("redaction") else { continue };
        let Some(table) = reader.table(&field, "the table `[redaction]`") else { continue };
        reader.refuse_unknown(table, "`[redaction]`", &RULE_KEYS);
        if let Some(field) = table.get("keys") {
            read_keys(reader, &field, &mut seen, &mut rules.keys);
        }
        if let Some(field) = table.get("allow_keys") {
            read_keys(reader, &field, &mut seen, &mut rules.allow_keys);
        }
        if let Some(field) = table.get("patterns") {
            read_patterns(reader, &field, &mut patterns, &mut rules.patterns);
        }
        if let Some(field) = table.get("allow_patterns") {
            read_patterns(reader, &field, &mut exceptions, &mut rules.allow_patterns);
        }
    }
    rules
}

fn read_keys(reader: &mut Reader, field: &Field<'_>, seen: &mut Seen<Vec<String>>, keys: &mut Vec<String>) {
    let elements = reader.strings(field, "an array of names, such as `[\"wallet_address\"]`").unwrap_or_default();
    too_many(reader, field, keys.len() + elements.len(), MAX_KEYS, "names");
    for (element, key) in elements {
        let words = redact::key_words(key);
        if words.is_empty() {
            let draft = reader.bad_value(&element, "it holds no ASCII letter or digit");
            draft.help("give the name of a key, such as `wallet_address`");
        } else if seen.is_new(reader, &element, words, "name", key) {
            keys.push(key.to_owned());
        }
    }
}

fn read_patterns<'d>(
    reader: &mut Reader,
    field: &Field<'d>,
    first: &mut HashMap<&'d str, Field<'d>>,
    patterns: &mut Vec<(String, String)>,
) {
    let Some(table) = reader.table(field, "a table such as `{ order = \"ORD-[0-9]{8}\" }`") else { return };
    let fields = table.fields();
    too_many(reader, field, patterns.len() + fields.len(), MAX_PATTERNS, "patterns");
    for field in fields {
        if !unique(reader, first, &field, "pattern") {
            continue;
        }
        let Some(pattern) = reader.string(&field, "a regular expression in quotes") else { continue };
        match redact::check_pattern(pattern) {
            Ok(()) => patterns.push((field.name.to_owned(), pattern.to_owned())),
            Err(problem) => {
                let draft = reader.mistakes.error(field.at, format!("bad pattern `{}`", clip(field.name)));
                draft.label(problem.why).help(problem.advice);
            }
        }
    }
}

fn too_many(reader: &mut Reader, field: &Field<'_>, count: usize, limit: usize, what: &str) {
    if count > limit {
        let draft = reader.bad_value(field, format!("{count} {what}, at most {limit} are allowed"));
        draft.help("join some of them into one, or remove some");
    }
}

/// Where each entry of a list stands first.
struct Seen<K> {
    places: HashMap<K, (Range<usize>, String)>,
}

impl<K: Hash + Eq> Seen<K> {
    fn new() -> Self {
        Self { places: HashMap::new() }
    }

    /// Whether an entry is new; records a mistake if not.
    fn is_new(&mut self, reader: &mut Reader, field: &Field<'_>, key: K, what: &str, shown: &str) -> bool {
        match self.places.entry(key) {
            Entry::Vacant(place) => {
                place.insert((field.at.clone(), shown.to_owned()));
                true
            }
            Entry::Occupied(place) => {
                let (first, first_shown) = place.get();
                let draft =
                    reader.mistakes.error(field.at.clone(), format!("{what} `{}` is listed twice", clip(shown)));
                draft.label("again here").also(first.clone(), "first here").help("keep one");
                if first_shown != shown {
                    draft.help(format!("`{}` is the same {what}, written differently", clip(first_shown)));
                }
                false
            }
        }
    }
}
