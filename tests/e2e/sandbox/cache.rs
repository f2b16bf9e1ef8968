//! Compiled plugins on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use forensic_host::limits::Limits;
use forensic_host::plugin::Compiled;

use super::{engine_with, nothing, request};
use crate::support::hostile_guest;

/// Compiled plugins in a cache.
pub(super) fn cached(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.filter(|file| !file.file_name().to_string_lossy().starts_with('.')).map(|file| file.path()).collect()
}

#[test]
fn the_second_load_comes_from_the_cache_and_damage_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let compiled =
        || engine_with(Some(cache.clone())).load("test", hostile_guest(), &Limits::default()).unwrap().compiled();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    let [file] = &cached(&cache)[..] else { panic!("not one file") };
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, &bytes).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    // Well signed, and still no machine code of ours.
    let inner = b"\x7fELF and nothing more";
    let digest = <sha2::Sha256 as sha2::Digest>::digest(inner);
    fs::write(file, [&inner[..], &digest, b"forensic cwasm 1"].concat()).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(cached(&cache).len(), 1);
}

#[test]
fn what_is_precompiled_is_there_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Some(folder.path().join("cache"));
    let precompiled = || engine_with(cache()).precompile(hostile_guest(), &Limits::default()).unwrap();
    assert!(matches!(precompiled(), Compiled::Fresh(_)));
    assert_eq!(precompiled(), Compiled::Cached);
    let plugin = engine_with(cache()).load("test", hostile_guest(), &Limits::default()).unwrap();
    assert_eq!(plugin.compiled(), Compiled::Cached);
}

#[test]
fn a_file_that_was_swapped_or_that_others_may_write_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let compiled =
        || engine_with(Some(cache.clone())).load("test", hostile_guest(), &Limits::default()).unwrap().compiled();
    compiled();
    let [file] = &cached(&cache)[..] else { panic!("not one file") };
    fs::set_permissions(file, fs::Permissions::from_mode(0o620)).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    let other = folder.path().join("other");
    fs::copy(file, &other).unwrap();
    fs::remove_file(file).unwrap();
    std::os::unix::fs::symlink(&other, file).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
}

#[test]
fn without_a_usable_cache_plugins_still_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let engine = engine_with(Some(file.clone()));
    assert_eq!(
        engine.warning(),
        Some(&*format!("the plugin cache {} can't be used: Not a directory (os error 20)", file.display()))
    );
    let plugin = engine.load("test", hostile_guest(), &Limits::default()).unwrap();
    assert!(engine.call(&plugin, request("behave"), &nothing(), &Limits::default()).outcome.is_ok());
}
