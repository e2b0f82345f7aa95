//! Streams that stay open while other things happen.

use bytes::{Bytes, BytesMut};
use plugin_api::{ErrorKind, InputStream, OpenOptions, OutputStream, WriteMode};

use crate::allowed::Allowed;
use crate::drive::{Case, Step, must, same};
use crate::operation::{End, content};

/// A stream that reads one version of a file.
pub(crate) struct Reader {
    path: &'static str,
    content: Bytes,
    version: u64,
    position: u64,
    stream: Box<dyn InputStream>,
}

/// A stream that writes a new file.
pub(crate) struct Writer {
    pub(crate) path: &'static str,
    pub(crate) mode: WriteMode,
    /// The number of the reference.
    pub(crate) number: u64,
    pub(crate) content: BytesMut,
    pub(crate) stream: Box<dyn OutputStream>,
}

impl Writer {
    pub(crate) fn new(
        path: &'static str,
        mode: WriteMode,
        number: u64,
        stream: Box<dyn OutputStream>,
    ) -> Self {
        Self {
            path,
            mode,
            number,
            content: BytesMut::new(),
            stream,
        }
    }

    pub(crate) async fn write(&mut self, data: Bytes) -> Result<(), String> {
        self.content.extend_from_slice(&data);
        must("write", self.stream.write_bytes(data).await)?;
        same(
            "the position",
            &self.stream.position(),
            &(self.content.len() as u64),
        )
    }
}

impl Reader {
    /// The position of so many 16ths of the length.
    fn at(&self, sixteenths: u64) -> u64 {
        let len = self.content.len() as u64;
        if sixteenths > 16 {
            len + 1
        } else {
            len * sixteenths / 16
        }
    }

    fn expect(&self, start: u64, bytes: &[u8]) -> Result<(), String> {
        let start = start as usize;
        if self.content.get(start..start + bytes.len()) == Some(bytes) {
            return Ok(());
        }
        Err(format!(
            "other bytes than those of the version that was opened, from {start} on"
        ))
    }
}

impl Case<'_> {
    /// What a read may come to: the version that was opened, or the report that it is gone (S-12).
    fn may_read(&self, reader: &Reader) -> Allowed {
        let version = self.reference.file(reader.path).map(|file| file.version);
        if version == Some(reader.version) {
            Allowed::success()
        } else {
            Allowed::success().or(&[ErrorKind::Changed, ErrorKind::NotFound])
        }
    }

    pub(crate) async fn open_reader(&mut self, slot: usize, path: &'static str) -> Step {
        self.readers[slot] = None;
        let result = self.system.fs.open(&self.at(path), &OpenOptions::default()).await;
        let file = match self.reference.open(path) {
            Ok(file) => file,
            Err(kind) => {
                Allowed::error(&[kind]).judge("open", result.map(drop))?;
                return Ok(true);
            }
        };
        let stream = must("open", result)?;
        same("the length", &stream.len(), &(file.content.len() as u64))?;
        self.readers[slot] = Some(Reader {
            path,
            content: file.content.clone(),
            version: file.version,
            position: 0,
            stream,
        });
        Ok(true)
    }

    pub(crate) async fn read_on(&mut self, slot: usize, max: usize) -> Step {
        let Some(mut reader) = self.readers[slot].take() else {
            return Ok(false);
        };
        let allowed = self.may_read(&reader);
        if let Some(chunk) = allowed.judge("read", reader.stream.read(max).await)? {
            let at_end = reader.position == reader.content.len() as u64;
            same(
                "whether nothing is read",
                &chunk.is_empty(),
                &(max == 0 || at_end),
            )?;
            if chunk.len() > max {
                return Err(format!("read {} bytes instead of up to {max}", chunk.len()));
            }
            reader.expect(reader.position, &chunk)?;
            reader.position += chunk.len() as u64;
        }
        same("the position", &reader.stream.position(), &reader.position)?;
        self.readers[slot] = Some(reader);
        Ok(true)
    }

    pub(crate) fn seek(&mut self, slot: usize, sixteenths: u64) -> Step {
        let Some(reader) = &mut self.readers[slot] else {
            return Ok(false);
        };
        let to = reader.at(sixteenths);
        let allowed = if to <= reader.content.len() as u64 {
            Allowed::success()
        } else {
            Allowed::error(&[ErrorKind::UnexpectedEof])
        };
        if allowed.judge("seek", reader.stream.seek(to))?.is_some() {
            reader.position = to;
        }
        same("the position", &reader.stream.position(), &reader.position)?;
        Ok(true)
    }

    pub(crate) async fn read_ranges(&mut self, slot: usize, sixteenths: [(u64, u64); 2]) -> Step {
        let Some(mut reader) = self.readers[slot].take() else {
            return Ok(false);
        };
        let ranges = sixteenths.map(|(start, end)| reader.at(start)..reader.at(end));
        let is_beyond = ranges.iter().any(|range| range.end > reader.content.len() as u64);
        let allowed = if is_beyond {
            Allowed::error(&[ErrorKind::UnexpectedEof])
        } else {
            self.may_read(&reader)
        };
        if let Some(chunks) = allowed.judge("read_ranges", reader.stream.read_ranges(&ranges).await)? {
            same("the number of ranges", &chunks.len(), &ranges.len())?;
            for (range, chunk) in ranges.iter().zip(&chunks) {
                same(
                    "the length of a range",
                    &(chunk.len() as u64),
                    &(range.end - range.start),
                )?;
                reader.expect(range.start, chunk)?;
            }
        }
        same("the position", &reader.stream.position(), &reader.position)?;
        self.readers[slot] = Some(reader);
        Ok(true)
    }

    pub(crate) async fn close_reader(&mut self, slot: usize) -> Step {
        let Some(mut reader) = self.readers[slot].take() else {
            return Ok(false);
        };
        must("close", reader.stream.close().await)?;
        let again = reader.stream.read(1).await;
        Allowed::error(&[ErrorKind::Closed]).judge("a read after close", again)?;
        Ok(true)
    }

    pub(crate) async fn open_writer(&mut self, slot: usize, path: &'static str, mode: WriteMode) -> Step {
        if let Some(writer) = self.writers[slot].take() {
            self.finish_writer(writer, End::Drop).await?;
        }
        self.writers[slot] = self.begin_writer(path, mode).await?;
        Ok(true)
    }

    pub(crate) async fn write(&mut self, slot: usize, len: usize) -> Step {
        match &mut self.writers[slot] {
            Some(writer) => writer.write(content(len, self.seed)).await.map(|()| true),
            None => Ok(false),
        }
    }

    pub(crate) async fn sync(&mut self, slot: usize) -> Step {
        let Some(writer) = &mut self.writers[slot] else {
            return Ok(false);
        };
        must("flush", writer.stream.flush().await)?;
        must("sync", writer.stream.sync().await)?;
        Ok(true)
    }

    pub(crate) async fn end_writer(&mut self, slot: usize, end: End) -> Step {
        let Some(writer) = self.writers[slot].take() else {
            return Ok(false);
        };
        self.finish_writer(writer, end).await?;
        Ok(true)
    }
}
