//! [`MockFactory`] and the options that it reads.

use std::sync::Arc;

use plugin_api::{
    Config, ConfigOption, Error, FileSystem, FileSystemFactory, Location, Result, ValueType, async_trait,
};

use crate::entropy::Entropy;
use crate::faults::Faults;
use crate::file_system::MockFileSystem;
use crate::store::Store;

const FAIL: ConfigOption = ConfigOption::new("mock.fail", ValueType::List)
    .range("operation:n:kind, where n is a number from 1 or * and kind is such as timeout or not-found")
    .describe("Calls that fail: the n-th of an operation on a file system, or all of them.");

const REAL_DIRECTORIES: ConfigOption = ConfigOption::new("mock.real-directories", ValueType::Bool)
    .default("false")
    .describe("Whether directories exist by themselves, as on a disk, or only as parts of keys.");

const ENTROPY_KEY: ConfigOption = ConfigOption::new("mock.entropy.key", ValueType::Text)
    .describe("The part of a path that is replaced by random characters where a file is made.");

const ENTROPY_LENGTH: ConfigOption = ConfigOption::new("mock.entropy.length", ValueType::Integer)
    .default("4")
    .range("1 to 64")
    .describe("How many random characters replace the entropy key.");

/// What can be configured.
pub const OPTIONS: &[ConfigOption] = &[FAIL, REAL_DIRECTORIES, ENTROPY_KEY, ENTROPY_LENGTH];

/// Makes file systems in memory. Those of one authority share their files.
#[derive(Debug, Default)]
pub struct MockFactory {
    _private: (),
}

#[async_trait]
impl FileSystemFactory for MockFactory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        let faults = Faults::parse(&config.list(&FAIL)).map_err(|(rule, why)| FAIL.invalid(&rule, &why))?;
        let real_directories = config.bool(&REAL_DIRECTORIES)?.unwrap_or_default();
        let store = Store::of(root.authority(), real_directories);
        if store.has_real_directories() != real_directories {
            return Err(REAL_DIRECTORIES.invalid(
                &real_directories.to_string(),
                "this store was made with the other value, and lives as long as the process",
            ));
        }
        Ok(Arc::new(MockFileSystem::new(
            root.with_key(""),
            store,
            faults,
            entropy(config)?,
        )))
    }
}

fn entropy(config: &Config) -> Result<Option<Entropy>, Error> {
    let Some(key) = config.text(&ENTROPY_KEY) else {
        return Ok(None);
    };
    let length = config.integer(&ENTROPY_LENGTH)?.unwrap_or_default();
    match usize::try_from(length) {
        Ok(length) if (1..=64).contains(&length) => Ok(Some(Entropy::new(key, length))),
        _ => Err(ENTROPY_LENGTH.invalid(&length.to_string(), "it is out of range")),
    }
}
