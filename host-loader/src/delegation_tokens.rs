//! Delegation tokens: [`DelegationTokenManager`] obtains them for the workers of this process.

mod listeners;
mod options;
mod renewal;
mod schedule;
mod services;

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future;
use plugin_api::{Config, DelegationToken, Error, ErrorKind, Result};

use options::{Policy, is_service_enabled};
use renewal::{Renewal, Shared, closed, lock};
use schedule::Schedule;
use services::Services;

pub(crate) use options::are_enabled;
pub(crate) use services::{Loaded, configured_services, services_of};

/// Tokens by the name of their service, such as `s3-native`. The bytes are secret, and `Debug` does not show them.
pub type DelegationTokens = BTreeMap<String, DelegationToken>;

/// Obtains delegation tokens, renews them before they end, and hands them out.
///
/// One process, the coordinator, holds long-lived credentials and has a manager. Its workers hold none: they
/// get the tokens over the engine's own connections and take them into use with
/// [`FileSystems::receive_delegation_tokens`](crate::FileSystems::receive_delegation_tokens). The coordinator's
/// own file systems use them too.
///
/// Tokens are renewed on a thread of the manager, after the part `security.delegation.tokens.renewal.time-ratio`
/// of their validity, and after a failure with growing waits that leave time for further attempts before they
/// end. It works with any executor, or none.
///
/// Dropping it ends the renewal without waiting.
///
/// ```
/// use host_loader::FileSystems;
/// use std::sync::mpsc;
///
/// # futures_executor::block_on(async {
/// let (connection, arrived) = mpsc::channel(); // stands for the engine's RPC
///
/// // The coordinator, whose configuration has the keys of a provider.
/// let file_systems = FileSystems::builder().build()?;
/// let manager = file_systems.delegation_tokens().await?;
/// manager.listen(move |tokens| {
///     // Whoever joins later gets what is in use from `tokens()`.
///     let _ = connection.send(tokens.clone());
/// });
/// manager.start().await?;
///
/// // A worker, for each message.
/// # let worker = FileSystems::builder().build()?;
/// for tokens in arrived.try_iter() {
///     worker.receive_delegation_tokens(&tokens).await?;
/// }
///
/// manager.stop().await;
/// # Ok::<(), host_loader::plugin_api::Error>(())
/// # })?;
/// # Ok::<(), host_loader::plugin_api::Error>(())
/// ```
pub struct DelegationTokenManager {
    shared: Arc<Shared>,
    /// The services whose tokens are obtained, sorted.
    names: Vec<String>,
    progress: Mutex<Progress>,
}

/// How far a manager has come.
enum Progress {
    Ready(Services),
    /// Resolves when the thread has ended.
    Started(future::Shared<oneshot::Receiver<()>>),
    /// Stopped before it was started.
    Stopped,
}

impl DelegationTokenManager {
    pub(crate) fn new(plugins: &[Loaded], config: &Config, shut_down: Arc<AtomicBool>) -> Result<Self> {
        let policy = Policy::read(config)?;
        let services = if are_enabled(config)? {
            Services::pair(plugins, config)?
        } else {
            Services::default()
        };
        let names = services.0.iter().map(|service| service.name.clone()).collect();
        Ok(Self {
            shared: Arc::new(Shared::new(
                Box::new(SystemTime::now),
                Schedule::new(policy),
                shut_down,
            )),
            names,
            progress: Mutex::new(Progress::Ready(services)),
        })
    }

