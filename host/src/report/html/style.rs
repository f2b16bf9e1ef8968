//! The page's one style sheet and its one script, which `build.rs` makes of `host/dashboard`, and the policy that allows these
//! two and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// The style sheet, without a line break at its ends: what is hashed is what stands in the element.
pub(crate) const CSS: &str = include_str!(concat!(env!("OUT_DIR"), "/dashboard.css"));

/// What pages over many runs need besides.
pub(crate) const PAGES_CSS: &str = include_str!(concat!(env!("OUT_DIR"), "/pages.css"));

/// The script, likewise.
pub(crate) const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/dashboard.js"));

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
    static HASHES: LazyLock<[String; 3]> =
        LazyLock::new(|| [CSS, SCRIPT, PAGES_CSS].map(|text| STANDARD.encode(Sha256::digest(text))));
    let [style, script, pages] = &*HASHES;
    let begin = format!("default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'");
    match reach {
        Reach::Nothing => begin + "; base-uri 'none'; form-action 'none'",
        Reach::Origin => begin + &format!(" 'sha256-{pages}'; base-uri 'none'; connect-src 'self'; form-action 'self'"),
    }
}
