//! DSSE envelopes: <https://github.com/secure-systems-lab/dsse>, protocol and envelope v1.0.2 (10 May 2024). What is signed is
//! the pre-authentication encoding (PAE) of type and payload, so neither can be read as something else.

use base64ct::{Base64, Base64Url, Encoding as _};
use serde::{Deserialize, Serialize};

use super::key::{PublicKey, SigningKey};

/// The JSON form. Fields that are not known are ignored, as the specification wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    pub(super) payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EnvelopeSignature {
    #[serde(default, deserialize_with = "text_or_null")]
    keyid: String,
    sig: String,
}

/// An unset key id is the same as an empty one.
fn text_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// Why a key can't vouch for an envelope.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum EnvelopeError {
    #[error("its {0} is not base64")]
    Base64(&'static str),
    #[error("it has no signature at all")]
    Unsigned,
    /// The ids are hints that nobody vouches for.
    #[error("none of its signatures is by this key")]
    OtherKeys(Vec<String>),
    #[error("it names this key, but the signature does not fit: the envelope was changed after it was signed")]
    Mismatch,
}

impl Envelope {
    pub(super) fn seal(key: &SigningKey, payload_type: &str, payload: &[u8]) -> Self {
        let signature = key.sign(&pae(payload_type, payload));
        Self {
            payload: Base64::encode_string(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![EnvelopeSignature { keyid: key.key_id(), sig: Base64::encode_string(&signature) }],
        }
    }

    /// The payload, if `key` signed it together with its type. Whether the type is a known one is the caller's to ask, after
    /// this.
    pub(super) fn open(&self, key: &PublicKey) -> Result<Vec<u8>, EnvelopeError> {
        let payload = decode(&self.payload).ok_or(EnvelopeError::Base64("payload"))?;
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|signature| decode(&signature.sig).ok_or(EnvelopeError::Base64("signature")))
            .collect::<Result<_, _>>()?;
        let message = pae(&self.payload_type, &payload);
        // Every signature is tried: key ids must not decide anything, they only choose the words below.
        if signatures.iter().any(|signature| key.verifies(&message, signature)) {
            return Ok(payload);
        }
        let own = key.key_id();
        if self.signatures.is_empty() {
            Err(EnvelopeError::Unsigned)
        } else if self.signatures.iter().any(|signature| signature.keyid == own) {
            Err(EnvelopeError::Mismatch)
        } else {
            Err(EnvelopeError::OtherKeys(self.key_ids()))
        }
    }

    /// The ids that the envelope names; nobody vouches for them.
    pub(super) fn key_ids(&self) -> Vec<String> {
        self.signatures.iter().map(|signature| signature.keyid.clone()).filter(|id| !id.is_empty()).collect()
    }
}

/// Both alphabets must be accepted.
fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).or_else(|_| Base64Url::decode_vec(text)).ok()
}

/// `"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`, lengths in bytes, decimal.
pub(super) fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
