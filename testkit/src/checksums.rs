//! The five object checksums of S3: computed while bytes arrive, combined at the end of an upload.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use serde::{Deserialize, Serialize};

/// One of the algorithms a client can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// As in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(name))
    }

    fn crc(self) -> Option<(CrcAlgorithm, usize)> {
        match self {
            Self::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
            Self::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
            Self::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// How the checksum of a multipart object comes from those of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Over the bytes of the object.
    FullObject,
    /// Over the checksums of the parts, written with `-N` behind it.
    Composite,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// What S3 uses when an upload names only the algorithm.
    pub(crate) fn default_for(algorithm: Algorithm) -> Self {
        if algorithm == Algorithm::Crc64Nvme {
            Self::FullObject
        } else {
            Self::Composite
        }
    }

    /// A CRC64NVME has no composite form, and a digest cannot be combined to that of the whole.
    pub(crate) fn is_allowed_for(self, algorithm: Algorithm) -> bool {
        match self {
            Self::FullObject => algorithm.crc().is_some(),
            Self::Composite => algorithm != Algorithm::Crc64Nvme,
        }
    }
}

/// A checksum as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    /// Base64, for composite ones with the number of parts.
    pub(crate) value: String,
}

/// Computes one checksum over frames.
pub(crate) struct Hasher {
    algorithm: Algorithm,
    engine: ChecksumHasher,
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let mut engine = ChecksumHasher::default();
        match algorithm {
            Algorithm::Crc32 => engine.crc32 = Some(Crc32::new()),
            Algorithm::Crc32c => engine.crc32c = Some(Crc32c::new()),
            Algorithm::Crc64Nvme => engine.crc64nvme = Some(Crc64Nvme::new()),
            Algorithm::Sha1 => engine.sha1 = Some(Sha1::new()),
            Algorithm::Sha256 => engine.sha256 = Some(Sha256::new()),
        }
        Self { algorithm, engine }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.engine.update(data);
    }

    pub(crate) fn finish(self) -> Checksum {
        let sums = self.engine.finalize();
        let value = match self.algorithm {
            Algorithm::Crc32 => sums.checksum_crc32,
            Algorithm::Crc32c => sums.checksum_crc32c,
            Algorithm::Crc64Nvme => sums.checksum_crc64nvme,
            Algorithm::Sha1 => sums.checksum_sha1,
            Algorithm::Sha256 => sums.checksum_sha256,
        };
        Checksum {
            algorithm: self.algorithm,
            kind: Kind::FullObject,
            value: value.expect("`new` switched this algorithm on"),
        }
    }
}

/// The checksum of an object of `parts`, each given with its length.
pub(crate) fn combine<'a>(
    algorithm: Algorithm,
    kind: Kind,
    parts: impl ExactSizeIterator<Item = (&'a Checksum, u64)>,
) -> Checksum {
    let count = parts.len();
    let value = if let (Kind::FullObject, Some((crc, width))) = (kind, algorithm.crc()) {
        let whole = parts
            .map(|(part, len)| (from_be(&raw(part)), len))
            .reduce(|(a, a_len), (b, b_len)| (crc_fast::checksum_combine(crc, a, b, b_len), a_len + b_len));
        let whole = whole.map_or(0, |(sum, _)| sum).to_be_bytes();
        BASE64.encode(&whole[8 - width..])
    } else {
        let mut hasher = Hasher::new(algorithm);
        for (part, _) in parts {
            hasher.update(&raw(part));
        }
        format!("{}-{count}", hasher.finish().value)
    };
    Checksum {
        algorithm,
        kind,
        value,
    }
}

fn raw(checksum: &Checksum) -> Vec<u8> {
    BASE64
        .decode(&checksum.value)
        .expect("part checksums are written by `Hasher`")
}

fn from_be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, data: &[u8]) -> Checksum {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(data);
        hasher.finish()
    }

    #[test]
    fn combining_crcs_of_parts_gives_that_of_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts = [
                of(algorithm, b"1234"),
                of(algorithm, b"56"),
                of(algorithm, b"789"),
            ];
            let lens = [4, 2, 3];
            let whole = combine(algorithm, Kind::FullObject, parts.iter().zip(lens));
            assert_eq!(whole.value, of(algorithm, b"123456789").value, "{algorithm:?}");
        }
    }

    #[test]
    fn a_composite_checksum_is_that_of_the_raw_sums() {
        let parts = [of(Algorithm::Sha256, b"a"), of(Algorithm::Sha256, b"b")];
        let joined: Vec<u8> = parts.iter().flat_map(raw).collect();
        let whole = combine(Algorithm::Sha256, Kind::Composite, parts.iter().map(|p| (p, 1)));
        assert_eq!(whole.value, format!("{}-2", of(Algorithm::Sha256, &joined).value));
    }
}
