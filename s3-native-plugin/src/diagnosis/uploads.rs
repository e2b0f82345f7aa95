//! What can be done with uploads in parts: `multipart` to `abort-upload`.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::future::try_join3;
use plugin_api::{Error, ErrorKind, Location, Result};

use super::objects::{damaged, read};
use super::report::Finding;
use super::rights::refused;
use super::target::Target;
use super::traces::Traces;
use crate::settings::MIN_PART_SIZE;

/// What the first part is longer than the second, unless equal parts are configured.
const MORE: usize = 64 << 10;

/// The last part.
const LAST: usize = 1024;

/// An upload that has been begun.
pub(super) struct Open {
    path: Location,
    id: String,
}

/// A whole upload, of parts that are not of one size unless that is configured.
pub(super) async fn multipart(target: &Target, traces: &Traces) -> Result<Finding<()>> {
    let open = begin(target, traces, "parts").await?;
    let equal = MIN_PART_SIZE as usize;
    let configured = target.settings.upload_equal_parts;
    let mut first = if configured { equal } else { equal + MORE };
    let (one, two, three) = try_join3(
        part(target, &open, 1, filled(1, first)),
        part(target, &open, 2, filled(2, equal)),
        part(target, &open, 3, filled(3, LAST)),
    )
    .await?;
    let completed = complete(target, traces, &open, [one, two.clone(), three.clone()]).await;
    let demands_equal = match completed {
        Ok(()) => false,
        Err(error) if !configured && is_about_the_parts(&error) => {
            first = equal;
            let one = part(target, &open, 1, filled(1, first)).await?;
            // If that is not it, what was said first counts.
            complete(target, traces, &open, [one, two, three])
                .await
                .map_err(|_| error)?;
            true
        }
        Err(error) => return Err(error),
    };
    check(target, &open.path, first).await?;
    if !demands_equal {
        let sizes = if configured { "equal" } else { "unequal" };
        return Ok(Finding::new((), format!("10 MiB in 3 parts of {sizes} sizes")));
    }
    Ok(Finding::flawed(
        (),
        "the store demands that all parts of an upload but the last have the same size",
        "set 's3.upload.equal-parts' to true",
    ))
}

/// Whether the store may not like the sizes of the parts.
fn is_about_the_parts(error: &Error) -> bool {
    error.http_status() == Some(400)
}

fn filled(byte: u8, len: usize) -> Bytes {
    vec![byte; len].into()
}

async fn begin(target: &Target, traces: &Traces, name: &str) -> Result<Open> {
    let path = traces.upload(name);
    let request = target
        .client
        .create_multipart_upload()
        .bucket(&target.bucket)
        .key(path.key());
    let reply = request.send().await.map_err(|error| {
        let error = refused("s3:PutObject", &path, error);
        if error.http_status().is_some() {
            // It was refused, and so is not there.
            traces.ended(&path);
        }
        error
    })?;
    let Some(id) = reply.upload_id().filter(|id| !id.is_empty()) else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the store began an upload without telling its id",
        )
        .with_remedy("use a store that can take uploads in parts"));
    };
    traces.begun(&path, id);
    let id = id.to_owned();
    Ok(Open { path, id })
}

async fn part(target: &Target, open: &Open, number: i32, content: Bytes) -> Result<CompletedPart> {
    let request = target
        .client
        .upload_part()
        .bucket(&target.bucket)
        .key(open.path.key());
    let request = request
        .upload_id(&open.id)
        .part_number(number)
        .body(ByteStream::from(content));
    let mut request = request.customize();
    if target.settings.endpoint.unsigned_payload {
        request = request.disable_payload_signing();
    }
    let reply = request.send().await;
    let reply = reply.map_err(|error| refused("s3:PutObject", &open.path, error))?;
    let part = CompletedPart::builder().part_number(number);
    Ok(part.set_e_tag(reply.e_tag().map(str::to_owned)).build())
}

