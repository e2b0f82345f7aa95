//! Exactly-once output to local files: what was persisted survives everything, what was committed
//! is there once, and nothing else is ever published.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_executor::block_on;
use host_loader::local::LocalFileSystem;
use host_loader::plugin_api::{
    Committer, CreateOptions, Error, ErrorKind, FileSystem as _, Location, Recoverable, RecoverableStream,
    RecoverableWriter,
};
use proptest::prelude::*;
use tempfile::TempDir;

struct Fixture {
    directory: TempDir,
    writer: Arc<dyn RecoverableWriter>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            writer: LocalFileSystem::new().recoverable_writer().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn target(&self) -> Location {
        Location::new("file", "", &self.path().join("out").to_str().unwrap()[1..]).unwrap()
    }

    fn open(&self, options: &CreateOptions) -> Box<dyn RecoverableStream> {
        block_on(self.writer.open(&self.target(), options)).unwrap()
    }

    fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>, Error> {
        block_on(self.writer.recover(&through_a_checkpoint(state)))
    }

    /// The committer as another process would make it.
    fn committer(&self, state: &Recoverable) -> Arc<dyn Committer> {
        block_on(self.writer.recover_for_commit(&through_a_checkpoint(state))).unwrap()
    }

    fn entries(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn content(&self) -> Vec<u8> {
        fs::read(self.path().join("out")).unwrap()
    }

    fn in_progress(&self) -> std::path::PathBuf {
        let name = self
            .entries()
            .into_iter()
            .find(|name| name.contains(".inprogress."))
            .unwrap();
        self.path().join(name)
    }
}

fn through_a_checkpoint(state: &Recoverable) -> Recoverable {
    Recoverable::new(state.version(), Bytes::copy_from_slice(state.bytes()))
}

fn kind_of<T>(result: Result<T, Error>) -> ErrorKind {
    let error = result.err().expect("an error is expected");
    assert!(!error.to_string().contains('\n'), "one line: {error}");
    error.kind()
}

fn write(stream: &mut Box<dyn RecoverableStream>, data: &[u8]) {
    block_on(stream.write(data)).unwrap();
}

/// Polls a future once and drops it: a call that is cancelled.
fn cancel<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[test]
fn nothing_is_at_the_target_before_the_commit_and_nothing_else_after_it() {
    let fixture = Fixture::new();
    let mut stream = fixture.open(&CreateOptions::default());
    write(&mut stream, b"one");
    block_on(stream.flush()).unwrap();
    block_on(stream.persist()).unwrap();
    block_on(stream.write_bytes(Bytes::from_static(b"two"))).unwrap();
    assert_eq!((stream.position(), stream.location()), (6, fixture.target()));
    assert!(
        fixture
            .entries()
            .iter()
            .all(|name| name.starts_with(".out.inprogress."))
    );
    let committer = block_on(stream.close_for_commit()).unwrap();
    assert_eq!(kind_of(block_on(stream.write(b"x"))), ErrorKind::Closed);
    assert_eq!(kind_of(block_on(stream.persist())), ErrorKind::Closed);
    assert_eq!(kind_of(block_on(stream.close_for_commit())), ErrorKind::Closed);
    block_on(stream.close()).unwrap();
    drop(stream);
    block_on(committer.commit()).unwrap();
    assert_eq!(
        (fixture.entries(), fixture.content()),
        (vec!["out".to_owned()], b"onetwo".to_vec())
    );
    // Again, in this process and in another one.
    block_on(committer.commit()).unwrap();
    let again = fixture.committer(&committer.recoverable().unwrap());
    block_on(again.commit()).unwrap();
    block_on(again.commit_after_recovery()).unwrap();
    assert_eq!(fixture.content(), b"onetwo");
    assert!(!fixture.writer.requires_cleanup());
}

#[test]
fn an_empty_file_is_published() {
    let fixture = Fixture::new();
    let committer = block_on(fixture.open(&CreateOptions::default()).close_for_commit()).unwrap();
    block_on(committer.commit()).unwrap();
    assert_eq!(
        (fixture.entries(), fixture.content()),
        (vec!["out".to_owned()], Vec::new())
    );
}

#[test]
fn what_was_never_persisted_leaves_nothing_and_what_was_stays() {
    let fixture = Fixture::new();
    let mut closed = fixture.open(&CreateOptions::default());
    write(&mut closed, b"x");
    block_on(closed.close()).unwrap();
    block_on(closed.close()).unwrap();
    assert_eq!(kind_of(block_on(closed.write(b"x"))), ErrorKind::Closed);
    let mut dropped = fixture.open(&CreateOptions::default());
    write(&mut dropped, &vec![1; 200_000]);
    drop(dropped);
    assert_eq!(fixture.entries(), [""; 0]);

    let mut persisted = fixture.open(&CreateOptions::default());
    write(&mut persisted, b"kept");
    let state = block_on(persisted.persist()).unwrap();
    write(&mut persisted, b"lost");
    block_on(persisted.close()).unwrap();
    let mut stream = fixture.recover(&state).unwrap();
    assert_eq!(stream.position(), 4);
    write(&mut stream, b" and more");
    drop(stream);
    block_on(fixture.committer(&state).commit()).unwrap();
    assert_eq!(fixture.content(), b"kept");
}

#[test]
fn two_recoveries_of_one_state_do_not_mix_and_the_first_cannot_commit() {
    let fixture = Fixture::new();
    let mut zombie = fixture.open(&CreateOptions::default());
    write(&mut zombie, b"base ");
    let state = block_on(zombie.persist()).unwrap();
    let mut first = fixture.recover(&state).unwrap();
    write(&mut first, b"first");
    let mut second = fixture.recover(&state).unwrap();
    write(&mut second, b"2nd");
    // The writers before are alive and write on.
    write(&mut zombie, &vec![b'z'; 300_000]);
    write(&mut first, &vec![b'1'; 300_000]);
    assert_eq!(kind_of(block_on(zombie.persist())), ErrorKind::Conflict);
    assert_eq!(kind_of(block_on(first.close_for_commit())), ErrorKind::Conflict);
    let committer = block_on(second.close_for_commit()).unwrap();
    drop((zombie, first));
    block_on(committer.commit()).unwrap();
    assert_eq!(
        (fixture.entries(), fixture.content()),
        (vec!["out".to_owned()], b"base 2nd".to_vec())
    );
    let error = fixture.recover(&state).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UploadGone);
}

