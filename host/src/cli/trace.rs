//! `trace`: looks into trace files, exports and merges them.

use std::fs::{File, Permissions};
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::args::{Common, ExportCommand, Format, MergeCommand, SummarizeCommand};
use super::progress::say;
use super::{Exit, Failure, Outcome, print};
use crate::phases::Steps;
use crate::trace::merge::merge as merge_traces;
use crate::trace::{Trace, export::export as export_trace, render_text, summarize as summarize_trace};

pub(super) fn summarize(command: &SummarizeCommand) -> Outcome {
    let mut step = Steps::begin("read the trace");
    let trace = read(&command.file)?;
    step.next("compute the metrics");
    let summary = summarize_trace(&trace);
    step.next("print");
    match command.format {
        Format::Text => print(&render_text(&summary))?,
        Format::Json => print(&(serde_json::to_string_pretty(&summary).map_err(Failure::internal)? + "\n"))?,
    }
    Ok(Exit::Success)
}

pub(super) fn export(command: &ExportCommand) -> Outcome {
    if command.out.is_none() && !command.format.is_text() && io::stdout().is_terminal() {
        return Err(Failure::usage(anyhow::anyhow!("{} is binary: name a file with `--out`", command.format)));
    }
    let mut trace = read(&command.file)?;
    tell_warnings(&trace);
    if command.align_workers {
        let aligned = trace.align_workers();
        say(format_args!("{} spans made on workers were shifted by their clocks' offset", aligned.shifted));
        if aligned.unknown > 0 {
            say(format_args!("warning: {} more were not: nobody measured their workers' clocks", aligned.unknown));
        }
    }
    write(command.out.as_deref(), |mut out| export_trace(&trace, command.format, &mut out))
}

pub(super) fn merge(command: &MergeCommand, common: &Common) -> Outcome {
    let traces = command.files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    traces.iter().for_each(tell_warnings);
    write(command.out.as_deref(), |mut out| {
        let merged = merge_traces(traces, &mut out)?;
        if !common.quiet {
            say(format_args!("{} spans; {} were there more than once", merged.spans, merged.duplicates));
        }
        Ok(())
    })
}

fn read(file: &Path) -> Result<Trace, Failure> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let open = File::open(file)
            .map_err(|error| Failure::usage(anyhow::anyhow!("can't read {}: {error}", file.display())))?;
        Box::new(BufReader::with_capacity(1 << 18, open))
    };
    Trace::read(reader)
        .map_err(|error| Failure::usage(anyhow::Error::new(error).context(format!("{}", file.display()))))
}

fn tell_warnings(trace: &Trace) {
    for warning in trace.warnings() {
        say(format_args!("warning: {warning}"));
    }
}

/// Writes to a file, whole or not at all, or to standard output. A reader that has gone away is no error.
fn write(file: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Outcome {
    let Some(file) = file else {
        return match write(&mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::internal(error)),
            _ => Ok(Exit::Success),
        };
    };
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let failed = |error: io::Error| Failure::usage(anyhow::anyhow!("can't write {}: {error}", file.display()));
    // As any file that the user makes, less what the umask takes away.
    let mut builder = tempfile::Builder::new();
    let mut temporary = builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder).map_err(failed)?;
    write(temporary.as_file_mut()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(file).map_err(|error| failed(error.error))?;
    Ok(Exit::Success)
}
