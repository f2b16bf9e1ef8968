//! What is wrong before any stage runs: one clear message, exit code 2, and nothing ran.

use super::cluster::{Cluster, shared};
use super::trial::Trial;

/// One stage that would leave a file beside the pipeline.
const STAGE: &str = "[stages.a]\nrun = 'touch ran'\n";

/// It was refused, and says all of these words.
fn assert_refused(trial: &Trial<'_>, code: Option<i32>, words: &[&str]) {
    let said = trial.stderr();
    assert_eq!(code, Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    assert!(!said.contains("Traceback") && !said.contains('\u{1b}'), "{said}");
    assert!(said.lines().count() < 25, "one clear message: {said}");
    assert!(!trial.path().join("ran").exists(), "the stage ran");
    assert_eq!(trial.left(), [""; 0]);
}

/// Replaces a text of the pipeline.
fn replace(trial: &Trial<'_>, from: &str, to: &str) {
    let text = std::fs::read_to_string(trial.path().join("pipeline.toml")).unwrap();
    assert!(text.contains(from), "{text}");
    trial.bench.write("pipeline.toml", text.replace(from, to));
}

#[test]
fn without_ray_or_its_cluster_or_its_token_nothing_runs() {
    let Some(cluster) = shared() else { return };
    // Most of it is waiting.
    std::thread::scope(|scope| {
        for test in [no_module, no_python, off_cluster, wrong_token, no_token] {
            scope.spawn(move || test(cluster));
        }
    });
}

fn no_module(cluster: &Cluster) {
    let trial = Trial::new(cluster, "", STAGE);
    let python = super::cluster::python().unwrap();
    replace(&trial, &format!("python = \"{}\"", python.display()), "python = \"/usr/bin/python3\"");
    let code = trial.run();
    assert_refused(&trial, code, &["ray", "/usr/bin/python3", "install"]);
}

fn no_python(cluster: &Cluster) {
    let trial = Trial::new(cluster, "", STAGE);
    let python = super::cluster::python().unwrap();
    replace(&trial, &format!("python = \"{}\"", python.display()), "python = \"/nonexistent/python3\"");
    let code = trial.run();
    assert_refused(&trial, code, &["/nonexistent/python3"]);
}

fn off_cluster(cluster: &Cluster) {
    let trial = Trial::new(cluster, "", STAGE);
    // Nobody listens there.
    replace(&trial, cluster.address(), "127.0.0.9:6399");
    replace(&trial, "connect_timeout = \"60s\"", "connect_timeout = \"6s\"");
    let code = trial.run();
    assert_refused(&trial, code, &["127.0.0.9:6399"]);
}

fn wrong_token(cluster: &Cluster) {
    let trial = Trial::new(cluster, "token_file = \"wrong-token\"", STAGE);
    trial.bench.write("wrong-token", "0".repeat(64));
    replace(&trial, "connect_timeout = \"60s\"", "connect_timeout = \"10s\"");
    let code = trial.run();
    assert_refused(&trial, code, &["token"]);
    assert!(!trial.stderr().contains(&"0".repeat(64)), "{}", trial.stderr());
}

fn no_token(cluster: &Cluster) {
    let trial = Trial::new(cluster, "", STAGE);
    replace(&trial, "connect_timeout = \"60s\"", "connect_timeout = \"10s\"");
    let mut command = trial.command(&["run", "--run-id", &trial.id]);
    // No token of the user's, either.
    command.env_remove("RAY_AUTH_MODE").env_remove("RAY_AUTH_TOKEN_PATH").env("HOME", trial.path());
    let code = trial.spawn(command).wait();
    assert_refused(&trial, code, &["token"]);
}