#[test]
fn a_finished_file_that_was_recovered_again_is_not_committed_by_its_first_committer() {
    let fixture = Fixture::new();
    let mut first = fixture.open(&CreateOptions::default());
    write(&mut first, b"base");
    let state = block_on(first.persist()).unwrap();
    write(&mut first, b"-1");
    let first = block_on(first.close_for_commit()).unwrap();
    let mut second = fixture.recover(&state).unwrap();
    write(&mut second, b"-2");
    let second = block_on(second.close_for_commit()).unwrap();
    assert_eq!(kind_of(block_on(first.commit())), ErrorKind::Conflict);
    block_on(second.commit()).unwrap();
    assert_eq!(fixture.content(), b"base-2");
    assert_eq!(kind_of(block_on(first.commit())), ErrorKind::Conflict);
    assert_eq!(fixture.content(), b"base-2");
}

#[test]
fn a_commit_publishes_what_its_state_covers_though_a_zombie_writes_on() {
    let fixture = Fixture::new();
    let mut zombie = fixture.open(&CreateOptions::default());
    write(&mut zombie, b"covered");
    let state = block_on(zombie.persist()).unwrap();
    write(&mut zombie, &vec![b'z'; 300_000]);
    block_on(fixture.committer(&state).commit()).unwrap();
    write(&mut zombie, &vec![b'z'; 300_000]);
    assert_eq!(kind_of(block_on(zombie.persist())), ErrorKind::Conflict);
    drop(zombie);
    assert_eq!(
        (fixture.entries(), fixture.content()),
        (vec!["out".to_owned()], b"covered".to_vec())
    );
}

