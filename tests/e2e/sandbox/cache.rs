//! Compiled plugins on disk.

use std::fs;

use forensic_host::limits::Limits;
use forensic_host::plugin::Compiled;

use super::{engine_with, nothing, request};
use crate::support::hostile_guest;

#[test]
fn the_second_load_comes_from_the_cache_and_damage_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let compiled =
        || engine_with(Some(cache.clone())).load("test", hostile_guest(), &Limits::default()).unwrap().compiled();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    let file = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(compiled(), Compiled::Cached);
    // Well signed, and still no machine code of ours.
    let inner = b"\x7fELF and nothing more";
    let digest = <sha2::Sha256 as sha2::Digest>::digest(inner);
    fs::write(&file, [&inner[..], &digest, b"forensic cwasm 1"].concat()).unwrap();
    assert!(matches!(compiled(), Compiled::Fresh(_)));
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
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
