//! [`FileSystems`]: from a path to the file system that serves it.

mod builder;
mod choice;
mod configured;
mod delegation_tokens;
mod instances;
mod metrics;
mod open_streams;
mod resolve;
mod routing;
mod selection;
mod trust;

use std::fmt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, join_all, select};
use plugin_api::{
    Config, DiagnosisOptions, Error, ErrorKind, FileSystem, HostRef, Location, Probe, Result, abi,
};

use crate::configuration::Configuration;
use crate::diagnosis;
use crate::discovery::SearchedPlace;
use crate::plugin::{Plugin, PluginReport};
use crate::streams::{Limits, Streams};
use crate::telemetry::FilterListener;
use crate::trust::Trust;
use instances::Instances;
use routing::Routes;

pub use builder::FileSystemsBuilder;
pub use selection::{Selection, SelectionCandidate};

/// The file systems of a process: the registry of plugins and the instances made by them.
///
/// Cheap to clone; all clones are the same registry. It can be used from any thread and with any
/// executor. Plugins are found when it is built and loaded when a path of theirs is first used.
///
/// ```
/// use host_loader::FileSystems;
/// use host_loader::plugin_api::{CreateOptions, FileSystemExt};
///
/// # futures_executor::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = format!("{}/greeting", dir.path().display());
/// let file_systems = FileSystems::builder().build()?;
/// // A plain path, or file:///…; with the S3 plugin installed just as well s3://bucket/key.
/// let (fs, file) = file_systems.open_path(&path).await?;
/// fs.write_all(&file, "hello".into(), &CreateOptions::default()).await?;
/// assert_eq!(fs.read_all(&file).await?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FileSystems(Arc<Registry>);

/// What a plugin may take beyond the deadline of a shutdown.
const LEEWAY: Duration = Duration::from_secs(5);

/// What the clones of a [`FileSystems`] share.
struct Registry {
    configuration: Configuration,
    /// The same without origins, as plugins receive it.
    config: Config,
    /// Whether an unknown key is an error.
    is_strict: bool,
    /// What plugins are given as their host; `None` for one of its own for each.
    host: Option<HostRef>,
    plugins: Vec<Arc<Plugin>>,
    routes: Routes,
    searched: Vec<SearchedPlace>,
    /// Where a missing plugin is best put.
    install_into: Option<PathBuf>,
    /// Scheme and authority of paths without a scheme, unless these are local.
    default_root: Option<Location>,
    instances: Instances,
    trust: Arc<Trust>,
    streams: Streams,
    closed: Arc<AtomicBool>,
}

impl Registry {
    async fn telemetry_changed(&self) {
        for plugin in &self.plugins {
            if let Some(factory) = plugin.loaded_factory().await {
                factory.telemetry_changed();
            }
        }
    }
}

impl FilterListener for Registry {
    fn filters_changed(&self) {
        futures_executor::block_on(self.telemetry_changed());
    }
}

impl FileSystems {
    /// Prepares a registry.
    pub fn builder() -> FileSystemsBuilder {
        FileSystemsBuilder::new()
    }

    /// The location that `path` means.
    ///
    /// | path | location |
    /// |---|---|
    /// | `scheme://authority/key` | as it stands |
    /// | `file:///x`, `file:/x` | the local file `/x` |
    /// | `file:x` | the local file `x` in the current directory |
    /// | `/x`, `x` | with `fs.default-scheme` `x` there, else the local file |
    ///
    /// Nothing is decoded, encoded or normalised: `a//b`, `./a` and `a%20b` keep their bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPath`]: an empty path, an invalid scheme, a local file with a host
    /// (`file://host/x`), or a known scheme without its two slashes (`s3:/bucket/key`).
    pub fn resolve(&self, path: &str) -> Result<Location> {
        let is_known = |scheme: &str| self.0.routes.of(scheme).is_some();
        resolve::resolve(path, self.0.default_root.as_ref(), &is_known)
    }

    /// The file system of a location. It is made once for each scheme and authority, then shared until somebody
    /// [closes](FileSystem::close) it; the plugin is loaded at the first use of one of its schemes.
    ///
    /// May be cancelled at any time; a load that has begun is completed and kept.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownScheme`] lists the known schemes and every directory that was searched;
    /// [`ErrorKind::PluginLoad`] if the plugin cannot be loaded (remembered: later calls fail in the
    /// same way) or if nothing says which of several serves the scheme; [`ErrorKind::InvalidConfig`] for a value
    /// of `fs.<scheme>.plugin` that names none of them, and for an unknown key where
    /// `fs.strict-config` is true, which otherwise is a warning in the log; whatever the plugin says to the configuration
    /// (not remembered: the next call tries again); [`ErrorKind::Closed`] after
    /// [`shutdown`](Self::shutdown).
    pub async fn get(&self, path: &Location) -> Result<Arc<dyn FileSystem>> {
        self.check_open()?;
        let plugin = self.route(path)?;
        self.0
            .instances
            .get_or_create(path, || async {
                self.review(plugin)?;
                let limits = Limits::read(&self.0.config, path.scheme())?;
                let factory = plugin.factory(self.0.host.as_ref(), &self.0.closed).await?;
                let root = path.with_key("");
                let instance = factory
                    .create(&root, &self.0.config)
                    .await
                    .map_err(|error| error.with_path(&root))?;
                // A shutdown in the meantime has not seen this instance.
                self.check_open()?;
                Ok(self.0.streams.watch(root, limits, instance))
            })
            .await
    }

