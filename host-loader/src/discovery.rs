//! Finding plugins: `<plugin directory>/<name>/*.so`.

mod built_in;
mod places;
mod plugin_toml;

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use object::ReadRef;
use object::read::ReadCache;
use plugin_api::{Error, Manifest};

use crate::audit::{self, BundledLibrary};
use crate::elf_image::{ElfImage, refuse};
use crate::trust::{Opener, Tree, check_size, open_regular, unreadable};
use crate::{loader, manifest_note};

pub(crate) use places::{Place, PlaceKind, Surroundings, of_system};
pub(crate) use plugin_toml::FILE_NAME as PLUGIN_TOML;
pub use plugin_toml::PluginToml;

/// A place where plugins were looked for, and what was there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchedPlace {
    /// The file or directory.
    pub path: PathBuf,
    /// Who or what names it: a variable, the program, the command line, the system.
    pub named_by: &'static str,
    /// What was there, in a few words.
    pub found: String,
}

/// A file that looks like a plugin, or a plugin directory with none.
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    /// The name from the manifest, else that of the plugin's directory.
    pub(crate) name: String,
    /// What the file says about itself, if that can be read; acceptable or not.
    pub(crate) manifest: Option<Manifest>,
    /// Whether it is not refused for where it is, and for who could change it.
    pub(crate) is_trusted: bool,
    /// Why it cannot be used.
    pub(crate) error: Option<Error>,
    /// The plugin directory that it was found in.
    pub(crate) tree: Tree,
    /// The file beside it.
    pub(crate) toml: Option<PluginToml>,
    /// The number of the place where it was found: earlier ones are lower. From 1.
    pub(crate) rank: usize,
    /// Who or what names that place.
    pub(crate) named_by: &'static str,
}

impl Candidate {
    fn broken(path: &Path, tree: &Tree, error: Error) -> Self {
        Self {
            path: path.to_owned(),
            name: file_name(path),
            manifest: None,
            is_trusted: true,
            error: Some(error.with_path(path.display())),
            tree: tree.clone(),
            toml: None,
            rank: 0,
            named_by: "",
        }
    }
}

impl Candidate {
    /// With the name of a directory.
    fn called(self, dir: &Path) -> Self {
        Self {
            name: file_name(dir),
            ..self
        }
    }

    /// With the file beside it, which has to agree with it.
    fn beside(mut self, toml: Option<PluginToml>) -> Self {
        let Some(toml) = toml else { return self };
        for warning in &toml.warnings {
            tracing::warn!(path = %toml.path.display(), "{warning}");
        }
        if let (None, Some(manifest)) = (&self.error, &self.manifest) {
            let contradiction = toml.check(manifest).err();
            self.error = contradiction.map(|error| error.with_path(toml.path.display()));
        }
        self.toml = Some(toml);
        self
    }
}

/// What a search came to.
#[derive(Default)]
pub(crate) struct Discovery {
    pub(crate) searched: Vec<SearchedPlace>,
    pub(crate) candidates: Vec<Candidate>,
    /// Device and inode of every directory and plugin seen: a symbolic or hard link to one is the
    /// same library to the dynamic linker.
    seen: HashSet<(u64, u64)>,
}

impl Discovery {
    /// Adds a plugin, unless it is a link to one that was found already.
    fn add(&mut self, candidate: Candidate) {
        if let Ok(metadata) = fs::metadata(&candidate.path)
            && metadata.is_file()
        {
            let identity = identity(&metadata);
            if self.seen.contains(&identity) {
                tracing::debug!(path = %candidate.path.display(), "a link to a plugin that was found already");
                return;
            }
            // A link that is refused does not stand for the file that it leads to.
            if candidate.is_trusted {
                self.seen.insert(identity);
            }
        }
        self.candidates.push(candidate);
    }
}

/// Looks at every plugin in these places, in this order. Runs nothing of them. Whoever could change one matters
/// unless permissions are not to be checked.
pub(crate) fn discover(places: &[Place], check_permissions: bool) -> Discovery {
    let mut discovery = Discovery::default();
    for (number, place) in places.iter().enumerate() {
        let before = discovery.candidates.len();
        let found = look(place, check_permissions, &mut discovery);
        // Others may be about the same path, which somebody named before.
        let mut found_here = discovery.candidates.split_off(before);
        if place.is_usual() {
            // It is told by what was found there.
            found_here.retain(|candidate| candidate.path != place.path);
        }
        for candidate in &mut found_here {
            candidate.rank = number + 1;
            candidate.named_by = place.named_by;
        }
        discovery.candidates.append(&mut found_here);
        tracing::debug!(path = %place.path.display(), named_by = place.named_by, found, "searched for plugins");
        discovery.searched.push(SearchedPlace {
            path: place.path.clone(),
            named_by: place.named_by,
            found,
        });
    }
    discovery
}

