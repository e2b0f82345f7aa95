//! Memory while many keys are listed and deleted: that of a page, not of all.
//!
//! The server is a process of its own, and so is the client that is measured.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plugin_api::{Config, FileSystemFactory, ListOptions, Location};

use crate::fixture::{BUCKET, factory};

/// Set in the process that is measured: where the server is, and how many keys it has.
const SERVER: &str = "FSPLUG_TEST_SERVER";

/// Far less than all the keys of the short run take: about 300 bytes each.
const ALLOWED_GROWTH: u64 = 8 << 20;

/// The server as a child, which ends with this.
struct Server(Child);

impl Server {
    fn start(keys: usize) -> (Self, String) {
        let mut child = Command::new(program())
            .args([
                "serve",
                "--bucket",
                BUCKET,
                "--etag",
                "random",
                "--exit-with-stdin",
            ])
            .args(["--preload", &keys.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let server = Self(child);
        let endpoint = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        (server, endpoint)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// The server's program: the one that is named, else it is built.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("FSPLUG_TEST_TESTKIT") {
        return path.into();
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "testkit", "--message-format", "json"])
        .current_dir(workspace)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo builds testkit");
    let messages = String::from_utf8(output.stdout).unwrap();
    let path = messages.split("\"executable\":\"").nth(1);
    path.unwrap().split('"').next().unwrap().into()
}

/// The most memory that this process has had since the last [`forget_peak`], in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kibibytes = line.split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() << 10
}

fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

#[test]
fn memory_stays_flat_while_many_keys_are_listed_and_deleted() {
    if let Ok(server) = std::env::var(SERVER) {
        let (endpoint, keys) = server.split_once(' ').unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(list_and_delete(endpoint, keys.parse().unwrap()));
        return;
    }
    let long = std::env::var_os("FSPLUG_TEST_LONG").is_some_and(|value| value != "0");
    let keys = if long { 1_000_000 } else { 50_000 };
    let (_server, endpoint) = Server::start(keys);
    let name = "memory::memory_stays_flat_while_many_keys_are_listed_and_deleted";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(SERVER, format!("{endpoint} {keys}"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn list_and_delete(endpoint: &str, keys: usize) {
    let factory = factory();
    let root = Location::new("s3", BUCKET, "").unwrap();
    let config = Config::from_pairs([
        ("s3.endpoint", endpoint),
        ("s3.access-key", testkit::ACCESS_KEY),
        ("s3.secret-key", testkit::SECRET_KEY),
        ("s3.region", testkit::REGION),
        ("s3.path-style-access", "true"),
        ("s3.runtime.threads", "1"),
    ]);
    let fs = factory.create(&root, &config).await.unwrap();
    let preload = root.join("preload");
    let mut lister = fs.list(&preload, &ListOptions::recursive()).await.unwrap();
    // What is allocated once, for the client and its connection, is no growth.
    let mut count = 0;
    for _ in 0..5 {
        count += lister.next_page().await.unwrap().unwrap().len();
    }
    forget_peak();
    let before = peak();
    while let Some(page) = lister.next_page().await.unwrap() {
        assert!(page.len() <= 1000);
        count += page.len();
    }
    assert_eq!(count, keys);
    let growth = peak().saturating_sub(before);
    assert!(growth < ALLOWED_GROWTH, "listing took {growth} bytes");

    forget_peak();
    let before = peak();
    assert!(fs.delete(&preload, true).await.unwrap());
    let growth = peak().saturating_sub(before);
    assert!(growth < ALLOWED_GROWTH, "deleting took {growth} bytes");
    assert!(!fs.delete(&preload, true).await.unwrap());
}
