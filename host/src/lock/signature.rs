//! Detached signatures over a component: minisign's files (prehashed and legacy), and plain Ed25519 as
//! `openssl pkeyutl -sign -rawin -inkey KEY.pem -in x.wasm -out x.wasm.sig` makes it.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::keys::{KeyId, TrustedKeys, read};
use crate::config::words::clip;

/// Ends of the signatures' names beside a component, in the order in which they are sought.
const ENDS: [&str; 2] = ["minisig", "sig"];
/// Bytes of an Ed25519 signature.
const ED25519: usize = 64;
/// Bytes of a minisign signature's second line: algorithm, key id, signature.
const MINISIGN: usize = 74;

/// Why a signature doesn't count. The component must not be used then.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// Its file can't be read.
    #[error("can't read the signature {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no signature.
    #[error(
        "this is no signature ({0}): make one with `minisign -S -m x.wasm` or `openssl pkeyutl -sign -rawin -inkey \
         KEY.pem -in x.wasm -out x.wasm.sig`"
    )]
    Malformed(&'static str),
    /// It was made with a key that isn't trusted.
    #[error(
        "signed with the key {key}, which is not trusted: have it signed again, or trust this key if its owner \
         confirms it"
    )]
    UnknownKey {
        /// The key that it names.
        key: KeyId,
    },
    /// No key of this kind is trusted.
    #[error(
        "an Ed25519 signature, but no Ed25519 key (PEM) is trusted: have it signed with a trusted minisign \
         key, or trust one"
    )]
    NoKey,
    /// It doesn't belong to these bytes.
    #[error(
        "the signature{} does not fit: the component or the signature was changed, or the signature is of another file \
         or by another key; do not use the component",
        key.as_ref().map(|key| format!(" by {key}")).unwrap_or_default()
    )]
    DoesNotFit {
        /// The key that it names; an Ed25519 signature names none.
        key: Option<KeyId>,
    },
    /// The signer says that it is something else.
    #[error(
        "signed as {what} `{signed}`, but {what} `{expected}` is expected: another signed file was put in its place"
    )]
    Other {
        /// `name` or `version`.
        what: &'static str,
        /// What the trusted comment says, shortened.
        signed: String,
        /// What it should say.
        expected: String,
    },
    /// The trusted comment says two things.
    #[error("the trusted comment has several `{0}=`: have it signed again with one")]
    Twice(&'static str),
}

/// A detached signature, not yet checked.
#[derive(Clone)]
pub struct Signature(Kind);

#[derive(Clone)]
enum Kind {
    Minisign { key: KeyId, signature: minisign_verify::Signature },
    Ed25519([u8; ED25519]),
}

/// What a good signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who signed.
    pub key: KeyId,
    /// `name=…` of minisign's trusted comment.
    pub name: Option<String>,
    /// `version=…` of minisign's trusted comment. Where it is missing, an older component with a signature by the same
    /// key can stand in for a newer one, and only a digest tells.
    pub version: Option<String>,
}

impl Signature {
    /// Reads a signature: the text of a `.minisig` file, 64 bytes, or those in Base64.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        if let Ok(raw) = <[u8; ED25519]>::try_from(bytes) {
            return Ok(Self(Kind::Ed25519(raw)));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SignatureError::Malformed("neither text nor 64 bytes"))?;
        if !text.starts_with("untrusted comment:") {
            let raw = BASE64_STANDARD.decode(text.trim()).ok().and_then(|raw| raw.try_into().ok());
            let raw = raw.ok_or(SignatureError::Malformed("neither minisign's text nor 64 bytes in Base64"))?;
            return Ok(Self(Kind::Ed25519(raw)));
        }
        let signature = minisign_verify::Signature::decode(text)
            .map_err(|_| SignatureError::Malformed("it begins like minisign's, but goes on otherwise"))?;
        // The library checks this line, but keeps the key's id to itself.
        let line = text.lines().nth(1).and_then(|line| BASE64_STANDARD.decode(line).ok());
        let id = line.filter(|line| line.len() == MINISIGN).and_then(|line| line[2..10].try_into().ok());
        let key = KeyId::minisign(id.ok_or(SignatureError::Malformed("its second line is damaged"))?);
        Ok(Self(Kind::Minisign { key, signature }))
    }

    /// The signature beside a component's file: `x.wasm.minisig`, else `x.wasm.sig`; `None` if there is neither.
    ///
    /// # Errors
    /// Where there is one, and it can't be read or is none.
    pub fn beside(component: &Path) -> Result<Option<Self>, SignatureError> {
        for end in ENDS {
            let mut path = OsString::from(component);
            path.push(".");
            path.push(end);
            match read(Path::new(&path)) {
                Ok(bytes) => return Self::parse(&bytes).map(Some),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(SignatureError::Unreadable { path: path.into(), source }),
            }
        }
        Ok(None)
    }
}

impl TrustedKeys {
    /// Checks a signature over a component. `expected`: the plugin's name and version, where they are known already;
    /// else [`Verified::check`] follows when they are.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(
        &self,
        component: &[u8],
        signature: &Signature,
        expected: Option<(&str, &str)>,
    ) -> Result<Verified, SignatureError> {
        let verified = match &signature.0 {
            Kind::Ed25519(raw) => {
                if self.ed25519.is_empty() {
                    return Err(SignatureError::NoKey);
                }
                let fits = self.ed25519.iter().find(|(_, key)| key.verifies(component, raw));
                let (key, _) = fits.ok_or(SignatureError::DoesNotFit { key: None })?;
                Verified { key: key.clone(), name: None, version: None }
            }
            Kind::Minisign { key, signature } => {
                let trusted = self.minisign.iter().find(|(id, ..)| id == key);
                let (_, _, trusted) = trusted.ok_or_else(|| SignatureError::UnknownKey { key: key.clone() })?;
                trusted
                    .verify(component, signature, true)
                    .map_err(|_| SignatureError::DoesNotFit { key: Some(key.clone()) })?;
                let said = |what| said(signature.trusted_comment(), what);
                Verified { key: key.clone(), name: said("name")?, version: said("version")? }
            }
        };
        match expected {
            Some((name, version)) => verified.check(name, version).map(|()| verified),
            None => Ok(verified),
        }
    }
}

impl Verified {
    /// Whether what the signer says of the plugin fits; what it doesn't say, fits.
    ///
    /// # Errors
    /// [`SignatureError::Other`].
    pub fn check(&self, name: &str, version: &str) -> Result<(), SignatureError> {
        for (what, signed, expected) in [("name", &self.name, name), ("version", &self.version, version)] {
            if let Some(signed) = signed.as_deref().filter(|signed| *signed != expected) {
                let (signed, expected) = (clip(signed).into_owned(), clip(expected).into_owned());
                return Err(SignatureError::Other { what, signed, expected });
            }
        }
        Ok(())
    }
}

/// The value of `what=…` in a trusted comment, whose words are parted by white space.
fn said(comment: &str, what: &'static str) -> Result<Option<String>, SignatureError> {
    let mut values = comment.split_whitespace().filter_map(|word| word.strip_prefix(what)?.strip_prefix('='));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(SignatureError::Twice(what)),
        (value, None) => Ok(value.map(str::to_owned)),
    }
}
