//! Down to the local disk.

use std::fs;

use plugin_api::{CopyOptions, CopyRequest};

use crate::fixture::{BUCKET, Fixture, connect, pattern};
use crate::tree::{copy, copy_with, down, files, rooted};

#[tokio::test]
async fn an_empty_list_is_copied_without_a_request_or_a_directory() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    let root = target.path().join("new");
    let reports = copy_with(&fixture.fs, &[], &rooted(&root)).await.unwrap();
    assert!(reports.all().is_empty());
    assert_eq!(fixture.server.requests().total(), 0);
    assert!(!root.exists());
}

#[tokio::test]
async fn files_of_every_size_arrive_whole_whatever_the_hint_says() {
    const MIB: usize = 1 << 20;
    let fixture = Fixture::new().await;
    let sizes = [0, 1, 65_537, 3 * MIB, 16 * MIB - 1, 16 * MIB, 33 * MIB + 5];
    let target = tempfile::tempdir().unwrap();
    let mut requests: Vec<CopyRequest> = Vec::new();
    for (number, &size) in sizes.iter().enumerate() {
        let key = format!("from/{number}");
        fixture.server.store().put(BUCKET, &key, pattern(size));
        for (case, hint) in [(0, 0), (1, size as u64), (2, 64 << 20), (3, 1)] {
            let mut request = down(&key, target.path(), &format!("{case}/deep/{number}"));
            request.size_hint = hint;
            requests.push(request);
        }
    }
    let reports = copy(&fixture.fs, &requests).await.unwrap();
    let expected: Vec<(u64, u32)> = sizes.iter().flat_map(|&size| [(size as u64, 1); 4]).collect();
    assert_eq!(reports.all(), expected);
    for (number, &size) in sizes.iter().enumerate() {
        for case in 0..4 {
            let path = target.path().join(format!("{case}/deep/{number}"));
            assert!(
                fs::read(path).unwrap() == pattern(size),
                "{size} bytes, case {case}"
            );
        }
    }
    assert_eq!(files(target.path()).len(), requests.len(), "nothing else is left");
}

#[tokio::test]
async fn a_small_file_takes_one_request_and_a_large_one_pinned_ranges() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "small", pattern(100));
    fixture.server.store().put(BUCKET, "large", pattern(20 << 20));
    copy(&fixture.fs, &[down("small", target.path(), "small")])
        .await
        .unwrap();
    let log = fixture.server.requests();
    assert_eq!((log.total(), log.count("GetObject")), (1, 1));
    log.clear();
    let mut large = down("large", target.path(), "large");
    large.size_hint = 20 << 20;
    copy(&fixture.fs, &[large]).await.unwrap();
    assert_eq!((log.count("HeadObject"), log.count("GetObject")), (1, 3));
    let mut ranges: Vec<String> = log
        .of("GetObject")
        .iter()
        .map(|get| {
            assert!(get.header("if-match").is_some());
            get.range().unwrap().to_owned()
        })
        .collect();
    ranges.sort();
    assert_eq!(
        ranges,
        [
            "bytes=0-8388607",
            "bytes=16777216-20971519",
            "bytes=8388608-16777215"
        ]
    );
}

#[tokio::test]
async fn the_largest_file_starts_first() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = connect(&fixture.server, BUCKET, &[("s3.bulk-copy.max-concurrent", "1")]).await;
    let target = tempfile::tempdir().unwrap();
    let mut requests = Vec::new();
    for size in [10_u64, 30, 20] {
        let key = format!("{size}");
        fixture.server.store().put(BUCKET, &key, pattern(size as usize));
        let mut request = down(&key, target.path(), &key);
        request.size_hint = size;
        requests.push(request);
    }
    copy(&fs, &requests).await.unwrap();
    let order: Vec<_> = fixture
        .server
        .requests()
        .all()
        .into_iter()
        .map(|r| r.key.unwrap())
        .collect();
    assert_eq!(order, ["30", "20", "10"]);
}

#[tokio::test]
async fn existing_files_are_replaced_and_directories_are_not() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "key", "new");
    fs::write(target.path().join("file"), "old and longer").unwrap();
    copy(&fixture.fs, &[down("key", target.path(), "file")])
        .await
        .unwrap();
    assert_eq!(fs::read(target.path().join("file")).unwrap(), b"new");
    fs::create_dir(target.path().join("dir")).unwrap();
    let error = copy(&fixture.fs, &[down("key", target.path(), "dir")])
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), plugin_api::ErrorKind::IsADirectory, "{error}");
    assert_eq!(files(target.path()), ["file"]);
}

#[tokio::test]
async fn many_files_are_copied_a_few_at_a_time() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    let requests: Vec<CopyRequest> = (0..500)
        .map(|number| {
            let key = format!("many/{number}");
            fixture.server.store().put(BUCKET, &key, pattern(number));
            down(&key, target.path(), &format!("{}/{number}", number % 7))
        })
        .collect();
    let options = CopyOptions {
        max_concurrent: 5,
        ..CopyOptions::default()
    };
    let reports = copy_with(&fixture.fs, &requests, &options).await.unwrap();
    assert!(reports.all().iter().enumerate().all(|(n, &(bytes, finished))| {
        // A file without bytes is finished all the same.
        bytes == n as u64 && finished == 1
    }));
    for number in 0..500 {
        let path = target.path().join(format!("{}/{number}", number % 7));
        assert_eq!(fs::read(path).unwrap(), pattern(number));
    }
}
