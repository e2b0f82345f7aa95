//! [`MockBulkCopy`]: copies inside one store.

use std::sync::Arc;

use plugin_api::{
    BulkCopy, CopyOptions, CopyProgress, CopyRequest, CreateOptions, Error, Location, Result, WriteMode,
    async_trait,
};

use crate::file_system::Session;
use crate::store::{is_a_directory, not_found};

/// Copies inside one store.
pub(crate) struct MockBulkCopy {
    session: Arc<Session>,
}

impl MockBulkCopy {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn is_here(&self, path: &Location) -> bool {
        let root = &self.session.root;
        path.scheme() == root.scheme() && path.authority() == root.authority()
    }

    /// Copies one file; its length.
    fn copy(&self, request: &CopyRequest) -> Result<u64> {
        if !self.can_copy(&request.source, &request.target) {
            return Err(
                Error::unsupported("the mock plugin", "copies between stores").with_path(&request.target)
            );
        }
        let store = &self.session.store;
        let file = store
            .file(&request.source)
            .ok_or_else(|| match store.status(&request.source) {
                Ok(_) => is_a_directory(&request.source),
                Err(_) => not_found(&request.source),
            })?;
        let target = self
            .session
            .target(&request.target, &CreateOptions::overwrite())?;
        let len = file.content.len() as u64;
        store.publish(&target, file.content, WriteMode::Overwrite, 0)?;
        Ok(len)
    }
}

#[async_trait]
impl BulkCopy for MockBulkCopy {
    fn can_copy(&self, source: &Location, target: &Location) -> bool {
        self.is_here(source) && self.is_here(target)
    }

    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        self.session.check_open()?;
        options.extensions.refuse_unknown(&[])?;
        for (index, request) in requests.iter().enumerate() {
            let len = self
                .session
                .call("copy_files", &request.source, || self.copy(request))?;
            progress.advanced(index, len);
            progress.finished(index);
        }
        Ok(())
    }
}
