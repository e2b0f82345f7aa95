use plugin_api::{CreateOptions, Error, ErrorKind, FileStatus, FileSystemExt, ListOptions};
use testkit::{Action, Fault, Server};

use crate::fixture::{BUCKET, at, pattern, start, start_with};

fn names(entries: &[FileStatus]) -> Vec<String> {
    let mut names: Vec<String> = entries
        .iter()
        .map(|entry| entry.location.key().to_owned())
        .collect();
    names.sort();
    names
}

fn assert_one_line(error: &Error) {
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn status_tells_files_directories_and_nothing_apart() {
    let s3 = start().await;
    s3.put("dir/file", "content");
    s3.put("empty", "");
    s3.put("marked/", "");
    s3.put("both", "x");
    s3.put("both/child", "y");

    let file = s3.fs.status(&at("dir/file")).await.unwrap();
    assert!(file.is_file() && file.len == 7 && file.modified.is_some() && !file.etag.is_empty());
    let empty = s3.fs.status(&at("empty")).await.unwrap();
    assert!(empty.is_file() && empty.len == 0);
    assert!(s3.fs.status(&at("both")).await.unwrap().is_file());
    for directory in ["dir", "dir/", "marked", "marked/", "both/", ""] {
        assert!(
            s3.fs.status(&at(directory)).await.unwrap().is_directory(),
            "{directory}"
        );
    }
    for nothing in ["di", "dir/fil", "dir/file/", "nothing/"] {
        let error = s3.fs.status(&at(nothing)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{nothing}");
        assert!(error.to_string().contains(nothing), "{error}");
        assert!(!s3.fs.exists(&at(nothing)).await.unwrap());
    }
}

#[tokio::test]
async fn the_root_needs_no_right_to_look_at_the_bucket_itself() {
    let s3 = start().await;
    let denied = Fault::on("HeadBucket").action(Action::status(403, "AccessDenied", "no"));
    s3.server.faults().add(denied);
    assert!(s3.fs.status(&at("")).await.unwrap().is_directory());
    let denied = Fault::on("ListObjectsV2").action(Action::status(403, "AccessDenied", "no"));
    s3.server.faults().add(denied);
    let error = s3.fs.status(&at("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[tokio::test]
async fn a_listing_shows_one_level_or_every_file_and_no_marker() {
    let s3 = start().await;
    for key in ["a", "d/", "d/b", "d/c/e", "d/c/", "d/z/", "f/g"] {
        s3.put(key, if key.ends_with('/') { "" } else { "x" });
    }
    let list = async |key: &str, recursive| {
        let options = ListOptions {
            recursive,
            ..ListOptions::default()
        };
        s3.fs.list_all(&at(key), &options).await.unwrap()
    };
    assert_eq!(names(&list("", false).await), ["a", "d/", "f/"]);
    assert_eq!(names(&list("d", false).await), ["d/b", "d/c/", "d/z/"]);
    assert_eq!(names(&list("d/", false).await), ["d/b", "d/c/", "d/z/"]);
    assert_eq!(names(&list("", true).await), ["a", "d/b", "d/c/e", "f/g"]);
    assert!(list("d/z", false).await.is_empty());
    for entry in list("d", false).await {
        assert_eq!(entry.is_directory(), entry.location.key().ends_with('/'));
    }
}

#[tokio::test]
async fn a_file_lists_as_itself_and_nothing_is_not_found() {
    let s3 = start().await;
    assert!(
        s3.fs
            .list_all(&at(""), &ListOptions::default())
            .await
            .unwrap()
            .is_empty()
    );
    s3.put("dir/file", "content");
    let alone = s3
        .fs
        .list_all(&at("dir/file"), &ListOptions::default())
        .await
        .unwrap();
    assert_eq!(names(&alone), ["dir/file"]);
    assert_eq!(alone[0].len, 7);
    for nothing in ["di", "dir/file/", "no/thing"] {
        let error = s3
            .fs
            .list_all(&at(nothing), &ListOptions::recursive())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn more_keys_than_a_page_come_page_by_page_and_each_once() {
    let s3 = start().await;
    let expected: Vec<String> = (0..1234).map(|i| format!("dir/{i:05} +%")).collect();
    for key in &expected {
        s3.put(key, "x");
    }
    for page_size in [0, 100, 1000, 5000] {
        s3.server.requests().clear();
        let options = ListOptions {
            page_size,
            ..ListOptions::default()
        };
        let mut lister = s3.fs.list(&at("dir"), &options).await.unwrap();
        let limit = if page_size == 0 { 1000 } else { page_size.min(1000) } as usize;
        let mut all = Vec::new();
        while let Some(page) = lister.next_page().await.unwrap() {
            assert!(!page.is_empty() && page.len() <= limit);
            all.extend(page);
        }
        assert!(lister.next_page().await.unwrap().is_none());
        assert_eq!(names(&all), expected);
        assert_eq!(
            s3.server.requests().count("ListObjectsV2"),
            expected.len().div_ceil(limit) as u64
        );
    }
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again() {
    let s3 = start_with(Server::builder(), &[("s3.retry.max-num-retries", "0")]).await;
    for i in 0..5 {
        s3.put(&format!("dir/{i}"), "x");
    }
    let options = ListOptions {
        page_size: 2,
        ..ListOptions::default()
    };
    let mut lister = s3.fs.list(&at("dir"), &options).await.unwrap();
    let fault = Fault::on("ListObjectsV2").skip(1).times(1);
    s3.server
        .faults()
        .add(fault.action(Action::status(500, "InternalError", "oops")));
    let mut all = Vec::new();
    let mut failures = 0;
    loop {
        match lister.next_page().await {
            Ok(Some(page)) => all.extend(page),
            Ok(None) => break,
            Err(error) => {
                failures += 1;
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            }
        }
    }
    assert_eq!((failures, all.len()), (1, 5));
}

#[tokio::test]
async fn delete_says_whether_there_was_something() {
    let s3 = start().await;
    s3.put("file", "x");
    s3.put("marked/", "");
    for recursive in [false, true] {
        assert!(!s3.fs.delete(&at("nothing"), recursive).await.unwrap());
    }
    assert!(s3.fs.delete(&at("file"), false).await.unwrap());
    assert!(!s3.fs.delete(&at("file"), true).await.unwrap());
    assert!(s3.fs.delete(&at("marked"), false).await.unwrap());
    assert!(s3.keys().is_empty());
}

#[tokio::test]
async fn a_directory_with_content_is_deleted_only_recursively_and_by_pages() {
    let s3 = start().await;
    s3.put("dir/", "");
    for i in 0..2100 {
        s3.put(&format!("dir/{}/{i}", i % 7), "x");
    }
    s3.put("dirt", "stays");
    let error = s3.fs.delete(&at("dir"), false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty, "{error}");
    assert_eq!(s3.keys().len(), 2102);
    s3.server.requests().clear();
    assert!(s3.fs.delete(&at("dir"), true).await.unwrap());
    assert_eq!(s3.keys(), ["dirt"]);
    assert_eq!(s3.server.requests().count("DeleteObjects"), 3);
    assert!(s3.fs.delete(&at(""), true).await.unwrap());
    assert!(s3.keys().is_empty());
    assert_eq!(s3.server.store().buckets(), [BUCKET]);
}

#[tokio::test]
async fn a_store_without_bulk_deletes_is_served_key_by_key_and_failures_are_named() {
    let s3 = start().await;
    for i in 0..20 {
        s3.put(&format!("dir/{i}"), "x");
    }
    let refused = Fault::on("DeleteObjects").action(Action::status(501, "NotImplemented", "no"));
    let asked = s3.server.faults().add(refused);
    let denied = Fault::on("DeleteObject").key("dir/7");
    let denied = s3
        .server
        .faults()
        .add(denied.action(Action::status(403, "AccessDenied", "no")));
    let error = s3.fs.delete(&at("dir"), true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(
        error.to_string().contains("dir/7") && error.to_string().contains("AccessDenied"),
        "{error}"
    );
    assert_one_line(&error);
    assert_eq!(s3.keys(), ["dir/7"]);
    denied.remove();
    assert!(s3.fs.delete(&at("dir"), true).await.unwrap());
    assert!(s3.keys().is_empty());
    let asked_again = asked.hits();
    s3.put("dir/a", "x");
    s3.put("dir/b", "x");
    s3.fs.delete(&at("dir"), true).await.unwrap();
    assert_eq!(asked.hits(), asked_again, "the refusal is remembered");
}

#[tokio::test]
async fn rename_moves_a_file_and_replaces_the_target() {
    let s3 = start().await;
    s3.put("from +%", "content");
    s3.put("to", "old");
    s3.put("dir/child", "x");
    s3.fs.rename(&at("from +%"), &at("to")).await.unwrap();
    assert_eq!(s3.get("to").unwrap(), "content");
    assert_eq!(s3.keys(), ["dir/child", "to"]);
    s3.fs.rename(&at("to"), &at("dir")).await.unwrap();
    assert_eq!(s3.keys(), ["dir/child", "dir/to"]);
    s3.fs.rename(&at("dir/to"), &at("")).await.unwrap();
    assert_eq!(s3.keys(), ["dir/child", "to"]);
    s3.server.requests().clear();
    s3.fs.rename(&at("to"), &at("to")).await.unwrap();
    assert_eq!(s3.server.requests().total(), 0);
}

#[tokio::test]
async fn what_cannot_be_renamed_stays() {
    let s3 = start().await;
    s3.put("dir/child", "x");
    let error = s3.fs.rename(&at("nothing"), &at("to")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    for directory in ["dir", "dir/", ""] {
        let error = s3.fs.rename(&at(directory), &at("to")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let failing = Fault::on("CopyObject").action(Action::error_in_200("InternalError"));
    s3.server.faults().add(failing);
    let error = s3.fs.rename(&at("dir/child"), &at("to")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(s3.keys(), ["dir/child"]);
}

#[tokio::test]
async fn a_large_file_is_copied_in_parts_or_not_at_all() {
    let server = Server::builder().min_part_size(1);
    let s3 = start_with(server, &[("s3.copy.multipart.threshold", "1000")]).await;
    let content = pattern(10_500);
    s3.put("large é", content.clone());
    let fault = Fault::on("UploadPartCopy")
        .part_number(5)
        .action(Action::status(403, "AccessDenied", "no"));
    let fault = s3.server.faults().add(fault);
    let error = s3.fs.rename(&at("large é"), &at("to")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(s3.server.store().open_uploads(BUCKET).is_empty());
    assert_eq!(s3.keys(), ["large é"]);
    fault.remove();
    s3.server.requests().clear();
    s3.fs.rename(&at("large é"), &at("to")).await.unwrap();
    assert_eq!(s3.server.requests().count("UploadPartCopy"), 11);
    assert_eq!(s3.keys(), ["to"]);
    assert!(s3.get("to").unwrap() == content);
}

#[tokio::test]
async fn a_file_larger_than_a_slice_of_the_connector_arrives_whole_with_its_length() {
    let s3 = start().await;
    let content = pattern(3 << 20);
    let options = CreateOptions::default();
    s3.fs
        .write_all(&at("file"), content.clone(), &options)
        .await
        .unwrap();
    let put = &s3.server.requests().of("PutObject")[0];
    assert_eq!(put.header("content-length"), Some("3145728"));
    assert!(put.header("transfer-encoding").is_none());
    assert!(s3.get("file").unwrap() == content);
}

#[tokio::test]
async fn mkdirs_makes_no_request() {
    let s3 = start().await;
    s3.fs.mkdirs(&at("a/b/c")).await.unwrap();
    assert_eq!(s3.server.requests().total(), 0);
}
