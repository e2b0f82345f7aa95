//! A plugin for the tests of the registry whose factory panics.

use std::sync::Arc;

use plugin_api::{Config, FileSystem, FileSystemFactory, HostRef, Location, Result, async_trait};

struct PanickingFactory;

impl PanickingFactory {
    fn new(_: HostRef) -> Result<Self> {
        panic!("no factory on Mondays")
    }
}

#[async_trait]
impl FileSystemFactory for PanickingFactory {
    async fn create(&self, _: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        panic!("there is no factory to create anything")
    }
}

plugin_api::export_plugin! {
    name: "panicking",
    schemes: ["panicking"],
    options: &[],
    factory: PanickingFactory::new,
}
