//! One plugin: found, then loaded at its first use, once.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::lock::Mutex;
use plugin_api::{Error, ErrorKind, FileSystemFactory, HostRef, Manifest, Result, Schema, abi};

use crate::audit::BundledLibrary;
use crate::discovery::{Candidate, Inspected, PluginToml};
use crate::loader;
use crate::metrics::Series;
use crate::telemetry::{HostTelemetry, Measurements, Measuring, a_plugin_is_loaded};
use crate::trust::{Admission, SealedImage, Tree, Trust};

/// What became of one file that was looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PluginReport {
    /// The file; the directory, if that holds no plugin.
    pub path: PathBuf,
    /// The plugin directory that it was found in, whose lock counts for it; of a file that was named, two above it.
    pub directory: PathBuf,
    /// The name from the manifest; the name of the directory, if there is no manifest.
    pub name: String,
    /// What the plugin says about itself, if that could be read; also of a plugin that is refused.
    pub manifest: Option<Manifest>,
    /// Why the plugin cannot be used, and what to do about it.
    pub error: Option<Error>,
    /// Whether its code has been loaded, which happens at its first use.
    pub loaded: bool,
    /// Who or what names the place where it was found: a variable, the program, the command line, the system.
    pub named_by: &'static str,
    /// The plugin of the same name that was found earlier and is used in its place: its file, or what else tells
    /// the reader which it is.
    pub shadowed_by: Option<String>,
    /// The `plugin.toml` beside it.
    pub plugin_toml: Option<PluginToml>,
}

type Factory = Arc<dyn FileSystemFactory>;

/// A plugin, usable or not.
pub(crate) struct Plugin {
    /// `None` for a factory that the host was linked with.
    path: Option<PathBuf>,
    /// The plugin directory that it was found in; also `None` for such a factory.
    tree: Option<Tree>,
    name: String,
    manifest: Option<Manifest>,
    /// Whether nobody else could change its file when it was found.
    is_trusted: bool,
    /// Why discovery refused it.
    refused: Option<Error>,
    /// What has to be true of its file.
    admission: Option<Admission>,
    toml: Option<PluginToml>,
    /// The number of the place where it was found; 0 for what the host was linked with.
    rank: usize,
    named_by: &'static str,
    /// What is used in its place.
    shadowed_by: Option<String>,
    factory: OnceLock<Result<Factory>>,
    /// Held while the plugin is being loaded, also when nobody waits for it any more.
    loading: Arc<Mutex<()>>,
    /// Whether the configuration has been reviewed for it.
    reviewed: AtomicBool,
    measurements: Arc<Measurements>,
}

impl Plugin {
    /// A plugin that is part of the host's program, held to what the boundary holds others to.
    pub(crate) fn linked(manifest: Manifest, factory: Factory) -> Self {
        Self {
            path: None,
            tree: None,
            measurements: Arc::new(Measurements::of_plugin(&manifest.name)),
            name: manifest.name.clone(),
            manifest: Some(manifest),
            is_trusted: true,
            refused: None,
            admission: None,
            toml: None,
            rank: 0,
            named_by: "the program",
            shadowed_by: None,
            factory: OnceLock::from(Ok(abi::isolate(factory))),
            loading: Arc::default(),
            reviewed: AtomicBool::new(false),
        }
    }

    /// What discovery found.
    pub(crate) fn found(candidate: Candidate) -> Self {
        Self {
            path: Some(candidate.path),
            tree: Some(candidate.tree),
            measurements: Arc::new(Measurements::of_plugin(&candidate.name)),
            name: candidate.name,
            manifest: candidate.manifest,
            is_trusted: candidate.is_trusted,
            refused: candidate.error,
            admission: None,
            toml: candidate.toml,
            rank: candidate.rank,
            named_by: candidate.named_by,
            shadowed_by: None,
            factory: OnceLock::new(),
            loading: Arc::default(),
            reviewed: AtomicBool::new(false),
        }
    }

