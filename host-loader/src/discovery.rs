//! Finding plugins: `<plugin directory>/<name>/*.so`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use object::ReadRef;
use object::read::ReadCache;
use plugin_api::{Error, Manifest};

use crate::audit::{self, BundledLibrary};
use crate::elf_image::{ElfImage, refuse};
use crate::trust::{SealedImage, open_regular, unreadable};
use crate::{loader, manifest_note};

/// A directory that was searched and what was there, for the error of an unknown scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Searched {
    pub(crate) path: PathBuf,
    /// What was there, in a few words.
    pub(crate) found: String,
}

/// A file that looks like a plugin, or a plugin directory with none.
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    /// The name from the manifest, else that of the plugin's directory.
    pub(crate) name: String,
    /// What the file says about itself, if that can be read; acceptable or not.
    pub(crate) manifest: Option<Manifest>,
    /// Why it cannot be used.
    pub(crate) error: Option<Error>,
    /// The shared libraries that it brings along.
    pub(crate) bundle: Vec<BundledLibrary>,
}

impl Candidate {
    fn broken(path: &Path, error: Error) -> Self {
        Self {
            path: path.to_owned(),
            name: file_name(path),
            manifest: None,
            error: Some(error.with_path(path.display())),
            bundle: Vec::new(),
        }
    }
}

/// What a search came to.
#[derive(Default)]
pub(crate) struct Discovery {
    pub(crate) searched: Vec<Searched>,
    pub(crate) candidates: Vec<Candidate>,
    /// Device and inode of every directory and plugin seen: a symbolic or hard link to one is the
    /// same library to the dynamic linker.
    seen: HashSet<(u64, u64)>,
}

/// Where the environment says that plugins are, in the order of precedence.
///
/// `variable` reads an environment variable; `executable` is the path of the running program.
pub(crate) fn environment_dirs(
    variable: &dyn Fn(&str) -> Option<OsString>,
    executable: Option<&Path>,
) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Some(list) = variable("FSPLUG_PLUGIN_PATH") {
        dirs.extend(std::env::split_paths(&list));
    }
    dirs.extend(variable("FLINK_PLUGINS_DIR").map(PathBuf::from));
    dirs.extend(
        variable("FSPLUG_HOME")
            .filter(|home| !home.is_empty())
            .map(|home| Path::new(&home).join("plugins")),
    );
    if let Some(dir) = executable.and_then(Path::parent) {
        dirs.push(dir.join("plugins"));
        dirs.extend(dir.parent().map(|above| above.join("plugins")));
    }
    dirs.retain(|dir| !dir.as_os_str().is_empty());
    dirs
}

/// Looks at every plugin in `dirs`, in this order. Runs nothing of them.
pub(crate) fn discover(dirs: &[PathBuf]) -> Discovery {
    let mut discovery = Discovery::default();
    for dir in dirs {
        if discovery.searched.iter().all(|searched| searched.path != *dir) {
            let found = search(dir, &mut discovery);
            tracing::debug!(directory = %dir.display(), found, "searched for plugins");
            discovery.searched.push(Searched {
                path: dir.clone(),
                found,
            });
        }
    }
    discovery
}

/// Searches one plugin directory and says in a few words what was there.
fn search(dir: &Path, discovery: &mut Discovery) -> String {
    let mut report_broken = |error: Error| discovery.candidates.push(Candidate::broken(dir, error));
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
    let mut misplaced = 0;
    for entry in entries {
        if entry.is_dir() && !file_name(&entry).starts_with('.') {
            search_plugin_dir(&entry, discovery);
        } else if is_library(&entry) {
            misplaced += 1;
        }
    }
    match (discovery.candidates.len() - before, misplaced) {
        (0, 0) => "no plugin".to_owned(),
        (0, _) => "no plugin: the .so files directly in it belong into a sub-directory each".to_owned(),
        (1, _) => "1 plugin".to_owned(),
        (number, _) => format!("{number} plugins"),
    }
}

/// Looks at the plugin in `dir`: usually one `.so`.
fn search_plugin_dir(dir: &Path, discovery: &mut Discovery) {
    let libraries = sorted_entries(dir).map(|mut entries| {
        entries.retain(|entry| is_library(entry));
        entries
    });
    let error = match libraries {
        Ok(libraries) if !libraries.is_empty() => {
            for path in libraries {
                if let Ok(metadata) = fs::metadata(&path)
                    && !discovery.seen.insert(identity(&metadata))
                {
                    tracing::debug!(path = %path.display(), "a link to a plugin that was found already");
                    continue;
                }
                discovery.candidates.push(inspect(&path));
            }
            return;
        }
        Ok(_) => refuse(
            "empty plugin directory",
            "put the plugin's .so there or remove it",
        ),
        Err(error) => unreadable(&error),
    };
    discovery.candidates.push(Candidate::broken(dir, error));
}

/// Reads the manifest of one plugin and audits the file. Runs nothing of it.
pub(crate) fn inspect(path: &Path) -> Candidate {
    candidate(path, |manifest| {
        let (file, _) = open_regular(path)?;
        inspect_content(path, &ReadCache::new(file), manifest)
    })
}

/// The same with what was read from the file, and will be loaded.
pub(crate) fn inspect_image(path: &Path, image: &SealedImage) -> Candidate {
    candidate(path, |manifest| inspect_content(path, &image.content(), manifest))
}

fn candidate(
    path: &Path,
    inspect: impl FnOnce(&mut Option<Manifest>) -> Result<Vec<BundledLibrary>, Error>,
) -> Candidate {
    let mut manifest = None;
    let (bundle, error) = match inspect(&mut manifest) {
        Ok(bundle) => (bundle, None),
        Err(error) => (Vec::new(), Some(error.with_path(path.display()))),
    };
    let name = match &manifest {
        Some(manifest) if !manifest.name.is_empty() => manifest.name.clone(),
        _ => path.parent().map_or_else(String::new, file_name),
    };
    Candidate {
        path: path.to_owned(),
        name,
        manifest,
        error,
        bundle,
    }
}

/// `manifest` is there as soon as it could be read, also if the file is refused.
fn inspect_content<'data, R: ReadRef<'data>>(
    path: &Path,
    content: R,
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
    let audited = audit::audit(&image, path, &loader::host_process())?;
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

fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "so")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_searched_in_the_documented_order() {
        let variable = |name: &str| {
            let value = match name {
                "FSPLUG_PLUGIN_PATH" => "/one::two",
                "FLINK_PLUGINS_DIR" => "/flink",
                "FSPLUG_HOME" => "/srv",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        let dirs = environment_dirs(&variable, Some(Path::new("/opt/app/bin/run")));
        let expected = [
            "/one",
            "two",
            "/flink",
            "/srv/plugins",
            "/opt/app/bin/plugins",
            "/opt/app/plugins",
        ];
        assert_eq!(dirs, expected.map(PathBuf::from));
        let blank = |_: &str| Some(OsString::new());
        assert!(environment_dirs(&blank, None).is_empty());
    }
}
