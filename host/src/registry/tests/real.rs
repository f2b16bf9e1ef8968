//! Against a real registry.

use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::real_registry::{PASSWORD, RealRegistry, Settings, USER};
use super::*;

#[test]
fn what_is_pushed_is_pulled_by_tag_and_by_digest_to_the_byte() {
    let registry = RealRegistry::start();
    let tagged = reference(&format!("oci://{}/acme/risk:1.0.0", registry.address()));
    let annotations = BTreeMap::from([("org.opencontainers.image.version".to_owned(), "1.0.0".to_owned())]);
    let (imports, exports) =
        (vec!["forensic:report/trace@0.1.0".to_owned()], vec!["forensic:report/plugin@0.1.0".to_owned()]);
    let signature = "untrusted comment: x\nRWQ=\ntrusted comment: \"ü\"\nAAAA\n";
    let upload = Upload {
        component: COMPONENT,
        imports: &imports,
        exports: &exports,
        signature: Some(signature),
        annotations: &annotations,
    };
    let digest = push(&tagged, &upload, &access()).unwrap();
    // Nothing in it depends on when it was pushed, or where to.
    assert_eq!(push(&tagged, &upload, &access()).unwrap(), digest);
    let elsewhere = reference(&format!("oci://localhost:{}/other:latest", registry.port()));
    assert_eq!(push(&elsewhere, &upload, &access()).unwrap(), digest);

    let by_digest = reference(&format!("oci://{}/acme/risk@{digest}", registry.address()));
    let latest = reference(&format!("oci://localhost:{}/other", registry.port()));
    for from in [&tagged, &by_digest, &tagged.pinned(&digest), &latest] {
        let pulled = pull(from, &options()).unwrap();
        assert_eq!(pulled.component, COMPONENT, "{from}");
        assert_eq!(pulled.component_digest, Digest::of(COMPONENT));
        assert_eq!(pulled.manifest_digest, digest);
        assert_eq!(pulled.signature.as_deref(), Some(signature));
        assert_eq!(pulled.annotations, annotations);
    }
    // A tag that was moved is another manifest; the digest still means the first one.
    let moved = push_component(&tagged, b"newer", &access()).unwrap();
    assert_ne!(moved, digest);
    assert_eq!(pull(&tagged, &options()).unwrap().component, b"newer");
    assert_eq!(pull(&tagged.pinned(&digest), &options()).unwrap().component, COMPONENT);
    let error = push(&by_digest, &upload, &access()).unwrap_err();
    assert!(matches!(error, RegistryError::PushToDigest { .. }), "{error}");
}

#[test]
fn a_large_component_comes_whole_and_not_above_the_limit() {
    let registry = RealRegistry::start();
    let to = reference(&format!("oci://{}/big:1", registry.address()));
    let bytes: Vec<u8> = (0..18u32 << 18).flat_map(u32::to_le_bytes).collect();
    push_component(&to, &bytes, &access()).unwrap();
    let exactly = PullOptions { max_bytes: bytes.len() as u64, ..options() };
    assert!(pull(&to, &exactly).unwrap().component == bytes);
    let error = pull(&to, &PullOptions { max_bytes: exactly.max_bytes - 1, ..exactly }).unwrap_err();
    let words = format!(
        "{to}: the component is larger than 18874367B, the limit `component`: raise it with `limits.component`"
    );
    assert!(error.to_string().starts_with(&words), "{error}");
}

