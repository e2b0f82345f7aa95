//! A plugin for the tests of the registry that makes no factory.

use std::sync::Arc;

use plugin_api::{
    Config, Error, ErrorKind, FileSystem, FileSystemFactory, HostRef, Location, Result, async_trait,
};

struct NoFactory;

impl NoFactory {
    fn new(_: HostRef) -> Result<Self> {
        Err(
            Error::new(ErrorKind::Unavailable, "the licence server does not answer")
                .with_remedy("start the licence server"),
        )
    }
}

#[async_trait]
impl FileSystemFactory for NoFactory {
    async fn create(&self, _: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        Err(Error::unsupported("a plugin without factory", "file systems"))
    }
}

plugin_api::export_plugin! {
    name: "failing",
    schemes: ["failing"],
    options: &[],
    factory: NoFactory::new,
}
