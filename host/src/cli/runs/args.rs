//! The grammar of `runs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::super::args::Format;
use crate::directory::DEFAULT_ROOT;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RunsCommand {
    /// List runs, newest first
    List(ListCommand),
    /// Show one run: result, what failed and why, what took long
    Show(ShowCommand),
    /// Say what differs between two runs
    Diff(DiffCommand),
    /// Remove old runs
    Prune(PruneCommand),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListCommand {
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// Only runs of this pipeline
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Option<String>,
    /// Only runs with this result (success, failure, error, timeout, cancellation) or state (running, killed, broken)
    #[arg(long, value_name = "WORD", value_parser = result_word)]
    pub(super) result: Option<String>,
    /// How many; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(super) limit: usize,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowCommand {
    /// A run id or the beginning of one, a run directory, or `latest`
    #[arg(default_value = "latest")]
    pub(super) run: PathBuf,
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffCommand {
    /// The earlier run: an id or the beginning of one, a run directory, or `latest`
    pub(super) a: PathBuf,
    /// The later run
    #[arg(default_value = "latest")]
    pub(super) b: PathBuf,
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// How to print what differs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PruneCommand {
    /// Keep the newest N runs of those in question
    #[arg(long, value_name = "N")]
    pub(super) keep: Option<usize>,
    /// Remove only runs that began longer ago than that, such as 30d or 12h
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(super) older_than: Option<Duration>,
    /// Remove only runs of this pipeline
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Option<String>,
    /// Remove only runs that did not succeed
    #[arg(long)]
    pub(super) failed_only: bool,
    /// Remove signed runs too
    #[arg(long)]
    pub(super) signed: bool,
    /// Remove runs too that a run that stays was resumed from, or has as a nested run
    #[arg(long)]
    pub(super) referenced: bool,
    /// Remove folders too that are no runs, or damaged ones
    #[arg(long)]
    pub(super) broken: bool,
    /// Remove nothing, and print what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// How to print what was done
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

fn result_word(word: &str) -> Result<String, String> {
    const WORDS: [&str; 8] = ["success", "failure", "error", "timeout", "cancellation", "running", "killed", "broken"];
    match WORDS.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(format!("expected one of {}", WORDS.join(", "))),
    }
}

fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 30d or 12h"))
}
