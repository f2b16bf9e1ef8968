//! Manifests and challenges: what is read, what is refused, and that no bytes are too odd.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::registry::auth::Challenge;
use crate::registry::manifest::written;

fn layer(kind: &str) -> Value {
    json!({"mediaType": kind, "digest": Digest::of(COMPONENT).to_string(), "size": COMPONENT.len()})
}

fn parse(manifest: &Value) -> Result<Manifest, String> {
    Manifest::parse(manifest.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// What `wkg` 0.16 and `oci-wasm` 0.6 look for, field by field.
#[test]
fn config_and_manifest_are_laid_out_as_other_tools_want_them() {
    let annotations = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
    let (imports, exports) = (vec!["i".to_owned()], vec!["e".to_owned()]);
    let upload = Upload {
        component: COMPONENT,
        imports: &imports,
        exports: &exports,
        signature: Some("text"),
        annotations: &annotations,
    };
    let (config, manifest) = written(&upload).unwrap();
    let digest = Digest::of(COMPONENT).to_string();
    assert_eq!(
        serde_json::from_slice::<Value>(&config).unwrap(),
        json!({
            "created": "1970-01-01T00:00:00Z", "author": null, "architecture": "wasm", "os": "wasip2",
            "layerDigests": [digest], "component": {"exports": ["e"], "imports": ["i"], "target": null},
        })
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&manifest).unwrap(),
        json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": Digest::of(&config).to_string(), "size": config.len(),
            },
            "layers": [{"mediaType": "application/wasm", "digest": digest, "size": COMPONENT.len()}],
            "annotations": {"a": "1", "b": "2", "forensic.signature": "text"},
        })
    );
    let read = Manifest::parse(&manifest).unwrap();
    let expected = Manifest {
        component: Digest::of(COMPONENT),
        size: COMPONENT.len() as u64,
        signature: Some("text".to_owned()),
        annotations,
    };
    assert_eq!(read, expected);
}

#[test]
fn a_manifest_of_another_tool_is_read_where_one_layer_is_a_component() {
    for manifest in [
        json!({"schemaVersion": 2, "layers": [layer("application/wasm")]}),
        json!({"schemaVersion": 2, "artifactType": "x/y", "config": {"mediaType": "application/vnd.oci.empty.v1+json"},
               "layers": [layer("application/wasm")], "annotations": null, "subject": null}),
        json!({"schemaVersion": 2, "layers": [layer("text/markdown"), layer("application/wasm")]}),
    ] {
        assert_eq!(parse(&manifest).unwrap().component, Digest::of(COMPONENT));
    }
}

#[test]
fn other_manifests_are_refused() {
    let mut no_digest = layer("application/wasm");
    no_digest["digest"] = json!("sha256:00");
    let mut negative = layer("application/wasm");
    negative["size"] = json!(-1);
    for (manifest, words) in [
        (json!([]), "can't be read"),
        (json!({"layers": []}), "can't be read: missing field `schemaVersion`"),
        (json!({"schemaVersion": 1, "layers": []}), "its schema version is 1, not 2"),
        (json!({"schemaVersion": 2}), "it has no `layers`"),
        (json!({"schemaVersion": 2, "layers": []}), "it has no layers"),
        (
            json!({"schemaVersion": 2, "layers": [layer("application/wasm"), layer("application/wasm")]}),
            "several layers",
        ),
        (json!({"schemaVersion": 2, "layers": [layer("a\nb")]}), "of type `a\\nb`, not `application/wasm`"),
        (json!({"schemaVersion": 2, "layers": [no_digest]}), "its layer's digest is wrong: it has 2 digits"),
        (json!({"schemaVersion": 2, "layers": [negative]}), "can't be read"),
        (json!({"schemaVersion": 2, "manifests": []}), "an index of several artifacts"),
        (json!({"schemaVersion": 2, "mediaType": "x/y", "layers": [layer("application/wasm")]}), "is of type `x/y`"),
    ] {
        let error = parse(&manifest).unwrap_err();
        assert!(error.contains(words), "{manifest}: {error}");
    }
}

#[test]
fn challenges_are_understood() {
    let bearer = |realm: &str, service: Option<&str>| {
        Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
    };
    for (value, expected) in [
        ("Basic realm=\"x\"", Some(Challenge::Basic)),
        ("basic", Some(Challenge::Basic)),
        ("Bearer realm=\"https://a/t\",service=\"s, t\",scope=\"x\"", bearer("https://a/t", Some("s, t"))),
        ("bearer  service=s , REALM = \"https://a/t\"", bearer("https://a/t", Some("s"))),
        ("Bearer realm=\"a\\\"b\"", bearer("a\"b", None)),
        ("Bearer realm=\"open", None),
        ("Bearer realm=\"x\\", None),
        ("Bearer", None),
        ("Negotiate abc=", None),
        ("", None),
    ] {
        assert_eq!(Challenge::parse(value), expected, "{value}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        text in "\\PC{0,80}",
        at in 0usize..400,
    ) {
        drop(Manifest::parse(&bytes));
        drop(Challenge::parse(&text));
        drop(Challenge::parse(&format!("Bearer {text}")));
        let mut whole = json!({"schemaVersion": 2, "layers": [layer("application/wasm")]}).to_string().into_bytes();
        let at = at % whole.len();
        whole[at] = bytes.first().copied().unwrap_or(b'{');
        drop(Manifest::parse(&whole));
    }
}
