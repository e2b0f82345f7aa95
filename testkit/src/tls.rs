//! A certificate authority of the server's own, and what it speaks with the certificate of that.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};

/// Which versions of TLS a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// What the certificate is for, beside the host of each bucket: many clients take no wildcard right below a top
/// level.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "*.localhost", "*.s3.localhost"];

/// A generated authority and the configuration of a server that it certifies.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// The certificate of the authority.
    pub(crate) ca_pem: String,
}

impl Tls {
    pub(crate) fn generate(versions: TlsVersions, buckets: &[String]) -> io::Result<Self> {
        let ca = authority().map_err(io::Error::other)?;
        let (certificate, key) = certificate(&ca, buckets).map_err(io::Error::other)?;
        let versions: &[_] = match versions {
            TlsVersions::Both => &[&TLS12, &TLS13],
            TlsVersions::Tls12 => &[&TLS12],
            TlsVersions::Tls13 => &[&TLS13],
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
        // Named, because the process may have chosen another, or none, as its default.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            ca_pem: ca.pem(),
        })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "testkit authority");
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn certificate(
    ca: &CertifiedIssuer<'_, KeyPair>,
    buckets: &[String],
) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut names = NAMES.map(str::to_owned).to_vec();
    names.extend(buckets.iter().map(|bucket| format!("{bucket}.localhost")));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, NAMES[0]);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok((params.signed_by(&key, ca)?, key))
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
