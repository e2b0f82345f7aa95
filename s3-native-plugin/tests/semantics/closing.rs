//! A closed file system, and everything that was open when it was closed.

use std::time::Duration;

use plugin_api::{CreateOptions, Error, ErrorKind, FileSystemFactory, ListOptions, OpenOptions, Recoverable};

use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

fn closed<T>(what: &str, result: Result<T, Error>) {
    let error = result.err().unwrap_or_else(|| panic!("{what} went on"));
    assert_eq!(error.kind(), ErrorKind::Closed, "{what}: {error}");
    assert!(!error.remedy().is_empty(), "{what}: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_used_after_the_end_says_closed_and_nothing_panics() {
    for whole_plugin in [false, true] {
        let fixture = Fixture::new().await;
        let (factory, fs) = fixture.another_process(&[]).await;
        for i in 0..4 {
            fixture.server.store().put(BUCKET, &format!("d/{i}"), "x");
        }
        let path = location("file");
        let options = CreateOptions::default();
        let pages = ListOptions {
            page_size: 2,
            ..ListOptions::default()
        };
        let mut small = fs.create(&path, &options).await.unwrap();
        small.write(b"x").await.unwrap();
        let mut large = fs.create(&path, &options).await.unwrap();
        large.write(&pattern(2 * PART + 1)).await.unwrap();
        let mut lister = fs.list(&location("d"), &pages).await.unwrap();
        lister.next_page().await.unwrap();
        let writer = fs.recoverable_writer().unwrap();
        let mut stream = writer.open(&path, &options).await.unwrap();
        stream.write(&pattern(PART + 1)).await.unwrap();
        let state: Recoverable = stream.persist().await.unwrap();
        let mut fresh = writer.open(&path, &options).await.unwrap();
        fresh.write(&pattern(PART + 1)).await.unwrap();
        let mut finished = writer.open(&path, &options).await.unwrap();
        finished.write(&pattern(PART + 1)).await.unwrap();
        let committer = finished.close_for_commit().await.unwrap();

        if whole_plugin {
            factory.shutdown(Duration::from_secs(10)).await.unwrap();
        } else {
            fs.close(Duration::from_secs(10)).await.unwrap();
            fs.close(Duration::from_secs(10)).await.unwrap();
        }

        closed("status", fs.status(&path).await);
        closed("list", fs.list(&path, &pages).await.map(drop));
        closed("open", fs.open(&path, &OpenOptions::default()).await.map(drop));
        closed("create", fs.create(&path, &options).await.map(drop));
        closed("delete", fs.delete(&path, true).await);
        closed("rename", fs.rename(&path, &location("to")).await);
        closed("mkdirs", fs.mkdirs(&path).await);
        closed("recoverable_writer", fs.recoverable_writer().map(drop));
        closed("next_page", lister.next_page().await);
        for (name, output) in [("small", &mut small), ("large", &mut large)] {
            closed(name, output.write(b"y").await);
            closed(name, output.write_bytes(pattern(3 * PART).into()).await);
            closed(name, output.flush().await);
            closed(name, output.sync().await);
            closed(name, output.close().await);
        }
        // What is given up was given up by closing.
        small.abort().await.unwrap();
        large.abort().await.unwrap();
        for stream in [&mut stream, &mut fresh] {
            closed("write", stream.write(b"y").await);
            closed("flush", stream.flush().await);
            closed("persist", stream.persist().await);
            closed("close_for_commit", stream.close_for_commit().await.map(drop));
        }
        // A state covers the upload of the one, and the other's was aborted.
        stream.close().await.unwrap();
        fresh.close().await.unwrap();
        closed("open", writer.open(&path, &options).await.map(drop));
        closed("recover", writer.recover(&state).await.map(drop));
        closed(
            "recover_for_commit",
            writer.recover_for_commit(&state).await.map(drop),
        );
        closed("abort", writer.abort(&state).await);
        closed("pending_uploads", writer.pending_uploads(&path, "").await);
        closed("commit", committer.commit().await);
        closed("commit_after_recovery", committer.commit_after_recovery().await);
        drop((small, large, stream, fresh, finished, committer, writer, lister));
        assert!(fixture.content("file").is_none());

        // The state outlives the file system that made it.
        let (_factory, another) = fixture.another_process(&[]).await;
        let writer = another.recoverable_writer().unwrap();
        let committer = writer.recover_for_commit(&state).await.unwrap();
        committer.commit_after_recovery().await.unwrap();
        assert_eq!(fixture.content("file").unwrap(), pattern(PART + 1));
    }
}

#[tokio::test]
async fn streams_dropped_after_their_file_system_was_closed_leave_no_upload() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(&[]).await;
    let mut stream = fs
        .create(&location("file"), &CreateOptions::default())
        .await
        .unwrap();
    stream.write(&pattern(2 * PART)).await.unwrap();
    stream.sync().await.unwrap();
    assert_eq!(fixture.open_uploads(), 1);
    fs.close(Duration::from_secs(10)).await.unwrap();
    drop(stream);
    fixture.no_upload_is_left().await;
}
