//! What the CI system that a run takes place in is told: sections while it goes on; annotations, summary, outputs and files at its
//! end. The forms are `crate::ci`'s; here they are printed and written.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::args::{CiArgs, CiWord};
use super::progress::say;
use super::{Exit, Failure, Outcome};
use crate::ci::{Facts, System, github, gitlab, junit, lines};
use crate::clock::Clock;
use crate::conventions::env;
use crate::directory::REPORTS;
use crate::events::{Observer, RunEvent};
use crate::pipeline::Pipeline;

/// Who reads standard error along; by the environment where no flag said so first.
static SYSTEM: OnceLock<System> = OnceLock::new();

/// Whether a CI system reads what is printed, so that text from elsewhere may not look like its commands.
pub(super) fn reads_along() -> bool {
    SYSTEM.get_or_init(by_environment).is_ci()
}

/// A stage's own runs are no business of the CI system: their output goes to a log file.
fn by_environment() -> System {
    if std::env::var_os(env::STAGE_ID).is_some() { System::None } else { System::detect(|name| std::env::var_os(name)) }
}

/// Lines for a CI system's log: no colours, nothing that it would obey.
pub(super) fn print_log(text: &str) {
    let plain = anstream::adapter::strip_str(text).to_string();
    drop(writeln!(std::io::stderr().lock(), "{}", lines::harmless(plain.trim_end_matches('\n'))));
}

/// What our own commands go through: standard error as it is.
fn print_commands(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

fn now() -> u64 {
    Clock::start().now() / 1_000_000_000
}

/// A run, as a CI system sees it.
pub(super) struct Ci {
    system: System,
    junit: Option<PathBuf>,
    dotenv: Option<PathBuf>,
    /// The section that is open.
    section: Option<&'static str>,
}

impl Ci {
    /// `tells`: whether a CI system that only the environment names is told, too.
    pub(super) fn of(arguments: &CiArgs, tells: bool) -> Self {
        let named = match arguments.ci {
            CiWord::Auto => None,
            CiWord::Github => Some(System::Github),
            CiWord::Gitlab => Some(System::Gitlab),
            CiWord::None => Some(System::None),
        };
        // `--ci none` tells a CI system nothing; what it reads along anyway still may not look like its commands.
        let reads = *SYSTEM.get_or_init(|| named.filter(|system| system.is_ci()).unwrap_or_else(by_environment));
        let system = named.unwrap_or(if tells { reads } else { System::None });
        Self { system, junit: arguments.junit.clone(), dotenv: arguments.ci_dotenv.clone(), section: None }
    }

    /// The same observer, with sections around what it shows.
    pub(super) fn watch<'a>(&'a mut self, inner: &'a mut dyn Observer) -> Watched<'a> {
        Watched { ci: self, inner, stages: 0, reports: false }
    }

    fn open(&mut self, name: &'static str, title: &str) {
        self.close();
        if self.system == System::Gitlab {
            print_commands(&gitlab::start(name, title, now(), false));
            self.section = Some(name);
        }
    }

    fn close(&mut self) {
        if let Some(name) = self.section.take() {
            print_commands(&gitlab::end(name, now()));
        }
    }

    /// Tells how it went, from the report in the run directory, and passes the exit code on. What a CI system offers and does
    /// not work is a warning; a file that was asked for and can't be written is an error, where nothing else is one.
    pub(super) fn conclude(
        mut self,
        directory: &Path,
        report: &Path,
        pipeline: Option<&Pipeline>,
        exit: Exit,
    ) -> Outcome {
        self.close();
        if !self.system.is_ci() && self.junit.is_none() && self.dotenv.is_none() {
            return Ok(exit);
        }
        let told = self.tell(directory, report, pipeline);
        match told {
            Ok(()) => Ok(exit),
            Err(error) if exit == Exit::Success => Err(Failure::usage(error)),
            Err(error) => {
                say(format_args!("error: {error:#}"));
                Ok(exit)
            }
        }
    }

    fn tell(&self, directory: &Path, report: &Path, pipeline: Option<&Pipeline>) -> anyhow::Result<()> {
        let source = directory.join(REPORTS).join("forensic_report.json");
        let text = std::fs::read_to_string(&source)
            .map_err(|error| anyhow::Error::new(error).context(format!("can't read {}", source.display())))?;
        let mut facts = Facts::read(&text)?;
        // Later steps and jobs may stand in another folder.
        facts.directory = std::path::absolute(directory)?;
        facts.report = std::path::absolute(report)?;
        if let Some(pipeline) = pipeline {
            facts.describe(pipeline.stages.iter().map(|stage| {
                let of = stage.member.as_ref().map(|member| member.of.as_str());
                (stage.id.as_str(), stage.group.as_deref(), of, stage.allow_failure)
            }));
        }
        match self.system {
            System::Github => tell_github(&facts),
            System::Gitlab => print_commands(&gitlab::sections(&facts, now())),
            System::Plain | System::None => {}
        }
        // Both are tried; the first that can't be written is told.
        let junit = self.junit.as_deref().map(|file| write(file, &junit::junit(&facts)));
        let dotenv = self.dotenv.as_deref().map(|file| write(file, &gitlab::dotenv(&facts)));
        junit.transpose()?;
        dotenv.transpose()?;
        Ok(())
    }
}

/// A run that could not even begin leaves no section open.
impl Drop for Ci {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = folder.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(file, text));
    written.map_err(|error| anyhow::Error::new(error).context(format!("can't write {}", file.display())))
}

fn tell_github(facts: &Facts) {
    let mut commands = github::groups(facts);
    for annotation in github::annotations(facts) {
        commands += &annotation;
        commands.push('\n');
    }
    print_commands(&commands);
    let markdown = std::fs::read_to_string(&facts.report).unwrap_or_default();
    let report = facts.report.display().to_string();
    append("GITHUB_STEP_SUMMARY", |there| {
        github::summary(&markdown, github::SUMMARY_MAX.saturating_sub(there), &report)
    });
    let mut random = [0_u8; 16];
    if rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).is_ok() {
        let delimiter = format!("forensic_{:032x}", u128::from_ne_bytes(random));
        append("GITHUB_OUTPUT", |_| github::outputs(facts, &delimiter));
    }
}

/// Appends to the file that a variable names, if there is one; `text` is given the bytes that are there.
fn append(variable: &str, text: impl FnOnce(usize) -> String) {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else { return };
    let appended = OpenOptions::new().append(true).create(true).open(&path).and_then(|mut file| {
        let there = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        file.write_all(text(there).as_bytes())
    });
    if let Err(error) = appended {
        say(format_args!("warning: can't write to {variable} ({}): {error}", Path::new(&path).display()));
    }
}

/// An observer that opens and closes sections around what another one shows.
pub(super) struct Watched<'a> {
    ci: &'a mut Ci,
    inner: &'a mut dyn Observer,
    stages: usize,
    reports: bool,
}

impl Observer for Watched<'_> {
    fn on_event(&mut self, event: &RunEvent<'_>) {
        if let RunEvent::RunStarted { pipeline, .. } = event {
            self.stages = pipeline.stages.len();
            self.reports = !pipeline.reports.is_empty();
            self.ci.open("forensic_run", &format!("Run {}", pipeline.name));
        }
        self.inner.on_event(event);
        if let RunEvent::StageEnded { done, .. } = event
            && *done == self.stages
        {
            self.ci.close();
            if self.reports {
                self.ci.open("forensic_reports", "Reports");
            }
        }
    }
}
