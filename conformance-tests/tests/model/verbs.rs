//! The verbs of a file system and the changes by another client, each compared with the reference.

use std::collections::BTreeMap;

use plugin_api::{
    CreateOptions, ErrorKind, FileStatus, FileSystemExt as _, ListOptions, Location, OpenOptions,
    OutputStream, WriteMode,
};

use crate::allowed::Allowed;
use crate::drive::{Case, Step, foreign, must, same};
use crate::operation::{End, content};
use crate::reference::Kind;
use crate::streams::Writer;
use crate::systems::is_unfinished;

impl Case<'_> {
    pub(crate) async fn create(
        &mut self,
        path: &'static str,
        mode: WriteMode,
        pieces: [usize; 3],
        end: End,
    ) -> Step {
        let Some(mut writer) = self.begin_writer(path, mode).await? else {
            return Ok(true);
        };
        for (seed, len) in (self.seed..).zip(pieces) {
            writer.write(content(len, seed)).await?;
        }
        self.finish_writer(writer, end).await?;
        Ok(true)
    }

    /// Starts a new file; `None` if that was refused, as it had to be.
    pub(crate) async fn begin_writer(
        &mut self,
        path: &'static str,
        mode: WriteMode,
    ) -> Result<Option<Writer>, String> {
        let options = CreateOptions {
            mode,
            ..CreateOptions::default()
        };
        let allowed = self.reference.create(path, mode);
        let result = self.system.fs.create(&self.at(path), &options).await;
        let Some(stream) = allowed.judge("create", result)? else {
            return Ok(None);
        };
        same("the location of the stream", &stream.location(), &self.at(path))?;
        let number = self.reference.begin(path);
        Ok(Some(Writer::new(path, mode, number, stream)))
    }

    /// Ends a stream in one of the three ways.
    pub(crate) async fn finish_writer(&mut self, writer: Writer, end: End) -> Result<(), String> {
        let Writer {
            path,
            mode,
            number,
            mut stream,
            content,
        } = writer;
        let content = content.freeze();
        let allowed = self.reference.close(number, path, mode);
        let meets = self.reference.meets_a_directory(path);
        // Before the call: what is moved to its target is no longer beside it.
        self.reference.end(number, path);
        match end {
            End::Drop => drop(stream),
            End::Abort => must("abort", stream.abort().await)?,
            End::Close => {
                if let Some(status) = allowed.judge("close", stream.close().await)? {
                    self.check_closed(path, content.len() as u64, &status, &mut *stream)
                        .await?;
                    self.reference.put(path, content);
                    if meets {
                        self.forget_clash(path).await?;
                    }
                } else {
                    must("abort after a failure", stream.abort().await)?;
                }
            }
        }
        Ok(())
    }

    async fn check_closed(
        &self,
        path: &str,
        len: u64,
        status: &FileStatus,
        stream: &mut dyn OutputStream,
    ) -> Result<(), String> {
        same(
            "the location that close returned",
            &status.location,
            &self.at(path),
        )?;
        same("what close returned", &kind(status), &Kind::File(len))?;
        same(
            "a second close",
            &must("a second close", stream.close().await)?,
            status,
        )
    }

    /// Where directories are marked, names are looked at and not locked: a file was published where a
    /// directory has come meanwhile. The newcomer goes, so that each name means one thing again.
    pub(crate) async fn forget_clash(&mut self, path: &str) -> Result<(), String> {
        foreign(self.system.foreign.delete(&self.at(path)).await)?;
        self.reference.foreign_remove(path);
        Ok(())
    }

    pub(crate) async fn read(&self, path: &str, chunk: usize) -> Step {
        let expected = self.reference.open(path);
        let result = self.system.fs.open(&self.at(path), &OpenOptions::default()).await;
        let file = match expected {
            Ok(file) => file,
            Err(kind) => {
                Allowed::error(&[kind]).judge("open", result.map(drop))?;
                return Ok(true);
            }
        };
        let mut stream = must("open", result)?;
        same("the length", &stream.len(), &(file.content.len() as u64))?;
        let mut read = Vec::with_capacity(file.content.len());
        loop {
            let next = must("read", stream.read(chunk).await)?;
            if next.is_empty() {
                break;
            }
            if next.len() > chunk {
                return Err(format!("read {} bytes instead of up to {chunk}", next.len()));
            }
            read.extend_from_slice(&next);
        }
        if read != file.content {
            return Err(format!(
                "other bytes were read than the {} that were written",
                file.content.len()
            ));
        }
        Ok(true)
    }

    pub(crate) async fn status(&self, path: &str) -> Step {
        let expected = self.reference.status(path);
        let result = self.system.fs.status(&self.at(path)).await;
        let result = result.map(|status| kind(&status)).map_err(|error| error.kind());
        same("status", &result, &expected)?;
        Ok(true)
    }

    pub(crate) async fn exists(&self, path: &str) -> Step {
        let expected = match self.reference.status(path) {
            Err(ErrorKind::NotFound) => Ok(false),
            status => status.map(|_| true),
        };
        let result = self.system.fs.exists(&self.at(path)).await;
        same("exists", &result.map_err(|error| error.kind()), &expected)?;
        Ok(true)
    }

    pub(crate) async fn list(&self, path: &str, recursive: bool, page_size: u32) -> Step {
        let expected = self.reference.list(path, recursive);
        let result = self.entries(&self.at(path), recursive, page_size).await?;
        same("the listing", &result, &expected)?;
        Ok(true)
    }

    /// What a listing shows, by its path in the case, but unfinished files.
    pub(crate) async fn entries(
        &self,
        location: &Location,
        recursive: bool,
        page_size: u32,
    ) -> Result<Result<BTreeMap<String, Kind>, ErrorKind>, String> {
        let options = ListOptions {
            recursive,
            page_size,
            ..ListOptions::default()
        };
        let mut lister = match self.system.fs.list(location, &options).await {
            Ok(lister) => lister,
            Err(error) => return Ok(Err(error.kind())),
        };
        let prefix = self.directory.directory_prefix();
        let mut entries = BTreeMap::new();
        loop {
            let page = match lister.next_page().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(Ok(entries)),
                Err(error) => return Ok(Err(error.kind())),
            };
            if page.is_empty() || page_size > 0 && page.len() > page_size as usize {
                return Err(format!("a page has {} entries", page.len()));
            }
            for entry in page {
                let Some(name) = entry.location.key().strip_prefix(&prefix) else {
                    return Err(format!("the listing has '{}'", entry.location));
                };
                if self.system.rules.keeps_unfinished_beside && is_unfinished(name) {
                    continue;
                }
                let slash = if entry.is_directory() && !name.ends_with('/') {
                    "/"
                } else {
                    ""
                };
                if entries.insert(format!("{name}{slash}"), kind(&entry)).is_some() {
                    return Err(format!("the listing has '{name}' twice"));
                }
            }
        }
    }

    pub(crate) async fn delete(&mut self, path: &str, recursive: bool) -> Step {
        let expected = self.reference.delete(path, recursive);
        let result = self.system.fs.delete(&self.at(path), recursive).await;
        same("delete", &result.map_err(|error| error.kind()), &expected)?;
        if expected == Ok(true) {
            self.reference.remove(path);
        }
        Ok(true)
    }

    pub(crate) async fn rename(&mut self, from: &str, to: &str) -> Step {
        let (allowed, moved) = self.reference.rename(from, to);
        let result = self.system.fs.rename(&self.at(from), &self.at(to)).await;
        if allowed.judge("rename", result)?.is_some() {
            self.reference.carry_out(&moved);
        }
        Ok(true)
    }

    pub(crate) async fn mkdirs(&mut self, path: &str) -> Step {
        let allowed = self.reference.mkdirs(path);
        let result = self.system.fs.mkdirs(&self.at(path)).await;
        if allowed.judge("mkdirs", result)?.is_some() {
            self.reference.make_directories(path);
        }
        Ok(true)
    }

    /// Whether another client can have a file here without a clash of names.
    fn is_free(&self, path: &str) -> bool {
        !self.reference.meets_a_directory(path) && self.reference.status(path) != Err(ErrorKind::InvalidPath)
    }

    pub(crate) async fn foreign_put(&mut self, path: &str, len: usize) -> Step {
        if !self.is_free(path) {
            return Ok(false);
        }
        let content = content(len, self.seed);
        foreign(self.system.foreign.put(&self.at(path), content.clone()).await)?;
        self.reference.put(path, content);
        Ok(true)
    }

    pub(crate) async fn foreign_delete(&mut self, path: &str) -> Step {
        if self.reference.file(path).is_none() {
            return Ok(false);
        }
        foreign(self.system.foreign.delete(&self.at(path)).await)?;
        self.reference.foreign_remove(path);
        Ok(true)
    }

    pub(crate) async fn foreign_mkdirs(&mut self, path: &str) -> Step {
        let clashes = self.system.rules.has_real_directories() && self.reference.file(path).is_some();
        let possible = self.system.foreign.makes_directories(self.system.rules);
        if !possible || clashes || !self.is_free(path) {
            return Ok(false);
        }
        foreign(self.system.foreign.mkdirs(&self.at(&format!("{path}/"))).await)?;
        self.reference.foreign_mkdirs(path);
        Ok(true)
    }
}

fn kind(status: &FileStatus) -> Kind {
    if status.is_file() {
        Kind::File(status.len)
    } else {
        Kind::Directory
    }
}
