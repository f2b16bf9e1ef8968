//! What can go wrong, in sentences for people: what, where, what now.

use std::io;

use super::API_VERSION;
use super::document::PluginError;
use super::inspect::Refusal;
use super::logbook::{LogLine, printable};
use super::trap::TrapReport;
use crate::limits::{Limit, Limits};

/// What is shown of a text that a plugin wrote.
const TEXT_MAX: usize = 4 << 10;

/// Why bytes are not a plugin that this host can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is larger than allowed.
    #[error("The plugin is too large: {0}.")]
    TooLarge(String),
    /// The file is machine code.
    #[error(
        "The plugin is compiled machine code (`.cwasm`), which is never loaded from elsewhere: give the component that it was made from."
    )]
    Precompiled,
    /// The file is something else.
    #[error("The plugin is not WebAssembly: the file does not begin with `\\0asm`.")]
    NotWasm,
    /// The file is the module inside of a component.
    #[error(
        "The plugin is a core module, not a component: build it with the SDK, or make a component of it with `wasm-tools component new`."
    )]
    CoreModule,
    /// The file is damaged, or uses what this host does not offer.
    #[error("The plugin is not a valid component: {0}.")]
    Malformed(String),
    /// The plugin speaks another version of the API.
    #[error("The plugin needs report API {needs}, this host has {API_VERSION}.")]
    OtherApi {
        /// The version that it needs.
        needs: String,
    },
    /// The plugin imports what it isn't granted.
    #[error("The plugin {}.", wishes(.0))]
    Refused(Vec<Refusal>),
    /// The component is something other than a report plugin.
    #[error("The component is not a report plugin: it does not export `forensic:report/plugin`, {}.", instead(.exports))]
    NotAPlugin {
        /// What it exports.
        exports: Vec<String>,
    },
    /// Right names, wrong types.
    #[error("The plugin was built against other WIT files than this host's report API {API_VERSION}: {0}.")]
    OtherTypes(String),
    /// The compiler needs too much for it.
    #[error("The plugin cannot be compiled within limits: {0}.")]
    CompileLimit(String),
    /// The compiler refuses it.
    #[error("The plugin cannot be compiled: {0}.")]
    Uncompilable(String),
    /// The file can't be read, or not to its end.
    #[error("The plugin can't be read: {0}.")]
    Unreadable(String),
    /// Our own fault, or the machine's.
    #[error("The compiler of plugins does not work: {0}.")]
    Compiler(String),
}

fn wishes(refused: &[Refusal]) -> String {
    let wishes: Vec<String> =
        refused.iter().map(|refusal| format!("wants {}: {}", refusal.import, refusal.why)).collect();
    wishes.join("; it ")
}

fn instead(exports: &[String]) -> String {
    match exports {
        [] => "and nothing else".into(),
        exports => format!("but {}", exports.join(", ")),
    }
}

/// Why a call gave no document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// It hit a limit.
    #[error("The plugin was stopped: {message}.")]
    Limit {
        /// Which.
        limit: Limit,
        /// What it would have taken, in the base of the limit's unit, where that is known.
        asked: Option<u64>,
        /// The limit, its value, what was asked for, and the key that raises it.
        message: String,
        /// The last lines of its log.
        log: Vec<LogLine>,
    },
    /// It crashed.
    #[error("{0}")]
    Trap(Box<TrapReport>),
    /// It said itself why not.
    #[error("{}", said(.0))]
    Plugin(PluginError),
    /// What it returned can't be drawn.
    #[error("The plugin made a bad document: block {block} is a {kind}, and {why}.")]
    BadDocument {
        /// Number of the block, from 1.
        block: usize,
        /// What it is.
        kind: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It could not be started.
    #[error("The plugin could not be started: {why}.")]
    Instantiate {
        /// The engine's own words.
        why: String,
    },
    /// Our own fault.
    #[error("The host failed while it ran the plugin: {why}.")]
    Host {
        /// What happened.
        why: String,
    },
}

fn said(error: &PluginError) -> String {
    let (what, text) = match error {
        PluginError::InvalidConfig(text) => ("does not accept its config", text),
        PluginError::MissingData(text) => ("misses data that it needs", text),
        PluginError::Internal(text) => ("failed by its own account", text),
    };
    format!("The plugin {what}: {}", sentence(&printable(text, TEXT_MAX)))
}

/// With a full stop, if it has none.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{text}{end}")
}

impl CallFailure {
    /// There is no thread to call it in.
    pub(crate) fn without_thread(error: &io::Error) -> Self {
        Self::Host { why: format!("it can't start a thread: {error}") }
    }

    /// `place` says where, and ends with a colon and a space, or is empty.
    pub(super) fn limit(limits: &Limits, limit: Limit, asked: Option<u64>, place: &str) -> Self {
        Self::Limit { limit, asked, message: format!("{place}{}", limits.exceeded(limit, asked)), log: Vec::new() }
    }

    /// The last lines of the plugin's log, where they may help.
    pub fn log(&self) -> &[LogLine] {
        match self {
            Self::Limit { log, .. } => log,
            Self::Trap(trap) => &trap.log,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refused_imports_are_told_at_once() {
        let refusal = |import: &str, why: &str| Refusal { import: import.into(), why: why.into() };
        let error = LoadError::Refused(vec![
            refusal("wasi:sockets/tcp@0.2.3", "a plugin gets no network"),
            refusal("acme:x/y", "this host does not know it"),
        ]);
        assert_eq!(
            error.to_string(),
            "The plugin wants wasi:sockets/tcp@0.2.3: a plugin gets no network; it wants acme:x/y: this host does not know it."
        );
    }

    #[test]
    fn a_plugins_own_words_are_made_printable() {
        let failure = CallFailure::Plugin(PluginError::MissingData("no\u{1b} file\n".into()));
        assert_eq!(failure.to_string(), "The plugin misses data that it needs: no\\u{1b} file\\n.");
    }
}
