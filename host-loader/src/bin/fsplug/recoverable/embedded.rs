//! Finds the states in the file of an engine, whatever its format.
//!
//! Nothing of the layout of a state is known here but how it begins and that it ends with the CRC-32C
//! of all before. What is one is decided by the plugin, which has to be able to read it.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use host_loader::plugin_api::{Recoverable, RecoverableInfo};
use serde::Serialize;

/// With what states begin: those of the S3 plugin and those of local files.
const MARKS: [&[u8]; 2] = [b"FSR2", b"\x89FSLOC\n\x1a"];

/// No state is longer: ten thousand parts and what is behind the last one take less.
const LONGEST: usize = 16 << 20;

/// Shorter runs of base64 characters hold no state.
const SHORTEST_RUN: usize = 32;

/// Decodes without regard to what a cut at either end leaves over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a state is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    /// It is the whole file.
    Whole,
    /// As it is, among other bytes.
    Raw,
    Base64,
}

impl Encoding {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "the whole file",
            Self::Raw => "raw",
            Self::Base64 => "base64",
        }
    }
}

/// A state that a plugin can read.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) state: Recoverable,
    pub(super) info: RecoverableInfo,
    pub(super) encoding: Encoding,
    /// Where it begins in the file; in base64, where the text begins that it is in.
    pub(super) offset: usize,
}

/// What reads a state: the state with its version, and what it says.
pub(super) type Read<'a> = &'a dyn Fn(&Bytes) -> Option<(Recoverable, RecoverableInfo)>;

/// Whether the file looks like one state, be it damaged.
pub(super) fn begins_like_a_state(content: &[u8]) -> bool {
    MARKS.iter().any(|mark| content.starts_with(mark))
}

/// Every state in the file, in its order; one that occurs several times counts once.
pub(super) fn find(content: &Bytes, read: Read<'_>) -> Vec<Found> {
    if let Some((state, info)) = read(content) {
        return vec![Found {
            state,
            info,
            encoding: Encoding::Whole,
            offset: 0,
        }];
    }
    let mut all: Vec<Found> = Vec::new();
    let mut add = |found: Found| {
        if all.iter().all(|known| known.state != found.state) {
            all.push(found);
        }
    };
    // What a state covers is not looked into: it may hold anything, also states.
    let mut behind = 0;
    for found in find_raw(content, read) {
        find_base64(content, behind..found.offset, read, &mut add);
        behind = found.offset + found.state.bytes().len();
        add(found);
    }
    find_base64(content, behind..content.len(), read, &mut add);
    all
}

fn find_raw(content: &Bytes, read: Read<'_>) -> Vec<Found> {
    let marks = AhoCorasick::new(MARKS).expect("two short patterns make an automaton");
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(mark) = marks.find(&content[at..]) {
        let start = at + mark.start();
        match state_at(&content.slice(start..), read) {
            Some((state, info)) => {
                at = start + state.bytes().len();
                all.push(Found {
                    state,
                    info,
                    encoding: Encoding::Raw,
                    offset: start,
                });
            }
            None => at = start + 1,
        }
    }
    all
}

/// The state at the beginning of these bytes: it ends where their CRC-32C follows them.
fn state_at(rest: &Bytes, read: Read<'_>) -> Option<(Recoverable, RecoverableInfo)> {
    let mut crc32c = 0_u32;
    for (end, byte) in rest.chunks(1).take(LONGEST).enumerate() {
        let checksum = rest.get(end..end + 4)?;
        // One of four thousand million is so by chance, and then read by no plugin.
        if end > 0
            && checksum == crc32c.to_le_bytes()
            && let Some(found) = read(&rest.slice(..end + 4))
        {
            return Some(found);
        }
        crc32c = crc32c::crc32c_append(crc32c, byte);
    }
    None
}

