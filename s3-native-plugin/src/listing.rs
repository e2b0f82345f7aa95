//! Listings, page by page.

use std::sync::Arc;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use plugin_api::{Error, ErrorKind, FileStatus, ListOptions, Lister, Location, Result, async_trait};

use crate::bucket::Bucket;
use crate::error::s3_error;
use crate::status;

/// The most that S3 puts on a page.
pub(crate) const MAX_PAGE: u32 = 1000;

/// A page of keys below a prefix.
pub(crate) struct Page {
    pub(crate) objects: Vec<FileStatus>,
    pub(crate) directories: Vec<Location>,
    /// Where the next page begins, unless this is the last.
    pub(crate) next: Option<String>,
}

/// One page of what is below `path`: everything, or with a delimiter one level.
pub(crate) async fn page(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    one_level: bool,
    max_keys: u32,
    token: Option<&str>,
) -> Result<Page> {
    let output = bucket
        .client
        .list_objects_v2()
        .bucket(&bucket.name)
        .prefix(path.directory_prefix())
        .set_delimiter(one_level.then(|| "/".to_owned()))
        // XML cannot carry every key; percent-encoded it can.
        .encoding_type(EncodingType::Url)
        .max_keys(max_keys.clamp(1, MAX_PAGE).cast_signed())
        .set_continuation_token(token.map(str::to_owned))
        .send()
        .await
        .map_err(|error| s3_error(operation, path, error))?;
    let mut page = read_page(operation, path, token, &output)?;
    for object in &mut page.objects {
        object.etag = bucket.dialect.entity_tag(Some(&object.etag));
    }
    Ok(page)
}

/// The first objects below `path`, at any depth.
pub(crate) async fn probe(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    max_keys: u32,
) -> Result<Vec<FileStatus>> {
    Ok(page(bucket, operation, path, false, max_keys, None)
        .await?
        .objects)
}

fn read_page(
    operation: &'static str,
    path: &Location,
    token: Option<&str>,
    output: &ListObjectsV2Output,
) -> Result<Page> {
    let corrupt = |message: &str| {
        Error::new(ErrorKind::Corrupt, message)
            .with_operation(operation)
            .with_path(path)
            .with_remedy("check that 's3.endpoint' is an S3-compatible store")
    };
    // A store that does not know the parameter answers with plain keys and does not echo it.
    let encoded = output.encoding_type() == Some(&EncodingType::Url);
    let key = |text: &str| -> Result<Location> {
        let key = if encoded {
            decode(text)
        } else {
            Some(text.to_owned())
        };
        let key = key.ok_or_else(|| corrupt(&format!("the listing has a malformed key '{text}'")))?;
        Ok(path.with_key(&key))
    };
    let mut objects = Vec::with_capacity(output.contents().len());
    for object in output.contents() {
        let location = key(object.key().unwrap_or_default())?;
        let len = status::length(operation, path, object.size())?;
        objects.push(
            FileStatus::file(location, len)
                .with_modified(status::time(object.last_modified()))
                .with_etag(object.e_tag().unwrap_or_default()),
        );
    }
    let mut directories = Vec::with_capacity(output.common_prefixes().len());
    for prefix in output.common_prefixes() {
        directories.push(key(prefix.prefix().unwrap_or_default())?);
    }
    let next = if output.is_truncated().unwrap_or(false) {
        let next = output.next_continuation_token().unwrap_or_default();
        if next.is_empty() || Some(next) == token {
            return Err(corrupt("the listing goes on but does not say where"));
        }
        Some(next.to_owned())
    } else {
        None
    };
    Ok(Page {
        objects,
        directories,
        next,
    })
}

/// Undoes `encoding-type=url`: `%XX`, and `+` for a space. `None` if it is not such a text.
pub(crate) fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether an object only marks that its directory exists.
pub(crate) fn is_marker(object: &FileStatus) -> bool {
    object.len == 0 && object.location.key().ends_with('/')
}

/// The pages of one listing.
pub(crate) struct S3Lister {
    bucket: Arc<Bucket>,
    path: Location,
    recursive: bool,
    page_size: u32,
    /// The page to fetch next, or `None` when there is none.
    next: Option<Next>,
    /// Whether the store has shown anything below the path, be it only a marker.
    found: bool,
}

enum Next {
    First,
    At(String),
}

impl S3Lister {
    pub(crate) fn new(bucket: Arc<Bucket>, path: &Location, options: &ListOptions) -> Self {
        Self {
            bucket,
            path: path.clone(),
            recursive: options.recursive,
            page_size: if options.page_size == 0 {
                MAX_PAGE
            } else {
                options.page_size
            },
            next: Some(Next::First),
            found: false,
        }
    }

    /// Nothing is below the path: it is a file, the root of an empty bucket, or missing.
    async fn file_itself(&self) -> Result<Option<Vec<FileStatus>>> {
        if self.path.is_root() {
            return Ok(None);
        }
        if !self.path.key().ends_with('/')
            && let Some(file) = status::head(&self.bucket, "list", &self.path).await?
        {
            return Ok(Some(vec![file]));
        }
        Err(status::not_found("list", &self.path))
    }
}

#[async_trait]
impl Lister for S3Lister {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        let _pass = self.bucket.gate.enter()?;
        loop {
            let token = match &self.next {
                None => return Ok(None),
                Some(Next::First) => None,
                Some(Next::At(token)) => Some(token.as_str()),
            };
            let page = page(
                &self.bucket,
                "list",
                &self.path,
                !self.recursive,
                self.page_size,
                token,
            )
            .await?;
            let found = self.found || !page.objects.is_empty() || !page.directories.is_empty();
            let mut entries: Vec<FileStatus> = page
                .objects
                .into_iter()
                // A marker is no file, and the directory that it marks shows as such one level up.
                .filter(|object| !is_marker(object))
                .collect();
            entries.extend(page.directories.into_iter().map(FileStatus::directory));
            if !found && page.next.is_none() {
                let file = self.file_itself().await?;
                self.next = None;
                return Ok(file);
            }
            // Nothing is awaited from here on: a cancelled call asks for the same page again.
            self.found = found;
            self.next = page.next.map(Next::At);
            if !entries.is_empty() {
                return Ok(Some(entries));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_encoded_keys_are_decoded_byte_for_byte() {
        for (text, key) in [
            ("plain/key", Some("plain/key")),
            ("a+b", Some("a b")),
            ("a%20b", Some("a b")),
            ("a%2Bb", Some("a+b")),
            ("100%25", Some("100%")),
            ("%01%0A%c3%A9", Some("\u{1}\né")),
            ("a%252Fb", Some("a%2Fb")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
            ("%é", None),
        ] {
            assert_eq!(decode(text).as_deref(), key, "{text}");
        }
    }
}
