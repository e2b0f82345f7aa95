//! [`InstanceMetadata`]: the service from which virtual machines and containers get credentials.

mod service;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::identity::Identity;
use crate::server::Server;

/// An instance metadata service of the second version on a loopback port of its own, which gives out
/// credentials that a [`Server`] accepts; and beside it the credentials endpoint of containers. Each request for
/// credentials issues a session of its own. Dropping it, or the server, closes all connections.
#[derive(Debug)]
pub struct InstanceMetadata {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

/// Describes an [`InstanceMetadata`]; everything has a default.
#[derive(Clone, Debug)]
#[must_use = "the service runs only once it is started"]
pub struct InstanceMetadataBuilder {
    handle: Handle,
    options: Options,
}

#[derive(Clone)]
struct Options {
    identity: Identity,
    region: String,
    role: Option<String>,
    container_token: Option<String>,
    duration: Duration,
    black_hole: bool,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    options: Options,
    /// Path and method of each request.
    requests: Mutex<Vec<String>>,
    /// Session tokens that were given out and are still good.
    tokens: Mutex<Vec<String>>,
}

impl InstanceMetadata {
    /// Describes a service whose credentials `server` accepts, and which runs where that runs.
    pub fn builder(server: &Server) -> InstanceMetadataBuilder {
        InstanceMetadataBuilder {
            handle: server.handle().clone(),
            options: Options {
                identity: server.identity().clone(),
                region: server.region().to_owned(),
                role: Some("instance-role".to_owned()),
                container_token: None,
                duration: Duration::from_hours(6),
                black_hole: false,
            },
        }
    }

    /// `http://127.0.0.1:PORT`, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where containers get their credentials, for `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub fn container_credentials_uri(&self) -> String {
        format!("{}{}", self.endpoint(), service::CONTAINER_CREDENTIALS)
    }

    /// The requests in the order in which they arrived, such as `PUT /latest/api/token`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().clone()
    }

    /// The session tokens given out so far that have not ended.
    pub fn tokens(&self) -> Vec<String> {
        self.shared.tokens.lock().clone()
    }

    /// Ends all session tokens given out so far: requests that carry them are answered with 401.
    pub fn expire_tokens(&self) {
        self.shared.tokens.lock().clear();
    }
}

impl Drop for InstanceMetadata {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl InstanceMetadataBuilder {
    /// The role of the instance; `instance-role` unless set.
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.options.role = Some(name.into());
        self
    }

    /// Gives the instance no role, and so no credentials.
    pub fn no_role(mut self) -> Self {
        self.options.role = None;
        self
    }

    /// The region of the instance; that of the server unless set.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.options.region = region.into();
        self
    }

    /// How long credentials are good; six hours unless set.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.options.duration = duration;
        self
    }

    /// Demands this of containers in the `Authorization` header.
    pub fn container_token(mut self, token: impl Into<String>) -> Self {
        self.options.container_token = Some(token.into());
        self
    }

    /// Accepts connections and reads requests, but never answers, as where a firewall drops what comes back.
    pub fn black_hole(mut self) -> Self {
        self.options.black_hole = true;
        self
    }

    /// Starts the service.
    pub fn start(self) -> io::Result<InstanceMetadata> {
        let Self { handle, options } = self;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _context = handle.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let shared = Arc::new(Shared {
            options,
            requests: Mutex::default(),
            tokens: Mutex::default(),
        });
        let listener = handle.spawn(service::run(listener, Arc::clone(&shared)));
        Ok(InstanceMetadata {
            address,
            shared,
            listener,
        })
    }
}

/// Without the token.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("region", &self.region)
            .field("role", &self.role)
            .field("duration", &self.duration)
            .field("black_hole", &self.black_hole)
            .finish_non_exhaustive()
    }
}
