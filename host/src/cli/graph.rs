//! `graph`: a pipeline as a picture.

use std::ffi::OsString;

use super::args::{GraphCommand, GraphFormat};
use super::{Exit, Failure, Outcome, print, validate};
use crate::graph::{Canvas, StageView, View, dot, json, mermaid, text};

/// Columns where nothing is known of a terminal.
const WIDTH: usize = 100;

pub(super) fn graph(command: &GraphCommand) -> Outcome {
    let pipeline = validate::load(&command.pipeline)?;
    let view = View::new(&pipeline.name, &StageView::of(&pipeline), command.all);
    let drawn = match command.format {
        GraphFormat::Text => text::text(&view, &canvas()),
        GraphFormat::Mermaid => mermaid::mermaid(&view, command.all).map_err(Failure::usage)?,
        GraphFormat::Dot => dot::dot(&view),
        GraphFormat::Json => json::json(&view).map_err(Failure::internal)?,
    };
    print(&drawn)?;
    Ok(Exit::Success)
}

fn canvas() -> Canvas {
    let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    Canvas { width: width.unwrap_or(WIDTH).max(40), unicode: is_utf8(|name| std::env::var_os(name)) }
}

/// Whether text that isn't ASCII can be shown: the first of the locale's variables that says something says UTF-8.
fn is_utf8(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    let name = said.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    cfg!(windows) || name.contains("utf-8") || name.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_what_can_be_shown() {
        let with = |pairs: &[(&str, &str)]| {
            is_utf8(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()))
        };
        assert!(with(&[("LANG", "de_DE.UTF-8")]));
        assert!(with(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert_eq!(with(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]), cfg!(windows));
        assert_eq!(with(&[]), cfg!(windows));
    }
}
