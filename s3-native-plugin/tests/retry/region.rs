//! A bucket in another region than the configured one.

use plugin_api::ErrorKind;
use s3_native_plugin::retry::table::RequestClass;
use testkit::{Action, Fault, Server};

use crate::fixture::{BUCKET, Prepared, client, plain};

async fn elsewhere() -> Server {
    let server = Server::builder().bucket(BUCKET).region("ap-south-1");
    server.start().await.unwrap()
}

#[tokio::test]
async fn the_right_region_is_learnt_once_and_kept_for_every_operation_on_the_bucket() {
    let server = elsewhere().await;
    let client = client(&server, &[("s3.region", "eu-west-3")]).await;
    server.store().put(BUCKET, "key", "content");
    // The reply to a HEAD has no body, so a header has to do.
    let head = client.head_object().bucket(BUCKET).key("key").send().await;
    plain(head).unwrap();
    assert_eq!(server.requests().count("HeadObject"), 2);
    server.requests().clear();
    for class in RequestClass::ALL {
        Prepared::on(&server, class, "other")
            .await
            .send(&client)
            .await
            .unwrap();
    }
    let get = client
        .get_object()
        .bucket(BUCKET)
        .key("key")
        .send()
        .await
        .unwrap();
    assert_eq!(get.body.collect().await.unwrap().into_bytes(), "content");
    assert!(
        server
            .requests()
            .all()
            .iter()
            .all(|request| request.status == Some(200))
    );
}

#[tokio::test]
async fn many_requests_that_learn_it_at_the_same_time_all_succeed() {
    let server = elsewhere().await;
    let client = client(&server, &[("s3.region", "eu-west-3")]).await;
    let lists = (0..32).map(|_| client.list_objects_v2().bucket(BUCKET).send());
    for list in futures::future::join_all(lists).await {
        plain(list).unwrap();
    }
    assert!(server.requests().count("ListObjectsV2") <= 64);
}

#[tokio::test]
async fn a_region_that_cannot_be_one_is_not_believed() {
    let server = elsewhere().await;
    let client = client(&server, &[]).await;
    for region in ["evil.example.com/", "", "UPPER"] {
        let headers = [("x-amz-bucket-region", region)];
        let fault = Action::status_with_headers(301, "PermanentRedirect", &headers);
        let rule = server.faults().add(Fault::on("ListObjectsV2").action(fault));
        let request = Prepared::unprepared(RequestClass::Idempotent);
        let error = request.send(&client).await.unwrap_err();
        assert_eq!(
            (rule.hits(), error.kind()),
            (1, ErrorKind::InvalidConfig),
            "{error}"
        );
        assert!(error.remedy().contains("'s3.region'"), "{error}");
        rule.remove();
    }
}
