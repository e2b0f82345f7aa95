//! The local file system against the promises of the plugin interface.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_executor::block_on;
use host_loader::local::{LocalFileSystem, LocalFileSystemFactory};
use host_loader::plugin_api::{
    Capabilities, Config, CreateOptions, Error, ErrorKind, FileStatus, FileSystem, FileSystemExt as _,
    FileSystemFactory as _, ListOptions, Location, OpenOptions,
};
use proptest::prelude::*;
use tempfile::TempDir;

struct Fixture {
    directory: TempDir,
    files: LocalFileSystem,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            files: LocalFileSystem::new(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn root(&self) -> Location {
        Location::new("file", "", &self.path().to_str().unwrap()[1..]).unwrap()
    }

    fn at(&self, name: &str) -> Location {
        self.root().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> FileStatus {
        let content = Bytes::copy_from_slice(content);
        block_on(
            self.files
                .write_all(&self.at(name), content, &CreateOptions::overwrite()),
        )
        .unwrap()
    }

    fn read(&self, name: &str) -> Bytes {
        block_on(self.files.read_all(&self.at(name))).unwrap()
    }

    /// Every entry of the directory, hidden ones too.
    fn entries(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn list(&self, location: &Location, options: &ListOptions) -> Vec<String> {
        let mut keys: Vec<_> = block_on(self.files.list_all(location, options))
            .unwrap()
            .into_iter()
            .map(|status| status.location.key()[self.root().key().len()..].to_owned())
            .collect();
        keys.sort();
        keys
    }
}

fn kind_of<T>(result: Result<T, Error>) -> ErrorKind {
    let error = result.err().expect("an error is expected");
    assert!(!error.to_string().contains('\n'), "one line: {error}");
    error.kind()
}

/// Polls a future once and drops it: a call that is cancelled.
fn cancel<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[test]
fn the_factory_refuses_a_host_with_the_right_spelling() {
    let root = Location::parse("file://host").unwrap();
    let error = block_on(LocalFileSystemFactory::new().create(&root, &Config::default()))
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidPath);
    assert!(error.to_string().contains("file:///host"), "{error}");
    let root = Location::parse("file://").unwrap();
    let files = block_on(LocalFileSystemFactory::new().create(&root, &Config::default())).unwrap();
    assert!(block_on(files.status(&root)).unwrap().is_directory());
    assert!(
        files
            .capabilities()
            .contains(Capabilities::RECOVERABLE_RESUME | Capabilities::PINNED_READS)
    );
}

#[test]
fn a_file_is_whole_or_absent_and_nothing_else_is_left() {
    let fixture = Fixture::new();
    let mut stream = block_on(
        fixture
            .files
            .create(&fixture.at("dir/a"), &CreateOptions::default()),
    )
    .unwrap();
    block_on(stream.write(b"hello ")).unwrap();
    block_on(stream.write_bytes(Bytes::from_static(b"world"))).unwrap();
    block_on(stream.sync()).unwrap();
    assert_eq!(stream.position(), 11);
    assert!(!block_on(fixture.files.exists(&fixture.at("dir/a"))).unwrap());
    let status = block_on(stream.close()).unwrap();
    assert_eq!(status.len, 11);
    assert_eq!(block_on(stream.close()).unwrap(), status);
    block_on(stream.abort()).unwrap();
    assert_eq!(kind_of(block_on(stream.write(b"x"))), ErrorKind::Closed);
    assert_eq!(
        block_on(fixture.files.status(&fixture.at("dir/a"))).unwrap(),
        status
    );
    assert_eq!(&fixture.read("dir/a")[..], b"hello world");
    assert_eq!(fs::read_dir(fixture.path().join("dir")).unwrap().count(), 1);
}

#[test]
fn a_stream_that_is_dropped_aborted_or_cancelled_leaves_nothing() {
    let fixture = Fixture::new();
    let start = || block_on(fixture.files.create(&fixture.at("a"), &CreateOptions::default())).unwrap();
    let mut dropped = start();
    block_on(dropped.write(&vec![1; 300_000])).unwrap();
    drop(dropped);
    assert_eq!(fixture.entries(), [""; 0]);

    let mut aborted = start();
    block_on(aborted.write(b"x")).unwrap();
    block_on(aborted.abort()).unwrap();
    block_on(aborted.abort()).unwrap();
    assert_eq!(kind_of(block_on(aborted.close())), ErrorKind::Closed);
    assert_eq!(fixture.entries(), [""; 0]);

    let mut cancelled = start();
    // A call that was done before it could be cancelled has nothing to show.
    if cancel(cancelled.write(&vec![1; 4 << 20])).is_none() {
        assert_eq!(kind_of(block_on(cancelled.write(b"x"))), ErrorKind::Closed);
        assert_eq!(kind_of(block_on(cancelled.close())), ErrorKind::Closed);
    }
    drop(cancelled);
    assert_eq!(fixture.entries(), [""; 0]);
}

#[test]
fn of_racing_creators_exactly_one_wins() {
    let fixture = Fixture::new();
    let (location, files) = (fixture.at("x"), Arc::new(LocalFileSystem::new()));
    let barrier = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8u8)
        .map(|id| {
            let (location, files, barrier) = (location.clone(), Arc::clone(&files), Arc::clone(&barrier));
            std::thread::spawn(move || {
                block_on(async {
                    let mut stream = files.create(&location, &CreateOptions::default()).await?;
                    stream.write(&[id; 1000]).await?;
                    barrier.wait();
                    stream.close().await
                })
            })
        })
        .collect();
    let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(lost.kind(), ErrorKind::AlreadyExists);
    }
    let winner = results.iter().position(Result::is_ok).unwrap() as u8;
    assert_eq!(fixture.read("x"), vec![winner; 1000]);
    assert_eq!(fixture.entries(), ["x"]);
    let again = block_on(files.create(&location, &CreateOptions::default()));
    assert_eq!(kind_of(again), ErrorKind::AlreadyExists);
}

