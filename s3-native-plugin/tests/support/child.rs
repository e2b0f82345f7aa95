//! Tests in a process of their own, whose environment is empty but for what they set.

use std::process::Command;

const CHILD: &str = "FSPLUG_TEST_CHILD";

/// In the parent, runs the test of this path, such as `environment::name`, in a child and returns false; in the
/// child, true.
///
/// # Panics
/// If the test fails in the child.
pub(crate) async fn in_child(test: &str, environment: &[(&str, &str)]) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env(CHILD, "1")
        .env("HOME", "/nonexistent")
        .envs(environment.iter().copied());
    // What the child asks for may be on the runtime of the parent.
    let output = tokio::task::spawn_blocking(move || child.output().unwrap());
    let output = output.await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    false
}
