//! Up from the local disk.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use plugin_api::{CopyOptions, ErrorKind};
use testkit::{Action, Fault};

use crate::fixture::{Fixture, PART, location, pattern};
use crate::tree::{AtFirst, copy, local, request};

#[tokio::test]
async fn files_of_every_size_arrive_whole() {
    let fixture = Fixture::new().await;
    let source = tempfile::tempdir().unwrap();
    let sizes = [0, 1, PART - 1, PART, PART + 1, 20 * PART + 7];
    let mut requests = Vec::new();
    for (number, &size) in sizes.iter().enumerate() {
        fs::write(source.path().join(format!("{number}")), pattern(size)).unwrap();
        let from = local(source.path(), &format!("{number}"));
        requests.push(request(from, location(&format!("to/{number}")), size as u64));
    }
    let reports = copy(&fixture.fs, &requests).await.unwrap();
    let expected: Vec<(u64, u32)> = sizes.iter().map(|&size| (size as u64, 1)).collect();
    assert_eq!(reports.all(), expected);
    for (number, &size) in sizes.iter().enumerate() {
        assert!(
            fixture.content(&format!("to/{number}")) == Some(pattern(size)),
            "{size}"
        );
    }
    let log = fixture.server.requests();
    assert_eq!(log.count("CreateMultipartUpload"), 3);
    assert_eq!(log.count("PutObject"), 3);
    assert_eq!(fixture.open_uploads(), 0);
}

#[tokio::test]
async fn a_source_that_is_written_to_meanwhile_is_an_error_and_no_object() {
    let fixture = Fixture::new().await;
    let source = tempfile::tempdir().unwrap();
    let path = source.path().join("file");
    for shrink in [false, true] {
        fs::write(&path, pattern(30 * PART)).unwrap();
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        let act = AtFirst::new(move || {
            if shrink {
                file.set_len(1).unwrap();
            } else {
                (&file).write_all(b"more").unwrap();
            }
        });
        let requests = [request(local(source.path(), "file"), location("to/file"), 0)];
        let bulk = fixture.fs.bulk_copy().unwrap();
        // The report comes from another thread: the source must still be read when it does.
        fixture
            .server
            .faults()
            .add(Fault::on("UploadPart").action(Action::Delay(std::time::Duration::from_millis(50))));
        let error = bulk
            .copy_files(&requests, &CopyOptions::default(), Box::new(act))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert!(error.to_string().contains("/file"), "{error}");
        assert_eq!(fixture.content("to/file"), None);
        fixture.no_upload_is_left().await;
    }
}

#[tokio::test]
async fn what_is_no_file_is_refused_by_name() {
    let fixture = Fixture::new().await;
    let source = tempfile::tempdir().unwrap();
    fs::create_dir(source.path().join("dir")).unwrap();
    for (name, kind) in [("dir", ErrorKind::IsADirectory), ("missing", ErrorKind::NotFound)] {
        let requests = [request(local(source.path(), name), location("to"), 0)];
        let error = copy(&fixture.fs, &requests).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("s3://bucket/to"), "{text}");
    }
    let device = plugin_api::Location::parse("file:///dev/null").unwrap();
    let error = copy(&fixture.fs, &[request(device, location("to"), 0)])
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(fixture.server.requests().total(), 0);
}

#[tokio::test]
async fn a_failed_part_leaves_neither_object_nor_upload() {
    let fixture = Fixture::new().await;
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), pattern(10 * PART)).unwrap();
    let denied = Action::status(403, "AccessDenied", "Access Denied");
    fixture
        .server
        .faults()
        .add(Fault::on("UploadPart").part_number(5).action(denied));
    let requests = [request(local(source.path(), "file"), location("to"), 0)];
    let error = copy(&fixture.fs, &requests).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert_eq!(fixture.content("to"), None);
    fixture.no_upload_is_left().await;
}
