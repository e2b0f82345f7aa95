use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_executor::block_on;
use host_loader::plugin_api::{ErrorKind, FileSystemExt as _};

use crate::fixture::{file_systems, open_everywhere, roots, server};
use crate::programs::alone;

/// Runs `body` in the child of a fork: whether it returned, in time.
fn in_fork(body: impl FnOnce()) -> bool {
    const RETURNED: libc::c_int = 42;
    // SAFETY: the child runs `body` on its only thread and ends with `_exit`, so that nothing of the parent's is
    // undone; if a lock of the parent stays taken in it, the alarm ends it.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: without a handler the alarm ends the process, which is what it is for.
            unsafe { libc::alarm(60) };
            let outcome = catch_unwind(AssertUnwindSafe(body));
            // SAFETY: ends this process, whose memory nobody shares.
            unsafe { libc::_exit(if outcome.is_ok() { RETURNED } else { 1 }) }
        }
        child => {
            assert!(child > 0, "no fork");
            let mut status = 0;
            // SAFETY: waits for the child that was just made; `status` is where the kernel writes.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == RETURNED
        }
    }
}

#[test]
fn in_the_child_of_a_fork_every_entry_says_so_and_in_the_parent_all_goes_on() {
    alone(
        "fork::in_the_child_of_a_fork_every_entry_says_so_and_in_the_parent_all_goes_on",
        || {
            let (server, local) = (server(), tempfile::tempdir().unwrap());
            // As many as are open below: in the child, which cannot get any back, nobody may wait for one.
            let limits = [("fs.s3.limit.input", "2"), ("fs.file.limit.input", "2")];
            let file_systems = file_systems(&server, &limits);
            // One set stays in the parent; the child drops the other, in which nothing may wait for a thread.
            let mut opened = open_everywhere(&file_systems, &local);
            let for_the_child = open_everywhere(&file_systems, &local);
            let root = roots(&local)[1].clone();
            assert!(in_fork(|| {
                for opened in for_the_child {
                    block_on(opened.expect_refused_after_fork());
                }
                let errors = [
                    block_on(file_systems.get(&root)).err().unwrap(),
                    block_on(file_systems.shutdown(std::time::Duration::ZERO)).unwrap_err(),
                ];
                for error in errors {
                    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                    assert!(error.to_string().contains("used after fork"), "{error}");
                }
            }));
            for opened in &mut opened {
                for (call, result) in block_on(opened.use_all()) {
                    let kind = result.err().map(|error| error.kind());
                    assert_ne!(kind, Some(ErrorKind::PluginPanic), "{call}");
                }
            }
            let again = block_on(file_systems.get(&root)).unwrap();
            assert!(block_on(again.exists(&root)).unwrap());
        },
    );
}

#[test]
fn a_fork_before_the_first_use_leaves_the_child_free_to_use_it() {
    alone(
        "fork::a_fork_before_the_first_use_leaves_the_child_free_to_use_it",
        || {
            let local = tempfile::tempdir().unwrap();
            let server = server();
            let root = roots(&local)[1].clone();
            // Built, and not used.
            let file_systems = file_systems(&server, &[]);
            assert!(in_fork(|| {
                let fs = block_on(file_systems.get(&root)).unwrap();
                assert!(block_on(fs.exists(&root)).unwrap());
            }));
        },
    );
}
