//! Conditional requests.

use testkit::Server;

use crate::client::{BUCKET, put, refusal, start};

#[tokio::test]
async fn of_racing_creations_one_wins() {
    let (server, client) = start(Server::builder()).await;
    let racers: Vec<_> = (0..16)
        .map(|n| {
            let put = client
                .put_object()
                .bucket(BUCKET)
                .key("k")
                .if_none_match("*")
                .body(vec![n; 1000].into());
            tokio::spawn(put.send())
        })
        .collect();
    let mut winners = Vec::new();
    for (n, racer) in racers.into_iter().enumerate() {
        match racer.await.unwrap() {
            Ok(_) => winners.push(n),
            lost => assert_eq!(refusal(lost), (412, "PreconditionFailed".into())),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(
        server.store().get(BUCKET, "k").unwrap(),
        vec![winners[0] as u8; 1000]
    );
}

#[tokio::test]
async fn a_write_can_demand_what_it_replaces() {
    let (_server, client) = start(Server::builder()).await;
    let conditional = |etag: &str| client.put_object().bucket(BUCKET).key("k").if_match(etag).send();
    assert_eq!(refusal(conditional("*").await), (404, "NoSuchKey".into()));
    let etag = put(&client, "k", "1").await;
    assert_eq!(
        refusal(conditional("\"0123\"").await),
        (412, "PreconditionFailed".into())
    );
    conditional(&etag).await.unwrap();
    assert_eq!(
        refusal(conditional(&etag).await),
        (412, "PreconditionFailed".into())
    );
}

#[tokio::test]
async fn a_read_can_demand_what_it_finds() {
    let (_server, client) = start(Server::builder()).await;
    let etag = put(&client, "k", "1").await;
    let get = || client.get_object().bucket(BUCKET).key("k");
    get().if_match(&etag).send().await.unwrap();
    get().if_none_match("\"0123\"").send().await.unwrap();
    assert_eq!(
        refusal(get().if_match("\"0123\"").send().await),
        (412, "PreconditionFailed".into())
    );
    assert_eq!(refusal(get().if_none_match(&etag).send().await).0, 304);
    let head = || client.head_object().bucket(BUCKET).key("k");
    assert_eq!(refusal(head().if_match("\"0123\"").send().await).0, 412);
    assert_eq!(refusal(head().if_none_match(&etag).send().await).0, 304);
    let future = aws_sdk_s3::primitives::DateTime::from_secs(4_000_000_000);
    assert_eq!(refusal(get().if_modified_since(future).send().await).0, 304);
    let past = aws_sdk_s3::primitives::DateTime::from_secs(1);
    assert_eq!(refusal(get().if_unmodified_since(past).send().await).0, 412);
}

#[tokio::test]
async fn a_delete_can_demand_what_it_deletes() {
    let (server, client) = start(Server::builder()).await;
    let etag = put(&client, "k", "1").await;
    let delete = |etag: &str| {
        client
            .delete_object()
            .bucket(BUCKET)
            .key("k")
            .if_match(etag)
            .send()
    };
    assert_eq!(
        refusal(delete("\"0123\"").await),
        (412, "PreconditionFailed".into())
    );
    delete(&etag).await.unwrap();
    assert!(server.store().objects(BUCKET).is_empty());
}
