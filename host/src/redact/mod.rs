//! Redaction: takes secrets out of text before it reaches memory, disk or the wire.
//!
//! Pure: text in, text out. Three kinds of evidence, from the surest to the weakest:
//! 1. the *exact values* that the user declared, in any of their usual encodings ([`Rules::secrets`], `literals.rs`);
//! 2. the *name* beside a value: attribute keys, `key=value`, JSON, headers, flags (`keys.rs`, `pairs.rs`, `args.rs`);
//! 3. the *shape* of a value: provider tokens, private keys, URLs with a password, and plain randomness (`shapes.rs`,
//!    `entropy.rs`).
//!
//! Every scanner only reports ranges of the text it was given; one place (`Redactor::clean`) replaces them. It repeats until nothing
//! is found any more, so redacting twice is the same as redacting once, by construction.
//! Every scanner is linear: bounded look-back, bounded look-ahead, no backtracking.

mod args;
mod entropy;
mod keys;
mod lines;
mod literals;
mod pairs;
mod shapes;
mod sieve;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use keys::{Keys, Strength};
pub use lines::LineRedactor;

/// What stands where a secret stood. Fixed, so that tools can search for it.
pub const MARK: &str = "[REDACTED]";

/// The shortest declared secret: a shorter one would tear holes into every text.
pub const MIN_SECRET_CHARS: usize = 4;
/// The longest declared secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 16 << 10;
/// How many secrets can be declared.
pub const MAX_SECRETS: usize = 1_000;
/// How many bytes all declared secrets can have together: each is searched for in a dozen encodings.
pub const MAX_SECRETS_BYTES: usize = 256 << 10;
/// How many extra keys, and how many allowed keys.
pub const MAX_KEYS: usize = 256;
/// How many extra patterns, and how many allowed patterns: each is one more walk over the text.
pub const MAX_PATTERNS: usize = 64;
/// The size of one compiled pattern, in bytes.
const MAX_PATTERN_SIZE: usize = 256 << 10;
/// After so many rounds that each found something new, the whole text is masked.
const MAX_ROUNDS: usize = 8;

/// What to look for beyond the built-in rules.
#[derive(Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Exact values, from the environment or a file. Masked wherever they stand, also percent-encoded, escaped as in JSON, HTML or a
    /// shell, in hexadecimal and in base64. Line ends around a value are no part of it; of a value of many lines, each line counts too.
    pub secrets: Vec<String>,
    /// Names whose values are secret; `wallet_address` also finds `userWalletAddress` and `WALLET-ADDRESS`.
    pub extra_keys: Vec<String>,
    /// Name and regular expression (ASCII classes); the whole match is masked.
    pub extra_patterns: Vec<(String, String)>,
    /// Names whose values are not secret although a rule says so; the whole name has to match, however it is written.
    pub allow_keys: Vec<String>,
    /// Name and regular expression; what a rule found stays if the expression matches all of it. Declared secrets are masked all the same.
    pub allow_patterns: Vec<(String, String)>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("secrets", &format_args!("{} values", self.secrets.len()))
            .field("extra_keys", &self.extra_keys)
            .field("extra_patterns", &self.extra_patterns)
            .field("allow_keys", &self.allow_keys)
            .field("allow_patterns", &self.allow_patterns)
            .finish()
    }
}

