//! Any bytes as the body of an OTLP request, protobuf and JSON: walked span by span, never a panic.

#![no_main]

use forensic_host::telemetry::otlp::receive::{Encoding, Item, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let mut items = 0usize;
        let outcome = decode(encoding, data, 64 << 10, &mut |_: Item<'_>| items += 1);
        if let Err(error) = outcome {
            assert!(!error.to_string().is_empty());
        }
        // A span needs two bytes at least.
        assert!(items <= data.len() + 1);
    }
});
