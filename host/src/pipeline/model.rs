//! What a checked pipeline is: plain data, no behaviour beyond looking it up.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::executor::{ExecutorConfig, Placement};
use super::graph;
use crate::limits::Limits;
use crate::registry::Reference;

/// A pipeline that has passed every check of [`super::load`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// `[pipeline] name`: not empty, at most 128 characters, no control characters.
    pub name: String,
    /// `[pipeline] profile`.
    pub profile: Option<String>,
    /// `[pipeline] max_parallel`: 1 to [`super::MAX_PARALLEL`]. `None`: as many as there are cores.
    pub max_parallel: Option<u32>,
    /// `[pipeline] root`, where runs go, absolute (below [`Pipeline::dir`] where it was relative); it need not exist.
    /// `None`: the caller's default.
    pub root: Option<PathBuf>,
    /// `[pipeline] timeout`: limit of the whole run. `None`: none.
    pub timeout: Option<Duration>,
    /// `[pipeline] kill_grace`: from TERM to KILL; 5 s where nothing is set.
    pub kill_grace: Duration,
    /// `[pipeline] fail_on`: which findings fail the run; none where nothing is set.
    pub fail_on: FailOn,
    /// `[pipeline] on_failure`: what a failed stage means for the others.
    pub on_failure: FailurePolicy,
    /// `[pools]`: what stages share, by name, ascending.
    pub pools: Vec<Pool>,
    /// `[environment]`: what stages inherit.
    pub environment: Environment,
    /// The stages, in the order of the file and then of those that it includes, members of a matrix in the order of its
    /// values; none at all is a valid, if dull, pipeline.
    pub stages: Vec<Stage>,
    /// The report stages, in the order of the file.
    pub reports: Vec<ReportStage>,
    /// `[secrets]`: exact values that are never stored.
    pub secrets: Secrets,
    /// `[redaction]`: what else is secret, and what isn't.
    pub redaction: Redaction,
    /// `[telemetry]`: spans of the stages' own.
    pub telemetry: Telemetry,
    /// `[executor]`: where attempts run.
    pub executor: ExecutorConfig,
    /// The file that it was read from.
    pub source: Source,
    /// The files that it includes, and the lists and nested pipelines that its stages were made from, in the order of their
    /// first mention, each once.
    pub included: Vec<Source>,
    /// Folder of that file, absolute.
    pub dir: PathBuf,
}

impl Pipeline {
    /// Index of the stage with this id. Linear: build a map where it's asked often.
    pub fn stage_index(&self, id: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.id.as_str() == id)
    }

    /// Indexes of the stages, each after all that it needs; among those that could stand next, the one declared
    /// first. The order depends on nothing but the file.
    pub fn execution_order(&self) -> Vec<usize> {
        let needs: Vec<&[usize]> = self.stages.iter().map(|stage| stage.needs.as_slice()).collect();
        graph::execution_order(&needs)
    }

    /// For each stage the indexes of those that need it, in the order of the file.
    pub fn dependents(&self) -> Vec<Vec<usize>> {
        let needs: Vec<&[usize]> = self.stages.iter().map(|stage| stage.needs.as_slice()).collect();
        graph::dependents(&needs)
    }
}

/// A node of the DAG.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its id, unique in the pipeline, also where a file system doesn't tell upper from lower case.
    pub id: StageId,
    /// What an attempt runs.
    pub command: Command,
    /// Indexes into [`Pipeline::stages`], in declared order, without repeats.
    pub needs: Vec<usize>,
    /// Which results of `needs` let it start.
    pub trigger: Trigger,
    /// What has to hold when it could start; else it is skipped, and what needs it goes on as if it had succeeded.
    pub when: Option<Condition>,
    /// Its failure neither fails the run nor keeps what needs it from running.
    pub allow_failure: bool,
    /// Higher goes first among stages that could start; 0 where nothing is set; -1,000,000 to 1,000,000.
    pub priority: i32,
    /// What it takes from pools while an attempt runs: index into [`Pipeline::pools`] and amount (at least 1, at most the
    /// pool's where that is known), each pool once.
    pub resources: Vec<(usize, u64)>,
    /// `inputs`: globs of files, relative to [`Stage::workdir`], whose content is part of its key.
    pub inputs: Vec<String>,
    /// `outputs`: what it leaves behind. `None`: not declared, so its result is never reused.
    pub outputs: Option<Vec<OutputGlob>>,
    /// `cache`: its result may come from any earlier run of the pipeline, not only from one that is resumed.
    pub cache: bool,
    /// What it was made from, where it is one of many.
    pub member: Option<Member>,
    /// The group that it stands in.
    pub group: Option<String>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
    /// Working folder, absolute; the pipeline file's folder unless it says otherwise.
    pub workdir: PathBuf,
    /// Limit of one attempt. `None`: none.
    pub timeout: Option<Duration>,
    /// When it is tried again.
    pub retries: Retries,
    /// `executor` and `ray`: where its attempts run.
    pub placement: Placement,
}

