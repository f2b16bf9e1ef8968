//! Which files a plugin is granted, and that it reads no others.

use std::fs;
use std::os::unix::fs::symlink;

use forensic_host::limits::Limits;
use forensic_host::plugin::{Artifacts, Inputs, TraceInput};

use super::{engine, granted, paragraphs, plugin, request};

fn ids(artifacts: &Artifacts) -> Vec<&str> {
    artifacts.iter().map(|artifact| &*artifact.id).collect()
}

#[test]
fn only_regular_files_below_the_run_are_listed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(data.join("deep/er")).unwrap();
    fs::write(data.join("b.json"), "{}").unwrap();
    fs::write(data.join("a.json"), "abc").unwrap();
    fs::write(data.join("deep/er/c.json"), "").unwrap();
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    symlink(outside.path().join("secret"), data.join("link.json")).unwrap();
    symlink("a.json", data.join("inside.json")).unwrap();
    symlink(outside.path(), data.join("folder")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(data.join("pipe.json")).status().unwrap();
    assert!(fifo.success());
    let _socket = std::os::unix::net::UnixListener::bind(data.join("socket.json")).unwrap();

    let shallow = granted(folder.path(), &["data/*.json"]).unwrap();
    assert_eq!(ids(&shallow), ["data/a.json", "data/b.json"]);
    let deep = granted(folder.path(), &["data/**"]).unwrap();
    assert_eq!(ids(&deep), ["data/a.json", "data/b.json", "data/deep/er/c.json"]);
    assert_eq!(
        ids(&granted(folder.path(), &["data/{a,b}.json", "run.json"]).unwrap()),
        ["data/a.json", "data/b.json", "run.json"]
    );
    assert_eq!(ids(&granted(folder.path(), &["data/*/*/c.json"]).unwrap()), ["data/deep/er/c.json"]);
    assert_eq!(ids(&granted(folder.path(), &[]).unwrap()), [""; 0]);
    assert_eq!(deep.skipped(), [""; 0]);

    let a = deep.get("data/a.json").unwrap();
    assert_eq!((a.size, &*a.sha256), (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(deep.read("data/a.json", 1, u32::MAX), Some(Ok(b"bc".to_vec())));
    assert_eq!(deep.read("data/a.json", 3, 9), Some(Ok(vec![])));
    assert_eq!(deep.read("data/a.json", u64::MAX, 9), Some(Ok(vec![])));
    for id in [
        "data/link.json",
        "data/inside.json",
        "data/pipe.json",
        "data/folder/secret",
        "run.json",
        "../x",
        "/etc/passwd",
        "",
    ] {
        assert_eq!(deep.read(id, 0, 9), None, "{id}");
    }
}

#[test]
fn a_read_gives_a_mebibyte_at_most() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("large"), vec![7; 3 << 20]).unwrap();
    let artifacts = granted(folder.path(), &["large"]).unwrap();
    assert_eq!(artifacts.read("large", 0, u32::MAX).unwrap().unwrap().len(), 1 << 20);
    assert_eq!(artifacts.read("large", (3 << 20) - 5, u32::MAX).unwrap().unwrap().len(), 5);
}

#[test]
fn a_file_that_is_swapped_after_the_grant_is_not_read() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("d")).unwrap();
    for name in ["grows", "other", "link", "pipe", "gone", "d/file"] {
        fs::write(path(name), "honest").unwrap();
    }
    let artifacts = granted(folder.path(), &["**"]).unwrap();
    assert_eq!(ids(&artifacts).len(), 6);
    fs::write(path("grows"), "honest and more").unwrap();
    fs::write(path("new"), "secret").unwrap();
    fs::rename(path("new"), path("other")).unwrap();
    fs::remove_file(path("link")).unwrap();
    symlink(outside.path().join("secret"), path("link")).unwrap();
    fs::remove_file(path("pipe")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    fs::remove_file(path("gone")).unwrap();
    fs::remove_dir_all(path("d")).unwrap();
    fs::write(outside.path().join("file"), "secret").unwrap();
    symlink(outside.path(), path("d")).unwrap();
    for (id, why) in [
        ("grows", "it has changed since it was listed"),
        ("other", "it has changed since it was listed"),
        ("pipe", "it has changed since it was listed"),
        ("link", "Too many levels of symbolic links (os error 40)"),
        ("gone", "No such file or directory (os error 2)"),
        ("d/file", "Not a directory (os error 20)"),
    ] {
        assert_eq!(artifacts.read(id, 0, 99), Some(Err(why.to_owned())), "{id}");
    }
}

#[test]
fn patterns_that_lead_out_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (pattern, why) in [
        ("../x", "`.`, `..` and empty names have no place in it"),
        ("data/../../x", "`.`, `..` and empty names have no place in it"),
        ("/etc/passwd", "it is absolute; patterns start at the run directory"),
        ("", "it is empty"),
        ("data/[", "unclosed character class; missing ']'"),
    ] {
        assert_eq!(
            granted(folder.path(), &[pattern]).unwrap_err().to_string(),
            format!("`{pattern}` is no pattern for artifacts: {why}")
        );
    }
}

#[test]
fn a_plugin_cannot_escape_through_ids() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    symlink("/etc/passwd", folder.path().join("data/link")).unwrap();
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: granted(folder.path(), &["data/**"]).unwrap() };
    let document = engine().call(plugin(), request("escape"), &inputs, &Limits::default()).outcome.unwrap();
    assert_eq!(
        paragraphs(&document),
        ["../../../etc/passwd: false", "/etc/passwd: false", "run.json: false", "data/link: false"]
    );
}
