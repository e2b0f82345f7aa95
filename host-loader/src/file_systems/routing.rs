//! Which plugin serves a scheme.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plugin_api::{Config, Error, ErrorKind, Location, Result};

use super::FileSystems;
use super::choice::{Bid, Choice, Found, choose, shadows};
use crate::configuration::{ALLOWED_FALLBACK_FILE_SYSTEMS, FALLBACK_PLUGIN, PLUGIN, PRIORITY};
use crate::plugin::Plugin;
use crate::well_known::{KnownPlugin, factory_of_flink, store_of};

/// Who serves which scheme.
pub(super) struct Routes {
    by_scheme: BTreeMap<String, Route>,
    /// The plugin for all other schemes, or why it cannot be that.
    fallback: Option<Result<Arc<Plugin>>>,
    /// Schemes that may go there although a plugin made for them is known.
    allowed: Vec<String>,
    /// Schemes of plugins that cannot be used, which nothing else takes over in silence.
    broken: BTreeSet<String>,
}

/// The plugins that serve one scheme, and which of them is used.
pub(super) struct Route {
    pub(super) contenders: Vec<Contender>,
    /// The number of the one that is used.
    pub(super) outcome: Result<usize>,
    /// Why that one, as it stands after its name.
    pub(super) reason: String,
}

/// A plugin that serves a scheme.
pub(super) struct Contender {
    pub(super) plugin: Arc<Plugin>,
    pub(super) priority: i64,
    /// What sets the priority: a key, a file, or the default.
    pub(super) set_by: String,
}

impl Routes {
    /// Decides for every scheme that one of these plugins serves.
    pub(super) fn new(plugins: &[Arc<Plugin>], config: &Config) -> Self {
        let mut by_scheme: BTreeMap<&str, Vec<&Arc<Plugin>>> = BTreeMap::new();
        for plugin in plugins {
            for scheme in plugin.schemes() {
                by_scheme.entry(scheme).or_default().push(plugin);
            }
        }
        let allowed = config.list(&ALLOWED_FALLBACK_FILE_SYSTEMS).into_iter();
        Self {
            by_scheme: by_scheme
                .into_iter()
                .map(|(scheme, serving)| (scheme.to_owned(), Route::new(scheme, &serving, plugins, config)))
                .collect(),
            fallback: config
                .text(&FALLBACK_PLUGIN)
                .map(|name| find_fallback(name, plugins)),
            allowed: allowed.map(|scheme| scheme.to_ascii_lowercase()).collect(),
            broken: plugins
                .iter()
                .filter(|plugin| plugin.is_refused())
                .filter_map(|plugin| plugin.manifest())
                .flat_map(|manifest| &manifest.schemes)
                .map(|scheme| scheme.to_ascii_lowercase())
                .collect(),
        }
    }

    /// The schemes that a plugin serves, sorted.
    pub(super) fn schemes(&self) -> impl Iterator<Item = &String> {
        self.by_scheme.keys()
    }

    pub(super) fn of(&self, scheme: &str) -> Option<&Route> {
        self.by_scheme.get(scheme)
    }

    /// The plugin that serves a scheme as no plugin names it. `None` if there is none for such schemes, or not for
    /// this one.
    pub(super) fn fallback(&self, scheme: &str) -> Option<&Result<Arc<Plugin>>> {
        let is_taken =
            known_plugin(scheme).is_some() && !self.is_allowed(scheme) || self.broken.contains(scheme);
        self.fallback.as_ref().filter(|_| !is_taken)
    }

    fn is_allowed(&self, scheme: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == scheme)
    }
}

