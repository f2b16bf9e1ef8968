//! Any bytes as the journal of a run that was killed: `recover` gives strict JSON, with every whole span in it, and a
//! second call changes nothing.

#![no_main]

use std::fs;
use std::path::Path;

use forensic_host::directory::{RECORD, RunDirectory};
use forensic_host::run::recover;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("forensic-fuzz-").tempdir_in(parent).expect("a folder");
    fs::create_dir(folder.path().join("data")).expect("made");
    let record = include_str!("../corpus/run_record/ended.json").replace("\"success\"", "\"running\"");
    fs::write(folder.path().join(RECORD), record).expect("written");
    fs::write(folder.path().join("data/forensic_trace.ndjson"), data).expect("written");
    let directory = RunDirectory::open(folder.path().to_owned()).expect("it was just made");
    let trace = folder.path().join("data/forensic_trace.json");
    if let Err(error) = recover(&directory) {
        return assert!(!error.to_string().is_empty());
    }
    let first = fs::read(&trace).expect("a trace");
    let spans: Vec<Value> = serde_json::from_slice(&first).expect("strict JSON");
    // Every whole line that is a span is there.
    let whole = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let ended = data[..whole].split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let ended = ended.filter(|line| line.is_object() && !line["open"].is_object()).count();
    assert!(spans.len() >= ended, "{} spans of {ended}", spans.len());
    assert!(recover(&directory).expect("it was recovered before").is_none());
    assert_eq!(fs::read(&trace).expect("a trace"), first);
});