#[test]
fn a_write_that_was_cancelled_cannot_reach_the_recovered_file() {
    let fixture = Fixture::new();
    let mut stream = fixture.open(&CreateOptions::default());
    write(&mut stream, b"base");
    let state = block_on(stream.persist()).unwrap();
    // A call that was done before it could be cancelled left a stream that goes on.
    if cancel(stream.write(&vec![b'z'; 8 << 20])).is_none() {
        assert_eq!(kind_of(block_on(stream.persist())), ErrorKind::Closed);
    }
    drop(stream);
    let mut recovered = fixture.recover(&state).unwrap();
    write(&mut recovered, b"+new");
    let committer = block_on(recovered.close_for_commit()).unwrap();
    block_on(committer.commit()).unwrap();
    assert_eq!(fixture.content(), b"base+new");
}

#[test]
fn a_later_state_is_refused_once_an_earlier_one_was_continued() {
    let fixture = Fixture::new();
    let mut stream = fixture.open(&CreateOptions::default());
    write(&mut stream, b"first");
    let earlier = block_on(stream.persist()).unwrap();
    write(&mut stream, b"second");
    let later = block_on(stream.persist()).unwrap();
    drop(stream);
    let mut continued = fixture.recover(&earlier).unwrap();
    let error = fixture.recover(&later).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("missing data"), "{error}");
    // The same length does not make it the same data.
    write(&mut continued, b"other!");
    block_on(continued.persist()).unwrap();
    drop(continued);
    assert_eq!(kind_of(fixture.recover(&later)), ErrorKind::Corrupt);
    assert_eq!(
        kind_of(block_on(fixture.committer(&later).commit())),
        ErrorKind::Corrupt
    );
    assert!(!fixture.path().join("out").exists());
}

#[test]
fn foreign_files_are_left_alone() {
    let fixture = Fixture::new();
    let target = fixture.path().join("out");
    let mut stream = fixture.open(&CreateOptions::default());
    write(&mut stream, b"ours");
    let committer = block_on(stream.close_for_commit()).unwrap();
    let state = committer.recoverable().unwrap();
    fs::write(&target, b"them").unwrap();
    assert_eq!(kind_of(block_on(committer.commit())), ErrorKind::Conflict);
    assert_eq!(
        kind_of(block_on(fixture.committer(&state).commit())),
        ErrorKind::Conflict
    );
    assert_eq!(fixture.content(), b"them");
    // Nothing was lost: once the other file is away, the commit succeeds.
    fs::remove_file(&target).unwrap();
    drop(committer);
    block_on(fixture.committer(&state).commit()).unwrap();
    assert_eq!(fixture.content(), b"ours");
    // Of the same length, but not ours: a commit that was done long ago cannot vouch for it.
    fs::write(&target, b"them").unwrap();
    assert_eq!(
        kind_of(block_on(fixture.committer(&state).commit_after_recovery())),
        ErrorKind::Conflict
    );
    let refused = block_on(fixture.writer.open(&fixture.target(), &CreateOptions::default()));
    assert_eq!(kind_of(refused), ErrorKind::AlreadyExists);
    let mut replacing = fixture.open(&CreateOptions::overwrite());
    write(&mut replacing, b"new");
    let committer = block_on(replacing.close_for_commit()).unwrap();
    assert_eq!(fixture.content(), b"them");
    block_on(committer.commit()).unwrap();
    assert_eq!(fixture.content(), b"new");
}

#[test]
fn a_published_file_that_could_not_be_unlinked_before_a_crash_is_ours() {
    let fixture = Fixture::new();
    let mut stream = fixture.open(&CreateOptions::default());
    write(&mut stream, b"ours");
    let state = block_on(stream.persist()).unwrap();
    drop(stream);
    fs::hard_link(fixture.in_progress(), fixture.path().join("out")).unwrap();
    block_on(fixture.committer(&state).commit()).unwrap();
    assert_eq!(
        (fixture.entries(), fixture.content()),
        (vec!["out".to_owned()], b"ours".to_vec())
    );
}

