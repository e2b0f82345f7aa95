//! The TLS handshake: which version, or why not.

use std::sync::Arc;

use plugin_api::{Error, ErrorKind, Result};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::report::Finding;
use super::target::Target;
use crate::connector;
use crate::error::one_line;
use crate::options;

/// A handshake with the certificates that requests trust.
pub(super) async fn handshake(target: &Target, stream: TcpStream) -> Result<Finding<()>> {
    let stream = connect(target, stream).await?;
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let trusted = match &target.settings.endpoint.ca_bundle {
        Some(path) => format!("by {}", path.display()),
        None => "by this machine".to_owned(),
    };
    Ok(Finding::new(
        (),
        format!("{version}, the certificate is trusted {trusted}"),
    ))
}

/// Whether an endpoint that is written with `http://` speaks TLS, whatever its certificate.
pub(super) async fn is_spoken(target: &Target) -> bool {
    let Ok(stream) = TcpStream::connect((target.host.as_str(), target.port)).await else {
        return false;
    };
    match connect(target, stream).await {
        Ok(_) => true,
        Err(error) => error.message().contains("certificate"),
    }
}

async fn connect(target: &Target, stream: TcpStream) -> Result<TlsStream<TcpStream>> {
    let roots = connector::roots(target.settings.endpoint.ca_bundle.as_deref())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(target, &error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(target.host.clone()).map_err(|_| {
        options::ENDPOINT.invalid(
            &target.authority(),
            "no certificate can be for a host of this name",
        )
    })?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    handshake.await.map_err(|error| {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(inner) => failed(target, inner),
            // The server went away instead of answering.
            None => refused(target, &error.to_string(), NO_TLS),
        }
    })
}

const NO_TLS: &str = "the server may not speak TLS: write 's3.endpoint' with http://";

fn failed(target: &Target, error: &rustls::Error) -> Error {
    let remedy = match error {
        rustls::Error::InvalidMessage(_) => NO_TLS.to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "write 's3.endpoint' with a name that the certificate is for; if it is for the host without the bucket, \
              set 's3.path-style-access' to true"
            .to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew the certificate of the server, or set the clock of this machine".to_owned(),
        rustls::Error::InvalidCertificate(_) => format!(
            "set '{}' to a PEM file with the certificate of the authority that certifies the server, or make it trusted \
             on this machine",
            options::CA_BUNDLE.key
        ),
        rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => {
            "let the server speak TLS 1.2 or 1.3 and ask for no certificate of the client".to_owned()
        }
        _ => "check what stands between this machine and the server".to_owned(),
    };
    refused(target, &error.to_string(), &remedy)
}

fn refused(target: &Target, why: &str, remedy: &str) -> Error {
    let message = format!("no TLS with {}: {}", target.authority(), one_line(why));
    Error::new(ErrorKind::Unavailable, message).with_remedy(remedy)
}
