//! [`RecoverableState`]: what a checkpoint keeps of an unfinished file, and its serialized form.
//!
//! # The format, version 2
//! Little-endian, without padding. A text is its length in bytes as `u32`, then UTF-8.
//!
//! | field | type | |
//! |---|---|---|
//! | magic | 4 bytes | `FSR2` |
//! | version | `u16` | 2 |
//! | flags | `u16` | bit 0: the commit may replace a file; bit 1: all parts but the last have the same size; bit 2: another writer has begun the upload, without a nonce; the others are 0 |
//! | nonce | 16 bytes | what the object's metadata holds in hexadecimal; 0 with bit 2 |
//! | bucket, endpoint, key | text | the endpoint is "" for Amazon S3 |
//! | upload id | text | "" if no upload was begun |
//! | media type | text | "" for the store's default |
//! | part size | `u64` | of the first part; see [`PartPlan`] |
//! | begun | `u64` | when the upload was begun, in milliseconds since 1970; 0 if there is none, or it is not known |
//! | total length | `u64` | parts and tail together |
//! | number of parts | `u32` | |
//! | … number | `u32` | ascending |
//! | … size | `u64` | |
//! | … CRC32C | `u32` | |
//! | … flags | `u8` | bit 0: the store keeps the checksum, so `Complete` must name it; bit 1: the checksum is not known, and 0 here |
//! | … entity tag | text | as the store wrote it |
//! | tail length | `u32` | |
//! | tail CRC32C | `u32` | |
//! | tail | bytes | |
//! | CRC32C | `u32` | over everything before it |
//!
//! Every version, also a later one, begins with magic and version and ends with that CRC32C, so that
//! a reader can tell state of a newer plugin from damage.

use bytes::{BufMut, Bytes, BytesMut};
use plugin_api::{Error, ErrorKind, Recoverable, Result, WriteMode};

use crate::multipart_upload::{Content, MAX_PARTS, Nonce, Part, PartPlan, etag};
pub(crate) use old::{OldPart, OldState, SideObject};
use wire::Reader;

use crate::settings::Settings;

mod flink_native;
mod hadoop;
mod old;
mod wire;

/// The version that this plugin writes.
pub(crate) const VERSION: u32 = 2;

const MAGIC: [u8; 4] = *b"FSR2";
const FLAG_OVERWRITE: u16 = 1;
const FLAG_EQUAL_PARTS: u16 = 2;
const FLAG_ANOTHERS_UPLOAD: u16 = 4;
const PART_FLAG_CHECKSUM_KEPT: u8 = 1;
const PART_FLAG_CHECKSUM_UNKNOWN: u8 = 2;

/// What a checkpoint keeps of an unfinished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecoverableState {
    pub(crate) bucket: String,
    pub(crate) endpoint: String,
    pub(crate) key: String,
    /// "" if no upload was begun: then there are no parts.
    pub(crate) upload_id: String,
    /// [`None`] if another writer has begun the upload.
    pub(crate) nonce: Option<Nonce>,
    pub(crate) mode: WriteMode,
    pub(crate) content_type: String,
    pub(crate) part_size: u64,
    pub(crate) equal_parts: bool,
    /// When the upload was begun, in milliseconds since 1970; 0 if there is none, or it is not known.
    pub(crate) begun: u64,
    /// Ascending by number.
    pub(crate) parts: Vec<Part>,
    /// The bytes behind the last part.
    pub(crate) tail: Bytes,
}

impl RecoverableState {
    /// The bytes that the state covers.
    pub(crate) fn len(&self) -> u64 {
        self.parts_len() + self.tail.len() as u64
    }

    fn parts_len(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }

    /// Whether there is an upload; without one the tail is the whole file.
    pub(crate) fn has_upload(&self) -> bool {
        !self.upload_id.is_empty()
    }

    /// How large the parts are.
    pub(crate) fn plan(&self, settings: &Settings) -> PartPlan {
        PartPlan::resumed(settings, self.part_size, self.equal_parts)
    }

