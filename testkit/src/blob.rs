//! The bytes of objects: shared segments in memory or in files, cut and joined without copying.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};

/// Bytes handed to the socket at a time. Small, so that a reader who stops early is sent little.
const FRAME: u64 = 128 << 10;

/// A data file of a folder store. It lives as long as something refers to it.
#[derive(Debug)]
pub(crate) struct DataFile {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    /// Set while the store is open: only then does an unreferenced file mean deleted data.
    pub(crate) owned: Arc<AtomicBool>,
}

impl Drop for DataFile {
    fn drop(&mut self) {
        if self.owned.load(Ordering::Acquire) {
            // A file that stays behind is removed at the next start.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// A piece of an object.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    Memory(Bytes),
    File {
        file: Arc<DataFile>,
        offset: u64,
        len: u64,
    },
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    fn slice(&self, range: Range<u64>) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.slice(range.start as usize..range.end as usize)),
            Self::File { file, offset, .. } => Self::File {
                file: Arc::clone(file),
                offset: offset + range.start,
                len: range.end - range.start,
            },
        }
    }

    pub(crate) fn read(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::File { file, offset, len } => {
                let mut buffer = BytesMut::zeroed(*len as usize);
                File::open(&file.path)?.read_exact_at(&mut buffer, *offset)?;
                Ok(buffer.freeze())
            }
        }
    }
}

/// The content of an object or part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blob {
    segments: Vec<Segment>,
    len: u64,
}

impl Blob {
    pub(crate) fn new(segments: impl IntoIterator<Item = Segment>) -> Self {
        let segments: Vec<_> = segments.into_iter().filter(|s| s.len() > 0).collect();
        let len = segments.iter().map(Segment::len).sum();
        Self { segments, len }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn concat<'a>(blobs: impl IntoIterator<Item = &'a Blob>) -> Self {
        Self::new(blobs.into_iter().flat_map(|b| b.segments.iter().cloned()))
    }

    /// The bytes of `range`, which lies within the blob.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut start = 0;
        let mut cut = Vec::new();
        for segment in &self.segments {
            let end = start + segment.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                cut.push(segment.slice(from - start..to - start));
            }
            start = end;
        }
        Self::new(cut)
    }

    /// All bytes; copies only what lies in files or more than one segment.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        if let [only] = self.segments.as_slice() {
            return only.read();
        }
        let mut all = BytesMut::with_capacity(self.len as usize);
        for segment in &self.segments {
            all.extend_from_slice(&segment.read()?);
        }
        Ok(all.freeze())
    }

    pub(crate) fn stream(self) -> StreamingBlob {
        StreamingBlob::new(BlobStream {
            remaining: self.len,
            blob: self,
            index: 0,
            offset: 0,
            open: None,
        })
    }
}

struct BlobStream {
    blob: Blob,
    remaining: u64,
    index: usize,
    offset: u64,
    open: Option<File>,
}

impl BlobStream {
    fn next_frame(&mut self) -> io::Result<Option<Bytes>> {
        let Some(segment) = self.blob.segments.get(self.index) else {
            return Ok(None);
        };
        let len = FRAME.min(segment.len() - self.offset);
        let frame = match segment {
            Segment::Memory(bytes) => bytes.slice(self.offset as usize..(self.offset + len) as usize),
            Segment::File { file, offset, .. } => {
                let open = match &self.open {
                    Some(open) => open,
                    None => self.open.insert(File::open(&file.path)?),
                };
                let mut buffer = BytesMut::zeroed(len as usize);
                open.read_exact_at(&mut buffer, offset + self.offset)?;
                buffer.freeze()
            }
        };
        self.offset += len;
        if self.offset == segment.len() {
            self.index += 1;
            self.offset = 0;
            self.open = None;
        }
        self.remaining -= len;
        Ok(Some(frame))
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Reads of files block for a frame: they were written moments ago and sit in the page cache.
        Poll::Ready(self.next_frame().map_err(StdError::from).transpose())
    }
}

impl ByteStream for BlobStream {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.remaining as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(parts: &[&'static str]) -> Blob {
        Blob::new(
            parts
                .iter()
                .map(|p| Segment::Memory(Bytes::from_static(p.as_bytes()))),
        )
    }

    #[test]
    fn a_slice_crosses_segments() {
        let blob = blob(&["abc", "", "defg", "h"]);
        assert_eq!(blob.len(), 8);
        for (range, expected) in [
            (0..8, "abcdefgh"),
            (2..4, "cd"),
            (3..7, "defg"),
            (6..8, "gh"),
            (4..4, ""),
        ] {
            assert_eq!(blob.slice(range).read().unwrap(), expected);
        }
    }
}
