//! `rename` of a directory, by option.

use std::time::Duration;

use plugin_api::{Capabilities, ErrorKind};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, location};

const DIRECTORIES: &[(&str, &str)] = &[("s3.rename.directories", "true")];

fn put(fixture: &Fixture, keys: &[&str]) {
    for key in keys {
        fixture
            .server
            .store()
            .put(BUCKET, key, if key.ends_with('/') { "" } else { *key }.to_owned());
    }
}

fn keys(fixture: &Fixture) -> Vec<String> {
    fixture.server.store().keys(BUCKET)
}

#[tokio::test]
async fn every_object_below_moves_and_keeps_its_bytes_and_its_name() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    assert!(fs.capabilities().contains(Capabilities::RENAME_DIRECTORY));
    assert!(!fixture.fs.capabilities().contains(Capabilities::RENAME_DIRECTORY));
    let long = format!("from/{}", "l".repeat(1000));
    let odd = [
        "from/",
        "from/a",
        "from/b/",
        "from/b//c",
        "from/a+b %2F",
        "from/\u{1}\n ",
        "from/é/e\u{301}",
        &long,
    ];
    put(&fixture, &odd);
    put(&fixture, &["fromage", "other"]);
    fs.rename(&location("from"), &location("to/here")).await.unwrap();
    let mut expected: Vec<String> = odd
        .iter()
        .map(|key| key.replacen("from/", "to/here/", 1))
        .chain(["fromage".to_owned(), "other".to_owned()])
        .collect();
    expected.sort();
    assert_eq!(keys(&fixture), expected);
    for key in odd.iter().filter(|key| !key.ends_with('/')) {
        let moved = key.replacen("from/", "to/here/", 1);
        assert_eq!(fixture.content(&moved).unwrap(), key.as_bytes());
    }
}

#[tokio::test]
async fn a_directory_of_many_pages_is_copied_page_by_page_and_then_deleted_in_bulk() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    for i in 0..2100 {
        fixture
            .server
            .store()
            .put(BUCKET, &format!("from/{}/{i:05}", i % 3), "x");
    }
    fixture.server.requests().clear();
    fs.rename(&location("from/"), &location("to")).await.unwrap();
    assert_eq!(fixture.server.requests().count("CopyObject"), 2100);
    assert_eq!(fixture.server.requests().count("DeleteObjects"), 3);
    let keys = keys(&fixture);
    assert_eq!(keys.len(), 2100);
    assert!(keys.iter().all(|key| key.starts_with("to/")));
}

#[tokio::test]
async fn the_target_may_be_missing_or_empty_or_a_directory_to_move_into() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    put(&fixture, &["a/b/f", "into/x", "empty/"]);
    let rename = async |from: &str, to: &str| fs.rename(&location(from), &location(to)).await;
    rename("a/b", "into").await.unwrap();
    assert_eq!(keys(&fixture), ["empty/", "into/b/f", "into/x"]);
    rename("into/b", "").await.unwrap();
    assert_eq!(keys(&fixture), ["b/f", "empty/", "into/x"]);
    put(&fixture, &["into/b/"]);
    rename("b", "into").await.unwrap();
    assert_eq!(keys(&fixture), ["empty/", "into/b/", "into/b/f", "into/x"]);
    rename("into", "into/").await.unwrap();
    rename("into/b", "into").await.unwrap();
    assert_eq!(keys(&fixture), ["empty/", "into/b/", "into/b/f", "into/x"]);
    rename("empty", "moved").await.unwrap();
    assert_eq!(keys(&fixture), ["into/b/", "into/b/f", "into/x", "moved/"]);
}

