//! What stores do otherwise than Amazon S3.

use plugin_api::Outcome;

use crate::fixture::{diagnose, start};

#[tokio::test]
async fn a_store_without_conditional_writes_is_told_with_the_promise_that_is_weaker() {
    for (action, found) in [
        // The object is gone just before, so that the condition keeps nobody from writing.
        ("remove", "overlooks If-None-Match"),
        ("status:501:NotImplemented", "refuses If-None-Match"),
    ] {
        let server = start(|server| server).await;
        let rule = format!("op=PutObject,key~=object,skip=1 -> {action}");
        server.faults().add_rules(&rule, 1).unwrap();
        let all = diagnose(&server, &[]).await;
        all.assert_wrong(&["conditional-put"]);
        all.assert("conditional-put", Outcome::Warning, found, "paths of its own");
        all.assert("conditional-put", Outcome::Warning, "both may succeed", "");
    }
}

#[tokio::test]
async fn a_store_that_demands_equal_parts_is_told_with_the_setting() {
    let server = start(|server| server.equal_parts(true)).await;
    let all = diagnose(&server, &[]).await;
    all.assert_wrong(&["multipart"]);
    all.assert(
        "multipart",
        Outcome::Warning,
        "same size",
        "set 's3.upload.equal-parts' to true",
    );
    let all = diagnose(&server, &[("s3.upload.equal-parts", "true")]).await;
    all.assert_wrong(&[]);
    all.assert("multipart", Outcome::Passed, "equal sizes", "");
}

#[tokio::test]
async fn a_store_without_checksums_is_told() {
    for (rule, found) in [
        (
            "op=PutObject,key~=checksum -> status:501:NotImplemented",
            "refuses CRC32C",
        ),
        ("op=HeadObject,key~=checksum -> swap:checksum", "keeps no CRC32C"),
        (
            "op=HeadObject,key~=checksum -> status:501:NotImplemented",
            "refuses to tell",
        ),
    ] {
        let server = start(|server| server).await;
        server.faults().add_rules(rule, 1).unwrap();
        let all = diagnose(&server, &[]).await;
        all.assert_wrong(&["checksum"]);
        all.assert("checksum", Outcome::Warning, found, "https://");
    }
}

#[tokio::test]
async fn an_encryption_that_is_not_confirmed_is_told() {
    let server = start(|server| server).await;
    let more = [("s3.sse.type", "sse-s3")];
    let all = diagnose(&server, &more).await;
    all.assert_wrong(&[]);
    all.assert("encryption", Outcome::Passed, "AES256", "");

    server
        .faults()
        .add_rules("op=HeadObject,key~=object -> swap:x", 1)
        .unwrap();
    let all = diagnose(&server, &more).await;
    all.assert(
        "encryption",
        Outcome::Warning,
        "confirms nothing",
        "do not rely on",
    );
}

#[tokio::test]
async fn a_store_without_bulk_deletes_is_told() {
    let server = start(|server| server).await;
    server
        .faults()
        .add_rules("op=DeleteObjects -> status:501:NotImplemented", 1)
        .unwrap();
    let all = diagnose(&server, &[]).await;
    all.assert_wrong(&["bulk-delete"]);
    all.assert("bulk-delete", Outcome::Warning, "one of its own", "more slowly");
}

#[tokio::test]
async fn a_store_that_gives_back_something_else_is_told() {
    for (rule, stage, found) in [
        (
            "op=GetObject,key~=object,nth=1 -> flip:7",
            "get",
            "others come back",
        ),
        ("op=GetObject,key~=object -> ignore-range", "get", "of 100 bytes"),
        (
            "op=GetObject,key~=copy -> flip:7",
            "copy",
            "differs from its source",
        ),
        (
            "op=GetObject,key~=parts -> flip:1",
            "multipart",
            "differs from its parts",
        ),
        (
            "op=HeadObject,key~=parts -> swap:x",
            "multipart",
            "make an object of 1",
        ),
    ] {
        let server = start(|server| server).await;
        server.faults().add_rules(rule, 1).unwrap();
        let all = diagnose(&server, &[]).await;
        all.assert(stage, Outcome::Failed, found, "do not use this store");
    }
}