    /// What a commit of exactly this state publishes, if it has an upload.
    pub(crate) fn content(&self) -> Content {
        let mut parts = self.parts.clone();
        if !self.tail.is_empty() {
            parts.push(Part {
                number: 0,
                size: self.tail.len() as u64,
                crc32c: Some(crc32c::crc32c(&self.tail)),
                checksum_kept: false,
                etag: etag::of_content(&self.tail),
            });
        }
        Content::of_upload(&self.upload_id, &parts)
    }

    fn flags(&self) -> u16 {
        let mut flags = 0;
        for (is_set, flag) in [
            (self.mode == WriteMode::Overwrite, FLAG_OVERWRITE),
            (self.equal_parts, FLAG_EQUAL_PARTS),
            (self.nonce.is_none(), FLAG_ANOTHERS_UPLOAD),
        ] {
            if is_set {
                flags |= flag;
            }
        }
        flags
    }

    /// The serialized form.
    pub(crate) fn encode(&self) -> Recoverable {
        self.encode_with_tail(&self.tail)
    }

    /// The serialized form with this tail in place of the state's own. It is copied, so that nothing
    /// written later can change it.
    pub(crate) fn encode_with_tail(&self, tail: &[u8]) -> Recoverable {
        let etags: usize = self.parts.iter().map(|part| part.etag.len()).sum();
        let texts = [
            &self.bucket,
            &self.endpoint,
            &self.key,
            &self.upload_id,
            &self.content_type,
        ];
        let lengths: usize = texts.iter().map(|text| 4 + text.len()).sum();
        let mut out = BytesMut::with_capacity(72 + lengths + self.parts.len() * 21 + etags + tail.len());
        out.put_slice(&MAGIC);
        out.put_u16_le(VERSION as u16);
        out.put_u16_le(self.flags());
        out.put_slice(&self.nonce.map_or([0; 16], Nonce::to_bytes));
        for text in texts {
            put_text(&mut out, text);
        }
        out.put_u64_le(self.part_size);
        out.put_u64_le(self.begun);
        out.put_u64_le(self.parts_len() + tail.len() as u64);
        out.put_u32_le(self.parts.len() as u32);
        for part in &self.parts {
            out.put_u32_le(part.number);
            out.put_u64_le(part.size);
            out.put_u32_le(part.crc32c.unwrap_or(0));
            out.put_u8(match part.crc32c {
                None => PART_FLAG_CHECKSUM_UNKNOWN,
                Some(_) if part.checksum_kept => PART_FLAG_CHECKSUM_KEPT,
                Some(_) => 0,
            });
            put_text(&mut out, &part.etag);
        }
        out.put_u32_le(tail.len() as u32);
        out.put_u32_le(crc32c::crc32c(tail));
        out.put_slice(tail);
        out.put_u32_le(crc32c::crc32c(&out));
        Recoverable::new(VERSION, out.freeze())
    }

