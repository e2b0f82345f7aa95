//! Memory of a process that copies many files: it does not grow with them.

use std::process::Command;

use plugin_api::{Config, CopyRequest, FileSystemFactory as _};

use crate::fixture::{BUCKET, Fixture, location, pattern};
use crate::tree::{copy, local, request};

const CHILD: &str = "FSPLUG_TEST_ENDPOINT";
const MIB: u64 = 1 << 20;

/// 2,000 files, most of them small: 475 MiB in all.
fn sizes() -> impl Iterator<Item = u64> {
    (0..2_000).map(|number| match number % 250 {
        0 => 24 * MIB,
        n if n % 20 == 1 => MIB,
        _ => 100_000,
    })
}

#[tokio::test]
async fn two_thousand_files_stay_below_128_mib() {
    let name = "memory::two_thousand_files_stay_below_128_mib";
    let Ok(endpoint) = std::env::var(CHILD) else {
        let fixture = Fixture::new().await;
        let content = bytes::Bytes::from(pattern(24 << 20));
        for (number, size) in sizes().enumerate() {
            let store = fixture.server.store();
            store.put(BUCKET, &format!("{number}"), content.slice(..size as usize));
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, fixture.server.endpoint())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        println!("{text}");
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{errors}"
        );
        return;
    };
    let target = tempfile::tempdir().unwrap();
    let requests: Vec<CopyRequest> = sizes()
        .enumerate()
        .map(|(number, size)| {
            let key = format!("{number}");
            request(
                location(&key),
                local(target.path(), &format!("{}/{key}", number % 10)),
                size,
            )
        })
        .collect();
    let config = Config::from_pairs([
        ("s3.endpoint", endpoint.as_str()),
        ("s3.access-key", testkit::ACCESS_KEY),
        ("s3.secret-key", testkit::SECRET_KEY),
        ("s3.path-style-access", "true"),
    ]);
    let factory =
        s3_native_plugin::S3FileSystemFactory::new(std::sync::Arc::new(plugin_api::SilentHost)).unwrap();
    let fs = factory.create(&location(""), &config).await.unwrap();
    let reports = copy(&fs, &requests).await.unwrap();
    let expected: Vec<(u64, u32)> = sizes().map(|size| (size, 1)).collect();
    assert_eq!(reports.all(), expected);
    let peak = peak_memory();
    println!("peak: {} MiB", peak / MIB);
    assert!(peak < 128 * MIB, "{} MiB", peak / MIB);
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
