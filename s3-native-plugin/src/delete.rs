//! Deletion of files and directories.

use std::sync::Arc;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::StreamExt;
use plugin_api::{Error, ErrorKind, FileStatus, Location, Result};

use crate::bucket::Bucket;
use crate::dialect::{Condition, NO_TAG, Obedience, refuses_bulk_delete, refuses_header};
use crate::error::{one_line, s3_error};
use crate::{listing, mkdirs, status};

/// Keys that are deleted at a time where each takes a request of its own.
const CONCURRENT_DELETES: usize = 16;

/// Keys that an error names; the others are counted.
const NAMED_FAILURES: usize = 10;

const OPERATION: &str = "delete";

/// Deletes the file or directory at `path`: whether there was one.
pub(crate) async fn delete(bucket: &Arc<Bucket>, path: &Location, recursive: bool) -> Result<bool> {
    let may_be_file = !path.is_root() && !path.key().ends_with('/');
    if may_be_file && status::head(bucket, OPERATION, path).await?.is_some() {
        mkdirs::keep_parent(bucket, OPERATION, path).await?;
        delete_object(bucket, OPERATION, path).await?;
        return Ok(true);
    }
    let first = listing::probe(bucket, OPERATION, path, 2).await?;
    if first.is_empty() {
        // The bucket itself is there, or the listing would have failed.
        return Ok(path.is_root());
    }
    let prefix = path.directory_prefix();
    if first.iter().all(|object| object.location.key() == prefix) {
        let marker = path.with_key(&prefix);
        mkdirs::keep_parent(bucket, OPERATION, &marker).await?;
        delete_object(bucket, OPERATION, &marker).await?;
        return Ok(true);
    }
    if !recursive {
        return Err(
            Error::new(ErrorKind::DirectoryNotEmpty, "the directory is not empty")
                .with_operation(OPERATION)
                .with_path(path)
                .with_remedy("delete it recursively, or what is in it first"),
        );
    }
    mkdirs::keep_parent(bucket, OPERATION, path).await?;
    delete_below(bucket, OPERATION, path, |_| true).await?;
    Ok(true)
}

/// Deletes one object, if it is there.
pub(crate) async fn delete_object(bucket: &Bucket, operation: &'static str, path: &Location) -> Result<()> {
    bucket
        .client
        .delete_object()
        .bucket(&bucket.name)
        .key(path.key())
        .send()
        .await
        .map_err(|error| s3_error(operation, path, error))?;
    Ok(())
}

/// Deletes one object unless it was replaced since it had this entity tag.
///
/// A store that cannot tell deletes it whatever it is, as does one that refuses the right tag.
///
/// # Errors
/// [`ErrorKind::Changed`] if it was replaced; it is there still.
pub(crate) async fn delete_unchanged(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    etag: &str,
) -> Result<()> {
    if etag.is_empty() {
        return delete_object(bucket, operation, path).await;
    }
    let pin = bucket.dialect.pin(etag);
    if pin.is_some()
        && let Some(_trial) = bucket.dialect.begin_trial(Condition::Delete)
        && try_condition(bucket, operation, path, etag).await?
    {
        return Ok(());
    }
    let Some(wanted) = pin.filter(|_| bucket.dialect.obedience(Condition::Delete) != Obedience::Lost) else {
        // Not one step with the deletion, but all that is left.
        return match status::head(bucket, operation, path).await? {
            Some(found) if found.etag != etag => Err(replaced(operation, path)),
            _ => delete_object(bucket, operation, path).await,
        };
    };
    let Err(error) = delete_if(bucket, operation, path, &wanted).await else {
        return Ok(());
    };
    match error.kind() {
        _ if refuses_header(&error) => {}
        // Whoever deleted it meanwhile, perhaps our own request whose reply was lost: it is gone.
        ErrorKind::NotFound if error.service_code() != "NoSuchBucket" => return Ok(()),
        ErrorKind::PreconditionFailed => match status::head(bucket, operation, path).await? {
            None => return Ok(()),
            Some(found) if found.etag == etag => {}
            Some(_) => return Err(replaced(operation, path)),
        },
        _ => return Err(error),
    }
    bucket.dialect.learn(Condition::Delete, Obedience::Lost);
    delete_object(bucket, operation, path).await
}

