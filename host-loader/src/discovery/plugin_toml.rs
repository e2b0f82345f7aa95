//! [`PluginToml`]: what a packager says about a plugin, in a file beside it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use plugin_api::{Error, Manifest};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml::Table;

use crate::configuration::nearest;
use crate::elf_image::refuse;
use crate::trust::{Opener, SealedImage};

/// The name of the file.
pub(crate) const FILE_NAME: &str = "plugin.toml";

/// The version of the file's format that this host understands.
const VERSION: u32 = 1;

/// Bytes of the largest file: a mistake should not fill the memory.
const LARGEST: u64 = 64 << 10;

/// Every key that is read, by table: the file itself, `[abi]`, one platform of `[library]` and one `[[scheme]]`.
const KEYS: &[&str] = &[
    "manifest_version",
    "name",
    "version",
    "publisher",
    "license",
    "url",
    "abi",
    "library",
    "scheme",
];
const ABI_KEYS: &[&str] = &["major", "min_minor"];
const LIBRARY_KEYS: &[&str] = &["path", "sha256"];
const SCHEME_KEYS: &[&str] = &["name", "priority"];

/// The `plugin.toml` beside a plugin. What it says about the plugin has to agree with what the plugin says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginToml {
    /// The file.
    pub path: PathBuf,
    /// The name of the plugin.
    pub name: Option<String>,
    /// The version of the plugin.
    pub version: Option<String>,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// Its license, as an SPDX expression.
    pub license: Option<String>,
    /// Where there is more about it.
    pub url: Option<String>,
    /// The major version of the ABI that it was built for.
    pub abi_major: Option<u32>,
    /// The lowest minor version of the host's ABI that it works with.
    pub abi_min_minor: Option<u32>,
    /// The library for this platform; `None` if whatever is there is the library.
    pub library: Option<PathBuf>,
    /// The SHA-256 of that library.
    pub sha256: Option<[u8; 32]>,
    /// Priorities by scheme.
    pub priorities: BTreeMap<String, i64>,
    /// What is in the file and is not read, each with what was probably meant.
    pub warnings: Vec<String>,
    /// The SHA-256 of the text that was read.
    pub(crate) text_sha256: [u8; 32],
}

/// The format of the file.
#[derive(Deserialize)]
struct Content {
    manifest_version: u32,
    name: Option<String>,
    version: Option<String>,
    publisher: Option<String>,
    license: Option<String>,
    url: Option<String>,
    #[serde(default)]
    abi: Abi,
    library: Option<BTreeMap<String, Library>>,
    #[serde(default)]
    scheme: Vec<Scheme>,
}

#[derive(Default, Deserialize)]
struct Abi {
    major: Option<u32>,
    min_minor: Option<u32>,
}

