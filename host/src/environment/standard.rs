//! Which variables pass where not all do.

use std::ffi::OsStr;

/// The variables that pass with `inherit = "standard"`: what programs need to find other programs, the user's files and
/// a place for their own, and to speak the user's language. What a result could depend on beyond that (`PYTHONPATH`,
/// `LD_LIBRARY_PATH`, proxies, credentials) has to be named. `TERM` is not among them: no stage has a terminal.
pub const STANDARD: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Names of variables that pass.
pub(super) struct Names<'a> {
    /// What is listed beside the standard ones.
    listed: &'a [String],
}

impl<'a> Names<'a> {
    pub(super) fn new(listed: &'a [String]) -> Self {
        Self { listed }
    }

    pub(super) fn contains(&self, name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        let mut patterns = STANDARD.into_iter().chain(self.listed.iter().map(String::as_str));
        patterns.any(|pattern| matches(pattern.as_bytes(), name))
    }
}

/// Whether `*` (any bytes, also none) and all else (itself) give the name. Linear in their product at worst.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut star, mut retry) = (0, None, 0);
    let mut position = 0;
    while position < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some(at);
                retry = position;
                at += 1;
            }
            Some(byte) if *byte == name[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some(star) = star else { return false };
                // The last star takes one more.
                retry += 1;
                position = retry;
                at = star + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_star_is_any_text(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            let expected = regex::Regex::new(&format!("^{}$", pattern.replace('*', ".*"))).unwrap().is_match(&name);
            prop_assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected);
        }
    }
}
