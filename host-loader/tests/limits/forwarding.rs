//! Whatever a file system can do can be done through the wrapper, also what has a default: each call arrives as itself.

mod recorder;

use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    ABI_VERSION, Bytes, Config, CopyOptions, CopyRequest, CreateOptions, ErrorKind, FileSystem, ListOptions,
    Location, Manifest, NoProgress, OpenOptions, PendingUpload, Recoverable, Result,
};

use recorder::Recorder;

fn path(key: &str) -> Location {
    Location::parse(&format!("recorded://host/{key}")).unwrap()
}

/// The recorder behind the wrapper, with limits so that these do their work too.
fn setup() -> (Recorder, Arc<dyn FileSystem>) {
    let recorder = Recorder::default();
    let manifest = Manifest {
        format: 1,
        abi: ABI_VERSION,
        min_host_minor: 0,
        name: "recorder".to_owned(),
        version: "1.0.0".to_owned(),
        schemes: vec!["recorded".to_owned()],
        options: Vec::new(),
        owned_prefixes: Vec::new(),
        scope_prefix: String::new(),
    };
    let registry = FileSystems::builder()
        .search_environment(false)
        .factory(manifest, Arc::new(recorder.clone()))
        .config(Config::from_pairs([
            ("fs.recorded.limit.total", "5"),
            ("fs.recorded.limit.stream-timeout", "1000"),
        ]))
        .build()
        .unwrap();
    let fs = block_on(registry.get(&path(""))).unwrap();
    (recorder, fs)
}

/// That this failed as the recorder fails it.
fn failed<T>(result: Result<T>, call: &str) {
    let error = result.err().unwrap();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Conflict, call));
}

#[test]
fn every_call_of_a_file_system_arrives() {
    let (recorder, fs) = setup();
    block_on(async {
        let (a, b) = (path("a"), path("b"));
        assert_eq!(fs.capabilities().bits(), 1 << 60);
        assert_eq!(fs.status(&a).await.unwrap().len, 77);
        failed(fs.list(&a, &ListOptions::default()).await, "list");
        assert!(fs.delete(&a, true).await.unwrap());
        assert!(!fs.delete(&a, false).await.unwrap());
        failed(fs.rename(&a, &b).await, "rename");
        failed(fs.mkdirs(&a).await, "mkdirs");
        assert_eq!(fs.entropy_key().as_deref(), Some("_entropy_"));
        failed(fs.close(Duration::from_secs(3)).await, "close within 3s");
    });
    let calls = [
        "capabilities",
        "status",
        "list",
        "delete",
        "delete",
        "rename",
        "mkdirs",
        "entropy_key",
        "close within 3s",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_an_input_stream_arrives() {
    let (recorder, fs) = setup();
    block_on(async {
        let options = OpenOptions {
            if_match: "tag".to_owned(),
            ..OpenOptions::default()
        };
        let mut stream = fs.open(&path("a"), &options).await.unwrap();
        assert_eq!(stream.read(3).await.unwrap(), [1; 3].as_slice());
        let mut buffer = [0; 4];
        assert_eq!(stream.read_into(&mut buffer).await.unwrap(), 4);
        assert_eq!(buffer, [2; 4]);
        assert_eq!(stream.read_ranges(&[0..1, 1..2]).await.unwrap(), ["range"; 2]);
        stream.seek(9).unwrap();
        assert_eq!((stream.position(), stream.len()), (41, 42));
        failed(stream.close().await, "close input");
        // A closed stream answers for itself.
        assert_eq!(stream.read(1).await.unwrap(), [1].as_slice());
    });
    let calls = [
        "open tag",
        "read",
        "read_into",
        "read_ranges",
        "seek 9",
        "close input",
        "read",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_an_output_stream_arrives() {
    let (recorder, fs) = setup();
    block_on(async {
        let options = CreateOptions {
            content_type: "text".to_owned(),
            ..CreateOptions::default()
        };
        let mut stream = fs.create(&path("a"), &options).await.unwrap();
        failed(stream.write(b"x").await, "write");
        failed(stream.write_bytes(Bytes::from_static(b"x")).await, "write_bytes");
        assert_eq!((stream.position(), stream.location()), (43, path("with-entropy")));
        failed(stream.flush().await, "flush");
        failed(stream.sync().await, "sync");
        for _ in 0..2 {
            assert_eq!(stream.close().await.unwrap().len, 44);
        }
        failed(stream.abort().await, "abort output");
    });
    let calls = [
        "create text",
        "write",
        "write_bytes",
        "flush",
        "sync",
        "close output",
        "close output",
        "abort output",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_a_recoverable_writer_and_its_streams_arrives() {
    let (recorder, fs) = setup();
    let state = Recoverable::new(1, Bytes::new());
    let upload = PendingUpload {
        location: path("a"),
        upload_id: String::new(),
        initiated: None,
    };
    block_on(async {
        let writer = fs.recoverable_writer().unwrap();
        assert!(writer.requires_cleanup());
        drop(writer.recover(&state).await.unwrap());
        failed(writer.recover_for_commit(&state).await, "recover_for_commit");
        assert!(writer.cleanup(&state).await.unwrap());
        failed(writer.abort(&state).await, "abort");
        failed(writer.inspect(&state), "inspect");
        failed(writer.verify(&state).await, "verify");
        failed(
            writer.pending_uploads(&path(""), "next").await,
            "pending_uploads next",
        );
        failed(writer.abort_upload(&upload).await, "abort_upload");
        let options = CreateOptions {
            content_type: "text".to_owned(),
            ..CreateOptions::default()
        };
        let mut stream = writer.open(&path("a"), &options).await.unwrap();
        failed(stream.write(b"x").await, "write recoverable");
        failed(
            stream.write_bytes(Bytes::from_static(b"x")).await,
            "write_bytes recoverable",
        );
        assert_eq!((stream.position(), stream.location()), (45, path("with-entropy")));
        failed(stream.flush().await, "flush recoverable");
        assert_eq!(stream.persist().await.unwrap().version(), 46);
        failed(stream.close_for_commit().await, "close_for_commit");
        failed(stream.close().await, "close recoverable");
    });
    let calls = [
        "recoverable_writer",
        "requires_cleanup",
        "recover",
        "recover_for_commit",
        "cleanup",
        "abort",
        "inspect",
        "verify",
        "pending_uploads next",
        "abort_upload",
        "open recoverable text",
        "write recoverable",
        "write_bytes recoverable",
        "flush recoverable",
        "persist",
        "close_for_commit",
        "close recoverable",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_a_bulk_copy_arrives_and_its_progress_comes_back() {
    let (recorder, fs) = setup();
    let mut options = CopyOptions::default();
    options.extensions.set("key", "value", true);
    let request = CopyRequest {
        source: path("a"),
        target: path("b"),
        size_hint: 0,
    };
    block_on(async {
        let bulk_copy = fs.bulk_copy().unwrap();
        assert!(bulk_copy.can_copy(&path("a"), &path("b")));
        let requests = [request.clone(), request];
        bulk_copy
            .copy_files(&requests, &options, Box::new(recorder.clone()))
            .await
            .unwrap();
        bulk_copy
            .copy_files(&[], &options, Box::new(NoProgress))
            .await
            .unwrap();
    });
    let calls = [
        "bulk_copy",
        "can_copy",
        "advanced 0 5",
        "finished 0",
        "copy_files 2 Some(\"value\")",
        "copy_files 0 Some(\"value\")",
    ];
    assert_eq!(recorder.calls(), calls);
}
