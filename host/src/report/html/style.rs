//! The page's one style sheet, and the policy that allows it and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The style sheet, without a line break at its ends: what is hashed is what stands in the element.
pub(super) const CSS: &str = include_str!("style.css");

/// The Content-Security-Policy: no script, no picture, no font, no frame, no request, no form; this style sheet.
pub(super) fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(CSS));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}
