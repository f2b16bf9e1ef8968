//! One run on a cluster: its pipeline, its processes, and what it left. A test that fails prints what there is to see of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::cluster::{Cluster, python};
use super::process;
use crate::support::{Bench, Trace};

/// What a run may take on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stage's command that would go on for ten minutes: a shell, its child, and a grandchild in a session of its own. It says so in
/// the data folder, and counts its executions there.
pub(super) const TREE: &str = r#"
echo $FORENSIC_ATTEMPT >> $FORENSIC_DATA_DIR/executions
sleep 600 & echo $! > $FORENSIC_DATA_DIR/child
setsid sh -c 'echo $$ > $FORENSIC_DATA_DIR/away; exec sleep 600' &
until [ -s $FORENSIC_DATA_DIR/away ]; do sleep 0.01; done
echo $$ > $FORENSIC_DATA_DIR/new && mv $FORENSIC_DATA_DIR/new $FORENSIC_DATA_DIR/tree
wait
"#;

/// A pipeline and its run, which has an id of its own among all tests, so that its processes can be told from others'.
pub(super) struct Trial<'a> {
    pub(super) bench: Bench,
    pub(super) id: String,
    /// Whatever takes longer hangs.
    pub(super) patience: Duration,
    cluster: &'a Cluster,
}

/// The processes of one attempt of [`TREE`].
pub(super) struct Tree {
    pub(super) stage: u32,
    /// What watches it.
    pub(super) supervisor: u32,
    /// The Ray worker that was given the task.
    pub(super) worker: u32,
}

impl<'a> Trial<'a> {
    /// With these keys of `[executor]` and this rest of a `pipeline.toml`.
    pub(super) fn new(cluster: &'a Cluster, executor: &str, rest: &str) -> Self {
        let python = python().unwrap();
        let (python, address) = (python.display(), cluster.address());
        let text = format!(
            "[pipeline]\nname = \"on-ray\"\nmax_parallel = 4\nkill_grace = \"1s\"\n\
             [executor]\nkind = \"ray\"\naddress = \"{address}\"\npython = \"{python}\"\nconnect_timeout = \"60s\"\n{executor}\n{rest}"
        );
        let bench = Bench::new(&text);
        let id = format!("r{}", bench.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.'));
        Self { bench, id, patience: PATIENCE, cluster }
    }

    pub(super) fn path(&self) -> &Path {
        self.bench.path()
    }

    pub(super) fn run_dir(&self) -> PathBuf {
        self.path().join("data/artifacts/summaries/runs").join(&self.id)
    }

    /// `forensic-host` on the cluster's head.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.cluster.command(self.path(), arguments)
    }

