//! `trace summarize`: the metrics of any trace file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::args::{Format, SummarizeCommand};
use super::{Exit, Failure, Outcome, print};
use crate::trace::{Trace, render_text, summarize as summarize_trace};

pub(super) fn summarize(command: &SummarizeCommand) -> Outcome {
    let reader: Box<dyn BufRead> = if command.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&command.file)
            .map_err(|error| Failure::usage(anyhow::anyhow!("can't read {}: {error}", command.file.display())))?;
        Box::new(BufReader::with_capacity(1 << 18, file))
    };
    let trace = Trace::read(reader)
        .map_err(|error| Failure::usage(anyhow::Error::new(error).context(format!("{}", command.file.display()))))?;
    let summary = summarize_trace(&trace);
    match command.format {
        Format::Text => print(&render_text(&summary))?,
        Format::Json => print(&(serde_json::to_string_pretty(&summary).map_err(Failure::internal)? + "\n"))?,
    }
    Ok(Exit::Success)
}
