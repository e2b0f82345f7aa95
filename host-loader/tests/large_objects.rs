//! Large objects through the loaded S3 plugin: the bytes are right and memory stays bounded.
//!
//! A program of its own, since it measures the memory of its process; the server is another.

#[path = "support/artefacts.rs"]
mod artefacts;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use host_loader::FileSystems;
use plugin_api::{Bytes, Config, CreateOptions, OpenOptions};

const MIB: usize = 1 << 20;
/// What the process may hold at its peak, its code included.
const MOST_RESIDENT: u64 = 96 * MIB as u64;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_server() -> (Server, String) {
    let mut child = Command::new(artefacts::testkit())
        .args([
            "serve",
            "--port",
            "0",
            "--bucket",
            "bucket",
            "--etag",
            "random",
            "--exit-with-stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let endpoint = line
        .trim()
        .strip_prefix("listening on ")
        .expect("the server starts")
        .to_owned();
    (Server(child), endpoint)
}

/// The largest resident set of this process so far, in bytes (`proc_pid_status(5)`).
fn peak_resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A mebibyte that differs from every other one, so that none can be lost, doubled or moved unseen.
fn fill(block: u64, memory: &mut [u8]) {
    let mut state = block.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for word in memory.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
}

#[test]
fn an_object_of_2_gib_goes_up_and_down_within_96_mib_of_memory() {
    let mib: u64 = env::var("FSPLUG_TEST_LARGE_MIB").map_or(2048, |text| text.parse().unwrap());
    let (_server, endpoint) = start_server();
    let library = env::var_os("FSPLUG_TEST_DIST_PLUGIN").map_or_else(artefacts::plugin, Into::into);
    let directory = artefacts::plugin_directory(&library);
    let config = Config::from_pairs([
        ("s3.endpoint", endpoint.as_str()),
        ("s3.access-key", testkit::ACCESS_KEY),
        ("s3.secret-key", testkit::SECRET_KEY),
        ("s3.path-style-access", "true"),
    ]);
    let systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(directory.path())
        .config(config)
        .build()
        .unwrap();
    futures_executor::block_on(async {
        let (fs, path) = systems.open_path("s3://bucket/large").await.unwrap();
        let mut memory = vec![0; MIB];

        let mut output = fs.create(&path, &CreateOptions::default()).await.unwrap();
        for block in 0..mib {
            fill(block, &mut memory);
            output.write(&memory).await.unwrap();
        }
        let status = output.close().await.unwrap();
        assert_eq!(status.len, mib * MIB as u64);
        let after_upload = peak_resident();

        let mut input = fs.open(&path, &OpenOptions::default()).await.unwrap();
        let (mut block, mut pending) = (0, Bytes::new());
        let mut received = Vec::with_capacity(MIB);
        loop {
            if pending.is_empty() {
                pending = input.read(usize::MAX).await.unwrap();
                if pending.is_empty() {
                    break;
                }
            }
            let taken = pending.split_to(pending.len().min(MIB - received.len()));
            received.extend_from_slice(&taken);
            if received.len() == MIB {
                fill(block, &mut memory);
                assert!(received == memory, "mebibyte {block} differs");
                received.clear();
                block += 1;
            }
        }
        assert_eq!((block, received.len()), (mib, 0));
        let peak = peak_resident();
        println!(
            "{mib} MiB: peak resident {} MiB after upload, {} MiB at the end",
            after_upload >> 20,
            peak >> 20
        );
        assert!(peak < MOST_RESIDENT, "peak resident {} MiB", peak >> 20);
    });
}