    /// Its output in the bench's folder, in the background.
    pub(super) fn spawn(&self, mut command: Command) -> Running<'_> {
        let output = |name| Stdio::from(File::create(self.path().join(name)).unwrap());
        let child = command.stdout(output("stdout")).stderr(output("stderr")).spawn().unwrap();
        Running { child, trial: self }
    }

    /// `run` in the background.
    pub(super) fn start(&self) -> Running<'_> {
        self.spawn(self.command(&["run", "--run-id", &self.id]))
    }

    /// `run`, and its exit code.
    pub(super) fn run(&self) -> Option<i32> {
        self.start().wait()
    }

    /// Any other call, with what it says in `stdout` and `stderr`.
    pub(super) fn call(&self, arguments: &[&str]) -> Option<i32> {
        self.spawn(self.command(arguments)).wait()
    }

    /// What the last call said.
    pub(super) fn stderr(&self) -> String {
        std::fs::read_to_string(self.path().join("stderr")).unwrap()
    }

    /// What the last call gave.
    pub(super) fn stdout(&self) -> String {
        std::fs::read_to_string(self.path().join("stdout")).unwrap()
    }

    pub(super) fn read(&self, name: &str) -> String {
        let path = self.run_dir().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(super) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    pub(super) fn trace(&self) -> Trace {
        Trace(serde_json::from_str(&self.read("data/forensic_trace.json")).unwrap())
    }

    /// A file of the data folder, without spaces around.
    pub(super) fn told(&self, name: &str) -> String {
        self.read(&format!("data/{name}")).trim().to_owned()
    }

    /// Waits for something with patience.
    pub(super) fn until(&self, what: &str, so: impl Fn() -> bool) {
        let start = Instant::now();
        while !so() {
            assert!(start.elapsed() < self.patience, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a file of the data folder that is not empty.
    pub(super) fn until_told(&self, name: &str) {
        let path = self.run_dir().join("data").join(name);
        self.until(name, || std::fs::metadata(&path).is_ok_and(|meta| meta.len() > 0));
    }

    /// Waits until a stage of [`TREE`] runs.
    pub(super) fn tree(&self) -> Tree {
        self.until_told("tree");
        // The shared folder is quicker than the stream: the host has to know, too.
        let journal = self.run_dir().join("data/forensic_trace.ndjson");
        let started =
            || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"forensic.started_time\":"));
        self.until("the host's note that it has started", started);
        let stage = self.told("tree").parse().unwrap();
        let supervisor = process::parent(stage).expect("the stage lives");
        Tree { stage, supervisor, worker: process::ray_worker(supervisor) }
    }

    /// Living processes that carry the run's id.
    pub(super) fn left(&self) -> Vec<String> {
        let variable = format!("FORENSIC_RUN_ID={}", self.id);
        let found = process::all().filter(|pid| process::has_variable(*pid, &variable));
        found.map(|pid| format!("{pid}: {}", process::command(pid))).collect()
    }

    /// The tree of an attempt ends, now or soon, and what watched it.
    pub(super) fn until_gone(&self, tree: &Tree) {
        self.until("the end of every process of the run", || self.left().is_empty());
        self.until("the end of the supervisor", || !process::lives(tree.supervisor));
    }

    /// Nothing is alive any more.
    pub(super) fn assert_gone(&self, tree: &Tree) {
        assert_eq!(self.left(), [""; 0], "processes of the run are left");
        for pid in [tree.stage, tree.supervisor] {
            assert!(!process::lives(pid), "{pid}: {}", process::command(pid));
        }
    }

    /// How often the command of [`TREE`] was executed, by its own count.
    pub(super) fn executions(&self) -> usize {
        self.told("executions").lines().count()
    }

    /// The only attempt of a stage was lost, and the record says how; nothing of it is silently absent.
    pub(super) fn assert_lost(&self, stage: &str, kind: &str) {
        let trace = self.trace();
        let [attempt] = trace.attempts(stage)[..] else { panic!("{} attempts", trace.attempts(stage).len()) };
        let attributes = &attempt["attributes"];
        assert_eq!(attributes["error.type"], kind, "{attempt}");
        assert_eq!(attributes["forensic.executor"], "ray", "{attempt}");
        assert_eq!(attributes["forensic.delivery"], "at_most_once", "{attempt}");
        assert!(attributes["forensic.started_time"].is_u64(), "it had started: {attempt}");
        assert_eq!((attempt["status"].as_str(), trace.result(stage)), (Some("Error"), "error"), "{attempt}");
        let message = attempt["status_message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains('\u{1b}'), "{attempt}");
        assert_spans_accounted(&trace, attempt);
        let report = self.read("reports/forensic_report.md");
        assert!(report.contains(stage), "{report}");
    }

    /// What there is to see.
    fn evidence(&self) -> String {
        let mut text = format!("--- run {} in {}\n", self.id, self.path().display());
        let mut tail = |path: PathBuf| {
            let Ok(bytes) = std::fs::read(&path) else { return };
            let start = bytes.len().saturating_sub(6000);
            let name = path.strip_prefix(self.path()).unwrap_or(&path).display().to_string();
            text += &format!("--- {name}\n{}\n", String::from_utf8_lossy(&bytes[start..]));
        };
        tail(self.path().join("pipeline.toml"));
        tail(self.path().join("stderr"));
        tail(self.run_dir().join("logs/ray-bridge.err.log"));
        for stage in std::fs::read_dir(self.run_dir().join("logs")).into_iter().flatten().flatten() {
            for log in std::fs::read_dir(stage.path()).into_iter().flatten().flatten() {
                tail(log.path());
            }
        }
        if let Ok(bytes) = std::fs::read(self.run_dir().join("data/forensic_trace.json"))
            && let Ok(spans) = serde_json::from_slice::<Vec<Value>>(&bytes)
        {
            let trace = Trace(spans);
            for attempt in trace.kind("attempt").iter().take(10) {
                text += &format!("--- attempt\n{attempt}\n");
            }
        } else {
            tail(self.run_dir().join("data/forensic_trace.ndjson"));
        }
        text += &format!("--- processes of the run\n{:#?}\n", self.left());
        text
    }
}

/// Either the worker's own span is there, or it was counted as lost.
pub(super) fn assert_spans_accounted(trace: &Trace, attempt: &Value) {
    let attributes = &attempt["attributes"];
    let lost = attributes["forensic.spans.lost"].as_u64().unwrap_or(0);
    let unknown = attributes["forensic.spans.lost_unknown"] == true;
    let workers = trace.kind("worker");
    let own = workers.iter().filter(|span| span["parent_span_id"] == attempt["span_id"]).count();
    assert!(own == 1 || own == 0 && (lost > 0 || unknown), "{own} spans of its worker, and nothing is lost: {attempt}");
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.evidence());
        }
    }
}

/// A run that goes on.
pub(super) struct Running<'a> {
    child: Child,
    trial: &'a Trial<'a>,
}

impl Running<'_> {
    /// The host's process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end: its exit code.
    pub(super) fn wait(mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < self.trial.patience, "forensic-host does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ctrl-C, as a terminal would send it to this process.
    pub(super) fn interrupt(&self) {
        process::signal(self.pid(), Signal::INT);
    }

    /// The process that speaks with Ray.
    pub(super) fn bridge(&self) -> u32 {
        let of_host = |pid: &u32| process::parent(*pid) == Some(self.pid());
        let found: Vec<u32> =
            process::all().filter(of_host).filter(|pid| process::command(*pid).contains("python")).collect();
        let [bridge] = found[..] else { panic!("not one bridge: {found:?}\n{}", self.trial.stderr()) };
        bridge
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // After a failed assertion nothing may go on.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
