//! Delegation tokens of the plugins of a registry.

use plugin_api::Result;

use super::FileSystems;
use crate::delegation_tokens::{self, DelegationTokenManager, DelegationTokens, Loaded};

impl FileSystems {
    /// The manager that obtains delegation tokens for the workers of this process.
    ///
    /// Loads the plugins whose tokens the configuration asks for. Nothing is obtained before
    /// [`start`](DelegationTokenManager::start). With `security.delegation.tokens.enabled: false`, or if no
    /// plugin's tokens are asked for, it has nothing to do.
    ///
    /// May be cancelled at any time.
    ///
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) for a key of the host or of a provider that is
    /// out of its range; [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if a plugin cannot be loaded, if a
    /// service has two providers or receivers, or one of them alone;
    /// [`Closed`](plugin_api::ErrorKind::Closed) after [`shutdown`](Self::shutdown).
    pub async fn delegation_tokens(&self) -> Result<DelegationTokenManager> {
        self.check_open()?;
        let config = &self.0.config;
        let plugins = if delegation_tokens::are_enabled(config)? {
            let wanted = delegation_tokens::configured_services(config);
            self.plugins_with_tokens(|service| wanted.contains(service))
                .await?
        } else {
            Vec::new()
        };
        DelegationTokenManager::new(&plugins, config, self.0.closed.clone())
    }

    /// Takes tokens into use that another process obtained, in all file systems of this one, for every request
    /// from now on. A worker calls it with everything that reaches it.
    ///
    /// Loads the plugins that the tokens are for. Does nothing with `security.delegation.tokens.enabled:
    /// false`, or for a service whose key `enabled` is `false`. If cancelled, some of the tokens may be in use.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) for a service without a receiver;
    /// [`Corrupt`](plugin_api::ErrorKind::Corrupt) for bytes that the plugin cannot read;
    /// [`Closed`](plugin_api::ErrorKind::Closed) after [`shutdown`](Self::shutdown). Every other token is taken
    /// into use all the same.
    pub async fn receive_delegation_tokens(&self, tokens: &DelegationTokens) -> Result<()> {
        self.check_open()?;
        if !delegation_tokens::are_enabled(&self.0.config)? {
            tracing::warn!("delegation tokens arrived and are not used, since they are switched off here");
            return Ok(());
        }
        let plugins = self
            .plugins_with_tokens(|service| tokens.contains_key(service))
            .await?;
        delegation_tokens::receive(&plugins, &self.0.config, tokens).await
    }

    /// The plugins that are loaded, and those with keys for a wanted service, loaded now.
    async fn plugins_with_tokens(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Loaded>> {
        let mut loaded = Vec::new();
        for plugin in &self.0.plugins {
            let services = delegation_tokens::services_of(plugin);
            let factory = if services.iter().any(|service| is_wanted(service)) {
                Some(plugin.factory(self.0.host.as_ref(), &self.0.closed).await?)
            } else {
                plugin.loaded_factory().await
            };
            let origin = plugin.origin();
            loaded.extend(factory.map(|factory| Loaded { origin, factory }));
        }
        Ok(loaded)
    }
}
