//! Certificates: those of an authority of the user's own, and none that nobody vouches for.

use std::io::Write as _;

use plugin_api::{CreateOptions, ErrorKind, FileSystemExt as _};
use testkit::{Server, TlsVersions};

use crate::fixture::{BUCKET, connect, location};

fn server(versions: TlsVersions) -> (Server, tempfile::NamedTempFile) {
    let server = Server::builder()
        .bucket(BUCKET)
        .tls()
        .tls_versions(versions)
        .start_blocking()
        .unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(server.ca_certificate_pem().unwrap().as_bytes())
        .unwrap();
    (server, file)
}

#[tokio::test]
async fn a_store_with_an_authority_of_its_own_is_reached_with_its_bundle() {
    for versions in [TlsVersions::default(), TlsVersions::Tls12, TlsVersions::Tls13] {
        let (server, bundle) = server(versions);
        let path = bundle.path().to_str().unwrap();
        let (_factory, fs) = connect(&server, BUCKET, &[("s3.tls.ca-bundle", path)]).await;
        fs.write_all(&location("a"), "content".into(), &CreateOptions::default())
            .await
            .unwrap();
        assert_eq!(fs.read_all(&location("a")).await.unwrap(), "content");
        // Nobody can change what TLS carries, so its payload is not signed.
        let put = server.requests().of("PutObject").remove(0);
        assert_eq!(put.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_the_key_named() {
    let (server, _) = server(TlsVersions::default());
    let (_, other_bundle) = self::server(TlsVersions::default());
    let path = other_bundle.path().to_str().unwrap();
    let (_factory, fs) = connect(&server, BUCKET, &[("s3.tls.ca-bundle", path)]).await;
    let error = fs.status(&location("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.remedy().contains("'s3.tls.ca-bundle'"), "{error}");
    assert_eq!(server.requests().total(), 0);
}
