//! The frozen structs that cross the boundary, and their conversions.
//!
//! A struct here never changes. What grows travels in `attributes` and `extensions`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RSlice, RStr, RString, RVec};

use crate::location::LocationParts;
use crate::{
    CreateOptions, DiagnosisOptions, Error, Extensions, FileKind, FileStatus, ListOptions, Location,
    OpenOptions, OptionValue, Result, WriteMode,
};

/// A borrowed [`Location`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct LocationRef<'a> {
    text: RStr<'a>,
    scheme_len: u32,
    authority_len: u32,
}

impl<'a> From<&'a Location> for LocationRef<'a> {
    fn from(location: &'a Location) -> Self {
        let LocationParts {
            text,
            scheme_len,
            authority_len,
        } = location.parts();
        Self {
            text: text.into(),
            scheme_len,
            authority_len,
        }
    }
}

impl LocationRef<'_> {
    /// The location, after a check that the parts fit the text.
    #[inline]
    pub fn to_location(self) -> Result<Location> {
        let Self {
            text,
            scheme_len,
            authority_len,
        } = self;
        LocationParts {
            text: text.as_str(),
            scheme_len,
            authority_len,
        }
        .check()?;
        Ok(Location::from_parts(
            text.as_str().to_owned(),
            scheme_len,
            authority_len,
        ))
    }
}

/// An owned [`Location`].
#[repr(C)]
#[derive(StableAbi)]
pub struct LocationBuf {
    text: RString,
    scheme_len: u32,
    authority_len: u32,
}

impl From<Location> for LocationBuf {
    fn from(location: Location) -> Self {
        let LocationParts {
            scheme_len,
            authority_len,
            ..
        } = location.parts();
        Self {
            text: location.into_string().into(),
            scheme_len,
            authority_len,
        }
    }
}

impl LocationBuf {
    /// The location, after a check that the parts fit the text.
    #[inline]
    pub fn into_location(self) -> Result<Location> {
        LocationParts {
            text: self.text.as_str(),
            scheme_len: self.scheme_len,
            authority_len: self.authority_len,
        }
        .check()?;
        Ok(Location::from_parts(
            self.text.into_string(),
            self.scheme_len,
            self.authority_len,
        ))
    }
}

/// A key and a value.
#[repr(C)]
#[derive(StableAbi)]
pub struct Pair {
    key: RString,
    value: RString,
}

/// Pairs to the wire. There are none more often than not.
pub fn pairs_to_wire(pairs: Vec<(String, String)>) -> RVec<Pair> {
    if pairs.is_empty() {
        return RVec::new();
    }
    pairs
        .into_iter()
        .map(|(key, value)| Pair {
            key: key.into(),
            value: value.into(),
        })
        .collect()
}

/// Pairs from the wire.
pub fn pairs_from_wire(pairs: RVec<Pair>) -> Vec<(String, String)> {
    if pairs.is_empty() {
        return Vec::new();
    }
    pairs
        .into_iter()
        .map(|pair| (pair.key.into_string(), pair.value.into_string()))
        .collect()
}

/// A borrowed key and value.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct PairRef<'a> {
    /// The key.
    pub key: RStr<'a>,
    /// The value.
    pub value: RStr<'a>,
}

impl<'a> PairRef<'a> {
    /// Borrows both.
    pub fn new(key: &'a str, value: &'a str) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// A moment as milliseconds since 1970; `None` stays `None`.
pub fn time_to_wire(time: Option<SystemTime>) -> ROption<i64> {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    time.map(|time| match time.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    })
    .into()
}

/// A moment from milliseconds since 1970; one that the clock cannot express is `None`.
pub fn time_from_wire(millis: ROption<i64>) -> Option<SystemTime> {
    let millis = millis.into_option()?;
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis >= 0 {
        UNIX_EPOCH.checked_add(distance)
    } else {
        UNIX_EPOCH.checked_sub(distance)
    }
}

/// A [`FileStatus`].
#[repr(C)]
#[derive(StableAbi)]
pub struct Status {
    location: LocationBuf,
    is_directory: bool,
    len: u64,
    modified_ms: ROption<i64>,
    etag: RString,
    attributes: RVec<Pair>,
}

impl From<FileStatus> for Status {
    #[inline]
    fn from(status: FileStatus) -> Self {
        Self {
            location: status.location.into(),
            is_directory: status.kind == FileKind::Directory,
            len: status.len,
            modified_ms: time_to_wire(status.modified),
            etag: status.etag.into(),
            attributes: pairs_to_wire(status.attributes),
        }
    }
}

impl Status {
    /// The status, after a check of its location.
    #[inline]
    pub fn into_status(self) -> Result<FileStatus> {
        Ok(FileStatus {
            location: self.location.into_location()?,
            kind: if self.is_directory {
                FileKind::Directory
            } else {
                FileKind::File
            },
            len: self.len,
            modified: time_from_wire(self.modified_ms),
            etag: self.etag.into_string(),
            attributes: pairs_from_wire(self.attributes),
        })
    }
}

const TAG_NUMBER: u32 = 0;
const TAG_TEXT: u32 = 1;