#[derive(Deserialize)]
struct Library {
    path: PathBuf,
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Scheme {
    name: String,
    #[serde(default)]
    priority: i64,
}

impl PluginToml {
    /// The file in this directory, if there is one, read with `open`.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if it cannot be read or does not say what it should.
    pub(super) fn read(directory: &Path, open: Opener<'_>) -> Result<Option<Self>, Error> {
        let path = directory.join(FILE_NAME);
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let (file, metadata) = open(&path)?;
        if metadata.len() > LARGEST {
            return Err(refuse(
                format!("{FILE_NAME} is larger than {} KiB", LARGEST >> 10),
                "remove the file, or write a shorter one",
            ));
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(|error| {
            refuse(
                format!("{FILE_NAME} cannot be read: {error}"),
                "write it again in UTF-8",
            )
        })?;
        Self::parse(&text, path, &platform()).map(Some)
    }

    fn parse(text: &str, path: PathBuf, platform: &str) -> Result<Self, Error> {
        let malformed = |error: toml::de::Error| {
            let line = error.span().map_or_else(String::new, |span| {
                let before = text.get(..span.start).unwrap_or_default();
                format!(" in line {}", before.matches('\n').count() + 1)
            });
            refuse(
                format!("{FILE_NAME} cannot be read{line}: {}", error.message()),
                "correct the file or remove it",
            )
        };
        let table: Table = text.parse().map_err(malformed)?;
        // Before anything else is read: another version may give every other key another meaning.
        if let Some(version) = table.get("manifest_version").and_then(toml::Value::as_integer)
            && version != i64::from(VERSION)
        {
            return Err(refuse(
                format!("{FILE_NAME} has manifest_version {version}, this host understands {VERSION}"),
                "update the host",
            ));
        }
        let content: Content = toml::from_str(text).map_err(malformed)?;
        debug_assert_eq!(content.manifest_version, VERSION);
        let library = library_for(content.library, platform)?;
        let sha256 = library.as_ref().and_then(|library| library.sha256.as_deref());
        Ok(Self {
            path,
            name: content.name,
            version: content.version,
            publisher: content.publisher,
            license: content.license,
            url: content.url,
            abi_major: content.abi.major,
            abi_min_minor: content.abi.min_minor,
            sha256: sha256.map(parse_sha256).transpose()?,
            library: library.map(|library| library.path),
            priorities: content
                .scheme
                .into_iter()
                .map(|scheme| (scheme.name.to_ascii_lowercase(), scheme.priority))
                .collect(),
            warnings: unknown_keys(&table),
            text_sha256: Sha256::digest(text).into(),
        })
    }

    /// Whether it is about this library in its directory.
    pub(super) fn is_about(&self, library: &Path) -> bool {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let named = self.library.as_ref().map(|path| directory.join(path));
        named.is_none_or(|named| named == library)
    }

    /// Compares what it says with what the plugin says itself.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) that names what is contradicted.
    pub(super) fn check(&self, manifest: &Manifest) -> Result<(), Error> {
        let numbers =
            |number: Option<u32>, own: u32| (number.map(|number| number.to_string()), own.to_string());
        let (major, own_major) = numbers(self.abi_major, manifest.abi.major);
        let (minor, own_minor) = numbers(self.abi_min_minor, manifest.min_host_minor);
        let pairs = [
            ("name", &self.name, &manifest.name),
            ("version", &self.version, &manifest.version),
            ("abi.major", &major, &own_major),
            ("abi.min_minor", &minor, &own_minor),
        ];
        for (key, said, own) in pairs {
            if let Some(said) = said.as_ref().filter(|said| *said != own) {
                return Err(contradiction(&format!(
                    "{key} is '{said}' there and '{own}' in the plugin"
                )));
            }
        }
        let is_foreign = |scheme: &&String| !manifest.schemes.contains(scheme);
        match self.priorities.keys().find(is_foreign) {
            Some(scheme) => Err(contradiction(&format!(
                "the scheme '{scheme}' is listed there and not served by the plugin, which serves {}",
                manifest.schemes.join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// Compares the hash with that of what will be loaded.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) with both hashes.
    pub(crate) fn check_content(&self, image: &SealedImage) -> Result<(), Error> {
        let Some(said) = self.sha256 else { return Ok(()) };
        let own = image.sha256()?;
        if own == said {
            return Ok(());
        }
        Err(contradiction(&format!(
            "sha256 is {} there and {} in fact",
            hex::encode(said),
            hex::encode(own)
        )))
    }
}

fn contradiction(what: &str) -> Error {
    refuse(
        format!("{FILE_NAME} contradicts the plugin: {what}"),
        "install the plugin and its plugin.toml from one package, or correct the file",
    )
}

/// The library for a platform, if the file names libraries at all.
fn library_for(
    libraries: Option<BTreeMap<String, Library>>,
    platform: &str,
) -> Result<Option<Library>, Error> {
    let Some(mut libraries) = libraries else {
        return Ok(None);
    };
    let Some(library) = libraries.remove(platform) else {
        let others: Vec<String> = libraries.into_keys().collect();
        return Err(refuse(
            format!(
                "{FILE_NAME} names no library for {platform}, but for: {}",
                others.join(", ")
            ),
            format!("install the package of the plugin for {platform}"),
        ));
    };
    // What is somewhere else would not be in the plugin's own directory, and what is no .so in no lock.
    let mut components = library.path.components();
    let is_name = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    );
    if !is_name || library.path.extension().is_none_or(|extension| extension != "so") {
        return Err(refuse(
            format!(
                "{FILE_NAME} names the library '{}', which is not the name of a .so beside the file",
                library.path.display()
            ),
            format!("put the library beside {FILE_NAME} and write its name alone, without a directory"),
        ));
    }
    Ok(Some(library))
}

/// What this platform is called: `linux_amd64`, `linux_arm64`, with `_musl` for that C library.
fn platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let c_library = if cfg!(target_env = "musl") { "_musl" } else { "" };
    format!("{}_{architecture}{c_library}", std::env::consts::OS)
}

fn parse_sha256(text: &str) -> Result<[u8; 32], Error> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text.trim(), &mut hash).map_err(|_| {
        refuse(
            format!("{FILE_NAME} has the sha256 '{text}', which is not 64 hexadecimal digits"),
            "write what `sha256sum` prints for the library",
        )
    })?;
    Ok(hash)
}

/// A warning for each key that is not read.
fn unknown_keys(table: &Table) -> Vec<String> {
    let mut warnings = Vec::new();
    note_unknown("", table, KEYS, &mut warnings);
    let of = |key: &str| table.get(key);
    if let Some(abi) = of("abi").and_then(toml::Value::as_table) {
        note_unknown("abi.", abi, ABI_KEYS, &mut warnings);
    }
    for (platform, library) in of("library")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
    {
        if let Some(library) = library.as_table() {
            note_unknown(
                &format!("library.{platform}."),
                library,
                LIBRARY_KEYS,
                &mut warnings,
            );
        }
    }
    for scheme in of("scheme").and_then(toml::Value::as_array).into_iter().flatten() {
        if let Some(scheme) = scheme.as_table() {
            note_unknown("scheme.", scheme, SCHEME_KEYS, &mut warnings);
        }
    }
    warnings
}

fn note_unknown(prefix: &str, table: &Table, known: &[&str], warnings: &mut Vec<String>) {
    let unknown = table.keys().filter(|key| !known.contains(&key.as_str()));
    warnings.extend(unknown.map(|key| match nearest(key, known.iter().copied()) {
        Some(meant) => format!("unknown key '{prefix}{key}' in {FILE_NAME}; did you mean '{prefix}{meant}'?"),
        None => format!("unknown key '{prefix}{key}' in {FILE_NAME}"),
    }));
}

#[cfg(test)]
mod tests;
