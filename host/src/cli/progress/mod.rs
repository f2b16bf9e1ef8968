//! Shows a run as it goes on: to people on standard error, never garbled by the stages' own output, which goes to files; to
//! programs on standard output.
//!
//! | module | job |
//! |---|---|
//! | `board` | what is known of the run, from its events |
//! | `eta` | how long the rest will take |
//! | `draw` | the board into the lines of the live area: a pure function |
//! | `lines` | an event into a line |
//! | `text`, `style` | widths, cutting, what can't be seen; colours |
//! | `tail` | the last lines of a failed attempt's log |
//! | `printer`, `output` | the thread that writes, and the bytes it writes |
//! | `suspend` | Ctrl-Z and its kin |
//! | `events` | lines of JSON |

mod board;
mod draw;
mod eta;
mod events;
mod lines;
mod output;
mod printer;
mod style;
mod suspend;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use self::board::Board;
use self::events::EventLines;
use self::lines::Columns;
use self::output::Output;
use self::printer::{Printer, Said, Style};
pub(super) use self::style::{BAD, GOOD};
use self::tail::Logs;
use crate::ci::lines::harmless;
use crate::dag::Stop;
use crate::events::{Observer, RunEvent};
use crate::run::RunOutcome;

/// Plain lines: after a silence this long, a line says that the run goes on.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Warnings.
    Silent,
    /// Failures too.
    Quiet,
    Normal,
    Verbose,
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// Live on a terminal, else plain
    #[default]
    Auto,
    /// Running stages at the bottom of the terminal, what has ended above
    Live,
    /// A line for each stage that ends
    Plain,
    /// Only warnings
    None,
}

impl Choice {
    /// Whether there is a live view. One that can't be shown is not, even if it is asked for.
    fn is_live(self, level: Level, json: bool) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false" && ci != "0");
        let told = matches!(level, Level::Normal | Level::Verbose);
        // Lines of JSON on the same terminal would stand in the middle of it.
        let possible = told && std::io::stderr().is_terminal() && !dumb && !(json && std::io::stdout().is_terminal());
        match self {
            Self::Auto => possible && !ci,
            Self::Live => possible,
            Self::Plain | Self::None => false,
        }
    }
}

/// Shows a run, and gives way when it is dropped.
pub(super) struct Progress {
    level: Level,
    columns: Columns,
    directory: PathBuf,
    printer: Printer,
    events: Option<EventLines>,
    stop: Stop,
}

impl Progress {
    /// Plain lines, for what is no run.
    pub(super) fn lines(level: Level) -> Self {
        Self::new(level, Choice::Plain, false, Stop::new())
    }

    /// `json`: also tell events on standard output. `stop`: who is asked to stop twice waits for no terminal and no reader.
    pub(super) fn new(level: Level, choice: Choice, json: bool, stop: Stop) -> Self {
        let read_along = crate::cli::ci::reads_along();
        // Who asks for it sits before a terminal, whatever the environment says.
        let live = choice.is_live(level, json) && (choice == Choice::Live || !read_along);
        let read_along = read_along && !live;
        let level = if choice == Choice::None { Level::Silent } else { level };
        let style = Style {
            live,
            colors: AutoStream::choice(&std::io::stderr()) != ColorChoice::Never && !read_along,
            heartbeat: (!live && matches!(level, Level::Normal | Level::Verbose)).then_some(HEARTBEAT),
        };
        let printer = Printer::start(
            Output::to(std::io::stderr()).cleaned(read_along.then_some(|line: &str| harmless(line).into_owned())),
            style,
        );
        if live {
            suspend::watch(printer.shared());
        }
        let events = json.then(|| EventLines::start(std::io::stdout()).ok()).flatten();
        Self { level, columns: Columns::default(), directory: PathBuf::new(), printer, events, stop }
    }

    /// Takes the live view away, and writes the last event: how the run ended.
    pub(super) fn ended(&mut self, outcome: &RunOutcome) {
        self.close(|events| events.ended(outcome));
    }

    /// The same, for a run that has no complete record.
    pub(super) fn aborted(&mut self, error: &dyn std::error::Error) {
        self.close(|events| events.aborted(error));
    }

    fn close(&mut self, last: impl FnOnce(&mut EventLines)) {
        let stop = self.stop.clone();
        let enough = || stop.kill_requested();
        let mut events = self.events.take();
        if let Some(events) = &mut events {
            last(events);
        }
        self.printer.finish(&enough);
        if let Some(Err(error)) = events.map(|mut events| events.finish(&enough)) {
            say(format_args!("warning: not all events could be written to standard output: {error}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.close(|_| {});
    }
}

impl Observer for Progress {
    fn on_event(&mut self, event: &RunEvent<'_>) {
        if let Some(events) = &mut self.events {
            events.tell(event);
        }
        let mut logs = None;
        match *event {
            RunEvent::RunStarted { directory, pipeline, plan, slots, .. } => {
                let board = Board::new(pipeline, plan, slots);
                self.columns = Columns { total: board.total(), id: board.longest_id() };
                self.directory = directory.to_owned();
                self.printer.begin(board);
            }
            RunEvent::AttemptStarted { stage, attempt, .. } => {
                self.printer.update(|board, now| board.attempt_started(stage, attempt, now));
            }
            RunEvent::AttemptFailed { stage, attempt, message, backoff } => {
                self.printer.update(|board, now| board.attempt_failed(stage, attempt, message, backoff, now));
            }
            RunEvent::StageEnded { stage, result, saved, allowed, log, .. } => {
                self.printer.update(|board, _| board.stage_ended(stage, result, saved.is_some(), allowed));
                logs = log.filter(|_| result.is_failure()).map(|log| Logs::new(&self.directory, log));
            }
            RunEvent::Stopping { reason, .. } => self.printer.update(|board, _| board.stopping = Some(reason)),
            RunEvent::Killing { .. } => self.printer.update(|board, _| board.killing = true),
            RunEvent::ReportEnded { .. } => self.printer.update(|board, _| board.reports.0 += 1),
            RunEvent::Warning { .. } => {}
        }
        if let Some(line) = lines::line(event, self.level, self.columns) {
            self.printer.say(Said { line, logs });
        }
        if let RunEvent::RunStarted { pipeline, plan, .. } = *event
            && matches!(self.level, Level::Normal | Level::Verbose)
        {
            for line in lines::again(pipeline, plan) {
                self.printer.say(Said { line, logs: None });
            }
        }
    }
}

/// A line on standard error; a terminal that went away is no reason to stop. What would turn the direction of the text that
/// follows is shown as what it is: names and messages come from others.
pub(super) fn say(text: std::fmt::Arguments<'_>) {
    if super::ci::reads_along() {
        super::ci::print_log(&text.to_string());
        return;
    }
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut line = String::new();
    for c in text.to_string().chars() {
        if turns(c) { line.extend(c.escape_unicode()) } else { line.push(c) }
    }
    drop(writeln!(anstream::stderr().lock(), "{line}"));
}
