//! What a guest prints: it becomes lines of the plugin's log, and the end of its standard error is kept for the case that it
//! crashes. Printing never fails and never waits, however much it is: what doesn't fit is dropped and counted.

use std::collections::{BTreeMap, VecDeque};

use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::cli::{stderr, stdin, stdout};
use wasmtime_wasi::p2::bindings::sync::io::streams;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, SinkOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError, StreamError, StreamResult, subscribe};
use wasmtime_wasi_io::bindings::wasi::io::error;

use super::super::last_words::last_words;
use crate::plugin::document::Level;
use crate::plugin::logbook::Logbook;
use crate::plugin::store::State;

/// What a guest may write at once, by its own promise.
const PERMIT: usize = 64 << 10;
/// The longest line that is waited for.
const LINE_MAX: usize = 4 << 10;
/// The end of standard error that is kept: enough for a traceback.
const TAIL: usize = 8 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Stdout,
    Stderr,
}

/// What was printed.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Output {
    /// What the handles of output streams stand for.
    streams: BTreeMap<u32, Channel>,
    stdout: Line,
    stderr: Line,
    tail: VecDeque<u8>,
}

/// A line that has not ended.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    /// It was too long; its rest is dropped.
    cut: bool,
}

impl Line {
    fn take(&mut self, mut bytes: &[u8], level: Level, log: &mut Logbook) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.extend(&bytes[..end]);
            self.end(level, log);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(LINE_MAX.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(&bytes[..fits]);
        self.cut |= fits < bytes.len();
    }

    fn end(&mut self, level: Level, log: &mut Logbook) {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim_end();
        if self.cut {
            log.push(level, &format!("{text}…"));
        } else if !text.is_empty() {
            log.push(level, text);
        }
        self.bytes.clear();
        self.cut = false;
    }
}

impl Output {
    fn write(&mut self, handle: u32, bytes: &[u8], log: &mut Logbook) {
        match self.streams.get(&handle) {
            Some(Channel::Stdout) => self.stdout.take(bytes, Level::Info, log),
            Some(Channel::Stderr) => {
                self.stderr.take(bytes, Level::Error, log);
                let kept = &bytes[bytes.len().saturating_sub(TAIL)..];
                let room = TAIL - kept.len();
                self.tail.drain(..self.tail.len().saturating_sub(room));
                self.tail.extend(kept);
            }
            None => {}
        }
    }

    /// Logs lines that have no end.
    pub(in crate::plugin) fn finish(&mut self, log: &mut Logbook) {
        self.stdout.end(Level::Info, log);
        self.stderr.end(Level::Error, log);
    }

    /// What the guest said on standard error before it crashed.
    pub(in crate::plugin) fn last_words(&mut self) -> Option<String> {
        last_words(&String::from_utf8_lossy(self.tail.make_contiguous()))
    }
}

impl State {
    fn open(&mut self, channel: Channel) -> Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(SinkOutputStream);
        let stream = self.table.push(stream)?;
        self.wasi.output.streams.insert(stream.rep(), channel);
        Ok(stream)
    }
}

impl stdin::Host for State {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(stream)?)
    }
}

impl stdout::Host for State {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.open(Channel::Stdout)
    }
}

impl stderr::Host for State {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.open(Channel::Stderr)
    }
}

// There is no way to an error of a stream; the type is only part of what others say.
impl error::Host for State {}

impl error::HostError for State {
    fn to_debug_string(&mut self, error: Resource<IoError>) -> Result<String> {
        error::HostError::to_debug_string(&mut self.table, error)
    }

    fn drop(&mut self, error: Resource<IoError>) -> Result<()> {
        error::HostError::drop(&mut self.table, error)
    }
}

impl streams::Host for State {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        <ResourceTable as streams::Host>::convert_stream_error(&mut self.table, error)
    }
}

impl streams::HostOutputStream for State {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.table.get(&stream)?;
        Ok(PERMIT as u64)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.table.get(&stream)?;
        self.meter.take_in(bytes.len());
        self.wasi.output.write(stream.rep(), &bytes, &mut self.log);
        Ok(())
    }

    fn blocking_write_and_flush(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.write(stream, bytes)
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        match usize::try_from(len) {
            Ok(len) if len <= PERMIT => self.write(stream, vec![0; len]),
            _ => Err(StreamError::trap("it writes more at once than `check-write` allows")),
        }
    }

    fn blocking_write_zeroes_and_flush(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.write_zeroes(stream, len)
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.table.get(&stream)?;
        Ok(())
    }

    fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.flush(stream)
    }

    fn splice(
        &mut self,
        output: Resource<DynOutputStream>,
        input: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let bytes = streams::HostInputStream::read(self, input, len.min(PERMIT as u64))?;
        let spliced = bytes.len() as u64;
        self.write(output, bytes)?;
        Ok(spliced)
    }

    fn blocking_splice(
        &mut self,
        output: Resource<DynOutputStream>,
        input: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.splice(output, input, len)
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        subscribe(&mut self.table, stream)
    }

    fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        let handle = stream.rep();
        self.table.delete(stream)?;
        self.wasi.output.streams.remove(&handle);
        Ok(())
    }
}

// The only input is one that is closed.
impl streams::HostInputStream for State {
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(self.table.get_mut(&stream)?.read(len)?.into())
    }

    fn blocking_read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        streams::HostInputStream::read(self, stream, len)
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        Ok(streams::HostInputStream::read(self, stream, len)?.len() as u64)
    }

    fn blocking_skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.skip(stream, len)
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        subscribe(&mut self.table, stream)
    }

    fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn printed(parts: &[(Channel, &str)]) -> (Output, Vec<String>) {
        let streams = BTreeMap::from([(1, Channel::Stdout), (2, Channel::Stderr)]);
        let mut output = Output { streams, ..Output::default() };
        let mut log = Logbook::new(&Limits::default());
        for (channel, text) in parts {
            output.write(if *channel == Channel::Stdout { 1 } else { 2 }, text.as_bytes(), &mut log);
        }
        output.finish(&mut log);
        let lines = log.finish().0.into_iter().map(|line| format!("{:?} {}", line.level, line.text)).collect();
        (output, lines)
    }

    #[test]
    fn pieces_become_lines_in_the_order_in_which_they_end() {
        use Channel::{Stderr, Stdout};
        let (_, lines) = printed(&[(Stdout, "one\r\ntw"), (Stderr, "bad\n\n"), (Stdout, "o\nopen"), (Stderr, "end")]);
        assert_eq!(
            lines,
            ["Level::Info one", "Level::Error bad", "Level::Info two", "Level::Info open", "Level::Error end"]
        );
    }

    #[test]
    fn a_flood_takes_no_more_than_a_line_and_a_tail() {
        let mut output = Output::default();
        output.streams.insert(2, Channel::Stderr);
        let mut log = Logbook::new(&Limits::default());
        for number in 0..1000 {
            output.write(2, format!("{number} {}", "x".repeat(100_000)).as_bytes(), &mut log);
        }
        assert!(output.stderr.bytes.len() == LINE_MAX && output.tail.len() == TAIL);
        output.write(2, b"\nValueError: the end", &mut log);
        assert_eq!(output.tail.len(), TAIL);
        output.finish(&mut log);
        assert!(output.last_words().unwrap().ends_with("ValueError: the end"));
        let (lines, _) = log.finish();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].text.starts_with("0 xxx") && lines[0].text.ends_with('…'));
    }
}
