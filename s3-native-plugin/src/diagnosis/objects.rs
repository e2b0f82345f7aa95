//! What can be done with objects: `list` to `delete`.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, Delete, ObjectIdentifier};
use bytes::Bytes;
use plugin_api::{Error, ErrorKind, Location, Result};

use super::report::Finding;
use super::rights::refused;
use super::target::Target;
use super::traces::Traces;
use crate::copy::source_header;
use crate::dialect::{refuses_bulk_delete, refuses_checksum, refuses_header};
use crate::error::one_line;
use crate::options;

/// The size of a small object.
const SIZE: usize = 1024;

/// An object that has been written.
pub(super) struct Written {
    path: Location,
    content: Bytes,
}

/// A listing below the path.
pub(super) async fn list(target: &Target) -> Result<Finding<()>> {
    let prefix = target.root.directory_prefix();
    let request = target.client.list_objects_v2().bucket(&target.bucket);
    match request.prefix(prefix).max_keys(1).send().await {
        Ok(_) => Ok(Finding::new((), format!("{} can be listed", target.root))),
        Err(error) => Err(refused("s3:ListBucket", &target.root, error)),
    }
}

/// A small object.
pub(super) async fn put(target: &Target, traces: &Traces) -> Result<Finding<Written>> {
    let path = traces.object("object");
    let content: Bytes = std::iter::repeat_with(rand::random::<u8>).take(SIZE).collect();
    let request = target.client.put_object().bucket(&target.bucket).key(path.key());
    let reply = request.body(ByteStream::from(content.clone())).send().await;
    let reply = reply.map_err(|error| refused("s3:PutObject", &path, error))?;
    traces.version(reply.version_id());
    let found = format!("{SIZE} bytes at {path}");
    let has_tag = reply.e_tag().is_some_and(|tag| !tag.is_empty());
    let written = Written { path, content };
    if has_tag {
        return Ok(Finding::new(written, found));
    }
    Ok(Finding::flawed(
        written,
        format!(
            "{found}; the store answers without an entity tag, so that nobody can tell whether it is replaced"
        ),
        "let nobody replace files that are being read",
    ))
}

/// The object again, and a part of it.
pub(super) async fn get(target: &Target, written: &Written) -> Result<Finding<()>> {
    let content = read(target, &written.path, None).await?;
    if content != written.content {
        return Err(damaged(
            &written.path,
            format!(
                "{} bytes were written, and {} others come back",
                SIZE,
                content.len()
            ),
        ));
    }
    let part = read(target, &written.path, Some("bytes=100-199")).await?;
    if part != written.content[100..200] {
        return Err(damaged(
            &written.path,
            format!("of 100 bytes that were asked for {} come, or others", part.len()),
        ));
    }
    Ok(Finding::new((), "the whole object and a range of it"))
}

/// The content of an object, or a range of it.
pub(super) async fn read(target: &Target, path: &Location, range: Option<&str>) -> Result<Bytes> {
    let request = target.client.get_object().bucket(&target.bucket).key(path.key());
    let reply = request.set_range(range.map(str::to_owned)).send().await;
    let reply = reply.map_err(|error| refused("s3:GetObject", path, error))?;
    let content = reply.body.collect().await;
    let content = content.map_err(|error| {
        let message = format!("the content did not come whole: {}", one_line(&error.to_string()));
        Error::new(ErrorKind::UnexpectedEof, message)
            .with_remedy("check what stands between this machine and the store")
    })?;
    Ok(content.into_bytes())
}

pub(super) fn damaged(path: &Location, message: String) -> Error {
    Error::new(ErrorKind::Corrupt, message)
        .with_path(path)
        .with_remedy(
            "do not use this store before that is cured; a proxy in between may change what it passes on",
        )
}

/// Whether a write under `If-None-Match` is refused where there is an object.
pub(super) async fn conditional_put(target: &Target, written: &Written) -> Result<Finding<()>> {
    let request = target
        .client
        .put_object()
        .bucket(&target.bucket)
        .key(written.path.key());
    let request = request
        .if_none_match("*")
        .body(ByteStream::from(written.content.clone()));
    let weaker = "of two writers that create the same file both may succeed, and the last one stays";
    let remedy = "give each writer paths of its own; with 's3.conditional-writes' = false the plugin looks before it \
                  writes, which is not atomic";
    match request.send().await {
        Ok(_) => Ok(Finding::flawed(
            (),
            format!("the store overlooks If-None-Match: {weaker}"),
            remedy,
        )),
        Err(error) => match refused("s3:PutObject", &written.path, error) {
            error if error.http_status() == Some(412) => Ok(Finding::new(
                (),
                "a file that exists is not replaced (If-None-Match)",
            )),
            error if refuses_header(&error) => Ok(Finding::flawed(
                (),
                format!("the store refuses If-None-Match: {weaker}"),
                remedy,
            )),
            error => Err(error),
        },
    }
}

