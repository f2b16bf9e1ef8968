//! Bytes to standard error: a frame at a time, and what to do when nobody takes them.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// A window that doesn't say how large it is.
const USUAL: (usize, usize) = (80, 24);
/// Terminals that know it show what is between these at once (<https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036>).
const TOGETHER: (&str, &str) = ("\x1b[?2026h", "\x1b[?2026l");
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
/// From the cursor to the end of the window.
const ERASE_BELOW: &str = "\r\x1b[J";

/// Where lines go.
#[derive(Debug)]
pub(super) struct Output {
    /// None: it went away.
    file: Option<File>,
    /// What is done to lines that somebody else reads along who would obey some.
    clean: Option<fn(&str) -> String>,
    /// The area as it stands on the terminal; the cursor is at its first column and hidden while there is one.
    drawn: Vec<String>,
}

impl Output {
    /// To a copy of this.
    pub(super) fn to(target: impl AsFd) -> Self {
        let file = target.as_fd().try_clone_to_owned().map(|fd: OwnedFd| File::from(fd)).ok();
        Self { file, clean: None, drawn: Vec::new() }
    }

    /// The same, with every line made into this before it is written.
    pub(super) fn cleaned(mut self, clean: Option<fn(&str) -> String>) -> Self {
        self.clean = clean;
        self
    }

    /// Columns and rows of the window, as they are now.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = self.file.as_ref().and_then(|file| tcgetwinsize(file).ok());
        size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)))
            .filter(|&(columns, rows)| columns > 0 && rows > 0)
            .unwrap_or(USUAL)
    }

    /// Whether this program is the one that the terminal is talking with, and not one in the background.
    pub(super) fn in_foreground(&self) -> bool {
        let group = self.file.as_ref().and_then(|file| tcgetpgrp(file).ok());
        group.is_none_or(|group| group == rustix::process::getpgrp())
    }

    /// Whether nobody takes what is written.
    pub(super) fn is_gone(&self) -> bool {
        self.file.is_none()
    }

    /// Writes lines that stay.
    pub(super) fn lines(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let text = match self.clean {
            Some(clean) => lines.iter().map(|line| clean(line) + "\n").collect(),
            None => lines.join("\n") + "\n",
        };
        self.write(&text);
    }

    /// Writes lines that stay, and below them the area, instead of the one that stands there.
    pub(super) fn frame(&mut self, lines: &[String], area: Vec<String>) {
        if lines.is_empty() && area == self.drawn {
            return;
        }
        self.write(&frame(lines, &area, !self.drawn.is_empty()));
        self.drawn = area;
    }

    /// Takes the area away, and shows the cursor.
    pub(super) fn tear_down(&mut self) {
        self.frame(&[], Vec::new());
    }

    /// Writes it all, however long that takes. What went away is not written to again.
    fn write(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(file) = &self.file
            && !rest.is_empty()
        {
            match rustix::io::write(file, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                // Somebody else who has this terminal open wants not to wait for it.
                Err(Errno::AGAIN) => {
                    let soon = Duration::from_millis(100).try_into().ok();
                    let _ = poll(&mut [PollFd::new(file, PollFlags::OUT)], soon.as_ref());
                }
                Err(_) => self.file = None,
            }
        }
    }
}

/// The bytes of a frame. The cursor is left at the beginning of the area: what the terminal itself echoes (`^C`) moves nothing,
/// and the next frame finds its place even if the window was made narrower and the terminal broke the lines anew.
fn frame(lines: &[String], area: &[String], was_drawn: bool) -> String {
    let mut out = String::from(TOGETHER.0);
    if was_drawn && (area.is_empty() || !lines.is_empty()) {
        out += ERASE_BELOW;
    } else {
        out += "\r";
    }
    for line in lines {
        out += line;
        out += "\r\n";
    }
    match area {
        [] if was_drawn => out += SHOW_CURSOR,
        [] => {}
        [first, rest @ ..] => {
            if !was_drawn {
                out += HIDE_CURSOR;
            }
            out += first;
            for line in rest {
                out += "\x1b[K\r\n";
                out += line;
            }
            // Also what an area of more lines left, and what was broken anew.
            out += "\x1b[J\r";
            if !rest.is_empty() {
                out += &format!("\x1b[{}A", rest.len());
            }
        }
    }
    out + TOGETHER.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn n(number: u16) -> std::num::NonZeroU16 {
        number.try_into().unwrap()
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn rows(parser: &vt100::Parser) -> Vec<String> {
        let (_, columns) = parser.screen().size();
        let rows = parser.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect::<Vec<_>>();
        let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |at| at + 1);
        rows[..used].to_vec()
    }

    #[test]
    fn what_ended_stands_above_what_runs() {
        let mut parser = vt100::Parser::new(n(6), n(20), 100);
        parser.process(b"$ host\r\n");
        parser.process(frame(&[], &strings(&["a 1 s", "[0/3]"]), false).as_bytes());
        assert_eq!(rows(&parser), ["$ host", "a 1 s", "[0/3]"]);
        assert!(parser.screen().hide_cursor());
        parser.process(frame(&strings(&["a done", "b done"]), &strings(&["c 1 s", "d 1 s", "[2/3]"]), true).as_bytes());
        assert_eq!(rows(&parser), ["$ host", "a done", "b done", "c 1 s", "d 1 s", "[2/3]"]);
        parser.process(frame(&strings(&["c done"]), &strings(&["[3/3]"]), true).as_bytes());
        assert_eq!(rows(&parser), ["$ host", "a done", "b done", "c done", "[3/3]"]);
        // What the terminal echoes is drawn over.
        parser.process(b"^C^C");
        parser.process(frame(&[], &[], true).as_bytes());
        assert_eq!(rows(&parser), ["$ host", "a done", "b done", "c done"]);
        assert!(!parser.screen().hide_cursor());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_remains(
            frames in prop::collection::vec((0usize..7, 0usize..5, 2u16..9, 8u16..30), 1..20)
        ) {
            let mut parser = vt100::Parser::new(n(8), n(30), 10_000);
            let (mut said, mut was_drawn) = (0, false);
            for (new, area, height, width) in frames {
                parser.screen_mut().set_size(n(height), n(width));
                let lines: Vec<String> = (said..said + new).map(|at| format!("line {at}")).collect();
                said += new;
                let area: Vec<String> = (0..area.min(usize::from(height) - 1)).map(|at| format!("run {at}")).collect();
                parser.process(frame(&lines, &area, was_drawn).as_bytes());
                was_drawn = !area.is_empty();
            }
            parser.process(frame(&[], &[], was_drawn).as_bytes());
            parser.screen_mut().set_size(n(8), n(30));
            let shown = rows(&parser);
            prop_assert!(!shown.iter().any(|row| row.starts_with("run")), "{shown:?}");
            let last = shown.iter().rfind(|row| !row.is_empty()).cloned().unwrap_or_default();
            prop_assert!(said == 0 || last == format!("line {}", said - 1), "{shown:?}");
        }
    }
}
