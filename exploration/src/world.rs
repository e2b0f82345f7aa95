//! [`World`]: a server and the processes that use it, all on one runtime whose clock stands still
//! while anything is left to do.

use std::sync::Arc;
use std::time::Duration;

use plugin_api::{Config, FileSystemFactory as _, Location, RecoverableWriter, SilentHost};
use s3_native_plugin::internals;
use testkit::Server;
use tokio::runtime::Handle;

use crate::overseer::{BUCKET, KEY, Keeper, Overseer};
use crate::script::{PART, Script};

/// What stands at the key before.
const OLDER: &[u8] = b"an older object";

/// Processes of one run at most.
const PROCESSES: usize = 24;

const SECRET_KEY: &str = "secret";

/// The first access key of the server: of whoever is not overseen.
const KEEPER: &str = "keeper";

/// Longer than any request takes by [`tick`]; only what is never answered takes so long.
const SOCKET_TIMEOUT: &str = "200 ms";

/// A server and those who use it.
pub(crate) struct World {
    pub(crate) overseer: Arc<Overseer>,
    pub(crate) script: &'static Script,
    pub(crate) seed: u64,
    pub(crate) server: Server,
}

/// A client of its own, as a process has it.
pub(crate) struct Process {
    pub(crate) id: usize,
    pub(crate) writer: Arc<dyn RecoverableWriter>,
}

impl World {
    /// Must be called on the runtime on which everything is to run.
    pub(crate) async fn new(script: &'static Script, seed: u64, overseer: Arc<Overseer>) -> Self {
        let mut server = Server::builder()
            .bucket(BUCKET)
            .min_part_size(PART as u64)
            .forget_completed_uploads(script.forgets)
            .director(overseer.clone())
            .credentials(KEEPER, SECRET_KEY);
        for process in 0..PROCESSES {
            server = server.credentials(Overseer::access_key(process), SECRET_KEY);
        }
        let server = server.start_here().expect("a loopback port is free");
        let world = Self {
            overseer,
            script,
            seed,
            server,
        };
        let client = internals::client(&world.config(KEEPER)).await;
        world.overseer.employ(Keeper {
            store: world.server.store().clone(),
            client: client.expect("the configuration is valid"),
        });
        if let Some(older) = world.older() {
            world.server.store().put(BUCKET, KEY, older);
        }
        world
    }

    /// What stands at the key before.
    pub(crate) fn older(&self) -> Option<&'static [u8]> {
        (!self.script.is_new).then_some(OLDER)
    }

    /// Starts a process with this number.
    pub(crate) async fn process(&self, id: usize) -> Process {
        assert!(
            id < PROCESSES,
            "a run ends before it has started so many processes"
        );
        self.start(id, &Overseer::access_key(id)).await
    }

    /// Starts a process that meets no fault and is not counted.
    pub(crate) async fn unharmed_process(&self) -> Process {
        self.start(PROCESSES, KEEPER).await
    }

    async fn start(&self, id: usize, access_key: &str) -> Process {
        let factory = internals::factory_on(Handle::current(), Arc::new(SilentHost));
        let root = Location::new("s3", BUCKET, "").expect("the bucket has a valid name");
        let fs = factory.create(&root, &self.config(access_key)).await;
        let writer = fs.and_then(|fs| fs.recoverable_writer());
        Process {
            id,
            writer: writer.expect("the configuration is valid"),
        }
    }

    fn config(&self, access_key: &str) -> Config {
        let part = PART.to_string();
        let retries = self.script.retries.to_string();
        let own = [
            ("s3.access-key", access_key),
            ("s3.secret-key", SECRET_KEY),
            ("s3.upload.allow-small-parts", "true"),
            ("s3.upload.min.part.size", &part),
            ("s3.upload.max.concurrent.uploads", "2"),
            ("s3.retry.max-num-retries", &retries),
            // Without delays there is no jitter, so that every run is the same.
            ("s3.retry.base-delay", "0 ms"),
            ("s3.retry.throttle.base-delay", "0 ms"),
            ("s3.connection.timeout", SOCKET_TIMEOUT),
            ("s3.socket.timeout", SOCKET_TIMEOUT),
        ];
        let mut pairs = self.server.config("s3.");
        pairs.retain(|(key, _)| own.iter().all(|(own, _)| own != key));
        pairs.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        Config::from_pairs(pairs)
    }
}

pub(crate) fn location() -> Location {
    Location::new("s3", BUCKET, KEY).expect("the key is valid")
}

/// Lets the clock of a paused runtime advance in small steps only.
///
/// The runtime advances its clock to the next timer whenever no task can run, also when the kernel has
/// bytes for one. So there is always a timer of one millisecond: a request over loopback takes a few of
/// these, and no timeout comes close.
pub(crate) async fn tick() {
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
