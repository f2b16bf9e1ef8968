//! From `[secrets]`, `[redaction]` and the environment to the redaction rules of a run.
//!
//! May live here: where secrets come from. What is looked for in texts, and how, is [`crate::redact`]'s. No value of a
//! secret may get into an error, a `Debug` or a message.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::record::RedactionRecord;
use crate::pipeline::{Pipeline, Redaction, Secrets};
use crate::redact::{
    self, MAX_SECRET_BYTES, MAX_SECRETS, MAX_SECRETS_BYTES, MIN_SECRET_CHARS, Redactor, RuleError, Rules,
};

/// A line of a file of many lines counts by itself from so many characters on; a shorter one only with a digit and a
/// letter.
const MIN_LINE: usize = 8;
/// Line ends, which are no part of a value.
const LINE_ENDS: [char; 2] = ['\r', '\n'];

/// The redaction rules of a run, and what is to be told of how they came about.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// The rules, with every secret that is known. Their `Debug` shows no value.
    pub rules: Rules,
    /// The same compiled, but for the values of secrets.
    compiled: Option<Redactor>,
    /// Variables of `[secrets] env` without a value, in the order of the file: what they were to hide isn't hidden.
    pub unset: Vec<String>,
    /// How many values came from the variables of `[secrets] env`.
    pub from_environment: usize,
    /// How many values came from `[secrets] files`.
    pub from_files: usize,
    /// Variables that nobody declared, whose name and value both look like a secret's; sorted. Their values are in the
    /// rules, too.
    pub by_name: Vec<String>,
    /// Such variables for which there was no room; sorted.
    pub left_out: Vec<String>,
}

impl Declared {
    /// The rules as they are now, compiled.
    ///
    /// # Errors
    /// Where they can't be used.
    pub(super) fn redactor(&self) -> Result<Redactor, RuleError> {
        match &self.compiled {
            Some(compiled) => compiled.with_secrets(&self.rules.secrets),
            None => Redactor::new(&self.rules),
        }
    }
}

/// Why the secrets of a run can't be known. Each problem names a variable or a file, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SecretError {
    /// All that is wrong; never empty.
    pub problems: Vec<SecretProblem>,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run's secrets can't be gathered, so nothing was started")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Where a declared value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A variable of `[secrets] env`, set in the host's environment or by a stage.
    Variable(String),
    /// A file of `[secrets] files`.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "[secrets] env: the variable `{name}`"),
            Self::File(path) => write!(f, "[secrets] files: {}", path.display()),
        }
    }
}

/// What is wrong with one secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The value is so short that masking it would tear holes into every text.
    #[error(
        "{origin} has {chars} characters, fewer than {MIN_SECRET_CHARS}: masking it would tear holes into every text; \
         use a longer secret, or leave it out"
    )]
    Short {
        /// Where it comes from.
        origin: Origin,
        /// How long it is.
        chars: usize,
    },
    /// The value is too long to be searched for.
    #[error("{origin} has more than {MAX_SECRET_BYTES} bytes: give the secret part alone")]
    Long {
        /// Where it comes from.
        origin: Origin,
    },
    /// The value isn't text.
    #[error("{origin} is not UTF-8 text, so it can't be searched for; give it in an encoding, such as base64")]
    NotText {
        /// Where it comes from.
        origin: Origin,
    },
    /// The file can't be read.
    #[error("[secrets] files: can't read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason, or that it is no regular file.
        why: String,
    },
    /// All values together are too many or too long, or a rule can't be used.
    #[error(transparent)]
    Rules(#[from] RuleError),
}

/// Where the secrets of a run are told of.
struct Sources<'a> {
    secrets: &'a Secrets,
    redaction: &'a Redaction,
    /// What `[environment]` gives to stages, and what they set in their own environment.
    variables: Vec<(&'a str, &'a str)>,
}

