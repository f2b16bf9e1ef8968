//! `plugin test`: renders the recorded runs of a project in the sandbox, and compares with what its author has seen and
//! found good.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::args::{Format, TestCommand};
use super::super::{Exit, Failure, Outcome, print};
use super::visible_lines;
use crate::authoring::{Comparison, Golden, Project, Rendering, recorded_runs, render};
use crate::plugin::Compiled;
use crate::plugin::document::Level;
use crate::units::{bytes, count, duration, integer};

/// Where golden files lie, below the project's folder.
const GOLDEN: &str = "tests/golden";

pub(super) fn test(command: &TestCommand) -> Outcome {
    let folder = command.folder.as_path();
    // Mistakes in the manifest first: they may be why there is no component.
    let manifest = super::manifest(folder)?;
    let Project { component, .. } = super::find(folder)?;
    let runs = recorded_runs(folder).map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context(format!("can't read {}", folder.join("tests/runs").display())))
    })?;
    if runs.is_empty() {
        return Err(no_runs(folder));
    }
    let engine = super::engine()?;
    let mut outcome = Tested { plugin: &manifest.name, folder: folder.display().to_string(), runs: Vec::new() };
    for (name, path) in runs {
        let rendering = render(&engine, &manifest, &component, path.clone()).map_err(|error| {
            Failure::usage(
                anyhow::Error::new(error).context(format!("the recorded run {} can't be used", path.display())),
            )
        })?;
        outcome.runs.push(Run::of(name, &rendering, folder, command.update)?);
    }
    let stale = stale(folder, &outcome.runs);
    print(&match command.format {
        Format::Json => serde_json::to_string_pretty(&outcome).map_err(Failure::internal)? + "\n",
        Format::Text => visible_lines(&outcome.text(&stale)),
    })?;
    Ok(if outcome.runs.iter().all(Run::passed) { Exit::Success } else { Exit::Differs })
}

fn no_runs(folder: &Path) -> Failure {
    let place = folder.join("tests/runs/example");
    Failure::usage(anyhow::anyhow!(
        "there is no recorded run in {}. Record one: run a pipeline with `forensic-host run pipeline.toml`, and copy what the \
         plugin reads: `mkdir -p {place}/data && cp data/artifacts/summaries/latest/run.json {place}/ && cp \
         data/artifacts/summaries/latest/data/forensic_trace.json {place}/data/`, and the files that it is granted",
        folder.join("tests/runs").display(),
        place = place.display()
    ))
}

/// Golden files of runs that are gone.
fn stale(folder: &Path, runs: &[Run]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join(GOLDEN)) else { return Vec::new() };
    let known: Vec<&Path> =
        runs.iter().flat_map(|run| [run.markdown.file.as_path(), run.json.file.as_path()]).collect();
    let paths = entries.flatten().map(|entry| entry.path());
    let golden = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "md" || ending == "json");
    let mut stale: Vec<PathBuf> = paths.filter(golden).filter(|path| !known.contains(&path.as_path())).collect();
    stale.sort();
    stale
}

#[derive(Serialize)]
struct Tested<'a> {
    plugin: &'a str,
    folder: String,
    runs: Vec<Run>,
}

#[derive(Serialize)]
struct Run {
    name: String,
    passed: bool,
    markdown: Compared,
    json: Compared,
    /// Why there is no document.
    failure: Option<String>,
    fuel: u64,
    #[serde(flatten)]
    used: Option<Used>,
    limits_hit: Vec<String>,
    log: Vec<Logged>,
    log_dropped: u64,
}

#[derive(Serialize)]
struct Used {
    /// Bytes.
    peak_memory: u64,
    host_calls: u64,
    bytes_read: u64,
    spans: usize,
    wall_ns: u64,
    /// 0: from the cache.
    compile_ns: u64,
}

