//! Serves a [`BulkCopy`]; the progress is the caller's object.

use std::sync::Arc;

use abi_stable::std_types::{RBox, RSlice};
use abi_stable::type_level::downcasting::TD_Opaque;

use crate::abi::future::{Enter, Entered, WireFuture};
use crate::abi::interface::{BulkCopyAbi, BulkCopyAbi_TO, CopyProgressAbi_TO, CopyRequestRef};
use crate::abi::wire::{Extension, LocationRef, extensions_from_wire};
use crate::{BulkCopy, CopyOptions, CopyProgress, CopyRequest, Result};

pub(super) fn serve_bulk_copy(copy: Arc<dyn BulkCopy>, enter: &Enter) -> BulkCopyAbi_TO<RBox<()>> {
    BulkCopyAbi_TO::from_value(Entered::new(copy, enter.clone()), TD_Opaque)
}

struct RemoteProgress(CopyProgressAbi_TO<RBox<()>>);

impl CopyProgress for RemoteProgress {
    fn advanced(&self, request: usize, bytes: u64) {
        self.0.advanced(request, bytes);
    }

    fn finished(&self, request: usize) {
        self.0.finished(request);
    }
}

impl BulkCopyAbi for Entered<Arc<dyn BulkCopy>> {
    fn can_copy(&self, source: LocationRef<'_>, target: LocationRef<'_>) -> bool {
        let (Ok(source), Ok(target)) = (source.to_location(), target.to_location()) else {
            return false;
        };
        self.enter
            .run("can copy", || (**self).can_copy(&source, &target))
            .unwrap_or(false)
    }

    fn copy_files<'a>(
        &'a self,
        requests: RSlice<'a, CopyRequestRef<'a>>,
        max_concurrent: u32,
        extensions: RSlice<'a, Extension<'a>>,
        progress: CopyProgressAbi_TO<RBox<()>>,
    ) -> WireFuture<'a, ()> {
        self.enter.future("copy files", async move {
            let request = |request: &CopyRequestRef<'_>| {
                Ok(CopyRequest {
                    source: request.source.to_location()?,
                    target: request.target.to_location()?,
                    size_hint: request.size_hint,
                })
            };
            let requests = requests.iter().map(request).collect::<Result<Vec<_>>>()?;
            let options = CopyOptions {
                max_concurrent,
                extensions: extensions_from_wire(extensions)?,
            };
            (**self)
                .copy_files(&requests, &options, Box::new(RemoteProgress(progress)))
                .await
        })
    }
}
