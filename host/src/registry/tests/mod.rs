//! Tests of references, manifests and the client: against Debian's `docker-registry`, which must be installed, and
//! against a server that does what no registry does.

mod credentials;
mod formats;
mod hostile;
mod hostile_server;
mod real;
mod real_registry;
mod references;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 some bytes of a component";

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// Long enough for a machine under load.
fn access() -> Access {
    Access { timeout: Duration::from_secs(60), ..Access::default() }
}

fn options() -> PullOptions {
    PullOptions { access: access(), ..PullOptions::default() }
}

/// A folder with a `config.json`, and its path.
fn docker_config_with(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn push_component(to: &Reference, component: &[u8], access: &Access) -> Result<Digest, RegistryError> {
    let annotations = BTreeMap::new();
    let upload = Upload { component, imports: &[], exports: &[], signature: None, annotations: &annotations };
    push(to, &upload, access)
}
