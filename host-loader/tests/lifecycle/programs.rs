//! Tests that need a process of their own: this program once more, with one of its tests.

use std::env;
use std::process::Command;

const CHILD: &str = "FSPLUG_LIFECYCLE_CHILD";

/// Runs `body` in a process of its own, with this test as its only one; `test` is the path of the test that asks.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if env::var(CHILD).is_ok_and(|name| name == test) {
        return body();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{}:\n{printed}",
        output.status
    );
}