/// Looks at one place and says in a few words what was there.
fn look(place: &Place, check_permissions: bool, discovery: &mut Discovery) -> String {
    match &place.kind {
        PlaceKind::Directory => search(&Tree::searched(&place.path, check_permissions), discovery),
        PlaceKind::BuiltIn { names, directories } => {
            let trees = directories
                .iter()
                .map(|dir| Tree::searched(dir, check_permissions));
            built_in::activate(names, &trees.collect::<Vec<_>>(), discovery)
        }
        PlaceKind::File => {
            if let Ok(metadata) = fs::metadata(&place.path)
                && !discovery.seen.insert(identity(&metadata))
            {
                return "the same as a file above".to_owned();
            }
            let candidate = inspect_beside(&place.path, &Tree::of_named(&place.path, check_permissions));
            let found = match &candidate.error {
                None => "1 plugin".to_owned(),
                Some(error) => error.message().to_owned(),
            };
            discovery.candidates.push(candidate);
            found
        }
        PlaceKind::Refused(why) => {
            tracing::warn!(
                "the directory '{}', named by {}, is not searched for plugins: {why}",
                place.path.display(),
                place.named_by
            );
            format!("refused: {why}")
        }
    }
}

/// Searches one plugin directory and says in a few words what was there.
fn search(tree: &Tree, discovery: &mut Discovery) -> String {
    let dir = tree.directory();
    let mut report_broken = |error: Error| {
        let broken = Candidate::broken(dir, tree, error);
        discovery.candidates.push(broken);
    };
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return "missing".to_owned(),
        Err(error) => {
            report_broken(unreadable(&error));
            return format!("unreadable: {error}");
        }
        Ok(metadata) if !metadata.is_dir() => {
            report_broken(refuse(
                "not a directory",
                "name the directory that holds <plugin>/<file>.so",
            ));
            return "not a directory".to_owned();
        }
        Ok(metadata) => {
            if !discovery.seen.insert(identity(&metadata)) {
                return "the same as a directory above".to_owned();
            }
        }
    }
    let entries = match sorted_entries(dir) {
        Ok(entries) => entries,
        Err(error) => {
            report_broken(unreadable(&error));
            return format!("unreadable: {error}");
        }
    };
    let before = discovery.candidates.len();
    let (mut misplaced, mut java) = (0, 0);
    for entry in entries {
        if is_plugin_dir(&entry) {
            let found = inspect_in(&entry, tree);
            if found.is_empty() {
                java += 1;
            }
            for candidate in found {
                discovery.add(candidate);
            }
        } else if is_library(&entry) {
            misplaced += 1;
        }
    }
    let found = match (discovery.candidates.len() - before, misplaced) {
        (0, 0) => "no plugin".to_owned(),
        (0, _) => "no plugin: the .so files directly in it belong into a sub-directory each".to_owned(),
        (1, _) => "1 plugin".to_owned(),
        (number, _) => format!("{number} plugins"),
    };
    match java {
        0 => found,
        1 => format!("{found}, 1 Java plugin"),
        java => format!("{found}, {java} Java plugins"),
    }
}

/// The plugin in its directory: usually one `.so`, and the one that a `plugin.toml` names if there is one. None if it is
/// a plugin for Java, as in a plugin directory of Flink's, which is nothing for this host and no mistake.
fn inspect_in(dir: &Path, tree: &Tree) -> Vec<Candidate> {
    let toml = match PluginToml::read(dir, &|file| tree.open(file)) {
        Ok(toml) => toml,
        Err(error) => {
            let path = dir.join(plugin_toml::FILE_NAME);
            return vec![Candidate::broken(&path, tree, error).called(dir)];
        }
    };
    let named = toml.as_ref().and_then(|toml| toml.library.as_ref());
    let mut is_java = false;
    let libraries = match named {
        Some(named) => Ok(vec![dir.join(named)]),
        None => sorted_entries(dir).map(|mut entries| {
            is_java = entries.iter().any(|entry| has_extension(entry, "jar"));
            entries.retain(|entry| is_library(entry));
            entries
        }),
    };
    let error = match libraries {
        Ok(libraries) if !libraries.is_empty() => {
            let inspect = |path: PathBuf| inspect(&path, tree).beside(toml.clone());
            return libraries.into_iter().map(inspect).collect();
        }
        Ok(_) if is_java => {
            tracing::debug!(path = %dir.display(), "a Java plugin");
            return Vec::new();
        }
        Ok(_) => refuse(
            "empty plugin directory",
            "put the plugin's .so there or remove it",
        ),
        Err(error) => unreadable(&error),
    };
    vec![Candidate::broken(dir, tree, error)]
}