#[tokio::test]
async fn what_would_lose_or_mix_files_is_refused_before_anything_is_copied() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    put(&fixture, &["d/f", "d/g/h", "file", "full/d/x"]);
    let before = keys(&fixture);
    for (from, to, kind) in [
        ("d", "d/g/new", ErrorKind::InvalidInput),
        ("d", "d/g", ErrorKind::InvalidInput),
        ("d", "file", ErrorKind::NotADirectory),
        ("d", "full", ErrorKind::DirectoryNotEmpty),
        ("", "d", ErrorKind::InvalidInput),
        ("nothing", "to", ErrorKind::NotFound),
        ("nothing/", "to", ErrorKind::NotFound),
    ] {
        let error = fs.rename(&location(from), &location(to)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{from} to {to}: {error}");
        assert!(!error.remedy().is_empty(), "{error}");
    }
    assert_eq!(keys(&fixture), before);
    assert_eq!(fixture.server.requests().count("CopyObject"), 0);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_directory_as_it_was_and_no_copy() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    let names: Vec<String> = (0..40).map(|i| format!("d/{i:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    put(&fixture, &names);
    let denied = Fault::on("CopyObject")
        .key("to/20")
        .action(Action::status(403, "AccessDenied", "no"));
    let denied = fixture.server.faults().add(denied);
    let error = fs.rename(&location("d"), &location("to")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(
        error.to_string().contains("to/20") && error.remedy().contains("as it was"),
        "{error}"
    );
    assert_eq!(keys(&fixture), names);
    denied.remove();
    fs.rename(&location("d"), &location("to")).await.unwrap();
    assert_eq!(keys(&fixture).len(), 40);
    assert!(keys(&fixture).iter().all(|key| key.starts_with("to/")));
}

#[tokio::test]
async fn a_source_that_cannot_be_deleted_is_named_and_its_copy_exists() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    put(&fixture, &["d/a", "d/b", "d/c"]);
    let faults = fixture.server.faults();
    faults.add(Fault::on("DeleteObjects").action(Action::status(501, "NotImplemented", "no")));
    let denied = Fault::on("DeleteObject").key("d/b");
    faults.add(denied.action(Action::status(403, "AccessDenied", "no")));
    let error = fs.rename(&location("d"), &location("to")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(
        error.to_string().contains("d/b") && error.remedy().contains("to/"),
        "{error}"
    );
    assert_eq!(keys(&fixture), ["d/b", "to/a", "to/b", "to/c"]);
}

#[tokio::test]
async fn what_is_written_into_the_directory_meanwhile_is_not_lost() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    put(&fixture, &["d/a", "d/b", "d/z"]);
    // One copy takes its time, so that there is a meanwhile.
    let slow = Fault::on("CopyObject").key("to/z");
    let slow = slow.action(Action::Delay(Duration::from_secs(1)));
    fixture.server.faults().add(slow);
    let foreign = async {
        loop {
            let copies = fixture.server.requests().of("CopyObject");
            let is_copied = |key: &str| {
                copies
                    .iter()
                    .any(|copy| copy.key.as_deref() == Some(key) && copy.status == Some(200))
            };
            if is_copied("to/a") {
                break;
            }
            tokio::task::yield_now().await;
        }
        fixture.server.store().put(BUCKET, "d/a", "replaced");
        fixture.server.store().put(BUCKET, "d/late", "late");
    };
    let (from, to) = (location("d"), location("to"));
    let (renamed, ()) = tokio::join!(fs.rename(&from, &to), foreign);
    renamed.unwrap();
    assert_eq!(keys(&fixture), ["d/a", "d/late", "to/a", "to/b", "to/z"]);
    assert_eq!(fixture.content("d/a").unwrap(), b"replaced");
    assert_eq!(fixture.content("to/a").unwrap(), b"d/a");
}

#[tokio::test]
async fn a_cancelled_rename_has_deleted_nothing_that_was_not_copied() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(DIRECTORIES).await;
    put(&fixture, &["d/a", "d/b", "d/z"]);
    let stuck = Fault::on("CopyObject").key("to/z").action(Action::BlackHole);
    fixture.server.faults().add(stuck);
    let (from, to) = (location("d"), location("to"));
    tokio::select! {
        renamed = fs.rename(&from, &to) => panic!("{renamed:?}"),
        () = async {
            while fixture.server.requests().count("CopyObject") < 3 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    let keys = keys(&fixture);
    assert!(
        ["d/a", "d/b", "d/z"]
            .iter()
            .all(|key| keys.contains(&(*key).to_owned()))
    );
    assert_eq!(fixture.server.requests().count("DeleteObjects"), 0);
}