#[test]
fn what_is_not_there_is_told_with_the_registrys_words() {
    let registry = RealRegistry::start();
    let there = reference(&format!("oci://{}/acme/risk:1.0.0", registry.address()));
    push_component(&there, COMPONENT, &access()).unwrap();
    let at = registry.address();
    for (path, words) in [
        ("acme/risk:2.0.0".to_owned(), "(MANIFEST_UNKNOWN: manifest unknown)"),
        (format!("acme/risk@{}", Digest::of(b"nothing")), "(MANIFEST_UNKNOWN: manifest unknown)"),
        ("acme/other:1.0.0".to_owned(), "(MANIFEST_UNKNOWN: manifest unknown)"),
    ] {
        let error = pull(&reference(&format!("oci://{at}/{path}")), &options()).unwrap_err();
        assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
        let expected =
            format!("oci://{at}/{path}: {at} has no such artifact {words}: check repository, tag and digest");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    drop(registry);
    let error = pull(&there, &options()).unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("no registry answers at {at}")), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn bytes_that_were_changed_in_the_registry_are_not_taken() {
    let registry = RealRegistry::start();
    let to = reference(&format!("oci://{}/acme/risk:1", registry.address()));
    push_component(&to, COMPONENT, &access()).unwrap();
    let hex = Digest::of(COMPONENT).hex().to_owned();
    let blob = registry.data().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    let mut bytes = fs::read(&blob).unwrap();
    bytes[20] ^= 1;
    fs::write(&blob, &bytes).unwrap();
    let error = pull(&to, &options()).unwrap_err();
    let found = Digest::of(&bytes);
    assert!(
        matches!(&error, RegistryError::Digest { what: "component", found: other, .. } if *other == found),
        "{error}"
    );
}

#[test]
fn a_login_is_taken_from_dockers_file_and_asked_for_where_it_is_missing() {
    let registry = RealRegistry::start_with(&Settings { login: true, ..Settings::default() });
    let to = reference(&format!("oci://{}/acme/risk:1", registry.address()));
    let refused = |access: &Access| {
        let error = push_component(&to, COMPONENT, access).unwrap_err();
        assert!(matches!(error, RegistryError::Refused { status: 401, .. }), "{error}");
        let error = pull(&to, &PullOptions { access: access.clone(), ..options() }).unwrap_err();
        assert!(matches!(error, RegistryError::Refused { status: 401, .. }), "{error}");
        error.to_string()
    };
    assert!(refused(&access()).contains("logins are not read here"));
    let with = |text: String| {
        let (folder, path) = docker_config_with(&text);
        (folder, Access { docker_config: Some(path), ..access() })
    };
    let auths = |password: &str| {
        use base64::Engine as _;
        let auth = base64::prelude::BASE64_STANDARD.encode(format!("{USER}:{password}"));
        format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", registry.address())
    };
    let (_folder, helper) = with("{\"auths\": {}, \"credsStore\": \"pass\"}".to_owned());
    assert!(refused(&helper).contains("leaves its login to the credential helper `pass`, and forensic-host runs none"));
    let (_folder, other) = with("{\"auths\": {\"registry.example\": {\"auth\": \"YTpi\"}}}".to_owned());
    assert!(refused(&other).contains(&format!("log in with `docker login {}`", registry.address())));
    let (_folder, wrong) = with(auths("wrong-password"));
    let said = refused(&wrong);
    assert!(said.contains("is not enough, or no longer valid") && !said.contains("wrong-password"), "{said}");

    let (_folder, right) = with(auths(PASSWORD));
    let digest = push_component(&to, COMPONENT, &right).unwrap();
    let pulled = pull(&to, &PullOptions { access: right, ..options() }).unwrap();
    assert_eq!((pulled.component.as_slice(), pulled.manifest_digest), (COMPONENT, digest));
}

#[test]
fn tls_needs_a_trusted_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let certified = || generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let CertifiedKey { cert, signing_key } = certified();
    let (certificate, key) = (write("cert.pem", cert.pem()), write("key.pem", signing_key.serialize_pem()));
    let other = write("other.pem", certified().cert.pem());
    let registry = RealRegistry::start_with(&Settings { tls: Some((&certificate, &key)), ..Settings::default() });
    for host in ["localhost", "127.0.0.1"] {
        let to = reference(&format!("oci://{host}:{}/acme/risk:1", registry.port()));
        let trusting = |file: &PathBuf| Access { ca_file: Some(file.clone()), ..access() };
        push_component(&to, COMPONENT, &trusting(&certificate)).unwrap();
        let pulled = pull(&to, &PullOptions { access: trusting(&certificate), ..options() }).unwrap();
        assert_eq!(pulled.component, COMPONENT);
        let error = pull(&to, &PullOptions { access: trusting(&other), ..options() }).unwrap_err();
        assert!(matches!(error, RegistryError::Tls { .. }), "{error}");
        assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
        // Without TLS this registry answers 400.
        let error = pull(&to, &options()).unwrap_err();
        assert!(matches!(error, RegistryError::Status { status: 400, .. }), "{error}");
        // No certificate at all.
        let error = pull(&to, &PullOptions { access: trusting(&key), ..options() }).unwrap_err();
        assert!(matches!(error, RegistryError::Certificates { .. }), "{error}");
    }
}

#[test]
fn it_works_inside_a_runtime_too() {
    let registry = RealRegistry::start();
    let to = reference(&format!("oci://{}/acme/risk:1", registry.address()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        push_component(&to, COMPONENT, &access()).unwrap();
        assert_eq!(pull(&to, &options()).unwrap().component, COMPONENT);
    });
}
