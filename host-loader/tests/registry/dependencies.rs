//! What a host gets into its own program with this crate.

use std::process::Command;

#[test]
fn the_host_depends_on_no_plugin_no_sdk_and_no_runtime() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "host-loader",
            "--edges",
            "normal",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"plugin-api"), "{tree}");
    for name in names {
        let is_foreign = name.starts_with("aws-") || ["s3-native-plugin", "tokio"].contains(&name);
        assert!(!is_foreign, "{name} is in the dependency tree");
    }
}
