//! Faults that change the store behind the client's back, and those that end the client.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use testkit::{Action, Fault, Server};

use crate::client::{BUCKET, get, put, refusal, start};

async fn open_upload(client: &aws_sdk_s3::Client, key: &str) -> String {
    let create = client.create_multipart_upload().bucket(BUCKET).key(key);
    let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let create = create.checksum_type(ChecksumType::FullObject);
    create.send().await.unwrap().upload_id.unwrap()
}

#[tokio::test]
async fn an_object_is_swapped_just_before_the_request() {
    let (server, client) = start(Server::builder()).await;
    let swap = || {
        Fault::on("PutObject")
            .times(1)
            .action(Action::swap_object("foreign"))
    };
    let fault = server.faults().add(swap());
    let create = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .if_none_match("*")
        .send();
    assert_eq!(refusal(create.await), (412, "PreconditionFailed".into()));
    assert_eq!(server.store().get(BUCKET, "k").unwrap(), "foreign");
    assert_eq!(
        server.requests().of("PutObject")[0].fault,
        Some(Action::swap_object("foreign"))
    );

    let written = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .metadata("nonce", "1")
        .send();
    written.await.unwrap();
    assert_eq!(fault.hits(), 1);
    server
        .faults()
        .add(Fault::on("HeadObject").action(Action::swap_object("other")));
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(
        (head.content_length, head.metadata.unwrap_or_default().len()),
        (Some(5), 0)
    );

    // There is nowhere to put it.
    server.faults().add(swap());
    let lost = client.put_object().bucket("no-bucket").key("k").send().await;
    assert_eq!(refusal(lost).1, "NoSuchBucket");
}

#[tokio::test]
async fn an_object_is_removed_just_before_the_request() {
    let (server, client) = start(Server::builder()).await;
    put(&client, "k", "v").await;
    server
        .faults()
        .add(Fault::on("GetObject").skip(1).action(Action::RemoveObject));
    assert_eq!(get(&client, "k").await, b"v");
    let gone = client.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(gone).1, "NoSuchKey");
}

#[tokio::test]
async fn an_upload_expires_just_before_the_request_and_in_a_folder_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = start(Server::builder().folder(folder.path())).await;
    let expire = |operation: &'static str| Fault::on(operation).times(1).action(Action::ExpireUpload);
    let part = |id: &str| {
        let part = client.upload_part().bucket(BUCKET).key("k").upload_id(id);
        part.part_number(1).body(b"v".to_vec().into()).send()
    };
    let id = open_upload(&client, "k").await;
    part(&id).await.unwrap();
    server.faults().add(expire("UploadPart"));
    assert_eq!(refusal(part(&id).await), (404, "NoSuchUpload".into()));
    assert!(server.store().open_uploads(BUCKET).is_empty());

    // That it was completed is forgotten as well: the repetition cannot be told from a stranger's.
    let id = open_upload(&client, "k").await;
    let etag = part(&id).await.unwrap().e_tag.unwrap();
    let listed = CompletedPart::builder().part_number(1).e_tag(etag);
    let listed = CompletedMultipartUpload::builder().parts(listed.build());
    let listed = listed.build();
    let complete = || {
        let complete = client.complete_multipart_upload().bucket(BUCKET).key("k");
        complete.upload_id(&id).multipart_upload(listed.clone()).send()
    };
    complete().await.unwrap();
    complete().await.unwrap();
    server.faults().add(expire("CompleteMultipartUpload"));
    assert_eq!(refusal(complete().await), (404, "NoSuchUpload".into()));
    assert_eq!(server.store().get(BUCKET, "k").unwrap(), "v");

    let other = open_upload(&client, "other").await;
    assert!(server.store().expire_upload(BUCKET, "other", &other));
    assert!(!server.store().expire_upload(BUCKET, "other", &other));
    server.shutdown().await;
    let (server, client) = start(Server::builder().folder(folder.path())).await;
    assert!(server.store().open_uploads(BUCKET).is_empty());
    let again = client.complete_multipart_upload().bucket(BUCKET).key("k");
    let again = again.upload_id(&id).multipart_upload(listed.clone()).send().await;
    assert_eq!(refusal(again), (404, "NoSuchUpload".into()));
}

#[tokio::test]
async fn changes_of_the_store_leave_the_request_to_the_faults_behind() {
    let (server, client) = start(Server::builder()).await;
    let rules =
        "op=PutObject,nth=1 -> swap:foreign; op=*,nth=1 -> delay:1ms; op=PutObject,nth=1 -> lose-reply";
    let handles = server.faults().add_rules(rules, 0).unwrap();
    let lost = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(b"own".to_vec().into());
    assert!(lost.send().await.unwrap_err().raw_response().is_none());
    assert_eq!(server.store().get(BUCKET, "k").unwrap(), "own");
    assert_eq!(
        handles.iter().map(testkit::FaultHandle::hits).collect::<Vec<_>>(),
        [1, 1, 1]
    );
    assert_eq!(
        server.requests().of("PutObject")[0].fault,
        Some(Action::ApplyThenReset)
    );
}

#[tokio::test]
async fn a_client_is_killed_before_or_after_the_effect_and_never_answered() {
    let (server, client) = start(Server::builder()).await;
    for (key, action, applied) in [
        ("before", Action::KillClient, false),
        ("after", Action::ApplyThenKillClient, true),
    ] {
        let mut hits = server.faults().hits();
        let fault = server
            .faults()
            .add(Fault::on("PutObject").skip(1).action(action.clone()));
        put(&client, "first", "v").await;
        let request = client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(b"v".to_vec().into());
        let running = tokio::spawn(request.send());
        fault.kill_due(1).await;
        assert_eq!(server.store().object(BUCKET, key).is_some(), applied);
        let hit = hits.next().await.unwrap();
        assert_eq!(
            (hit.action, hit.operation, hit.key.as_deref()),
            (action, "PutObject", Some(key))
        );
        assert!(!running.is_finished());
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(server.requests().of("PutObject").last().unwrap().status, None);
        fault.remove();
    }
}

#[tokio::test]
#[should_panic(expected = "kills no client")]
async fn waiting_for_a_kill_that_never_comes_is_refused() {
    let server = Server::builder().start().await.unwrap();
    server.faults().add(Fault::on_any()).kill_due(1).await;
}

#[test]
#[should_panic(expected = "'op=GetObject -> expire' hits nothing: GetObject is not for an upload")]
fn a_fault_that_can_never_hit_is_refused() {
    let server = Server::builder().start_blocking().unwrap();
    server
        .faults()
        .add(Fault::on("GetObject").action(Action::ExpireUpload));
}
