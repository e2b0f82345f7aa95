//! [`FileSystemsBuilder`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Instant;

use plugin_api::{Config, Error, FileSystemFactory, HostRef, Manifest, Result, Schema};

use super::instances::Instances;
use super::routing::{self, Routes};
use super::{FileSystems, Registry, resolve};
use crate::configuration::{DEFAULT_SCHEME, STRICT_CONFIG, Sources};
use crate::discovery::{self, Place, Surroundings};
use crate::elf_image::refuse;
use crate::local::LocalFileSystemFactory;
use crate::plugin::Plugin;
use crate::streams::{Clock, Streams};
use crate::telemetry::tell_of_filter_changes;
use crate::trust::TrustOptions;
use crate::{loader, manifest_note};

/// Prepares a [`FileSystems`].
#[must_use = "a builder does nothing until build() is called"]
pub struct FileSystemsBuilder {
    command_line_dirs: Vec<PathBuf>,
    plugin_dirs: Vec<PathBuf>,
    plugin_files: Vec<PathBuf>,
    search_environment: bool,
    sources: Sources,
    factories: Vec<(Manifest, Arc<dyn FileSystemFactory>)>,
    host: Option<HostRef>,
    pub(crate) trust: TrustOptions,
    clock: Clock,
}

impl FileSystemsBuilder {
    pub(super) fn new() -> Self {
        Self {
            command_line_dirs: Vec::new(),
            plugin_dirs: Vec::new(),
            plugin_files: Vec::new(),
            search_environment: true,
            sources: Sources::default(),
            factories: Vec::new(),
            host: None,
            trust: TrustOptions::default(),
            clock: Clock::system(),
        }
    }

