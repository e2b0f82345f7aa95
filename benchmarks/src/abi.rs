//! What the boundary and the host's wrapper cost: the null plugin linked into this program, and loaded.

use std::future::Future;
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_executor::block_on;
use host_loader::FileSystems;
use null_plugin::{LEN, NullFactory};
use plugin_api::{
    ABI_VERSION, Bytes, Config, CreateOptions, FileSystem, FileSystemFactory, InputStream, Location,
    Manifest, OpenOptions, OutputStream, Result,
};

use crate::measure::{measure, table};

/// The ways to one null plugin, by name.
struct Ways(Vec<(&'static str, Arc<dyn FileSystem>)>);

/// Polls once: the futures here are ready at once, and no executor is to be measured.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the null plugin is never pending"),
    }
}

impl Ways {
    /// `plugins` is a plugin directory that holds the null plugin.
    fn new(plugins: &Path, path: &Location) -> Result<Self> {
        // High ones, so that nobody waits; every call passes all that they need.
        let limits = Config::from_pairs([
            ("fs.null.limit.total", "1000"),
            ("fs.null.limit.input", "1000"),
            ("fs.null.limit.timeout", "60000"),
            ("fs.null.limit.stream-timeout", "60000"),
        ]);
        let registry = |config: &Config| {
            FileSystems::builder()
                .search_environment(false)
                .config(config.clone())
        };
        let manifest = Manifest {
            format: 1,
            abi: ABI_VERSION,
            min_host_minor: 0,
            name: "null".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schemes: vec!["null".to_owned()],
            options: Vec::new(),
            owned_prefixes: Vec::new(),
            scope_prefix: String::new(),
        };
        let linked = registry(&limits)
            .factory(manifest, Arc::new(NullFactory))
            .build()?;
        let loaded = registry(&Config::default()).plugin_dir(plugins).build()?;
        let limited = registry(&limits).plugin_dir(plugins).build()?;
        let bare = block_on(NullFactory.create(&path.with_key(""), &Config::default()))?;
        Ok(Self(vec![
            ("linked: plain dyn call", bare),
            (
                "linked: in the host's wrapper, with limits",
                block_on(linked.get(path))?,
            ),
            (
                "loaded: as a host gets it, without limits",
                block_on(loaded.get(path))?,
            ),
            (
                "loaded: as a host gets it, with limits",
                block_on(limited.get(path))?,
            ),
        ]))
    }

    /// Prints what one operation takes by each way, on what `prepare` makes of the file system.
    fn compare<T>(
        &self,
        title: &str,
        iterations: u32,
        prepare: impl Fn(&Arc<dyn FileSystem>) -> Result<T>,
        operation: impl Fn(&mut T),
    ) -> Result<()> {
        let mut prepared = Vec::new();
        for (name, file_system) in &self.0 {
            prepared.push((*name, prepare(file_system)?));
        }
        let operation = &operation;
        let variants = prepared
            .iter_mut()
            .map(|(name, object)| {
                let run = move |n: u32| (0..n).for_each(|_| operation(object));
                (*name, Box::new(run) as Box<dyn FnMut(u32)>)
            })
            .collect();
        print!("{}", table(title, &measure(iterations, variants), None));
        Ok(())
    }

    /// Reads the same chunk twice by each way. Both are held at the same time: were one copied, it would be somewhere
    /// else.
    fn show_copies(&self, path: &Location) -> Result<()> {
        for (name, file_system) in &self.0 {
            let mut first = open(file_system, path)?;
            let mut second = open(file_system, path)?;
            let chunks = [ready(first.read(LEN))?, ready(second.read(LEN))?];
            let addresses: Vec<*const u8> = chunks.iter().map(|chunk| chunk.as_ptr()).collect();
            let copies = usize::from(addresses[0] != addresses[1]);
            println!("{name:<46} copies of a chunk: {copies}");
        }
        Ok(())
    }
}

/// Prints the tables. `plugins` is a plugin directory that holds the null plugin.
pub(crate) fn run(plugins: &Path) -> Result<()> {
    let path = Location::parse("null://bucket/a/file/of/usual/length.parquet")?;
    let ways = Ways::new(plugins, &path)?;
    let same = |file_system: &Arc<dyn FileSystem>| Ok(Arc::clone(file_system));
    let input = |file_system: &Arc<dyn FileSystem>| open(file_system, &path);
    let output = |file_system: &Arc<dyn FileSystem>| create(file_system, &path);

    ways.compare(
        "a call that answers at once (capabilities)",
        5_000_000,
        same,
        |fs| {
            black_box(black_box(&fs).capabilities());
        },
    )?;
    ways.compare(
        "a future that is ready at once (flush)",
        1_000_000,
        output,
        |stream| {
            black_box(ready(stream.flush()).is_ok());
        },
    )?;
    ways.compare("the same with a path (delete)", 1_000_000, same, |fs| {
        black_box(ready(fs.delete(black_box(&path), true)).is_ok());
    })?;
    ways.compare(
        "the same with a path and a file status (status)",
        1_000_000,
        same,
        |fs| {
            black_box(ready(fs.status(black_box(&path))).is_ok());
        },
    )?;
    for size in [64 << 10, 256 << 10, 8 << 20] {
        let title = format!("a chunk of {} KiB as Bytes (read)", size >> 10);
        ways.compare(&title, 500_000, input, |stream| {
            black_box(ready(stream.read(size)).is_ok_and(|chunk| chunk.len() == size));
        })?;
    }
    for (size, iterations) in [(64 << 10, 20_000), (8 << 20, 100)] {
        let title = format!("{} KiB into the caller's memory (read_into)", size >> 10);
        let prepare = |file_system: &Arc<dyn FileSystem>| Ok((open(file_system, &path)?, vec![0; size]));
        ways.compare(&title, iterations, prepare, |(stream, buffer)| {
            black_box(ready(stream.read_into(buffer)).is_ok());
        })?;
    }
    let data = vec![0; 64 << 10];
    ways.compare(
        "64 KiB from the caller's memory (write)",
        500_000,
        output,
        |stream| {
            black_box(ready(stream.write(black_box(&data))).is_ok());
        },
    )?;
    let chunk = Bytes::from(data.clone());
    ways.compare("64 KiB as Bytes (write_bytes)", 500_000, output, |stream| {
        black_box(ready(stream.write_bytes(chunk.clone())).is_ok());
    })?;
    ways.compare("a stream opened and dropped (open)", 200_000, same, |fs| {
        black_box(open(fs, &path).is_ok());
    })?;
    ways.show_copies(&path)
}

fn open(fs: &Arc<dyn FileSystem>, path: &Location) -> Result<Box<dyn InputStream>> {
    ready(fs.open(path, &OpenOptions::default()))
}

fn create(fs: &Arc<dyn FileSystem>, path: &Location) -> Result<Box<dyn OutputStream>> {
    ready(fs.create(path, &CreateOptions::default()))
}
