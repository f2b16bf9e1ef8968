//! Fetching a component: manifest, then the one layer, each believed only by its digest.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, StatusCode};

use super::manifest::MAX;
use super::session::{Ask, Purpose, Session};
use super::transport::host_of;
use super::{Access, Digest, Manifest, Reference, RegistryError, block_on};

/// What is asked for. All but the first are refused, but in our own words instead of the registry's "not found".
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                        application/vnd.docker.distribution.manifest.v2+json";

/// How a component is fetched.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// Most bytes of the component: the limit `component` of the report stage. 64 MiB where nothing is set.
    pub max_bytes: u64,
    /// How the registry is reached.
    pub access: Access,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, access: Access::default() }
    }
}

/// A component from a registry. Its bytes are those that the manifest names; whether they are any good is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The bytes.
    pub component: Vec<u8>,
    /// Their digest, as the manifest has it and the bytes have it.
    pub component_digest: Digest,
    /// Digest of the manifest: pins all of it.
    pub manifest_digest: Digest,
    /// Text of a detached signature over the component.
    pub signature: Option<String>,
    /// The manifest's other annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Fetches a component. Blocks, for [`Access::timeout`] at most. A reference with a digest is fetched by that, whatever
/// its tag says; one with neither means `latest`.
///
/// # Errors
/// [`RegistryError`]. Nothing is kept then.
pub fn pull(reference: &Reference, options: &PullOptions) -> Result<Pulled, RegistryError> {
    block_on(fetch(reference, options))
}

async fn fetch(reference: &Reference, options: &PullOptions) -> Result<Pulled, RegistryError> {
    let mut session = Session::new(reference, &options.access, Purpose::Pull)?;
    let subject = || reference.to_string();
    let (bytes, manifest_digest) = fetch_manifest(&mut session, reference).await?;
    let manifest = Manifest::parse(&bytes).map_err(|why| RegistryError::Manifest { subject: subject(), why })?;
    if manifest.size > options.max_bytes {
        return Err(RegistryError::TooLarge {
            subject: subject(),
            what: "component",
            limit: options.max_bytes,
            source_of_limit: "the limit `component`: raise it with `limits.component`, up to the host's maximum",
        });
    }
    let component = fetch_component(&mut session, &manifest, reference).await?;
    Ok(Pulled {
        component,
        component_digest: manifest.component,
        manifest_digest,
        signature: manifest.signature,
        annotations: manifest.annotations,
    })
}

async fn fetch_manifest(session: &mut Session, reference: &Reference) -> Result<(Vec<u8>, Digest), RegistryError> {
    const DOING: &str = "reading the manifest";
    let uri = session.address(&format!("manifests/{}", reference.wanted()))?;
    let ask = Ask { method: Method::GET, uri, accept: Some(ACCEPTED), body: None, doing: DOING };
    let answer = session.ask(&ask).await?;
    let answer = session.expect(answer, &[StatusCode::OK]).await?;
    let claimed = claimed_digest(answer.response.headers());
    let host = host_of(&answer.uri);
    let body = session.transport.read(answer.response.into_body(), MAX as u64, &host, DOING).await?;
    let bytes = body.ok_or_else(|| RegistryError::TooLarge {
        subject: reference.to_string(),
        what: "manifest",
        limit: MAX as u64,
        source_of_limit: "the most that OCI registries take: this is no manifest",
    })?;
    let found = Digest::of(&bytes);
    for expected in reference.digest().cloned().into_iter().chain(claimed) {
        if expected != found {
            let subject = reference.to_string();
            return Err(RegistryError::Digest { subject, what: "manifest", expected, found });
        }
    }
    Ok((bytes, found))
}

async fn fetch_component(
    session: &mut Session,
    manifest: &Manifest,
    reference: &Reference,
) -> Result<Vec<u8>, RegistryError> {
    const DOING: &str = "reading the component";
    let subject = || reference.to_string();
    let uri = session.address(&format!("blobs/{}", manifest.component))?;
    let ask = Ask { method: Method::GET, uri, accept: None, body: None, doing: DOING };
    let answer = session.ask(&ask).await?;
    let answer = session.expect(answer, &[StatusCode::OK]).await?;
    let host = host_of(&answer.uri);
    let body = session.transport.read(answer.response.into_body(), manifest.size, &host, DOING).await?;
    let bytes = body.ok_or_else(|| RegistryError::TooLarge {
        subject: subject(),
        what: "component",
        limit: manifest.size,
        source_of_limit: "the size that its manifest names: do not trust this registry",
    })?;
    if (bytes.len() as u64) < manifest.size {
        return Err(RegistryError::Short { subject: subject(), found: bytes.len() as u64, expected: manifest.size });
    }
    let found = Digest::of(&bytes);
    if found != manifest.component {
        let expected = manifest.component.clone();
        return Err(RegistryError::Digest { subject: subject(), what: "component", expected, found });
    }
    Ok(bytes)
}

/// The digest that the registry names; it may use another algorithm, which then says nothing here.
pub(super) fn claimed_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}
