//! Any bytes as what the bridge to Ray prints: read in bounded memory, without a panic, and never more lines than there are.

#![no_main]

use forensic_host::dag::read_bridge_lines;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        // A seed that is no good any more would leave most of the code unseen.
        let seed = include_bytes!("../corpus/ray_lines/run.ndjson");
        let lines = seed.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(read_bridge_lines(seed), lines, "every line of the seed is understood");
    },
    |data: &[u8]| {
        let lines = data.iter().filter(|byte| **byte == b'\n').count();
        assert!(read_bridge_lines(data) <= lines);
    }
);