    /// Finds out, stage by stage, whether `path` can be used, and what to do where it cannot. `path` is a
    /// directory; everything that is written goes into a new one below it, which is gone at the end.
    ///
    /// A plugin that can diagnoses its own way to the store: that ends within a minute, and cancelled, it cleans up behind
    /// itself. Any other file system, and `file://`, is used as everybody uses it, without limits of time;
    /// cancelled, that leaves the directory behind.
    ///
    /// # Errors
    /// Those of [`get`](Self::get) about the plugin itself. What is wrong with the configuration or the store is in a
    /// [`Probe`].
    pub async fn diagnose(&self, path: &Location, options: &DiagnosisOptions) -> Result<Vec<Probe>> {
        self.check_open()?;
        let plugin = self.route(path)?;
        self.review(plugin)?;
        let factory = plugin.factory(self.0.host.as_ref(), &self.0.closed).await?;
        match factory.diagnose(path, &self.0.config, options).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            result => return result,
        }
        match self.get(path).await {
            Ok(file_system) => {
                let mut probes = vec![Probe::passed("config", format!("served by {}", plugin.name()))];
                probes.extend(diagnosis::diagnose(&file_system, path, options).await);
                Ok(probes)
            }
            Err(error) => Ok(vec![Probe::failed("config", error)]),
        }
    }

    /// [`resolve`](Self::resolve), then [`get`](Self::get).
    pub async fn open_path(&self, path: &str) -> Result<(Arc<dyn FileSystem>, Location)> {
        let location = self.resolve(path)?;
        let file_system = self.get(&location).await?;
        Ok((file_system, location))
    }

    /// Every file that was looked at, usable or not, in the order of the search. Factories that the
    /// host was linked with are not files and not among them.
    pub fn plugins(&self) -> Vec<PluginReport> {
        self.0
            .plugins
            .iter()
            .filter_map(|plugin| plugin.report())
            .collect()
    }

    /// The schemes that can be used, sorted; `file` is always among them.
    pub fn schemes(&self) -> Vec<String> {
        self.0.routes.schemes().cloned().collect()
    }

    /// Tells every loaded plugin that the host's log filters have changed, or that its subscriber
    /// was set up after the plugin was loaded. Until then a plugin keeps to what was wanted before.
    ///
    /// That happens by itself soon after each change that `tracing` is told of, as by the handle of a reloadable
    /// filter; this is for whoever has to know that it has happened.
    pub async fn telemetry_changed(&self) {
        self.0.telemetry_changed().await;
    }

    /// Ends all file systems, those of `file` included, and the background work of every loaded plugin.
    ///
    /// Running operations may finish within `deadline`; what still runs then, and every new call on whatever this
    /// registry has made, fails with [`ErrorKind::Closed`]. What was written and neither published nor persisted is
    /// removed, for which plugins have one second more; what was persisted stays. Streams that are still open at the
    /// end are logged. Idempotent; also while another shutdown, or the making of a file system, is under way.
    ///
    /// # Errors
    /// The first failure of a plugin; the others are shut down all the same. [`ErrorKind::Timeout`] if operations had
    /// to be cut off, or if a plugin does not end.
    pub async fn shutdown(&self, deadline: Duration) -> Result<()> {
        abi::check_fork()?;
        self.0.closed.store(true, Ordering::Release);
        self.0.streams.close();
        let results = join_all(self.0.plugins.iter().map(|plugin| async move {
            let end = async {
                match plugin.loaded_factory().await {
                    Some(factory) => factory.shutdown(deadline).await,
                    None => Ok(()),
                }
            };
            let ended = within(deadline.saturating_add(LEEWAY), end).await;
            ended
                .unwrap_or_else(|| Err(does_not_end(deadline)))
                .map_err(|error| {
                    tracing::warn!(plugin = plugin.name(), "shutdown failed: {error}");
                    error.with_operation("shutdown").with_path(plugin.origin())
                })
        }))
        .await;
        self.0.instances.clear();
        self.0.streams.report_open();
        results.into_iter().collect()
    }

    fn check_open(&self) -> Result<()> {
        abi::check_fork()?;
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the file systems were shut down"));
        }
        Ok(())
    }
}

/// What a future comes to, unless the time is over before.
async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(abi::sleep(time))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

fn does_not_end(deadline: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("the plugin did not end within {deadline:?} and {LEEWAY:?} more"),
    )
    .with_remedy("end the process; report this to the author of the plugin")
}

impl fmt::Debug for FileSystems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSystems")
            .field("schemes", &self.schemes())
            .finish_non_exhaustive()
    }
}