/// Id of a stage: `[A-Za-z0-9][A-Za-z0-9._-]*`, at most 128 characters, no `..`; fit for a folder's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct StageId(pub(super) String);

impl StageId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for StageId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What an attempt runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `command = ["program", "argument"]`: never empty, the program's name not empty, no NUL.
    Argv(Vec<String>),
    /// `run = "text"`: for the shell; not blank, no NUL.
    Shell(String),
    /// `pipeline = "file"`: a pipeline of its own, run by this program; absolute; it was read and checked.
    Pipeline(PathBuf),
}

/// Which results of a stage's needs let it start. A need that was skipped by its own `when`, and a failure that is allowed,
/// count as successes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// `needs = […]`, `needs = { all = […] }`: every one succeeded.
    #[default]
    All,
    /// `needs = { any = […] }`: one succeeded; the others are not waited for.
    Any,
    /// `needs = { always = […] }`: every one has ended, however.
    Always,
}

impl Trigger {
    /// The word in `pipeline.toml` and in the trace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::Always => "always",
        }
    }
}

/// `when = { … }`: every key of it has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All of them hold.
    All(Vec<Condition>),
    /// `any = [{ … }, …]`: one of them holds.
    Any(Vec<Condition>),
    /// `not = { … }`.
    Not(Box<Condition>),
    /// `env = { NAME = "value" }`: the stage's environment has this variable with this value (`true`: with any that is not
    /// empty; `false`: has none, or an empty one).
    Env(String, EnvTest),
    /// `profile = ["a", "b"]`: the pipeline's profile is one of these.
    Profile(Vec<String>),
    /// `exists = ["path", …]`: there is such a file or folder. One condition a path.
    Exists(Place),
    /// `result = { "stage" = "failure" }`: a stage that it needs has this result word (index into [`Pipeline::stages`]).
    Result(usize, String),
}

/// What is asked of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvTest {
    /// It has this value.
    Is(String),
    /// It is set and not empty (true), or is not (false).
    Set(bool),
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Absolute, on this machine; was relative to the stage's working folder.
    Host(PathBuf),
    /// `run:data/x`: below the run directory; relative, without `.` or `..` parts.
    Run(String),
}

/// A glob of files that a stage leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputGlob {
    /// Relative to the stage's working folder.
    Workdir(String),
    /// `run:data/*.csv`: below the run directory.
    Run(String),
}

/// Where a stage that was made from a matrix or a list came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id as it is written, with the names of what varies in braces: `{sleeve}.ingest`. The same for all members.
    pub of: String,
    /// Name and value of what varies, in the order of the file.
    pub values: Vec<(String, String)>,
}

/// `[pipeline] on_failure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// What needs the failed stage is skipped, all else goes on.
    #[default]
    Continue,
    /// Nothing more is started; what runs may finish.
    FinishRunning,
    /// Nothing more is started, and what runs is ended.
    Stop,
}

impl FailurePolicy {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::Continue, Self::FinishRunning, Self::Stop];

    /// The word in `pipeline.toml` and after `--on-failure`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::FinishRunning => "finish-running",
            Self::Stop => "stop",
        }
    }
}

/// Something that stages share: a graphics card, memory, licences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The rules of [`StageId`].
    pub name: String,
    /// How much there is.
    pub capacity: Capacity,
    /// Whether amounts are bytes.
    pub bytes: bool,
}

/// How much a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// So much, at least 1.
    Fixed(u64),
    /// `"cores"`: as many as the machine has logical processors.
    Cores,
    /// `"memory"`: as much as the machine has main memory, bytes.
    Memory,
}

/// `[environment]`: what stages get beyond what the host tells them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `inherit`: what passes from the host's own environment.
    pub inherit: Inherit,
    /// `dotenv`: files of `NAME=value` lines, absolute, and whether each may be missing; later ones win.
    pub dotenv: Vec<(PathBuf, bool)>,
    /// `set`: variables of every stage; a stage's own `env` wins.
    pub set: BTreeMap<String, String>,
}

