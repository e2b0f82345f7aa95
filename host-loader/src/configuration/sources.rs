//! [`Sources`]: where a builder was told to look for configuration.

use std::path::PathBuf;

use plugin_api::{Config, Result, Schema};

use super::environment::{CONFIG, Environment};
use super::{Configuration, Origin};

/// The sources of a configuration.
#[derive(Default)]
pub(crate) struct Sources {
    /// The file that was named.
    pub(crate) file: Option<PathBuf>,
    /// Whether the environment is read.
    pub(crate) environment: bool,
    /// The values of the embedding program.
    pub(crate) program: Config,
    /// The values of the command line.
    pub(crate) command_line: Config,
}

impl Sources {
    /// Reads all of them; a later one wins. Variables for single keys need the schemas that know the keys.
    pub(crate) fn read(&self, schemas: &[Schema]) -> Result<Configuration> {
        let mut configuration = Configuration::default();
        let environment = self.environment.then(Environment::of_process);
        let file = self.file.clone().or_else(|| environment.as_ref()?.config_file());
        if let Some(file) = file {
            configuration.read_file(&file).map_err(|error| {
                if self.file.is_none() && !file.exists() {
                    error.with_remedy(format!("correct {CONFIG}, or unset it"))
                } else {
                    error
                }
            })?;
        }
        if let Some(environment) = environment {
            configuration.read_environment(&environment, schemas)?;
        }
        configuration.extend(&self.program, &Origin::Program);
        configuration.extend(&self.command_line, &Origin::CommandLine);
        for finding in configuration.findings() {
            tracing::warn!("{finding}");
        }
        Ok(configuration)
    }
}
