//! A crash, told to whoever runs the plugin and to whoever wrote it.

use std::fmt;

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::failure::sentence;
use super::logbook::{LogLine, Logbook, printable};
use super::store::HANDLES_MAX;

/// Functions that a message names; the report keeps all.
const SHOWN: usize = 6;
/// What is shown of an engine's own message.
const TEXT_MAX: usize = 1 << 10;

/// A crash of a plugin. It displays as a few sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrapReport {
    /// What happened: `it panicked`.
    pub what: String,
    /// What the plugin itself said of it: the text of a panic.
    pub said: Option<String>,
    /// The functions that were running, the innermost first.
    pub functions: Vec<String>,
    /// The last lines of its log.
    pub log: Vec<LogLine>,
    /// One sentence for whoever runs the plugin.
    pub operator: String,
    /// One sentence for whoever wrote it.
    pub author: String,
}

impl fmt::Display for TrapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The plugin crashed: {}", self.what)?;
        if let Some(said) = &self.said {
            write!(f, ": {}", said)?;
        }
        if let Some((innermost, callers)) = self.functions.split_first() {
            write!(f, ", in {innermost}")?;
            for caller in callers.iter().take(SHOWN - 1) {
                write!(f, ", called by {caller}")?;
            }
            let more = callers.len().saturating_sub(SHOWN - 1);
            if more > 0 {
                write!(f, ", and {more} more")?;
            }
        }
        write!(f, ". {} For its author: {}", self.operator, self.author)
    }
}

impl TrapReport {
    /// `words`: what it printed last; `language`: what it is written in.
    pub(super) fn new(error: &wasmtime::Error, log: &Logbook, words: Option<String>, language: Option<&str>) -> Self {
        let trap = error.downcast_ref::<Trap>().copied();
        let exit = error.downcast_ref::<I32Exit>();
        let gave_up = trap == Some(Trap::UnreachableCodeReached) || exit.is_some();
        let said = words.or_else(|| log.last_error().map(str::to_owned)).filter(|_| gave_up);
        let (interpreted, has_words) = (matches!(language, Some("Python" | "JavaScript")), said.is_some());
        let (what, author) = match (exit, trap) {
            (Some(I32Exit(code)), _) => (format!("it ended itself with exit code {code}"), EXIT.to_owned()),
            (None, Some(Trap::UnreachableCodeReached)) => gave_up_words(said.as_deref(), language),
            (None, Some(trap)) => trap_words(trap),
            (None, None) => misused(error),
        };
        Self {
            what,
            said,
            // Of an interpreter these are its own, and say nothing beside the traceback.
            functions: if interpreted && (has_words || exit.is_some()) { Vec::new() } else { functions(error) },
            log: log.tail(),
            operator:
                "The run itself is not touched; this is a fault of the plugin, and running it again will not help."
                    .into(),
            author: sentence(&author),
        }
    }
}

/// A host function that was used in a way that no limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misuse {
    #[error("it waits for something that never happens")]
    WaitsForEver,
    #[error("it asks for more random bytes at once than the 65536 that there are")]
    RandomBytes,
}

const EXIT: &str = "return from `render`, with an error where there is one, instead of ending the process";

/// What a host function complained of, and a sentence for the author.
fn misused(error: &wasmtime::Error) -> (String, String) {
    if let Some(misuse) = error.downcast_ref::<Misuse>() {
        let author = match misuse {
            Misuse::WaitsForEver => "nothing outside of a plugin ever happens: there is nothing to wait for but time",
            Misuse::RandomBytes => "ask for them in pieces",
        };
        return (misuse.to_string(), author.into());
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        let what = format!("it holds more than {HANDLES_MAX} handles of the host at once");
        return (what, "drop streams, pollables and spans when they are done".into());
    }
    (printable(&error.root_cause().to_string(), TEXT_MAX), BORDER.into())
}

/// `unreachable`: how compilers end what has gone wrong beyond hope.
fn gave_up_words(said: Option<&str>, language: Option<&str>) -> (String, String) {
    let (what, author) = match (said, language) {
        (Some(said), Some("Python")) if said.contains("ModuleNotFoundError") => (
            "it raised an exception",
            "only modules that are imported at the top of a file are in the component: move the import there",
        ),
        (Some(_), Some("Python")) => (
            "it raised an exception",
            "catch it in `render` and raise `Err` with a `plugin-error` where an input may be bad; only that arrives whole",
        ),
        (Some(_), Some("JavaScript")) => (
            "it threw an error",
            "catch it in `render` and throw a `plugin-error`, not an `Error`: `{ tag: \"internal\", val: String(error) }`",
        ),
        (Some(_), Some("C" | "C++")) => {
            ("it aborted", "return a `plugin-error` where an input may be bad, and keep `abort` and `assert` for bugs")
        }
        (Some(_), _) => ("it panicked", "return a `plugin-error` where an input may be bad, and keep panics for bugs"),
        (None, Some("Python")) => (
            "it gave up without a word (`unreachable`)",
            "build it without `--stub-wasi`, and the traceback will stand here",
        ),
        (None, Some("JavaScript")) => (
            "it gave up without a word (`unreachable`)",
            "build it with `--disable http --disable fetch-event` and nothing more, and the error will stand here",
        ),
        (None, _) => (
            "it gave up without a word (`unreachable`)",
            "send the text of a panic through `log` with level `error`, as the Rust SDK does, and it will stand here",
        ),
    };
    (what.into(), author.into())
}

