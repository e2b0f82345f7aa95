//! [`State`]: what a recoverable of a local file holds, and its serialized form.
//!
//! Version 1, numbers in little-endian order:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `89 46 53 4C 4F 43 0A 1A` |
//! | 1 | write mode: 0 must not replace a file, 1 may |
//! | 8 | number of bytes covered |
//! | 4 | CRC-32C of these bytes |
//! | 4 + n | length and key of the target's location |
//! | 4 + n | length and name of the in-progress file, which lies beside the target |
//! | 4 | CRC-32C of everything before |

use std::path::PathBuf;

use plugin_api::{Error, ErrorKind, Location, Recoverable, Result, WriteMode};

use super::path::{SCHEME, directory_of, file_path_of};

pub(super) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"\x89FSLOC\n\x1a";
/// Part of the name of every in-progress file.
pub(super) const IN_PROGRESS: &str = ".inprogress.";

/// An unfinished file up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Where a commit publishes it.
    pub(super) target: Location,
    /// The name of the in-progress file, in the directory of the target.
    pub(super) temp_name: String,
    /// Bytes covered.
    pub(super) len: u64,
    /// The CRC-32C of these bytes.
    pub(super) checksum: u32,
    pub(super) mode: WriteMode,
}

impl State {
    pub(super) fn target_path(&self) -> Result<PathBuf> {
        file_path_of("recover", &self.target)
    }

    pub(super) fn temp_path(&self) -> Result<PathBuf> {
        Ok(directory_of(&self.target_path()?).join(&self.temp_name))
    }

    pub(super) fn encode(&self) -> Recoverable {
        let mut bytes = Vec::with_capacity(37 + self.target.key().len() + self.temp_name.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.push(u8::from(self.mode == WriteMode::Overwrite));
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        for text in [self.target.key(), &self.temp_name] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Recoverable::new(VERSION, bytes)
    }

    pub(super) fn decode(operation: &'static str, state: &Recoverable) -> Result<Self> {
        if state.version() != VERSION {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the state has format version {}, and only {VERSION} is known here",
                    state.version()
                ),
            )
            .with_operation(operation)
            .with_remedy("recover it with the version that wrote it, or a newer one"));
        }
        Self::parse(state.bytes()).map_err(|why| {
            Error::new(
                ErrorKind::Corrupt,
                format!("this is not a usable state of a local file: {why}"),
            )
            .with_operation(operation)
            .with_remedy("use the state exactly as persist() returned it, or an earlier checkpoint")
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "it ends too early";
        if !bytes.starts_with(&MAGIC) {
            return Err("it does not begin with the mark of one");
        }
        let (content, checksum) = bytes.split_last_chunk::<4>().ok_or(SHORT)?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return Err("its checksum does not match");
        }
        let mut rest = content.get(MAGIC.len()..).ok_or(SHORT)?;
        let [mode] = take(&mut rest).ok_or(SHORT)?;
        let len = u64::from_le_bytes(take(&mut rest).ok_or(SHORT)?);
        let checksum = u32::from_le_bytes(take(&mut rest).ok_or(SHORT)?);
        let key = take_text(&mut rest)?;
        let temp_name = take_text(&mut rest)?;
        if !rest.is_empty() {
            return Err("there is something behind its end");
        }
        // A state may come from anywhere; it must not be able to name a file that is not ours.
        if !temp_name.starts_with('.') || !temp_name.contains(IN_PROGRESS) || temp_name.contains(['/', '\0'])
        {
            return Err("it names a file that is not an in-progress file");
        }
        let target = Location::new(SCHEME, "", key).map_err(|_| "its path is not one")?;
        file_path_of("recover", &target).map_err(|_| "its path is not the path of a file")?;
        Ok(Self {
            target,
            temp_name: temp_name.to_owned(),
            len,
            checksum,
            mode: match mode {
                0 => WriteMode::NoOverwrite,
                1 => WriteMode::Overwrite,
                _ => return Err("its write mode is not known"),
            },
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, &'static str> {
    const SHORT: &str = "a text in it ends too early";
    let len = u32::from_le_bytes(take(rest).ok_or(SHORT)?);
    let (text, behind) = rest.split_at_checked(len as usize).ok_or(SHORT)?;
    *rest = behind;
    std::str::from_utf8(text).map_err(|_| "a text in it is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            target: Location::new(SCHEME, "", "tmp/f-é").unwrap(),
            temp_name: ".f-é.inprogress.Ab3".to_owned(),
            len: 5 << 32,
            checksum: 0x1234_5678,
            mode: WriteMode::Overwrite,
        }
    }

    /// States stay in checkpoints for years: these bytes must be readable for ever.
    #[test]
    fn version_1_is_written_and_read_byte_for_byte() {
        let golden = "8946534c4f430a1a01000000000500000078563412\
                      08000000746d702f662dc3a9\
                      140000002e662dc3a92e696e70726f67726573732e416233";
        let mut bytes: Vec<u8> = (0..golden.len() / 2)
            .map(|at| u8::from_str_radix(&golden[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        assert_eq!(state().encode(), Recoverable::new(1, bytes.clone()));
        assert_eq!(
            State::decode("recover", &Recoverable::new(1, bytes)).unwrap(),
            state()
        );
    }

    #[test]
    fn any_damage_is_corrupt() {
        let good = state().encode().bytes().to_vec();
        let damaged = |bytes: Vec<u8>| {
            State::decode("recover", &Recoverable::new(VERSION, bytes))
                .unwrap_err()
                .kind()
        };
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(damaged(bad), ErrorKind::Corrupt);
            }
            assert_eq!(damaged(good[..at].to_vec()), ErrorKind::Corrupt);
        }
        assert_eq!(damaged([good, vec![0]].concat()), ErrorKind::Corrupt);
    }

    #[test]
    fn a_state_cannot_name_files_of_others() {
        for name in [
            "x",
            ".x",
            ".inprogress./../../etc/passwd",
            "a.inprogress.b",
            ".a.inprogress.\0",
        ] {
            let state = State {
                temp_name: name.to_owned(),
                ..state()
            };
            let error = State::decode("recover", &state.encode()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name:?}");
        }
    }

    #[test]
    fn a_newer_version_is_refused_by_its_number() {
        let newer = Recoverable::new(7, state().encode().bytes().clone());
        let error = State::decode("recover", &newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains('7'), "{error}");
    }
}