async fn delete_if(bucket: &Bucket, operation: &'static str, path: &Location, etag: &str) -> Result<()> {
    let reply = bucket
        .client
        .delete_object()
        .bucket(&bucket.name)
        .key(path.key())
        .if_match(etag)
        .send()
        .await;
    reply.map(drop).map_err(|error| s3_error(operation, path, error))
}

/// Finds out whether the store obeys `If-Match` with a deletion: demands a tag that the object does not have, once
/// it is sure that the object is the one to be deleted. So a store that overlooks the demand does what is wanted
/// all the same. Whether the object is gone.
async fn try_condition(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    etag: &str,
) -> Result<bool> {
    match status::head(bucket, operation, path).await? {
        None => return Ok(true),
        Some(found) if found.etag != etag => return Err(replaced(operation, path)),
        Some(_) => {}
    }
    let shown = match delete_if(bucket, operation, path, NO_TAG).await {
        Ok(()) => Obedience::Lost,
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => Obedience::Obeyed,
        Err(error) if refuses_header(&error) => {
            bucket.dialect.learn(Condition::Delete, Obedience::Lost);
            return Ok(false);
        }
        Err(error) if error.kind() == ErrorKind::NotFound && error.service_code() != "NoSuchBucket" => {
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    bucket.dialect.learn(Condition::Delete, shown);
    Ok(shown == Obedience::Lost)
}

fn replaced(operation: &'static str, path: &Location) -> Error {
    Error::new(
        ErrorKind::Changed,
        "the file was replaced meanwhile and was left alone",
    )
    .with_operation(operation)
    .with_path(path)
    .with_http_status(412)
}

/// The keys that could not be deleted: some of them, and how many in all.
#[derive(Default)]
struct Failures {
    count: usize,
    named: Vec<Error>,
}

impl Failures {
    fn add(&mut self, error: Error) {
        self.count += 1;
        if self.named.len() < NAMED_FAILURES {
            self.named.push(error);
        }
    }

    fn into_result(self, operation: &'static str, path: &Location) -> Result<()> {
        let Some(first) = self.named.first() else {
            return Ok(());
        };
        let names: Vec<String> = self
            .named
            .iter()
            .map(|error| format!("{} ({} {})", error.path(), error.service_code(), error.message()))
            .collect();
        let more = match self.count - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Error::new(
            first.kind(),
            format!(
                "{} of the files could not be deleted: {}{more}",
                self.count,
                names.join(", ")
            ),
        )
        .with_operation(operation)
        .with_path(path)
        .with_service_code(first.service_code())
        .with_retry(first.retry())
        .with_remedy("delete again once the cause is removed; the other files are gone"))
    }
}

/// Deletes everything below `path` that is `meant`, a page at a time.
pub(crate) async fn delete_below(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    meant: impl Fn(&FileStatus) -> bool,
) -> Result<()> {
    let mut failures = Failures::default();
    let mut token: Option<String> = None;
    loop {
        let page = listing::page(
            bucket,
            operation,
            path,
            false,
            listing::MAX_PAGE,
            token.as_deref(),
        )
        .await?;
        let keys = page.objects.into_iter().filter(&meant);
        let keys = keys.map(|object| object.location).collect();
        delete_page(bucket, operation, path, keys, &mut failures).await?;
        match page.next {
            Some(next) => token = Some(next),
            None => return failures.into_result(operation, path),
        }
    }
}

/// Deletes one page: with one request, but for the keys that need one of their own.
async fn delete_page(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    keys: Vec<Location>,
    failures: &mut Failures,
) -> Result<()> {
    let in_bulk = bucket.dialect.takes_bulk_deletes();
    let (bulk, mut single): (Vec<Location>, Vec<Location>) = keys
        .into_iter()
        .partition(|location| in_bulk && is_safe_in_xml(location.key()));
    let mut rest = &bulk[..];
    while !rest.is_empty() {
        let size = bucket.settings.compatibility.delete_batch_size.min(rest.len());
        let batch;
        (batch, rest) = rest.split_at(size);
        if bucket.dialect.takes_bulk_deletes() {
            single.extend(delete_in_bulk(bucket, operation, path, batch.to_vec(), failures).await?);
        } else {
            single.extend_from_slice(batch);
        }
    }
    let mut deletions = futures::stream::iter(single)
        .map(|location| async move { delete_object(bucket, operation, &location).await })
        .buffer_unordered(CONCURRENT_DELETES);
    while let Some(result) = deletions.next().await {
        if let Err(error) = result {
            failures.add(error);
        }
    }
    Ok(())
}

/// Deletes these keys with one request. Returns what is to be deleted one by one instead.
async fn delete_in_bulk(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    keys: Vec<Location>,
    failures: &mut Failures,
) -> Result<Vec<Location>> {
    let objects = keys
        .iter()
        .map(|location| {
            ObjectIdentifier::builder()
                .key(location.key())
                .build()
                .expect("the key, its only required part, is set")
        })
        .collect();
    let delete = Delete::builder()
        .set_objects(Some(objects))
        .quiet(true)
        .build()
        .expect("the objects, its only required part, are set");
    let reply = bucket
        .client
        .delete_objects()
        .bucket(&bucket.name)
        .delete(delete)
        .send()
        .await;
    let output = match reply.map_err(|error| s3_error(operation, path, error)) {
        Ok(output) => output,
        Err(error) if refuses_bulk_delete(&error) => {
            bucket.dialect.forgo_bulk_deletes(&error);
            return Ok(keys);
        }
        // One key that its parser cannot read; another page may do.
        Err(error) if error.service_code() == "MalformedXML" => return Ok(keys),
        Err(error) => return Err(error),
    };
    let mut again = Vec::new();
    for failed in output.errors() {
        let location = path.with_key(failed.key().unwrap_or_default());
        match failed.code().unwrap_or_default() {
            "NoSuchKey" => {}
            "InternalError" | "SlowDown" | "ServiceUnavailable" => again.push(location),
            code => failures.add(key_error(location, code, failed.message().unwrap_or_default())),
        }
    }
    Ok(again)
}

fn key_error(location: Location, code: &str, message: &str) -> Error {
    let kind = match code {
        "AccessDenied" => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    };
    Error::new(kind, one_line(message))
        .with_path(location)
        .with_service_code(code)
}

/// Whether every XML parser gets the key out of a bulk delete as it went in: XML 1.0 knows no control
/// characters, and some parsers drop white space at the ends, which would delete another key.
fn is_safe_in_xml(key: &str) -> bool {
    let foreign = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{2028}');
    // A key of white space alone cannot be deleted by a request of its own: see `Bucket::check`.
    !key.contains(foreign) && (key.trim() == key || key.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_parser_might_change_are_not_deleted_in_bulk() {
        for (key, safe) in [
            ("plain/key", true),
            ("<&>'\" é", true),
            ("inner space", true),
            (" leading", false),
            ("trailing ", false),
            ("line\nfeed", false),
            ("\u{1}", false),
            ("\u{ffff}", false),
        ] {
            assert_eq!(is_safe_in_xml(key), safe, "{key:?}");
        }
    }

    #[test]
    fn an_error_names_some_of_the_failures_and_counts_the_others() {
        let root = Location::parse("s3://bucket/dir").unwrap();
        let mut failures = Failures::default();
        for i in 0..NAMED_FAILURES + 2 {
            failures.add(key_error(
                root.join(&i.to_string()),
                "AccessDenied",
                "Access\nDenied",
            ));
        }
        let text = failures.into_result(OPERATION, &root).unwrap_err().to_string();
        assert!(
            text.contains("12 of the files") && text.contains("and 2 more"),
            "{text}"
        );
        assert!(
            text.contains("s3://bucket/dir/0 (AccessDenied Access Denied)"),
            "{text}"
        );
        assert!(!text.contains('\n'), "{text}");
    }
}
