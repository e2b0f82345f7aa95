//! Shared libraries that a plugin brings along, for what cannot be linked statically.
//!
//! They lie in `bundled/` beside the plugin. To the dynamic linker a library is its SONAME: of two of one name it
//! loads one. Hence each must carry a hash in its name, `libcurl-1f2e3d4c.so.4`, and the loader sees to it that one
//! name is one content in the process.

use std::path::{Path, PathBuf};

use plugin_api::Error;

use super::linkage::Linkage;
use super::symbols::Symbols;
use super::{Exports, HostProcess, check_code, shown};
use crate::elf_image::{ElfImage, refuse};
use crate::trust::{Opener, SealedImage};

/// The directory beside a plugin's file.
pub(crate) const DIRECTORY: &str = "bundled";

/// Hexadecimal digits that make two builds differ.
const SHORTEST_HASH: usize = 8;

/// A shared library that belongs to one plugin.
pub(crate) struct BundledLibrary {
    pub(crate) path: PathBuf,
    /// The name that it has for the dynamic linker, which is that of its file too.
    pub(crate) soname: String,
    pub(crate) image: SealedImage,
}

/// What a plugin brings along.
#[derive(Default)]
pub(super) struct Bundle {
    /// What is needed by another comes before it.
    pub(super) libraries: Vec<BundledLibrary>,
    pub(super) exports: Exports,
    pub(super) warnings: Vec<String>,
}

/// Reads and audits what the plugin at `path` needs beyond the system's libraries.
pub(super) fn read(
    path: &Path,
    linkage: &Linkage,
    open: Opener<'_>,
    host: &HostProcess<'_>,
) -> Result<Bundle, Error> {
    let directory = path.parent().unwrap_or(Path::new("")).join(DIRECTORY);
    let mut reader = Reader {
        directory: &directory,
        open,
        host,
        bundle: Bundle::default(),
        path_to: Vec::new(),
    };
    reader.read_needed(linkage)?;
    Ok(reader.bundle)
}

struct Reader<'a> {
    directory: &'a Path,
    open: Opener<'a>,
    host: &'a HostProcess<'a>,
    bundle: Bundle,
    /// What is being read: the libraries that led to the next one.
    path_to: Vec<String>,
}

impl Reader<'_> {
    fn read_needed(&mut self, linkage: &Linkage) -> Result<(), Error> {
        let unbundled: Vec<String> = linkage
            .foreign()
            .filter(|name| !is_hashed(name) || !self.directory.join(name).exists())
            .map(|name| self.described(name))
            .collect();
        if !unbundled.is_empty() {
            return Err(refuse(
                format!("it needs the shared library {}", shown(&unbundled)),
                "link it statically into the plugin, or bundle it under a name with a hash: \
                 at run time any other version of it may take its place",
            ));
        }
        for name in linkage.foreign() {
            let known = |library: &BundledLibrary| library.soname == name;
            if self.path_to.iter().any(|other| other == name) {
                return Err(refuse(
                    format!(
                        "its bundled libraries need each other in a circle: {}",
                        self.path_to.join(", ")
                    ),
                    "link them to one library",
                ));
            }
            if !self.bundle.libraries.iter().any(known) {
                self.path_to.push(name.to_owned());
                self.read_library(name)
                    .map_err(|error| in_library(name, &error))?;
                self.path_to.pop();
            }
        }
        Ok(())
    }

    /// A library that is refused, and what is known of it.
    fn described(&self, name: &str) -> String {
        let path = self.directory.join(name);
        let bundled = match (path.exists(), is_hashed(name)) {
            (true, false) => "bundled, but without a hash in its name".to_owned(),
            _ => format!("not in {DIRECTORY}/"),
        };
        let loaded = if (self.host.has_loaded)(name) {
            ", and this process has one of that name"
        } else {
            ""
        };
        format!("{name} ({bundled}{loaded})")
    }

    fn read_library(&mut self, name: &str) -> Result<(), Error> {
        let path = self.directory.join(name);
        let (file, metadata) = (self.open)(&path)?;
        let image = SealedImage::copy_of(&file, &metadata, &path)?;
        {
            let content = image.content();
            let elf = ElfImage::parse(&content)?;
            let linkage = Linkage::read(&elf)?;
            if linkage.soname.as_deref() != Some(name) {
                return Err(refuse(
                    format!(
                        "its SONAME is '{}', which is not the name of its file",
                        linkage.soname.as_deref().unwrap_or_default()
                    ),
                    "build it with -Wl,-soname=<name of the file>",
                ));
            }
            let mut warnings = Vec::new();
            check_code(&elf, &linkage, self.host, &mut warnings)?;
            let symbols = Symbols::read(&elf)?;
            symbols.check_exports_of_bundled(self.host)?;
            self.read_needed(&linkage)?;
            symbols.check_imports(&linkage, &self.bundle.exports, self.host)?;
            let names = symbols.exported_names().map(<[u8]>::to_vec);
            self.bundle.exports.extend(names);
            let warnings = warnings.iter().map(|text| format!("{name}: {text}"));
            self.bundle.warnings.extend(warnings);
        }
        self.bundle.libraries.push(BundledLibrary {
            path,
            soname: name.to_owned(),
            image,
        });
        Ok(())
    }
}

/// The error of a bundled library, as one of the plugin.
fn in_library(name: &str, error: &Error) -> Error {
    refuse(format!("{DIRECTORY}/{name}: {}", error.message()), error.remedy())
}

/// Whether a name is `<name>-<hash>.so`, with whatever version behind it.
fn is_hashed(file_name: &str) -> bool {
    let Some((stem, _version)) = file_name.split_once(".so") else {
        return false;
    };
    let hash = stem.rsplit_once('-').map_or("", |(_name, hash)| hash);
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hash.len() >= SHORTEST_HASH && hash.bytes().all(is_hex) && !file_name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_hash_if_it_ends_with_one_before_its_version() {
        for name in [
            "libdep-0123abcd.so",
            "libcurl-1f2e3d4c.so.4",
            "libx-y-00000000ffffffff.so.1.2.3",
        ] {
            assert!(is_hashed(name), "{name}");
        }
        for name in [
            "libdep.so.1",
            "libdep-0123abc.so.1",
            "libdep-0123ABCD.so",
            "libdep-0123abcd",
            "libdep0123abcd.so",
            "../libdep-0123abcd.so",
            "libcurl-gnutls.so.4",
            "",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }
}
