//! Memory of a process that has many recoverable writers open.
//!
//! The server is in the parent, and the client that is measured is a child.

use std::process::Command;

use plugin_api::CreateOptions;

use super::connect_to;
use crate::fixture::{BUCKET, Fixture, location, pattern};

const CHILD: &str = "FSPLUG_TEST_ENDPOINT";
const MIB: u64 = 1 << 20;
const WRITERS: usize = 16;

/// More than a part for each of the writers.
const BUDGET: u64 = 96 * MIB;

/// Bytes that each of them writes: 480 MiB in all go through the budget.
const LEN: usize = 30 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_at_a_time_stay_within_the_budget_and_32_mib() {
    let name = "memory::sixteen_writers_at_a_time_stay_within_the_budget_and_32_mib";
    let Ok(endpoint) = std::env::var(CHILD) else {
        let fixture = Fixture::on(|server| server.etag(testkit::EtagKind::Random)).await;
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, fixture.server.endpoint())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{text}");
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        for writer in 0..WRITERS {
            let object = fixture
                .server
                .store()
                .object(BUCKET, &format!("k{writer}"))
                .unwrap();
            assert_eq!(object.size, LEN as u64);
        }
        return;
    };
    let budget = BUDGET.to_string();
    let (_factory, fs) = connect_to(
        &endpoint,
        &[
            ("s3.memory.budget", budget.as_str()),
            ("s3.upload.min.part.size", "5 mb"),
        ],
    )
    .await;
    let writer = fs.recoverable_writer().unwrap();
    let piece = pattern(300_000);
    let all = (0..WRITERS).map(|number| {
        let (writer, piece) = (&writer, &piece);
        async move {
            let path = location(&format!("k{number}"));
            let mut stream = writer.open(&path, &CreateOptions::default()).await.unwrap();
            for (index, from) in (0..LEN).step_by(piece.len()).enumerate() {
                let len = piece.len().min(LEN - from);
                stream.write(&piece[..len]).await.unwrap();
                // As checkpoints do; the tail stays in memory.
                if number % 2 == 0 && index % 20 == 10 {
                    drop(stream.persist().await.unwrap());
                }
                tokio::task::yield_now().await;
            }
            stream.close_for_commit().await.unwrap().commit().await.unwrap();
        }
    });
    futures::future::join_all(all).await;
    let peak = peak_memory();
    println!("peak: {} MiB of {} MiB", peak / MIB, (BUDGET + 32 * MIB) / MIB);
    assert!(peak <= BUDGET + 32 * MIB, "{} MiB", peak / MIB);
}

/// The most memory that this process had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}
