//! How runs are told of on every page: a mark with a word, never a mark or a colour alone.

use crate::conventions::result;
use crate::directory::RunId;
use crate::report::html::Html;
use crate::runs::{Entry, State};
use crate::serve::params::encoded;
use crate::units::NONE;

/// The mark and the word of where a run stands.
pub(in crate::serve) fn state(state: State) -> (&'static str, &'static str) {
    let mark = match state {
        State::Ended => "■",
        State::Running => "▸",
        State::Killed => "✗",
        State::Broken => "?",
    };
    (mark, state.word())
}

/// How a run ended, or where it stands, as a word.
pub(in crate::serve) fn outcome(entry: &Entry) -> &str {
    match entry.state {
        State::Ended => entry.result.as_deref().unwrap_or(NONE),
        state => state.word(),
    }
}

/// The same with its mark and colour.
pub(in crate::serve) fn draw_outcome(html: &mut Html, entry: &Entry) {
    let word = outcome(entry);
    let (mark, class) = match (entry.state, word) {
        (State::Running, _) => ("▸", "quiet"),
        (State::Ended, result::SUCCESS) => ("✓", "good"),
        (State::Broken, _) => ("?", "warning"),
        _ => ("✗", "bad"),
    };
    html.element("span", &[("class", class)], &format!("{mark} {word}"));
}

/// A link to the page of the run in a folder; only its name where that is no run id.
pub(in crate::serve) fn draw_run(html: &mut Html, folder: &str) {
    match RunId::parse(folder) {
        Ok(id) => html.element("a", &[("href", &format!("/runs/{}", encoded(id.as_str())))], folder),
        Err(_) => html.text(folder),
    }
}
