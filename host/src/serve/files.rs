//! Files of a run, piece by piece: as they are, masked, or the trace in another format. A piece is read when the one before it was
//! taken, so that a slow reader holds neither a thread nor a file in memory.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::answer::{Answer, Body, Policy, Problem, media};
use super::app::App;
use super::limits::PIECE;
use super::route::{FileKind, RunFile};
use super::view::{TraceNow, redactor, trace_now};
use crate::directory::RunId;
use crate::redact::LineRedactor;
use crate::runs::State;
use crate::trace::export::{Format, export as write_export};

/// Sends a file of a run.
pub(super) fn send(app: &App, run: &RunId, file: &RunFile) -> Result<Answer, Problem> {
    let directory = app.run(run.as_str())?;
    let missing = || Problem::not_found(format!("run {run} has no file {}", file.path()));
    let opened = match directory.file(file.path()) {
        Ok(opened) => opened.ok_or_else(missing)?.into_std(),
        // A link out of the directory, a folder, a pipe, no right to read it.
        Err(error) => return Err(Problem::not_found(error.to_string())),
    };
    let size = opened.metadata().map_err(Problem::internal)?.len();
    let raw = |file: File| Body::of(Source { file, left: size, filter: None }, Some(size));
    Ok(match file.kind() {
        FileKind::Json => Answer::new(media::JSON, Policy::Foreign, raw(opened)),
        FileKind::Text => Answer::new(media::TEXT, Policy::Foreign, raw(opened)),
        FileKind::Other => Answer::new(media::BYTES, Policy::Foreign, raw(opened)).download(file.name()),
        FileKind::Log => {
            let filter = redactor(&directory)?.lines();
            let source = Source { file: opened, left: size, filter: Some(filter) };
            Answer::new(media::TEXT, Policy::Foreign, Body::of(source, None))
        }
    })
}

/// Sends the trace of a run in another format, made in a file that has no name.
pub(super) fn export(app: &App, run: &RunId, format: Format) -> Result<Answer, Problem> {
    let directory = app.run(run.as_str())?;
    let TraceNow { trace, state, .. } = trace_now(&directory)?;
    let trace = trace.map_err(Problem::not_found)?;
    let mut file = tempfile::tempfile().map_err(Problem::internal)?;
    write_export(&trace, format, &mut file).map_err(Problem::internal)?;
    let size = file.stream_position().map_err(Problem::internal)?;
    file.seek(SeekFrom::Start(0)).map_err(Problem::internal)?;
    let part = if state == State::Running { ".part" } else { "" };
    let name = format!("{run}{part}.{}.{}", format.as_str(), format.extension());
    let source = Source { file, left: size, filter: None };
    Ok(Answer::new(media::BYTES, Policy::Foreign, Body::of(source, Some(size))).download(&name))
}

/// What is left of a file.
struct Source {
    file: File,
    left: u64,
    /// Masks secrets; gone at the end.
    filter: Option<LineRedactor>,
}

impl Source {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.left == 0 {
                let last = self.filter.take().map(LineRedactor::finish).filter(|last| !last.is_empty());
                return Ok(last.map(Bytes::from));
            }
            let mut bytes = Vec::with_capacity(PIECE.min(usize::try_from(self.left).unwrap_or(PIECE)));
            let most = self.left.min(PIECE as u64);
            let read = self.file.by_ref().take(most).read_to_end(&mut bytes)? as u64;
            match &mut self.filter {
                // It was cut while it was sent.
                None if read == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(_) if read == 0 => self.left = 0,
                None => {
                    self.left -= read;
                    return Ok(Some(bytes.into()));
                }
                Some(filter) => {
                    self.left -= read;
                    let masked = filter.push(&bytes);
                    if !masked.is_empty() {
                        return Ok(Some(masked.into()));
                    }
                }
            }
        }
    }
}

impl Body {
    /// The pieces of a file, read on blocking threads.
    fn of(mut source: Source, size: Option<u64>) -> Self {
        let (pieces, taken) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok(place) = pieces.reserve().await {
                let read = tokio::task::spawn_blocking(move || (source.next(), source)).await;
                let Ok((piece, rest)) = read else {
                    place.send(Err(io::Error::other("reading ended too early")));
                    return;
                };
                source = rest;
                match piece {
                    Ok(Some(bytes)) => place.send(Ok(bytes)),
                    Ok(None) => return,
                    Err(error) => return place.send(Err(error)),
                }
            }
        });
        Self::Pieces(taken, size)
    }
}
