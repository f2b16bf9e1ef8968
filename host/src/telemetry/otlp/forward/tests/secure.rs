use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tonic::transport::{Identity, ServerTlsConfig};

use super::peer::{Peer, ok};
use super::*;

struct Keys {
    folder: tempfile::TempDir,
    certified: CertifiedKey<KeyPair>,
}

impl Keys {
    fn new() -> Self {
        let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("certificate.pem"), certified.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        Self { folder, certified }
    }

    fn path(&self, name: &str) -> String {
        PathBuf::from(self.folder.path()).join(name).into_os_string().into_string().unwrap()
    }

    /// A server with this identity; with `client`, one that wants the other side to have that one.
    fn server(&self, client: Option<&Self>) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(keys) => {
                let mut roots = RootCertStore::empty();
                roots.add(keys.certified.cert.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let certificate = CertificateDer::from_pem_slice(self.certified.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.certified.signing_key.serialize_pem().as_bytes()).unwrap();
        builder.with_single_cert(vec![certificate], key).unwrap()
    }
}

#[test]
fn https_trusts_the_given_certificate_and_no_other() {
    let (keys, others) = (Keys::new(), Keys::new());
    let peer = Peer::start_tls(vec![ok()], keys.server(None));
    let url = format!("https://localhost:{}", peer.address.port());
    let journal = Journal::of(0..3);
    let forwarded = journal.send(&[("ENDPOINT", &url), ("CERTIFICATE", &keys.path("certificate.pem"))], LONG);
    assert_eq!((counts(&forwarded), forwarded.last_error), ([3, 0, 0, 1], None));
    let forwarded = journal.send(&[("ENDPOINT", &url), ("CERTIFICATE", &others.path("certificate.pem"))], LONG);
    assert_eq!([forwarded.sent, forwarded.unsent], [0, 3]);
    let error = forwarded.last_error.unwrap();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(peer.recorded().len(), 1);
}

#[test]
fn a_client_certificate_is_shown() {
    let (keys, client) = (Keys::new(), Keys::new());
    let peer = Peer::start_tls(vec![ok()], keys.server(Some(&client)));
    let url = format!("https://localhost:{}", peer.address.port());
    let (trusted, certificate, key) =
        (keys.path("certificate.pem"), client.path("certificate.pem"), client.path("key.pem"));
    let journal = Journal::of(0..3);
    let mut variables = vec![("ENDPOINT", &*url), ("CERTIFICATE", &trusted)];
    assert_eq!(journal.send(&variables, LONG).unsent, 3);
    variables.extend([("CLIENT_CERTIFICATE", &*certificate), ("CLIENT_KEY", &key)]);
    assert_eq!(journal.send(&variables, LONG).sent, 3);
}

#[test]
fn grpc_over_tls() {
    let keys = Keys::new();
    let identity = Identity::from_pem(keys.certified.cert.pem(), keys.certified.signing_key.serialize_pem());
    let tls = ServerTlsConfig::new().identity(identity);
    let (address, recorded) = super::grpc::serve(|_| Ok(ExportTraceServiceResponse::default()), Some(tls));
    let endpoint = address.replace("127.0.0.1", "localhost");
    let forwarded = Journal::of(0..3)
        .send(&[("ENDPOINT", &endpoint), ("PROTOCOL", "grpc"), ("CERTIFICATE", &keys.path("certificate.pem"))], LONG);
    assert_eq!((counts(&forwarded), forwarded.last_error), ([3, 0, 0, 1], None));
    assert_eq!(recorded.lock().unwrap().len(), 1);
}

#[test]
fn unusable_files_are_refused_before_the_run() {
    let keys = Keys::new();
    let (certificate, key, missing) = (keys.path("certificate.pem"), keys.path("key.pem"), keys.path("missing.pem"));
    let error = |variables: &[(&str, &str)]| {
        let variables: Vec<(&str, &str)> =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost")].iter().chain(variables).copied().collect();
        from(&variables).unwrap_err().to_string()
    };
    let root = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    let (client, client_key) = ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY");
    assert!(error(&[(root, &missing)]).contains("missing.pem\", which can't be read"));
    assert!(error(&[(root, &key)]).contains("holds no certificate"));
    assert!(error(&[(root, &certificate), (client, &certificate)]).contains("is set without a key"));
    assert!(error(&[(root, &certificate), (client_key, &key)]).contains("is set without a certificate"));
    let pair = [(root, &*certificate), (client, &certificate), (client_key, &certificate)];
    assert!(error(&pair).starts_with("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY names"));
    // Without https nothing is read.
    from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost"), (root, &missing)]).unwrap().unwrap();
}