/// What passes from the host's own environment to stages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Inherit {
    /// `"all"`: everything.
    #[default]
    All,
    /// `"standard"`, or a list of names (`*` stands for any characters): the standard variables that programs need (PATH, HOME,
    /// locale, time zone, temporary folder …) and these.
    Listed(Vec<String>),
}

/// `retries = { max, backoff, on_exit }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Attempts after the first; 0 where nothing is set.
    pub max: u32,
    /// Pause before an attempt that isn't the first; 1 s where nothing is set.
    pub backoff: Duration,
    /// Exit codes (1 to 255, ascending, not empty) after which it is tried again. `None`: after every failure.
    pub on_exit: Option<Vec<i32>>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { max: 0, backoff: Duration::from_secs(1), on_exit: None }
    }
}

/// A report plugin's place in the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportStage {
    /// Its id: the rules of [`StageId`]; names its file in `reports/`.
    pub id: String,
    /// Where the component comes from.
    pub plugin: PluginSource,
    /// Globs of the files below the run directory that the plugin may read: relative, with `/`, without `.` or `..`
    /// parts; `*` doesn't cross a `/`.
    pub artifacts: Vec<String>,
    /// The plugin's configuration, always an object; `{}` where nothing is set.
    pub config: serde_json::Value,
    /// What a call may use.
    pub limits: Limits,
    /// What its failure means for the run.
    pub on_failure: OnFailure,
}

/// Where a plugin's component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginSource {
    /// `builtin:NAME`, shipped in the binary; the name without the prefix.
    Builtin(String),
    /// A file, absolute; it was there when the pipeline was checked.
    Path(PathBuf),
    /// `oci://…`: an artifact in a registry.
    Oci(Reference),
}

/// What the failure of a report stage means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The report says so and the run's result stands.
    #[default]
    Degrade,
    /// The run fails (exit code 4).
    Fail,
}

/// `[pipeline] fail_on`: from which severity findings of the reports fail a run that succeeded (exit code 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// Findings are told, and nothing more.
    #[default]
    Never,
    /// Errors do.
    Error,
    /// Warnings and errors do.
    Warning,
    /// Every finding does.
    Info,
}

impl FailOn {
    /// All choices.
    pub const ALL: [Self; 4] = [Self::Never, Self::Error, Self::Warning, Self::Info];

    /// The word in `pipeline.toml` and after `--fail-on`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// `[secrets]`: where the exact values stand that no file of a run may hold. The values themselves are read when the
/// run starts, so that a pipeline can be checked where they aren't known.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Secrets {
    /// `env`: variables of the host's own environment, without repeats.
    pub env: Vec<String>,
    /// `files`: absolute (below the folder of the file that names them where they were relative), without repeats; whether
    /// they exist is not known.
    pub files: Vec<PathBuf>,
}

/// `[redaction]`: rules beyond the built-in ones, each within the limits of [`crate::redact`].
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Redaction {
    /// `keys`: names whose values are secret.
    pub keys: Vec<String>,
    /// `patterns`: name and regular expression, which compiles, in the order of the file.
    pub patterns: Vec<(String, String)>,
    /// `allow_keys`: names whose values are not secret.
    pub allow_keys: Vec<String>,
    /// `allow_patterns`: name and regular expression, which compiles, in the order of the file.
    pub allow_patterns: Vec<(String, String)>,
}

/// `[telemetry]`: what becomes of the spans that stages make themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// `receive`: whether the run serves OTLP for its stages; true where nothing is set.
    pub receive: bool,
    /// `forward`: whether spans also go to the endpoint that `OTEL_EXPORTER_OTLP_ENDPOINT` names; true where nothing
    /// is set.
    pub forward: bool,
    /// `spans_per_attempt`: the most that are taken from one attempt; 100,000 where nothing is set.
    pub spans_per_attempt: u64,
    /// `bytes_per_attempt`: the most that is taken from one attempt, in bytes of requests, unpacked; 64 MiB where
    /// nothing is set.
    pub bytes_per_attempt: u64,
    /// `forward_timeout`: the most that forwarding adds to the end of a run; may be zero; 5 s where nothing is set.
    pub forward_timeout: Duration,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            receive: true,
            forward: true,
            spans_per_attempt: 100_000,
            bytes_per_attempt: 64 << 20,
            forward_timeout: Duration::from_secs(5),
        }
    }
}

/// The text that a pipeline was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// Its content, as digested into the run's record.
    pub text: String,
}