/// Why a rule can't be used. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A declared secret is empty or nearly so.
    #[error(
        "declared secret {number} has {chars} characters, fewer than {MIN_SECRET_CHARS}: masking it would tear holes into every text; \
         declare a longer value or leave it out"
    )]
    ShortSecret {
        /// Its place in the list, from 1.
        number: usize,
        /// How long it is.
        chars: usize,
    },
    /// A declared secret is too long to be searched for.
    #[error(
        "declared secret {number} has {bytes} bytes, more than {MAX_SECRET_BYTES}: declare the secret part of the file, not the whole file"
    )]
    LongSecret {
        /// Its place in the list, from 1.
        number: usize,
        /// How long it is.
        bytes: usize,
    },
    /// The declared secrets are too long together.
    #[error(
        "the declared secrets have {bytes} bytes together, more than {MAX_SECRETS_BYTES}: declare the secret parts only"
    )]
    TooMuch {
        /// How long they are.
        bytes: usize,
    },
    /// A list has more entries than the limit.
    #[error("{count} {what}, more than {limit}: join some of them into one, or remove some")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there can be.
        limit: usize,
    },
    /// A key holds no letter or digit.
    #[error("{list} entry {key:?} holds no ASCII letter or digit: give the name of a key, such as `wallet_address`")]
    EmptyKey {
        /// Which list.
        list: &'static str,
        /// The entry.
        key: String,
    },
    /// A pattern doesn't compile.
    #[error(
        "{list} pattern {name:?} can't be used: {why}; classes are ASCII, look-around and back-references don't exist"
    )]
    BadPattern {
        /// Which list.
        list: &'static str,
        /// The pattern's name.
        name: String,
        /// What the compiler says.
        why: String,
    },
    /// A pattern matches the empty text.
    #[error(
        "{list} pattern {name:?} matches the empty text, so it would match everywhere: ask for at least one character, with `+` or `{{1,}}`"
    )]
    EmptyPattern {
        /// Which list.
        list: &'static str,
        /// The pattern's name.
        name: String,
    },
    /// The search tables can't be built.
    #[error("the search table can't be built: {0}; declare fewer or shorter secrets")]
    Table(String),
}

/// Makes beforehand what most sets of rules have in common, and what takes most of the time of [`Redactor::new`].
pub(crate) fn prepare() {
    shapes::prepare();
}

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The text; borrowed when nothing was found.
    pub text: Cow<'a, str>,
    /// How many places were masked.
    pub count: usize,
}

impl<'a> Redacted<'a> {
    fn unchanged(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), count: 0 }
    }
}

/// The rules, compiled. Cheap to clone: two `Arc`s.
#[derive(Clone)]
pub struct Redactor {
    inner: Arc<Inner>,
    literals: Arc<literals::Literals>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// All but the values of secrets.
struct Inner {
    keys: Keys,
    shapes: shapes::Shapes,
    extra: Vec<Regex>,
    allow: Vec<Regex>,
}

/// Ranges of the text to mask, in bytes.
type Hits = Vec<Range<usize>>;

impl Redactor {
    /// Compiles the rules.
    ///
    /// # Errors
    /// Says which rule can't be used, why, and what to do about it.
    pub fn new(rules: &Rules) -> Result<Self, RuleError> {
        limit("declared secrets", rules.secrets.len(), MAX_SECRETS)?;
        limit("extra keys", rules.extra_keys.len(), MAX_KEYS)?;
        limit("allowed keys", rules.allow_keys.len(), MAX_KEYS)?;
        limit("extra patterns", rules.extra_patterns.len(), MAX_PATTERNS)?;
        limit("allowed patterns", rules.allow_patterns.len(), MAX_PATTERNS)?;
        let keys = Keys::new(&rules.extra_keys, &rules.allow_keys)?;
        let literals = literals(&rules.secrets)?;
        Ok(Self {
            inner: Arc::new(Inner {
                shapes: shapes::Shapes::new(&keys)?,
                keys,
                extra: patterns("extra", &rules.extra_patterns, false)?,
                allow: patterns("allowed", &rules.allow_patterns, true)?,
            }),
            literals,
        })
    }

    /// The same rules with these values of secrets instead of its own: the table for shapes, which takes most of the time of
    /// [`Redactor::new`], is the same.
    ///
    /// # Errors
    /// As there.
    pub fn with_secrets(&self, secrets: &[String]) -> Result<Self, RuleError> {
        Ok(Self { inner: Arc::clone(&self.inner), literals: literals(secrets)? })
    }

