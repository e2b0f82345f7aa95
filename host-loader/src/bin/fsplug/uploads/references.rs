//! [`References`]: which uploads a state file refers to, whatever its format.
//!
//! Every engine keeps its states in a format of its own, but the id of the upload is in each of them.
//! So the ids are searched for in every form in which a file may hold them, all in one pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use host_loader::plugin_api::{Error, ErrorKind};

/// Shorter ids occur in files by chance, and have forms in base64 that are empty.
pub(super) const SHORTEST_ID: usize = 4;

/// With what a Snappy frame begins, wherever in the file: engines compress parts of their state.
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// With what compressed files begin.
const COMPRESSED: [(&str, &[u8]); 4] = [
    ("gzip", b"\x1f\x8b"),
    ("zstd", b"\x28\xb5\x2f\xfd"),
    ("snappy", SNAPPY_FRAMES),
    ("lz4", b"\x04\x22\x4d\x18"),
];
const LONGEST_MAGIC: usize = SNAPPY_FRAMES.len();

/// The ids of uploads in all their forms.
#[derive(Debug)]
pub(super) struct References {
    automaton: AhoCorasick,
    /// The index of the id that a pattern is a form of; `None` for that of [`SNAPPY_FRAMES`].
    ids: Vec<Option<usize>>,
    longest: usize,
}

impl References {
    /// Prepares the search for these ids, each of at least [`SHORTEST_ID`] bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] if they are too long in all.
    pub(super) fn to(uploads: &[&str]) -> Result<Self, Error> {
        let mut patterns = vec![SNAPPY_FRAMES.to_vec()];
        let mut ids = vec![None];
        for (index, id) in uploads.iter().enumerate() {
            let forms = forms(id.as_bytes());
            ids.resize(ids.len() + forms.len(), Some(index));
            patterns.extend(forms);
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        let automaton = AhoCorasick::builder()
            // Of all kinds the one with the least memory.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&patterns)
            .map_err(|error| {
                Error::new(
                    ErrorKind::Exhausted,
                    "the ids of the uploads are too long to be searched for",
                )
                .with_source(&error)
                .with_remedy("collect the uploads of one directory after the other")
            })?;
        Ok(Self {
            automaton,
            ids,
            longest,
        })
    }

    /// Begins to search one file.
    pub(super) fn search(&self) -> Search<'_> {
        Search {
            references: self,
            window: Vec::new(),
            start: Vec::new(),
            found: Vec::new(),
            has_frames: false,
        }
    }
}

/// The search of one file, which is fed with its content piece by piece.
pub(super) struct Search<'a> {
    references: &'a References,
    /// The end of what was fed: as much as the beginning of a form can take.
    window: Vec<u8>,
    /// The first bytes of the file.
    start: Vec<u8>,
    found: Vec<usize>,
    has_frames: bool,
}

impl Search<'_> {
    /// Searches the next piece, however short, together with the end of the one before.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let missing = LONGEST_MAGIC.saturating_sub(self.start.len()).min(piece.len());
        self.start.extend_from_slice(&piece[..missing]);
        self.window.extend_from_slice(piece);
        for found in self.references.automaton.find_overlapping_iter(&self.window) {
            match self.references.ids[found.pattern().as_usize()] {
                Some(id) => self.found.push(id),
                None => self.has_frames = true,
            }
        }
        // The same id may be in a file many times.
        self.found.sort_unstable();
        self.found.dedup();
        let done = self.window.len().saturating_sub(self.references.longest - 1);
        self.window.drain(..done);
    }

    /// How the file is compressed, as far as that can be told.
    pub(super) fn compression(&self) -> Option<&'static str> {
        let begins = COMPRESSED.iter().find(|(_, magic)| self.start.starts_with(magic));
        let name = begins.map(|&(name, _)| name);
        name.or(self.has_frames.then_some("snappy"))
    }

    /// The indices of the ids that are in the file, ascending.
    pub(super) fn into_found(self) -> Vec<usize> {
        self.found
    }
}

/// Every form in which a file may hold an id.
fn forms(id: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![
        id.to_vec(),
        hex::encode(id).into_bytes(),
        hex::encode_upper(id).into_bytes(),
    ];
    // Three bytes are four characters, so it matters how many bytes come before the id.
    for before in 0..3 {
        let aligned = [&[0; 2][..before], id].concat();
        // The characters that hold bits of the id alone.
        let (first, end) = ((8 * before).div_ceil(6), 8 * aligned.len() / 6);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(engine.encode(&aligned).as_bytes()[first..end].to_vec());
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    const IDS: [&str; 3] = ["2~Zq?>~x/y+z", "upload-0001", "upload-00012"];

    fn found(content: &[u8], piece: usize) -> Vec<usize> {
        let references = References::to(&IDS).unwrap();
        let mut search = references.search();
        content.chunks(piece).for_each(|piece| search.feed(piece));
        search.into_found()
    }

    #[test]
    fn an_id_is_found_in_each_form_at_each_alignment_and_across_pieces() {
        for (index, id) in IDS.iter().enumerate().take(2) {
            for before in 0..6 {
                for behind in 0..3 {
                    let raw = [
                        &b"\x00\xfe~abc"[..before],
                        id.as_bytes(),
                        &b"\xff?"[..behind.min(2)],
                    ]
                    .concat();
                    for content in [
                        raw.clone(),
                        STANDARD.encode(&raw).into_bytes(),
                        URL_SAFE.encode(&raw).into_bytes(),
                        hex::encode_upper(&raw).into_bytes(),
                        hex::encode(&raw).into_bytes(),
                    ] {
                        for piece in [1, 2, 7, 1000] {
                            assert_eq!(found(&content, piece), [index], "{id} {before} {behind} {piece}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_id_that_begins_with_another_one_is_found_as_well() {
        assert_eq!(found(b"upload-00012", 5), [1, 2]);
        assert_eq!(found(b"upload-0001 upload-000", 5), [1]);
        assert_eq!(found(b"upload-000", 5), [] as [usize; 0]);
    }

    #[test]
    fn compressed_files_are_recognised_by_their_first_bytes_in_pieces_too() {
        let references = References::to(&IDS).unwrap();
        let compression = |content: &[u8], piece: usize| {
            let mut search = references.search();
            content.chunks(piece).for_each(|piece| search.feed(piece));
            search.compression()
        };
        for (name, magic) in COMPRESSED {
            for piece in [1, 3, 100] {
                assert_eq!(compression(&[magic, b"content"].concat(), piece), Some(name));
            }
        }
        let inside = [b"header", SNAPPY_FRAMES, b"content"].concat();
        assert_eq!(compression(&inside, 4), Some("snappy"));
        assert_eq!(compression(b"x\x1f\x8b", 100), None);
        assert_eq!(compression(b"", 1), None);
    }

    proptest! {
        #[test]
        fn whatever_surrounds_an_id_it_is_found(
            before in prop::collection::vec(any::<u8>(), 0..40),
            behind in prop::collection::vec(any::<u8>(), 0..40),
            id in "[ -~]{4,40}",
            piece in 1_usize..64,
        ) {
            let raw = [&before[..], id.as_bytes(), &behind[..]].concat();
            let references = References::to(&[&id]).unwrap();
            for content in [raw.clone(), STANDARD.encode(&raw).into_bytes(), URL_SAFE.encode(&raw).into_bytes()] {
                let mut search = references.search();
                content.chunks(piece).for_each(|piece| search.feed(piece));
                prop_assert_eq!(search.into_found(), vec![0]);
            }
        }
    }
}
