//! A real Ray cluster for tests, and the ways to break it. May live here: what starts, rules and stops `tests/ray/serve.py`, and
//! which cluster a test gets.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process;
use crate::support::{BINARY, shared_cache, workspace};

/// Set by `tests/run` to the `bin` folder of an environment with the packages of `tests/ray/requirements.txt`.
const PYTHON: &str = "RAY_PYTHON_BIN";

/// The interpreter with Ray; nothing where it is not installed, which is an error in CI.
pub(super) fn python() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os(PYTHON) else {
        assert_ne!(std::env::var_os("CI").as_deref(), Some("true".as_ref()), "{PYTHON} is not set; tests/run sets it");
        eprintln!("SKIPPED, A REAL RAY IS MISSING: {PYTHON} is not set; tests/run sets it");
        return None;
    };
    Some(Path::new(&folder).join("python"))
}

/// A cluster that lives until it is dropped, or until this process ends, however it does: then its keeper reads the end of
/// its input, stops the cluster and removes its folder.
pub(super) struct Cluster {
    /// The keeper's orders and answers.
    keeper: Mutex<Keeper>,
    child: Child,
    /// Holds the cluster's own folder, `r`, and what its keeper says.
    folder: TempDir,
    /// What the keeper said of it at its start.
    state: Value,
}

struct Keeper {
    /// `None`: it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a node is started with; see `add_node` in `tests/ray/cluster.py`.
pub(super) fn node(cpus: u32, resources: &Value, labels: &Value, env: &Value) -> Value {
    json!({ "cpus": cpus, "resources": resources, "labels": labels, "env": env })
}

/// A node that takes nothing but what asks for this resource of it.
pub(super) fn victim(name: &str) -> Value {
    node(0, &json!({ name: 100 }), &json!({}), &json!({}))
}

impl Cluster {
    /// With these options of `tests/ray/serve.py`, but the folder.
    pub(super) fn start(python: &Path, mut options: Value) -> Self {
        // A short path: Ray's sockets lie deep below it.
        let folder = tempfile::Builder::new().prefix("fr").rand_bytes(4).tempdir_in("/tmp").unwrap();
        options["dir"] = folder.path().join("r").to_str().unwrap().into();
        // What is never dropped, as a static, is removed by the keeper.
        options["around"] = folder.path().to_str().unwrap().into();
        let said = std::fs::File::create(folder.path().join("said")).unwrap();
        let mut command = Command::new(python);
        command.arg(workspace().join("tests/ray/serve.py")).arg(options.to_string());
        // The example's packages are in what its stages find as `python3`; workers have the cluster's PATH, not the host's.
        let mut path = std::env::var_os("EXAMPLE_PYTHON_BIN").unwrap_or_default();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1").env_remove("CI");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said).spawn().expect("the cluster's keeper");
        let answers = BufReader::new(child.stdout.take().unwrap());
        let keeper = Mutex::new(Keeper { orders: child.stdin.take(), answers });
        let mut cluster = Self { keeper, child, folder, state: Value::Null };
        cluster.state = cluster.ask(&Value::Null);
        cluster
    }

    /// What the keeper answers to an order; null asks for what it says at its start.
    fn ask(&self, order: &Value) -> Value {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if !order.is_null() {
            writeln!(keeper.orders.as_mut().unwrap(), "{order}").unwrap();
        }
        let mut line = String::new();
        keeper.answers.read_line(&mut line).unwrap();
        drop(keeper);
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_default();
        assert!(answer.get("ok").is_some(), "{order}: {line}\n{}", self.said());
        answer["ok"].take()
    }

    /// What the keeper complained of.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Starts nodes side by side; their addresses, once the head knows them all.
    pub(super) fn add<const N: usize>(&self, nodes: [Value; N]) -> [String; N] {
        let answer = self.ask(&json!({ "do": "add_nodes", "nodes": &nodes[..] }));
        let ips = answer.as_array().unwrap().iter().map(|ip| ip.as_str().unwrap().to_owned());
        ips.collect::<Vec<_>>().try_into().unwrap()
    }

    /// SIGKILL for a node's `start`, `raylet` or `gcs_server`.
    pub(super) fn kill(&self, ip: &str, what: &str) {
        self.signal(ip, what, "KILL");
    }

    /// SIGTERM, by which a node leaves in good order.
    pub(super) fn retire(&self, ip: &str) {
        self.signal(ip, "raylet", "TERM");
    }

