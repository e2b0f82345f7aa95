//! What all plugins, and the host itself, have measured.

use super::FileSystems;
use crate::metrics::{Snapshot, Source};

impl FileSystems {
    /// What all plugins of this registry and the host itself have measured so far.
    ///
    /// The series of a plugin have its name as the label `plugin`. A factory that the program was linked with
    /// measures where the host says that it was made with, and is not among them.
    pub fn metrics(&self) -> Snapshot {
        let registry = &*self.0;
        let sources: [&dyn Source; 2] = [&registry.instances, &registry.streams];
        let of_plugins = registry.plugins.iter().flat_map(|plugin| plugin.series());
        let of_host = sources.iter().flat_map(|source| source.series());
        Snapshot::of(of_plugins.chain(of_host).collect())
    }

    /// The same in the text format 0.0.4 of Prometheus: see [`Snapshot::prometheus`].
    pub fn prometheus(&self) -> String {
        self.metrics().prometheus()
    }
}
