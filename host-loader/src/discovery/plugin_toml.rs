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
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => {}
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
        match table.get("manifest_version").and_then(toml::Value::as_integer) {
            Some(version) if version != i64::from(VERSION) => {
                return Err(refuse(
                    format!("{FILE_NAME} has manifest_version {version}, this host understands {VERSION}"),
                    "update the host",
                ));
            }
            _ => {}
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
mod tests {
    use super::*;
    use plugin_api::AbiVersion;
    use proptest::prelude::*;

    const FULL: &str = r#"
        manifest_version = 1
        name = "x"
        version = "1.0.0"
        publisher = "me"
        license = "Apache-2.0"
        url = "https://example.com"
        [abi]
        major = 1
        min_minor = 0
        [library]
        linux_amd64 = { path = "x.so", sha256 = "00000000000000000000000000000000000000000000000000000000000000ff" }
        linux_arm64 = { path = "x-arm.so" }
        [[scheme]]
        name = "S3"
        priority = 5
        [[scheme]]
        name = "s3a"
    "#;

    fn parse(text: &str) -> Result<PluginToml, Error> {
        PluginToml::parse(text, "/p/x/plugin.toml".into(), "linux_amd64")
    }

    fn manifest() -> Manifest {
        Manifest {
            format: 1,
            abi: AbiVersion { major: 1, minor: 2 },
            min_host_minor: 0,
            name: "x".to_owned(),
            version: "1.0.0".to_owned(),
            schemes: vec!["s3".to_owned(), "s3a".to_owned()],
            options: Vec::new(),
            owned_prefixes: Vec::new(),
            scope_prefix: String::new(),
        }
    }

    #[test]
    fn everything_is_read_and_what_agrees_with_the_plugin_is_accepted() {
        let toml = parse(FULL).unwrap();
        assert_eq!(toml.warnings, Vec::<String>::new());
        assert_eq!(
            toml.priorities,
            BTreeMap::from([("s3".to_owned(), 5), ("s3a".to_owned(), 0)])
        );
        assert_eq!(toml.sha256.unwrap()[31], 0xff);
        assert!(toml.is_about(Path::new("/p/x/x.so")) && !toml.is_about(Path::new("/p/x/y.so")));
        toml.check(&manifest()).unwrap();
        let little = parse("manifest_version = 1").unwrap();
        little.check(&manifest()).unwrap();
        assert!(little.is_about(Path::new("/p/x/any.so")));
    }

    #[test]
    fn what_contradicts_the_plugin_is_named() {
        for (correct, wrong, part) in [
            (
                r#"name = "x""#,
                r#"name = "y""#,
                "name is 'y' there and 'x' in the plugin",
            ),
            (
                "1.0.0",
                "1.0.1",
                "version is '1.0.1' there and '1.0.0' in the plugin",
            ),
            ("major = 1", "major = 2", "abi.major is '2' there and '1'"),
            (
                "min_minor = 0",
                "min_minor = 7",
                "abi.min_minor is '7' there and '0'",
            ),
            (
                r#"name = "s3a""#,
                r#"name = "gs""#,
                "'gs' is listed there and not served by the plugin, which serves s3, s3a",
            ),
        ] {
            let error = parse(&FULL.replacen(correct, wrong, 1))
                .unwrap()
                .check(&manifest())
                .unwrap_err();
            assert!(error.message().contains(part), "{error}");
            assert!(!error.remedy().is_empty());
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_says_where_and_why() {
        for (text, part) in [
            ("manifest_version = 1\nname = ", "in line 2"),
            ("manifest_version = 1\nname = 5", "in line 2"),
            ("name = 'x'", "manifest_version"),
            (
                "manifest_version = 2\nnovel = 1",
                "manifest_version 2, this host understands 1",
            ),
            (
                "manifest_version = 1\n[library]\nlinux_arm64 = {path='x'}",
                "no library for linux_amd64, but for: linux_arm64",
            ),
            (
                "manifest_version = 1\n[library]\nlinux_amd64 = {path='x.so',sha256='0'}",
                "64 hexadecimal digits",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
            assert!(
                !error.message().contains('\n') && !error.remedy().is_empty(),
                "{error}"
            );
        }
    }

    #[test]
    fn a_library_is_named_by_its_file_name_alone() {
        for path in [
            "../x.so", "/x.so", "lib/x.so", "./x.so", "..", "", "x", "x.so.1", ".so",
        ] {
            let text = format!("manifest_version = 1\n[library]\nlinux_amd64 = {{path='{path}'}}");
            let error = parse(&text).unwrap_err();
            assert!(
                error.message().contains(&format!(
                    "names the library '{path}', which is not the name of a .so"
                )),
                "{error}"
            );
            assert!(error.remedy().contains("without a directory"), "{error}");
        }
    }

    #[test]
    fn keys_that_are_not_read_are_told_with_the_nearest() {
        let text = FULL
            .replacen("publisher", "publsher", 1)
            .replacen("min_minor", "min_minors", 1)
            .replacen("sha256", "sha512", 1)
            .replacen("priority", "preset", 1);
        let text = format!("frobnicate = 1\n{text}");
        let warnings = parse(&text).unwrap().warnings;
        let expected = [
            "unknown key 'frobnicate' in plugin.toml",
            "unknown key 'publsher' in plugin.toml; did you mean 'publisher'?",
            "unknown key 'abi.min_minors' in plugin.toml; did you mean 'abi.min_minor'?",
        ];
        assert_eq!(warnings[..3], expected);
        assert!(
            warnings[3].starts_with("unknown key 'library.linux_amd64.sha512'"),
            "{warnings:?}"
        );
        assert!(
            warnings[4].starts_with("unknown key 'scheme.preset'"),
            "{warnings:?}"
        );
        assert_eq!(warnings.len(), 5);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", tail in "[a-z0-9_=.\\[\\]{}'\"\n ]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("manifest_version = 1\n{tail}"));
        }
    }
}