    /// Searches this directory too: after those in `FSPLUG_PLUGIN_PATH`, before all others that the environment names.
    /// May be called repeatedly. A relative path is taken from the current directory when the registry is built.
    ///
    /// A plugin directory holds one sub-directory for each plugin, with the plugin's `.so` in it.
    pub fn plugin_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.plugin_dirs.push(dir.into());
        self
    }

    /// Searches this directory, which a user gave on the command line, before all others. May be called repeatedly. A process
    /// with elevated rights does not search it.
    pub fn plugin_dir_from_command_line(mut self, dir: impl Into<PathBuf>) -> Self {
        self.command_line_dirs.push(dir.into());
        self
    }

    /// Uses the plugin in this file, wherever it is, before those of all directories. May be called
    /// repeatedly. A relative path is taken from the current directory when the registry is built, which
    /// fails if the plugin cannot be used.
    pub fn plugin_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.plugin_files.push(file.into());
        self
    }

    /// Whether other places than those of the program and of the command line are searched (the default). Where
    /// plugins are looked for, in this order:
    ///
    /// 1. each [`plugin_file`](Self::plugin_file), each directory of
    ///    [the command line](Self::plugin_dir_from_command_line);
    /// 2. the list in `FSPLUG_PLUGIN_PATH`, separated by colons;
    /// 3. each [`plugin_dir`](Self::plugin_dir);
    /// 4. `FLINK_PLUGINS_DIR`, `$FSPLUG_HOME/plugins`, `plugins` beside the program and one directory above it, then
    ///    what `ENABLE_BUILT_IN_PLUGINS` activates from `$FSPLUG_HOME/opt` and from `opt` one directory above the
    ///    program;
    /// 5. `$XDG_DATA_HOME/fsplug/plugins`, or else `~/.local/share/fsplug/plugins`;
    /// 6. `/usr/local/lib/fsplug/plugins`, then `/usr/lib/fsplug/plugins`.
    ///
    /// Of plugins with one name the one in the first of these places is used. Different plugins for one scheme do not
    /// depend on the order: the priority decides, unless `fs.<scheme>.plugin` names one of them. Variables have to
    /// name absolute paths; others are not searched, with a warning.
    ///
    /// A process with elevated rights, such as a set-user-ID program, searches nothing that the environment or the command
    /// line names, nothing relative to the program, and nothing that is named by a relative path.
    pub fn search_environment(mut self, search: bool) -> Self {
        self.search_environment = search;
        self
    }

    /// The configuration of the program, which wins over that of the file and of the environment. Every
    /// plugin receives the merged configuration as a whole; the host's own keys are in
    /// [`HOST_OPTIONS`](crate::configuration::HOST_OPTIONS).
    pub fn config(mut self, config: Config) -> Self {
        self.sources.program = config;
        self
    }

    /// The configuration that a user gave on the command line, which wins over every other.
    pub fn config_from_command_line(mut self, config: Config) -> Self {
        self.sources.command_line = config;
        self
    }

    /// Reads this configuration file: Flink's `config.yaml`, or the older `flink-conf.yaml`. It takes the
    /// place of the one that the environment names.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.file = Some(path.into());
        self
    }

    /// Whether the environment is read for configuration (not unless asked for): the file in
    /// `FSPLUG_CONFIG`, or else `config.yaml` or `flink-conf.yaml` in `FLINK_CONF_DIR`; the lines in
    /// `FLINK_PROPERTIES` and `FSPLUG_PROPERTIES`; and one variable for each key that a plugin or the host
    /// knows, such as `FSPLUG_S3_REGION`. What comes later in this list wins.
    ///
    /// A process with elevated rights, such as a set-user-ID program, never reads it.
    pub fn config_from_environment(mut self, read: bool) -> Self {
        self.sources.environment = read;
        self
    }

    /// A factory that the host was linked with. One that serves `file` takes the place of the local
    /// file system.
    pub fn factory(mut self, manifest: Manifest, factory: Arc<dyn FileSystemFactory>) -> Self {
        self.factories.push((manifest, factory));
        self
    }

    /// What plugins log to and ask for memory. Without it each has a
    /// [`HostTelemetry`](crate::telemetry::HostTelemetry) of its own, which forwards to the process's
    /// `tracing` subscriber.
    pub fn host(mut self, host: HostRef) -> Self {
        self.host = Some(host);
        self
    }

    /// Another clock than that of the system for whoever waits to open a stream, for tests. Nobody notices that it was set
    /// forward before [`FileSystems::clock_changed`] is called.
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::set_by(now);
        self
    }

    /// Finds the plugins: reads their manifests and audits their files, without running any code of
    /// theirs. Blocks for as long as that takes, some ten microseconds a plugin.
    ///
    /// A broken plugin is no error here: see [`FileSystems::plugins`].
    ///
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) if a configuration file or variable cannot be
    /// read, or for a value of the host's own keys that is not legal;
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) for a [`plugin_file`](Self::plugin_file) that cannot be used, and for
    /// the manifest of a linked factory that does not fit this host.
    pub fn build(self) -> Result<FileSystems> {
        let places = self.places(loader::has_elevated_rights())?;
        let discovery = discovery::discover(&places, self.trust.check_permissions);
        let mut plugins = Vec::new();
        for (manifest, factory) in self.factories {
            let name = manifest.name.clone();
            let manifest = manifest_note::check(manifest).map_err(|error| error.with_path(name))?;
            plugins.push(Plugin::linked(manifest, factory));
        }
        if !plugins.iter().any(|plugin| serves(plugin, "file")) {
            plugins.push(local());
        }
        for candidate in discovery.candidates {
            match candidate.error {
                // Whoever names one file wants that plugin, or to hear why not.
                Some(error) if candidate.tree.is_named() => return Err(error),
                _ => plugins.push(Plugin::found(candidate)),
            }
        }
        let schemas: Vec<Schema> = plugins.iter().map(Plugin::schema).collect();
        let configuration = self.sources.read(&schemas)?;
        let config = configuration.config();
        let trust = Arc::new(self.trust.resolve(&config)?);
        let mut plugins = plugins
            .into_iter()
            .map(|plugin| plugin.examined(&trust))
            .collect::<Result<Vec<_>>>()?;
        // Afterwards, since what is refused takes nobody's place.
        routing::shadow(&mut plugins);
        let plugins: Vec<Arc<Plugin>> = plugins.into_iter().map(Arc::new).collect();
        let default_root = config
            .text(&DEFAULT_SCHEME)
            .map(resolve::default_root)
            .transpose()?
            .flatten();
        let is_strict = config.bool(&STRICT_CONFIG)?.unwrap_or_default();
        for plugin in &plugins {
            if let Some(error) = plugin.error() {
                tracing::warn!("plugin '{}' cannot be used: {error}", plugin.name());
            }
        }
        let registry = Arc::new(Registry {
            is_strict,
            host: self.host,
            routes: Routes::new(&plugins, &config),
            configuration,
            config,
            plugins,
            searched: discovery.searched,
            install_into: places.into_iter().find_map(Place::into_directory),
            default_root,
            instances: Instances::default(),
            trust,
            streams: Streams::new(self.clock),
            closed: Arc::default(),
        });
        let listener: Weak<Registry> = Arc::downgrade(&registry);
        tell_of_filter_changes(listener);
        Ok(FileSystems(registry))
    }

    /// Where plugins are looked for, in this order. Whoever calls a program with elevated rights has no say in that.
    fn places(&self, is_elevated: bool) -> Result<Vec<Place>> {
        let directory = |dir: &PathBuf, named_by| -> Result<Place> {
            if is_elevated {
                // The caller chooses the current directory.
                Ok(Place::absolute(dir.clone(), named_by))
            } else {
                Ok(Place::directory(absolute(dir)?, named_by))
            }
        };
        let mut places = Vec::new();
        for file in &self.plugin_files {
            if is_elevated && file.is_relative() {
                return Err(refuse(
                    "a process with elevated rights loads no plugin by a relative path",
                    "name the file by its absolute path",
                )
                .with_path(file.display()));
            }
            places.push(Place::file(absolute(file)?));
        }
        for dir in &self.command_line_dirs {
            const COMMAND_LINE: &str = "the command line";
            places.push(if is_elevated {
                let why = "the caller of a process with elevated rights does not choose its plugins";
                Place::refused(dir.clone(), COMMAND_LINE, why)
            } else {
                directory(dir, COMMAND_LINE)?
            });
        }
        let of_program = self.plugin_dirs.iter().map(|dir| directory(dir, "the program"));
        let of_program = of_program.collect::<Result<Vec<_>>>()?;
        if !self.search_environment {
            places.extend(of_program);
        } else if is_elevated {
            // Where the program is, its caller may have decided too: by a hard link.
            places.extend(of_program);
            places.extend(discovery::of_system());
        } else {
            let executable = std::env::current_exe().ok();
            let surroundings = Surroundings {
                variable: &|name| std::env::var_os(name),
                executable: executable.as_deref(),
            };
            places.extend(surroundings.listed());
            places.extend(of_program);
            places.extend(surroundings.installed());
            places.extend(discovery::of_system());
        }
        Ok(places)
    }
}

