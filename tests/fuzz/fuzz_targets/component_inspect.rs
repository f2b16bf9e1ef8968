//! Any bytes as a plugin: what `plugin inspect` reads before anything is compiled.

#![no_main]

use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::inspect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        // A seed that is no good any more would leave most of the code unseen.
        let seed = inspect(include_bytes!("../corpus/component_inspect/plugin.wasm"), &Limits::default());
        seed.and_then(|seed| seed.check()).expect("a plugin");
    },
    |data: &[u8]| fuzz(data)
);

fn fuzz(data: &[u8]) {
    let limits = Limits::default();
    match inspect(data, &limits) {
        Ok(inspection) => {
            assert_eq!((inspection.size, inspection.digest.len()), (data.len() as u64, 64));
            assert!(inspection.size <= limits.get(Limit::Component));
            assert!(inspection.refused.len() <= inspection.imports.len());
            assert!(!(inspection.pure && inspection.uses_wasi()));
            assert!(inspection.producers.len() <= 64 && inspection.languages.len() <= 2 + inspection.producers.len());
            assert!(inspection.producers.iter().all(|tool| tool.name.len() <= 64 && tool.version.len() <= 64));
            for refusal in &inspection.refused {
                assert!(inspection.imports.contains(&refusal.import) && !refusal.why.is_empty());
            }
            match inspection.check() {
                Ok(()) => assert!(inspection.refused.is_empty() && !inspection.exports.is_empty()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
