//! What is behind the functions of the table.

use super::CApi;
use crate::abi::Export;
use crate::abi::c::{
    bulk_copy, factory, file_system, handle, operation, recoverable, recoverable_stream, streams,
};

/// The table of the plugin `P`.
pub(in crate::abi::c) fn table<P: Export>(manifest: &'static [u8]) -> CApi {
    CApi {
        factory_new: factory::new::<P>,
        manifest: manifest.as_ptr(),
        manifest_size: manifest.len(),
        ..TABLE
    }
}

/// What is the same for every plugin.
const TABLE: CApi = CApi {
    struct_size: size_of::<CApi>(),
    abi_major: crate::ABI_VERSION.major,
    abi_minor: crate::ABI_VERSION.minor,
    manifest: std::ptr::null(),
    manifest_size: 0,
    release: handle::release,
    cancel: operation::cancel,
    factory_new: factory::none,
    factory_shutdown: factory::shutdown,
    file_system: factory::file_system,
    close: file_system::close,
    capabilities: file_system::capabilities,
    entropy_key: file_system::entropy_key,
    status: file_system::status,
    exists: file_system::exists,
    list: file_system::list,
    list_next: file_system::list_next,
    open: file_system::open,
    create: file_system::create,
    delete_path: file_system::delete,
    rename: file_system::rename,
    mkdirs: file_system::mkdirs,
    can_copy: bulk_copy::can_copy,
    copy_files: bulk_copy::copy_files,
    input_read: streams::input_read,
    input_read_chunk: streams::input_read_chunk,
    input_read_ranges: streams::input_read_ranges,
    input_seek: streams::input_seek,
    input_position: streams::input_position,
    input_size: streams::input_size,
    input_close: streams::input_close,
    output_write: streams::output_write,
    output_position: streams::output_position,
    output_location: streams::output_location,
    output_flush: streams::output_flush,
    output_sync: streams::output_sync,
    output_close: streams::output_close,
    output_abort: streams::output_abort,
    recoverable_open: recoverable::open,
    recoverable_recover: recoverable::recover,
    recoverable_recover_for_commit: recoverable::recover_for_commit,
    recoverable_requires_cleanup: recoverable::requires_cleanup,
    recoverable_cleanup: recoverable::cleanup,
    recoverable_discard: recoverable::discard,
    recoverable_inspect: recoverable::inspect,
    recoverable_verify: recoverable::verify,
    pending_uploads: recoverable::pending_uploads,
    abort_upload: recoverable::abort_upload,
    recoverable_write: recoverable_stream::write,
    recoverable_position: recoverable_stream::position,
    recoverable_location: recoverable_stream::location,
    recoverable_flush: recoverable_stream::flush,
    recoverable_persist: recoverable_stream::persist,
    recoverable_close_for_commit: recoverable_stream::close_for_commit,
    recoverable_close: recoverable_stream::close,
    committer_commit: recoverable_stream::commit,
    committer_commit_after_recovery: recoverable_stream::commit_after_recovery,
    committer_state: recoverable_stream::committer_state,
};
