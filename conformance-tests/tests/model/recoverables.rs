//! Files that are published by a commit: their streams, states and committers.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use plugin_api::{Committer, CreateOptions, Recoverable, RecoverableStream, RecoverableWriter, WriteMode};

use crate::drive::{Case, Step, foreign, must, same};
use crate::operation::{End, content};
use crate::unfinished::{Fate, Unfinished};

/// A stream of an unfinished file.
pub(crate) struct Stream {
    /// The index of the file.
    file: usize,
    /// Its number among the streams of the file.
    number: u64,
    content: BytesMut,
    inner: Box<dyn RecoverableStream>,
}

/// A state, as it comes back from a checkpoint.
#[derive(Clone)]
pub(crate) struct State {
    file: usize,
    content: Bytes,
    checkpoint: Recoverable,
}

/// A committer.
pub(crate) struct Held {
    file: usize,
    /// Of the stream that ended with it; `None` if it comes from a state.
    stream: Option<u64>,
    content: Bytes,
    has_published: bool,
    committer: Arc<dyn Committer>,
}

impl Case<'_> {
    fn writer(&self) -> Result<Arc<dyn RecoverableWriter>, String> {
        must("recoverable_writer", self.system.fs.recoverable_writer())
    }

    pub(crate) async fn begin_file(&mut self, slot: usize, path: &'static str, mode: WriteMode) -> Step {
        self.leave(slot, false).await?;
        let options = CreateOptions {
            mode,
            ..CreateOptions::default()
        };
        let allowed = self.reference.create(path, mode);
        let result = self.writer()?.open(&self.at(path), &options).await;
        let Some(stream) = allowed.judge("open", result)? else {
            return Ok(true);
        };
        same("the location of the stream", &stream.location(), &self.at(path))?;
        self.unfinished.push(Unfinished {
            path,
            mode,
            number: self.reference.begin(path),
            fate: Fate::Open,
            leader: 0,
            kept: Bytes::new(),
            published: Bytes::new(),
            is_known: false,
        });
        self.streams[slot] = Some(Stream {
            file: self.unfinished.len() - 1,
            number: 0,
            content: BytesMut::new(),
            inner: stream,
        });
        Ok(true)
    }

    pub(crate) async fn append(&mut self, slot: usize, len: usize) -> Step {
        let Some(mut stream) = self.streams[slot].take() else {
            return Ok(false);
        };
        let data = content(len, self.seed);
        let allowed = self.unfinished[stream.file].write(&self.reference, stream.number);
        let written = allowed.judge("write", stream.inner.write(&data).await)?;
        if written.is_some() {
            stream.content.extend_from_slice(&data);
            same(
                "the position",
                &stream.inner.position(),
                &(stream.content.len() as u64),
            )?;
        }
        self.streams[slot] = Some(stream);
        if written.is_none() {
            self.leave(slot, false).await?;
        }
        Ok(true)
    }

    pub(crate) async fn persist(&mut self, slot: usize, state: usize) -> Step {
        let Some(mut stream) = self.streams[slot].take() else {
            return Ok(false);
        };
        let allowed = self.unfinished[stream.file].store(&self.reference, stream.number);
        let persisted = allowed.judge("persist", stream.inner.persist().await)?;
        let (file, content) = (stream.file, stream.content.clone().freeze());
        let number = stream.number;
        self.streams[slot] = Some(stream);
        match persisted {
            Some(persisted) => {
                self.keep(file, number, &content);
                self.hand_out(state, file, content, &persisted)?;
            }
            None => {
                self.leave(slot, false).await?;
            }
        }
        Ok(true)
    }

    fn keep(&mut self, file: usize, stream: u64, content: &Bytes) {
        let file = &mut self.unfinished[file];
        if file.leader == stream {
            file.kept = content.clone();
        }
    }

    /// From here on somebody else may know of the file.
    fn hand_out(
        &mut self,
        slot: usize,
        file: usize,
        content: Bytes,
        state: &Recoverable,
    ) -> Result<(), String> {
        let state = Recoverable::new(state.version(), state.bytes().to_vec());
        let info = must("inspect", self.writer()?.inspect(&state))?;
        same(
            "the length that the state covers",
            &info.len,
            &(content.len() as u64),
        )?;
        same(
            "the location of the state",
            &info.location,
            &self.at(self.unfinished[file].path),
        )?;
        self.unfinished[file].is_known = true;
        self.handed_out.push(state.clone());
        self.states[slot] = Some(State {
            file,
            content,
            checkpoint: state,
        });
        Ok(())
    }

    /// The stream is dropped, or closed in a process that lives on.
    pub(crate) async fn leave(&mut self, slot: usize, close: bool) -> Step {
        let Some(mut stream) = self.streams[slot].take() else {
            return Ok(false);
        };
        if close {
            must("close", stream.inner.close().await)?;
        }
        let file = &mut self.unfinished[stream.file];
        if !file.is_known {
            file.fate = Fate::GivenUp;
            self.reference.end(file.number, file.path);
        }
        Ok(true)
    }

    pub(crate) async fn close_for_commit(&mut self, slot: usize, committer: usize) -> Step {
        let Some(mut stream) = self.streams[slot].take() else {
            return Ok(false);
        };
        let allowed = self.unfinished[stream.file].store(&self.reference, stream.number);
        let finished = stream.inner.close_for_commit().await;
        if let Some(finished) = allowed.judge("close_for_commit", finished)? {
            let content = stream.content.freeze();
            self.keep(stream.file, stream.number, &content);
            self.committers[committer] = Some(Held {
                file: stream.file,
                stream: Some(stream.number),
                content,
                has_published: false,
                committer: finished,
            });
        } else {
            self.streams[slot] = Some(stream);
            self.leave(slot, false).await?;
        }
        Ok(true)
    }

    pub(crate) async fn recover(&mut self, state: usize, slot: usize) -> Step {
        let Some(state) = self.states[state].clone() else {
            return Ok(false);
        };
        self.leave(slot, false).await?;
        let allowed = self.unfinished[state.file].recover(&self.reference, &state.content);
        let result = self.writer()?.recover(&state.checkpoint).await;
        let Some(stream) = allowed.judge("recover", result)? else {
            return Ok(true);
        };
        same("the position", &stream.position(), &(state.content.len() as u64))?;
        let file = &mut self.unfinished[state.file];
        file.leader += 1;
        file.kept = state.content.clone();
        let number = file.leader;
        same(
            "the location of the stream",
            &stream.location(),
            &self.at(self.unfinished[state.file].path),
        )?;
        self.streams[slot] = Some(Stream {
            file: state.file,
            number,
            content: BytesMut::from(&state.content[..]),
            inner: stream,
        });
        Ok(true)
    }

    pub(crate) async fn recover_for_commit(&mut self, state: usize, committer: usize) -> Step {
        let Some(state) = self.states[state].clone() else {
            return Ok(false);
        };
        let result = self.writer()?.recover_for_commit(&state.checkpoint).await;
        self.committers[committer] = Some(Held {
            file: state.file,
            stream: None,
            content: state.content,
            has_published: false,
            committer: must("recover_for_commit", result)?,
        });
        Ok(true)
    }

    pub(crate) fn take_state(&mut self, committer: usize, state: usize) -> Step {
        let Some(held) = &self.committers[committer] else {
            return Ok(false);
        };
        let taken = must("recoverable", held.committer.recoverable())?;
        let (file, content) = (held.file, held.content.clone());
        self.hand_out(state, file, content, &taken)?;
        Ok(true)
    }

    pub(crate) async fn commit(&mut self, committer: usize, after_recovery: bool) -> Step {
        let Some(mut held) = self.committers[committer].take() else {
            return Ok(false);
        };
        let file = &self.unfinished[held.file];
        let expected = file.commit(&self.reference, &held.content, held.stream, held.has_published);
        let (path, number) = (file.path, file.number);
        let result = if after_recovery {
            held.committer.commit_after_recovery().await
        } else {
            held.committer.commit().await
        };
        if expected.allowed.judge("commit", result)?.is_some() {
            let there = foreign(self.system.foreign.get(&self.at(path)).await)?;
            let before = self
                .reference
                .file(path)
                .map(|file| (file.content.clone(), file.version));
            let is_left = expected.may_leave && there.as_ref() == before.as_ref().map(|(content, _)| content);
            let published = if is_left {
                before.map_or(0, |(_, version)| version)
            } else if expected.may_publish && there.as_ref() == Some(&held.content) {
                self.publish(path, &held.content).await?
            } else {
                let len = there.map_or(0, |there| there.len());
                return Err(format!(
                    "after the commit there are {len} bytes that are neither the {} of the file nor what was there",
                    held.content.len()
                ));
            };
            held.has_published = true;
            let file = &mut self.unfinished[held.file];
            // What was left may be a file that has replaced ours.
            if !is_left || file.fate == Fate::Open {
                file.fate = Fate::Committed(published);
                file.published = held.content.clone();
            }
            self.reference.end(number, path);
        } else {
            // A failed commit may have cut what is behind its state, and may be tried again by
            // whoever has its state.
            self.handed_out
                .push(must("recoverable", held.committer.recoverable())?);
            let file = &mut self.unfinished[held.file];
            if held.stream.is_none() && file.kept.starts_with(&held.content) {
                file.kept = held.content.clone();
            }
        }
        self.committers[committer] = Some(held);
        Ok(true)
    }

    async fn publish(&mut self, path: &'static str, content: &Bytes) -> Result<u64, String> {
        let meets = self.reference.meets_a_directory(path);
        let version = self.reference.put(path, content.clone());
        if meets {
            self.forget_clash(path).await?;
        }
        Ok(version)
    }

    pub(crate) async fn give_up(&mut self, state: usize) -> Step {
        let Some(state) = self.states[state].clone() else {
            return Ok(false);
        };
        must("abort", self.writer()?.abort(&state.checkpoint).await)?;
        let file = &mut self.unfinished[state.file];
        if file.fate == Fate::Open {
            file.fate = Fate::GivenUp;
            self.reference.end(file.number, file.path);
        }
        Ok(true)
    }

    /// Ends whatever is open and gives up whatever was persisted.
    pub(crate) async fn give_everything_up(&mut self) -> Result<(), String> {
        for slot in 0..self.streams.len() {
            self.readers[slot] = None;
            if let Some(writer) = self.writers[slot].take() {
                self.finish_writer(writer, End::Drop).await?;
            }
            self.leave(slot, false).await?;
            self.committers[slot] = None;
        }
        for state in &self.handed_out {
            must("abort", self.writer()?.abort(state).await)?;
        }
        Ok(())
    }
}
