//! Checking plugins without loading them.

use std::path::Path;

use plugin_api::Result;

use super::FileSystems;
use crate::plugin::PluginReport;

impl FileSystems {
    /// What [`plugins`](Self::plugins) reports, after every check that comes before loading: the whole file, the lock, the
    /// signature, the quarantine, and, with `trial` or where the builder or the configuration wants it, loading it
    /// in another process. Blocks for as long as that takes; nothing is loaded into this process.
    pub fn check_plugins(&self, trial: bool) -> Vec<PluginReport> {
        self.0
            .plugins
            .iter()
            .filter_map(|plugin| plugin.checked_report(trial))
            .collect()
    }

    /// Lets the content of this file out of quarantine; returns whether it was there.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if the file cannot be read; those of the file system, if it
    /// cannot be forgotten.
    pub fn release_plugin(&self, file: &Path) -> Result<bool> {
        self.0
            .trust
            .release(file)
            .map_err(|error| error.with_path(file.display()))
    }
}