#[test]
fn damaged_lost_and_aborted_files_are_told_apart() {
    let fixture = Fixture::new();
    let mut stream = fixture.open(&CreateOptions::default());
    write(&mut stream, b"0123456789");
    let state = block_on(stream.persist()).unwrap();
    drop(stream);
    let info = fixture.writer.inspect(&state).unwrap();
    assert_eq!((info.location, info.len), (fixture.target(), 10));
    let flipped = fixture.in_progress();
    fs::write(&flipped, b"0123456780").unwrap();
    assert_eq!(kind_of(fixture.recover(&state)), ErrorKind::Corrupt);
    fs::write(&flipped, b"012").unwrap();
    assert_eq!(kind_of(fixture.recover(&state)), ErrorKind::Corrupt);
    block_on(fixture.writer.abort(&state)).unwrap();
    block_on(fixture.writer.abort(&state)).unwrap();
    assert!(!block_on(fixture.writer.cleanup(&state)).unwrap());
    let error = fixture.recover(&state).err().unwrap();
    assert!(error.to_string().contains("aborted"), "{error}");
    assert_eq!(error.kind(), ErrorKind::UploadGone);
    assert_eq!(
        kind_of(block_on(fixture.committer(&state).commit())),
        ErrorKind::UploadGone
    );
    assert_eq!(
        kind_of(fixture.recover(&Recoverable::new(1, "not a state"))),
        ErrorKind::Corrupt
    );
    assert_eq!(fixture.entries(), [""; 0]);
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Persist,
    /// Throw the stream away, with `close` or without, and go on from the last persisted state.
    Fail {
        close: bool,
    },
    /// Go on from the last persisted state while the old stream lives and writes.
    Usurp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop_oneof![0..100usize, 60_000..140_000usize].prop_map(Step::Write),
        2 => Just(Step::Persist),
        1 => any::<bool>().prop_map(|close| Step::Fail { close }),
        1 => Just(Step::Usurp),
    ];
    prop::collection::vec(step, 0..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails in whatever order, the committed file is exactly what was written and not
    /// undone by a recovery, and nothing is left beside it.
    #[test]
    fn the_committed_file_is_the_surviving_history(steps in steps(), in_process in any::<bool>()) {
        let fixture = Fixture::new();
        let mut stream = fixture.open(&CreateOptions::default());
        let mut state = block_on(stream.persist()).unwrap();
        let (mut written, mut covered) = (Vec::new(), 0);
        let mut zombies = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write(size) => {
                    let data: Vec<u8> = (0..size).map(|i| (i * 7 + number) as u8).collect();
                    write(&mut stream, &data);
                    written.extend_from_slice(&data);
                }
                Step::Persist => {
                    state = block_on(stream.persist()).unwrap();
                    covered = written.len();
                }
                Step::Fail { close } => {
                    if close {
                        block_on(stream.close()).unwrap();
                    }
                    drop(stream);
                    stream = fixture.recover(&state).unwrap();
                    written.truncate(covered);
                }
                Step::Usurp => {
                    let zombie = std::mem::replace(&mut stream, fixture.recover(&state).unwrap());
                    zombies.push(zombie);
                    written.truncate(covered);
                }
            }
            for zombie in &mut zombies {
                write(zombie, &vec![0xEE; 70_000]);
            }
            prop_assert_eq!(stream.position() as usize, written.len());
        }
        let committer = block_on(stream.close_for_commit()).unwrap();
        if in_process {
            block_on(committer.commit()).unwrap();
        } else {
            block_on(fixture.committer(&committer.recoverable().unwrap()).commit()).unwrap();
        }
        drop(zombies);
        prop_assert!(fixture.content() == written);
        prop_assert_eq!(fixture.entries(), ["out"]);
    }
}
