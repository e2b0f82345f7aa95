//! [`Services`]: the providers and receivers of plugins, paired by the name of their service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plugin_api::{
    Config, DelegationTokenProvider, DelegationTokenReceiver, Error, ErrorKind, FileSystemFactory, Result,
};

use super::options::{is_service_enabled, service_of};
use crate::plugin::Plugin;

/// A plugin that has been loaded.
pub(crate) struct Loaded {
    /// Its file, or what else tells the reader which plugin it is.
    pub(crate) origin: String,
    pub(crate) factory: Arc<dyn FileSystemFactory>,
}

/// One provider and the receiver of its tokens.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) provider: Box<dyn DelegationTokenProvider>,
    pub(super) receiver: Receiver,
}

/// Every service whose tokens the configuration asks for.
#[derive(Default)]
pub(super) struct Services(pub(super) Vec<Service>);

/// The services that a plugin has keys for.
pub(crate) fn services_of(plugin: &Plugin) -> BTreeSet<&str> {
    let options = plugin
        .manifest()
        .into_iter()
        .flat_map(|manifest| &manifest.options);
    options
        .filter_map(|option| Some(service_of(&option.key)?.0))
        .collect()
}

/// The services that the configuration says something about, beyond switching them on or off.
pub(crate) fn configured_services(config: &Config) -> BTreeSet<&str> {
    config
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .filter_map(|(key, _)| service_of(key))
        .filter(|(service, name)| *name != "enabled" && is_service_enabled(config, service))
        .map(|(service, _)| service)
        .collect()
}

impl Services {
    /// Asks every plugin for its provider and its receiver, and pairs them.
    ///
    /// # Errors
    /// [`ErrorKind::PluginLoad`] for a service with two providers, two receivers, or one of them alone; what a
    /// provider says to its configuration.
    pub(super) fn pair(plugins: &[Loaded], config: &Config) -> Result<Self> {
        let mut providers = Named::new("provider");
        for plugin in plugins {
            let provider = plugin
                .factory
                .delegation_token_provider(config)
                .map_err(|error| error.with_path(&plugin.origin))?;
            if let Some(provider) = provider {
                providers.add(provider.service_name(), &plugin.origin, provider, config)?;
            }
        }
        let mut receivers = receivers(plugins, config)?;
        let mut paired = Vec::new();
        for (name, (origin, provider)) in providers.by_name {
            let Some((_, receiver)) = receivers.remove(&name) else {
                return Err(alone(&name, &origin, "provider", "receiver"));
            };
            paired.push(Service {
                name,
                provider,
                receiver,
            });
        }
        if let Some((name, (origin, _))) = receivers.into_iter().next() {
            return Err(alone(&name, &origin, "receiver", "provider"));
        }
        for service in configured_services(config) {
            if paired.iter().all(|paired| paired.name != service) {
                tracing::warn!("no plugin obtains delegation tokens for '{service}', which has keys");
            }
        }
        warn_of_same_prefix(&paired);
        paired.retain(|service| service.provider.is_required());
        Ok(Self(paired))
    }
}

type Receiver = Box<dyn DelegationTokenReceiver>;

/// The receivers by their service, with the plugin that each is of.
///
/// # Errors
/// [`ErrorKind::PluginLoad`] for a service with two of them.
pub(super) fn receivers(plugins: &[Loaded], config: &Config) -> Result<BTreeMap<String, (String, Receiver)>> {
    let mut receivers = Named::new("receiver");
    for plugin in plugins {
        if let Some(receiver) = plugin.factory.delegation_token_receiver() {
            receivers.add(receiver.service_name(), &plugin.origin, receiver, config)?;
        }
    }
    Ok(receivers.by_name)
}

/// Providers or receivers, with the plugin that each is of.
struct Named<T> {
    what: &'static str,
    by_name: BTreeMap<String, (String, T)>,
}

impl<T> Named<T> {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            by_name: BTreeMap::new(),
        }
    }

    fn add(&mut self, name: String, origin: &str, part: T, config: &Config) -> Result<()> {
        if name.is_empty() {
            return Err(Error::new(
                ErrorKind::PluginLoad,
                format!("its delegation token {} has no service name", self.what),
            )
            .with_path(origin)
            .with_remedy("report it to the author of the plugin"));
        }
        if !is_service_enabled(config, &name) {
            return Ok(());
        }
        if let Some((other, _)) = self.by_name.get(&name) {
            return Err(Error::new(
                ErrorKind::PluginLoad,
                format!(
                    "the delegation token service '{name}' has two {}s: in {other} and in {origin}",
                    self.what
                ),
            )
            .with_remedy("remove one of these plugins"));
        }
        self.by_name.insert(name, (origin.to_owned(), part));
        Ok(())
    }
}

fn alone(service: &str, origin: &str, present: &str, missing: &str) -> Error {
    Error::new(
        ErrorKind::PluginLoad,
        format!("the delegation token service '{service}' has a {present} and no {missing}"),
    )
    .with_path(origin)
    .with_remedy(format!(
        "install the plugin that has the {missing}, or switch the service off"
    ))
}

/// Two implementations for one kind of store, such as `s3-native` and `s3-hadoop`, are rarely both meant.
fn warn_of_same_prefix(services: &[Service]) {
    let mut by_prefix: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in services {
        let name = service.name.as_str();
        let prefix = name.split_once('-').map_or(name, |(prefix, _)| prefix);
        by_prefix.entry(prefix).or_default().push(name);
    }
    for names in by_prefix.values().filter(|names| names.len() > 1) {
        tracing::warn!(
            "the delegation token services {} are probably for the same store; use one of them",
            names.join(" and ")
        );
    }
}
