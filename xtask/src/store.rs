//! [`Store`]: what the demo itself does with the object store, through the same plugin as the worker.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    Bytes, Capabilities, Config, CreateOptions, Error, FileStatus, FileSystemExt as _, ListOptions,
};

use crate::count::{Counts, add_part};
use crate::text::Text;

/// Bytes handed to the plugin at a time.
const CHUNK: usize = 1 << 20;

/// The file systems of the plugins in one directory.
pub(crate) struct Store {
    systems: FileSystems,
}

/// What the worker published.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Counts by word, over all part files.
    pub(crate) counts: Counts,
    /// How many part files there are.
    pub(crate) parts: u64,
    /// The bytes in them.
    pub(crate) bytes: u64,
}

impl Store {
    /// Finds the plugins.
    pub(crate) fn new(plugins: &Path, config: &[(&str, String)]) -> Result<Self> {
        let config = Config::from_pairs(config.iter().map(|(key, value)| (*key, value.as_str())));
        let systems = FileSystems::builder()
            .plugin_dir(plugins)
            .config(config)
            .build()?;
        Ok(Self { systems })
    }

    /// Writes a text to `directory`; what it returns per chunk is for progress.
    pub(crate) fn upload(&self, text: &Text, directory: &str, mut advanced: impl FnMut(u64)) -> Result<()> {
        let mut source = text.open()?;
        block_on(async {
            let (files, at) = self.systems.open_path(directory).await?;
            let options = CreateOptions {
                size_hint: text.len,
                ..CreateOptions::default()
            };
            let mut target = files.create(&at.join(&text.name), &options).await?;
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                source
                    .by_ref()
                    .take(CHUNK as u64)
                    .read_to_end(&mut chunk)
                    .with_context(|| format!("cannot read {}", text.name))?;
                if chunk.is_empty() {
                    break;
                }
                advanced(chunk.len() as u64);
                target.write_bytes(Bytes::from(chunk)).await?;
            }
            target.close().await?;
            Ok(())
        })
    }

    /// Reads every file in the worker's output directory.
    pub(crate) fn read_output(&self, directory: &str) -> Result<Output> {
        block_on(async {
            let (files, at) = self.systems.open_path(directory).await?;
            let mut output = Output::default();
            for FileStatus { location, .. } in files.list_all(&at, &ListOptions::recursive()).await? {
                if !location.name().starts_with("part-") {
                    bail!("{location} does not belong into the output");
                }
                let content = files.read_all(&location).await?;
                output.parts += 1;
                output.bytes += content.len() as u64;
                add_part(&content, &mut output.counts).with_context(|| location.to_string())?;
            }
            Ok(output)
        })
    }

    /// How many uploads are open below `directory`; `None` if the plugin cannot tell.
    pub(crate) fn open_uploads(&self, directory: &str) -> Result<Option<usize>> {
        block_on(async {
            let (files, at) = self.systems.open_path(directory).await?;
            if !files.capabilities().contains(Capabilities::PENDING_UPLOADS) {
                return Ok(None);
            }
            let writer = files.recoverable_writer()?;
            let (mut count, mut token) = (0, String::new());
            loop {
                let (uploads, next) = writer.pending_uploads(&at, &token).await?;
                count += uploads.len();
                match next {
                    Some(next) => token = next,
                    None => return Ok(Some(count)),
                }
            }
        })
    }

    /// Ends what the plugins do in the background.
    pub(crate) fn shutdown(self) -> Result<(), Error> {
        block_on(self.systems.shutdown(Duration::from_secs(10)))
    }
}