/// The plugin in this file, with the `plugin.toml` beside it if that is about it.
fn inspect_beside(path: &Path, tree: &Tree) -> Candidate {
    let beside = path.parent().unwrap_or(Path::new("."));
    match PluginToml::read(beside, &|file| tree.open(file)) {
        Ok(toml) => inspect(path, tree).beside(toml.filter(|toml| toml.is_about(path))),
        Err(error) => {
            let error = error.with_path(path.with_file_name(plugin_toml::FILE_NAME).display());
            Candidate {
                error: Some(error),
                ..inspect(path, tree)
            }
        }
    }
}

/// Reads the manifest of one plugin and audits the file. Runs nothing of it.
fn inspect(path: &Path, tree: &Tree) -> Candidate {
    let opened = tree.open(path);
    let is_trusted = opened.is_ok();
    let found = match opened.and_then(readable) {
        Ok(content) => Inspected::of(path, &content, &|file| tree.open(file)),
        Err(error) => Inspected {
            // What it says about itself is told all the same.
            manifest: open_regular(path)
                .and_then(readable)
                .ok()
                .and_then(|content| manifest_of(&content)),
            bundle: Vec::new(),
            error: Some(error.with_path(path.display())),
        },
    };
    let name = match &found.manifest {
        Some(manifest) if !manifest.name.is_empty() => manifest.name.clone(),
        _ => path.parent().map_or_else(String::new, file_name),
    };
    Candidate {
        path: path.to_owned(),
        name,
        manifest: found.manifest,
        is_trusted,
        error: found.error,
        tree: tree.clone(),
        toml: None,
        rank: 0,
        named_by: "",
    }
}

/// The content of an opened file, of which only what is asked for is read.
fn readable((file, metadata): (File, Metadata)) -> Result<ReadCache<File>, Error> {
    check_size(metadata.len())?;
    Ok(ReadCache::new(file))
}

/// What a file says about itself, if that can be read.
fn manifest_of(content: &ReadCache<File>) -> Option<Manifest> {
    let manifest = manifest_note::read(&ElfImage::parse(content).ok()?).ok()?;
    Some(manifest_note::check(manifest.clone()).unwrap_or(manifest))
}

/// What is in a plugin's library.
pub(crate) struct Inspected {
    /// What it says about itself, if that could be read; acceptable or not.
    pub(crate) manifest: Option<Manifest>,
    /// The shared libraries that it brings along, if it is not refused.
    pub(crate) bundle: Vec<BundledLibrary>,
    /// Why it is refused.
    pub(crate) error: Option<Error>,
}

impl Inspected {
    /// Audits what was read from this file, and what it brings along. Runs nothing of it.
    pub(crate) fn of<'data, R: ReadRef<'data>>(path: &Path, content: R, open: Opener<'_>) -> Self {
        let mut manifest = None;
        let (bundle, error) = match inspect_content(path, content, open, &mut manifest) {
            Ok(bundle) => (bundle, None),
            Err(error) => (Vec::new(), Some(error.with_path(path.display()))),
        };
        Self {
            manifest,
            bundle,
            error,
        }
    }
}

/// `manifest` is there as soon as it could be read, also if the file is refused.
fn inspect_content<'data, R: ReadRef<'data>>(
    path: &Path,
    content: R,
    open: Opener<'_>,
    manifest: &mut Option<Manifest>,
) -> Result<Vec<BundledLibrary>, Error> {
    let image = ElfImage::parse(content)?;
    let read = manifest.insert(manifest_note::read(&image)?);
    *read = manifest_note::check(read.clone())?;
    if read.schemes.iter().any(|scheme| scheme == "file") {
        return Err(refuse(
            "it serves the scheme 'file', which belongs to the host",
            "give the plugin's file system another scheme",
        ));
    }
    let audited = audit::audit(&image, path, open, &loader::host_process())?;
    for warning in audited.warnings {
        tracing::warn!(plugin = %path.display(), "{warning}");
    }
    Ok(audited.bundle)
}

fn sorted_entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Whether something in a plugin directory is looked into.
fn is_plugin_dir(path: &Path) -> bool {
    path.is_dir() && !file_name(path).starts_with('.')
}

fn is_library(path: &Path) -> bool {
    has_extension(path, "so")
}

fn has_extension(path: &Path, expected: &str) -> bool {
    path.extension().is_some_and(|extension| extension == expected)
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
