//! Compiled plugins on disk.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    let bytes = fs::read(file).unwrap();
    let (all, end) = bytes.split_at(bytes.len() - 32 - 16);
    assert_eq!(&end[32..], b"forensic cwasm 2");
    let (all, length) = all.split_at(all.len() - 4);
    let facts = &all[all.len() - u32::from_le_bytes(length.try_into().unwrap()) as usize..];
    let inner = [b"\x7fELF and nothing more", facts, length].concat();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&inner);
    fs::write(file, [&inner[..], &digest, b"forensic cwasm 2"].concat()).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    assert_eq!(cached(&cache).len(), 1);
}

#[test]
fn a_plugin_from_the_cache_says_of_itself_what_it_said_when_it_was_compiled_and_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let run = || {
        let engine = engine_with(Some(cache.clone()));
        let plugin = engine.load("test", hostile_guest(), &Limits::default()).unwrap();
        let report = engine.call(&plugin, request("behave"), &nothing(), &Limits::default());
        (plugin.compiled(), plugin.inspection().clone(), format!("{:?}", report.outcome), report.fuel)
    };
    let (fresh, said, outcome, fuel) = run();
    assert!(matches!(fresh, Compiled::Fresh(_)));
    for _ in 0..2 {
        assert_eq!(run(), (Compiled::Cached, said.clone(), outcome.clone(), fuel));
        // Then its digest is not computed any more.
        std::thread::sleep(Duration::from_millis(150));
    }
    assert_eq!(run().0, Compiled::Cached);
}

#[test]
fn a_component_that_changed_behind_its_times_is_not_taken_for_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("plugin.wasm"), folder.path().join("cache"));
    fs::write(&path, hostile_guest()).unwrap();
    let load = || {
        let engine = engine_with(Some(cache.clone()));
        let source = engine.source(File::open(&path).unwrap(), &Limits::default()).unwrap();
        engine.load_source("test", &source, &Limits::default()).map(|plugin| plugin.inspection().digest.clone())
    };
    std::thread::sleep(Duration::from_millis(150));
    let digest = load().unwrap();
    for _ in 0..2 {
        assert_eq!(load().unwrap(), digest);
    }
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut changed = hostile_guest().to_vec();
    let at = changed.len() / 2;
    changed[at] ^= 0x55;
    fs::write(&path, &changed).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let engine = engine_with(Some(cache.clone()));
    let source = engine.source(File::open(&path).unwrap(), &Limits::default()).unwrap();
    assert_ne!(source.sha256(), digest);
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
