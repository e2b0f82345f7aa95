//! States of Flink's `flink-s3-fs-native`, version 1, as Java's `DataOutput` writes them: big-endian,
//! each text with its length as `u16` and in modified UTF-8.
//!
//! | field | type | |
//! |---|---|---|
//! | key, upload id | text | |
//! | length of all parts | `i64` | |
//! | number of parts | `i32` | |
//! | … number | `i32` | |
//! | … entity tag | text | |
//! | side object | `u8` | 1 if there is one, and then: |
//! | … key | text | |
//! | … length | `i64` | |

use bytes::Bytes;
use plugin_api::Result;

use super::corrupt;
use super::old::{OldPart, OldState, SideObject, length, part_count, part_number};
use super::wire::Reader;

/// Reads a state; what its numbers mean is checked by the caller.
pub(super) fn read(bytes: &Bytes) -> Result<OldState> {
    let mut reader = Reader::new(bytes.clone());
    let (key, upload_id) = (text(&mut reader)?, text(&mut reader)?);
    let parts_len = length(i64::from_be_bytes(reader.array()?))?;
    let count = part_count(i32::from_be_bytes(reader.array()?), 6, reader.left())?;
    let parts = (0..count)
        .map(|_| {
            Ok(OldPart {
                number: part_number(i32::from_be_bytes(reader.array()?))?,
                etag: text(&mut reader)?,
            })
        })
        .collect::<Result<_>>()?;
    let tail = match reader.array()? {
        [0] => None,
        [1] => Some(SideObject {
            key: text(&mut reader)?,
            len: length(i64::from_be_bytes(reader.array()?))?,
        }),
        _ => return Err(corrupt("it neither has a side object nor has none")),
    };
    if !reader.is_at_end() {
        return Err(corrupt("bytes follow its end"));
    }
    Ok(OldState {
        format: "flink-native-1",
        key,
        upload_id,
        parts,
        parts_len,
        tail,
    })
}

fn text(reader: &mut Reader) -> Result<String> {
    let len = u16::from_be_bytes(reader.array()?);
    let bytes = reader.bytes(len.into())?;
    modified_utf8(&bytes).ok_or_else(|| corrupt("a text is not modified UTF-8"))
}

/// UTF-8 but for NUL, which is two bytes, and for characters beyond the first plane, of which each
/// half of the UTF-16 pair is three.
fn modified_utf8(bytes: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(first) = rest.next() {
        let mut next = || {
            rest.next()
                .filter(|byte| byte & 0xC0 == 0x80)
                .map(|byte| u16::from(byte & 0x3F))
        };
        let (unit, least) = match first {
            0x01..=0x7F => (u16::from(first), 1),
            0xC0..=0xDF => (u16::from(first & 0x1F) << 6 | next()?, 0x80),
            0xE0..=0xEF => (u16::from(first & 0x0F) << 12 | next()? << 6 | next()?, 0x800),
            _ => return None,
        };
        // One form for each character; NUL has the two bytes.
        let is_nul = unit == 0 && least == 0x80;
        if unit < least && !is_nul {
            return None;
        }
        units.push(unit);
    }
    String::from_utf16(&units).ok()
}
