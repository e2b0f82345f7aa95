//! Copying one file by a plugin's own means: in parallel ranges, or inside the store.

use host_loader::plugin_api::{CopyOptions, CopyRequest, ErrorKind, Location, Result};

use crate::failure::At as _;

use super::plan::Task;
use super::progress::Progress;

/// The option by which a plugin is told which directory no target may lead out of.
const ROOT: &str = "copy.root";

/// Copies a file, replacing the target: how many bytes it has. `None` if neither of the two file
/// systems can do better than reading and writing; then nothing has been done.
pub(super) async fn copy(task: &Task, progress: &Progress) -> Result<Option<u64>> {
    let (source, target) = (&task.source.location, &task.target);
    let systems = [&task.target_system, &task.source_system];
    let Some(bulk) = systems.into_iter().find_map(|system| {
        let bulk = system.bulk_copy().ok()?;
        bulk.can_copy(source, target).then_some(bulk)
    }) else {
        return Ok(None);
    };
    let requests = [CopyRequest {
        source: source.clone(),
        target: target.clone(),
        size_hint: task.source.len,
    }];
    let file = progress.start(source, task.source.len);
    let told = file.told_by_plugin();
    match bulk
        .copy_files(&requests, &options(&task.root), Box::new(told.clone()))
        .await
    {
        Ok(()) => Ok(Some(told.copied())),
        Err(error) => {
            file.take_back();
            // A plugin that does not know the root, or a store that does not know a request. The latter
            // must not be able to talk us out of the protection of local targets.
            let is_local = task.root.scheme() == "file";
            if error.kind() == ErrorKind::Unsupported && !(is_local && error.http_status().is_some()) {
                return Ok(None);
            }
            Err(error).at("copy", source)
        }
    }
}

/// One file; local ones only below `root`, whatever is there in the way of links.
fn options(root: &Location) -> CopyOptions {
    let mut options = CopyOptions {
        max_concurrent: 1,
        ..CopyOptions::default()
    };
    if root.scheme() == "file" {
        options.extensions.set(ROOT, root.as_str(), true);
    }
    options
}
