//! The symbols that a library defines for others, and those that others define for it.

use std::borrow::Cow;

use object::read::elf::{SectionHeader, Sym, Version, VersionTable};
use object::{ReadRef, elf};
use plugin_api::Error;

use super::linkage::Linkage;
use super::{Exports, HostProcess, shown};
use crate::elf_image::{ElfImage, Header, damaged, refuse};

/// What the static linker itself exports from some libraries.
const LINKER_SYMBOLS: &[&[u8]] = &[b"_init", b"_fini", b"_edata", b"_end", b"__bss_start"];

/// What a plugin exports.
const PLUGIN_SYMBOL_PREFIX: &[u8] = b"fs_plugin_";

struct Export<'data> {
    name: &'data [u8],
    /// The linker of the process keeps only one of this name, whoever defines it.
    unique: bool,
    /// The library itself uses its own in any case.
    protected: bool,
}

/// A symbol that a library uses and does not define.
pub(crate) struct Import<'data> {
    pub(crate) name: &'data [u8],
    /// The version that the library was linked with, if there are versions.
    pub(crate) version: Option<&'data [u8]>,
}

/// The dynamic symbols of a library.
pub(super) struct Symbols<'data> {
    exports: Vec<Export<'data>>,
    imports: Vec<Import<'data>>,
}

impl<'data> Symbols<'data> {
    pub(super) fn read<R: ReadRef<'data>>(image: &ElfImage<'data, R>) -> Result<Self, Error> {
        let invalid = |_| damaged("invalid symbol table");
        let (endian, data) = (image.endian, image.data);
        let symbols = image
            .sections
            .symbols(endian, data, elf::SHT_DYNSYM)
            .map_err(invalid)?;
        let versions: VersionTable<'data, Header> = image
            .sections
            .versions(endian, data)
            .map_err(invalid)?
            .unwrap_or_default();
        // All names in one read: one for each symbol would be a system call each.
        let names = image
            .sections
            .section(symbols.string_section())
            .and_then(|section| section.data(endian, data))
            .map_err(invalid)?;
        let mut read = Self {
            exports: Vec::new(),
            imports: Vec::new(),
        };
        for (index, symbol) in symbols.enumerate() {
            // The first entry of the table is none.
            if index.0 == 0 || symbol.st_bind() == elf::STB_LOCAL || symbol.is_absolute(endian) {
                continue;
            }
            let name = names
                .get(symbol.st_name(endian) as usize..)
                .and_then(|rest| rest.split(|&byte| byte == 0).next())
                .ok_or_else(|| damaged("invalid symbol name"))?;
            if symbol.is_undefined(endian) {
                // What is weak may stay undefined.
                if symbol.st_bind() != elf::STB_WEAK {
                    let version = versions.version_index(endian, index).index();
                    let version = versions.version(version).map_err(invalid)?;
                    read.imports.push(Import {
                        name,
                        version: version.map(Version::name),
                    });
                }
                continue;
            }
            let visibility = symbol.st_visibility();
            if visibility == elf::STV_DEFAULT || visibility == elf::STV_PROTECTED {
                read.exports.push(Export {
                    name,
                    unique: symbol.st_bind() == elf::STB_GNU_UNIQUE,
                    protected: visibility == elf::STV_PROTECTED,
                });
            }
        }
        Ok(read)
    }

    /// What a plugin may export: its entry points, and what no other library of the process can take for its own.
    pub(super) fn check_exports(
        &self,
        linkage: &Linkage,
        host: &HostProcess<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Error> {
        self.check_unique()?;
        let stray: Vec<_> = self
            .exports
            .iter()
            .filter(|export| !export.name.starts_with(PLUGIN_SYMBOL_PREFIX) && !is_linkers(export.name))
            .collect();
        let taken: Vec<_> = stray
            .iter()
            .filter(|export| !linkage.symbolic && !export.protected && (host.defines)(export.name))
            .map(|export| text(export.name))
            .collect();
        if !taken.is_empty() {
            return Err(refuse(
                format!(
                    "it exports symbols that this process defines already and would use the process's: {}",
                    shown(&taken)
                ),
                "hide them with a linker version script, or link the plugin with -Bsymbolic",
            ));
        }
        if !stray.is_empty() {
            let names: Vec<_> = stray.iter().map(|export| text(export.name)).collect();
            warnings.push(format!(
                "it exports {} symbols besides fs_plugin_*: {}; hide them with a linker version script",
                names.len(),
                shown(&names)
            ));
        }
        Ok(())
    }

    /// What a library that a plugin brings along may export. Its users search the process first, so that no
    /// way of linking it helps when the process has a symbol of the same name.
    pub(super) fn check_exports_of_bundled(&self, host: &HostProcess<'_>) -> Result<(), Error> {
        self.check_unique()?;
        let taken: Vec<_> = self
            .exports
            .iter()
            .filter(|export| !is_linkers(export.name) && (host.defines)(export.name))
            .map(|export| text(export.name))
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        Err(refuse(
            format!(
                "it exports symbols that this process defines already, and the plugin would use the process's: {}",
                shown(&taken)
            ),
            "link the library statically into the plugin with its symbols hidden, or build it with other names",
        ))
    }

    fn check_unique(&self) -> Result<(), Error> {
        let unique: Vec<_> = self
            .exports
            .iter()
            .filter(|export| export.unique)
            .map(|export| text(export.name))
            .collect();
        if unique.is_empty() {
            return Ok(());
        }
        Err(refuse(
            format!(
                "it exports process-wide unique symbols (STB_GNU_UNIQUE): {}",
                shown(&unique)
            ),
            "compile its C++ code with -fno-gnu-unique, or hide the symbols with -fvisibility=hidden",
        ))
    }

    /// Every symbol that is used must come from the system or from the bundle: what merely happens to be in the
    /// process is another's.
    pub(super) fn check_imports(
        &self,
        linkage: &Linkage,
        bundled: &Exports,
        host: &HostProcess<'_>,
    ) -> Result<(), Error> {
        if host.glibc.is_none() {
            return Ok(());
        }
        // The C library is in every process, also if a library does not say that it needs it.
        let libraries: Vec<&str> = linkage.system().chain(["libc.so.6"]).collect();
        let is_missing = |import: &&Import<'_>| {
            let defined = |library: &&str| (host.library_defines)(library, import);
            // A system library that is not loaded yet may define it; the dynamic linker will know.
            !bundled.contains(import.name) && libraries.iter().all(|library| defined(library) == Some(false))
        };
        let missing: Vec<_> = self.imports.iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = missing.iter().map(|import| text(import.name)).collect();
        let chance = if missing.iter().any(|import| (host.defines)(import.name)) {
            ", and would use what this process happens to have"
        } else {
            ""
        };
        Err(refuse(
            format!(
                "it uses symbols that neither it nor the system defines{chance}: {}",
                shown(&names)
            ),
            "link what defines them statically into the plugin",
        ))
    }

    /// The names that others can use.
    pub(super) fn exported_names(&self) -> impl Iterator<Item = &'data [u8]> {
        self.exports.iter().map(|export| export.name)
    }
}

fn is_linkers(name: &[u8]) -> bool {
    LINKER_SYMBOLS.contains(&name)
}

fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}
