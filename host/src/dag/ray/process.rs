//! The bridge as a process: how it is started, spoken to, and ended.
//!
//! It is in a process group of its own, so that Ctrl-C reaches it through the host only. When the host is gone its standard
//! input ends, and it ends with that.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::super::local::start_with_mask;
use super::super::process::signal_name;
use super::lines::Order;
use crate::evidence::{KEY_PEM_VARIABLE, KEY_VARIABLE};
use crate::redact::Redactor;

/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// Longest line of its standard error that is looked at as a whole.
const ERR_LINE_MAX: u64 = 64 << 10;
/// Longest last line that goes into a message, characters.
const LAST_LINE_MAX: usize = 300;

/// A bridge that runs.
#[derive(Debug)]
pub(super) struct BridgeProcess {
    child: Mutex<Child>,
    /// Until it is to end.
    stdin: Mutex<Option<ChildStdin>>,
    last_line: Arc<Mutex<Option<String>>>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl BridgeProcess {
    /// Starts it; what it says comes from the pipe that is returned. `log` takes its standard error, redacted.
    pub(super) fn start(argv: &[String], log: File, redactor: &Redactor) -> io::Result<(Self, ChildStdout)> {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        start_with_mask(&mut command);
        let mut child = command
            .args(arguments)
            // Whoever can read the key could sign what it likes.
            .env_remove(KEY_VARIABLE)
            .env_remove(KEY_PEM_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let last_line = Arc::new(Mutex::new(None));
        let (told, redactor) = (Arc::clone(&last_line), redactor.clone());
        let listener = thread::Builder::new()
            .name("ray-bridge-err".into())
            .spawn(move || listen(stderr, log, &redactor, &told))
            .inspect_err(|_| {
                // Nobody would ever hear of it.
                drop(child.kill());
                drop(child.wait());
            })?;
        let bridge = Self {
            child: Mutex::new(child),
            stdin: Mutex::new(Some(stdin)),
            last_line,
            listener: Mutex::new(Some(listener)),
        };
        Ok((bridge, stdout))
    }

    /// Tells it something. That it is gone is no error here: the reader of its lines notices.
    pub(super) fn say(&self, order: &Order<'_>) {
        let Ok(line) = order.line() else { return };
        if let Some(stdin) = self.stdin.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            drop(stdin.write_all(&line));
        }
    }

    /// Closes its standard input, by which it knows that it has to end.
    pub(super) fn hang_up(&self) {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits until it has ended, at most so long.
    pub(super) fn wait(&self, at_most: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child().try_wait() {
                Ok(Some(status)) => return Some(status),
                // Not ours to wait for any more.
                Err(_) => return None,
                Ok(None) if start.elapsed() >= at_most => return None,
                Ok(None) => thread::sleep(LOOK),
            }
        }
    }

    /// Ends it and what it started in its group, and waits for that.
    pub(super) fn kill(&self) -> Option<ExitStatus> {
        let mut child = self.child();
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It has not been collected, so the id is still its own.
            let _ = kill_process_group(group, Signal::KILL);
        }
        child.wait().ok()
    }

    /// The last line of its standard error that says something.
    pub(super) fn last_line(&self) -> Option<String> {
        self.last_line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same once it has ended: all of it is read then, unless somebody else holds the pipe.
    pub(super) fn last_words(&self) -> Option<String> {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            let start = Instant::now();
            while !listener.is_finished() && start.elapsed() < Duration::from_millis(500) {
                thread::sleep(LOOK);
            }
        }
        self.last_line()
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BridgeProcess {
    fn drop(&mut self) {
        self.hang_up();
        self.kill();
    }
}

/// How it ended, in words.
pub(super) fn ending(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exit code {code}"),
        Some((None, Some(signal))) => format!("ended by {}", signal_name(signal)),
        _ => "the system does not say how".to_owned(),
    }
}

/// Passes its standard error to its log, and remembers the last line.
fn listen(stderr: impl Read, mut log: File, redactor: &Redactor, last: &Mutex<Option<String>>) {
    let mut reader = BufReader::new(stderr);
    let mut filter = redactor.lines();
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(ERR_LINE_MAX).read_until(b'\n', &mut line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        // A log that can't be written is no reason to stop hearing: the bridge would wait for us.
        drop(log.write_all(&filter.push(&line)));
        if let Some(text) = plain(&String::from_utf8_lossy(&line), redactor) {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
    }
    drop(log.write_all(&filter.finish()));
}

/// A text of Ray's as it may be shown: one line, without escapes, without secrets; `None` if nothing is left.
pub(super) fn plain(text: &str, redactor: &Redactor) -> Option<String> {
    let text = anstream::adapter::strip_str(text).to_string();
    let text = redactor.text(&text).text;
    let words: Vec<&str> = text.split(|character: char| character.is_control() || character == ' ').collect();
    let text = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text.chars().take(LAST_LINE_MAX).collect())
}
