//! One output stream of an attempt: from the pipe, through the redaction filter, to the log.
//!
//! May live here: what happens to bytes. When to read is the watcher's business.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::super::executor::OutputLost;
use crate::directory::LogFile;
use crate::redact::{LineRedactor, Redactor};

/// How much is read, filtered and written at once: what a pipe holds.
const CHUNK: usize = 64 << 10;

/// A standard stream of an attempt.
#[derive(Debug)]
pub(super) struct Stream {
    /// Until its end.
    from: Option<PipeReader>,
    filter: LineRedactor,
    /// The last byte was no line end.
    mid_line: bool,
    log: Log,
}

/// What is known of a stream at its end.
#[derive(Debug)]
pub(super) struct StreamEnd {
    pub(super) redactions: u64,
    pub(super) lost: Option<OutputLost>,
}

impl Stream {
    pub(super) fn new(from: PipeReader, redactor: &Redactor, to: LogFile) -> Self {
        Self { from: Some(from), filter: redactor.lines(), mid_line: false, log: Log { to, lost: None, gap: 0 } }
    }

    /// What to wait on; `None` after the stream's end.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(AsFd::as_fd)
    }

    /// Takes what the pipe holds; blocks if that is nothing. `buffer` gets its size at the first use.
    pub(super) fn pass(&mut self, buffer: &mut Vec<u8>) {
        self.pass_at_most(CHUNK, buffer);
    }

    /// Takes what the pipe holds by now, and closes it, whoever else has it open.
    pub(super) fn cut(&mut self, buffer: &mut Vec<u8>) {
        let held = self.from.as_ref().and_then(|from| rustix::io::ioctl_fionread(from).ok()).unwrap_or(0);
        let mut rest = usize::try_from(held).unwrap_or(0);
        while rest > 0 && self.from.is_some() {
            rest -= self.pass_at_most(rest.min(CHUNK), buffer);
        }
        self.from = None;
    }

    /// Reads once; returns how many bytes that were.
    fn pass_at_most(&mut self, most: usize, buffer: &mut Vec<u8>) -> usize {
        let Some(from) = &mut self.from else { return 0 };
        buffer.resize(CHUNK, 0);
        match from.read(&mut buffer[..most]) {
            Ok(0) => self.from = None,
            Ok(length) => {
                let bytes = &buffer[..length];
                self.mid_line = !matches!(bytes.last(), Some(b'\n' | b'\r'));
                self.log.write(&self.filter.push(bytes));
                return length;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.log.lose(0, &error);
                self.from = None;
            }
        }
        0
    }

    /// Writes what the filter still holds.
    pub(super) fn finish(mut self) -> StreamEnd {
        // What the filter masks in a last line without an end is counted only once it has one, so it is lent one.
        let mut last = if self.mid_line { self.filter.push(b"\n") } else { Vec::new() };
        let redactions = self.filter.count() as u64;
        last.extend(self.filter.finish());
        if self.mid_line && last.last() == Some(&b'\n') {
            last.pop();
        }
        self.log.write(&last);
        StreamEnd { redactions, lost: self.log.lost }
    }
}

/// A log file that may refuse bytes: a full disk must not stop the attempt.
#[derive(Debug)]
struct Log {
    to: LogFile,
    lost: Option<OutputLost>,
    /// Bytes lost since the log last told of it.
    gap: u64,
}

impl Log {
    /// Writes all, or counts what is lost.
    fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.gap > 0 {
            // The log may take bytes again; then it says itself where some are missing.
            let mark = format!("\n[{} bytes of output are missing here]\n", self.gap);
            if let Err(error) = self.to.write_all(mark.as_bytes()) {
                return self.lose(bytes.len(), &error);
            }
            self.gap = 0;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(0) => return self.lose(rest.len(), &io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.lose(rest.len(), &error),
            }
        }
    }

    fn lose(&mut self, bytes: usize, error: &io::Error) {
        self.gap += bytes as u64;
        self.lost.get_or_insert_with(|| OutputLost { bytes: 0, error: error.to_string() }).bytes += bytes as u64;
    }
}
