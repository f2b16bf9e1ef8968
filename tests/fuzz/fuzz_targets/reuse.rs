//! Any bytes as what an earlier run left for later ones: the manifest of a stage, an entry of the cache. What is taken
//! names no place outside its folder.

#![no_main]

use std::path::{Component, Path};

use forensic_host::plan::{Entry, Manifest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Manifest::parse(data) {
        Ok(manifest) => {
            for output in &manifest.outputs {
                let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
                assert!(Path::new(&output.path).components().all(inside), "{}", output.path);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(entry) = Entry::parse(data) {
        assert!(!entry.run_id.contains('/') && !entry.run_id.starts_with('.'));
    }
});
