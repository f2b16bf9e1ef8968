//! The trace of a run wherever it stands: the saved one, or what its journal has so far.

use std::io::BufReader;

use crate::directory::{RunDirectory, TRACE};
use crate::telemetry::{Open, so_far};
use crate::trace::Trace;

/// Reads it. `Err`: why there is none, a sentence.
pub(super) fn trace(directory: &RunDirectory) -> Result<Trace, String> {
    let journal = so_far(directory.dir(), Open::Unended).ok().flatten();
    // While there is a journal, a trace beside it is older.
    let trace = match (journal, directory.file(TRACE)) {
        (Some(journal), _) => Trace::from_slice(&journal),
        (None, Ok(Some(file))) => Trace::read(BufReader::with_capacity(1 << 18, file)),
        (None, Ok(None)) => return Err(format!("{TRACE} is missing")),
        (None, Err(error)) => return Err(error.to_string()),
    };
    trace.map_err(|error| format!("{TRACE} can't be read: {error}"))
}
