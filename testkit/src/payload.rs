//! Receives request bodies and verifies what was said about them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt as _;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders};

use crate::checksums::{Algorithm, Checksum, Hasher};
use crate::errors;
use crate::store::EtagKind;

/// Most bytes of one PUT or part.
const MAX_PAYLOAD: u64 = 5 << 30;

/// What a request says about its body.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    pub(crate) content_length: Option<i64>,
    pub(crate) content_md5: Option<String>,
    /// Checksums given in headers: S3 allows one.
    pub(crate) checksums: Vec<(Algorithm, String)>,
    /// The algorithm of a checksum that follows in the trailer.
    pub(crate) trailer: Option<Algorithm>,
    /// `x-amz-sdk-checksum-algorithm`.
    pub(crate) algorithm: Option<String>,
}

impl Announced {
    /// The algorithm that the client chose, if it chose one.
    pub(crate) fn algorithm(&self) -> S3Result<Option<Algorithm>> {
        if self.checksums.len() + usize::from(self.trailer.is_some()) > 1 {
            return Err(errors::invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let sent = self
            .checksums
            .first()
            .map(|(algorithm, _)| *algorithm)
            .or(self.trailer);
        let named = match self.algorithm.as_deref() {
            Some(name) => Some(Algorithm::parse(name).ok_or_else(|| {
                errors::invalid_request(
                    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                     [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
                )
            })?),
            None => None,
        };
        match (sent, named) {
            (Some(sent), Some(named)) if sent != named => Err(errors::invalid_request(
                "Value for x-amz-sdk-checksum-algorithm header is invalid.",
            )),
            _ => Ok(sent.or(named)),
        }
    }
}

/// A body that holds what was announced.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
}

/// The bytes of a body as they arrived, framing and all: in the extensions of a request whose framing is to be
/// kept as content.
#[derive(Clone, Debug)]
pub(crate) struct AsItArrived(pub(crate) Bytes);

impl Received {
    /// The same with these bytes for content.
    pub(crate) fn replaced(self, by: Option<&AsItArrived>, etag: EtagKind) -> Self {
        let Some(AsItArrived(bytes)) = by else {
            return self;
        };
        let mut digests = Digests::new(etag, self.checksum.algorithm, false);
        digests.update(bytes);
        let (etag, checksum, _) = digests.finish();
        Self {
            bytes: bytes.clone(),
            etag,
            checksum,
        }
    }
}

/// Entity tag and checksum over frames.
pub(crate) struct Digests {
    md5: Option<Md5>,
    etag: EtagKind,
    checksum: Hasher,
}

impl Digests {
    pub(crate) fn new(etag: EtagKind, algorithm: Algorithm, want_md5: bool) -> Self {
        let md5 = (want_md5 || etag == EtagKind::Md5).then(Md5::new);
        Self {
            md5,
            etag,
            checksum: Hasher::new(algorithm),
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
        self.checksum.update(data);
    }

    /// The entity tag, the checksum, and the MD5 if it was computed.
    pub(crate) fn finish(self) -> (String, Checksum, Option<[u8; 16]>) {
        let md5: Option<[u8; 16]> = self.md5.map(Md5::finalize);
        let etag = match (self.etag, md5) {
            (EtagKind::Md5, Some(md5)) => hex::encode(md5),
            _ => hex::encode(rand::random::<[u8; 16]>()),
        };
        (etag, self.checksum.finish(), md5)
    }
}

/// Reads a body to its end. `algorithm` is that of the checksum to keep.
pub(crate) async fn receive(
    body: Option<StreamingBlob>,
    announced: &Announced,
    trailers: Option<TrailingHeaders>,
    algorithm: Algorithm,
    etag: EtagKind,
) -> S3Result<Received> {
    let content_md5 = announced.content_md5.as_deref().map(decode_md5).transpose()?;
    let expected_len = announced.content_length.and_then(|len| u64::try_from(len).ok());
    if expected_len.is_some_and(|len| len > MAX_PAYLOAD) {
        return Err(S3Error::with_message(
            S3ErrorCode::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size",
        ));
    }
    let mut digests = Digests::new(etag, algorithm, content_md5.is_some());
    let mut bytes = Vec::with_capacity(expected_len.unwrap_or(0) as usize);
    if let Some(mut body) = body {
        while let Some(frame) = body.next().await {
            let frame = frame.map_err(|error| body_error(&error))?;
            digests.update(&frame);
            bytes.extend_from_slice(&frame);
        }
    }
    if expected_len.is_some_and(|len| len != bytes.len() as u64) {
        return Err(errors::incomplete_body());
    }
    let (etag, checksum, md5) = digests.finish();
    if content_md5.is_some() && content_md5 != md5 {
        return Err(S3Error::with_message(
            S3ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        ));
    }
    verify_checksum(announced, trailers.as_ref(), &checksum)?;
    Ok(Received {
        bytes: bytes.into(),
        etag,
        checksum,
    })
}

fn verify_checksum(
    announced: &Announced,
    trailers: Option<&TrailingHeaders>,
    computed: &Checksum,
) -> S3Result {
    let expected = if let Some((_, value)) = announced.checksums.first() {
        Some(value.clone())
    } else if let Some(algorithm) = announced.trailer {
        let value = trailers
            .and_then(|t| t.read(|headers| headers.get(algorithm.header()).cloned()))
            .flatten();
        let value = value.and_then(|value| value.to_str().ok().map(|v| v.trim().to_owned()));
        Some(value.ok_or_else(|| {
            errors::with_status(
                "MalformedTrailerError",
                http::StatusCode::BAD_REQUEST,
                "The request contained trailing data that was not well-formed or did not conform to our published \
                 schema.",
            )
        })?)
    } else {
        None
    };
    let Some(expected) = expected else { return Ok(()) };
    let name = computed.algorithm.header();
    match (BASE64.decode(&expected), BASE64.decode(&computed.value)) {
        (Ok(sent), Ok(own)) if sent.len() != own.len() => Err(errors::invalid_request(format!(
            "Value for {name} header is invalid."
        ))),
        (Err(_), _) => Err(errors::invalid_request(format!(
            "Value for {name} header is invalid."
        ))),
        (sent, own) if sent == own => Ok(()),
        _ => Err(errors::bad_digest(computed.algorithm.name())),
    }
}

fn decode_md5(header: &str) -> S3Result<[u8; 16]> {
    let decoded = BASE64.decode(header).ok().and_then(|bytes| bytes.try_into().ok());
    decoded.ok_or_else(errors::invalid_digest)
}

/// The protocol layer reports what it finds in a body as an error of the stream, of types that it keeps to
/// itself: their text is all there is to tell them apart.
fn body_error(error: &StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("SignatureMismatch") {
        S3Error::with_message(
            S3ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method.",
        )
    } else if text.contains("Sha256Mismatch") {
        errors::with_status(
            "XAmzContentSHA256Mismatch",
            http::StatusCode::BAD_REQUEST,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    } else if text.contains("FormatError") || text.contains("TooLarge") || text.contains("TooMany") {
        errors::invalid_request("The body is not a well-formed aws-chunked stream")
    } else {
        errors::incomplete_body()
    }
}