async fn complete(target: &Target, traces: &Traces, open: &Open, parts: [CompletedPart; 3]) -> Result<()> {
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts.into()))
        .build();
    let request = target
        .client
        .complete_multipart_upload()
        .bucket(&target.bucket)
        .key(open.path.key());
    let reply = request.upload_id(&open.id).multipart_upload(parts).send().await;
    let reply = reply.map_err(|error| refused("s3:PutObject", &open.path, error))?;
    traces.ended(&open.path);
    traces.version(reply.version_id());
    Ok(())
}

/// Looks at the length, and at the bytes where the first part ends, which is after `first` of them.
async fn check(target: &Target, path: &Location, first: usize) -> Result<()> {
    let request = target.client.head_object().bucket(&target.bucket).key(path.key());
    let reply = request.send().await;
    let reply = reply.map_err(|error| refused("s3:GetObject", path, error))?;
    let expected = first + MIN_PART_SIZE as usize + LAST;
    let len = reply.content_length().unwrap_or_default();
    if len != (expected as u64).cast_signed() {
        return Err(damaged(
            path,
            format!("parts of {expected} bytes make an object of {len}"),
        ));
    }
    let range = format!("bytes={}-{}", first - 2, first + 1);
    if read(target, path, Some(&range)).await? != [1, 1, 2, 2][..] {
        return Err(damaged(path, "the object differs from its parts".to_owned()));
    }
    Ok(())
}

/// An upload with one part, which is left open for the stages behind.
pub(super) async fn open(target: &Target, traces: &Traces) -> Result<Finding<Open>> {
    let open = begin(target, traces, "open").await?;
    part(target, &open, 1, filled(1, LAST)).await?;
    Ok(Finding::new(open, "an upload is begun, with a part"))
}

/// The parts of an open upload, which a recovery asks for.
pub(super) async fn list_parts(target: &Target, open: &Open) -> Result<Finding<()>> {
    let request = target
        .client
        .list_parts()
        .bucket(&target.bucket)
        .key(open.path.key());
    let reply = request.upload_id(&open.id).send().await;
    let reply = reply.map_err(|error| refused("s3:ListMultipartUploadParts", &open.path, error))?;
    match reply.parts() {
        [part] if part.size() == Some((LAST as u64).cast_signed()) => {
            Ok(Finding::new((), "as a recovery lists them"))
        }
        parts => Err(damaged(
            &open.path,
            format!(
                "one part was stored, and {} are listed, or one of another size",
                parts.len()
            ),
        )),
    }
}

/// The open uploads below the path: with the one that was begun, or whichever there are.
pub(super) async fn list_uploads(target: &Target, open: Option<&Open>) -> Result<Finding<()>> {
    let path = open.map_or(&target.root, |open| &open.path);
    let prefix = open.map_or_else(
        || target.root.directory_prefix(),
        |open| open.path.key().to_owned(),
    );
    let request = target.client.list_multipart_uploads().bucket(&target.bucket);
    let reply = request.prefix(prefix).send().await;
    let reply = reply.map_err(|error| refused("s3:ListBucketMultipartUploads", path, error))?;
    let is_listed = |open: &Open| {
        let mut ids = reply.uploads().iter().filter_map(|upload| upload.upload_id());
        ids.any(|id| id == open.id)
    };
    if open.is_none_or(is_listed) {
        return Ok(Finding::new((), "as `fsplug uploads` lists them"));
    }
    Ok(Finding::flawed(
        (),
        "an open upload is not listed, so that `fsplug uploads gc` does not find all of them",
        "let a lifecycle rule of the bucket abort incomplete uploads",
    ))
}

/// The end of the open upload.
pub(super) async fn abort(target: &Target, traces: &Traces, open: &Open) -> Result<Finding<()>> {
    let request = target
        .client
        .abort_multipart_upload()
        .bucket(&target.bucket)
        .key(open.path.key());
    let reply = request.upload_id(&open.id).send().await;
    reply.map_err(|error| refused("s3:AbortMultipartUpload", &open.path, error))?;
    traces.ended(&open.path);
    Ok(Finding::new((), "the open upload is aborted"))
}
