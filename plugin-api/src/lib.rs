//! The interface between a data engine and its filesystem plugins.
//!
//! A plugin is a shared library that serves one or more URI schemes. Its author implements
//! [`FileSystemFactory`] and [`FileSystem`], ordinary asynchronous Rust traits, and exports them
//! with one macro, [`export_plugin!`]. A host (usually through the `host-loader` crate) gets the
//! very same traits back. What lies between, a stable ABI that does not depend on the compiler,
//! the allocator or the runtime of either side, is in [`abi`] and concerns neither.
//!
//! # A complete plugin
//!
//! Files in memory, served as `mem://`. As a crate of type `cdylib` this is all it takes:
//!
//! ```
//! use plugin_api::*;
//! use std::{collections::BTreeMap, sync::{Arc, Mutex}};
//!
//! type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;
//! struct Memory(Files);
//!
//! #[async_trait]
//! impl FileSystemFactory for Memory {
//!     async fn create(&self, _: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> { Ok(Arc::new(Self(self.0.clone()))) }
//! }
//!
//! #[async_trait]
//! impl FileSystem for Memory {
//!     fn capabilities(&self) -> Capabilities { Capabilities::ATOMIC_CREATE | Capabilities::ATOMIC_PUBLISH }
//!     async fn status(&self, path: &Location) -> Result<FileStatus> {
//!         let files = self.0.lock().unwrap();
//!         if let Some(content) = files.get(path.key()) {
//!             return Ok(FileStatus::file(path.clone(), content.len() as u64));
//!         }
//!         if path.is_root() || files.keys().any(|key| key.starts_with(&path.directory_prefix())) {
//!             return Ok(FileStatus::directory(path.clone()));
//!         }
//!         Err(Error::new(ErrorKind::NotFound, "no such file").with_operation("status").with_path(path))
//!     }
//!     async fn list(&self, path: &Location, _options: &ListOptions) -> Result<Box<dyn Lister>> {
//!         let (files, prefix) = (self.0.lock().unwrap(), path.directory_prefix());
//!         let listed = files.iter().filter(|(key, _)| key.starts_with(&prefix) || *key == path.key());
//!         Ok(Box::new(Page(listed.map(|(key, c)| FileStatus::file(path.with_key(key), c.len() as u64)).collect())))
//!     }
//!     async fn open(&self, path: &Location, _options: &OpenOptions) -> Result<Box<dyn InputStream>> {
//!         let content = self.0.lock().unwrap().get(path.key()).cloned();
//!         let content = content.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file").with_path(path))?;
//!         Ok(Box::new(Reader { content, position: 0 }))
//!     }
//!     async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
//!         let (files, path, mode) = (Arc::clone(&self.0), path.clone(), options.mode);
//!         Ok(Box::new(Writer { files, path, mode, data: Vec::new() }))
//!     }
//!     async fn delete(&self, p: &Location, _: bool) -> Result<bool> { Ok(self.0.lock().unwrap().remove(p.key()).is_some()) }
//!     async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
//!         let mut files = self.0.lock().unwrap();
//!         let content = files.remove(from.key()).ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file"))?;
//!         files.insert(to.key().to_owned(), content);
//!         Ok(())
//!     }
//!     async fn mkdirs(&self, _path: &Location) -> Result<()> { Ok(()) }
//! }
//!
//! struct Page(Vec<FileStatus>);
//! #[async_trait]
//! impl Lister for Page {
//!     async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
//!         Ok(Some(std::mem::take(&mut self.0)).filter(|page| !page.is_empty()))
//!     }
//! }
//!
//! struct Reader { content: Bytes, position: usize }
//! #[async_trait]
//! impl InputStream for Reader {
//!     async fn read(&mut self, max: usize) -> Result<Bytes> {
//!         let end = self.content.len().min(self.position.saturating_add(max));
//!         let chunk = self.content.slice(self.position..end);
//!         self.position = end;
//!         Ok(chunk)
//!     }
//!     fn seek(&mut self, position: u64) -> Result<()> {
//!         if position > self.len() { return Err(Error::new(ErrorKind::UnexpectedEof, "past the end")); }
//!         Ok(self.position = position as usize)
//!     }
//!     fn position(&self) -> u64 { self.position as u64 }
//!     fn len(&self) -> u64 { self.content.len() as u64 }
//!     async fn close(&mut self) -> Result<()> { Ok(()) }
//! }
//!
//! struct Writer { files: Files, path: Location, mode: WriteMode, data: Vec<u8> }
//! #[async_trait]
//! impl OutputStream for Writer {
//!     async fn write(&mut self, data: &[u8]) -> Result<()> { self.data.extend_from_slice(data); Ok(()) }
//!     fn position(&self) -> u64 { self.data.len() as u64 }
//!     fn location(&self) -> Location { self.path.clone() }
//!     async fn flush(&mut self) -> Result<()> { Ok(()) }
//!     async fn sync(&mut self) -> Result<()> { Ok(()) }
//!     async fn close(&mut self) -> Result<FileStatus> {
//!         let mut files = self.files.lock().unwrap();
//!         if self.mode == WriteMode::NoOverwrite && files.contains_key(self.path.key()) {
//!             return Err(Error::new(ErrorKind::AlreadyExists, "the file exists").with_path(&self.path));
//!         }
//!         files.insert(self.path.key().to_owned(), std::mem::take(&mut self.data).into());
//!         Ok(FileStatus::file(self.path.clone(), files[self.path.key()].len() as u64))
//!     }
//!     async fn abort(&mut self) -> Result<()> { self.data.clear(); Ok(()) }
//! }
//!
//! export_plugin! {
//!     name: "memory",
//!     schemes: ["mem"],
//!     options: &[],
//!     factory: |_host: HostRef| Ok::<_, Error>(Memory(Files::default())),
//! }
//! # fn main() {}
//! ```

pub mod abi;
mod bulk_copy;
mod capabilities;
mod config;
mod delegation_token;
mod diagnosis;
mod error;
mod file_system;
mod host;
mod location;
mod manifest;
mod options;
mod recoverable;
mod status;
mod stream;
pub mod telemetry;

pub use async_trait::async_trait;
pub use bulk_copy::{BulkCopy, CopyOptions, CopyProgress, CopyRequest, NoProgress};
pub use bytes::Bytes;
pub use capabilities::Capabilities;
pub use config::{Config, ConfigOption, Effective, Schema, Scoped, ValueType};
pub use delegation_token::{DelegationToken, DelegationTokenProvider, DelegationTokenReceiver};
pub use diagnosis::{DiagnosisOptions, Outcome, Probe};
pub use error::{Cause, Error, ErrorKind, Result, Retry};
pub use file_system::{FileSystem, FileSystemExt, FileSystemFactory, Lister};
pub use host::{
    Callsite, CallsiteKind, FieldValue, Fields, Host, HostRef, Level, Measurement, MemoryPressure,
    MetricKind, SilentHost,
};
pub use location::Location;
pub use manifest::{
    ABI_VERSION, AbiVersion, Manifest, NOTE_OWNER, NOTE_SECTION, NOTE_TYPE, OptionInfo, PluginSpec,
};
pub use options::{
    CreateOptions, ExtensionOption, Extensions, ListOptions, OpenOptions, OptionValue, WriteMode,
};
pub use recoverable::{
    Committer, PendingUpload, Recoverable, RecoverableCondition, RecoverableInfo, RecoverableStream,
    RecoverableWriter,
};
pub use status::{FileKind, FileStatus};
pub use stream::{InputStream, OutputStream};
pub use telemetry::HostSubscriber;
