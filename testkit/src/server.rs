//! The server: started with a builder, stopped when dropped.

mod builder;
mod encryption;
mod identity;
mod listener;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use s3s::validation::NameValidation as _;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use crate::auth::{Access, Keys};
use crate::bucket_names::BucketNames;
use crate::clock::Clock;
use crate::director::Director;
use crate::encryption::EncryptionRules;
use crate::faults::Faults;
use crate::identity::Identity;
use crate::request_log::RequestLog;
use crate::s3::Backend;
use crate::service::Service;
use crate::store::{Settings, Store};
use crate::sts::Sts;
use crate::tls::{Tls, TlsVersions};

pub use builder::ServerBuilder;
use identity::IdentityOptions;

/// Threads of the server: a measurement's client needs the other cores.
const WORKERS: usize = 2;

/// A running S3 server on a loopback port. Dropping it closes all connections.
///
/// It runs on threads of its own, and so serves plain tests and async ones alike, unless it was started
/// [on the runtime of its caller](ServerBuilder::start_here).
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    region: String,
    keys: Vec<(String, String)>,
    /// The certificate of the authority, if the server speaks TLS.
    ca_pem: Option<String>,
    /// Of the runtime that the server runs on.
    handle: Handle,
    store: Store,
    identity: Identity,
    faults: Faults,
    log: RequestLog,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    /// Present until dropped, unless it is the caller's.
    runtime: Option<Runtime>,
}

/// How to start a server.
struct Options {
    port: u16,
    buckets: Vec<String>,
    /// The first pair is the one that [`Server::config`] hands out.
    keys: Vec<(String, String)>,
    settings: Settings,
    folder: Option<PathBuf>,
    director: Option<Arc<dyn Director>>,
    identity: IdentityOptions,
    encryption: EncryptionRules,
    tls: Option<TlsVersions>,
}

impl Server {
    /// Starts to describe a server; [`ServerBuilder::start`] runs it.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Starts on the given runtime, else on one of its own.
    fn launch(options: Options, on: Option<Handle>) -> io::Result<Self> {
        let Options {
            port,
            buckets,
            keys,
            settings,
            folder,
            director,
            identity:
                IdentityOptions {
                    roles,
                    clock_offset,
                    limits,
                    wrong_region,
                    public,
                },
            encryption,
            tls,
        } = options;
        let region = settings.region.clone();
        let store = Store::open(settings, folder.as_deref())?;
        for bucket in &buckets {
            if !BucketNames.validate_bucket_name(bucket) {
                let message = format!("not a bucket name: {bucket:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            store.create_bucket(bucket);
        }
        let clock = Clock::off_by(clock_offset)?;
        let identity = Identity::new(&keys, clock, limits);
        let mut s3 = S3ServiceBuilder::new(Backend { store: store.clone() });
        s3.set_auth(Keys(identity.clone()));
        s3.set_validation(BucketNames);
        let encryption = Arc::new(encryption);
        s3.set_access(Access {
            public,
            encryption: Arc::clone(&encryption),
        });
        s3.set_route(Sts {
            identity: identity.clone(),
            roles,
        });
        s3.set_config(Arc::new(StaticConfigProvider::new(Arc::new(any_date()))));
        let (faults, log) = (Faults::default(), RequestLog::default());
        let service = Service {
            s3: s3.build(),
            director,
            store: store.clone(),
            identity: identity.clone(),
            wrong_region,
            encryption,
            faults: faults.clone(),
            log: log.clone(),
            next_request: AtomicU64::new(1),
        };

        let tls = tls
            .map(|versions| Tls::generate(versions, &buckets))
            .transpose()?;
        let (handle, runtime) = if let Some(handle) = on {
            (handle, None)
        } else {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(WORKERS)
                .thread_name("testkit")
                .enable_all()
                .build()?;
            (runtime.handle().clone(), Some(runtime))
        };
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _context = handle.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopping) = watch::channel(false);
        let (done, stopped) = watch::channel(false);
        let config = tls.as_ref().map(|tls| Arc::clone(&tls.config));
        handle.spawn(listener::run(listener, Arc::new(service), config, stopping, done));
        Ok(Self {
            address,
            region,
            keys,
            ca_pem: tls.map(|tls| tls.ca_pem),
            handle,
            store,
            identity,
            faults,
            log,
            stop,
            stopped,
            runtime,
        })
    }

    /// `http://127.0.0.1:PORT`, or `https://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate of the authority that certifies this server, in PEM, for clients to trust; none, unless the
    /// server speaks TLS.
    pub fn ca_certificate_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The region that requests have to be signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The first access key.
    pub fn access_key(&self) -> &str {
        &self.keys[0].0
    }

    /// The secret of the first access key.
    pub fn secret_key(&self) -> &str {
        &self.keys[0].1
    }

    /// The configuration with which a filesystem plugin reaches this server, for keys that start with `prefix`,
    /// such as `s3.` or `fs.s3.`.
    pub fn config(&self, prefix: &str) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("endpoint", self.endpoint()),
            ("access-key", self.access_key().to_owned()),
            ("secret-key", self.secret_key().to_owned()),
            ("region", self.region.clone()),
            ("path-style-access", "true".to_owned()),
        ];
        if self.store.settings().deviations.obeys_conditions() {
            // A client need not find that out with requests that a test does not expect.
            pairs.push(("conditional-writes", "true".to_owned()));
        }
        let prefixed = pairs
            .into_iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value));
        prefixed.collect()
    }

    /// What the server holds.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The requests that arrived.
    pub fn requests(&self) -> &RequestLog {
        &self.log
    }

    /// The faults that requests meet.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Closes all connections, and returns when none is left.
    pub async fn shutdown(mut self) {
        self.store.close();
        self.stop.send_replace(true);
        // An error means that the listener is gone already.
        drop(self.stopped.wait_for(|stopped| *stopped).await);
    }
}

/// Lets the protocol layer take signatures of any date: it goes by the clock of the system, and they have been
/// checked by that of the server.
fn any_date() -> S3Config {
    let mut config = S3Config::default();
    config.presigned_url_max_skew_time_secs = u32::MAX;
    config
}

impl Drop for Server {
    fn drop(&mut self) {
        self.store.close();
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            // Waiting is not possible where this may be dropped: on a thread of an async runtime.
            runtime.shutdown_background();
        }
    }
}
