//! The page's one style sheet and its one script, which `build.rs` makes of `host/dashboard`, and the policy that allows these
//! two and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The style sheet, without a line break at its ends: what is hashed is what stands in the element.
pub(crate) const CSS: &str = include_str!(concat!(env!("OUT_DIR"), "/dashboard.css"));

/// What pages over many runs need besides.
pub(crate) const PAGES_CSS: &str = include_str!(concat!(env!("OUT_DIR"), "/pages.css"));

/// The script, likewise.
pub(crate) const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/dashboard.js"));

/// SHA-256 of [`CSS`], [`SCRIPT`] and [`PAGES_CSS`].
const DIGESTS: [[u8; 32]; 3] = include!(concat!(env!("OUT_DIR"), "/dashboard.digests"));

/// What a page may talk to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nobody: the file.
    #[default]
    Nothing,
    /// The server that it came from: requests of its script, and forms.
    Origin,
}

/// The Content-Security-Policy: no other script or style, no picture, no font, no frame; requests and forms by its reach.
pub(crate) fn policy(reach: Reach) -> String {
    let [style, script, pages] = DIGESTS.map(|digest| STANDARD.encode(digest));
    let begin = format!("default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'");
    match reach {
        Reach::Nothing => begin + "; base-uri 'none'; form-action 'none'",
        Reach::Origin => begin + &format!(" 'sha256-{pages}'; base-uri 'none'; connect-src 'self'; form-action 'self'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_policy_allows_what_stands_in_the_page() {
        for (text, digest) in [CSS, SCRIPT, PAGES_CSS].iter().zip(DIGESTS) {
            assert_eq!(<[u8; 32]>::from(Sha256::digest(text)), digest);
        }
    }
}
