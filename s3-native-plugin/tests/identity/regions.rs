//! Buckets in other regions, and replies that would lead elsewhere.

use plugin_api::{CreateOptions, ErrorKind, FileSystemExt as _};
use testkit::{Action, Fault, WrongRegion};

use crate::fixture::{BUCKET, Fixture, connect, location};

#[tokio::test]
async fn a_bucket_of_another_region_is_found_whatever_the_answer_looks_like_and_once() {
    for form in [WrongRegion::AsAws, WrongRegion::Redirect, WrongRegion::Malformed] {
        let fixture = Fixture::on(|server| server.bucket_in("far", "ap-south-1").wrong_region(form)).await;
        let (_factory, fs) = connect(&fixture.server, "far", &[]).await;
        let path = plugin_api::Location::new("s3", "far", "a").unwrap();
        // The first request has a body, the next ones have none.
        fs.write_all(&path, "content".into(), &CreateOptions::default())
            .await
            .unwrap();
        fs.status(&path).await.unwrap();
        assert_eq!(fs.read_all(&path).await.unwrap(), "content");
        let refused = fixture.server.requests().all();
        let refused = refused
            .iter()
            .filter(|request| request.status >= Some(300))
            .count();
        assert_eq!(refused, 1, "{form:?}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed_to_another_host_with_a_signature() {
    let fixture = Fixture::new().await;
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("http://{}/bucket/a", stranger.local_addr().unwrap());
    for (status, target) in [
        (301, elsewhere.as_str()),
        (302, elsewhere.as_str()),
        (303, elsewhere.as_str()),
        (307, elsewhere.as_str()),
        (308, elsewhere.as_str()),
        (307, "http://169.254.169.254/latest/meta-data/"),
    ] {
        let headers = [("location", target)];
        let fault = Action::status_with_headers(status, "TemporaryRedirect", &headers);
        let rule = fixture.server.faults().add(Fault::on_any().action(fault));
        let error = fixture.fs.status(&location("a")).await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
        let written = fixture
            .fs
            .write_all(&location("a"), "a".into(), &CreateOptions::overwrite())
            .await;
        written.unwrap_err();
        rule.remove();
    }
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.accept().is_err(), "the redirect was followed");
    assert!(fixture.server.store().keys(BUCKET).is_empty());
}
