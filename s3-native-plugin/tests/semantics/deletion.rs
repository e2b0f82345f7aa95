//! `delete`: partial failures, stores without bulk deletes, concurrent writers, the root.

use plugin_api::{CreateOptions, ErrorKind, FileSystemExt, Location};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, connect, location};

fn put_many(fixture: &Fixture, count: usize) {
    for i in 0..count {
        fixture.server.store().put(BUCKET, &format!("d/{i:05}"), "x");
    }
}

fn keys(fixture: &Fixture) -> Vec<String> {
    fixture.server.store().keys(BUCKET)
}

#[tokio::test]
async fn keys_that_cannot_be_deleted_are_named_up_to_ten_and_all_others_are_gone() {
    let fixture = Fixture::new().await;
    put_many(&fixture, 2500);
    // The server refuses these keys one by one, inside an answer that says 200.
    for i in 10..22 {
        let key = format!("d/{i:02}{}", "x".repeat(1030));
        fixture.server.store().put(BUCKET, &key, "x");
    }
    let error = fixture.fs.delete(&location("d"), true).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("12 of the files"), "{text}");
    assert!(text.contains("and 2 more"), "{text}");
    assert!(text.contains("d/10xxx") && text.contains("d/19xxx"), "named");
    assert!(!text.contains("d/20xxx") && !text.contains('\n'));
    assert_eq!(error.service_code(), "KeyTooLongError");
    assert_eq!(keys(&fixture).len(), 12);
    assert_eq!(fixture.server.requests().count("DeleteObjects"), 3);
}

#[tokio::test]
async fn a_store_that_refuses_bulk_deletes_in_any_way_is_served_key_by_key() {
    for (refusal, is_remembered) in [
        (Action::status(501, "NotImplemented", "no"), true),
        (Action::status(405, "MethodNotAllowed", "no"), true),
        (
            Action::status(400, "MissingContentMD5", "Missing required header: Content-MD5"),
            true,
        ),
        (Action::status(400, "InvalidRequest", "Content-MD5, please"), true),
        (Action::status(400, "MalformedXML", "cannot read it"), false),
    ] {
        let fixture = Fixture::new().await;
        let refused = Fault::on("DeleteObjects").action(refusal);
        let refused = fixture.server.faults().add(refused);
        for _ in 0..2 {
            put_many(&fixture, 30);
            assert!(fixture.fs.delete(&location("d"), true).await.unwrap());
            assert!(keys(&fixture).is_empty());
        }
        assert_eq!(refused.hits(), if is_remembered { 1 } else { 2 });
    }
}

#[tokio::test]
async fn what_was_learnt_of_an_endpoint_counts_for_its_other_buckets() {
    let fixture = Fixture::on(|server| server.bucket("second")).await;
    let refused = Fault::on("DeleteObjects").action(Action::status(501, "NotImplemented", "no"));
    let refused = fixture.server.faults().add(refused);
    let (factory, first) = fixture.another_process(&[]).await;
    put_many(&fixture, 3);
    first.delete(&location("d"), true).await.unwrap();
    let root = Location::parse("s3://second/").unwrap();
    let second = plugin_api::FileSystemFactory::create(
        &factory,
        &root,
        &plugin_api::Config::from_pairs(fixture.server.config("s3.")),
    )
    .await
    .unwrap();
    fixture.server.store().put("second", "d/x", "x");
    assert!(second.delete(&root, true).await.unwrap());
    assert_eq!(refused.hits(), 1);
    assert!(fixture.server.store().keys("second").is_empty());
}

#[tokio::test]
async fn the_root_is_emptied_and_never_removed() {
    let fixture = Fixture::new().await;
    put_many(&fixture, 1200);
    for key in ["/", "//x", "top", "dir/"] {
        fixture.server.store().put(BUCKET, key, "x");
    }
    let error = fixture.fs.delete(&location(""), false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty, "{error}");
    assert!(fixture.fs.delete(&location(""), true).await.unwrap());
    assert!(keys(&fixture).is_empty());
    assert!(fixture.fs.delete(&location(""), true).await.unwrap());
    assert!(fixture.fs.status(&location("")).await.unwrap().is_directory());
    assert_eq!(fixture.server.requests().count("DeleteBucket"), 0);

    let (_factory, fs) = connect(&fixture.server, "no-such-bucket", &[]).await;
    let root = Location::parse("s3://no-such-bucket/").unwrap();
    let error = fs.delete(&root, true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_recursive_delete_ends_although_files_are_created_meanwhile() {
    let fixture = Fixture::new().await;
    put_many(&fixture, 3000);
    let before = keys(&fixture);
    let (_factory, writer) = fixture.another_process(&[]).await;
    let is_deleted = std::cell::Cell::new(false);
    let create = async {
        let mut created = 0;
        while !is_deleted.get() {
            let path = location(&format!("d/0new{created}"));
            writer
                .write_all(&path, "x".into(), &CreateOptions::default())
                .await
                .unwrap();
            created += 1;
        }
    };
    let delete = async {
        assert!(fixture.fs.delete(&location("d"), true).await.unwrap());
        is_deleted.set(true);
    };
    tokio::join!(delete, create);
    assert!(keys(&fixture).iter().all(|key| !before.contains(key)));
}

#[tokio::test]
async fn of_a_file_and_a_directory_with_one_name_the_file_goes_first() {
    let fixture = Fixture::new().await;
    for key in ["both", "both/child"] {
        fixture.server.store().put(BUCKET, key, "x");
    }
    assert!(fixture.fs.delete(&location("both"), true).await.unwrap());
    assert_eq!(keys(&fixture), ["both/child"]);
    assert!(fixture.fs.delete(&location("both"), true).await.unwrap());
    assert!(!fixture.fs.delete(&location("both"), true).await.unwrap());
}