#[test]
fn overwriting_keeps_the_rights_of_the_file() {
    let fixture = Fixture::new();
    fixture.write("secret", b"1");
    fs::set_permissions(fixture.path().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    fixture.write("secret", b"2");
    let mode = fs::metadata(fixture.path().join("secret"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!((mode & 0o777, &fixture.read("secret")[..]), (0o600, &b"2"[..]));
}

#[test]
fn directories_devices_and_odd_paths_are_no_targets() {
    let fixture = Fixture::new();
    fixture.write("file", b"");
    block_on(fixture.files.mkdirs(&fixture.at("dir"))).unwrap();
    symlink("/dev/null", fixture.path().join("null")).unwrap();
    let create = |name: &str| {
        kind_of(block_on(
            fixture
                .files
                .create(&fixture.at(name), &CreateOptions::overwrite()),
        ))
    };
    assert_eq!(create("dir"), ErrorKind::IsADirectory);
    assert_eq!(create("dir/"), ErrorKind::InvalidPath);
    assert_eq!(create("nul\0"), ErrorKind::InvalidPath);
    assert_eq!(create("null"), ErrorKind::InvalidInput);
    assert_eq!(create("file/x"), ErrorKind::NotADirectory);
    assert_eq!(create(&"n".repeat(300)), ErrorKind::InvalidPath);
    fixture.write(&"é".repeat(127), b"long names work");
    let mkdirs = |name: &str| block_on(fixture.files.mkdirs(&fixture.at(name)));
    mkdirs("dir").unwrap();
    mkdirs("dir/a/b/").unwrap();
    assert_eq!(kind_of(mkdirs("file")), ErrorKind::NotADirectory);
    assert_eq!(kind_of(mkdirs("file/x")), ErrorKind::NotADirectory);
}

#[test]
fn missing_is_not_found_and_forbidden_is_not() {
    let fixture = Fixture::new();
    fixture.write("file", b"");
    symlink("nowhere", fixture.path().join("dangling")).unwrap();
    symlink("loop", fixture.path().join("loop")).unwrap();
    for name in ["missing", "file/below", "file/", "dangling", "no/such/dir"] {
        let location = fixture.at(name);
        assert_eq!(
            kind_of(block_on(fixture.files.status(&location))),
            ErrorKind::NotFound
        );
        let opened = block_on(fixture.files.open(&location, &OpenOptions::default()));
        assert_eq!(kind_of(opened), ErrorKind::NotFound);
        let listed = block_on(fixture.files.list_all(&location, &ListOptions::default()));
        assert_eq!(kind_of(listed), ErrorKind::NotFound);
        let renamed = block_on(fixture.files.rename(&fixture.at("absent"), &location));
        assert_eq!(kind_of(renamed), ErrorKind::NotFound);
    }
    assert_eq!(
        kind_of(block_on(fixture.files.exists(&fixture.at("loop")))),
        ErrorKind::InvalidPath
    );
    block_on(fixture.files.mkdirs(&fixture.at("locked"))).unwrap();
    let locked = fixture.path().join("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o0)).unwrap();
    // The superuser may do everything; then there is nothing to see here.
    if fs::read_dir(&locked).is_err() {
        let exists = block_on(fixture.files.exists(&fixture.at("locked/x")));
        assert_eq!(kind_of(exists), ErrorKind::PermissionDenied);
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn odd_names_round_trip_from_create_to_list_to_open() {
    let fixture = Fixture::new();
    let names = [
        "a+b",
        "a%2Fb",
        " space ",
        "#",
        "?x=y",
        "{literal}",
        "e\u{301}",
        "é",
        "\u{1}",
        "new\nline",
        "..x",
    ];
    for name in names {
        fixture.write(name, name.as_bytes());
    }
    let listed = block_on(fixture.files.list_all(&fixture.root(), &ListOptions::default())).unwrap();
    assert_eq!(listed.len(), names.len());
    for status in listed {
        let content = block_on(fixture.files.read_all(&status.location)).unwrap();
        assert_eq!(content, status.location.name().as_bytes());
    }
    let odd = std::ffi::OsStr::from_bytes(b"not\xffutf8");
    fs::write(fixture.path().join(odd), b"").unwrap();
    let error = block_on(fixture.files.list_all(&fixture.root(), &ListOptions::default())).unwrap_err();
    assert!(error.to_string().contains("not\u{fffd}utf8"), "{error}");
}

#[test]
fn listing_pages_survive_cancelled_calls_and_hold_every_file_once() {
    let fixture = Fixture::new();
    for directory in ["a", "a/b", "c"] {
        for file in 0..7 {
            fixture.write(&format!("{directory}/{file}"), b"x");
        }
    }
    block_on(fixture.files.mkdirs(&fixture.at("empty"))).unwrap();
    symlink("../a", fixture.path().join("c/link-to-directory")).unwrap();
    symlink("0", fixture.path().join("c/link-to-file")).unwrap();
    assert_eq!(
        fixture.list(&fixture.root(), &ListOptions::default()),
        ["/a", "/c", "/empty"]
    );
    assert_eq!(
        fixture.list(&fixture.at("empty"), &ListOptions::recursive()),
        [""; 0]
    );
    assert_eq!(
        fixture.list(&fixture.at("a/0"), &ListOptions::default()),
        ["/a/0"]
    );

    let options = ListOptions {
        page_size: 4,
        ..ListOptions::recursive()
    };
    let mut lister = block_on(fixture.files.list(&fixture.root(), &options)).unwrap();
    let mut keys = Vec::new();
    loop {
        let page = match cancel(lister.next_page()) {
            Some(page) => page.unwrap(),
            None => block_on(lister.next_page()).unwrap(),
        };
        let Some(page) = page else { break };
        assert!((1..=4).contains(&page.len()));
        assert!(page.iter().all(FileStatus::is_file));
        keys.extend(page.into_iter().map(|status| status.location.key().to_owned()));
    }
    assert_eq!(keys.len(), 22, "21 files and a link to one");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 22);
}

#[test]
fn deletion_takes_what_was_named_and_nothing_behind_a_link() {
    let fixture = Fixture::new();
    let delete = |name: &str, recursive| block_on(fixture.files.delete(&fixture.at(name), recursive));
    fixture.write("keep/file", b"x");
    fixture.write("tree/a/b/file", b"x");
    for number in 0..300 {
        fs::write(fixture.path().join(format!("tree/a/{number}")), b"x").unwrap();
    }
    symlink("../keep", fixture.path().join("tree/link")).unwrap();
    symlink("nowhere", fixture.path().join("tree/dangling")).unwrap();
    symlink("keep", fixture.path().join("link")).unwrap();

    assert!(!delete("missing", false).unwrap());
    assert!(!delete("missing", true).unwrap());
    assert!(!delete("keep/file/", true).unwrap());
    assert_eq!(kind_of(delete("tree", false)), ErrorKind::DirectoryNotEmpty);
    assert!(delete("tree", true).unwrap());
    assert!(delete("link", true).unwrap());
    assert_eq!(
        fixture.list(&fixture.root(), &ListOptions::recursive()),
        ["/keep/file"]
    );
    assert!(delete("keep/file", true).unwrap());
    assert!(delete("keep/", false).unwrap());
    assert_eq!(fixture.entries(), [""; 0]);
    for root in ["file:///", "file:///tmp/.."] {
        let root = Location::parse(root).unwrap();
        assert_eq!(
            kind_of(block_on(fixture.files.delete(&root, true))),
            ErrorKind::InvalidInput
        );
    }
}

#[test]
fn renaming_replaces_files_enters_directories_and_moves_directories() {
    let fixture = Fixture::new();
    let rename = |from: &str, to: &str| block_on(fixture.files.rename(&fixture.at(from), &fixture.at(to)));
    fixture.write("a", b"a");
    fixture.write("b", b"b");
    fixture.write("dir/x", b"x");
    rename("a", "a").unwrap();
    rename("a", "dir/../a").unwrap();
    rename("a", "b").unwrap();
    assert_eq!(&fixture.read("b")[..], b"a");
    rename("b", "dir").unwrap();
    rename("dir/b", "new/parents/b").unwrap();
    rename("dir", "moved").unwrap();
    assert_eq!(
        fixture.list(&fixture.root(), &ListOptions::recursive()),
        ["/moved/x", "/new/parents/b"]
    );
    rename("moved", "new/../moved/").unwrap();
    assert_eq!(kind_of(rename("moved", "moved/x/y")), ErrorKind::InvalidInput);
    assert_eq!(
        kind_of(rename("moved", "new/parents/b")),
        ErrorKind::NotADirectory
    );
    // Two names of one file: the system call would leave both.
    fs::hard_link(fixture.path().join("moved/x"), fixture.path().join("second")).unwrap();
    rename("second", "moved/../moved/x").unwrap();
    assert_eq!(fixture.entries(), ["moved", "new"]);
}

#[test]
fn a_read_is_pinned_to_the_version_that_was_opened() {
    let fixture = Fixture::new();
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    let status = fixture.write("f", &content);
    let open = |options: &OpenOptions| block_on(fixture.files.open(&fixture.at("f"), options));
    let if_match = OpenOptions {
        if_match: status.etag.clone(),
        ..OpenOptions::default()
    };
    let mut stream = open(&if_match).unwrap();
    assert_eq!(block_on(stream.read(10)).unwrap(), content[..10]);
    fixture.write("f", b"another");
    // The old version is read to its end from the open handle.
    stream.seek(999_990).unwrap();
    assert_eq!(block_on(stream.read(100)).unwrap(), content[999_990..]);
    assert!(block_on(stream.read(100)).unwrap().is_empty());
    assert_eq!(kind_of(open(&if_match)), ErrorKind::Changed);

    let mut shrinking = open(&OpenOptions::default()).unwrap();
    fs::File::options()
        .write(true)
        .open(fixture.path().join("f"))
        .unwrap()
        .set_len(3)
        .unwrap();
    assert_eq!(kind_of(block_on(shrinking.read(100))), ErrorKind::UnexpectedEof);
    let mut growing = open(&OpenOptions::default()).unwrap();
    fs::write(fixture.path().join("f"), b"longer than before").unwrap();
    assert_eq!(kind_of(block_on(growing.read(100))), ErrorKind::Changed);
    block_on(growing.close()).unwrap();
    block_on(growing.close()).unwrap();
    assert_eq!(kind_of(block_on(growing.read(1))), ErrorKind::Closed);
}

#[test]
fn only_regular_files_are_opened() {
    let fixture = Fixture::new();
    let open = |location: &Location| kind_of(block_on(fixture.files.open(location, &OpenOptions::default())));
    assert_eq!(open(&fixture.root()), ErrorKind::IsADirectory);
    assert_eq!(
        open(&Location::parse("file:///dev/null").unwrap()),
        ErrorKind::InvalidInput
    );
    // A pipe without a writer would make an ordinary open wait for ever.
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let pipe = fixture.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(open(&fixture.at("pipe")), ErrorKind::InvalidInput);
}

#[test]
fn a_closed_file_system_refuses_and_its_streams_go_on() {
    let fixture = Fixture::new();
    fixture.write("f", b"x");
    let mut stream = block_on(fixture.files.open(&fixture.at("f"), &OpenOptions::default())).unwrap();
    block_on(fixture.files.close(std::time::Duration::ZERO)).unwrap();
    block_on(fixture.files.close(std::time::Duration::ZERO)).unwrap();
    assert_eq!(
        kind_of(block_on(fixture.files.status(&fixture.root()))),
        ErrorKind::Closed
    );
    assert_eq!(kind_of(fixture.files.recoverable_writer()), ErrorKind::Closed);
    assert_eq!(&block_on(stream.read(9)).unwrap()[..], b"x");
}

#[derive(Clone, Debug)]
enum ReadStep {
    Read(usize),
    ReadInto(usize),
    Seek(u64),
    Ranges(Vec<std::ops::Range<u64>>),
    Cancel(usize),
}

const READ_LEN: u64 = 150_000;

fn read_steps() -> impl Strategy<Value = Vec<ReadStep>> {
    let size = prop_oneof![0..50usize, 0..40_000usize, Just(usize::MAX)];
    let range = (0..=READ_LEN, 0..=READ_LEN).prop_map(|(a, b)| a.min(b)..a.max(b));
    let step = prop_oneof![
        size.clone().prop_map(ReadStep::Read),
        (0..70_000usize).prop_map(ReadStep::ReadInto),
        (0..=READ_LEN).prop_map(ReadStep::Seek),
        prop::collection::vec(range, 0..4).prop_map(ReadStep::Ranges),
        size.prop_map(ReadStep::Cancel),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is read in whatever order, it is the bytes at the position.
    #[test]
    fn reads_are_the_bytes_at_the_position(steps in read_steps(), buffer_size in prop_oneof![Just(0u64), 1..20_000u64]) {
        let fixture = Fixture::new();
        let content: Vec<u8> = (0..READ_LEN).map(|i| (i * i % 241) as u8).collect();
        fixture.write("f", &content);
        let options = OpenOptions { buffer_size, ..OpenOptions::default() };
        let mut stream = block_on(fixture.files.open(&fixture.at("f"), &options)).unwrap();
        for step in steps {
            let at = stream.position() as usize;
            match step {
                ReadStep::Read(max) => {
                    let chunk = block_on(stream.read(max)).unwrap();
                    prop_assert_eq!(&chunk[..], &content[at..at + chunk.len()]);
                    prop_assert!(chunk.len() <= max && (!chunk.is_empty() || max == 0 || at == content.len()));
                    prop_assert_eq!(stream.position() as usize, at + chunk.len());
                }
                ReadStep::ReadInto(len) => {
                    let mut buffer = vec![0; len];
                    let read = block_on(stream.read_into(&mut buffer)).unwrap();
                    prop_assert_eq!(&buffer[..read], &content[at..at + read]);
                    prop_assert!(read > 0 || len == 0 || at == content.len());
                }
                ReadStep::Seek(to) => stream.seek(to).unwrap(),
                ReadStep::Ranges(ranges) => {
                    let chunks = block_on(stream.read_ranges(&ranges)).unwrap();
                    for (range, chunk) in ranges.iter().zip(&chunks) {
                        prop_assert_eq!(&chunk[..], &content[range.start as usize..range.end as usize]);
                    }
                    prop_assert_eq!(stream.position() as usize, at);
                }
                ReadStep::Cancel(max) => {
                    if cancel(stream.read(max)).is_none() {
                        prop_assert_eq!(stream.position() as usize, at);
                    }
                }
            }
        }
        prop_assert_eq!(kind_of(stream.seek(READ_LEN + 1)), ErrorKind::UnexpectedEof);
        prop_assert_eq!(kind_of(block_on(stream.read_ranges(std::slice::from_ref(&(0..READ_LEN + 1))))), ErrorKind::UnexpectedEof);
    }

    /// However writes are cut, the file is their sequence.
    #[test]
    fn writes_of_any_size_arrive_in_order(sizes in prop::collection::vec((prop_oneof![0..100usize, 60_000..70_000usize, Just(2_500_000)], 0..3u8), 0..12)) {
        let fixture = Fixture::new();
        let mut stream = block_on(fixture.files.create(&fixture.at("f"), &CreateOptions::default())).unwrap();
        let mut expected = Vec::new();
        for (number, (size, how)) in sizes.into_iter().enumerate() {
            let data: Vec<u8> = (0..size).map(|i| (i + 31 * number) as u8).collect();
            expected.extend_from_slice(&data);
            match how {
                0 => block_on(stream.write(&data)).unwrap(),
                1 => block_on(stream.write_bytes(data.into())).unwrap(),
                _ => {
                    block_on(stream.write(&data)).unwrap();
                    block_on(stream.flush()).unwrap();
                }
            }
            prop_assert_eq!(stream.position() as usize, expected.len());
        }
        prop_assert_eq!(block_on(stream.close()).unwrap().len as usize, expected.len());
        prop_assert!(fixture.read("f") == expected);
    }

    /// Random trees: a recursive listing is the set of files, and a recursive deletion leaves none.
    #[test]
    fn trees_are_listed_and_deleted_completely(paths in prop::collection::btree_set("[a-c](/[a-c]){0,5}/f[0-9]", 0..40), page_size in 1..9u32) {
        let fixture = Fixture::new();
        block_on(fixture.files.mkdirs(&fixture.at("t"))).unwrap();
        let files: BTreeMap<_, _> = paths.iter().map(|path| (format!("/t/{path}"), path.len())).collect();
        for (path, &len) in &files {
            fs::create_dir_all(fixture.path().join(&path[1..]).parent().unwrap()).unwrap();
            fs::write(fixture.path().join(&path[1..]), vec![0; len]).unwrap();
        }
        let options = ListOptions { page_size, ..ListOptions::recursive() };
        prop_assert_eq!(fixture.list(&fixture.at("t"), &options), files.keys().cloned().collect::<Vec<_>>());
        prop_assert!(block_on(fixture.files.delete(&fixture.at("t"), true)).unwrap());
        prop_assert!(fixture.entries().is_empty());
    }
}