fn find_base64(content: &[u8], range: std::ops::Range<usize>, read: Read<'_>, add: &mut impl FnMut(Found)) {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut at = range.start;
    for run in content[range].chunk_by(|a, b| is_base64(a) == is_base64(b)) {
        let offset = at;
        at += run.len();
        if run.len() < SHORTEST_RUN || !is_base64(&run[0]) {
            continue;
        }
        let text: Vec<u8> = run
            .iter()
            .map(|&byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => byte,
            })
            .collect();
        // What comes before it without a break shifts the groups of four.
        for phase in 0..4 {
            let text = &text[phase..];
            // A group of one character says nothing.
            let text = &text[..text.len() - usize::from(text.len() % 4 == 1)];
            let Ok(decoded) = LENIENT.decode(text) else {
                continue;
            };
            let states = find_raw(&decoded.into(), read);
            let any = !states.is_empty();
            for found in states {
                add(Found {
                    encoding: Encoding::Base64,
                    offset,
                    ..found
                });
            }
            if any {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use host_loader::plugin_api::Location;

    /// A state of a plugin that reads whatever has the mark and the checksum, and the letter behind.
    fn state(content: &[u8]) -> Vec<u8> {
        let mut bytes = [b"FSR2k", content].concat();
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn read(bytes: &Bytes) -> Option<(Recoverable, RecoverableInfo)> {
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        let intact = content.starts_with(b"FSR2k") && crc32c::crc32c(content).to_le_bytes() == *checksum;
        let location = Location::parse("s3://b/k").unwrap();
        intact.then(|| {
            (
                Recoverable::new(2, bytes.clone()),
                RecoverableInfo::new(location, 1, ""),
            )
        })
    }

    fn found(content: Vec<u8>) -> Vec<(Vec<u8>, Encoding, usize)> {
        let all = find(&content.into(), &read);
        all.into_iter()
            .map(|found| (found.state.bytes().to_vec(), found.encoding, found.offset))
            .collect()
    }

    #[test]
    fn a_file_may_be_a_state_or_hold_some_in_either_form() {
        let (one, two) = (
            state(b"one, rather long content"),
            state(b"two, also of some length"),
        );
        assert_eq!(found(one.clone()), [(one.clone(), Encoding::Whole, 0)]);
        let json = format!(
            r#"{{"a":"{}","b":["{}"]}}"#,
            STANDARD.encode(&one),
            URL_SAFE_NO_PAD.encode(&two)
        );
        let in_json: Vec<_> = found(json.into_bytes())
            .into_iter()
            .map(|(state, ..)| state)
            .collect();
        assert_eq!(in_json, [one.clone(), two.clone()]);
        let mixed = [b"head".as_slice(), &one, b"FSR2 is a mark", &two, &one].concat();
        assert_eq!(
            found(mixed),
            [
                (one.clone(), Encoding::Raw, 4),
                (two, Encoding::Raw, 4 + one.len() + 14)
            ]
        );
    }

    #[test]
    fn a_state_in_base64_is_found_behind_anything_that_looks_like_base64() {
        let one = state(b"content of some length");
        for before in 0..8 {
            for header in 0..3 {
                let encoded = STANDARD.encode([&b"\0\xff\x02"[..header], &one].concat());
                let text = format!("{}{encoded}", &"path/to0"[..before]);
                assert_eq!(found(text.into_bytes()), [(one.clone(), Encoding::Base64, 0)]);
            }
        }
    }

    #[test]
    fn what_a_state_covers_is_not_looked_into() {
        let inner = state(b"inner content");
        let outer = state(&[b"x", STANDARD.encode(&inner).as_bytes(), &inner].concat());
        let file = [b"head", outer.as_slice(), b"tail"].concat();
        assert_eq!(found(file), [(outer, Encoding::Raw, 4)]);
    }

    #[test]
    fn damaged_and_cut_states_are_none() {
        let mut damaged = state(b"content of the state");
        damaged[9] ^= 1;
        assert!(begins_like_a_state(&damaged));
        assert_eq!(found(damaged), []);
        let cut = state(b"content of the state");
        assert_eq!(found(cut[..cut.len() - 1].to_vec()), []);
        assert_eq!(found(Vec::new()), []);
        assert_eq!(found(vec![b'A'; 1000]), []);
    }
}
