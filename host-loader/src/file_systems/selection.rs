//! [`Selection`]: why a plugin serves a location, or none does.

use std::fmt;
use std::sync::Arc;

use plugin_api::{Error, Location};

use super::FileSystems;
use super::routing::{Contender, Route};
use crate::discovery::SearchedPlace;
use crate::plugin::Plugin;

/// Which plugin serves a location, and everything that led to it. `Display` tells it to a reader, in several lines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection {
    /// The scheme, in lower case.
    pub scheme: String,
    /// Every place where plugins were looked for, in this order.
    pub searched: Vec<SearchedPlace>,
    /// Every plugin that says that it serves the scheme, or was probably meant to, in the order of the search.
    pub candidates: Vec<SelectionCandidate>,
    /// Why the chosen one is used, as it stands after its name; "" if there is none.
    pub reason: String,
    /// Why there is none.
    pub error: Option<Error>,
}

/// A plugin that could serve a location.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SelectionCandidate {
    /// The name of the plugin.
    pub name: String,
    /// Its version; "" if that could not be read.
    pub version: String,
    /// Its file, or what else tells the reader which it is.
    pub origin: String,
    /// Its priority for the scheme; of several plugins the highest counts.
    pub priority: i64,
    /// What sets the priority: a key, `plugin.toml` or `default`.
    pub set_by: String,
    /// Whether it serves the location.
    pub is_chosen: bool,
    /// Why, or why not.
    pub why: String,
}

impl Selection {
    /// The plugin that serves the location.
    pub fn chosen(&self) -> Option<&SelectionCandidate> {
        self.candidates.iter().find(|candidate| candidate.is_chosen)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.chosen() {
            Some(chosen) => writeln!(
                f,
                "{}:// is served by {} ({}), {}",
                self.scheme, chosen.name, chosen.origin, self.reason
            )?,
            None => writeln!(f, "{}:// is served by no plugin", self.scheme)?,
        }
        writeln!(f, "Searched, in this order:")?;
        for place in &self.searched {
            writeln!(
                f,
                "  {} ({}): {}",
                place.path.display(),
                place.named_by,
                place.found
            )?;
        }
        if self.searched.is_empty() {
            writeln!(f, "  nothing")?;
        }
        write!(f, "Plugins for {}://:", self.scheme)?;
        for candidate in &self.candidates {
            let mark = if candidate.is_chosen { '*' } else { ' ' };
            let (name, version) = (&candidate.name, &candidate.version);
            let space = if version.is_empty() { "" } else { " " };
            write!(f, "\n{mark} {name}{space}{version}, {}", candidate.origin)?;
            write!(
                f,
                "\n    priority {} ({}); {}",
                candidate.priority, candidate.set_by, candidate.why
            )?;
        }
        if self.candidates.is_empty() {
            write!(f, "\n  none")?;
        }
        Ok(())
    }
}

impl FileSystems {
    /// Which plugin serves a location, and everything that led to it: what was searched, which plugins there are for the
    /// scheme, and why one of them is used. Loads none.
    pub fn selection(&self, path: &Location) -> Selection {
        let scheme = path.scheme();
        let (chosen, error) = match self.route(path) {
            Ok(plugin) => (Some(plugin), None),
            Err(error) => (None, Some(error)),
        };
        let route = self.0.routes.of(scheme);
        let reason = match (route, chosen) {
            (_, None) => String::new(),
            (Some(route), _) => route.reason.clone(),
            (None, Some(_)) => "the plugin for schemes that no plugin serves".to_owned(),
        };
        let is_chosen = |plugin: &Arc<Plugin>| chosen.is_some_and(|chosen| Arc::ptr_eq(chosen, plugin));
        let candidates = self.0.plugins.iter().filter_map(|plugin| {
            let of_route = || {
                route?
                    .contenders
                    .iter()
                    .find(|other| Arc::ptr_eq(&other.plugin, plugin))
            };
            if is_chosen(plugin) {
                let candidate = SelectionCandidate::new(plugin, of_route());
                return Some(candidate.chosen(&reason));
            }
            if let (Some(contender), Some(route)) = (of_route(), route) {
                let why = passed_over(contender, route);
                return Some(SelectionCandidate::new(plugin, Some(contender)).with_reason(why));
            }
            Some(SelectionCandidate::new(plugin, None).with_reason(unusable(plugin, scheme)?))
        });
        Selection {
            scheme: scheme.to_owned(),
            searched: self.0.searched.clone(),
            candidates: candidates.collect(),
            reason: reason.clone(),
            error,
        }
    }
}

impl SelectionCandidate {
    fn new(plugin: &Plugin, contender: Option<&Contender>) -> Self {
        Self {
            name: plugin.name().to_owned(),
            version: plugin
                .manifest()
                .map_or_else(String::new, |manifest| manifest.version.clone()),
            origin: plugin.origin(),
            priority: contender.map_or(0, |contender| contender.priority),
            set_by: contender.map_or_else(|| "default".to_owned(), |contender| contender.set_by.clone()),
            is_chosen: false,
            why: String::new(),
        }
    }

    fn chosen(self, why: &str) -> Self {
        Self {
            is_chosen: true,
            ..self.with_reason(why.to_owned())
        }
    }

    fn with_reason(self, why: String) -> Self {
        Self { why, ..self }
    }
}

/// Why a plugin of the scheme is not the one that serves it.
fn passed_over(contender: &Contender, route: &Route) -> String {
    let Ok(chosen) = &route.outcome else {
        return "nothing decides between it and others".to_owned();
    };
    let chosen = &route.contenders[*chosen];
    if chosen.priority > contender.priority {
        "another one has a higher priority".to_owned()
    } else {
        "another one is named".to_owned()
    }
}

/// Why a plugin that serves the scheme, or was meant to, takes no part.
fn unusable(plugin: &Plugin, scheme: &str) -> Option<String> {
    if let Some(by) = plugin.shadowed_by() {
        let serves = |manifest: &plugin_api::Manifest| manifest.schemes.iter().any(|served| served == scheme);
        let is_asked = plugin.manifest().is_some_and(serves);
        return is_asked.then(|| format!("{by} has the same name and was found earlier"));
    }
    let error = plugin.error()?;
    plugin
        .was_meant_for(scheme)
        .then(|| format!("it is broken: {}", error.message()))
}
