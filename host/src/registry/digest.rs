//! Digests as OCI writes them, `sha256:` and 64 hexadecimal digits. Only SHA-256: what else the specification allows is
//! not in use for artifacts.

use std::fmt;
use std::str::FromStr;

use crate::files::sha256;

const ALGORITHM: &str = "sha256:";
const HEX: usize = 64;

/// The SHA-256 of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; a digest is `sha256:` and {HEX} digits 0-9 a-f")]
pub struct BadDigest {
    /// Where, in characters from the start of the text, counted from 0.
    pub at: usize,
    /// What is wrong.
    pub why: String,
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }

    /// The digest with these 64 digits, lower case; `None` where they are something else.
    pub fn from_hex(hex: &str) -> Option<Self> {
        format!("{ALGORITHM}{hex}").parse().ok()
    }

    /// The 64 digits alone.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = BadDigest;

    /// # Errors
    /// [`BadDigest`].
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let bad = |at, why: String| Err(BadDigest { at, why });
        let Some(hex) = text.strip_prefix(ALGORITHM) else {
            return match text.split_once(':') {
                Some((other, _)) if other.len() <= 16 && other.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    bad(0, format!("the algorithm `{other}` is not known here"))
                }
                _ => bad(0, "it does not begin with `sha256:`".to_owned()),
            };
        };
        let wrong = hex.chars().position(|c| !matches!(c, '0'..='9' | 'a'..='f'));
        if let Some(position) = wrong {
            let c = hex.chars().nth(position).unwrap_or_default();
            return bad(
                ALGORITHM.len() + position,
                format!("`{}` is no lower-case hexadecimal digit", c.escape_debug()),
            );
        }
        if hex.len() != HEX {
            return bad(text.len(), format!("it has {} digits", hex.len()));
        }
        Ok(Self(hex.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.0)
    }
}
