//! How a server is described before it is started.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::identity::IdentityOptions;
use super::{Options, Server};
use crate::deviations::Deviations;
use crate::director::Director;
use crate::encryption::EncryptionRules;
use crate::personality::Personality;
use crate::store::{EtagKind, Settings};
use crate::tls::TlsVersions;
use crate::{ACCESS_KEY, REGION, SECRET_KEY};

/// Describes a server; everything has a default.
#[derive(Clone, Debug)]
#[must_use = "a server runs only once it is started"]
pub struct ServerBuilder {
    port: u16,
    buckets: Vec<String>,
    credentials: Vec<(String, String)>,
    folder: Option<PathBuf>,
    pub(super) settings: Settings,
    director: Option<Arc<dyn Director>>,
    pub(super) identity: IdentityOptions,
    pub(super) encryption: EncryptionRules,
    tls: Option<TlsVersions>,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            port: 0,
            buckets: Vec::new(),
            credentials: Vec::new(),
            folder: None,
            settings: Settings {
                region: REGION.to_owned(),
                bucket_regions: BTreeMap::new(),
                min_part_size: 5 << 20,
                etag: EtagKind::Md5,
                forget_completed_uploads: false,
                equal_parts: false,
                max_parts: 10_000,
                ceph_uploads: false,
                deviations: Deviations::default(),
            },
            director: None,
            identity: IdentityOptions::default(),
            encryption: EncryptionRules::default(),
            tls: None,
        }
    }

    /// Creates a bucket at the start, unless the folder has it. Can be repeated.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.buckets.push(name.into());
        self
    }

    /// Accepts this access key and its secret, in place of [`ACCESS_KEY`] and [`SECRET_KEY`]. Can be repeated.
    pub fn credentials(mut self, access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        self.credentials.push((access_key.into(), secret_key.into()));
        self
    }

    /// The region of the endpoint, and of all buckets that are in no other; `us-east-1` unless set.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = region.into();
        self
    }

    /// Keeps everything in a folder, from which a later server goes on; in memory unless set. One server at a
    /// time may use it.
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Listens on this port; on any free one unless set.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The least size of all parts but the last; the 5 MiB of AWS unless set. Small ones let fault exploration
    /// do with little data.
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.settings.min_part_size = bytes;
        self
    }

    /// How entity tags are made; MD5 unless set.
    pub fn etag(mut self, kind: EtagKind) -> Self {
        self.settings.etag = kind;
        self
    }

    /// Answers a repeated `CompleteMultipartUpload` with `NoSuchUpload`, as several stores other than AWS do.
    pub fn forget_completed_uploads(mut self, forget: bool) -> Self {
        self.settings.forget_completed_uploads = forget;
        self
    }

    /// Refuses to complete an upload unless all of its parts have the same size, but for the last, which may be
    /// shorter: as Cloudflare R2 does.
    pub fn equal_parts(mut self, demanded: bool) -> Self {
        self.settings.equal_parts = demanded;
        self
    }

    /// The highest part number; the 10,000 of AWS unless set. Some stores allow 1,000.
    pub fn max_parts(mut self, parts: u16) -> Self {
        self.settings.max_parts = parts;
        self
    }

    /// Lets this decide about each request before the faults do.
    pub fn director(mut self, director: Arc<dyn Director>) -> Self {
        self.director = Some(director);
        self
    }

    /// Treats uploads in parts as Ceph RGW 16 does: their ids begin with `2~`; `CompleteMultipartUpload` overlooks
    /// `If-None-Match`, refuses to leave out a part that was stored, is answered without an entity tag, and with
    /// `InternalError` if the upload is gone; then `ListParts` is answered with `NoSuchKey`.
    pub fn ceph_uploads(mut self, like_ceph: bool) -> Self {
        self.settings.ceph_uploads = like_ceph;
        self
    }

    /// Speaks HTTPS, with a certificate of an authority of the server's own: see [`Server::ca_certificate_pem`]. It
    /// is for `localhost`, `127.0.0.1`, `*.localhost`, `*.s3.localhost`, and `BUCKET.localhost` for the buckets of
    /// the start, as many clients take no `*.localhost`.
    pub fn tls(self) -> Self {
        self.tls_versions(TlsVersions::Both)
    }

    /// Speaks HTTPS in these versions of TLS only.
    pub fn tls_versions(mut self, versions: TlsVersions) -> Self {
        self.tls = Some(versions);
        self
    }

    /// Behaves like this store.
    pub fn personality(mut self, personality: Personality) -> Self {
        personality.apply(&mut self.settings);
        self
    }

    /// Starts the server.
    pub async fn start(self) -> io::Result<Server> {
        // Reading a folder may take long.
        tokio::task::spawn_blocking(|| self.start_blocking())
            .await
            .map_err(io::Error::other)?
    }

    /// Starts the server from a thread that runs no async code.
    pub fn start_blocking(self) -> io::Result<Server> {
        self.launch(None)
    }

    /// Starts the server on the runtime that this is called on, whose clock and threads it shares. It serves as
    /// long as that runtime runs.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_here(self) -> io::Result<Server> {
        self.launch(Some(Handle::current()))
    }

    fn launch(self, on: Option<Handle>) -> io::Result<Server> {
        let Self {
            port,
            buckets,
            credentials: mut keys,
            folder,
            settings,
            director,
            identity,
            encryption,
            tls,
        } = self;
        if keys.is_empty() {
            keys.push((ACCESS_KEY.to_owned(), SECRET_KEY.to_owned()));
        }
        let options = Options {
            port,
            buckets,
            keys,
            settings,
            folder,
            director,
            identity,
            encryption,
            tls,
        };
        Server::launch(options, on)
    }
}
