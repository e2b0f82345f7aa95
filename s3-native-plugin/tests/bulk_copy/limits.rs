//! What a copy may take: requests at a time, targets once, room on the disk.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::process::Command;
use std::task::Poll;

use plugin_api::{CopyOptions, ErrorKind, NoProgress};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, connect, pattern};
use crate::tree::{copy, down, tree, until};

#[tokio::test]
async fn no_more_requests_are_open_than_configured() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = connect(&fixture.server, BUCKET, &[("s3.bulk-copy.max-concurrent", "3")]).await;
    let target = tempfile::tempdir().unwrap();
    fixture
        .server
        .faults()
        .add(Fault::on("GetObject").action(Action::BlackHole));
    let requests: Vec<_> = (0..20)
        .map(|number| down(&format!("{number}"), target.path(), &format!("{number}")))
        .collect();
    let (one, two) = (fs.bulk_copy().unwrap(), fs.bulk_copy().unwrap());
    let options = CopyOptions::default();
    // Both copies of the one file system together.
    let mut copies = [
        pin!(one.copy_files(&requests[..10], &options, Box::new(NoProgress))),
        pin!(two.copy_files(&requests[10..], &options, Box::new(NoProgress))),
    ];
    for round in 0..2_000 {
        poll_fn(|context| {
            for copy in &mut copies {
                assert!(copy.as_mut().poll(context).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
        if round == 0 {
            until("three are open", || fixture.server.requests().total() >= 3).await;
        }
    }
    assert_eq!(fixture.server.requests().total(), 3);
}

#[tokio::test]
async fn two_files_for_one_target_are_refused_before_the_first_byte() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    let requests = [down("a", target.path(), "x"), down("b", target.path(), "x")];
    let error = copy(&fixture.fs, &requests).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(fixture.server.requests().total(), 0);
}

#[tokio::test]
async fn an_option_that_is_not_known_and_critical_is_refused() {
    let fixture = Fixture::new().await;
    let mut options = CopyOptions::default();
    options.extensions.set("copy.future", 1, true);
    let error = crate::tree::copy_with(&fixture.fs, &[], &options)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("copy.future"), "{error}");
}

const CHILD: &str = "FSPLUG_TEST_LIMITED";

/// The process is not allowed files of this size, which is how a full disk looks from here.
#[tokio::test]
async fn a_file_without_room_is_an_error_of_its_own_and_leaves_nothing() {
    if std::env::var_os(CHILD).is_none() {
        let name = "limits::a_file_without_room_is_an_error_of_its_own_and_leaves_nothing";
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "small", pattern(1000));
    fixture.server.store().put(BUCKET, "large", pattern(1 << 20));
    copy(&fixture.fs, &[down("small", target.path(), "small")])
        .await
        .unwrap();
    let error = copy(&fixture.fs, &[down("large", target.path(), "large")])
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("/large: ") && text.contains("s3://bucket/large"),
        "{text}"
    );
    assert_eq!(tree(target.path()).len(), 1);
}