    fn signal(&self, ip: &str, what: &str, name: &str) {
        let killed = self.ask(&json!({ "do": "kill", "ip": ip, "what": what, "name": name }));
        assert_eq!(killed.as_array().unwrap().len(), 1, "not one {what} on {ip}");
    }

    /// Pulls a node's cable, for good.
    pub(super) fn pull(&self, ip: &str) {
        self.ask(&json!({ "do": "pull", "ip": ip }));
    }

    /// Ends nodes and waits until the head knows.
    pub(super) fn remove(&self, ips: &[String]) {
        self.ask(&json!({ "do": "remove", "ips": ips }));
    }

    /// The head's address.
    pub(super) fn head(&self) -> &str {
        self.state["nodes"][0]["ip"].as_str().unwrap()
    }

    /// Address for `[executor] address`.
    pub(super) fn address(&self) -> &str {
        self.state["address"].as_str().unwrap()
    }

    /// Where Ray keeps its sessions and logs.
    pub(super) fn sessions(&self) -> PathBuf {
        self.folder.path().join("r")
    }

    /// `forensic-host` with these arguments, in this folder and on the head's machine, with the variables of its authentication.
    pub(super) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut words = self.state["enter"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg(BINARY).args(arguments).current_dir(folder);
        for (name, value) in self.state["env"].as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        command.env("XDG_CACHE_HOME", shared_cache()).env("NO_COLOR", "1");
        for name in ["CI", "GITHUB_ACTIONS", "GITLAB_CI"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Programs of ours that run on the cluster: what watches stages.
    pub(super) fn supervisors(&self) -> Vec<String> {
        let marker = format!("FORENSIC_RAY_CLUSTER={}", self.state["marker"].as_str().unwrap());
        let of_cluster = |pid: &u32| process::has_variable(*pid, &marker);
        let ours = |pid: &u32| {
            let command = process::command(*pid);
            let mut words = command.split(' ');
            words.next().is_some_and(|program| program.contains("forensic-host")) && words.any(|word| word == "worker")
        };
        let found = process::all().filter(of_cluster).filter(ours);
        found.map(|pid| format!("{pid}: {}", process::command(pid))).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the cluster's keeper said\n{}", self.said());
        }
        // The end of its input stops the cluster.
        self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner).orders = None;
        let _ = self.child.wait();
    }
}

/// The cluster that all tests share which leave it as it was: a head without processors, and two nodes, in the zones `a` and `b`,
/// that have eight processors, ten slots and two GPUs that aren't there each.
pub(super) fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let start = || {
        let python = python()?;
        // Ray would fill half of a node before it takes the next one.
        let spread = json!({ "RAY_scheduler_spread_threshold": "0" });
        let nodes = ["a", "b"].map(|zone| {
            let mut node = node(8, &json!({ "slot": 10 }), &json!({ "zone": zone }), &spread);
            node["gpus"] = 2.into();
            node
        });
        Some(Cluster::start(&python, json!({ "nodes": nodes, "env": spread })))
    };
    SHARED.get_or_init(start).as_ref()
}

/// The one cluster beside [`shared`] that may live at a time.
pub(super) struct Fragile {
    place: MutexGuard<'static, Option<Cluster>>,
    python: PathBuf,
}

/// A turn at destroying things.
pub(super) fn fragile() -> Option<Fragile> {
    static PLACE: Mutex<Option<Cluster>> = Mutex::new(None);
    let python = python()?;
    let place = PLACE.lock().unwrap_or_else(|poisoned| {
        PLACE.clear_poison();
        // A test failed on it, and may have left it in any state.
        let mut place = poisoned.into_inner();
        *place = None;
        place
    });
    Some(Fragile { place, python })
}

impl Fragile {
    /// A cluster with a cable to each node: at first only a head without processors. Tests give it nodes of their own, which
    /// they break and remove.
    pub(super) fn cluster(&mut self) -> &Cluster {
        self.place.get_or_insert_with(|| Cluster::start(&self.python, json!({ "cabled": true })))
    }

    /// A cluster with these options, which nobody uses after this test.
    pub(super) fn fresh(&mut self, options: Value) -> &Cluster {
        // One after the other, so that never two live.
        *self.place = None;
        self.place.insert(Cluster::start(&self.python, options))
    }

    /// Stops it.
    pub(super) fn stop(&mut self) {
        *self.place = None;
    }
}
