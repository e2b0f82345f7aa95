//! Parts that are uploaded one after another, beside parts that are uploaded at the same time.
//!
//! The server is in this process and waits before it handles a request, as one far away would. What is
//! compared is time spent waiting, so that the ratio hardly depends on the machine or the build.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_loader::FileSystems;
use plugin_api::{Config, CreateOptions, FileSystem, Location};
use testkit::{Action, EtagKind, Fault, Server};
use tokio::runtime::Runtime;

use crate::measure::{measure, table};

const BUCKET: &str = "bench";
const LATENCY: Duration = Duration::from_millis(20);
const PARTS: usize = 64;

/// The plugin with so many uploads at a time.
fn open(
    runtime: &Runtime,
    server: &Server,
    plugins: &Path,
    part: usize,
    uploads: usize,
) -> Result<(Arc<dyn FileSystem>, Location), String> {
    let mut config = Config::from_pairs(server.config("s3."));
    config.set("s3.upload.allow-small-parts", "true");
    config.set("s3.upload.min.part.size", part.to_string());
    config.set("s3.upload.max.concurrent.uploads", uploads.to_string());
    let open = async {
        let systems = FileSystems::builder()
            .search_environment(false)
            .plugin_dir(plugins)
            .config(config)
            .build()?;
        systems.open_path(&format!("s3://{BUCKET}/{uploads}")).await
    };
    runtime.block_on(open).map_err(|error| error.to_string())
}

/// Writes a file of so many parts through the recoverable writer, from open to commit.
fn write(runtime: &Runtime, (fs, path): &(Arc<dyn FileSystem>, Location), content: &Bytes) {
    runtime.block_on(async {
        let writer = fs.recoverable_writer().expect("the plugin has one");
        let options = CreateOptions::overwrite();
        let mut stream = writer.open(path, &options).await.expect("open");
        stream.write_bytes(content.clone()).await.expect("write");
        let committer = stream.close_for_commit().await.expect("close_for_commit");
        committer.commit().await.expect("commit");
    });
}

/// Prints a table for each size of the parts.
pub(crate) fn run(plugins: &Path) -> Result<(), String> {
    let server = Server::builder()
        .bucket(BUCKET)
        .min_part_size(1)
        .etag(EtagKind::Random)
        .start_blocking()
        .map_err(|error| error.to_string())?;
    server
        .faults()
        .add(Fault::on_any().action(Action::Delay(LATENCY)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    for (name, part) in [("64 KiB", 64 << 10), ("1 MiB", 1 << 20), ("5 MiB", 5 << 20)] {
        let serial = open(&runtime, &server, plugins, part, 1)?;
        let parallel = open(&runtime, &server, plugins, part, 8)?;
        let content = Bytes::from(vec![b'x'; PARTS * part]);
        let rows = measure(
            1,
            vec![
                (
                    "one upload at a time",
                    Box::new(|_| write(&runtime, &serial, &content)),
                ),
                (
                    "eight uploads at a time",
                    Box::new(|_| write(&runtime, &parallel, &content)),
                ),
            ],
        );
        let title = format!("{PARTS} parts of {name}, {} ms a request", LATENCY.as_millis());
        print!("{}", table(&title, &rows, Some(content.len() as u64)));
        println!("  speed-up {:.1}", rows[0].wall / rows[1].wall);
    }
    Ok(())
}
