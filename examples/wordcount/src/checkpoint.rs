//! What a checkpoint holds, and how it is written so that damage cannot go unnoticed.
//!
//! ```text
//! <checkpoints>/chk-7/state-0     where reader 0 stands in its input and its unfinished output
//! <checkpoints>/chk-7/state-1
//! <checkpoints>/chk-7/_metadata   everything else, and the checksums of the state files; written last
//! ```
//!
//! A directory without `_metadata` is not a checkpoint. Each file is two lines of JSON: a header with
//! format, version, length and CRC-32C of the second line, and the content.

pub(crate) mod store;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use plugin_api::{Error, ErrorKind, Recoverable, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::split::InputFile;

const FORMAT: &str = "wordcount-checkpoint";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    length: usize,
    crc32c: String,
}

/// `_metadata`: the state of the job as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    /// The number in the directory's name.
    pub(crate) checkpoint: u64,
    /// Whether the whole input was counted.
    pub(crate) finished: bool,
    /// Where the text comes from, as it was given.
    pub(crate) input: String,
    /// Where the part files go.
    pub(crate) output: String,
    /// The files of the input, in the versions that are being read.
    pub(crate) files: Vec<InputFile>,
    /// Divides the input into numbered splits.
    pub(crate) split_size: u64,
    /// The first split that no reader has taken.
    pub(crate) next_split: u64,
    /// Splits that were begun before an earlier restart and wait for a reader.
    pub(crate) waiting: Vec<OpenSplit>,
    /// The number of the next part file.
    pub(crate) next_part: u64,
    /// What was done so far, earlier runs included.
    pub(crate) totals: Totals,
    /// The state files that belong to this checkpoint.
    pub(crate) states: Vec<StateFile>,
}

/// What the job has done by a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Input bytes counted.
    pub(crate) bytes: u64,
    /// Words counted.
    pub(crate) words: u64,
    /// Part files finished.
    pub(crate) parts: u64,
}

/// A state file as its `_metadata` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateFile {
    /// Its name inside the checkpoint.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// CRC-32C of the whole file: a file left there by another attempt is not ours.
    pub(crate) crc32c: String,
}

/// A split that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenSplit {
    /// Its number in the plan.
    pub(crate) split: u64,
    /// Words that begin before this byte are counted.
    pub(crate) position: u64,
}

/// `state-<reader>`: where one reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReaderState {
    /// The split it was in.
    pub(crate) split: Option<OpenSplit>,
    /// The part file it was writing, which a restart goes on with.
    pub(crate) in_progress: Option<SavedRecoverable>,
    /// Part files that are complete and are published once `_metadata` is written.
    pub(crate) pending: Vec<SavedRecoverable>,
}

/// A [`Recoverable`] as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedRecoverable {
    version: u32,
    base64: String,
}

impl From<&Recoverable> for SavedRecoverable {
    fn from(state: &Recoverable) -> Self {
        Self {
            version: state.version(),
            base64: BASE64.encode(state.bytes()),
        }
    }
}

impl TryFrom<&SavedRecoverable> for Recoverable {
    type Error = Error;

    fn try_from(saved: &SavedRecoverable) -> Result<Self> {
        let bytes = BASE64
            .decode(&saved.base64)
            .map_err(|error| corrupt("the state of a part file is not base64").with_source(&error))?;
        Ok(Self::new(saved.version, bytes))
    }
}

fn corrupt(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, what)
}

/// CRC-32C as text.
pub(crate) fn checksum(content: &[u8]) -> String {
    format!("{:08x}", crc32c::crc32c(content))
}

/// The file that holds `content`.
pub(crate) fn encode(content: &impl Serialize) -> Result<Bytes> {
    let unserializable = |error: serde_json::Error| {
        Error::new(ErrorKind::Other, "cannot serialize the checkpoint").with_source(&error)
    };
    let body = serde_json::to_vec(content).map_err(unserializable)?;
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        length: body.len(),
        crc32c: checksum(&body),
    };
    let mut file = serde_json::to_vec(&header).map_err(unserializable)?;
    file.push(b'\n');
    file.extend_from_slice(&body);
    file.push(b'\n');
    Ok(file.into())
}

/// The content of a file that [`encode`] made.
pub(crate) fn decode<T: DeserializeOwned>(file: &[u8]) -> Result<T> {
    let no_header = || corrupt("this is not a checkpoint file of wordcount");
    let end = file
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(no_header)?;
    let header: Header = serde_json::from_slice(&file[..end]).map_err(|_| no_header())?;
    if header.format != FORMAT {
        return Err(no_header());
    }
    if header.version != VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the checkpoint has format version {}, known is {VERSION}",
                header.version
            ),
        )
        .with_remedy("restore it with the version of wordcount that wrote it"));
    }
    let body = &file[end + 1..];
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    if body.len() != header.length {
        return Err(corrupt(format!(
            "the content has {} bytes where the header says {}",
            body.len(),
            header.length
        )));
    }
    if checksum(body) != header.crc32c {
        return Err(corrupt(format!(
            "the content has CRC-32C {} where the header says {}",
            checksum(body),
            header.crc32c
        )));
    }
    serde_json::from_slice(body).map_err(|error| corrupt("the content cannot be read").with_source(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state() -> ReaderState {
        ReaderState {
            split: Some(OpenSplit {
                split: 3,
                position: 12_345,
            }),
            in_progress: Some((&Recoverable::new(1, vec![0, 255, 10])).into()),
            pending: vec![(&Recoverable::new(2, Bytes::new())).into()],
        }
    }

    #[test]
    fn what_was_encoded_comes_back() {
        let back: ReaderState = decode(&encode(&state()).unwrap()).unwrap();
        assert_eq!(back, state());
        let recoverable = Recoverable::try_from(back.in_progress.as_ref().unwrap()).unwrap();
        assert_eq!(
            (recoverable.version(), &recoverable.bytes()[..]),
            (1, [0, 255, 10].as_slice())
        );
    }

    proptest! {
        #[test]
        fn no_damaged_byte_and_no_cut_goes_unnoticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let good = encode(&state()).unwrap();
            let mut damaged = good.to_vec();
            let index = at.index(damaged.len() - 1);
            damaged[index] ^= flip;
            prop_assert!(decode::<ReaderState>(&damaged).is_err());
            prop_assert!(decode::<ReaderState>(&good[..index]).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_version() {
        let newer = String::from_utf8(encode(&state()).unwrap().to_vec())
            .unwrap()
            .replace(r#""version":1,"length""#, r#""version":2,"length""#);
        let error = decode::<ReaderState>(newer.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
