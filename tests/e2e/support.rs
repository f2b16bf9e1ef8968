//! A folder with a pipeline, the binary, and readers for what a run leaves behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_forensic-host");

/// A folder of its own for one test, with a compile cache that all tests share.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

/// What a call of the binary gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Bench {
    /// With this `pipeline.toml`.
    pub(crate) fn new(pipeline: &str) -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        bench.write("pipeline.toml", pipeline);
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", shared_cache())
            .env("NO_COLOR", "1")
            .env_remove("CI")
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITLAB_CI")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// `run --run-id R`.
    pub(crate) fn run(&self) -> Ran {
        self.call(&["run", "--run-id", "R"])
    }

    /// The same, in the background.
    pub(crate) fn start(&self) -> Child {
        self.command(&["run", "--run-id", "R"]).spawn().unwrap()
    }

    /// The directory of run `R`.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.path().join("data/artifacts/summaries/runs/R")
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.run_dir().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    pub(crate) fn trace(&self) -> Trace {
        Trace(serde_json::from_str(&self.read("data/forensic_trace.json")).unwrap())
    }

    pub(crate) fn markdown(&self) -> String {
        self.read("reports/forensic_report.md")
    }
}

/// The spans of a trace.
pub(crate) struct Trace(pub(crate) Vec<Value>);

impl Trace {
    /// Spans of a kind.
    pub(crate) fn kind(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|span| span["attributes"]["forensic.kind"] == kind).collect()
    }

    pub(crate) fn run(&self) -> &Value {
        let [run] = self.kind("run")[..] else { panic!("not one run span") };
        run
    }

    pub(crate) fn stage(&self, id: &str) -> &Value {
        let found: Vec<_> = self.kind("stage").into_iter().filter(|span| span["name"] == id).collect();
        let [stage] = found[..] else { panic!("{} spans of stage {id}", found.len()) };
        stage
    }

    pub(crate) fn attempts(&self, stage: &str) -> Vec<&Value> {
        let of_stage = |span: &&Value| span["attributes"]["forensic.stage.id"] == stage;
        self.kind("attempt").into_iter().filter(of_stage).collect()
    }

    /// Result word of a stage.
    pub(crate) fn result(&self, stage: &str) -> &str {
        self.stage(stage)["attributes"]["cicd.pipeline.task.run.result"].as_str().unwrap()
    }
}

/// Waits until something is so, at most a minute.
pub(crate) fn wait_until(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Plugins are compiled once for all tests.
pub(crate) fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// The component of the hostile guest, built once.
pub(crate) fn hostile_guest() -> &'static [u8] {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
        let mut guests = forensic_guest_build::build_guests(&workspace(), &target, &["hostile-guest"]).unwrap();
        guests.remove(0)
    })
}

/// No process has this id, or a zombie at most (whoever inherits it collects it).
pub(crate) fn assert_gone(pid: &str) {
    let stat = format!("/proc/{}/stat", pid.trim());
    wait_until(&format!("process {pid} to be gone"), || {
        std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "))
    });
}