    /// Refuses it if its file cannot be trusted, as far as that is known without reading it.
    ///
    /// # Errors
    /// The refusal of a file that the user named.
    pub(crate) fn examined(mut self, trust: &Arc<Trust>) -> Result<Self> {
        if let (Some(path), Some(tree), None) = (&self.path, &self.tree, &self.refused) {
            match Admission::examine(trust, path, tree.clone(), self.toml.as_ref()) {
                Ok(admission) => self.admission = Some(admission),
                Err(error) => {
                    let error = error.with_path(path.display());
                    if tree.is_named() {
                        return Err(error);
                    }
                    self.refused = Some(error);
                }
            }
        }
        Ok(self)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it says about itself, if that could be read; also of a plugin that was refused.
    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The schemes that it serves; none if it was refused or another one is used in its place.
    pub(crate) fn schemes(&self) -> &[String] {
        match (&self.refused, &self.manifest) {
            (None, Some(manifest)) if self.shadowed_by.is_none() => &manifest.schemes,
            _ => &[],
        }
    }

    /// Whether discovery refused it.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// The number of the place where it was found.
    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    /// The `plugin.toml` beside it.
    pub(crate) fn toml(&self) -> Option<&PluginToml> {
        self.toml.as_ref()
    }

    /// What is used in its place.
    pub(crate) fn shadowed_by(&self) -> Option<&str> {
        self.shadowed_by.as_deref()
    }

    /// Gives way to another one of its name.
    pub(crate) fn give_way(&mut self, to: String) {
        self.shadowed_by = Some(to);
    }

    /// The schema of its configuration, as far as its manifest could be read and is not what others wrote.
    pub(crate) fn schema(&self) -> Schema {
        let manifest = self.manifest.as_ref().filter(|_| self.is_trusted);
        manifest.map(Manifest::schema).unwrap_or_default()
    }

    /// Whether this is the first time that the configuration is reviewed for it.
    pub(crate) fn is_first_review(&self) -> bool {
        !self.reviewed.swap(true, Ordering::AcqRel)
    }

    /// Whether a plugin that cannot be used was probably meant to serve this scheme, in lower case.
    pub(crate) fn was_meant_for(&self, scheme: &str) -> bool {
        let directory = self
            .path
            .as_deref()
            .and_then(Path::parent)
            .and_then(Path::file_name);
        let mentions = |name: &str| name.to_ascii_lowercase().contains(scheme);
        self.manifest
            .iter()
            .flat_map(|manifest| &manifest.schemes)
            .any(|served| served.eq_ignore_ascii_case(scheme))
            || mentions(&self.name)
            || directory.is_some_and(|name| mentions(&name.to_string_lossy()))
    }

    /// Why it cannot be used, as far as that is known.
    pub(crate) fn error(&self) -> Option<&Error> {
        self.refused
            .as_ref()
            .or_else(|| self.factory.get()?.as_ref().err())
    }

    /// Its file, or what else tells the reader which plugin it is.
    pub(crate) fn origin(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("'{}' (linked into the host)", self.name),
        }
    }

    /// What there is to report, unless it is part of the host's program.
    pub(crate) fn report(&self) -> Option<PluginReport> {
        self.report_with(None)
    }

    /// The same, after everything that is checked before it is loaded, and a trial in another process, if that is wanted.
    pub(crate) fn checked_report(&self, trial: bool) -> Option<PluginReport> {
        let is_open = self.error().is_none() && self.path.is_some();
        self.report_with(is_open.then(|| self.checked_image(trial).err()).flatten())
    }

    fn report_with(&self, error: Option<Error>) -> Option<PluginReport> {
        Some(PluginReport {
            path: self.path.clone()?,
            directory: self.tree.as_ref()?.directory().to_owned(),
            name: self.name.clone(),
            manifest: self.manifest.clone(),
            error: error.or_else(|| self.error().cloned()),
            loaded: matches!(self.factory.get(), Some(Ok(_))),
            named_by: self.named_by,
            shadowed_by: self.shadowed_by.clone(),
            plugin_toml: self.toml.clone(),
        })
    }

