//! Lines for a terminal in the making. Every text is cleaned on its way in, so that nothing but [`Page::line`] can make an escape
//! sequence or a line break.

use super::Terminal;
use super::width::{part, width};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// What stands before a plugin's words.
const BAR: &str = "│ ";

/// How a text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Look {
    #[default]
    Plain,
    Strong,
    Good,
    Warning,
    Bad,
    Quiet,
}

impl Look {
    fn style(self) -> Style {
        let style = Style::new();
        let colour = |colour: AnsiColor| style.fg_color(Some(colour.into()));
        match self {
            Self::Plain => style,
            Self::Strong => style.bold(),
            Self::Good => colour(AnsiColor::Green),
            Self::Warning => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red),
            Self::Quiet => style.dimmed(),
        }
    }
}

/// Texts with their looks, one after the other.
pub(super) type Runs = Vec<(Look, String)>;

/// The text, line by line.
pub(super) struct Page {
    out: String,
    terminal: Terminal,
    framed: bool,
    /// Whether the last line is empty.
    open: bool,
}

impl Page {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self { out: String::new(), terminal, framed: false, open: true }
    }

    pub(super) fn text(self) -> String {
        self.out
    }

    /// Columns for what is written now.
    pub(super) fn width(&self) -> usize {
        self.terminal.width - if self.framed { width(BAR) } else { 0 }
    }

    /// What `fill` writes stands behind the bar, or before it.
    pub(super) fn framed(&mut self, framed: bool, fill: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.framed, framed);
        if before != framed {
            self.gap_outside();
        }
        fill(self);
        self.framed = before;
        if before != framed {
            self.gap_outside();
        }
    }

    fn gap_outside(&mut self) {
        if !self.open {
            self.out.push('\n');
            self.open = true;
        }
    }

    /// An empty line, if the last one isn't.
    pub(super) fn gap(&mut self) {
        if !self.open {
            self.line::<&str>(&[]);
            self.open = true;
        }
    }

    /// One line.
    pub(super) fn line<T: AsRef<str>>(&mut self, runs: &[(Look, T)]) {
        let start = self.out.len();
        if self.framed {
            self.out.push_str(BAR);
        }
        let runs: Vec<(Look, String)> =
            runs.iter().map(|(look, text)| (*look, text.as_ref().chars().map(clean).collect())).collect();
        let used = runs.iter().rposition(|(_, text)| !text.trim().is_empty()).map_or(0, |last| last + 1);
        for (at, (look, text)) in runs[..used].iter().enumerate() {
            let text = if at + 1 == used { text.trim_end_matches(' ') } else { text };
            let style = look.style();
            if !self.terminal.colour || style.is_plain() || text.trim().is_empty() {
                self.out.push_str(text);
            } else {
                let _ = write!(self.out, "{style}{text}{style:#}");
            }
        }
        let end = start + self.out[start..].trim_end_matches(' ').len();
        self.out.truncate(end);
        self.out.push('\n');
        self.open = false;
    }

    /// Words in as many lines as they take. The first begins with `first`, the others with `rest`.
    pub(super) fn wrapped(&mut self, first: &str, rest: &str, runs: &[(Look, String)]) {
        let room = |start: &str| self.width().saturating_sub(width(start)).max(1);
        let (first_room, rest_room) = (room(first), room(rest));
        let mut lines: Vec<Runs> = vec![Runs::new()];
        let mut used = 0;
        for word in words(runs) {
            let length: usize = word.iter().map(|(_, text)| width(text)).sum();
            let max = if lines.len() == 1 { first_room } else { rest_room };
            if used > 0 && used + 1 + length > max {
                lines.push(Runs::new());
                used = 0;
            } else if used > 0 {
                add(&mut lines, word[0].0, " ");
                used += 1;
            }
            for (look, text) in word {
                let mut text = &*text;
                while !text.is_empty() {
                    let max = if lines.len() == 1 { first_room } else { rest_room };
                    if used >= max || used > 0 && used + width(text) > max && length > max {
                        lines.push(Runs::new());
                        used = 0;
                        continue;
                    }
                    let (start, after) = part(text, max - used);
                    add(&mut lines, look, start);
                    used += width(start);
                    text = after;
                    if !text.is_empty() {
                        lines.push(Runs::new());
                        used = 0;
                    }
                }
            }
        }
        for (at, line) in lines.into_iter().enumerate() {
            let start = if at == 0 { first } else { rest };
            let runs: Vec<(Look, &str)> =
                [(Look::Plain, start)].into_iter().chain(line.iter().map(|(look, text)| (*look, &**text))).collect();
            self.line(&runs);
        }
    }

    /// Lines as they are, such as those of a log: what is too long goes on in the next line.
    pub(super) fn verbatim(&mut self, start: &str, text: &str) {
        let room = self.width().saturating_sub(width(start)).max(1);
        for line in text.lines() {
            let line = line.replace('\t', "    ");
            let mut rest = line.trim_end();
            loop {
                let (shown, after) = part(rest, room);
                self.line(&[(Look::Plain, start), (Look::Plain, shown)]);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
        }
    }
}

/// What stays with the number before it.
const UNITS: &[&str] = &["%", "ns", "µs", "ms", "s", "min", "h", "d", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Whether a piece is the unit of the number that a word ends with.
fn is_unit_of(word: &[(Look, String)], piece: &str) -> bool {
    let number = word.last().is_some_and(|(_, text)| text.ends_with(|c: char| c.is_ascii_digit()));
    number && UNITS.contains(&piece.trim_end_matches(['.', ',', ';', ':', ')']))
}

/// Whatever control character is left becomes a mark.
fn clean(c: char) -> char {
    match c {
        '\t' | '\u{a0}' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn add(lines: &mut [Runs], look: Look, text: &str) {
    let Some(line) = lines.last_mut() else { return };
    match line.last_mut() {
        Some((last, before)) if *last == look => before.push_str(text),
        _ => line.push((look, text.to_owned())),
    }
}

/// Texts parted at spaces; a word may change its look.
fn words(runs: &[(Look, String)]) -> Vec<Runs> {
    let mut words: Vec<Runs> = vec![Runs::new()];
    for (look, text) in runs {
        for (at, piece) in text.split([' ', '\t', '\n']).enumerate() {
            let joined = at > 0 && words.last().is_some_and(|word| is_unit_of(word, piece));
            if at > 0 && !joined {
                words.push(Runs::new());
            }
            if let Some(word) = words.last_mut().filter(|_| !piece.is_empty()) {
                word.push((*look, if joined { format!(" {piece}") } else { piece.to_owned() }));
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
