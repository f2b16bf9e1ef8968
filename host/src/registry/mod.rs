//! Plugins in OCI registries: fetching a component by reference, and pushing one.
//!
//! What may live here: references ([`Reference`]), manifests ([`Manifest`]), and a client of the OCI Distribution
//! Specification 1.1 that takes the registry for an enemy: every body has a limit that holds while it is read, one
//! deadline covers everything, a redirect never leaves TLS and never carries a password along, and bytes count only
//! once their digest is right. `session` asks and logs in, `auth` and `credentials` find out as whom, `transport` holds
//! the limits, `pull` and `push` are the two things that can be done. What a component is for is not known here.
//!
//! The layout is the one of the CNCF's "Wasm OCI Artifact" guidance, which `wkg` and `oci-wasm` read and write: a
//! config of type [`CONFIG_TYPE`] and exactly one layer of type [`LAYER_TYPE`]. They refuse a second layer, so a
//! signature travels as the manifest's annotation [`SIGNATURE_ANNOTATION`].
//!
//! HTTP and TLS are hyper's and rustls', which the host has anyway. The client on top is our own because the usual one
//! (oci-client 0.18) reads manifests, tokens and errors into memory without any limit
//! (oras-project/rust-oci-client#206) and follows a redirect from https to http.

mod auth;
mod credentials;
mod digest;
mod error;
mod manifest;
mod pull;
mod push;
mod reference;
mod session;
mod transport;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

pub use credentials::docker_config;
pub use digest::{BadDigest, Digest};
pub use error::RegistryError;
pub use manifest::{CONFIG_TYPE, LAYER_TYPE, Manifest, ManifestError, SIGNATURE_ANNOTATION};
pub use pull::{PullOptions, Pulled, pull};
pub use push::{Upload, push};
pub use reference::{Reference, ReferenceError};

/// How a registry is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// The most that everything together may take. 60 s where nothing is set.
    pub timeout: Duration,
    /// Docker's `config.json`, whose `auths` hold the logins; [`docker_config`] finds it. `None`: always anonymous. A
    /// file that isn't there is no error.
    pub docker_config: Option<PathBuf>,
    /// Certificates (PEM) that are trusted instead of the system's; with them, a loopback registry is spoken to over
    /// TLS too. `None`: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), and plain HTTP for loopback
    /// hosts.
    pub ca_file: Option<PathBuf>,
}

impl Default for Access {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), docker_config: None, ca_file: None }
    }
}

/// Runs a future to its end on a thread and a runtime of its own, so that callers may be anywhere, in a runtime too.
fn block_on<T: Send>(future: impl Future<Output = Result<T, RegistryError>> + Send) -> Result<T, RegistryError> {
    let run = || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RegistryError::NoThread)?;
        let outcome = runtime.block_on(future);
        // A name lookup that hangs can't be called off; it must not be waited for.
        runtime.shutdown_background();
        outcome
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("registry".to_owned());
        match thread.spawn_scoped(scope, run) {
            Ok(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(RegistryError::NoThread(error)),
        }
    })
}
