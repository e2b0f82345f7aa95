//! [`S3FileSystemFactory`]: the runtime, the clients and the memory budget of the plugin.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use plugin_api::{
    Config, DelegationTokenProvider, DelegationTokenReceiver, DiagnosisOptions, Error, ErrorKind, FileSystem,
    FileSystemFactory, HostRef, Location, Probe, Result, async_trait,
};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use crate::bucket::Bucket;
use crate::client;
use crate::credentials::DelegatedCredentials;
use crate::delegation_token::{SessionTokenProvider, SessionTokenReceiver};
use crate::diagnosis::{self, Limits};
use crate::dialect::Dialects;
use crate::file_system::{self, S3FileSystem};
use crate::gate::Gate;
use crate::memory::MemoryBudget;
use crate::metrics::Metrics;
use crate::multipart_upload::Unfinished;
use crate::settings::{self, Settings};
use crate::withheld;

/// Threads for what blocks: local files of bulk copies, and names that are looked up. As many as are needed, started
/// when they are.
const BLOCKING_THREADS: usize = 32;

/// Makes the file systems of buckets. What they share is made when the first one is.
pub struct S3FileSystemFactory {
    host: HostRef,
    gate: Arc<Gate>,
    handle: OnceLock<Handle>,
    runtime: Mutex<Option<Runtime>>,
    memory: OnceLock<Arc<MemoryBudget>>,
    clients: Mutex<Vec<(Arc<Settings>, aws_sdk_s3::Client)>>,
    buckets: Mutex<Vec<Weak<Bucket>>>,
    dialects: Dialects,
    delegated: Arc<DelegatedCredentials>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for S3FileSystemFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3FileSystemFactory").finish_non_exhaustive()
    }
}

impl S3FileSystemFactory {
    /// A factory for this host.
    ///
    /// # Errors
    /// None at present; an export of a plugin may fail, and so has this signature.
    #[allow(clippy::unnecessary_wraps, reason = "`export_plugin!` asks for it")]
    pub fn new(host: HostRef) -> Result<Self> {
        plugin_api::telemetry::withhold(withheld::FIELDS);
        Ok(Self::with(OnceLock::new(), host))
    }

    /// A factory whose file systems run on the caller's runtime.
    pub(crate) fn on(runtime: Handle, host: HostRef) -> Self {
        Self::with(OnceLock::from(runtime), host)
    }

    fn with(handle: OnceLock<Handle>, host: HostRef) -> Self {
        Self {
            metrics: Metrics::new(host.clone()),
            host,
            gate: Gate::new(None),
            handle,
            runtime: Mutex::new(None),
            memory: OnceLock::new(),
            clients: Mutex::new(Vec::new()),
            buckets: Mutex::new(Vec::new()),
            dialects: Dialects::default(),
            delegated: Arc::default(),
        }
    }

    /// The runtime, started with the number of threads that the first configuration asks for.
    fn runtime(&self, config: &Config) -> Result<Handle> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle.clone());
        }
        let threads = settings::runtime_threads(config)?;
        let mut runtime = lock(&self.runtime);
        if let Some(handle) = self.handle.get() {
            return Ok(handle.clone());
        }
        self.gate.check_open()?;
        let number = AtomicUsize::new(0);
        let started = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(BLOCKING_THREADS)
            .on_thread_start(plugin_api::runtime_thread_started)
            .thread_name_fn(move || format!("s3-native-{}", number.fetch_add(1, Ordering::Relaxed)))
            .enable_all()
            .build()
            .map_err(|error| {
                Error::from(error)
                    .with_operation("create")
                    .with_remedy("raise the limit of threads or open files of the process")
            })?;
        let handle = started.handle().clone();
        *runtime = Some(started);
        Ok(self.handle.get_or_init(|| handle).clone())
    }

    /// The client of these settings, shared by all that have the same.
    async fn client(&self, runtime: &Handle, settings: &Arc<Settings>) -> Result<aws_sdk_s3::Client> {
        if let Some(client) = self.known_client(settings) {
            return Ok(client);
        }
        // The runtime may have been started by this very call, which is then polled outside of it.
        let (wanted, delegated, metrics) = (settings.clone(), self.delegated.clone(), self.metrics.clone());
        let client = runtime
            .spawn(async move { client::connect(&wanted, &delegated, &metrics).await })
            .await
            .map_err(|error| {
                Error::new(
                    ErrorKind::Closed,
                    format!("the client could not be made: {error}"),
                )
                .with_operation("create")
            })??;
        if let Some(earlier) = self.known_client(settings) {
            return Ok(earlier);
        }
        lock(&self.clients).push((settings.clone(), client.clone()));
        Ok(client)
    }

    /// [`FileSystemFactory::diagnose`] in these limits of time.
    pub(crate) async fn diagnose_within(
        &self,
        root: &Location,
        config: &Config,
        options: &DiagnosisOptions,
        limits: Limits,
    ) -> Result<Vec<Probe>> {
        let _pass = self.gate.enter()?;
        options.extensions.refuse_unknown(&[])?;
        let runtime = match self.runtime(config) {
            Ok(runtime) => runtime,
            Err(error) => return Ok(vec![Probe::failed("config", error)]),
        };
        // On the runtime: the caller may go away, and then something may be left to remove.
        let task = runtime.spawn(diagnosis::diagnose(
            root.clone(),
            bucket_name(root),
            config.clone(),
            options.clone(),
            self.delegated.clone(),
            self.metrics.clone(),
            limits,
        ));
        let mut task = AbortOnDrop(task);
        (&mut task.0).await.map_err(|error| {
            if error.is_panic() {
                // For the boundary, as if it had happened here.
                std::panic::resume_unwind(error.into_panic());
            }
            Error::new(ErrorKind::Closed, "the plugin is being shut down").with_operation("diagnose")
        })
    }

    fn known_client(&self, settings: &Arc<Settings>) -> Option<aws_sdk_s3::Client> {
        lock(&self.clients)
            .iter()
            .find(|(known, _)| known == settings)
            .map(|(_, client)| client.clone())
    }

    /// The one budget of the plugin: what was configured first, else what the host grants.
    fn memory(&self, settings: &Settings) -> Arc<MemoryBudget> {
        self.memory
            .get_or_init(|| {
                let granted = self.host.memory_budget();
                let bytes = if granted > 0 && !settings.memory_budget_explicit {
                    granted
                } else {
                    settings.memory_budget
                };
                MemoryBudget::new(bytes, self.metrics.clone())
            })
            .clone()
    }
}

