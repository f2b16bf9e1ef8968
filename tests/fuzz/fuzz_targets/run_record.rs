//! Any bytes as `run.json` of a run directory: loaded, its limits and globs made use of, saved, loaded again.

#![no_main]

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use forensic_host::directory::{RECORD, RunDirectory, is_host_file};
use forensic_host::limits::TABLE;
use forensic_host::plugin::Artifacts;
use forensic_host::run::RunRecord;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<(TempDir, RunDirectory)> = const { OnceCell::new() };
}

/// One run directory for all executions, in memory where there is such a place.
fn folder() -> (TempDir, RunDirectory) {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let temporary = tempfile::Builder::new().prefix("forensic-fuzz-").tempdir_in(parent).expect("a folder");
    for name in ["data/a.json", "data/b/c.csv", "logs/a/1.out.log"] {
        let path = temporary.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "x").expect("written");
    }
    let directory = RunDirectory::open(temporary.path().to_owned()).expect("it was just made");
    (temporary, directory)
}

fuzz_target!(
    init: {
        // A seed that is no good any more would leave most of the code unseen.
        let (_keep, directory) = folder();
        fs::write(directory.path().join(RECORD), include_bytes!("../corpus/run_record/ended.json")).expect("written");
        RunRecord::load(&directory).expect("a record");
    },
    |data: &[u8]| fuzz(data)
);

fn fuzz(data: &[u8]) {
    FOLDER.with(|cell| {
        let (_, directory) = cell.get_or_init(folder);
        fs::write(directory.path().join(RECORD), data).expect("written");
        let record = match RunRecord::load(directory) {
            Ok(record) => record,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        let _ = record.succeeded();
        for report in &record.reports {
            let limits = report.limits();
            for row in &TABLE {
                assert!((row.min..=row.max).contains(&limits.get(row.limit)), "{} is beyond its bounds", row.key);
            }
            match Artifacts::grant(directory.dir(), &report.artifacts, is_host_file) {
                Ok(artifacts) => {
                    for artifact in artifacts.iter() {
                        assert!(artifacts.read(&artifact.id, 0, 10).is_some_and(|read| read.is_ok()));
                        assert!(!is_host_file(&artifact.id));
                    }
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        record.save(directory).expect("what was loaded can be saved");
        let again = RunRecord::load(directory).expect("what was saved can be loaded");
        assert_eq!(record, again);
    });
}
