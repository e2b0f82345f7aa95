//! [`State`]: what a recoverable of this plugin holds, and its serialized form.

use plugin_api::{Error, ErrorKind, Location, Recoverable, Result, WriteMode};

const VERSION: u32 = 1;
const MAGIC: &[u8] = b"mock-upload\0";

/// A reference to what was persisted; the data stays in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) location: Location,
    pub(crate) upload: u64,
    pub(crate) snapshot: u64,
    pub(crate) len: u64,
    /// The CRC-32C of the bytes that it covers.
    pub(crate) checksum: u32,
    pub(crate) mode: WriteMode,
}

impl State {
    /// Magic, the numbers in little-endian order, the location, and a CRC-32C of all before it.
    pub(crate) fn encode(&self) -> Recoverable {
        let mut bytes = MAGIC.to_vec();
        for number in [self.upload, self.snapshot, self.len] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        bytes.push(u8::from(self.mode == WriteMode::Overwrite));
        bytes.extend_from_slice(self.location.as_str().as_bytes());
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Recoverable::new(VERSION, bytes)
    }

    pub(crate) fn decode(state: &Recoverable) -> Result<Self> {
        if state.version() != VERSION {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the state has format version {}, and only {VERSION} is known here",
                    state.version()
                ),
            )
            .with_remedy("recover it with the version that wrote it"));
        }
        Self::parse(state.bytes()).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                "this is not a state of this plugin, or it is damaged",
            )
            .with_remedy("use the state exactly as persist() returned it")
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut rest = content.strip_prefix(MAGIC)?;
        let (upload, snapshot, len) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let checksum = u32::from_le_bytes(take(&mut rest)?);
        let [mode] = take(&mut rest)?;
        Some(Self {
            location: Location::parse(std::str::from_utf8(rest).ok()?).ok()?,
            upload: u64::from_le_bytes(upload),
            snapshot: u64::from_le_bytes(snapshot),
            len: u64::from_le_bytes(len),
            checksum,
            mode: if mode == 0 {
                WriteMode::NoOverwrite
            } else {
                WriteMode::Overwrite
            },
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