/// Whether the store checks and keeps a checksum.
pub(super) async fn checksum(target: &Target, traces: &Traces) -> Result<Finding<()>> {
    let path = traces.object("checksum");
    let content = Bytes::from_static(b"checksum");
    let sum = aws_smithy_types::base64::encode(crc32c::crc32c(&content).to_be_bytes());
    let quiet = "'s3.checksum-validation.enabled' = false spares the store the question";
    let flawed = |what: &str| {
        let found =
            format!("the store {what}: it does not check uploads, and reads are compared with nothing");
        let remedy = if target.tls {
            format!("{quiet}; on the way TLS protects what is sent")
        } else {
            format!(
                "write '{}' with https://, which protects the way; {quiet}",
                options::ENDPOINT.key
            )
        };
        Ok(Finding::flawed((), found, remedy))
    };
    let request = target.client.put_object().bucket(&target.bucket).key(path.key());
    let request = request.checksum_crc32_c(&sum).body(ByteStream::from(content));
    if let Err(error) = request.send().await {
        return match refused("s3:PutObject", &path, error) {
            error if refuses_checksum(&error) => flawed("refuses CRC32C checksums"),
            error => Err(error),
        };
    }
    let request = target.client.head_object().bucket(&target.bucket).key(path.key());
    let reply = request.checksum_mode(ChecksumMode::Enabled).send().await;
    let reply = match reply.map_err(|error| refused("s3:GetObject", &path, error)) {
        Ok(reply) => reply,
        Err(error) if refuses_checksum(&error) => return flawed("refuses to tell checksums"),
        Err(error) => return Err(error),
    };
    match reply.checksum_crc32_c() {
        None => flawed("keeps no CRC32C checksums"),
        Some(kept) if kept == sum => Ok(Finding::new((), "CRC32C is checked, kept and told")),
        Some(_) => Err(damaged(
            &path,
            "the store tells another checksum than that of the content".to_owned(),
        )),
    }
}

/// Whether the object is encrypted as the configuration asks.
pub(super) async fn encryption(target: &Target, written: &Written, wanted: &str) -> Result<Finding<()>> {
    let request = target
        .client
        .head_object()
        .bucket(&target.bucket)
        .key(written.path.key());
    let reply = request.send().await;
    let reply = reply.map_err(|error| refused("s3:GetObject", &written.path, error))?;
    let told = reply
        .server_side_encryption()
        .map(aws_sdk_s3::types::ServerSideEncryption::as_str);
    if told == Some(wanted) {
        return Ok(Finding::new((), format!("encrypted with {wanted}")));
    }
    let told = told.map_or_else(|| "nothing".to_owned(), one_line);
    Ok(Finding::flawed(
        (),
        format!(
            "'{}' asks for {wanted}, and the store confirms {told}",
            options::SSE_TYPE.key
        ),
        "do not rely on the encryption: use a store that has it, or encrypt the disks of this one",
    ))
}

/// A copy inside the store, as a rename makes it.
pub(super) async fn copy(target: &Target, traces: &Traces, written: &Written) -> Result<Finding<()>> {
    let path = traces.object("copy");
    let source = source_header(target.settings.endpoint.access_point.as_deref(), &written.path);
    let request = target.client.copy_object().bucket(&target.bucket).key(path.key());
    let reply = request.copy_source(source).send().await;
    reply.map_err(|error| refused("s3:GetObject and s3:PutObject", &path, error))?;
    if read(target, &path, None).await? != written.content {
        return Err(damaged(&path, "the copy differs from its source".to_owned()));
    }
    Ok(Finding::new((), "copied inside the store, as a rename does"))
}

/// Many keys with one request.
pub(super) async fn bulk_delete(target: &Target, traces: &Traces) -> Result<Finding<()>> {
    let paths = ["copy", "checksum"].map(|name| traces.object(name));
    let objects = paths
        .iter()
        .filter_map(|path| ObjectIdentifier::builder().key(path.key()).build().ok());
    let delete = Delete::builder()
        .set_objects(Some(objects.collect()))
        .quiet(true)
        .build();
    let delete = delete.map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
    let request = target
        .client
        .delete_objects()
        .bucket(&target.bucket)
        .delete(delete);
    let output = match request.send().await {
        Ok(output) => output,
        Err(error) => return cannot_delete_in_bulk(&paths[0], error),
    };
    let Some(failed) = output.errors().first() else {
        return Ok(Finding::new((), "several keys with one request"));
    };
    let code = failed.code().unwrap_or_default();
    let message = format!(
        "a key is not deleted: {}",
        one_line(failed.message().unwrap_or(code))
    );
    let (kind, remedy) = match code {
        "AccessDenied" => (ErrorKind::PermissionDenied, delete_right(target)),
        _ => (
            ErrorKind::Other,
            "look up the code in the documentation of the store".to_owned(),
        ),
    };
    Err(Error::new(kind, message)
        .with_service_code(code)
        .with_remedy(remedy))
}

fn cannot_delete_in_bulk<E>(
    path: &Location,
    error: SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
) -> Result<Finding<()>>
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    match refused("s3:DeleteObject", path, error) {
        error if refuses_bulk_delete(&error) => Ok(Finding::flawed(
            (),
            "the store refuses to delete several keys with one request: each takes one of its own",
            "'s3.delete.batch.enabled' = false spares it the question; no promise is weaker, but large directories are deleted \
             more slowly",
        )),
        error => Err(error),
    }
}

fn delete_right(target: &Target) -> String {
    format!(
        "allow s3:DeleteObject on the bucket '{}' to this identity, in its own policies and in those of the resource",
        target.bucket
    )
}

/// The object itself.
pub(super) async fn delete(target: &Target, written: &Written) -> Result<Finding<()>> {
    let request = target
        .client
        .delete_object()
        .bucket(&target.bucket)
        .key(written.path.key());
    match request.send().await {
        Ok(_) => Ok(Finding::new((), "the object is deleted")),
        Err(error) => Err(refused("s3:DeleteObject", &written.path, error)),
    }
}