    /// The factory, loaded now if it was not before. A failure is remembered.
    ///
    /// Loading blocks and therefore happens on a thread of its own; it goes on when the caller stops
    /// waiting. `closed` is asked before. Without a `host` the plugin gets one of its own.
    pub(crate) async fn factory(
        self: &Arc<Self>,
        host: Option<&HostRef>,
        closed: &Arc<AtomicBool>,
    ) -> Result<Factory> {
        if let Some(factory) = self.factory.get() {
            return factory.clone();
        }
        let turn = Arc::clone(&self.loading).lock_owned().await;
        let host = match host {
            Some(host) => {
                Arc::new(Measuring::new(Arc::clone(host), Arc::clone(&self.measurements))) as HostRef
            }
            None => Arc::new(HostTelemetry::keeping(
                self.name.clone(),
                Arc::clone(&self.measurements),
            )),
        };
        let (plugin, closed) = (Arc::clone(self), Arc::clone(closed));
        // A subscriber that was set for the caller's thread only hears the plugin's first words too.
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let span = tracing::Span::current();
        ::blocking::unblock(move || {
            let _turn = turn;
            // A plugin loaded after the shutdown would never be shut down.
            if closed.load(Ordering::Acquire) {
                return Err(Error::new(ErrorKind::Closed, "the file systems were shut down"));
            }
            tracing::dispatcher::with_default(&dispatch, || {
                span.in_scope(|| plugin.factory.get_or_init(|| plugin.load(host)).clone())
            })
        })
        .await
    }

    fn load(&self, host: HostRef) -> Result<Factory> {
        let (image, bundle) = self.checked_image(false)?;
        // Before it asks for the first time.
        a_plugin_is_loaded();
        let factory = loader::load(image, bundle, host).map_err(|error| error.with_path(self.origin()))?;
        tracing::debug!(plugin = self.name, path = self.origin(), "plugin loaded");
        Ok(factory)
    }

    /// What is loaded, after all checks.
    fn checked_image(&self, trial: bool) -> Result<(SealedImage, Vec<BundledLibrary>)> {
        let (Some(path), Some(tree), Some(expected), Some(admission)) =
            (&self.path, &self.tree, &self.manifest, &self.admission)
        else {
            return Err(Error::new(ErrorKind::PluginLoad, "there is nothing to load"));
        };
        // The file may have been replaced since it was looked at. From here on it is read no more: all checks are
        // about the copy that is loaded.
        let image = admission
            .image()
            .map_err(|error| error.with_path(path.display()))?;
        let present = Inspected::of(path, &image.content(), &|file| tree.open(file));
        if let Some(error) = present.error {
            return Err(error);
        }
        if let Some(toml) = &self.toml {
            toml.check_content(&image)
                .map_err(|error| error.with_path(path.display()))?;
        }
        if let Some(present) = present.manifest.filter(|present| present != expected) {
            return Err(Error::new(
                ErrorKind::PluginLoad,
                format!(
                    "the file was replaced since it was found: it was {} {} and is {} {}",
                    expected.name, expected.version, present.name, present.version
                ),
            )
            .with_path(path.display())
            .with_remedy("restart the host"));
        }
        for library in &present.bundle {
            admission
                .verify(&library.path, &library.image)
                .map_err(|error| error.with_path(library.path.display()))?;
        }
        admission
            .try_load(&image, &present.bundle, trial)
            .map_err(|error| error.with_path(path.display()))?;
        Ok((image, present.bundle))
    }

    /// What it has measured.
    pub(crate) fn series(&self) -> Vec<Series> {
        let mut all = self.measurements.snapshot();
        for series in &mut all {
            series.add_label("plugin", &self.name);
        }
        all
    }

    /// The factory if it has been loaded; waits for a load that is under way.
    pub(crate) async fn loaded_factory(&self) -> Option<Factory> {
        let _turn = self.loading.lock().await;
        self.factory.get()?.as_ref().ok().cloned()
    }
}