    /// Redacts a value that may stand under a name: an attribute, a variable, a field.
    pub fn value<'a>(&self, key: Option<&str>, text: &'a str) -> Redacted<'a> {
        let Some(key) = key else { return self.text(text) };
        let words = keys::Words::of(key);
        let strength = self.inner.keys.classify_words(&words);
        let secret =
            |text: &str| strength != Strength::No && !pairs::keep(text, strength, false) && !self.allowed(text);
        if secret(text) {
            return Redacted { text: Cow::Borrowed(MARK), count: 1 };
        }
        let done = self.clean(text, !words.name_public_value());
        // What looked like no value, such as `<…>`, may look like one without what was in it.
        if done.count > 0 && secret(&done.text) {
            return Redacted { text: Cow::Borrowed(MARK), count: done.count };
        }
        done
    }

    /// Redacts free text: a message, a command line, a document.
    pub fn text<'a>(&self, text: &'a str) -> Redacted<'a> {
        self.clean(text, true)
    }

    /// Redacts an argument vector; also says how many places were masked.
    pub fn args(&self, argv: &[String]) -> (Vec<String>, usize) {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut found: Vec<Hits> = vec![Vec::new(); words.len()];
        args::scan(&words, &self.inner.keys, &mut |word, range| found[word].push(range));
        let mut count = 0;
        let argv = words
            .iter()
            .zip(found)
            .map(|(word, mut hits)| {
                hits.retain(|range| !self.allowed(&word[range.clone()]));
                let (masked, first) = match replace(word, hits) {
                    Some((text, n)) => (Cow::Owned(text), n),
                    None => (Cow::Borrowed(*word), 0),
                };
                let done = self.text(&masked);
                count += first + done.count;
                done.text.into_owned()
            })
            .collect();
        (argv, count)
    }

    /// Whether the value of an environment variable is a secret although nobody declared it: the name says so (by the
    /// built-in rules and [`Rules::extra_keys`], less [`Rules::allow_keys`]), and the value is distinctive enough to
    /// be searched for everywhere: no word of a language, path, small number, address or stand-in such as `$VAR`, and
    /// at least 8 characters.
    pub fn secret_by_name(&self, name: &str, value: &str) -> bool {
        values::secret_by_name(&self.inner.keys, name, value) && !self.allowed(value)
    }

    /// The same without a name, for a part of such a value.
    pub fn distinctive(&self, value: &str) -> bool {
        values::distinctive(value) && !self.allowed(value)
    }

    /// A filter for a stream of lines, such as a stage's output.
    pub fn lines(&self) -> LineRedactor {
        LineRedactor::new(self.clone())
    }

    /// The length of the longest declared secret.
    fn longest_secret(&self) -> usize {
        self.literals.longest()
    }

    fn allowed(&self, found: &str) -> bool {
        self.inner.allow.iter().any(|rule| rule.is_match(found.as_bytes()))
    }

    fn clean<'a>(&self, text: &'a str, entropy: bool) -> Redacted<'a> {
        let Some((mut text, mut count)) = self.pass(text, entropy) else { return Redacted::unchanged(text) };
        for _ in 1..MAX_ROUNDS {
            match self.pass(&text, entropy) {
                None => return Redacted { text: Cow::Owned(text), count },
                Some((next, more)) => {
                    text = next;
                    count += more;
                }
            }
        }
        Redacted { text: Cow::Borrowed(MARK), count }
    }

    fn pass(&self, text: &str, entropy: bool) -> Option<(String, usize)> {
        if text.len() < MIN_SECRET_CHARS {
            return None;
        }
        let inner = &*self.inner;
        let mut hits = Hits::new();
        let seen = inner.shapes.scan(text, &inner.keys, &mut hits);
        pairs::scan(text, &seen.telling, &inner.keys, &mut hits);
        if entropy {
            entropy::scan(text, &seen.public, &mut hits);
        }
        for rule in &inner.extra {
            hits.extend(rule.find_iter(text.as_bytes()).map(|m| widen(text, m.range())));
        }
        if !inner.allow.is_empty() {
            hits.retain(|range| !self.allowed(&text[widen(text, range.clone())]));
        }
        self.literals.scan(text, &mut hits);
        replace(text, hits)
    }
}

/// Why a regular expression can't be a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// What is wrong, in a few words, without the expression.
    pub why: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// Whether a regular expression can be a rule of [`Rules::extra_patterns`] or [`Rules::allow_patterns`].
