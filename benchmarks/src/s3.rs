//! Reads and writes through the S3 plugin beside the bare AWS SDK, against one server in one run.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use host_loader::FileSystems;
use plugin_api::{CreateOptions, FileSystem, FileSystemExt, Location, OpenOptions};
use tokio::runtime::Runtime;

use crate::measure::{measure, table};
use crate::peers::{BUCKET, bare_sdk, config, start};

/// Both clients on one runtime of this program; the plugin has its own beside it.
struct Bench {
    runtime: Runtime,
    sdk: aws_sdk_s3::Client,
    fs: Arc<dyn FileSystem>,
    root: Location,
}

impl Bench {
    fn sdk_get(&self, key: &str) -> u64 {
        self.runtime.block_on(async {
            let request = self.sdk.get_object().bucket(BUCKET).key(key);
            let mut body = request.send().await.unwrap_or_else(|error| fail(&error)).body;
            let mut length = 0;
            while let Some(frame) = body.next().await {
                length += frame.expect("the server sends the whole body").len() as u64;
            }
            length
        })
    }

    fn sdk_put(&self, key: &str, content: &Bytes) {
        let body = ByteStream::from(content.clone());
        self.runtime.block_on(async {
            let request = self.sdk.put_object().bucket(BUCKET).key(key).body(body);
            request.send().await.unwrap_or_else(|error| fail(&error));
        });
    }

    fn plugin_get(&self, key: &str) -> u64 {
        self.runtime.block_on(async {
            let path = self.root.with_key(key);
            let mut stream = self.fs.open(&path, &OpenOptions::default()).await.expect("open");
            let mut length = 0;
            loop {
                let chunk = stream.read(usize::MAX).await.expect("read");
                if chunk.is_empty() {
                    return length;
                }
                length += chunk.len() as u64;
            }
        })
    }

    fn plugin_put(&self, key: &str, content: &Bytes) {
        let (path, options) = (self.root.with_key(key), CreateOptions::overwrite());
        self.runtime
            .block_on(self.fs.write_all(&path, content.clone(), &options))
            .expect("write");
    }
}

fn fail<T>(error: &impl std::error::Error) -> T {
    panic!("the bare SDK failed: {}", DisplayErrorContext(error))
}

/// Prints the tables.
pub(crate) fn run(plugins: &Path, testkit: &Path, mib: u64) -> Result<(), String> {
    let (_server, endpoint) = start(testkit)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let open = async {
        let systems = FileSystems::builder()
            .search_environment(false)
            .plugin_dir(plugins)
            .config(config(&endpoint))
            .build()?;
        systems.open_path(&format!("s3://{BUCKET}/")).await
    };
    let (fs, root) = runtime.block_on(open).map_err(|error| error.to_string())?;
    let bench = Bench {
        sdk: bare_sdk(&endpoint),
        runtime,
        fs,
        root,
    };

    let large = mib << 20;
    let sizes = [
        ("4 KiB", 4 << 10, 300),
        ("8 MiB", 8 << 20, 6),
        ("large object", large, 1),
    ];
    for (name, size, iterations) in sizes {
        let content = Bytes::from(vec![b'x'; size as usize]);
        let rows = measure(
            iterations,
            vec![
                (
                    "bare SDK, PutObject",
                    Box::new(|n| (0..n).for_each(|_| bench.sdk_put("sdk", &content))),
                ),
                (
                    "plugin, create and close",
                    Box::new(|n| (0..n).for_each(|_| bench.plugin_put("plugin", &content))),
                ),
            ],
        );
        print!(
            "{}",
            table(&format!("write {name} ({size} bytes)"), &rows, Some(size))
        );
        let rows = measure(
            iterations,
            vec![
                (
                    "bare SDK, GetObject",
                    Box::new(|n| (0..n).for_each(|_| assert_eq!(bench.sdk_get("sdk"), size))),
                ),
                (
                    "plugin, open (HEAD) and read",
                    Box::new(|n| (0..n).for_each(|_| assert_eq!(bench.plugin_get("plugin"), size))),
                ),
            ],
        );
        print!(
            "{}",
            table(&format!("read {name} ({size} bytes)"), &rows, Some(size))
        );
    }
    Ok(())
}