/// An [`ExtensionOption`](crate::ExtensionOption) with its key.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Extension<'a> {
    key: RStr<'a>,
    tag: u32,
    critical: bool,
    number: i64,
    text: RStr<'a>,
}

/// Extensions to the wire; the result borrows from them.
pub fn extensions_to_wire(extensions: &Extensions) -> Vec<Extension<'_>> {
    extensions
        .iter()
        .map(|(key, option)| {
            let (tag, number, text) = match &option.value {
                OptionValue::Number(number) => (TAG_NUMBER, *number, ""),
                OptionValue::Text(text) => (TAG_TEXT, 0, text.as_str()),
            };
            Extension {
                key: key.into(),
                tag,
                critical: option.critical,
                number,
                text: text.into(),
            }
        })
        .collect()
}

/// Extensions from the wire. A value of a kind that this build does not know cannot be passed on:
/// it is dropped, or refused if it is critical.
pub fn extensions_from_wire(extensions: RSlice<'_, Extension<'_>>) -> Result<Extensions> {
    let mut all = Extensions::default();
    for extension in extensions {
        let value = match extension.tag {
            TAG_NUMBER => OptionValue::Number(extension.number),
            TAG_TEXT => OptionValue::Text(extension.text.as_str().to_owned()),
            _ if extension.critical => {
                return Err(Error::unsupported(
                    "this plugin",
                    &format!("the kind of value of the required option '{}'", extension.key),
                ));
            }
            _ => continue,
        };
        all.set(extension.key.as_str(), value, extension.critical);
    }
    Ok(all)
}

/// [`OpenOptions`].
#[repr(C)]
#[derive(StableAbi)]
pub struct Open<'a> {
    buffer_size: u64,
    if_match: RStr<'a>,
    status: ROption<Status>,
    extensions: RSlice<'a, Extension<'a>>,
}

impl<'a> Open<'a> {
    /// To the wire.
    pub fn new(options: &'a OpenOptions, extensions: &'a [Extension<'a>]) -> Self {
        Self {
            buffer_size: options.buffer_size,
            if_match: options.if_match.as_str().into(),
            status: options.status.clone().map(Status::from).into(),
            extensions: extensions.into(),
        }
    }

    /// From the wire.
    pub fn into_options(self) -> Result<OpenOptions> {
        Ok(OpenOptions {
            buffer_size: self.buffer_size,
            if_match: self.if_match.as_str().to_owned(),
            status: self.status.into_option().map(Status::into_status).transpose()?,
            extensions: extensions_from_wire(self.extensions)?,
        })
    }
}

/// [`CreateOptions`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Create<'a> {
    overwrite: bool,
    inject_entropy: bool,
    content_type: RStr<'a>,
    size_hint: u64,
    extensions: RSlice<'a, Extension<'a>>,
}

impl<'a> Create<'a> {
    /// To the wire.
    pub fn new(options: &'a CreateOptions, extensions: &'a [Extension<'a>]) -> Self {
        Self {
            overwrite: options.mode == WriteMode::Overwrite,
            inject_entropy: options.inject_entropy,
            content_type: options.content_type.as_str().into(),
            size_hint: options.size_hint,
            extensions: extensions.into(),
        }
    }

    /// From the wire.
    pub fn into_options(self) -> Result<CreateOptions> {
        Ok(CreateOptions {
            mode: if self.overwrite {
                WriteMode::Overwrite
            } else {
                WriteMode::NoOverwrite
            },
            inject_entropy: self.inject_entropy,
            content_type: self.content_type.as_str().to_owned(),
            size_hint: self.size_hint,
            extensions: extensions_from_wire(self.extensions)?,
        })
    }
}

/// [`ListOptions`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct List<'a> {
    recursive: bool,
    page_size: u32,
    extensions: RSlice<'a, Extension<'a>>,
}

impl<'a> List<'a> {
    /// To the wire.
    pub fn new(options: &ListOptions, extensions: &'a [Extension<'a>]) -> Self {
        Self {
            recursive: options.recursive,
            page_size: options.page_size,
            extensions: extensions.into(),
        }
    }

    /// From the wire.
    pub fn into_options(self) -> Result<ListOptions> {
        Ok(ListOptions {
            recursive: self.recursive,
            page_size: self.page_size,
            extensions: extensions_from_wire(self.extensions)?,
        })
    }
}

/// [`DiagnosisOptions`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Diagnose<'a> {
    read_only: bool,
    extensions: RSlice<'a, Extension<'a>>,
}

impl<'a> Diagnose<'a> {
    /// To the wire.
    pub fn new(options: &DiagnosisOptions, extensions: &'a [Extension<'a>]) -> Self {
        Self {
            read_only: options.read_only,
            extensions: extensions.into(),
        }
    }

    /// From the wire.
    pub fn into_options(self) -> Result<DiagnosisOptions> {
        Ok(DiagnosisOptions {
            read_only: self.read_only,
            extensions: extensions_from_wire(self.extensions)?,
        })
    }
}

/// A half-open range of bytes.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// Byte behind the last one.
    pub end: u64,
}
