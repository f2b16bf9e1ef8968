//! Ed25519 keys (RFC 8032) as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them: PKCS#8 (RFC 5958)
//! and SubjectPublicKeyInfo (RFC 8410) in PEM. A private key is never printed, and its bytes are wiped when it is dropped.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::{self, DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, spki};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use zeroize::Zeroizing;

use crate::files::sha256;

/// Environment variable with the path of the private key.
pub const KEY_VARIABLE: &str = "FORENSIC_SIGNING_KEY";
/// Environment variable with the private key itself, as PEM.
pub const KEY_PEM_VARIABLE: &str = "FORENSIC_SIGNING_KEY_PEM";
/// No Ed25519 key is nearly as long.
const MAX_PEM: u64 = 64 << 10;

const HOW_PRIVATE: &str = "make one with `openssl genpkey -algorithm ed25519 -out KEY.pem`";
const HOW_PUBLIC: &str = "make it from the private one with `openssl pkey -in KEY.pem -pubout -out PUB.pem`";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("can't read the key {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not a key of the one kind that can be used here.
    #[error("{from}: {why}")]
    Unusable {
        /// The file or the variable.
        from: String,
        /// What it is instead, and what to do.
        why: String,
    },
    /// Two places name a key.
    #[error("both {KEY_VARIABLE} and {KEY_PEM_VARIABLE} are set: unset one of them, or choose with `--sign-key`")]
    Two,
}

/// A private key that signs.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.key_id()).finish()
    }
}

impl SigningKey {
    /// The key that the user named: by the flag, else by [`KEY_VARIABLE`], else in [`KEY_PEM_VARIABLE`]; `None` where
    /// nobody did. An empty variable counts as none. `environment`: `|name| std::env::var_os(name)`.
    ///
    /// # Errors
    /// Where what was named is no usable key. Ask before anything runs.
    pub fn find(flag: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, KeyError> {
        if let Some(path) = flag {
            return Self::load(path).map(Some);
        }
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        match (variable(KEY_VARIABLE), variable(KEY_PEM_VARIABLE)) {
            (Some(_), Some(_)) => Err(KeyError::Two),
            (Some(path), None) => Self::load(Path::new(&path)).map(Some),
            (None, Some(pem)) => {
                let pem = Zeroizing::new(pem.into_encoded_bytes());
                Self::of_pem(KEY_PEM_VARIABLE, &pem).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    /// Reads a PKCS#8 PEM file.
    ///
    /// # Errors
    /// Where it can't be read or is something else.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::of_pem(&path.display().to_string(), &read(path)?)
    }

    fn of_pem(from: &str, text: &[u8]) -> Result<Self, KeyError> {
        let unusable = |why: String| KeyError::Unusable { from: from.to_owned(), why };
        let (label, block) = pem_block(text)
            .ok_or_else(|| unusable(format!("this is no PEM file (`-----BEGIN PRIVATE KEY-----`): {HOW_PRIVATE}")))?;
        let what = match label {
            "PRIVATE KEY" => {
                return ed25519_dalek::SigningKey::from_pkcs8_pem(&block)
                    .map(Self)
                    .map_err(|error| unusable(format!("{}: {HOW_PRIVATE}", private_problem(error))));
            }
            "ENCRYPTED PRIVATE KEY" => {
                let how =
                    "decrypt it with `openssl pkey -in KEY.pem -out PLAIN.pem`, or let your secret store hand it over";
                return Err(unusable(format!(
                    "this private key is encrypted, and forensic-host asks for no password: {how}"
                )));
            }
            "OPENSSH PRIVATE KEY" => "this is a key in the format of OpenSSH, not PKCS#8",
            "PUBLIC KEY" => "this is a public key; signing needs the private one",
            "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "DSA PRIVATE KEY" => "this is no Ed25519 key",
            _ => "this is no PKCS#8 private key",
        };
        Err(unusable(format!("{what}: {HOW_PRIVATE}")))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// As [`PublicKey::key_id`].
    pub fn key_id(&self) -> String {
        self.public_key().key_id()
    }

    /// The 64 bytes of the signature.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A public key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo PEM file.
    ///
    /// # Errors
    /// Where it can't be read or is something else.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::of_pem(&path.display().to_string(), &read(path)?)
    }

    fn of_pem(from: &str, text: &[u8]) -> Result<Self, KeyError> {
        let unusable = |why: String| KeyError::Unusable { from: from.to_owned(), why };
        let what = match pem_block(text) {
            None => "this is no PEM file (`-----BEGIN PUBLIC KEY-----`)".to_owned(),
            Some(("PUBLIC KEY", block)) => match VerifyingKey::from_public_key_pem(&block) {
                Ok(key) if key.is_weak() => "this key is weak: anybody could sign for it".to_owned(),
                Ok(key) => return Ok(Self(key)),
                Err(spki::Error::OidUnknown { oid }) => not_ed25519(&oid.to_string()),
                Err(error) => format!("this is no usable public key ({error})"),
            },
            Some(("CERTIFICATE", _)) => "this is a certificate; only a bare public key can be used".to_owned(),
            Some((label, _)) if label.ends_with("PRIVATE KEY") => {
                "this is a private key; checking needs the public one, and the private one should not lie about"
                    .to_owned()
            }
            Some((label, _)) => format!("this is no public key but a {label:?}"),
        };
        Err(unusable(format!("{what}: {HOW_PUBLIC}")))
    }

    /// SHA-256 of the key as SubjectPublicKeyInfo in DER, hexadecimal:
    /// `openssl pkey -pubin -in PUB.pem -outform DER | sha256sum`.
    pub fn key_id(&self) -> String {
        // Encoding 32 bytes into a fixed frame of 44 can't fail.
        self.0.to_public_key_der().map(|der| sha256(der.as_bytes())).unwrap_or_default()
    }

    /// Whether this key signed this message. Strict: no small-order points, no second form of a signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    // Whole from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PEM as usize));
    File::open(path).map_err(unreadable)?.take(MAX_PEM).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// The first PEM block and its label; what stands before and behind it does not matter.
fn pem_block(text: &[u8]) -> Option<(&str, Zeroizing<String>)> {
    let text = std::str::from_utf8(text).ok()?;
    let block = &text[text.find("-----BEGIN ")?..];
    let (label, _) = block["-----BEGIN ".len()..].split_once("-----")?;
    let end = format!("-----END {label}-----");
    let length = block.find(&end)? + end.len();
    Some((label, Zeroizing::new(format!("{}\n", &block[..length]))))
}

fn private_problem(error: pkcs8::Error) -> String {
    match error {
        pkcs8::Error::PublicKey(spki::Error::OidUnknown { oid }) => not_ed25519(&oid.to_string()),
        pkcs8::Error::KeyMalformed(_) => "its two halves do not belong together, or are no key".to_owned(),
        // The library's words for the rest name positions and types, never content.
        error => format!("this is no usable private key ({error})"),
    }
}

fn not_ed25519(oid: &str) -> String {
    let name = match oid {
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.10045.2.1" => "elliptic curve (ECDSA)",
        "1.3.101.110" => "X25519",
        "1.3.101.113" => "Ed448",
        _ => return format!("this is no Ed25519 key but one of algorithm {oid}"),
    };
    format!("this is no Ed25519 key but an {name} key")
}
