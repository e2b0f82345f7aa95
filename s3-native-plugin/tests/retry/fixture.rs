//! A server, a client with the plugin's policy, and one request of each class.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use plugin_api::{Config, Error, Location};
use s3_native_plugin::internals;
use s3_native_plugin::retry::table::RequestClass;
use testkit::Server;

pub(crate) const BUCKET: &str = "bucket";

/// Repetitions of the clients of these tests.
pub(crate) const RETRIES: u32 = 2;

pub(crate) async fn start() -> Server {
    Server::builder().bucket(BUCKET).start().await.unwrap()
}

/// What reaches `server`, with delays that suit a test.
pub(crate) fn config(server: &Server, more: &[(&str, &str)]) -> Config {
    quick(&server.config("s3."), more)
}

/// What reaches whatever listens at `endpoint`.
pub(crate) fn config_of(endpoint: &str, more: &[(&str, &str)]) -> Config {
    let pairs = [
        ("s3.endpoint", endpoint),
        ("s3.access-key", "key"),
        ("s3.secret-key", "secret"),
        ("s3.path-style-access", "true"),
    ];
    quick(
        &pairs.map(|(key, value)| (key.to_owned(), value.to_owned())),
        more,
    )
}

fn quick(pairs: &[(String, String)], more: &[(&str, &str)]) -> Config {
    let mut config = Config::from_pairs(pairs.iter().cloned());
    config.set("s3.retry.base-delay", "1 ms");
    config.set("s3.retry.throttle.base-delay", "1 ms");
    config.set("s3.retry.max-num-retries", RETRIES.to_string());
    for (key, value) in more {
        config.set(*key, *value);
    }
    config
}

pub(crate) async fn client(server: &Server, more: &[(&str, &str)]) -> Client {
    internals::client(&config(server, more)).await.unwrap()
}

/// One request that is ready to be sent.
pub(crate) struct Prepared {
    pub(crate) class: RequestClass,
    /// As the server names it.
    pub(crate) operation: &'static str,
    key: String,
    upload: Option<(String, String)>,
}

impl Prepared {
    /// Of a class, with whatever it needs on the server.
    pub(crate) async fn on(server: &Server, class: RequestClass, key: &str) -> Self {
        let upload = match class {
            RequestClass::Conditional => Some(begun_upload(server, key).await),
            _ => None,
        };
        Self::of(class, key, upload)
    }

    /// Of a class, for a server that only plays one.
    pub(crate) fn unprepared(class: RequestClass) -> Self {
        Self::of(class, "key", Some(("upload".to_owned(), "etag".to_owned())))
    }

    fn of(class: RequestClass, key: &str, upload: Option<(String, String)>) -> Self {
        Self {
            class,
            operation: match class {
                RequestClass::Idempotent => "ListObjectsV2",
                RequestClass::Conditional => "CompleteMultipartUpload",
                RequestClass::NotIdempotent => "CreateMultipartUpload",
            },
            key: key.to_owned(),
            upload,
        }
    }

    pub(crate) async fn send(&self, client: &Client) -> Result<(), Error> {
        match self.class {
            RequestClass::Idempotent => plain(client.list_objects_v2().bucket(BUCKET).send().await),
            RequestClass::Conditional => {
                let (id, etag) = self.upload.as_ref().unwrap();
                let part = CompletedPart::builder().part_number(1).e_tag(etag).build();
                let parts = CompletedMultipartUpload::builder().parts(part).build();
                let call = client.complete_multipart_upload().bucket(BUCKET).key(&self.key);
                let call = call.upload_id(id).if_none_match("*").multipart_upload(parts);
                plain(call.send().await)
            }
            RequestClass::NotIdempotent => {
                let call = client.create_multipart_upload().bucket(BUCKET).key(&self.key);
                plain(call.send().await)
            }
        }
    }
}

/// An upload with one part: its id and the entity tag of the part.
async fn begun_upload(server: &Server, key: &str) -> (String, String) {
    let client = client(server, &[]).await;
    let begun = client.create_multipart_upload().bucket(BUCKET).key(key);
    let id = begun.send().await.unwrap().upload_id().unwrap().to_owned();
    let part = client.upload_part().bucket(BUCKET).key(key).upload_id(&id);
    let part = part
        .part_number(1)
        .body(b"part".to_vec().into())
        .send()
        .await
        .unwrap();
    (id, part.e_tag().unwrap().to_owned())
}

pub(crate) fn path() -> Location {
    Location::new("s3", BUCKET, "key").unwrap()
}

/// The error as a file system would give it.
pub(crate) fn plain<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Result<(), Error>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    result
        .map(drop)
        .map_err(|error| internals::error("test", &path(), error))
}
