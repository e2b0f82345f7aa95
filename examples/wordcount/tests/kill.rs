//! The worker as a process, killed with SIGKILL and started again.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn worker(directory: &Path, extra: &[&str]) -> Child {
    let uri = |name: &str| format!("file://{}/{name}", directory.display());
    Command::new(env!("CARGO_BIN_EXE_wordcount"))
        .args(["--input", &uri("in.txt"), "--output", &uri("out")])
        .args(["--checkpoints", &uri("checkpoints"), "--progress"])
        .args(["--checkpoint-interval", "20 ms", "--part-size", "20 kb"])
        .args(["--split-size", "64 kb", "--read-size", "4 kb"])
        .args(extra)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn events(child: &mut Child) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

fn counts_of_parts(directory: &Path) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // What the killed workers had begun is hidden.
        if !path.file_name().unwrap().to_str().unwrap().starts_with("part-") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let (word, count) = line.split_once('\t').unwrap();
            *counts.entry(word.to_owned()).or_default() += count.parse::<u64>().unwrap();
        }
    }
    counts
}

#[test]
fn a_worker_killed_again_and_again_counts_every_word_once() {
    let directory = tempfile::tempdir().unwrap();
    let text: String = (0..60_000_u64).fold(String::new(), |text, n| text + &format!("w{} ", n * n % 997));
    std::fs::write(directory.path().join("in.txt"), &text).unwrap();

    // Slow enough that each run is killed long before its end, whatever the machine.
    for _ in 0..3 {
        let mut child = worker(directory.path(), &["--restore", "--throttle", "60 kb"]);
        let checkpoints = events(&mut child).filter(|event| event["event"] == "checkpoint");
        assert_eq!(checkpoints.take(3).count(), 3);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = worker(directory.path(), &["--restore", "--readers", "3"]);
    let last = events(&mut child).last().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(last["event"], "finished");
    assert_eq!(last["bytes"], text.len());
    assert!(last["restored_from"].as_u64().unwrap() >= 9, "{last}");

    let mut expected: HashMap<String, u64> = HashMap::new();
    for word in text.split_whitespace() {
        *expected.entry(word.to_owned()).or_default() += 1;
    }
    assert_eq!(counts_of_parts(&directory.path().join("out")), expected);
}

#[test]
fn an_error_is_one_line_that_names_the_input() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wordcount"));
    command.args(["--input", "nowhere://x/in.txt", "--output", "file:///tmp/out"]);
    command.arg("--checkpoints").arg(directory.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(
        text.starts_with("wordcount: ") && text.contains("nowhere"),
        "{text}"
    );
}
