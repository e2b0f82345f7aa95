//! Serves a [`FileSystem`] and its listings.

use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::{RBox, ROption, RString, RVec};
use abi_stable::type_level::downcasting::TD_Opaque;

use super::bulk_copy::serve_bulk_copy;
use super::recoverable::serve_writer;
use super::stream::{serve_input, serve_output};
use crate::abi::error::WireResult;
use crate::abi::future::{Enter, Entered, WireFuture};
use crate::abi::interface::{
    BulkCopyAbi_TO, FileSystemAbi, FileSystemAbi_TO, InputStreamAbi_TO, ListerAbi, ListerAbi_TO,
    OutputStreamAbi_TO, RecoverableWriterAbi_TO,
};
use crate::abi::wire::{Create, List, LocationRef, Open, Status};
use crate::{FileSystem, Lister};

pub(super) fn serve_file_system(
    file_system: Arc<dyn FileSystem>,
    enter: &Enter,
) -> FileSystemAbi_TO<RBox<()>> {
    FileSystemAbi_TO::from_value(Entered::new(file_system, enter.inner()), TD_Opaque)
}

impl FileSystemAbi for Entered<Arc<dyn FileSystem>> {
    fn capabilities(&self) -> u64 {
        // After a panic: no promise at all.
        Enter::ask(0, || (**self).capabilities().bits())
    }

    fn status<'a>(&'a self, path: LocationRef<'a>) -> WireFuture<'a, Status> {
        self.enter.future("status", async move {
            let path = path.to_location()?;
            (**self).status(&path).await.map(Status::from)
        })
    }

    fn list<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: List<'a>,
    ) -> WireFuture<'a, ListerAbi_TO<RBox<()>>> {
        self.enter.future("list", async move {
            let (path, options) = (path.to_location()?, options.into_options()?);
            let lister = (**self).list(&path, &options).await?;
            Ok(ListerAbi_TO::from_value(
                Entered::new(lister, self.enter.clone()),
                TD_Opaque,
            ))
        })
    }

    fn open<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: Open<'a>,
    ) -> WireFuture<'a, InputStreamAbi_TO<RBox<()>>> {
        self.enter.future("open", async move {
            let (path, options) = (path.to_location()?, options.into_options()?);
            let stream = (**self).open(&path, &options).await?;
            Ok(serve_input(stream, &self.enter))
        })
    }

    fn create<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: Create<'a>,
    ) -> WireFuture<'a, OutputStreamAbi_TO<RBox<()>>> {
        self.enter.future("create", async move {
            let (path, options) = (path.to_location()?, options.into_options()?);
            let stream = (**self).create(&path, &options).await?;
            Ok(serve_output(stream, &self.enter))
        })
    }

    fn delete<'a>(&'a self, path: LocationRef<'a>, recursive: bool) -> WireFuture<'a, bool> {
        self.enter.future("delete", async move {
            let path = path.to_location()?;
            (**self).delete(&path, recursive).await
        })
    }

    fn rename<'a>(&'a self, from: LocationRef<'a>, to: LocationRef<'a>) -> WireFuture<'a, ()> {
        self.enter.future("rename", async move {
            let (from, to) = (from.to_location()?, to.to_location()?);
            (**self).rename(&from, &to).await
        })
    }

    fn mkdirs<'a>(&'a self, path: LocationRef<'a>) -> WireFuture<'a, ()> {
        self.enter.future("mkdirs", async move {
            let path = path.to_location()?;
            (**self).mkdirs(&path).await
        })
    }

    fn recoverable_writer(&self) -> WireResult<RecoverableWriterAbi_TO<RBox<()>>> {
        self.enter.call("recoverable writer", || {
            Ok(serve_writer((**self).recoverable_writer()?, &self.enter))
        })
    }

    fn bulk_copy(&self) -> WireResult<BulkCopyAbi_TO<RBox<()>>> {
        self.enter.call("bulk copy", || {
            Ok(serve_bulk_copy((**self).bulk_copy()?, &self.enter))
        })
    }

    fn entropy_key(&self) -> ROption<RString> {
        let key = self
            .enter
            .run("entropy key", || (**self).entropy_key())
            .ok()
            .flatten();
        key.map(RString::from).into()
    }

    fn close(&self, deadline_ms: u64) -> WireFuture<'_, ()> {
        self.enter.last_future("close", async move {
            let deadline = Duration::from_millis(deadline_ms);
            self.enter.end(deadline, |rest| (**self).close(rest)).await
        })
    }
}

impl ListerAbi for Entered<Box<dyn Lister>> {
    fn next_page(&mut self) -> WireFuture<'_, ROption<RVec<Status>>> {
        let (object, enter) = self.split();
        enter.future("list", async move {
            let page = object.next_page().await?;
            Ok(page
                .map(|page| page.into_iter().map(Status::from).collect())
                .into())
        })
    }
}
