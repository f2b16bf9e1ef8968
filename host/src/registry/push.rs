//! Pushing a component: its bytes and the config where the registry doesn't have them yet, then the manifest, which
//! makes them an artifact.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};

use super::manifest::{MANIFEST_TYPE, written};
use super::pull::claimed_digest;
use super::session::{Ask, Purpose, Session};
use super::{Access, Digest, Reference, RegistryError, block_on};

/// What is pushed.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// The component's bytes.
    pub component: &'a [u8],
    /// Names of its imports, for the config, which registries show.
    pub imports: &'a [String],
    /// Names of its exports.
    pub exports: &'a [String],
    /// Text of a detached signature over the component.
    pub signature: Option<&'a str>,
    /// Annotations of the manifest: `org.opencontainers.image.version` and the like.
    pub annotations: &'a BTreeMap<String, String>,
}

/// Pushes a component and gives the digest of its manifest; the same upload always has the same. Blocks, for
/// [`Access::timeout`] at most. A reference without a tag means `latest`.
///
/// # Errors
/// [`RegistryError`]. What was already sent may stay in the registry, but no tag points to it.
pub fn push(reference: &Reference, upload: &Upload<'_>, access: &Access) -> Result<Digest, RegistryError> {
    if reference.is_pinned() {
        return Err(RegistryError::PushToDigest { subject: reference.to_string() });
    }
    block_on(send(reference, upload, access))
}

async fn send(reference: &Reference, upload: &Upload<'_>, access: &Access) -> Result<Digest, RegistryError> {
    const DOING: &str = "writing the manifest";
    let mut session = Session::new(reference, access, Purpose::Push)?;
    let (config, manifest) = written(upload).map_err(|error| RegistryError::Manifest {
        subject: reference.to_string(),
        why: super::ManifestError::Garbage(error.to_string()),
    })?;
    send_blob(&mut session, Bytes::copy_from_slice(upload.component)).await?;
    send_blob(&mut session, config.into()).await?;
    let digest = Digest::of(&manifest);
    let uri = session.address(&format!("manifests/{}", reference.wanted()))?;
    let body = Some((MANIFEST_TYPE, manifest.into()));
    let answer = session.ask(&Ask { method: Method::PUT, uri, accept: None, body, doing: DOING }).await?;
    let answer = session.expect(answer, &[StatusCode::CREATED]).await?;
    match claimed_digest(answer.response.headers()) {
        Some(found) if found != digest => {
            let subject = reference.to_string();
            Err(RegistryError::Digest { subject, what: "manifest", expected: digest, found })
        }
        _ => Ok(digest),
    }
}

/// Sends bytes in one request, unless they are there.
async fn send_blob(session: &mut Session, bytes: Bytes) -> Result<(), RegistryError> {
    const DOING: &str = "writing the component";
    let digest = Digest::of(&bytes);
    let uri = session.address(&format!("blobs/{digest}"))?;
    let answer = session.ask(&Ask { method: Method::HEAD, uri, accept: None, body: None, doing: DOING }).await?;
    if answer.response.status() == StatusCode::OK {
        return Ok(());
    }
    let uri = session.address("blobs/uploads/")?;
    let answer = session.ask(&Ask { method: Method::POST, uri, accept: None, body: None, doing: DOING }).await?;
    let answer = session.expect(answer, &[StatusCode::ACCEPTED]).await?;
    let location = answer.response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let separator = if location.contains('?') { '&' } else { '?' };
    let uri = session.transport.resolve(&answer.uri, &format!("{location}{separator}digest={digest}"))?;
    let body = Some(("application/octet-stream", bytes));
    let answer = session.ask(&Ask { method: Method::PUT, uri, accept: None, body, doing: DOING }).await?;
    session.expect(answer, &[StatusCode::CREATED]).await.map(drop)
}
