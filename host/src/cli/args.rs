//! The grammar of the command line.

use std::path::PathBuf;

use super::Failure;
use super::progress::Choice;
use crate::authoring::Language;
use crate::pipeline::{ExecutorKind, FailOn, FailurePolicy, Pipeline, address_problem};
use crate::plan::{Force, Selection};
use crate::trace::export::Format as ExportFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Run pipelines, keep a forensic record of each run, and let sandboxed plugins report on it.
#[derive(Debug, Parser)]
#[command(
    name = "forensic-host",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 success; 1 a stage failed; 2 usage or configuration; 3 timeout of the run; \
                  4 findings or a report stage failed the policy; 129, 130, 143 stopped by a signal; 70 a fault of forensic-host."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) common: Common,
}

/// For every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Say less: only errors and the result
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a pipeline, save its trace and write its report
    Run(RunCommand),
    /// Check a pipeline and run nothing
    Validate(ValidateCommand),
    /// Say what a run would do: order, what is reused and why not, how long it may take
    Plan(PlanCommand),
    /// Write the report of a finished run again, from its run directory alone
    Report(ReportCommand),
    /// Complete the record of a run that was killed, from its journal
    Recover(RecoverCommand),
    /// Check that a run directory is what the run left behind
    Verify(VerifyCommand),
    /// Look at runs, compare them, remove old ones
    #[command(subcommand)]
    Runs(super::runs::RunsCommand),
    /// Show runs in a browser: list, pages, comparison, trends; also of a run that goes on
    Serve(super::serve::ServeCommand),
    /// Look into traces
    #[command(subcommand)]
    Trace(TraceCommand),
    /// Write report plugins: make one, build it, test it; look at one, lock what runs, push it
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print the WIT package that report plugins are written against
    Wit(WitCommand),
    /// Draw a pipeline: what needs what
    Graph(GraphCommand),
    /// Make a first pipeline that runs at once
    Init(InitCommand),
    /// Print the JSON Schema of pipeline.toml, for editors
    Schema,
    /// Print completions for a shell
    Completions(CompletionsCommand),
    /// Print the manual page, or write one for each command
    Man(ManCommand),
}

/// What a CI system is told.
#[derive(Debug, Args)]
pub(super) struct CiArgs {
    /// Tell this CI system how it went, in its own words; auto: the one that the environment names
    #[arg(long, value_enum, value_name = "SYSTEM", default_value_t = CiWord::Auto)]
    pub(super) ci: CiWord,
    /// Write stages and findings as JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write run id, result and paths as NAME=value lines to this file, such as for GitLab's dotenv reports
    #[arg(long, value_name = "FILE")]
    pub(super) ci_dotenv: Option<PathBuf>,
}

/// A CI system, or how to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CiWord {
    /// As the environment says
    Auto,
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// None: it is told nothing
    None,
}

#[derive(Debug, Args)]
pub(super) struct GraphCommand {
    /// The pipeline
    #[arg(default_value = "pipeline.toml")]
    pub(super) pipeline: PathBuf,
    /// As what: a drawing for the terminal, a Mermaid flowchart, a Graphviz digraph, JSON
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(super) format: GraphFormat,
    /// Show every member of a matrix instead of one with a count
    #[arg(long)]
    pub(super) all: bool,
}

/// A format of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    Text,
    Mermaid,
    Dot,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct InitCommand {
    /// The folder; made if it isn't there
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
    /// What the stages are written in
    #[arg(long, value_enum, default_value_t = InitTemplate::Python)]
    pub(super) template: InitTemplate,
}

