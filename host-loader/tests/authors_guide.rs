//! The guide for plugin authors, followed step by step: an empty crate becomes a certified plugin.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::Fsplug;

const GUIDE: &str = include_str!("../../docs/src/authors.md");
const EXAMPLE: &str = include_str!("../../plugin-api/examples/memory.rs");

/// The code blocks of the guide in this language.
fn blocks(language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = GUIDE.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(block.join("\n") + "\n");
        }
    }
    found
}

#[test]
fn the_code_of_the_guide_is_that_of_the_example() {
    let blocks = blocks("rust");
    assert!(blocks.len() >= 4);
    for block in blocks {
        assert!(EXAMPLE.contains(&block), "not in the example:\n{block}");
    }
}

#[test]
fn who_follows_the_guide_gets_a_plugin_that_conforms() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors-guide");
    fs::create_dir_all(root.join("src")).unwrap();
    let [manifest] = <[String; 1]>::try_from(blocks("toml")).unwrap();
    let here = workspace.join("plugin-api");
    let manifest = manifest.replace("fsplug/plugin-api", here.to_str().unwrap());
    // Outside of the workspace that it happens to lie in.
    fs::write(root.join("Cargo.toml"), manifest + "\n[workspace]\n").unwrap();
    fs::write(root.join("src/lib.rs"), EXAMPLE).unwrap();
    fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline"])
        .current_dir(&root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let fsplug = Fsplug::new();
    let plugins = fsplug.path("plugins");
    let library = plugins.join("memory/libmemory.so");
    fs::create_dir_all(library.parent().unwrap()).unwrap();
    fs::copy(root.join("target/debug/libmemory.so"), &library).unwrap();
    let plugins = ["--plugins", plugins.to_str().unwrap()];
    let with = |arguments: &[&str]| fsplug.ok(&[&plugins, arguments].concat());

    assert!(with(&["plugins", "check"]).text().contains("memory"));
    let listed = with(&["plugins", "list"]);
    let listed = listed.text();
    assert!(listed.contains("memory") && listed.contains("mem"), "{listed}");
    let certified = with(&[
        "conformance",
        "run",
        library.to_str().unwrap(),
        "--uri",
        "mem://store/dir",
    ]);
    assert!(certified.text().contains(" 0 failed;"), "{}", certified.text());
    assert!(certified.text().contains("sha256: "), "{}", certified.text());
}