#[derive(Serialize)]
struct Logged {
    level: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Compared {
    file: PathBuf,
    result: &'static str,
    diff: Option<String>,
}

impl Compared {
    fn of(golden: Golden) -> Self {
        let (result, diff) = match golden.comparison {
            Comparison::Same => ("same", None),
            Comparison::Missing => ("missing", None),
            Comparison::Differs(diff) => ("differs", Some(diff)),
            Comparison::Written => ("written", None),
        };
        Self { file: golden.path, result, diff }
    }
}

impl Run {
    fn of(name: String, rendering: &Rendering, folder: &Path, update: bool) -> Result<Self, Failure> {
        let compare = |ending: &str, text: &str| {
            let file = folder.join(GOLDEN).join(format!("{name}.{ending}"));
            Golden::compare(file.clone(), text, update).map_err(|error| {
                Failure::usage(anyhow::Error::new(error).context(format!("the golden file {}", file.display())))
            })
        };
        let (markdown, json) = (compare("md", &rendering.markdown)?, compare("json", &rendering.document)?);
        let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let used = rendering.usage.as_ref().map(|usage| Used {
            peak_memory: usage.peak_memory,
            host_calls: usage.host_calls,
            bytes_read: usage.bytes_read,
            spans: usage.spans.spans.len(),
            wall_ns: nanos(usage.elapsed),
            compile_ns: match usage.compiled {
                Compiled::Cached => 0,
                Compiled::Fresh(time) => nanos(time),
            },
        });
        let log = rendering.log().iter().map(|line| Logged { level: word(line.level), text: line.text.clone() });
        Ok(Self {
            passed: markdown.passed() && json.passed(),
            markdown: Compared::of(markdown),
            json: Compared::of(json),
            failure: rendering.failure().map(str::to_owned),
            fuel: rendering.fuel,
            used,
            limits_hit: rendering.section.limits_hit.clone(),
            log: log.collect(),
            log_dropped: rendering.section.log_dropped,
            name,
        })
    }

    fn passed(&self) -> bool {
        self.passed
    }

    fn verdict(&self) -> &'static str {
        let both = [self.markdown.result, self.json.result];
        ["differs", "missing", "written"].into_iter().find(|result| both.contains(result)).unwrap_or("ok")
    }

    fn text(&self, out: &mut String) {
        // Writing to a text can't fail.
        _ = write!(out, "{}  {}: fuel {}", self.verdict(), self.name, integer(self.fuel));
        if let Some(used) = &self.used {
            let spans = if used.spans > 0 { format!(", {}", count(used.spans, "span")) } else { String::new() };
            _ = write!(
                out,
                ", memory {}, {} host calls, {} read{spans}, {}",
                bytes(used.peak_memory),
                integer(used.host_calls),
                bytes(used.bytes_read),
                duration(used.wall_ns)
            );
            if used.compile_ns > 0 {
                _ = write!(out, " (compiled in {})", duration(used.compile_ns));
            }
        }
        out.push('\n');
        if let Some(failure) = &self.failure {
            _ = writeln!(out, "  no document: {failure}");
        }
        for limit in &self.limits_hit {
            _ = writeln!(out, "  limit hit: {limit}");
        }
        for Logged { level, text } in &self.log {
            _ = writeln!(out, "  log {level}: {text}");
        }
        if self.log_dropped > 0 {
            _ = writeln!(
                out,
                "  log: {} dropped",
                count(usize::try_from(self.log_dropped).unwrap_or(usize::MAX), "line")
            );
        }
        for Compared { file, result, diff } in [&self.markdown, &self.json] {
            match diff {
                Some(diff) => out.push_str(diff),
                None if *result == "missing" => {
                    _ = writeln!(out, "  {} is not there yet", file.display());
                }
                None if *result == "written" => {
                    _ = writeln!(out, "  {} is written", file.display());
                }
                None => {}
            }
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

impl Tested<'_> {
    fn text(&self, stale: &[PathBuf]) -> String {
        let mut out = String::new();
        for run in &self.runs {
            run.text(&mut out);
        }
        for path in stale {
            _ = writeln!(out, "note: {} belongs to no recorded run", path.display());
        }
        let of = |verdict: &str| self.runs.iter().filter(|run| run.verdict() == verdict).count();
        let (ok, differ, missing, written) = (of("ok"), of("differs"), of("missing"), of("written"));
        let parts = [(ok, "ok"), (differ, "different"), (missing, "without golden file"), (written, "written anew")];
        let parts: Vec<String> =
            parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        _ = writeln!(out, "{} of {}: {}", count(self.runs.len(), "recorded run"), self.plugin, parts.join(", "));
        if differ + missing > 0 {
            _ = writeln!(
                out,
                "If this is what you want, `forensic-host plugin test {} --update` writes it; look at the files before you \
                 commit them.",
                self.folder
            );
        }
        out
    }
}
