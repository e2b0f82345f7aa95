//! `mkdirs`, with and without markers.

use plugin_api::{Capabilities, CreateOptions, ErrorKind, FileSystem, FileSystemExt, ListOptions, Location};

use crate::fixture::{BUCKET, Fixture, connect, location};

const MARKERS: &[(&str, &str)] = &[("s3.directory-markers", "true")];

fn keys(fixture: &Fixture) -> Vec<String> {
    fixture.server.store().keys(BUCKET)
}

async fn list(fs: &dyn FileSystem, key: &str) -> Vec<String> {
    let entries = fs
        .list_all(&location(key), &ListOptions::default())
        .await
        .unwrap();
    let names = entries.iter().map(|entry| entry.location.key().to_owned());
    names.collect()
}

#[tokio::test]
async fn with_markers_a_directory_and_those_above_it_exist_until_each_is_deleted() {
    let fixture = Fixture::new().await;
    assert!(!fixture.fs.capabilities().contains(Capabilities::REAL_DIRECTORIES));
    let (_factory, fs) = fixture.another_process(MARKERS).await;
    assert!(fs.capabilities().contains(Capabilities::REAL_DIRECTORIES));
    fs.mkdirs(&location("a/b/c")).await.unwrap();
    assert_eq!(keys(&fixture), ["a/", "a/b/", "a/b/c/"]);
    for directory in ["", "a", "a/", "a/b", "a/b/c", "a/b/c/"] {
        assert!(
            fs.status(&location(directory)).await.unwrap().is_directory(),
            "{directory}"
        );
    }
    assert_eq!(list(&*fs, "a").await, ["a/b/"]);
    assert!(list(&*fs, "a/b/c").await.is_empty());

    let error = fs.delete(&location("a/b"), false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty, "{error}");
    assert!(fs.delete(&location("a/b/c"), false).await.unwrap());
    assert!(!fs.exists(&location("a/b/c")).await.unwrap());
    assert!(list(&*fs, "a/b").await.is_empty());
    assert!(fs.delete(&location("a/b/"), false).await.unwrap());
    assert!(fs.delete(&location("a"), false).await.unwrap());
    assert!(keys(&fixture).is_empty());
}

#[tokio::test]
async fn a_marked_directory_stays_when_files_come_and_go_and_is_hidden_from_listings() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(MARKERS).await;
    fs.mkdirs(&location("d")).await.unwrap();
    fs.write_all(&location("d/f"), "x".into(), &CreateOptions::default())
        .await
        .unwrap();
    assert_eq!(list(&*fs, "d").await, ["d/f"]);
    let all = fs
        .list_all(&location(""), &ListOptions::recursive())
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
    assert!(fs.delete(&location("d/f"), false).await.unwrap());
    assert!(fs.status(&location("d")).await.unwrap().is_directory());
    assert_eq!(keys(&fixture), ["d/"]);
}

#[tokio::test]
async fn a_directory_that_was_never_made_is_marked_when_its_last_file_leaves_it() {
    let fixture = Fixture::new().await;
    let options = [MARKERS[0], ("s3.rename.directories", "true")];
    let (_factory, fs) = fixture.another_process(&options).await;
    for key in ["a/b/f", "c/f", "d/e/f", "top"] {
        fixture.server.store().put(BUCKET, key, "x");
    }
    assert!(fs.delete(&location("a/b/f"), false).await.unwrap());
    fs.rename(&location("c/f"), &location("moved")).await.unwrap();
    fs.rename(&location("d/e"), &location("e")).await.unwrap();
    assert!(!fs.delete(&location("never/was"), true).await.unwrap());
    assert!(fs.delete(&location("top"), true).await.unwrap());
    assert_eq!(keys(&fixture), ["a/b/", "c/", "d/", "e/f", "moved"]);
    assert!(fs.delete(&location("a/b"), true).await.unwrap());
    assert!(fs.delete(&location("e"), true).await.unwrap());
    assert_eq!(keys(&fixture), ["a/", "c/", "d/", "moved"]);
    assert!(fs.delete(&location(""), true).await.unwrap());
    assert!(keys(&fixture).is_empty());
}

