//! [`Traces`]: what the stages leave in the bucket, and its removal.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use plugin_api::{Error, ErrorKind, Location, Probe, Result};
use tokio::runtime::Handle;

use super::rights::refused;

const STAGE: &str = "clean-up";

/// Where the stages write, and what may be there. Whatever happens, it is removed: by
/// [`remove`](Self::remove), or in the background when this is dropped.
pub(super) struct Traces {
    place: Place,
    left: Mutex<Left>,
    limit: Duration,
}

#[derive(Clone)]
struct Place {
    client: aws_sdk_s3::Client,
    bucket: String,
    /// A directory that nobody else uses.
    directory: Location,
}

#[derive(Default)]
struct Left {
    keys: Vec<String>,
    /// Key and id. An upload may be there whose id never arrived: `None`.
    uploads: Vec<(String, Option<String>)>,
    /// Whether the bucket keeps versions of what is deleted.
    versions: bool,
}

impl Left {
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.uploads.is_empty()
    }
}

impl Traces {
    pub(super) fn new(client: aws_sdk_s3::Client, bucket: &str, root: &Location, limit: Duration) -> Self {
        let number: u64 = rand::random();
        Self {
            place: Place {
                client,
                bucket: bucket.to_owned(),
                directory: root.join(&format!(".fsplug-doctor-{number:016x}")),
            },
            left: Mutex::default(),
            limit,
        }
    }

    /// The path of an object that is about to be written. It counts as there from now on.
    pub(super) fn object(&self, name: &str) -> Location {
        let path = self.place.directory.join(name);
        let mut left = self.left();
        if !left.keys.iter().any(|key| key == path.key()) {
            left.keys.push(path.key().to_owned());
        }
        path
    }

    /// The same for an upload, whose object is not there before it is completed.
    pub(super) fn upload(&self, name: &str) -> Location {
        let path = self.object(name);
        self.left().uploads.push((path.key().to_owned(), None));
        path
    }

    /// An upload has been begun.
    pub(super) fn begun(&self, path: &Location, id: &str) {
        let mut left = self.left();
        left.uploads.retain(|(key, _)| key != path.key());
        left.uploads.push((path.key().to_owned(), Some(id.to_owned())));
    }

    /// An upload is completed or aborted, or was never begun.
    pub(super) fn ended(&self, path: &Location) {
        self.left().uploads.retain(|(key, _)| key != path.key());
    }

    /// A reply told a version of an object.
    pub(super) fn version(&self, id: Option<&str>) {
        self.left().versions |= id.is_some_and(|id| !id.is_empty() && id != "null");
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes everything, and says what could not be removed. Cancelled, it goes on in the background.
    pub(super) async fn remove(self) -> Probe {
        let start = Instant::now();
        let (left, versions) = {
            let left = self.left();
            let known = Left {
                keys: left.keys.clone(),
                uploads: left.uploads.clone(),
                versions: left.versions,
            };
            (known, left.versions)
        };
        let directory = &self.place.directory;
        if left.is_empty() {
            return nothing();
        }
        let removal = tokio::time::timeout(self.limit, self.place.remove(&left)).await;
        // From here on nothing is left that a second try could do.
        *self.left() = Left::default();
        let probe = match removal {
            Ok(Ok(())) if versions => Probe::warning(
                STAGE,
                format!("everything is deleted, but the bucket keeps versions of what was below {directory}"),
                "let a lifecycle rule expire noncurrent versions, or delete them by hand",
            ),
            Ok(Ok(())) => Probe::passed(STAGE, "nothing is left behind"),
            Ok(Err(error)) => Probe::failed(STAGE, error),
            Err(_) => {
                let message = format!(
                    "not done within {:?}: something may be left below {directory}",
                    self.limit
                );
                let remedy = format!("run `fsplug rm -r {directory}` and `fsplug uploads ls {directory}`");
                Probe::failed(STAGE, Error::new(ErrorKind::Timeout, message).with_remedy(remedy))
            }
        };
        probe.took(start.elapsed())
    }
}

/// The stage where nothing was to be written.
pub(super) fn nothing() -> Probe {
    Probe::skipped(STAGE, "nothing was written")
}

impl Drop for Traces {
    fn drop(&mut self) {
        let left = std::mem::take(&mut *self.left());
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !left.is_empty() {
            let (place, limit) = (self.place.clone(), self.limit);
            // Whoever wanted to know has gone.
            runtime.spawn(async move { drop(tokio::time::timeout(limit, place.remove(&left)).await) });
        }
    }
}

impl Place {
    /// Removes what is known of and what can be listed, all at a time, so that one request that hangs keeps nothing
    /// else. The first refusal, with all that is left.
    async fn remove(&self, left: &Left) -> Result<()> {
        let uploads = self.uploads(left).await;
        let uploads = uploads.iter().map(|(key, id)| async move {
            let what = || format!("upload {id} of {}", self.directory.with_key(key));
            self.abort(key, id).await.map_err(|error| (what(), error))
        });
        let keys = self.keys(left).await;
        let keys = keys.iter().map(|key| async move {
            let what = || self.directory.with_key(key).to_string();
            self.delete(key).await.map_err(|error| (what(), error))
        });
        let (uploads, keys) = join(join_all(uploads), join_all(keys)).await;
        let refusals: Vec<(String, Error)> =
            uploads.into_iter().chain(keys).filter_map(Result::err).collect();
        let Some((_, first)) = refusals.first() else {
            return Ok(());
        };
        let remains: Vec<&str> = refusals.iter().map(|(what, _)| what.as_str()).collect();
        let remedy = format!("{}, then run `fsplug rm -r {}`", first.remedy(), self.directory);
        Err(
            Error::new(first.kind(), format!("left behind: {}", remains.join(", ")))
                .with_service_code(first.service_code())
                .with_http_status(first.http_status().unwrap_or_default())
                .with_remedy(remedy),
        )
    }

    /// The uploads that are known, and those that are listed if the id of one is not known.
    async fn uploads(&self, left: &Left) -> Vec<(String, String)> {
        let known = left
            .uploads
            .iter()
            .filter_map(|(key, id)| Some((key.clone(), id.clone()?)));
        let mut uploads: Vec<_> = known.collect();
        if left.uploads.iter().any(|(_, id)| id.is_none()) {
            let listing = self.client.list_multipart_uploads().bucket(&self.bucket);
            let listing = listing.prefix(self.directory.directory_prefix()).send().await;
            let listed = listing.map(|output| output.uploads.unwrap_or_default());
            uploads.extend(
                listed
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|upload| Some((upload.key?, upload.upload_id?))),
            );
        }
        uploads
    }

    /// The keys that are there, as far as a listing may be asked; else all that may be.
    async fn keys(&self, left: &Left) -> Vec<String> {
        let listing = self.client.list_objects_v2().bucket(&self.bucket);
        let listing = listing.prefix(self.directory.directory_prefix()).send().await;
        match listing {
            Ok(output) => output
                .contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|object| object.key)
                .collect(),
            Err(_) => left.keys.clone(),
        }
    }

    async fn abort(&self, key: &str, id: &str) -> Result<()> {
        let path = self.directory.with_key(key);
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(key);
        match request.upload_id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match refused("s3:AbortMultipartUpload", &path, error) {
                error if error.kind() == ErrorKind::UploadGone => Ok(()),
                error => Err(error),
            },
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let path = self.directory.with_key(key);
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(refused("s3:DeleteObject", &path, error)),
        }
    }
}
