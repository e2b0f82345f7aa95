//! States of Flink's `flink-s3-fs-hadoop`, version 1: little-endian, each text with its length as
//! `i32` and in UTF-8.
//!
//! | field | type | |
//! |---|---|---|
//! | magic | 4 bytes | `32 14 76 98` |
//! | key, upload id | text | |
//! | number of parts | `i32` | |
//! | … number | `i32` | |
//! | … entity tag | text | |
//! | length of all parts | `i64` | |
//! | key of the side object | text | "" if there is none |
//! | its length | `i64` | 0 or -1 if there is none |

use bytes::Bytes;
use plugin_api::Result;

use super::corrupt;
use super::old::{OldPart, OldState, SideObject, length, part_count, part_number};
use super::wire::Reader;

/// What a state begins with.
pub(super) const MAGIC: [u8; 4] = [0x32, 0x14, 0x76, 0x98];

/// Reads a state that begins with the magic; what its numbers mean is checked by the caller.
pub(super) fn read(bytes: &Bytes) -> Result<OldState> {
    let mut reader = Reader::new(bytes.slice(MAGIC.len()..));
    // A negative length of a text is one that exceeds what is there.
    let (key, upload_id) = (reader.text()?, reader.text()?);
    let count = part_count(i32::from_le_bytes(reader.array()?), 8, reader.left())?;
    let parts = (0..count)
        .map(|_| {
            Ok(OldPart {
                number: part_number(i32::from_le_bytes(reader.array()?))?,
                etag: reader.text()?,
            })
        })
        .collect::<Result<_>>()?;
    let parts_len = length(i64::from_le_bytes(reader.array()?))?;
    let tail_key = reader.text()?;
    let tail_len = i64::from_le_bytes(reader.array()?);
    let tail = match (tail_key.is_empty(), tail_len) {
        (true, 0 | -1) => None,
        (true, _) => {
            return Err(corrupt(
                "it has the length of a side object that it does not name",
            ));
        }
        (false, len) => Some(SideObject {
            key: tail_key,
            len: length(len)?,
        }),
    };
    if !reader.is_at_end() {
        return Err(corrupt("bytes follow its end"));
    }
    Ok(OldState {
        format: "flink-hadoop-1",
        key,
        upload_id,
        parts,
        parts_len,
        tail,
    })
}
