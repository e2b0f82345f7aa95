//! Listings.

use aws_sdk_s3::types::EncodingType;
use testkit::Server;

use crate::client::{BUCKET, refusal, start};

#[tokio::test]
async fn pages_with_a_delimiter_join_without_gaps() {
    let (server, client) = start(Server::builder()).await;
    for n in 0..25 {
        server.store().put(BUCKET, &format!("d{:02}/x", n % 7), "");
        server.store().put(BUCKET, &format!("d{:02}/y{n}", n % 7), "");
        server.store().put(BUCKET, &format!("f{n:02}"), "");
    }
    let (mut names, mut token) = (Vec::new(), None);
    loop {
        let request = client.list_objects_v2().bucket(BUCKET).delimiter("/").max_keys(3);
        let page = request.set_continuation_token(token).send().await.unwrap();
        assert!(page.key_count().unwrap() <= 3);
        names.extend(
            page.common_prefixes()
                .iter()
                .map(|p| p.prefix().unwrap().to_owned()),
        );
        names.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = (0..7).map(|n| format!("d{n:02}/")).collect();
    expected.extend((0..25).map(|n| format!("f{n:02}")));
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_listing_starts_after_a_key_and_keeps_to_its_prefix() {
    let (server, client) = start(Server::builder()).await;
    for key in ["a", "p/1", "p/2", "p/3", "q"] {
        server.store().put(BUCKET, key, "x");
    }
    let page = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("p/")
        .start_after("p/1")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = page.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["p/2", "p/3"]);
    assert_eq!(page.contents()[0].size(), Some(1));
    let invalid = client
        .list_objects_v2()
        .bucket(BUCKET)
        .continuation_token("?")
        .send()
        .await;
    assert_eq!(refusal(invalid), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn names_are_encoded_when_asked_for() {
    let (server, client) = start(Server::builder()).await;
    for key in ["a b/\u{1}", "a+b/%2F"] {
        server.store().put(BUCKET, key, "");
    }
    let list = || {
        client
            .list_objects_v2()
            .bucket(BUCKET)
            .encoding_type(EncodingType::Url)
    };
    let page = list().send().await.unwrap();
    let keys: Vec<_> = page.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["a+b/%01", "a%2Bb/%252F"]);
    let page = list().delimiter("/").send().await.unwrap();
    let prefixes: Vec<_> = page.common_prefixes().iter().filter_map(|p| p.prefix()).collect();
    assert_eq!(prefixes, ["a+b/", "a%2Bb/"]);
}

#[tokio::test]
async fn the_first_version_of_the_listing_pages_by_marker() {
    let (server, client) = start(Server::builder()).await;
    for key in ["a/1", "a/2", "b", "c/1"] {
        server.store().put(BUCKET, key, "");
    }
    let (mut names, mut marker) = (Vec::new(), None);
    loop {
        let request = client.list_objects().bucket(BUCKET).delimiter("/").max_keys(1);
        let page = request.set_marker(marker).send().await.unwrap();
        names.extend(
            page.common_prefixes()
                .iter()
                .map(|p| p.prefix().unwrap().to_owned()),
        );
        names.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        marker = page.next_marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a/", "b", "c/"]);
}
