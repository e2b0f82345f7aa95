//! A thousand operations that are cancelled at random points leave threads, descriptors and memory where they were.
//!
//! A program of its own, since it counts what its process holds; the server is another.

#[path = "support/artefacts.rs"]
mod artefacts;

use std::fs;
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use host_loader::FileSystems;
use plugin_api::{
    Bytes, Config, CopyOptions, CopyRequest, CreateOptions, FileSystem, FileSystemExt as _, ListOptions,
    Location, NoProgress, OpenOptions, Result,
};

const OPERATIONS: usize = 1_000;
const PART: usize = 5 << 20;
/// What the allocator may hold more than before, and the kernel may count more: fragments, not buffers; the thousand
/// operations write and read more than two gigabytes.
const SLACK_ALLOCATED: usize = 1 << 20;
const SLACK_RESIDENT: usize = 64 << 20;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_server() -> (Server, String) {
    let mut child = Command::new(artefacts::testkit())
        .args(["serve", "--port", "0", "--bucket", "bucket", "--exit-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let endpoint = line
        .trim()
        .strip_prefix("listening on ")
        .expect("the server starts");
    (Server(child), endpoint.to_owned())
}

/// Xorshift (Marsaglia, "Xorshift RNGs"): the same points in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    threads: usize,
    descriptors: usize,
    allocated: usize,
    resident: usize,
}

impl Held {
    fn now() -> Self {
        let entries = |directory: &str| fs::read_dir(directory).unwrap().count();
        // SAFETY: reads counters of the allocator, which host and plugin share.
        let allocator = unsafe { libc::mallinfo2() };
        let pages = fs::read_to_string("/proc/self/statm").unwrap();
        let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            threads: entries("/proc/self/task"),
            descriptors: entries("/proc/self/fd"),
            allocated: allocator.uordblks + allocator.hblkhd,
            resident: resident * 4096,
        }
    }

    fn is_within(self, baseline: Self) -> bool {
        self.threads <= baseline.threads
            && self.descriptors <= baseline.descriptors
            && self.allocated <= baseline.allocated + SLACK_ALLOCATED
            && self.resident <= baseline.resident + SLACK_RESIDENT
    }

    /// What is held once the threads that are about to end have ended.
    fn settled(baseline: Self) -> Self {
        let began = Instant::now();
        loop {
            let held = Self::now();
            if held.is_within(baseline) || began.elapsed() > Duration::from_secs(20) {
                return held;
            }
            std::thread::yield_now();
        }
    }
}

fn at(key: &str) -> Location {
    Location::new("s3", "bucket", key).unwrap()
}

/// One operation with all that it needs; each of its calls is a point at which it may be cancelled.
async fn operation(fs: &dyn FileSystem, number: usize, local: &Path) -> Result<()> {
    let file = at("file");
    let new = at(&format!("new-{number}"));
    let options = CreateOptions::overwrite();
    match number % 8 {
        0 => fs.status(&file).await.map(drop),
        1 => {
            let mut lister = fs.list(&at(""), &ListOptions::default()).await?;
            while lister.next_page().await?.is_some() {}
            Ok(())
        }
        2 => {
            let mut stream = fs.open(&file, &OpenOptions::default()).await?;
            while !stream.read(1 << 20).await?.is_empty() {}
            stream.close().await
        }
        3 => {
            let mut stream = fs.open(&file, &OpenOptions::default()).await?;
            stream
                .read_ranges(&[0..100, 1_000_000..2_000_000])
                .await
                .map(drop)
        }
        4 => {
            let mut stream = fs.create(&new, &options).await?;
            stream.write_bytes(Bytes::from(vec![1; PART])).await?;
            stream.write(&vec![2; PART / 2]).await?;
            stream.close().await.map(drop)
        }
        5 => {
            let mut stream = fs.recoverable_writer()?.open(&new, &options).await?;
            stream.write_bytes(Bytes::from(vec![1; PART + 1000])).await?;
            let _state = stream.persist().await?;
            stream.write(b"more").await?;
            stream.close_for_commit().await?.commit().await
        }
        6 => fs.rename(&at("small"), &at("small")).await,
        _ => {
            let request = |key: &str| CopyRequest {
                source: at(key),
                target: Location::parse(&format!("file://{}/{number}-{key}", local.display())).unwrap(),
                size_hint: 0,
            };
            let requests = [request("file"), request("small")];
            let copy = fs.bulk_copy()?;
            copy.copy_files(&requests, &CopyOptions::default(), Box::new(NoProgress))
                .await
        }
    }
}

/// Polls at most so many times, then drops: whether it was complete.
async fn cancelled_after(polls: u64, operation: impl Future<Output = Result<()>>) -> bool {
    let mut operation = pin!(operation);
    let mut left = polls;
    poll_fn(|cx| match operation.as_mut().poll(cx) {
        Poll::Ready(result) => {
            result.unwrap();
            Poll::Ready(true)
        }
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// A process's use of the store, from its beginning to its end: how many operations were cancelled.
fn use_and_shut_down(endpoint: &str, plugins: &Path, operations: usize, random: &mut Random) -> usize {
    let file_systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(plugins)
        .config(Config::from_pairs([
            ("s3.endpoint", endpoint),
            ("s3.region", testkit::REGION),
            ("s3.path-style-access", "true"),
            ("s3.access-key", testkit::ACCESS_KEY),
            ("s3.secret-key", testkit::SECRET_KEY),
            ("s3.upload.min.part.size", "5 mb"),
        ]))
        .build()
        .unwrap();
    let local = tempfile::tempdir().unwrap();
    let mut cancelled = 0;
    block_on(async {
        let fs = file_systems.get(&at("")).await.unwrap();
        let options = CreateOptions::overwrite();
        fs.write_all(&at("file"), vec![3; 3 << 20].into(), &options)
            .await
            .unwrap();
        fs.write_all(&at("small"), "small".into(), &options)
            .await
            .unwrap();
        for number in 0..operations {
            let polls = random.below(12);
            let complete = cancelled_after(polls, operation(&*fs, number, local.path())).await;
            cancelled += usize::from(!complete);
        }
        drop(fs);
        file_systems.shutdown(Duration::from_mins(1)).await.unwrap();
    });
    cancelled
}

#[test]
fn a_thousand_cancelled_operations_leave_threads_descriptors_and_memory_at_the_baseline() {
    let (_server, endpoint) = start_server();
    let plugins = artefacts::plugin_directory(&artefacts::plugin());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    // What stays for as long as the process lives: the library, its callsites, the pool of the local file system.
    use_and_shut_down(&endpoint, plugins.path(), 64, &mut random);
    let first = Held::settled(Held::now());
    use_and_shut_down(&endpoint, plugins.path(), 64, &mut random);
    let baseline = Held::settled(first);

    let mut cancelled = 0;
    let mut rounds = 0;
    while cancelled < OPERATIONS {
        cancelled += use_and_shut_down(&endpoint, plugins.path(), OPERATIONS, &mut random);
        rounds += 1;
    }
    let held = Held::settled(baseline);
    eprintln!("{cancelled} cancelled in {rounds} rounds: {held:?}, before {baseline:?}");
    assert!(
        held.is_within(baseline),
        "{held:?} after {cancelled} cancelled operations, before {baseline:?}"
    );
}