/// Gathers the rules again for the report of a run that ended, from what its record tells. A secret that is not to be had any more is no reason not
/// to write a report: the run's own files hold none. Returns them compiled, and what is to be told of that.
pub(crate) fn gather_again(
    record: &RedactionRecord,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(Redactor, Vec<String>), RuleError> {
    let mut told = Vec::new();
    let mut secrets = record.secrets.clone();
    secrets.files.retain(|path| {
        let there = read(path).is_ok();
        if !there {
            told.push(format!("the declared secret {} can't be read any more", path.display()));
        }
        there
    });
    let sources = Sources { secrets: &secrets, redaction: &record.rules, variables: Vec::new() };
    match gather_from(&sources, environment) {
        Ok(declared) => {
            told.extend(declared.unset.iter().map(|name| format!("the declared secret {name} has no value here")));
            Ok((declared.redactor()?, told))
        }
        Err(error) => {
            told.push(error.to_string());
            let Redaction { keys, patterns, allow_keys, allow_patterns } = record.rules.clone();
            let rules =
                Rules { secrets: Vec::new(), extra_keys: keys, extra_patterns: patterns, allow_keys, allow_patterns };
            Ok((Redactor::new(&rules)?, told))
        }
    }
}

/// Gathers the redaction rules of a run: those of `[redaction]`, the values that `[secrets]` declares, and the values
/// of variables, inherited, given by `[environment]` or set by a stage, whose name and value both look like a secret's.
///
/// `given` is what `[environment]` gives to every stage; `environment` is the host's own, such as [`std::env::vars_os`].
///
/// # Errors
/// [`SecretError`]: a declared secret can't be read or searched for; all problems at once.
pub(super) fn gather(
    pipeline: &Pipeline,
    given: &BTreeMap<String, String>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Declared, SecretError> {
    let variables = given.iter().chain(pipeline.stages.iter().flat_map(|stage| &stage.env));
    let variables = variables.map(|(name, value)| (&**name, &**value));
    let sources =
        Sources { secrets: &pipeline.secrets, redaction: &pipeline.redaction, variables: variables.collect() };
    gather_from(&sources, environment)
}

fn gather_from(
    sources: &Sources<'_>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Declared, SecretError> {
    let mut gathering = Gathering::default();
    let environment: HashMap<OsString, OsString> = environment.collect();
    let mut declared = Declared {
        rules: Rules {
            secrets: Vec::new(),
            extra_keys: sources.redaction.keys.clone(),
            extra_patterns: sources.redaction.patterns.clone(),
            allow_keys: sources.redaction.allow_keys.clone(),
            allow_patterns: sources.redaction.allow_patterns.clone(),
        },
        ..Declared::default()
    };
    for name in &sources.secrets.env {
        let inherited = environment.get(OsStr::new(name)).map(OsString::as_os_str);
        let by_stages = sources.variables.iter().filter(|(own, _)| own == name).map(|(_, value)| OsStr::new(value));
        let mut set = false;
        for value in inherited.into_iter().chain(by_stages) {
            set |= gathering.variable(name, value);
        }
        if !set {
            declared.unset.push(name.clone());
        }
    }
    declared.from_environment = gathering.secrets.len();
    for path in &sources.secrets.files {
        gathering.file(path);
    }
    declared.from_files = gathering.secrets.len() - declared.from_environment;
    // Of what was declared only: what is found by its name takes the room that is left.
    let (count, bytes) = (gathering.secrets.len(), gathering.bytes);
    if count > MAX_SECRETS {
        gathering.problems.push(RuleError::TooMany { what: "declared secrets", count, limit: MAX_SECRETS }.into());
    } else if bytes > MAX_SECRETS_BYTES {
        gathering.problems.push(RuleError::TooMuch { bytes }.into());
    }
    // Without a value, but with every name: it says which variables count, and whether the rules can be used at all.
    match Redactor::new(&declared.rules) {
        Ok(redactor) => {
            gathering.by_name(&redactor, sources, &environment, &mut declared);
            declared.compiled = Some(redactor);
        }
        Err(error) => gathering.problems.push(error.into()),
    }
    if gathering.problems.is_empty() {
        declared.rules.secrets = gathering.secrets;
        Ok(declared)
    } else {
        Err(SecretError { problems: gathering.problems })
    }
}

/// Has no `Debug`: it holds values.
#[derive(Default)]
struct Gathering {
    secrets: Vec<String>,
    known: HashSet<String>,
    bytes: usize,
    problems: Vec<SecretProblem>,
}

impl Gathering {
    fn add(&mut self, value: &str) {
        if self.known.insert(value.to_owned()) {
            self.bytes += value.len();
            self.secrets.push(value.to_owned());
        }
    }

    /// Takes a declared value, or says what is wrong with it; whether it was taken.
    fn declare(&mut self, origin: Origin, value: &str) -> bool {
        let chars = value.trim().chars().count();
        if chars < MIN_SECRET_CHARS {
            self.problems.push(SecretProblem::Short { origin, chars });
        } else if value.len() > MAX_SECRET_BYTES {
            self.problems.push(SecretProblem::Long { origin });
        } else {
            self.add(value);
            return true;
        }
        false
    }

    /// Takes a declared variable; whether it has a value.
    fn variable(&mut self, name: &str, value: &OsStr) -> bool {
        let origin = Origin::Variable(name.to_owned());
        match value.to_str().map(|text| text.trim_matches(LINE_ENDS)) {
            Some("") => return false,
            Some(text) => {
                self.declare(origin, text);
            }
            None => self.problems.push(SecretProblem::NotText { origin }),
        }
        true
    }

    fn file(&mut self, path: &Path) {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(why) => return self.problems.push(SecretProblem::Unreadable { path: path.to_owned(), why }),
        };
        let origin = Origin::File(path.to_owned());
        if bytes.len() > MOST_OF_A_FILE {
            return self.problems.push(SecretProblem::Long { origin });
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return self.problems.push(SecretProblem::NotText { origin });
        };
        let text = text.trim_start_matches('\u{feff}').trim_matches(LINE_ENDS);
        if !self.declare(origin, text) {
            return;
        }
        // The redactor looks for the longer lines of a value anyway.
        for line in text.lines().skip_while(|line| *line == text).map(str::trim) {
            let odd = line.contains(|c: char| c.is_ascii_digit()) && line.contains(|c: char| c.is_ascii_alphabetic());
            if odd && (MIN_SECRET_CHARS..MIN_LINE).contains(&line.chars().count()) {
                self.add(line);
            }
        }
    }

    /// What nobody declared, but everybody would expect to be hidden.
    fn by_name(
        &mut self,
        redactor: &Redactor,
        sources: &Sources<'_>,
        environment: &HashMap<OsString, OsString>,
        declared: &mut Declared,
    ) {
        let inherited = environment.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        let mut variables: Vec<(&str, &str)> = inherited.chain(sources.variables.iter().copied()).collect();
        // The same rules whatever order the system gives the variables in.
        variables.sort_unstable();
        variables.dedup();
        for (name, value) in variables {
            let value = value.trim_matches(LINE_ENDS);
            // Declared: told of already.
            if sources.secrets.env.iter().any(|declared| declared == name) || !redactor.secret_by_name(name, value) {
                continue;
            }
            for part in parts(name, value).into_iter().filter(|part| *part == value || redactor.distinctive(part)) {
                let room = self.secrets.len() < MAX_SECRETS && self.bytes + part.len() <= MAX_SECRETS_BYTES;
                let taken = room || self.known.contains(part);
                let list = if taken { &mut declared.by_name } else { &mut declared.left_out };
                if list.last().is_none_or(|last| last != name) {
                    list.push(name.to_owned());
                }
                if room {
                    self.add(part);
                }
            }
        }
    }
}

/// A value, and what in it is secret by itself: `Bearer …` without the first word, the values of a list of headers.
fn parts<'v>(name: &str, value: &'v str) -> Vec<&'v str> {
    let bare = |part: &'v str| {
        let part = part.trim();
        let (first, rest) = part.split_once("%20").or_else(|| part.split_once(' ')).unwrap_or(("", part));
        let scheme = ["bearer", "basic", "token"].iter().any(|scheme| first.eq_ignore_ascii_case(scheme));
        if scheme { rest.trim() } else { part }
    };
    let mut parts = vec![value];
    if redact::key_words(name).iter().any(|word| word == "headers") {
        parts.extend(value.split(',').filter_map(|pair| Some(bare(pair.split_once('=')?.1))));
    } else {
        parts.push(bare(value));
    }
    parts.dedup();
    parts
}

/// The longest value with a byte order mark and a line end.
const MOST_OF_A_FILE: usize = MAX_SECRET_BYTES + 5;

/// The file's content, up to a byte more than it can have.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let why = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    let kind = std::fs::metadata(path).map_err(why)?;
    if kind.is_dir() {
        return Err("it is a folder; name each file in it".to_owned());
    }
    if !kind.is_file() {
        // Opening a pipe would wait for a writer, a device might never end.
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(why)?;
    file.take(MOST_OF_A_FILE as u64 + 1).read_to_end(&mut bytes).map_err(why)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