#[async_trait]
impl FileSystemFactory for S3FileSystemFactory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        let _pass = self.gate.enter()?;
        let name = bucket_name(root)?;
        let settings = Arc::new(Settings::of_bucket(config, &name)?);
        let runtime = self.runtime(config)?;
        let client = self.client(&runtime, &settings).await?;
        let memory = self.memory(&settings);
        let dialect = self
            .dialects
            .of(settings.endpoint.url.as_deref(), settings.compatibility);
        let bucket = Arc::new(Bucket {
            client,
            name,
            root: root.with_key(""),
            settings,
            runtime,
            memory,
            metrics: self.metrics.clone(),
            dialect,
            gate: Gate::new(Some(self.gate.clone())),
            unfinished: Unfinished::default(),
        });
        let mut buckets = lock(&self.buckets);
        buckets.retain(|bucket| bucket.strong_count() > 0);
        buckets.push(Arc::downgrade(&bucket));
        Ok(Arc::new(S3FileSystem::new(bucket)))
    }

    fn delegation_token_provider(&self, config: &Config) -> Result<Option<Box<dyn DelegationTokenProvider>>> {
        // Its requests need the runtime, which may not have been started by a file system.
        self.runtime(config)?;
        Ok(Some(Box::new(SessionTokenProvider::new(config)?)))
    }

    fn delegation_token_receiver(&self) -> Option<Box<dyn DelegationTokenReceiver>> {
        Some(Box::new(SessionTokenReceiver(self.delegated.clone())))
    }

    async fn diagnose(
        &self,
        root: &Location,
        config: &Config,
        options: &DiagnosisOptions,
    ) -> Result<Vec<Probe>> {
        self.diagnose_within(root, config, options, Limits::default())
            .await
    }

    fn enter(&self, poll: &mut dyn FnMut()) {
        let _entered = self.handle.get().map(Handle::enter);
        poll();
    }

    async fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.gate.shut();
        let Some(handle) = self.handle.get().cloned() else {
            return Ok(());
        };
        // On the runtime, since the caller need not have a clock.
        let gate = self.gate.clone();
        let buckets = lock(&self.buckets).clone();
        let closing = handle.spawn(async move {
            let finished = gate.close(deadline).await;
            let buckets = buckets.iter().filter_map(Weak::upgrade);
            futures::future::join_all(buckets.map(file_system::abort_unfinished)).await;
            finished
        });
        // Cut off by another shutdown, which says how it went.
        let Ok(finished) = closing.await else {
            return Ok(());
        };
        let runtime = lock(&self.runtime).take();
        if let Some(runtime) = runtime {
            // Returns at once; waiting here would block the caller's executor.
            runtime.shutdown_background();
        }
        lock(&self.clients).clear();
        if finished {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Timeout,
            format!("some operations were still running after {deadline:?} and were cut off"),
        )
        .with_operation("shutdown")
        .with_remedy("allow more time, or cancel them"))
    }
}

impl Drop for S3FileSystemFactory {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which panics on an asynchronous thread.
        let runtime = lock(&self.runtime).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

/// Cancels a task together with whoever waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bucket_name(root: &Location) -> Result<String> {
    let name = root.authority();
    let invalid = |message: String| {
        Err(Error::new(ErrorKind::InvalidPath, message)
            .with_operation("create")
            .with_remedy(format!("write the path as {}://bucket/dir/file", root.scheme())))
    };
    if name.is_empty() {
        return invalid("missing or empty bucket name".to_owned());
    }
    if name.contains('@') {
        // Whatever is in front of it may be a secret, so the path is not shown.
        return invalid("the path must not hold credentials".to_owned());
    }
    Ok(name.to_owned())
}