#[tokio::test]
async fn with_markers_files_and_directories_keep_out_of_each_others_way() {
    let fixture = Fixture::new().await;
    let options = [MARKERS[0], ("s3.rename.directories", "true")];
    let (_factory, fs) = fixture.another_process(&options).await;
    for key in ["d/e/f", "file", "from/x"] {
        fixture.server.store().put(BUCKET, key, "x");
    }
    fs.mkdirs(&location("empty")).await.unwrap();
    let before = keys(&fixture);
    let writer = fs.recoverable_writer().unwrap();
    for (path, kind) in [
        ("d", ErrorKind::IsADirectory),
        ("d/e", ErrorKind::IsADirectory),
        ("empty", ErrorKind::IsADirectory),
        ("file/below", ErrorKind::NotADirectory),
        ("d/e/f/g/h", ErrorKind::NotADirectory),
    ] {
        for options in [CreateOptions::default(), CreateOptions::overwrite()] {
            let created = fs.create(&location(path), &options).await.map(drop);
            assert_eq!(created.unwrap_err().kind(), kind, "create of {path}");
            let opened = writer.open(&location(path), &options).await.map(drop);
            assert_eq!(opened.unwrap_err().kind(), kind, "recoverable open of {path}");
        }
    }
    for (from, to, kind) in [
        ("d/e/f", "file/below", ErrorKind::NotADirectory),
        ("from", "file/below", ErrorKind::NotADirectory),
        ("file", "d/e/f/below", ErrorKind::NotADirectory),
    ] {
        let error = fs.rename(&location(from), &location(to)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert_eq!(keys(&fixture), before);
    fs.write_all(&location("d/e/f"), "y".into(), &CreateOptions::overwrite())
        .await
        .unwrap();
    // Without markers each goes its own way.
    let options = CreateOptions::default();
    for path in ["d", "file/below"] {
        fixture
            .fs
            .write_all(&location(path), "x".into(), &options)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn mkdirs_again_writes_nothing_and_looks_no_further_than_the_first_marker() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(MARKERS).await;
    fs.mkdirs(&location("a/b/c")).await.unwrap();
    fixture.server.requests().clear();
    fs.mkdirs(&location("a/b/c/")).await.unwrap();
    assert_eq!(fixture.server.requests().count("HeadObject"), 2);
    assert_eq!(fixture.server.requests().total(), 2);
    fs.mkdirs(&location("")).await.unwrap();
}

#[tokio::test]
async fn a_file_in_the_way_is_named_and_nothing_is_stored() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(MARKERS).await;
    fixture.server.store().put(BUCKET, "dir/file", "x");
    for (path, kind) in [
        ("dir/file", ErrorKind::AlreadyExists),
        ("dir/file/", ErrorKind::AlreadyExists),
        ("dir/file/x/y", ErrorKind::NotADirectory),
    ] {
        let error = fs.mkdirs(&location(path)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    assert_eq!(keys(&fixture), ["dir/file"]);
}

#[tokio::test]
async fn what_another_client_keeps_under_the_key_of_a_marker_is_not_replaced() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(MARKERS).await;
    fixture.server.store().put(BUCKET, "d/", "content");
    fs.mkdirs(&location("d/e")).await.unwrap();
    assert_eq!(fixture.content("d/").unwrap(), b"content");
    assert_eq!(keys(&fixture), ["d/", "d/e/"]);
}

#[tokio::test]
async fn odd_names_of_directories_are_marked_or_refused_by_name() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(MARKERS).await;
    fs.mkdirs(&location("a//b +%")).await.unwrap();
    assert_eq!(keys(&fixture), ["a/", "a//", "a//b +%/"]);
    assert!(fs.status(&location("a//b +%")).await.unwrap().is_directory());
    fs.mkdirs(&location("/")).await.unwrap();
    assert!(fs.status(&location("/")).await.unwrap().is_directory());
    let error = fs.mkdirs(&location(&"k".repeat(1024))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
    fs.mkdirs(&location(&"k".repeat(1023))).await.unwrap();
}

#[tokio::test]
async fn without_markers_mkdirs_succeeds_without_a_request_and_nothing_exists() {
    let fixture = Fixture::new().await;
    fixture.fs.mkdirs(&location("a/b")).await.unwrap();
    assert_eq!(fixture.server.requests().total(), 0);
    assert!(!fixture.fs.exists(&location("a")).await.unwrap());
}

#[tokio::test]
async fn the_root_of_a_missing_bucket_is_not_made() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = connect(&fixture.server, "no-such-bucket", MARKERS).await;
    for key in ["", "dir"] {
        let path = Location::new("s3", "no-such-bucket", key).unwrap();
        let error = fs.mkdirs(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("no such bucket"), "{error}");
    }
}