    /// With another clock than that of the system, for tests. Call [`clock_changed`](Self::clock_changed) when it
    /// was set forward. Has no effect on a manager that was started.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.clock = Box::new(clock);
        }
        self
    }

    /// The services whose tokens are obtained, sorted; none if the configuration asks for no tokens.
    pub fn services(&self) -> &[String] {
        &self.names
    }

    /// Calls `listener` with all tokens in use whenever some of them are new, and at once if there are any.
    ///
    /// It is called on the manager's thread, or on the caller's: it should pass the tokens on and return, and must
    /// not wait for the manager or call this. Listeners are called in the order in which they came, with every set
    /// of tokens once.
    pub fn listen(&self, listener: impl Fn(&DelegationTokens) + Send + 'static) {
        lock(&self.shared.listeners).add(Box::new(listener));
    }

    /// The tokens in use, as the listeners got them last.
    pub fn tokens(&self) -> Option<Arc<DelegationTokens>> {
        lock(&self.shared.listeners).last()
    }

    /// Starts the renewal, and waits until the first tokens have been obtained and handed out. Does nothing if it
    /// was started already.
    ///
    /// May be cancelled at any time; the renewal goes on.
    ///
    /// # Errors
    /// The first error of a provider or receiver. The manager goes on all the same and tries again; [`stop`
    /// ](Self::stop) it if that is not wanted. [`ErrorKind::Closed`] after a stop.
    pub async fn start(&self) -> Result<()> {
        match self.spawn()? {
            Some(first) => first.await.unwrap_or_else(|_| Err(closed())),
            None => Ok(()),
        }
    }

    /// Starts the thread, and returns what the first cycle comes to; `None` if there is nothing to start.
    fn spawn(&self) -> Result<Option<oneshot::Receiver<Result<()>>>> {
        let mut progress = lock(&self.progress);
        if self.shared.state().schedule.is_stopped() {
            return Err(closed());
        }
        if self.names.is_empty() || matches!(*progress, Progress::Started(_)) {
            return Ok(None);
        }
        let (end, ended) = oneshot::channel::<()>();
        let Progress::Ready(services) = mem::replace(&mut *progress, Progress::Started(ended.shared()))
        else {
            return Err(closed());
        };
        let (send, first) = oneshot::channel();
        {
            let mut state = self.shared.state();
            state.schedule.start((self.shared.clock)());
            state.waiting.push(send);
        }
        let renewal = Renewal {
            services,
            shared: self.shared.clone(),
            current: DelegationTokens::new(),
        };
        // What is logged belongs to whoever started it.
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        thread::Builder::new()
            .name("fsplug-tokens".to_owned())
            .spawn(move || {
                let _end = end;
                tracing::dispatcher::with_default(&dispatch, || renewal.run());
            })
            .map_err(|error| {
                Error::from(error)
                    .with_operation("renew delegation tokens")
                    .with_remedy("raise the limit of threads of the process")
            })?;
        Ok(Some(first))
    }

    /// Obtains new tokens now, and waits until they were handed out. A running attempt serves all that ask while it
    /// runs. Otherwise a new one begins, no sooner than `security.delegation.tokens.reobtain.cooldown` after the
    /// last; whoever asks meanwhile shares it.
    ///
    /// If cancelled, the tokens are obtained all the same.
    ///
    /// # Errors
    /// The first error of a provider or receiver; [`ErrorKind::InvalidInput`] before [`start`](Self::start);
    /// [`ErrorKind::Closed`] after a stop, and for whoever waits then.
    pub async fn renew_now(&self) -> Result<()> {
        self.request()?.await.unwrap_or_else(|_| Err(closed()))
    }

    fn request(&self) -> Result<oneshot::Receiver<Result<()>>> {
        let (send, served) = oneshot::channel();
        let progress = lock(&self.progress);
        let mut state = self.shared.state();
        if state.schedule.is_stopped() {
            return Err(closed());
        }
        if self.names.is_empty() {
            let _ = send.send(Ok(()));
            return Ok(served);
        }
        if !matches!(*progress, Progress::Started(_)) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the manager of delegation tokens was not started",
            )
            .with_remedy("call start() first"));
        }
        state.schedule.request((self.shared.clock)());
        state.waiting.push(send);
        drop(state);
        self.shared.wake();
        Ok(served)
    }

    /// Makes the manager look at the clock, which was set or stood still. It does so by itself once a minute.
    pub fn clock_changed(&self) {
        self.shared.wake();
    }

    /// Ends the renewal: cancels a running attempt and waits until the providers are gone. What has been handed out
    /// stays in use; nothing more is. Idempotent, and final: the manager cannot be started again.
    ///
    /// May be cancelled, which does not stop the stop.
    pub async fn stop(&self) {
        self.shared.stop();
        let ended = match &mut *lock(&self.progress) {
            Progress::Started(ended) => Some(ended.clone()),
            never_started => {
                *never_started = Progress::Stopped;
                None
            }
        };
        if let Some(ended) = ended {
            // An error only says that the thread is gone.
            let _ = ended.await;
        }
    }
}

impl Drop for DelegationTokenManager {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl fmt::Debug for DelegationTokenManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegationTokenManager")
            .field("services", &self.names)
            .finish_non_exhaustive()
    }
}

/// Hands tokens that another process obtained to the receivers of these plugins.
pub(crate) async fn receive(plugins: &[Loaded], config: &Config, tokens: &DelegationTokens) -> Result<()> {
    let receivers = services::receivers(plugins, config)?;
    let mut result = Ok(());
    for (service, token) in tokens {
        if !is_service_enabled(config, service) {
            continue;
        }
        let received = match receivers.get(service) {
            Some((origin, receiver)) => renewal::receive(&**receiver, token)
                .await
                .map_err(|error| error.with_path(format!("'{service}' of {origin}"))),
            None => Err(Error::new(
                ErrorKind::PluginLoad,
                format!("no plugin receives the delegation tokens of '{service}'"),
            )
            .with_remedy("install the plugin that obtained them here too")),
        };
        result = result.and(received);
    }
    result
}
