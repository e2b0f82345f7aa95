//! The file systems as callers without a runtime see them.

use std::io::{self, BufReader, BufWriter, ErrorKind as IoErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

use host_loader::blocking::FileSystems;
use host_loader::plugin_api::{CreateOptions, Error, ErrorKind, ListOptions, Location, OpenOptions};
use tempfile::TempDir;

use crate::fake_plugin::{FakeFactory, manifest};

fn registry() -> FileSystems {
    host_loader::FileSystems::builder()
        .search_environment(false)
        .factory(manifest("fake", &["fake"]), Arc::<FakeFactory>::default())
        .build()
        .unwrap()
        .into()
}

/// A local directory and its location.
fn local_dir() -> (TempDir, Location) {
    let dir = TempDir::new().unwrap();
    let location = registry().resolve(dir.path().to_str().unwrap()).unwrap();
    (dir, location)
}

#[test]
fn files_are_written_listed_read_renamed_and_deleted() {
    let (_dir, root) = local_dir();
    let fs = registry().get(&root).unwrap();
    let (file, other) = (root.join("sub/a"), root.join("sub/b"));
    fs.mkdirs(&root.join("sub")).unwrap();

    let mut output = BufWriter::new(fs.create(&file, &CreateOptions::default()).unwrap());
    for number in 0..10_000u32 {
        output.write_all(&number.to_le_bytes()).unwrap();
    }
    assert!(!fs.exists(&file).unwrap());
    let status = output.into_inner().map_err(|_| "flush").unwrap().close().unwrap();
    assert_eq!(status.len, 40_000);

    let mut input = BufReader::new(fs.open(&file, &OpenOptions::default()).unwrap());
    let mut four = [0; 4];
    for number in [0u32, 9_999, 5_000] {
        input.seek(SeekFrom::Start(u64::from(number) * 4)).unwrap();
        input.read_exact(&mut four).unwrap();
        assert_eq!(u32::from_le_bytes(four), number);
    }

    fs.rename(&file, &other).unwrap();
    let names: Vec<_> = fs
        .list(&root, &ListOptions::recursive())
        .unwrap()
        .map(|entry| entry.unwrap().location)
        .collect();
    assert_eq!(names, std::slice::from_ref(&other));
    assert_eq!(fs.read_all(&other).unwrap().len(), 40_000);
    assert!(fs.delete(&root.join("sub"), true).unwrap());
    assert!(!fs.delete(&other, false).unwrap());
}

#[test]
fn seeking_follows_the_rules_of_std_and_a_failed_seek_moves_nothing() {
    let (_dir, root) = local_dir();
    let fs = registry().get(&root).unwrap();
    let file = root.join("digits");
    fs.write_all(&file, "0123456789", &CreateOptions::default())
        .unwrap();
    let mut input = fs.open(&file, &OpenOptions::default()).unwrap();
    assert_eq!(input.seek(SeekFrom::End(-3)).unwrap(), 7);
    assert_eq!(input.seek(SeekFrom::Current(-2)).unwrap(), 5);
    for beyond in [
        SeekFrom::Current(-6),
        SeekFrom::End(-11),
        SeekFrom::Start(11),
        SeekFrom::End(i64::MAX),
    ] {
        input.seek(beyond).unwrap_err();
        assert_eq!(input.stream_position().unwrap(), 5);
    }
    let mut rest = String::new();
    input.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "56789");
    assert_eq!(input.seek(SeekFrom::End(0)).unwrap(), 10);
    assert_eq!(input.read(&mut [0; 4]).unwrap(), 0);
    assert_eq!(input.read_ranges(&[2..4, 0..1]).unwrap(), ["23", "0"]);
    input.close().unwrap();
}

#[test]
fn a_dropped_or_aborted_output_publishes_nothing_and_leaves_nothing() {
    let (dir, root) = local_dir();
    let fs = registry().get(&root).unwrap();
    let mut dropped = fs
        .create(&root.join("dropped"), &CreateOptions::default())
        .unwrap();
    dropped.write_all(b"x").unwrap();
    drop(dropped);
    let mut aborted = fs
        .create(&root.join("aborted"), &CreateOptions::default())
        .unwrap();
    aborted.write_bytes("x").unwrap();
    aborted.abort().unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn after_a_failed_write_a_stream_takes_nothing_more() {
    let registry = registry();
    let (fs, file) = registry.open_path("fake://a/file").unwrap();
    let mut output = fs.create(&file, &CreateOptions::default()).unwrap();
    output.write_all(b"first").unwrap();
    // Kind `Interrupted` would make write_all repeat the call, and the stream would take it.
    let error = output.write_all(b"second").unwrap_err();
    assert_ne!(error.kind(), IoErrorKind::Interrupted);
    assert_eq!(original(error).kind(), ErrorKind::Cancelled);
    assert_eq!(
        original(output.write_all(b"third").unwrap_err()).kind(),
        ErrorKind::Closed
    );
    assert_eq!(output.close().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_listing_ends_after_its_first_error() {
    let (fs, dir) = registry().open_path("fake://a/dir").unwrap();
    let mut list = fs.list(&dir, &ListOptions::default()).unwrap();
    assert!(list.next().unwrap().is_ok());
    assert!(list.next().unwrap().is_err());
    assert!(list.next().is_none());
}

#[test]
fn recoverable_output_is_published_by_its_commit() {
    let (_dir, root) = local_dir();
    let fs = registry().get(&root).unwrap();
    let file = root.join("exactly-once");
    let writer = fs.recoverable_writer().unwrap();
    let mut stream = writer.open(&file, &CreateOptions::default()).unwrap();
    stream.write_all(b"kept").unwrap();
    let state = stream.persist().unwrap();
    stream.write_all(b" and lost").unwrap();
    stream.close().unwrap();
    assert!(!fs.exists(&file).unwrap());
    let mut stream = writer.recover(&state).unwrap();
    stream.write_bytes("!").unwrap();
    stream.close_for_commit().unwrap().commit().unwrap();
    assert_eq!(fs.read_all(&file).unwrap(), "kept!");
}

#[test]
fn errors_keep_kind_and_path() {
    let (_dir, root) = local_dir();
    let registry = registry();
    let fs = registry.get(&root).unwrap();
    let missing = root.join("missing");
    let error = fs.open(&missing, &OpenOptions::default()).err().expect("missing");
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::NotFound, missing.as_str())
    );
    assert_eq!(
        registry.open_path("gopher://h/k").err().expect("unknown").kind(),
        ErrorKind::UnknownScheme
    );
    registry.shutdown(Duration::ZERO).unwrap();
    assert_eq!(
        registry.get(&root).err().expect("closed").kind(),
        ErrorKind::Closed
    );
}

/// The error that an I/O error was made from.
fn original(error: io::Error) -> Error {
    *error.into_inner().unwrap().downcast::<Error>().unwrap()
}
