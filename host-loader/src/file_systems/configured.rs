//! What a [`FileSystems`] says about its configuration, and when it refuses one.

use plugin_api::{Error, ErrorKind, Location, Result, Schema};

use super::FileSystems;
use crate::configuration::{self, Configuration, Explanation, HOST};
use crate::plugin::Plugin;

impl FileSystems {
    /// The merged values of all sources, each with its origin.
    pub fn configuration(&self) -> &Configuration {
        &self.0.configuration
    }

    /// What every option of the host and of the plugin that serves `path` is set to there, by what, and what
    /// is wrong with the configuration. Without a path: of every plugin that can be used, for all
    /// authorities and for each that has values of its own. Loads no plugin.
    ///
    /// # Errors
    /// Those of [`get`](Self::get) for a scheme that no plugin or more than one serves.
    pub fn explain(&self, path: Option<&Location>) -> Result<Explanation> {
        let plugins = match path {
            Some(path) => vec![self.route(path)?],
            None => self
                .0
                .plugins
                .iter()
                .filter(|plugin| !plugin.schemes().is_empty())
                .collect(),
        };
        let scheme = path.map(Location::scheme);
        let mut parts = vec![(
            HOST,
            configuration::host_schema_with(&self.0.configuration, scheme),
        )];
        parts.extend(plugins.into_iter().map(|plugin| (plugin.name(), plugin.schema())));
        let authority = path.map(Location::authority);
        Ok(configuration::explain(
            &self.0.configuration,
            &parts,
            &self.schemas(),
            &self.names(),
            authority,
        ))
    }

    /// Reviews the configuration before a plugin is used: findings are logged at the first use.
    ///
    /// # Errors
    /// In strict mode [`ErrorKind::InvalidConfig`] for a key that only this plugin would read, and does not
    /// know, and for one about its schemes that the host would read.
    pub(super) fn review(&self, plugin: &Plugin) -> Result<()> {
        let is_first = plugin.is_first_review();
        if !is_first && !self.0.is_strict {
            return Ok(());
        }
        let schemas = self.schemas();
        let mut findings = configuration::review(&self.0.configuration, &plugin.schema(), &schemas);
        let is_served = |scheme: &str| plugin.schemes().iter().any(|served| served == scheme);
        findings.extend(configuration::review_schemes(
            &self.0.configuration,
            &schemas,
            &self.names(),
            &is_served,
        ));
        if self.0.is_strict
            && let Some((first, number)) = configuration::first_unknown(&findings)
        {
            let others = match number {
                1 => String::new(),
                2 => ", and one more".to_owned(),
                number => format!(", and {} more", number - 1),
            };
            let key = &configuration::STRICT_CONFIG.key;
            let remedy = match first.nearest.as_str() {
                "" => format!("remove the key, or set '{key}' to false"),
                nearest => format!("write '{nearest}', remove the key, or set '{key}' to false"),
            };
            let message = format!("unknown key '{}'{others}", first.key);
            return Err(Error::new(ErrorKind::InvalidConfig, message)
                .with_path(&first.origin)
                .with_remedy(remedy));
        }
        for finding in findings.iter().filter(|_| is_first) {
            tracing::warn!("{finding}");
        }
        Ok(())
    }

    /// The schemas of all plugins, usable or not.
    fn schemas(&self) -> Vec<Schema> {
        self.0.plugins.iter().map(|plugin| plugin.schema()).collect()
    }

    /// The names of all plugins, usable or not.
    fn names(&self) -> Vec<&str> {
        self.0.plugins.iter().map(|plugin| plugin.name()).collect()
    }
}
