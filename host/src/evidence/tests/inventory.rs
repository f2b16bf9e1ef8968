use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::evidence::entry::name_text;
use crate::files::sha256;

fn list(run: &Run) -> Vec<FileEntry> {
    inventory(&run.dir).unwrap()
}

#[test]
fn lists_every_file_but_the_record_and_its_signature() {
    let run = Run::with(&[
        ("run.json", b"{}"),
        ("run.intoto.jsonl", b"{}"),
        ("data/run.json", b"{}"),
        ("data.txt", b"abc"),
        ("data/empty", b""),
        (".hidden", b"x"),
        ("a/b/c/d", b"deep"),
    ]);
    let files = list(&run);
    let names: Vec<_> = files.iter().map(|entry| entry.path.as_str()).collect();
    // Bytewise: `.` is before `/`.
    assert_eq!(names, [".hidden", "a/b/c/d", "data.txt", "data/empty", "data/run.json"]);
    assert_eq!((files[2].size, files[2].sha256.as_deref()), (Some(3), Some(sha256(b"abc").as_str())));
    assert_eq!((files[3].size, files[3].sha256.as_deref()), (Some(0), Some(sha256(b"").as_str())));
}

#[test]
fn what_is_written_meanwhile_is_read_when_it_is_there() {
    let files: &[(&str, &[u8])] =
        &[("run.json", b"{}"), ("data/reports/a", b"a"), ("logs/b", b"b"), ("reports/.x.tmp", b"x")];
    let run = Run::with(files);
    let (evidence, made) = Evidence::take_beside(&run.dir, Taken::RunEnd, NOW, "reports", || {
        fs::remove_file(run.path("reports/.x.tmp")).unwrap();
        run.write("reports/x", b"new");
        7
    });
    let evidence = evidence.unwrap();
    assert_eq!((made, evidence.time), (7, NOW));
    assert_eq!(evidence.files, list(&run));
    assert!(evidence.holds("reports/x", b"new") && evidence.holds("data/reports/a", b"a"));
}

#[test]
fn links_are_recorded_and_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    let run = Run::with(&[("data/file", b"x")]);
    symlink(outside.path(), run.path("data/folder")).unwrap();
    symlink("file", run.path("data/near")).unwrap();
    symlink("nowhere", run.path("data/broken")).unwrap();
    let files = list(&run);
    let found: Vec<_> = files.iter().map(|entry| (entry.path.as_str(), entry.target.as_deref())).collect();
    assert_eq!(
        found,
        [
            ("data/broken", Some("nowhere")),
            ("data/file", None),
            ("data/folder", outside.path().to_str()),
            ("data/near", Some("file"))
        ]
    );
    assert!(files.iter().filter(|entry| entry.kind == Kind::Symlink).all(|entry| entry.sha256.is_none()));
}

#[test]
fn pipes_and_sockets_are_listed_and_never_opened() {
    let run = Run::with(&[("data/file", b"x")]);
    // Opening a pipe that nobody writes to would never return.
    assert!(Command::new("mkfifo").arg(run.path("data/pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(run.path("data/socket")).unwrap();
    let kinds: Vec<_> = list(&run).into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::File, Kind::Fifo, Kind::Socket]);
}

#[test]
fn names_that_are_not_utf8_have_one_text_each() {
    let run = Run::with(&[]);
    let names: [&[u8]; 4] = [b"caf\xe9", b"caf\\xE9", b"caf\xc3\xa9", b"new\nline"];
    for name in names {
        fs::write(run.folder.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    let files = list(&run);
    let found: Vec<_> = files.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(found, ["caf\\\\xE9", "caf\\xE9", "café", "new\nline"]);
    assert_eq!(files[1].sha256.as_deref(), Some(sha256(b"caf\xe9").as_str()));
}

#[test]
fn many_files_are_each_listed_once_with_their_own_digest() {
    let run = Run::with(&[]);
    for folder in 0..50 {
        fs::create_dir(run.path(&format!("{folder}"))).unwrap();
        for file in 0..100 {
            fs::write(run.path(&format!("{folder}/{file}")), format!("{folder}/{file}")).unwrap();
        }
    }
    let files = list(&run);
    assert_eq!(files.len(), 5000);
    assert!(files.is_sorted_by(|a, b| a.path < b.path));
    for entry in files {
        assert_eq!(entry.sha256, Some(sha256(entry.path.as_bytes())), "{}", entry.path);
    }
}

#[test]
fn a_file_larger_than_any_buffer_is_read_whole() {
    let bytes: Vec<u8> = (0..6_000_000u32).flat_map(|n| n.to_le_bytes()).take(20_000_001).collect();
    let run = Run::with(&[("a", &bytes), ("b", b"b"), ("c", &bytes[..19_999_999])]);
    let files = list(&run);
    assert_eq!(files[0].sha256, Some(sha256(&bytes)));
    assert_eq!(files[2].sha256, Some(sha256(&bytes[..19_999_999])));
}

#[test]
fn a_file_that_grows_is_a_whole_state_or_a_problem() {
    let run = Run::with(&[("data/log", &[0; 1 << 20])]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::File::options().append(true).open(run.path("data/log")).unwrap();
            // An end of its own too, so that nothing that goes wrong here can fill a disk.
            for _ in 0..4096 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                file.write_all(&[0; 4096]).unwrap();
                thread::yield_now();
            }
        });
        for _ in 0..10 {
            let entry = list(&run).remove(0);
            match (entry.size, &entry.sha256, &entry.problem) {
                (Some(size), Some(digest), None) => assert_eq!(*digest, sha256(&vec![0; size as usize])),
                (None, None, Some(problem)) => assert_eq!(problem, "it changed while it was read"),
                other => panic!("{other:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_lies_too_deep_is_told() {
    let run = Run::with(&[]);
    let deep = vec!["d"; 140].join("/");
    fs::create_dir_all(run.path(&deep)).unwrap();
    fs::write(run.path(&deep).join("file"), "x").unwrap();
    let files = list(&run);
    assert_eq!((files.len(), files[0].kind), (1, Kind::Folder));
    assert!(files[0].problem.as_deref().unwrap().contains("folders deep"), "{files:?}");
}

#[test]
fn a_listed_file_reads_back_as_it_was_written() {
    let entry = FileEntry::of_bytes("a", b"abc");
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(text, format!(r#"{{"path":"a","size":3,"sha256":"{}"}}"#, sha256(b"abc")));
    assert_eq!(serde_json::from_str::<FileEntry>(&text).unwrap(), entry);
}

/// The way back from a text to the name.
fn name_of(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut name, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'\\')) => (name.push(b'\\'), at += 2).1,
            (b'\\', Some(b'x')) => {
                name.push(u8::from_str_radix(&text[at + 2..at + 4], 16).unwrap());
                at += 4;
            }
            (byte, _) => (name.push(byte), at += 1).1,
        }
    }
    name
}

proptest! {
    #[test]
    fn each_name_can_be_told_from_its_text(name in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'x')], 0..40)) {
        let text = name_text(&name);
        prop_assert_eq!(OsString::from_vec(name_of(&text)), OsString::from_vec(name));
    }
}