impl Route {
    /// `serving` of all `plugins` serve the scheme.
    fn new(scheme: &str, serving: &[&Arc<Plugin>], plugins: &[Arc<Plugin>], config: &Config) -> Self {
        let (set, invalid) = match PRIORITY.by_factory(config, scheme) {
            Ok(set) => (set, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let contenders: Vec<Contender> = serving
            .iter()
            .map(|plugin| Contender::new(plugin, scheme, &set))
            .collect();
        let named = PLUGIN.text(config, scheme);
        let bids: Vec<Bid> = contenders
            .iter()
            .map(|contender| Bid {
                name: contender.plugin.name(),
                priority: contender.priority,
            })
            .collect();
        let (outcome, reason) = match choose(&bids, named) {
            Choice::Only(index) => (Ok(index), "the only plugin for this scheme".to_owned()),
            Choice::Named(index) => (Ok(index), format!("named by {}", PLUGIN.key(scheme))),
            Choice::Highest(index) => (Ok(index), "the one with the highest priority".to_owned()),
            Choice::NoneNamed => (
                Err(none_named(scheme, named, &contenders, plugins)),
                String::new(),
            ),
            Choice::Tied(tied) => (Err(ambiguous(scheme, &tied, &contenders)), String::new()),
        };
        // What was set wrongly may have been meant to decide.
        let outcome = match invalid {
            Some(error) if bids.len() > 1 && named.is_none() => Err(error),
            _ => outcome,
        };
        Self {
            contenders,
            outcome,
            reason,
        }
    }
}

impl Contender {
    /// `set` are the priorities of the configuration by the name of a plugin or of a factory of Flink.
    fn new(plugin: &Arc<Plugin>, scheme: &str, set: &[(&str, i64)]) -> Self {
        let by_name = set.iter().find(|(factory, _)| *factory == plugin.name());
        let by_class = || {
            let is_ours = |class: &str| {
                factory_of_flink(class).and_then(|factory| factory.plugin) == Some(plugin.name())
            };
            set.iter().find(|(class, _)| is_ours(class))
        };
        let in_toml = || plugin.toml()?.priorities.get(scheme);
        let (priority, set_by) = match (by_name.or_else(by_class), in_toml()) {
            (Some((factory, priority)), _) => (*priority, PRIORITY.key_of_factory(scheme, factory)),
            (None, Some(priority)) => (*priority, "plugin.toml".to_owned()),
            (None, None) => (0, "default".to_owned()),
        };
        Self {
            plugin: Arc::clone(plugin),
            priority,
            set_by,
        }
    }
}

/// Makes plugins give way to those of the same name that were found in an earlier place.
pub(super) fn shadow(plugins: &mut [Plugin]) {
    let found: Vec<Found> = plugins
        .iter()
        .map(|plugin| Found {
            name: plugin.name(),
            rank: plugin.rank(),
            is_usable: !plugin.is_refused(),
        })
        .collect();
    let origins: Vec<Option<String>> = shadows(&found)
        .into_iter()
        .map(|by| by.map(|index| plugins[index].origin()))
        .collect();
    for (plugin, origin) in plugins.iter_mut().zip(origins) {
        if let Some(origin) = origin {
            tracing::debug!(
                "{} is not used: {origin} has the same name and was found earlier",
                plugin.origin()
            );
            plugin.give_way(origin);
        }
    }
}

impl FileSystems {
    /// The plugin that serves a location.
    pub(super) fn route(&self, path: &Location) -> Result<&Arc<Plugin>> {
        let routes = &self.0.routes;
        if let Some(route) = routes.of(path.scheme()) {
            return match &route.outcome {
                Ok(index) => Ok(&route.contenders[*index].plugin),
                Err(error) => Err(error.clone().with_path(path)),
            };
        }
        match routes.fallback(path.scheme()) {
            Some(Ok(plugin)) => Ok(plugin),
            Some(Err(error)) => Err(error.clone().with_path(path)),
            None => Err(self.unknown_scheme(path)),
        }
    }

    fn unknown_scheme(&self, path: &Location) -> Error {
        let scheme = path.scheme();
        let known = self.schemes().join(", ");
        let searched = match self.0.searched.as_slice() {
            [] => "no directory was searched".to_owned(),
            all => {
                let each: Vec<String> = all
                    .iter()
                    .map(|searched| format!("{} ({})", searched.path.display(), searched.found))
                    .collect();
                format!("searched {}", each.join(", "))
            }
        };
        // A plugin that was meant to serve the scheme and is broken is the likely cause.
        let suspect = self
            .0
            .plugins
            .iter()
            .filter_map(|plugin| Some((plugin, plugin.error()?)))
            .find(|(plugin, _)| plugin.was_meant_for(scheme));
        let hint = hint(scheme, suspect.is_some());
        let mut message = format!("no plugin serves the scheme '{scheme}'{hint}; known: {known}; {searched}");
        let mut remedy = self.how_to_serve(scheme);
        if let Some((plugin, error)) = suspect {
            message = format!("{message}; {} is broken: {}", plugin.origin(), error.message());
            error.remedy().clone_into(&mut remedy);
        }
        Error::new(ErrorKind::UnknownScheme, message)
            .with_path(path)
            .with_remedy(remedy)
    }

    /// What to do so that a plugin serves a scheme.
    fn how_to_serve(&self, scheme: &str) -> String {
        let known = known_plugin(scheme);
        let (file, name) = known.map_or(("the plugin's .so", "<name>"), |plugin| {
            (plugin.file, plugin.name)
        });
        let install = match &self.0.install_into {
            Some(directory) => format!(
                "put {file} into {}/{name}/, or name its directory in FSPLUG_PLUGIN_PATH",
                directory.display()
            ),
            None => "name the plugin directory in the builder or in FSPLUG_PLUGIN_PATH".to_owned(),
        };
        match (&self.0.routes.fallback, known) {
            (Some(Ok(fallback)), Some(_)) => format!(
                "{install}; or let the plugin '{}' serve it: add '{scheme}' to '{}'",
                fallback.name(),
                ALLOWED_FALLBACK_FILE_SYSTEMS.key
            ),
            _ => match store_of(scheme).and_then(|store| store.plugin) {
                Some(plugin) if known.is_none() => format!("write {}://", plugin.schemes.join(":// or ")),
                _ => install,
            },
        }
    }
}

/// The plugin that is made for a scheme and need only be installed.
fn known_plugin(scheme: &str) -> Option<KnownPlugin> {
    let plugin = store_of(scheme)?.plugin?;
    plugin.schemes.contains(&scheme).then_some(plugin)
}

/// What is known of a scheme that no plugin serves, as it stands behind its name; `is_there` if a plugin was found that was
/// meant to.
fn hint(scheme: &str, is_there: bool) -> String {
    let Some(store) = store_of(scheme) else {
        return String::new();
    };
    match store.plugin {
        Some(plugin) if plugin.schemes.contains(&scheme) => format!(
            ", which is that of {}; the plugin {} serves it{}",
            store.name,
            plugin.name,
            if is_there { "" } else { ", and is not installed" }
        ),
        Some(plugin) => format!(
            ", which is that of {}; the plugin {} serves them as {}",
            store.name,
            plugin.name,
            plugin.schemes.join(" and ")
        ),
        None => format!(
            ", which is that of {}; no plugin for it comes with this host",
            store.name
        ),
    }
}

fn find_fallback(name: &str, plugins: &[Arc<Plugin>]) -> Result<Arc<Plugin>> {
    let of_name = || plugins.iter().filter(|plugin| plugin.name() == name);
    let usable: Vec<&Arc<Plugin>> = of_name().filter(|plugin| !plugin.schemes().is_empty()).collect();
    if let &[plugin] = usable.as_slice() {
        return Ok(Arc::clone(plugin));
    }
    if usable.len() > 1 {
        let origins: Vec<String> = usable.iter().map(|plugin| plugin.origin()).collect();
        let message = format!(
            "'{}' is '{name}', and that are: {}",
            FALLBACK_PLUGIN.key,
            origins.join(" and ")
        );
        return Err(Error::new(ErrorKind::PluginLoad, message).with_remedy("remove all but one of them"));
    }
    if let Some((plugin, error)) = broken(name, plugins) {
        let message = format!(
            "'{}' is '{name}', and {} is broken: {}",
            FALLBACK_PLUGIN.key,
            plugin.origin(),
            error.message()
        );
        return Err(Error::new(ErrorKind::PluginLoad, message).with_remedy(error.remedy().to_owned()));
    }
    let names: Vec<&str> = plugins.iter().map(|plugin| plugin.name()).collect();
    Err(FALLBACK_PLUGIN.invalid(
        name,
        &format!("there is no such plugin, but {}", names.join(", ")),
    ))
}

/// The error of a name that no plugin of the scheme has.
fn none_named(scheme: &str, name: Option<&str>, contenders: &[Contender], plugins: &[Arc<Plugin>]) -> Error {
    let name = name.unwrap_or_default();
    if let Some((plugin, error)) = broken(name, plugins) {
        let message = format!(
            "'{}' is '{name}', and {} is broken: {}",
            PLUGIN.key(scheme),
            plugin.origin(),
            error.message()
        );
        return Error::new(ErrorKind::PluginLoad, message).with_remedy(error.remedy().to_owned());
    }
    let why = format!(
        "no plugin of that name serves the scheme, but {}",
        origins(contenders.iter())
    );
    PLUGIN.invalid(scheme, name, &why)
}

/// The first plugin of a name that cannot be used.
fn broken<'a>(name: &str, plugins: &'a [Arc<Plugin>]) -> Option<(&'a Arc<Plugin>, &'a Error)> {
    let of_name = plugins.iter().filter(|plugin| plugin.name() == name);
    of_name
        .filter(|plugin| plugin.is_refused())
        .find_map(|plugin| Some((plugin, plugin.error()?)))
}

fn ambiguous(scheme: &str, tied: &[usize], contenders: &[Contender]) -> Error {
    let of_tied = || tied.iter().map(|&index| &contenders[index]);
    let mut names: Vec<&str> = of_tied().map(|contender| contender.plugin.name()).collect();
    names.sort_unstable();
    names.dedup();
    let message = format!(
        "the scheme '{scheme}' is served by {} plugins of the same priority: {}",
        tied.len(),
        origins(of_tied())
    );
    let remedy = match names.as_slice() {
        // A name does not tell them apart.
        [_] => "remove all but one of them".to_owned(),
        [first, ..] => format!(
            "set '{}' to {}, raise one of them with '{}', or remove all but one",
            PLUGIN.key(scheme),
            names.join(" or "),
            PRIORITY.key_of_factory(scheme, first)
        ),
        [] => String::new(),
    };
    Error::new(ErrorKind::PluginLoad, message).with_remedy(remedy)
}

/// Plugins with their names and files.
fn origins<'a>(contenders: impl Iterator<Item = &'a Contender>) -> String {
    let each: Vec<String> = contenders
        .map(|contender| match contender.plugin.report() {
            Some(report) => format!("'{}' ({})", report.name, report.path.display()),
            None => contender.plugin.origin(),
        })
        .collect();
    each.join(" and ")
}
