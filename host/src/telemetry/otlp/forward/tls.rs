//! Whom a connection trusts, and who it says it is: PEM files or the system's roots into a `rustls` configuration.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::environment::{ConfigError, Found, option};

/// The configuration for `https`; without it, one that trusts nobody and reads no file.
///
/// The given certificates replace the system's, as in other exporters.
pub(super) fn client_config(
    get: &dyn Fn(&str) -> Option<String>,
    is_https: bool,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let roots = match option(get, "CERTIFICATE") {
        _ if !is_https => RootCertStore::empty(),
        Some(found) => given_roots(&found)?,
        None => system_roots()?,
    };
    let identity = if is_https { identity(get)? } else { None };
    let failed = |error: rustls::Error| {
        ConfigError::new("OTEL_EXPORTER_OTLP_ENDPOINT", format!("needs TLS, which fails ({error})"), "use http instead")
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((name, chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
            ConfigError::new(&name, format!("can't be used ({error})"), "give a certificate and the key that fits it")
        })?,
    };
    Ok(Arc::new(config))
}

fn certificates(found: &Found) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let unreadable = |error| {
        let problem = format!("names {:?}, which can't be read ({error})", found.value);
        ConfigError::new(&found.name, problem, "give the path of a file with certificates in PEM")
    };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(&found.value).and_then(Iterator::collect).map_err(unreadable)?;
    if certificates.is_empty() {
        let problem = format!("names {:?}, which holds no certificate", found.value);
        return Err(ConfigError::new(&found.name, problem, "give the path of a file with certificates in PEM"));
    }
    Ok(certificates)
}

fn given_roots(found: &Found) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(found)? {
        roots.add(certificate).map_err(|error| {
            let problem = format!("names {:?}, which holds a certificate that can't be used ({error})", found.value);
            ConfigError::new(&found.name, problem, "give X.509 certificates in PEM")
        })?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    // A system may hold certificates that are too old to be understood.
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let why = loaded.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(ConfigError::new(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("needs TLS, but the system has no root certificates{why}"),
            "install them, or name a PEM file in OTEL_EXPORTER_OTLP_CERTIFICATE",
        ));
    }
    Ok(roots)
}

type Identity = (String, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Identity>, ConfigError> {
    let (certificate, key) = match (option(get, "CLIENT_CERTIFICATE"), option(get, "CLIENT_KEY")) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(alone), None) => {
            return Err(ConfigError::new(&alone.name, "is set without a key", "set OTEL_EXPORTER_OTLP_CLIENT_KEY too"));
        }
        (None, Some(alone)) => {
            let advice = "set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE too";
            return Err(ConfigError::new(&alone.name, "is set without a certificate", advice));
        }
    };
    let private = PrivateKeyDer::from_pem_file(&key.value).map_err(|error| {
        let problem = format!("names {:?}, which can't be read ({error})", key.value);
        ConfigError::new(&key.name, problem, "give the path of a file with one private key in PEM")
    })?;
    Ok(Some((certificate.name.clone(), certificates(&certificate)?, private)))
}
