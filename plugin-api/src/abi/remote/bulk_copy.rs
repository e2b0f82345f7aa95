//! A plugin's [`BulkCopy`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::std_types::RBox;
use abi_stable::type_level::downcasting::TD_Opaque;
use async_trait::async_trait;

use crate::abi::error::from_wire;
use crate::abi::interface::{BulkCopyAbi_TO, CopyProgressAbi, CopyProgressAbi_TO, CopyRequestRef};
use crate::abi::wire::extensions_to_wire;
use crate::{BulkCopy, CopyOptions, CopyProgress, CopyRequest, Location, Result};

pub(super) struct RemoteBulkCopy(pub(super) BulkCopyAbi_TO<RBox<()>>);

/// The host's progress as the plugin sees it. A panic in it must not cross, and a report that is
/// lost does not harm the copy.
struct ServedProgress(Box<dyn CopyProgress>);

impl CopyProgressAbi for ServedProgress {
    fn advanced(&self, request: usize, bytes: u64) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.0.advanced(request, bytes)));
    }

    fn finished(&self, request: usize) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.0.finished(request)));
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BulkCopy for RemoteBulkCopy {
    fn can_copy(&self, source: &Location, target: &Location) -> bool {
        self.0.can_copy(source.into(), target.into())
    }

    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        let extensions = extensions_to_wire(&options.extensions);
        let wire: Vec<_> = requests
            .iter()
            .map(|request| CopyRequestRef {
                source: (&request.source).into(),
                target: (&request.target).into(),
                size_hint: request.size_hint,
            })
            .collect();
        let progress = CopyProgressAbi_TO::from_value(ServedProgress(progress), TD_Opaque);
        let copied = self.0.copy_files(
            wire.as_slice().into(),
            options.max_concurrent,
            extensions.as_slice().into(),
            progress,
        );
        from_wire(copied.await)
    }
}
