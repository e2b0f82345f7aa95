use plugin_api::{Error, ErrorKind, FileSystem, FileSystemFactory, ListOptions, Location, OpenOptions};
use testkit::{Action, Fault, Server};

use crate::fixture::{BUCKET, at, config, factory, start, start_with};

/// The error of every verb that reads: each is one line that names the path and says what to do.
async fn every_error(fs: &dyn FileSystem, path: &Location) -> Vec<Error> {
    let errors = vec![
        fs.status(path).await.unwrap_err(),
        fs.list(path, &ListOptions::default())
            .await
            .unwrap()
            .next_page()
            .await
            .unwrap_err(),
        fs.open(path, &OpenOptions::default()).await.err().unwrap(),
        fs.rename(path, &path.join("x")).await.unwrap_err(),
        fs.delete(path, true).await.unwrap_err(),
    ];
    for error in &errors {
        let text = error.to_string();
        assert!(text.contains(path.as_str()), "{text}");
        assert!(!text.contains('\n') && text.len() < 500, "{text}");
        assert!(
            !error.remedy().is_empty() && !error.operation().is_empty(),
            "{text}"
        );
    }
    errors
}

#[tokio::test]
async fn wrong_keys_are_named_and_never_shown() {
    for (key, value) in [
        ("s3.secret-key", "canary-wrong"),
        ("s3.access-key", "canary-wrong"),
    ] {
        let s3 = start_with(Server::builder(), &[(key, value)]).await;
        s3.put("file", "x");
        for error in every_error(&*s3.fs, &at("file")).await {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            assert!(error.remedy().contains("s3.access-key"), "{error}");
            let shown = format!("{error:?}");
            assert!(
                !shown.contains("canary") && !shown.contains(s3.server.secret_key()),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let s3 = start().await;
    let root = Location::parse("s3a://no-such-bucket").unwrap();
    let fs = s3.factory.create(&root, &config(&s3.server, &[])).await.unwrap();
    for path in [root.clone(), root.join("file")] {
        let error = fs.status(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("'no-such-bucket'") && text.contains("create the bucket"),
            "{text}"
        );
        assert!(text.contains("s3a://no-such-bucket/"), "{text}");
    }
    for error in every_error(&*fs, &root.join("file")).await {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("no such bucket"), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_is_named() {
    // A port that was just free and is closed again.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (endpoint, name) in [
        (format!("http://{port}"), port.to_string()),
        (
            "http://no-such-host.invalid:9000".to_owned(),
            "no-such-host.invalid:9000".to_owned(),
        ),
    ] {
        let more = [
            ("s3.endpoint", endpoint.as_str()),
            ("s3.retry.max-num-retries", "1"),
        ];
        let s3 = start_with(Server::builder(), &more).await;
        for error in every_error(&*s3.fs, &at("file")).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(
                error.to_string().contains(&name) && error.remedy().contains("s3.endpoint"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_forbidden_file_is_never_reported_as_missing() {
    let s3 = start().await;
    let denied = Action::status(403, "AccessDenied", "Access Denied");
    s3.server.faults().add(Fault::on("HeadObject").action(denied));
    let error = s3.fs.status(&at("file")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().contains("s3:ListBucket"), "{error}");
    assert_eq!(error.http_status(), Some(403));
}

#[tokio::test]
async fn failures_of_the_service_are_retried_and_then_told_with_the_number_of_attempts() {
    let s3 = start().await;
    s3.put("file", "x");
    let failing = Fault::on("HeadObject").action(Action::status(503, "SlowDown", "slow down"));
    s3.server.faults().add(failing.clone().times(3));
    assert!(s3.fs.status(&at("file")).await.is_ok());
    let handle = s3.server.faults().add(failing);
    let error = s3.fs.status(&at("file")).await.unwrap_err();
    assert_eq!(error.attempts(), 4, "{error}");
    assert_eq!(handle.hits(), 4);
    assert_ne!(error.retry(), plugin_api::Retry::No);
    let failing = Fault::on("ListObjectsV2").action(Action::status(503, "SlowDown", "slow down"));
    s3.server.faults().add(failing);
    let error = s3.fs.status(&at("dir/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
    assert_eq!(
        (error.service_code(), error.http_status()),
        ("SlowDown", Some(503))
    );
    assert!(!error.request_id().is_empty(), "{error:?}");
}

#[tokio::test]
async fn a_reply_that_is_cut_is_an_error() {
    let s3 = start_with(Server::builder(), &[("s3.retry.max-num-retries", "0")]).await;
    s3.put("dir/file", "x");
    s3.server
        .faults()
        .add(Fault::on("ListObjectsV2").action(Action::CutBodyAfter(100)));
    let error = s3.fs.status(&at("dir/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn connections_are_limited_and_a_stream_gives_its_own_back() {
    let limits = [("s3.connection.max", "2"), ("s3.connection.timeout", "300 ms")];
    let s3 = start_with(Server::builder(), &limits).await;
    s3.put("file", crate::fixture::pattern(64 << 20));
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = s3.fs.open(&at("file"), &OpenOptions::default()).await.unwrap();
        assert!(!stream.read(10).await.unwrap().is_empty());
        streams.push(stream);
    }
    let error = s3.fs.status(&at("file")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.remedy().contains("s3.connection.max"), "{error}");
    streams.pop();
    assert!(s3.fs.status(&at("file")).await.is_ok());
}

#[tokio::test]
async fn a_wrong_region_is_corrected_if_the_store_names_the_right_one_and_told_otherwise() {
    let more = [("s3.region", "eu-west-3")];
    let s3 = start_with(Server::builder().region("ap-south-1"), &more).await;
    s3.put("dir/file", "x");
    assert!(s3.fs.status(&at("dir/")).await.unwrap().is_directory());
    let unnamed = Action::status(301, "PermanentRedirect", "The bucket is elsewhere.");
    s3.server.faults().add(Fault::on("ListObjectsV2").action(unnamed));
    let error = s3.fs.status(&at("dir/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    assert!(error.remedy().contains("'s3.region'"), "{error}");
}

#[tokio::test]
async fn configuration_is_refused_before_any_request() {
    let server = Server::builder().bucket(BUCKET).start().await.unwrap();
    let factory = factory();
    for (key, value) in [
        ("s3.upload.min.part.size", "x"),
        ("s3.secret-key", ""),
        ("s3.endpoint", "nonsense://"),
        ("s3.runtime.threads", "0"),
    ] {
        let error = factory
            .create(&at(""), &config(&server, &[(key, value)]))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    for root in ["s3:///key", "s3://key:secret@bucket/"] {
        let root = Location::parse(root).unwrap();
        let error = factory.create(&root, &config(&server, &[])).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    assert_eq!(server.requests().total(), 0);
}
