//! Manifests of Wasm artifacts: read liberally, as far as it is safe, and written so that the same component always has
//! the same manifest digest: nothing in one tells when or where it was made.
//!
//! Formats: OCI Image Specification 1.1, "Image Manifest"; CNCF "Wasm OCI Artifact layout" for config and layer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::push::Upload;
use crate::config::words::clip;

/// Media type of a manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of a list of manifests.
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of the config.
pub const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the layer that is the component.
pub const LAYER_TYPE: &str = "application/wasm";
/// The manifest's annotation that holds a detached signature over the component, as text: minisign's file, or an
/// Ed25519 signature in Base64.
pub const SIGNATURE_ANNOTATION: &str = "forensic.signature";
/// Most bytes of a manifest: what the OCI Distribution Specification 1.1 asks registries to take.
pub(super) const MAX: usize = 4 << 20;
/// `created` of every config: that of the artifact would make each push another manifest.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What a manifest says of the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Digest of the component.
    pub component: Digest,
    /// Size of the component, in bytes.
    pub size: u64,
    /// Text of a detached signature over the component.
    pub signature: Option<String>,
    /// The other annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why some bytes are no manifest of a Wasm component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no manifest at all.
    #[error("its manifest can't be read: {0}")]
    Garbage(String),
    /// It is the manifest of something else.
    #[error("it is no Wasm component: {0}")]
    NotWasm(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<Vec<ReadDescriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadDescriptor {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'static str,
    author: Option<&'a str>,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: Component<'a>,
}

#[derive(Serialize)]
struct Component<'a> {
    exports: &'a [String],
    imports: &'a [String],
    target: Option<&'a str>,
}

impl Manifest {
    /// Reads a manifest. The config's type doesn't matter: other tools that push a Wasm layer write another one.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let garbage = |why: String| ManifestError::Garbage(why);
        let read: Read = serde_json::from_slice(bytes).map_err(|error| garbage(error.to_string()))?;
        if read.schema_version != 2 {
            return Err(garbage(format!("its schema version is {}, not 2", read.schema_version)));
        }
        let kind = read.media_type.as_deref();
        if read.manifests.is_some() || kind == Some(INDEX_TYPE) {
            let why = "it is an index of several artifacts; name one of them by its digest";
            return Err(ManifestError::NotWasm(why.to_owned()));
        }
        if let Some(kind) = kind.filter(|kind| *kind != MANIFEST_TYPE) {
            return Err(ManifestError::NotWasm(format!("its manifest is of type `{}`", clip(kind))));
        }
        let layers = read.layers.ok_or_else(|| garbage("it has no `layers`".to_owned()))?;
        let mut wasm = layers.iter().filter(|layer| layer.media_type == LAYER_TYPE);
        let layer = match (wasm.next(), wasm.next()) {
            (Some(layer), None) => layer,
            (Some(_), Some(_)) => {
                return Err(ManifestError::NotWasm(format!("it has several layers of type `{LAYER_TYPE}`")));
            }
            (None, _) => return Err(ManifestError::NotWasm(other_layers(&layers))),
        };
        let component = layer.digest.parse().map_err(|bad| garbage(format!("its layer's digest is wrong: {bad}")))?;
        let mut annotations = read.annotations.unwrap_or_default();
        let signature = annotations.remove(SIGNATURE_ANNOTATION);
        Ok(Self { component, size: layer.size, signature, annotations })
    }
}

fn other_layers(layers: &[ReadDescriptor]) -> String {
    match layers.first() {
        None => "it has no layers".to_owned(),
        Some(layer) => {
            let kind = clip(&layer.media_type);
            let hint = if layer.media_type.contains("rootfs") || layer.media_type.contains(".image.layer.") {
                "; it is a container image"
            } else {
                ""
            };
            format!("its layer is of type `{kind}`, not `{LAYER_TYPE}`{hint}")
        }
    }
}

/// Config and manifest of an upload, as bytes.
pub(super) fn written(upload: &Upload<'_>) -> serde_json::Result<(Vec<u8>, Vec<u8>)> {
    let layer = Digest::of(upload.component).to_string();
    let config = serde_json::to_vec(&Config {
        created: EPOCH,
        author: None,
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [layer.clone()],
        component: Component { exports: upload.exports, imports: upload.imports, target: None },
    })?;
    let mut annotations: BTreeMap<&str, &str> =
        upload.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    if let Some(signature) = upload.signature {
        annotations.insert(SIGNATURE_ANNOTATION, signature);
    }
    let manifest = serde_json::to_vec(&Written {
        schema_version: 2,
        media_type: MANIFEST_TYPE,
        config: Descriptor { media_type: CONFIG_TYPE, digest: Digest::of(&config).to_string(), size: config.len() },
        layers: [Descriptor { media_type: LAYER_TYPE, digest: layer, size: upload.component.len() }],
        annotations,
    })?;
    Ok((config, manifest))
}
