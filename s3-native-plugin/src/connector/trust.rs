//! Whose certificates are trusted.

use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use plugin_api::{Error, Result};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::options;

/// That of a file, or else the machine's own.
///
/// # Errors
/// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) if the file cannot be read, or holds no
/// certificate or a broken one.
pub(super) fn context(ca_bundle: Option<&Path>) -> Result<TlsContext> {
    let trust = match ca_bundle {
        Some(path) => TrustStore::empty().with_pem_certificate(bundle(path)?),
        None => TrustStore::default(),
    };
    TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|error| refused(ca_bundle.unwrap_or(Path::new("")), &error.to_string()))
}

/// The same certificates, for a handshake of our own.
///
/// # Errors
/// As [`context`].
pub(crate) fn roots(ca_bundle: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_bundle {
        add(&mut roots, path, &read(path)?)?;
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

/// The file's content, once it is known that the TLS layer can use it: it takes that for granted.
fn bundle(path: &Path) -> Result<Vec<u8>> {
    let content = read(path)?;
    add(&mut RootCertStore::empty(), path, &content)?;
    Ok(content)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| refused(path, &format!("it cannot be read: {error}")))
}

fn add(roots: &mut RootCertStore, path: &Path, content: &[u8]) -> Result<()> {
    for certificate in CertificateDer::pem_slice_iter(content) {
        let usable = certificate
            .ok()
            .and_then(|certificate| roots.add(certificate).ok());
        usable.ok_or_else(|| refused(path, "it holds a certificate that cannot be used"))?;
    }
    if roots.is_empty() {
        return Err(refused(path, "it holds no certificate"));
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> Error {
    options::CA_BUNDLE.invalid(&path.to_string_lossy(), why)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use plugin_api::ErrorKind;

    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_used_is_refused_by_name() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (content, why) in [("", "no certificate"), (damaged, "cannot be used")] {
            file.write_all(content.as_bytes()).unwrap();
            let error = context(Some(file.path())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.to_string().contains(why), "{error}");
        }
        let error = context(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
    }
}