///
/// # Errors
/// [`PatternProblem`]: it doesn't compile, is too large, or matches the empty text.
pub fn check_pattern(pattern: &str) -> Result<(), PatternProblem> {
    match patterns("", &[(String::new(), pattern.to_owned())], true) {
        Ok(_) => Ok(()),
        Err(RuleError::EmptyPattern { .. }) => Err(PatternProblem {
            why: "it matches the empty text, and so everywhere".to_owned(),
            advice: "ask for at least one character, with `+` or `{1,}`",
        }),
        Err(RuleError::BadPattern { why, .. }) if why.contains("size limit") => Err(PatternProblem {
            why: format!("compiled it is larger than {} KiB", MAX_PATTERN_SIZE >> 10),
            advice: "make it shorter, or its repetitions fewer",
        }),
        Err(RuleError::BadPattern { why, .. }) => {
            // The compiler draws the expression and a caret under it; its last line says what is wrong.
            let last = why.lines().next_back().unwrap_or_default();
            let why = last.trim().strip_prefix("error: ").unwrap_or(last).to_owned();
            let advice =
                "classes are ASCII; look-around and back-references don't exist; in \"…\" write `\\\\` for a backslash";
            Err(PatternProblem { why, advice })
        }
        Err(other) => Err(PatternProblem { why: other.to_string(), advice: "write another one" }),
    }
}

/// The words that a name consists of for [`Rules::extra_keys`] and [`Rules::allow_keys`]: names with the same words
/// are the same rule. Empty: it can't be one.
pub fn key_words(key: &str) -> Vec<String> {
    keys::words(key)
}

fn literals(secrets: &[String]) -> Result<Arc<literals::Literals>, RuleError> {
    limit("declared secrets", secrets.len(), MAX_SECRETS)?;
    Ok(Arc::new(literals::Literals::new(secrets)?))
}

fn limit(what: &'static str, count: usize, limit: usize) -> Result<(), RuleError> {
    if count > limit { Err(RuleError::TooMany { what, count, limit }) } else { Ok(()) }
}

fn patterns(list: &'static str, patterns: &[(String, String)], whole: bool) -> Result<Vec<Regex>, RuleError> {
    let compile = |name: &str, pattern: &str| {
        RegexBuilder::new(pattern)
            .unicode(false)
            .size_limit(MAX_PATTERN_SIZE)
            .build()
            .map_err(|error| RuleError::BadPattern { list, name: name.into(), why: error.to_string() })
    };
    patterns
        .iter()
        .map(|(name, pattern)| {
            let rule = compile(name, pattern)?;
            if rule.is_match(b"") {
                return Err(RuleError::EmptyPattern { list, name: name.clone() });
            }
            if whole { compile(name, &format!("\\A(?:{pattern})\\z")) } else { Ok(rule) }
        })
        .collect()
}

/// The range, grown to whole characters.
fn widen(text: &str, range: Range<usize>) -> Range<usize> {
    text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end)
}

/// The text with every range masked, or nothing if that changes nothing. Marks that are there already are never cut.
fn replace(text: &str, hits: Hits) -> Option<(String, usize)> {
    if hits.is_empty() {
        return None;
    }
    let marks: Vec<usize> = memmem::find_iter(text.as_bytes(), MARK).collect();
    let mut hits: Hits = hits
        .into_iter()
        .filter(|range| range.start < range.end)
        .map(|range| {
            let mut range = widen(text, range);
            let first = marks.partition_point(|&mark| mark + MARK.len() <= range.start);
            let last = marks.partition_point(|&mark| mark < range.end);
            if first < last {
                range = range.start.min(marks[first])..range.end.max(marks[last - 1] + MARK.len());
            }
            range
        })
        .filter(|range| &text[range.clone()] != MARK)
        .collect();
    hits.sort_unstable_by_key(|range| range.start);
    let mut merged: Hits = Vec::with_capacity(hits.len());
    for range in hits {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    if merged.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len() + merged.len() * MARK.len());
    let mut at = 0;
    for range in &merged {
        out.push_str(&text[at..range.start]);
        out.push_str(MARK);
        at = range.end;
    }
    out.push_str(&text[at..]);
    Some((out, merged.len()))
}
