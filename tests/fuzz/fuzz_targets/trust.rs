//! Any bytes as what plugins from elsewhere come with: a lock file, a reference, a registry's manifest, a signature.
//! What is read is written and read again as the same; mistakes can be shown.

#![no_main]

use std::path::Path;

use forensic_host::lock::{Lock, Signature};
use forensic_host::registry::{Manifest, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = Manifest::parse(data) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = Signature::parse(data) {
        assert!(!error.to_string().is_empty());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Reference::parse(text) {
        Ok(reference) => {
            let again = Reference::parse(&reference.to_string()).expect("a reference that was written");
            assert_eq!(again, reference);
        }
        Err(error) => assert!(error.column >= 1 && !error.to_string().contains(char::is_control)),
    }
    match Lock::parse(text.to_owned(), Path::new("forensic.lock")) {
        Ok(lock) => {
            let again = Lock::parse(lock.to_toml(), Path::new("forensic.lock")).expect("a lock that was written");
            assert!(again == lock && lock.compare(again.plugins()).is_empty());
        }
        Err(mistakes) => assert!(mistakes.count() > 0 && mistakes.items().iter().all(|one| one.line >= 1)),
    }
});