const BORDER: &str = "a value that crossed to the host was not what the WIT says; look at the bindings, and at code that writes to memory by itself";

/// What a trap means to people: what happened, and a sentence for the author.
fn trap_words(trap: Trap) -> (String, String) {
    let (what, author) = match trap {
        Trap::MemoryOutOfBounds | Trap::StackOverflow => (
            "recursion too deep or out-of-bounds access",
            "a Rust plugin's own stack is 1 MiB, and overflowing it looks like this: make the recursion a loop, or its frames smaller",
        ),
        Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature => (
            "it called a function pointer that is none",
            "look for code that writes to memory by itself, or casts function pointers",
        ),
        Trap::IntegerDivisionByZero => {
            ("it divided by zero", "check the divisor, and report a missing figure as `none`")
        }
        Trap::IntegerOverflow | Trap::BadConversionToInteger => {
            ("a number did not fit its type", "check the range before the conversion")
        }
        Trap::CannotLeaveComponent => (
            "it called the host where that is not allowed",
            "nothing may be imported while arguments or results are moved; in Go, a garbage collection there does it: `debug.SetGCPercent(-1)`",
        ),
        Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer => return (engine_words(trap), BORDER.into()),
        other => return (engine_words(other), "this is the engine's own message for what the code did".into()),
    };
    (what.into(), author.into())
}

fn engine_words(trap: Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
}

/// Names of the functions that were running, demangled, the innermost first.
pub(super) fn functions(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    // Only the backtrace's own text has demangled names: `   3:   0x1a2b - module!function`.
    let names = backtrace.to_string();
    let names = names.lines().filter_map(|line| {
        let (number, place) = line.trim_start().split_once(": ")?;
        number.parse::<u32>().ok()?;
        let name = place.split_once('!').map_or(place, |(_, name)| name);
        Some(plain(&printable(name.trim(), TEXT_MAX)))
    });
    let mut functions: Vec<String> = names.skip_while(|name| is_machinery(name)).collect();
    // The trampolines that a component is wired with have no names; they say nothing beside those that have.
    let is_nameless = |name: &String| name.starts_with("<wasm function ");
    if !functions.iter().all(is_nameless) {
        functions.retain(|name| !is_nameless(name));
    }
    functions.dedup();
    functions
}

/// Without the hashes that Rust puts into names: `a::b::h0123456789abcdef`, `a[0123456789abcdef]::b`.
fn plain(name: &str) -> String {
    let is_hash = |text: &str| text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut parts = name.split('[');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((hash, rest)) if hash.len() > 8 && is_hash(hash) => path.push_str(rest),
            _ => path.extend(["[", part]),
        }
    }
    if let Some((above, tail)) = path.rsplit_once("::")
        && tail.len() == 17
        && tail.strip_prefix('h').is_some_and(is_hash)
    {
        path.truncate(above.len());
    }
    path
}

/// What every Rust panic has on top.
fn is_machinery(name: &str) -> bool {
    ["core::panicking::", "std::panicking::", "__rust", "std::sys::backtrace::", "rust_panic", "std::process::abort"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_hash_and_nothing_else() {
        assert_eq!(plain("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(plain("a::b::h0123456789abcdeg"), "a::b::h0123456789abcdeg");
        assert_eq!(plain("<a as b>::c"), "<a as b>::c");
        assert_eq!(plain("std[a543996e6e7dbf1e]::f::<std[a543996e6e7dbf1e]::g, !>"), "std::f::<std::g, !>");
        assert_eq!(plain("<[u8]>::sort::<[T; 2]>"), "<[u8]>::sort::<[T; 2]>");
    }

    #[test]
    fn a_report_names_the_innermost_functions() {
        let report = TrapReport {
            what: "it panicked".into(),
            said: Some("no".into()),
            functions: (0..9).map(|number| format!("f{number}")).collect(),
            log: vec![],
            operator: "O.".into(),
            author: "A.".into(),
        };
        assert_eq!(
            report.to_string(),
            "The plugin crashed: it panicked: no, in f0, called by f1, called by f2, called by f3, called by f4, \
             called by f5, and 3 more. O. For its author: A."
        );
    }
}
