//! The end of a failed attempt's output.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::style::DIM;
use super::text::{Line, one_line};

/// How much of the end of a log is looked at, bytes.
const WINDOW: u64 = 16 * 1024;
/// How many lines are shown.
const LINES: usize = 5;
/// What stands before each.
const MARGIN: &str = "          │ ";

/// Where an attempt's output is.
#[derive(Debug)]
pub(super) struct Logs {
    /// Of the stream that is looked at first.
    path: PathBuf,
}

impl Logs {
    /// `log`: path of the standard error, or of the standard output if that is all there is, below the run directory.
    pub(super) fn new(directory: &Path, log: &str) -> Self {
        Self { path: directory.join(log) }
    }

    /// The last lines of standard error, or, where that says nothing, of standard output; nothing if both are silent.
    pub(super) fn last_lines(&self) -> Vec<Line> {
        let stdout = self.path.to_str().and_then(|path| path.strip_suffix(".err.log"));
        let mut lines = last_lines(&self.path);
        if let (true, Some(stem)) = (lines.is_empty(), stdout) {
            lines = last_lines(Path::new(&format!("{stem}.out.log")));
        }
        lines.iter().map(|line| Line::default().with(DIM, MARGIN).and(line)).collect()
    }
}

fn last_lines(path: &Path) -> Vec<String> {
    let bytes = end(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            // Of a line that was written over and over, such as a progress bar, the last state.
            let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
            one_line(line).trim_end().to_owned()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines.split_off(lines.len().saturating_sub(LINES))
}

/// The last bytes of a file, from the beginning of a line.
fn end(path: &Path) -> std::io::Result<Vec<u8>> {
    // A stage may have put anything there: a link elsewhere isn't followed, a pipe isn't waited for.
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(path)?;
    let meta = file.metadata()?;
    let mut bytes = Vec::new();
    if meta.is_file() {
        let start = meta.len().saturating_sub(WINDOW);
        file.seek(SeekFrom::Start(start))?;
        file.take(WINDOW).read_to_end(&mut bytes)?;
        if start > 0 {
            // The rest of a line that began before, unless it is all there is.
            let rest = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            bytes.drain(..rest % bytes.len().max(1));
        }
    }
    Ok(bytes)
}
