//! The server over TLS.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use testkit::{Action, Fault, Server, TlsVersions};
use tokio_rustls::TlsConnector;

use crate::client::{BUCKET, get, put};

/// What speaks HTTPS and trusts this authority alone.
pub(crate) fn https(pem: &str) -> SharedHttpClient {
    let trust = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trust).build().unwrap();
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https()
}

fn trusting(server: &Server, pem: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .credentials_provider(Credentials::new(
            server.access_key(),
            server.secret_key(),
            None,
            None,
            "test",
        ))
        .region(Region::new(server.region().to_owned()))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .http_client(https(pem))
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// The version that a client of these versions and the server agree on.
async fn handshake(
    server: &Server,
    name: &'static str,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<Option<ProtocolVersion>> {
    let pem = server.ca_certificate_pem().unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(server.address()).await?;
    let name = ServerName::try_from(name).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(stream.get_ref().1.protocol_version())
}

#[tokio::test]
async fn who_trusts_the_authority_is_served() {
    let server = Server::builder().bucket(BUCKET).tls().start().await.unwrap();
    assert!(server.endpoint().starts_with("https://127.0.0.1:"));
    let client = trusting(&server, server.ca_certificate_pem().unwrap());
    let content = vec![7; 3 << 20];
    put(&client, "k", content.clone()).await;
    assert_eq!(get(&client, "k").await, content);
}

#[tokio::test]
async fn who_trusts_another_authority_is_not_served() {
    let start = || Server::builder().bucket(BUCKET).tls().start();
    let (server, other) = (start().await.unwrap(), start().await.unwrap());
    let client = trusting(&server, other.ca_certificate_pem().unwrap());
    let error = client.list_objects_v2().bucket(BUCKET).send().await.unwrap_err();
    assert!(error.raw_response().is_none(), "{error:?}");
    assert_eq!(server.requests().total(), 0);
}

#[tokio::test]
async fn faults_reach_through_tls() {
    let server = Server::builder().bucket(BUCKET).tls().start().await.unwrap();
    let client = trusting(&server, server.ca_certificate_pem().unwrap());
    server.store().put(BUCKET, "k", vec![1; 1 << 20]);
    for action in [
        Action::CutBodyAfter(1000),
        Action::ResetBodyAfter(1000),
        Action::HalfCloseBodyAfter(1000),
    ] {
        let fault = Fault::on("GetObject").times(1).action(action.clone());
        server.faults().add(fault);
        let got = client.get_object().bucket(BUCKET).key("k").send().await;
        if let Ok(got) = got {
            got.body.collect().await.expect_err(&format!("{action:?}"));
        }
        assert_eq!(get(&client, "k").await.len(), 1 << 20);
    }
    server
        .faults()
        .add(Fault::on("GetObject").times(1).action(Action::Reset));
    let reset = client.get_object().bucket(BUCKET).key("k").send().await;
    assert!(reset.unwrap_err().raw_response().is_none());
}

#[tokio::test]
async fn versions_of_tls_can_be_chosen() {
    use rustls::version::{TLS12, TLS13};
    let (old, new) = (&[&TLS12][..], &[&TLS13][..]);
    let start = |versions| Server::builder().bucket(BUCKET).tls_versions(versions).start();
    let both = start(TlsVersions::Both).await.unwrap();
    for name in ["localhost", "127.0.0.1", "bucket.localhost", "any.s3.localhost"] {
        let agreed = handshake(&both, name, old).await.unwrap();
        assert_eq!(agreed, Some(ProtocolVersion::TLSv1_2), "{name}");
        let agreed = handshake(&both, name, new).await.unwrap();
        assert_eq!(agreed, Some(ProtocolVersion::TLSv1_3), "{name}");
    }
    handshake(&both, "example.com", new).await.unwrap_err();
    let only_old = start(TlsVersions::Tls12).await.unwrap();
    handshake(&only_old, "localhost", old).await.unwrap();
    handshake(&only_old, "localhost", new).await.unwrap_err();
    let only_new = start(TlsVersions::Tls13).await.unwrap();
    handshake(&only_new, "localhost", new).await.unwrap();
    handshake(&only_new, "localhost", old).await.unwrap_err();
}