    /// Reads the serialized form; the tail shares its memory.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an intact state of another version, otherwise
    /// [`ErrorKind::Corrupt`] for whatever is not exactly what [`encode`](Self::encode) writes.
    pub(crate) fn decode(recoverable: &Recoverable) -> Result<Self> {
        let outer = recoverable.version();
        if outer != VERSION {
            return Err(other_version(outer));
        }
        let all = recoverable.bytes();
        let Some((content, checksum)) = all.split_last_chunk::<4>() else {
            return Err(corrupt("it is cut off"));
        };
        if !content.starts_with(&MAGIC) {
            return Err(corrupt("it does not begin with 'FSR2'"));
        }
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return Err(corrupt("its checksum does not match"));
        }
        let mut reader = Reader::new(all.slice(MAGIC.len()..content.len()));
        let version = u32::from(reader.u16()?);
        if version != VERSION {
            return Err(other_version(version));
        }
        let flags = reader.u16()?;
        if flags & !(FLAG_OVERWRITE | FLAG_EQUAL_PARTS | FLAG_ANOTHERS_UPLOAD) != 0 {
            return Err(corrupt("it has unknown flags"));
        }
        let nonce = match (reader.array()?, flags & FLAG_ANOTHERS_UPLOAD) {
            (nonce, 0) => Some(Nonce::from_bytes(nonce)),
            (nonce, _) if nonce == [0; 16] => None,
            _ => return Err(corrupt("it has a nonce that its upload cannot have")),
        };
        let (bucket, endpoint) = (reader.text()?, reader.text()?);
        let (key, upload_id, content_type) = (reader.text()?, reader.text()?, reader.text()?);
        let part_size = reader.u64()?;
        let begun = reader.u64()?;
        let len = reader.u64()?;
        let parts = read_parts(&mut reader)?;
        let tail_len = reader.u32()?;
        let tail_crc32c = reader.u32()?;
        let tail = reader.bytes(tail_len as usize)?;
        if !reader.is_at_end() {
            return Err(corrupt("bytes follow its end"));
        }
        let state = Self {
            bucket,
            endpoint,
            key,
            upload_id,
            nonce,
            mode: if flags & FLAG_OVERWRITE == 0 {
                WriteMode::NoOverwrite
            } else {
                WriteMode::Overwrite
            },
            content_type,
            part_size,
            equal_parts: flags & FLAG_EQUAL_PARTS != 0,
            begun,
            parts,
            tail,
        };
        state.validate(len, tail_crc32c)?;
        Ok(state)
    }

    /// What must hold beyond the layout. A state with a matching checksum breaks it only if whoever
    /// wrote it was wrong.
    fn validate(&self, len: u64, tail_crc32c: u32) -> Result<()> {
        let covered = self
            .parts
            .iter()
            .try_fold(self.tail.len() as u64, |sum, part| sum.checked_add(part.size));
        if covered != Some(len) {
            return Err(corrupt("its parts and its tail do not add up to its length"));
        }
        if crc32c::crc32c(&self.tail) != tail_crc32c {
            return Err(corrupt("the checksum of its tail does not match"));
        }
        if !self.has_upload() && !self.parts.is_empty() {
            return Err(corrupt("it has parts but no upload"));
        }
        if !self.has_upload() && (self.nonce.is_none() || self.begun != 0) {
            return Err(corrupt("it tells of an upload that it does not have"));
        }
        if self.key.is_empty() || self.bucket.is_empty() {
            return Err(corrupt("it names no file"));
        }
        if self.part_size == 0 {
            return Err(corrupt("its part size is 0"));
        }
        Ok(())
    }
}

fn read_parts(reader: &mut Reader) -> Result<Vec<Part>> {
    let count = reader.u32()?;
    if count > MAX_PARTS {
        return Err(corrupt("it has more than 10,000 parts"));
    }
    let mut parts: Vec<Part> = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let (number, size) = (reader.u32()?, reader.u64()?);
        let (crc32c, checksum_kept) = match (reader.u32()?, reader.array::<1>()?) {
            (crc32c, [0]) => (Some(crc32c), false),
            (crc32c, [PART_FLAG_CHECKSUM_KEPT]) => (Some(crc32c), true),
            (0, [PART_FLAG_CHECKSUM_UNKNOWN]) => (None, false),
            _ => return Err(corrupt("a part has unknown flags")),
        };
        let part = Part {
            number,
            size,
            crc32c,
            checksum_kept,
            etag: reader.text()?,
        };
        let before = parts.last().map_or(0, |part| part.number);
        if part.number <= before || part.number > MAX_PARTS {
            return Err(corrupt("its part numbers do not ascend from 1 to at most 10,000"));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u32_le(text.len() as u32);
    out.put_slice(text.as_bytes());
}

fn corrupt(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the recoverable is damaged: {why}"))
        .with_remedy("restore it from another copy or recover from an older checkpoint")
}

fn other_version(version: u32) -> Error {
    let remedy = if version > VERSION {
        "use a newer plugin"
    } else {
        "commit or abandon it with the plugin that wrote it"
    };
    Error::new(
        ErrorKind::Unsupported,
        format!("the recoverable has format version {version}, this plugin reads versions 1 and {VERSION}"),
    )
    .with_remedy(remedy)
}

#[cfg(test)]
mod tests;