fn absolute(dir: &Path) -> Result<PathBuf> {
    std::path::absolute(dir).map_err(|error| {
        Error::from(error)
            .with_operation("find plugins in")
            .with_path(dir.display())
            .with_remedy("name the plugin directory by its absolute path")
    })
}

fn serves(plugin: &Plugin, scheme: &str) -> bool {
    plugin.schemes().iter().any(|served| served == scheme)
}

fn local() -> Plugin {
    let manifest = Manifest {
        format: 1,
        abi: plugin_api::ABI_VERSION,
        min_host_minor: 0,
        name: "local".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schemes: vec!["file".to_owned()],
        options: Vec::new(),
        owned_prefixes: Vec::new(),
        scope_prefix: String::new(),
    };
    Plugin::linked(manifest, Arc::new(LocalFileSystemFactory::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::PlaceKind;

    #[test]
    fn with_elevated_rights_only_what_the_program_names_by_an_absolute_path_is_searched() {
        let builder = || FileSystems::builder().search_environment(false);
        let of_both = builder()
            .plugin_dir("/of/program")
            .plugin_dir("relative")
            .plugin_dir_from_command_line("/of/caller")
            .plugin_file("/of/program.so");
        let searched = |is_elevated| -> Vec<PathBuf> {
            let places = of_both.places(is_elevated).unwrap().into_iter();
            let looked_at = places.filter(|place| !matches!(place.kind, PlaceKind::Refused(_)));
            looked_at.map(|place| place.path).collect()
        };
        let relative = std::path::absolute("relative").unwrap();
        let all = ["/of/program.so", "/of/caller", "/of/program"].map(PathBuf::from);
        assert_eq!(searched(false), [all.as_slice(), &[relative]].concat());
        assert_eq!(
            searched(true),
            ["/of/program.so", "/of/program"].map(PathBuf::from)
        );
        assert_eq!(of_both.places(true).unwrap().len(), 4);
        let error = builder().plugin_file("a.so").places(true).unwrap_err();
        assert!(
            error.path() == "a.so" && error.remedy().contains("absolute"),
            "{error}"
        );
    }
}
