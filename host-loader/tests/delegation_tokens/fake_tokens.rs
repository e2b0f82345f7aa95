//! Plugins inside the test program whose tokens are numbers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot;
use host_loader::plugin_api::{
    ABI_VERSION, Config, ConfigOption, DelegationToken, DelegationTokenProvider, DelegationTokenReceiver,
    Error, ErrorKind, FileSystem, FileSystemFactory, Location, Manifest, OptionInfo, Result, ValueType,
    async_trait,
};
use host_loader::{FileSystems, FileSystemsBuilder};

use crate::clock::ManualClock;

/// How long the tokens of fake providers live.
pub(crate) const LIFE: Duration = Duration::from_hours(1);

/// What a provider does when it is asked.
pub(crate) enum Answer {
    /// A token with this life from now on.
    Token(Option<Duration>),
    Fail,
    Panic,
    /// Tells that it was asked, and answers with a token when the second is sent or dropped.
    Held(oneshot::Sender<()>, oneshot::Receiver<()>),
}

/// A plugin with a provider, a receiver, or both.
pub(crate) struct Fake {
    pub(crate) service: &'static str,
    pub(crate) has_provider: bool,
    pub(crate) has_receiver: bool,
    pub(crate) clock: ManualClock,
    /// What the next calls come to; tokens that live for [`LIFE`] afterwards.
    pub(crate) answers: Mutex<VecDeque<Answer>>,
    pub(crate) obtained: AtomicUsize,
    /// How many calls are under way now, and at most.
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    /// Providers that are gone.
    pub(crate) closed: AtomicUsize,
    pub(crate) received: Mutex<Vec<String>>,
    /// Receptions to fail before the first success.
    pub(crate) refusals: AtomicUsize,
}

impl Fake {
    pub(crate) fn new(service: &'static str, clock: &ManualClock) -> Self {
        Self {
            service,
            has_provider: true,
            has_receiver: true,
            clock: clock.clone(),
            answers: Mutex::default(),
            obtained: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            received: Mutex::default(),
            refusals: AtomicUsize::new(0),
        }
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// The next call waits. The first end tells that it has come, the second lets it go.
    pub(crate) fn hold(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (tell, asked) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.answer(Answer::Held(tell, released));
        (asked, release)
    }

    pub(crate) fn obtained(&self) -> usize {
        self.obtained.load(Ordering::SeqCst)
    }

    pub(crate) fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

/// The plugin as a factory.
struct FakeFactory(Arc<Fake>);

#[async_trait]
impl FileSystemFactory for FakeFactory {
    async fn create(&self, root: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        Err(Error::new(ErrorKind::Unsupported, "it has tokens only").with_path(root))
    }

    fn delegation_token_provider(&self, config: &Config) -> Result<Option<Box<dyn DelegationTokenProvider>>> {
        let key = format!("security.delegation.token.provider.{}.key", self.0.service);
        let is_required = config.get(&key).is_some();
        let provider = Provider {
            fake: self.0.clone(),
            is_required,
        };
        Ok(self.0.has_provider.then(|| Box::new(provider) as _))
    }

    fn delegation_token_receiver(&self) -> Option<Box<dyn DelegationTokenReceiver>> {
        self.0
            .has_receiver
            .then(|| Box::new(Receiver(self.0.clone())) as _)
    }
}

struct Provider {
    fake: Arc<Fake>,
    is_required: bool,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.fake.closed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts a call that is under way.
struct Running<'a>(&'a Fake);

impl<'a> Running<'a> {
    fn new(fake: &'a Fake) -> Self {
        let now = fake.running.fetch_add(1, Ordering::SeqCst) + 1;
        fake.most_running.fetch_max(now, Ordering::SeqCst);
        Self(fake)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl DelegationTokenProvider for Provider {
    fn service_name(&self) -> String {
        self.fake.service.to_owned()
    }

    fn is_required(&self) -> bool {
        self.is_required
    }

    async fn obtain(&self) -> Result<DelegationToken> {
        let _running = Running::new(&self.fake);
        let answer = self.fake.answers.lock().unwrap().pop_front();
        let number = self.fake.obtained.fetch_add(1, Ordering::SeqCst) + 1;
        let life = match answer {
            None => Some(LIFE),
            Some(Answer::Token(life)) => life,
            Some(Answer::Fail) => return Err(Error::new(ErrorKind::Unavailable, "the service is away")),
            Some(Answer::Panic) => panic!("no tokens on Mondays"),
            Some(Answer::Held(tell, released)) => {
                let _ = tell.send(());
                let _ = released.await;
                Some(LIFE)
            }
        };
        Ok(DelegationToken {
            bytes: format!("{} {number}", self.fake.service).into(),
            valid_until: life.map(|life| self.fake.clock.now() + life),
        })
    }
}

struct Receiver(Arc<Fake>);

#[async_trait]
impl DelegationTokenReceiver for Receiver {
    fn service_name(&self) -> String {
        self.0.service.to_owned()
    }

    async fn receive(&self, token: &DelegationToken) -> Result<()> {
        let refusals = &self.0.refusals;
        if refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(Error::new(ErrorKind::Corrupt, "it cannot be read"));
        }
        let text = String::from_utf8(token.bytes.to_vec()).unwrap();
        self.0.received.lock().unwrap().push(text);
        Ok(())
    }
}

/// A registry of these plugins, each with the name of its service and a number.
pub(crate) fn builder(fakes: &[Arc<Fake>]) -> FileSystemsBuilder {
    let mut builder = FileSystems::builder().search_environment(false);
    for (number, fake) in fakes.iter().enumerate() {
        let name = format!("{}/{number}", fake.service);
        let mut key = OptionInfo::from(&ConfigOption::new("", ValueType::Text));
        key.key = format!("security.delegation.token.provider.{}.key", fake.service);
        let manifest = Manifest {
            format: 1,
            abi: ABI_VERSION,
            min_host_minor: 0,
            name,
            version: "1.0.0".to_owned(),
            schemes: vec![format!("fake{number}")],
            options: vec![key],
            owned_prefixes: Vec::new(),
            scope_prefix: String::new(),
        };
        builder = builder.factory(manifest, Arc::new(FakeFactory(fake.clone())));
    }
    builder
}

/// The keys of these services, and more.
pub(crate) fn config(services: &[&str], more: &[(&str, &str)]) -> Config {
    let mut config = Config::from_pairs(more.iter().copied());
    for service in services {
        config.set(format!("security.delegation.token.provider.{service}.key"), "x");
    }
    config
}