/// What a first pipeline's stages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InitTemplate {
    Python,
    Shell,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsCommand {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManCommand {
    /// Write a page for each command to this folder
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RunCommand {
    /// The pipeline
    #[arg(default_value = "pipeline.toml")]
    pub(super) pipeline: PathBuf,
    /// Folder that runs go below [default: the pipeline's `root`, else data/artifacts]
    #[arg(long, value_name = "FOLDER")]
    pub(super) root: Option<PathBuf>,
    /// Id of the run: letters, digits, `.`, `_`, `-` [default: made from time and chance]
    #[arg(long, value_name = "ID")]
    pub(super) run_id: Option<String>,
    /// Attempts that may run at once [default: the pipeline's `max_parallel`, else the number of processors]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) max_parallel: Option<u32>,
    #[command(flatten)]
    pub(super) executor: ExecutorArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// What a failed stage means for the others: continue, finish-running, stop [default: the pipeline's `on_failure`, else
    /// continue]
    #[arg(long, value_name = "POLICY", value_parser = on_failure)]
    pub(super) on_failure: Option<FailurePolicy>,
    /// Sign the run's evidence with this Ed25519 private key (PEM) [default: FORENSIC_SIGNING_KEY names the file]
    #[arg(long, value_name = "FILE")]
    pub(super) sign_key: Option<PathBuf>,
    /// Refuse to run if a plugin, or what it is granted, is not as forensic.lock beside the pipeline has it
    #[arg(long)]
    pub(super) locked: bool,
    /// Lower the most that any report stage may set, such as memory=128MiB; may be given several times
    #[arg(long, value_name = "LIMIT=VALUE")]
    pub(super) max_limit: Vec<String>,
    /// Print what each report stage would get, and run nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Fail the run, with exit code 4, if a report has findings as severe as that or worse [default: the pipeline's `fail_on`,
    /// else never]
    #[arg(long, value_name = "SEVERITY", value_parser = fail_on)]
    pub(super) fail_on: Option<FailOn>,
    /// How to show the run on standard error
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    pub(super) progress: Choice,
    #[command(flatten)]
    pub(super) ci: CiArgs,
    /// What to print to standard output: nothing (text), or what happens, as lines of JSON (docs/events.md)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Where stages run.
#[derive(Debug, Default, Args)]
pub(super) struct ExecutorArguments {
    /// Where stages run: local (all of them), or ray (all that don't say `executor = "local"` themselves) [default: the pipeline's
    /// `[executor] kind`, else local]
    #[arg(long, value_name = "KIND", value_parser = executor)]
    pub(super) executor: Option<ExecutorKind>,
    /// The Ray cluster: auto (the one that this machine is a part of), or HOST:PORT [default: the pipeline's `[executor]
    /// address`, else auto]
    #[arg(long, value_name = "ADDRESS", value_parser = ray_address)]
    pub(super) ray_address: Option<String>,
}

impl ExecutorArguments {
    /// Puts what was asked for in the place of what the pipeline says.
    pub(super) fn apply(&self, pipeline: &mut Pipeline) -> Result<(), Failure> {
        if let Some(kind) = self.executor {
            pipeline
                .run_on(kind)
                .map_err(|why| Failure::usage(anyhow::anyhow!("--executor {}: {why}", kind.as_str())))?;
        }
        if let Some(address) = &self.ray_address {
            if !pipeline.uses_ray() {
                return Err(Failure::usage(anyhow::anyhow!(
                    "--ray-address: no stage runs on Ray; add `--executor ray`"
                )));
            }
            pipeline.executor.ray.address.clone_from(address);
        }
        Ok(())
    }
}

/// Which stages run, and whose results are reused.
#[derive(Debug, Default, Args)]
pub(super) struct SelectionArguments {
    /// Reuse what this run left behind, where nothing has changed: a run id, a run directory, or `latest`
    #[arg(long, value_name = "RUN")]
    pub(super) resume: Option<PathBuf>,
    /// Run this stage and all that depends on it again, and reuse the rest (of `latest`, if no run is named); an id, a glob, or
    /// group:NAME; may be given several times
    #[arg(long, value_name = "STAGE")]
    pub(super) from: Vec<String>,
    /// Run only this stage and what it needs; may be given several times
    #[arg(long, value_name = "STAGE")]
    pub(super) only: Vec<String>,
    /// Reuse nothing, or nothing of this stage; may be given several times
    #[arg(long, value_name = "STAGE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) force: Vec<String>,
}

impl SelectionArguments {
    pub(super) fn selection(&self) -> Selection {
        let force = match self.force.as_slice() {
            [] => Force::No,
            all if all.iter().any(String::is_empty) => Force::All,
            patterns => Force::Patterns(patterns.to_vec()),
        };
        Selection { from: self.from.clone(), only: self.only.clone(), force }
    }
}

#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    /// The pipeline
    #[arg(default_value = "pipeline.toml")]
    pub(super) pipeline: PathBuf,
    /// Folder that runs go below [default: the pipeline's `root`, else data/artifacts]
    #[arg(long, value_name = "FOLDER")]
    pub(super) root: Option<PathBuf>,
    /// Attempts that may run at once [default: the pipeline's `max_parallel`, else the number of processors]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) max_parallel: Option<u32>,
    #[command(flatten)]
    pub(super) executor: ExecutorArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ValidateCommand {
    /// The pipeline
    #[arg(default_value = "pipeline.toml")]
    pub(super) pipeline: PathBuf,
    /// How to print what is wrong: text to standard error, JSON to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct PluginPushCommand {
    /// Where to: `oci://host/repository:tag`
    pub(super) reference: String,
    /// The component
    pub(super) component: PathBuf,
    /// A detached signature that goes with it
    #[arg(long, value_name = "FILE")]
    pub(super) signature: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PluginLockCommand {
    /// The pipeline
    #[arg(default_value = "pipeline.toml")]
    pub(super) pipeline: PathBuf,
    /// Write nothing; exit with 2 if forensic.lock is not what would be written
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReportCommand {
    /// A run id or the beginning of one, a run directory, or `latest`
    #[arg(default_value = "latest")]
    pub(super) run: PathBuf,
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = crate::directory::DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// Fail, with exit code 4, if a report has findings as severe as that or worse [default: as the run]
    #[arg(long, value_name = "SEVERITY", value_parser = fail_on)]
    pub(super) fail_on: Option<FailOn>,
    /// Sign the evidence anew with this Ed25519 private key (PEM), should the report have changed
    #[arg(long, value_name = "FILE")]
    pub(super) sign_key: Option<PathBuf>,
    /// Print the report to standard output, too [default: only write its files]
    #[arg(long, value_enum)]
    pub(super) format: Option<ReportFormat>,
    #[command(flatten)]
    pub(super) ci: CiArgs,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people, as wide as the terminal (COLUMNS, else 80, where there is none)
    Text,
    /// For programs: forensic_report.json
    Json,
    /// The paths of its files
    Paths,
}

#[derive(Debug, Args)]
pub(super) struct RecoverCommand {
    /// A run id or the beginning of one, a run directory, or `latest`
    pub(super) run: PathBuf,
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = crate::directory::DEFAULT_ROOT)]
    pub(super) root: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct VerifyCommand {
    /// A run id or the beginning of one, a run directory, or `latest`
    #[arg(default_value = "latest")]
    pub(super) run: PathBuf,
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = crate::directory::DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// Public key (PEM) that the run must be signed by
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Subcommand)]
pub(super) enum TraceCommand {
    /// Print the metrics of any trace file
    Summarize(SummarizeCommand),
    /// Write a trace in another format, for another tool
    Export(ExportCommand),
    /// Make one trace of several, each span once
    Merge(MergeCommand),
}

#[derive(Debug, Args)]
pub(super) struct SummarizeCommand {
    /// The trace: a `forensic_trace.json`, or `-` for standard input
    pub(super) file: PathBuf,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ExportCommand {
    /// The trace: a `forensic_trace.json`, or `-` for standard input
    pub(super) file: PathBuf,
    /// otlp-jsonl (OpenTelemetry collectors), otlp-json, otlp-proto, perfetto, chrome, csv
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: ExportFormat,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Shift spans made on workers of a cluster by what was measured of their clocks; only for looking at
    #[arg(long)]
    pub(super) align_workers: bool,
}

#[derive(Debug, Args)]
pub(super) struct MergeCommand {
    /// The traces, as a run's `forensic_trace.json` and its workers' `forensic_trace.<worker>.json`, in any order
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Where to write the result [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Make the folder of a new plugin, which builds and passes its test at once
    New(NewCommand),
    /// Build a plugin's component with its language's own tools
    Build(BuildCommand),
    /// Say whether a plugin runs here, what it asks for, and what could be better
    Check(CheckCommand),
    /// Show what a component says of itself, and run nothing
    Inspect(InspectCommand),
    /// Render a plugin's recorded runs in the sandbox and compare with its golden files
    Test(TestCommand),
    /// Compile plugins now, so that the first run needn't
    Precompile(PrecompileCommand),
    /// Write forensic.lock: which plugins a pipeline runs, and what they get
    Lock(PluginLockCommand),
    /// Push a component to an OCI registry
    Push(PluginPushCommand),
}

#[derive(Debug, Args)]
pub(super) struct CheckCommand {
    /// A component, or a folder with a `plugin.toml`
    #[arg(default_value = ".")]
    pub(super) plugin: PathBuf,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct InspectCommand {
    /// A component, or a folder with a `plugin.toml`
    #[arg(default_value = ".")]
    pub(super) plugin: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct TestCommand {
    /// The folder with the `plugin.toml`
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
    /// Write the golden files instead of comparing with them
    #[arg(long)]
    pub(super) update: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct PrecompileCommand {
    /// Components, or folders with a `plugin.toml`
    #[arg(required = true)]
    pub(super) plugins: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct NewCommand {
    /// Name of the plugin, such as acme.slowest
    pub(super) name: String,
    /// The language to write it in
    #[arg(long, value_enum)]
    pub(super) lang: LanguageWord,
    /// The new folder [default: the name with `_` for `.`]
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BuildCommand {
    /// The folder with the `plugin.toml`
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
}

/// A language that has a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LanguageWord {
    Rust,
    Python,
    Js,
    C,
}

impl LanguageWord {
    pub(super) fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::Python => Language::Python,
            Self::Js => Language::JavaScript,
            Self::C => Language::C,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct WitCommand {
    /// Write the package's files to this folder instead of printing them
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
}

fn fail_on(word: &str) -> Result<FailOn, String> {
    let choice = FailOn::ALL.into_iter().find(|choice| choice.as_str() == word);
    choice.ok_or_else(|| "expected never, error, warning or info".to_owned())
}

fn on_failure(word: &str) -> Result<FailurePolicy, String> {
    let choice = FailurePolicy::ALL.into_iter().find(|choice| choice.as_str() == word);
    choice.ok_or_else(|| "expected continue, finish-running or stop".to_owned())
}

fn executor(word: &str) -> Result<ExecutorKind, String> {
    let kind = ExecutorKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    kind.ok_or_else(|| "expected local or ray".to_owned())
}

fn ray_address(text: &str) -> Result<String, String> {
    match address_problem(text) {
        None => Ok(text.to_owned()),
        Some(bad) => Err(format!("{}: {}", bad.why, bad.advice)),
    }
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}
