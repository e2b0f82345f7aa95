//! States between processes of the operating system, not only between factories of one.

use std::process::Command;

use plugin_api::{CreateOptions, Recoverable, RecoverableWriter};

use super::{begin, connect_to};
use crate::fixture::{Fixture, PART, pattern};

/// Set in a child: the endpoint, what it is to do, and the file that holds the state.
const CHILD: &str = "FSPLUG_TEST_CHILD";

fn child(fixture: &Fixture, test: &str, task: &str, state: &Recoverable) -> Command {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, state.bytes()).unwrap();
    let file = file.into_temp_path().keep().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("processes::{test}"), "--nocapture"])
        .env(
            CHILD,
            format!("{} {task} {}", fixture.server.endpoint(), file.display()),
        );
    command
}

fn succeeds(mut child: Command) {
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Does what the parent wants, and tells whether there is one.
async fn is_child() -> bool {
    let Ok(order) = std::env::var(CHILD) else {
        return false;
    };
    let mut order = order.splitn(3, ' ');
    let mut next = || order.next().unwrap();
    let (endpoint, task, file) = (next(), next(), next());
    let state = Recoverable::new(2, std::fs::read(file).unwrap());
    drop(std::fs::remove_file(file));
    let (_factory, fs) = connect_to(endpoint, &[]).await;
    run(&*fs.recoverable_writer().unwrap(), task, &state).await;
    true
}

async fn run(writer: &dyn RecoverableWriter, task: &str, state: &Recoverable) {
    match task {
        "commit" => {
            let committer = writer.recover_for_commit(state).await.unwrap();
            committer.commit().await.unwrap();
        }
        "go-on" => {
            let mut stream = writer.recover(state).await.unwrap();
            stream.write(&pattern(PART + 3)).await.unwrap();
            stream.close_for_commit().await.unwrap().commit().await.unwrap();
        }
        "persist-and-die" => {
            let mut stream = writer.recover(state).await.unwrap();
            stream.write(&pattern(3 * PART)).await.unwrap();
            stream.persist().await.unwrap();
            // No destructor runs, as after a SIGKILL; the parent expects the code.
            std::process::exit(17);
        }
        other => panic!("no such task: {other}"),
    }
}

#[tokio::test]
async fn one_state_is_committed_by_several_processes_one_after_another_and_at_a_time() {
    if is_child().await {
        return;
    }
    let test = "one_state_is_committed_by_several_processes_one_after_another_and_at_a_time";
    for forget in [false, true] {
        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget)).await;
        for len in [10, 2 * PART + 10] {
            let key = format!("k{len}");
            let mut stream = begin(&fixture, &key, &pattern(len)).await;
            let state = stream.persist().await.unwrap();
            drop(stream);
            succeeds(child(&fixture, test, "commit", &state));
            let etag = fixture.server.store().object("bucket", &key).unwrap().etag;
            let together: Vec<_> = (0..2)
                .map(|_| child(&fixture, test, "commit", &state))
                .map(|mut child| child.stdout(std::process::Stdio::null()).spawn().unwrap())
                .collect();
            for mut child in together {
                assert!(child.wait().unwrap().success());
            }
            assert!(fixture.content(&key).unwrap() == pattern(len));
            assert_eq!(fixture.server.store().object("bucket", &key).unwrap().etag, etag);
        }
    }
}

#[tokio::test]
async fn a_process_that_died_is_succeeded_by_another_from_the_same_state() {
    if is_child().await {
        return;
    }
    let test = "a_process_that_died_is_succeeded_by_another_from_the_same_state";
    let fixture = Fixture::new().await;
    for len in [0, 10, 2 * PART + 10] {
        let key = format!("k{len}");
        let path = crate::fixture::location(&key);
        let mut stream = fixture
            .writer()
            .open(&path, &CreateOptions::default())
            .await
            .unwrap();
        stream.write(&pattern(len)).await.unwrap();
        let state = stream.persist().await.unwrap();
        drop(stream);
        let mut dead = child(&fixture, test, "persist-and-die", &state);
        assert_eq!(dead.output().unwrap().status.code(), Some(17));
        assert!(fixture.content(&key).is_none());
        succeeds(child(&fixture, test, "go-on", &state));
        let expected = [pattern(len), pattern(PART + 3)].concat();
        assert!(fixture.content(&key).unwrap() == expected, "{len}");
    }
}
