//! What can go wrong between here and a registry: what, where, and what to do.

use std::path::PathBuf;
use std::time::Duration;

use super::digest::Digest;
use crate::limits::{show_bytes, show_duration};

/// Why an artifact was not fetched, or not pushed. `subject` is the reference, as given.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody answers there.
    #[error("{subject}: no registry answers at {host} ({why}): check host and port, and whether the registry runs")]
    Unreachable {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// What the system says.
        why: String,
    },
    /// There is no trusted connection.
    #[error(
        "{subject}: no trusted TLS connection to {host} ({why}): only loopback hosts may be spoken to without TLS; \
         where the certificate comes from an authority of your own, name its PEM file in SSL_CERT_FILE"
    )]
    Tls {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// What the TLS library says.
        why: String,
    },
    /// The certificates to trust can't be used.
    #[error("{}: {why}: name a PEM file with the certificates to trust", path.display())]
    Certificates {
        /// The file; `SSL_CERT_FILE` for those of the system.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The connection broke, or what came over it was no HTTP.
    #[error(
        "{subject}: {doing} failed at {host} ({why}): try again; if it stays so, something else than a registry answers"
    )]
    Broken {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// What was tried.
        doing: String,
        /// What happened.
        why: String,
    },
    /// The time was over.
    #[error(
        "{subject}: not done within {}, stopped while {doing} at {host}: try again, or allow more time",
        show_duration(*limit)
    )]
    Timeout {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// What was being done.
        doing: String,
        /// The time limit.
        limit: Duration,
    },
    /// The registry does not have it.
    #[error("{subject}: {host} has no such artifact{said}: check repository, tag and digest, or push it first")]
    NotFound {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// What the registry says: empty, or with a leading space.
        said: String,
    },
    /// A login is missing, or not good enough.
    #[error("{subject}: {host} refuses access ({status}){said}: {advice}")]
    Refused {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the registry says: empty, or with a leading space.
        said: String,
        /// What to do about it.
        advice: String,
    },
    /// Another status than the protocol allows.
    #[error("{subject}: {host} answers {status}{said} to {doing}: {}", status_advice(*status))]
    Status {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// What was tried.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// What the registry says: empty, or with a leading space.
        said: String,
    },
    /// It sends us where we don't go.
    #[error("{subject}: {host} refers to {to}, which is not followed: {why}")]
    Elsewhere {
        /// The reference.
        subject: String,
        /// Host and port.
        host: String,
        /// Where to, without the query, where secrets may be.
        to: String,
        /// Why not.
        why: String,
    },
    /// The bytes are not the ones that were asked for.
    #[error(
        "{subject}: the {what} has the digest {found}, not {expected}: it was changed on the way or in the registry; \
         do not use it, and tell who runs the registry"
    )]
    Digest {
        /// The reference.
        subject: String,
        /// `manifest` or `component`.
        what: &'static str,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// There is more than may be.
    #[error("{subject}: the {what} is larger than {}, {source_of_limit}", show_bytes(*limit))]
    TooLarge {
        /// The reference.
        subject: String,
        /// `component`, `manifest`, `answer`.
        what: &'static str,
        /// The most that is taken, in bytes.
        limit: u64,
        /// Who says so, and what to do.
        source_of_limit: &'static str,
    },
    /// There is less than was promised.
    #[error(
        "{subject}: the component ends after {found} bytes of {expected}: fetch it again; if it stays so, push it again"
    )]
    Short {
        /// The reference.
        subject: String,
        /// Bytes that came.
        found: u64,
        /// Bytes that the manifest names.
        expected: u64,
    },
    /// It is something else, or its manifest can't be understood.
    #[error("{subject}: {why}: push a component there, for example with `wkg oci push`")]
    Manifest {
        /// The reference.
        subject: String,
        /// What it is instead.
        why: super::ManifestError,
    },
    /// Docker's file with the logins can't be used.
    #[error("{}: {why}: correct the file, or set DOCKER_CONFIG to another folder", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A push to a reference with a digest.
    #[error("{subject}: a push makes its digest itself: leave `@sha256:…` out")]
    PushToDigest {
        /// The reference.
        subject: String,
    },
    /// The machine has no thread or no runtime left.
    #[error("can't start a thread for the registry: {0}")]
    NoThread(#[source] std::io::Error),
}

fn status_advice(status: u16) -> &'static str {
    match status {
        429 => "too many requests: wait, or log in",
        500.. => "the registry is in trouble: try again later",
        405 | 415 => "it doesn't take this: perhaps it is read-only, or no registry",
        _ => "perhaps it is no OCI registry: check host and port",
    }
}
