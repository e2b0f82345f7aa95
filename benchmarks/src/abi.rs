//! What the boundary costs: the null plugin linked into this program, and loaded.

use std::future::Future;
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_executor::block_on;
use host_loader::FileSystems;
use null_plugin::NullFactory;
use plugin_api::{Config, FileSystem, FileSystemFactory, InputStream, Location, OpenOptions, Result};

use crate::measure::{measure, table};

/// Polls once: the futures here are ready at once, and no executor is to be measured.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the null plugin is never pending"),
    }
}

/// Runs one operation on something linked and on the same thing loaded.
fn compare<T>(title: &str, iterations: u32, (mut linked, mut loaded): (T, T), operation: impl Fn(&mut T)) {
    let rows = measure(
        iterations,
        vec![
            (
                "linked: plain dyn call",
                Box::new(|n| (0..n).for_each(|_| operation(&mut linked))),
            ),
            (
                "loaded: through the boundary",
                Box::new(|n| (0..n).for_each(|_| operation(&mut loaded))),
            ),
        ],
    );
    print!("{}", table(title, &rows, None));
}

/// Prints the tables. `plugins` is a plugin directory that holds the null plugin.
pub(crate) fn run(plugins: &Path) -> Result<()> {
    let path = Location::parse("null://bucket/a/file/of/usual/length.parquet")?;
    let systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(plugins)
        .build()?;
    let linked: Arc<dyn FileSystem> = block_on(NullFactory.create(&path.with_key(""), &Config::default()))?;
    let loaded: Arc<dyn FileSystem> = block_on(systems.get(&path))?;
    let both = || (Arc::clone(&linked), Arc::clone(&loaded));

    compare(
        "a call that answers at once (capabilities)",
        5_000_000,
        both(),
        |fs| {
            black_box(black_box(&fs).capabilities());
        },
    );
    let streams = (open(&linked, &path)?, open(&loaded, &path)?);
    compare(
        "a future that is ready at once (close)",
        1_000_000,
        streams,
        |stream| {
            black_box(ready(stream.close()).is_ok());
        },
    );
    compare("the same with a path (delete)", 1_000_000, both(), |fs| {
        black_box(ready(fs.delete(black_box(&path), true)).is_ok());
    });
    compare(
        "the same with a path and a file status (status)",
        1_000_000,
        both(),
        |fs| {
            black_box(ready(fs.status(black_box(&path))).is_ok());
        },
    );
    for size in [64 << 10, 256 << 10, 8 << 20] {
        let streams = (open(&linked, &path)?, open(&loaded, &path)?);
        compare(
            &format!("a chunk of {} KiB as Bytes (read)", size >> 10),
            500_000,
            streams,
            |stream| {
                black_box(ready(stream.read(size)).is_ok_and(|chunk| chunk.len() == size));
            },
        );
    }
    for (size, iterations) in [(64 << 10, 20_000), (8 << 20, 100)] {
        let buffers = (vec![0; size], vec![0; size]);
        let streams = (
            (open(&linked, &path)?, buffers.0),
            (open(&loaded, &path)?, buffers.1),
        );
        let title = format!("{} KiB into the caller's memory (read_into)", size >> 10);
        compare(&title, iterations, streams, |(stream, buffer)| {
            black_box(ready(stream.read_into(buffer)).is_ok());
        });
    }
    Ok(())
}

fn open(fs: &Arc<dyn FileSystem>, path: &Location) -> Result<Box<dyn InputStream>> {
    block_on(fs.open(path, &OpenOptions::default()))
}
