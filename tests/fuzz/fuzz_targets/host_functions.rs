//! Any sequence of host calls with any values: what a guest can make of the imports.

#![no_main]

use forensic_host::plugin::host_functions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| host_functions(data));
