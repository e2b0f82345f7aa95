//! What a plugin may not do to its host, checked in the file before the dynamic linker sees it.
//!
//! A plugin is isolated by being linked statically, by hiding its symbols and by `RTLD_LOCAL`. None
//! of that is enforced by the linker, and what goes wrong without it goes wrong silently: the plugin
//! calls another version of a function, the host's or another plugin's.

use object::read::elf::{Dyn, SectionHeader, Sym};
use object::{ReadRef, elf};
use plugin_api::Error;

use crate::elf_image::{ElfImage, damaged, not_a_library, refuse};

/// What belongs to the system and exists once in each process anyway.
const SYSTEM_LIBRARIES: &[&str] = &["libc", "libm", "libgcc_s", "libpthread", "libdl", "librt"];

/// What the static linker itself exports from some libraries.
const LINKER_SYMBOLS: &[&[u8]] = &[b"_init", b"_fini", b"_edata", b"_end", b"__bss_start"];

/// What a plugin exports.
const PLUGIN_SYMBOL_PREFIX: &[u8] = b"fs_plugin_";

/// Names in one message.
const NAMES_SHOWN: usize = 5;

/// What the audit needs to know of the running process.
pub(crate) struct HostProcess<'a> {
    /// The version of the running glibc; `None` where there is another libc.
    pub(crate) glibc: Option<(u32, u32)>,
    /// Whether a symbol of this name is visible to every library of the process.
    pub(crate) defines: &'a dyn Fn(&[u8]) -> bool,
}

/// Refuses what would break the isolation; returns what is only suspicious, one line each.
pub(crate) fn audit<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
    host: &HostProcess<'_>,
) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    let linkage = Linkage::read(image)?;
    if linkage.flags_1.contains(elf::DF_1_PIE) {
        return Err(not_a_library());
    }
    check_needed(&linkage.needed)?;
    if linkage.text_relocations {
        return Err(refuse(
            "it has text relocations (DT_TEXTREL)",
            "compile all of the plugin's code as position-independent code (-fPIC)",
        ));
    }
    if linkage.flags.contains(elf::DF_STATIC_TLS) {
        warnings.push(
            "it uses static thread-local storage, of which a process has little: later plugins may not load"
                .to_owned(),
        );
    }
    if let Some(running) = host.glibc {
        check_glibc(image, running)?;
    }
    warnings.extend(check_exports(image, &linkage, host)?);
    Ok(warnings)
}

/// The dynamic section, as far as it matters here.
struct Linkage {
    needed: Vec<String>,
    text_relocations: bool,
    symbolic: bool,
    flags: elf::DynamicFlags,
    flags_1: elf::DynamicFlags1,
}

impl Linkage {
    fn read<'data, R: ReadRef<'data>>(image: &ElfImage<'data, R>) -> Result<Self, Error> {
        let invalid = |_| damaged("invalid dynamic section");
        let mut linkage = Self {
            needed: Vec::new(),
            text_relocations: false,
            symbolic: false,
            flags: elf::DynamicFlags(0),
            flags_1: elf::DynamicFlags1(0),
        };
        let (dynamics, strings) = image
            .sections
            .dynamic(image.endian, image.data)
            .map_err(invalid)?
            .ok_or_else(|| {
                refuse(
                    "it has no dynamic section that can be read",
                    "build the plugin as a cdylib, and do not remove its section headers",
                )
            })?;
        let strings = image
            .sections
            .strings(image.endian, image.data, strings)
            .map_err(invalid)?;
        for entry in dynamics {
            let value = entry.val(image.endian);
            match entry.tag(image.endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => {
                    let name = entry.string(image.endian, strings).map_err(invalid)?;
                    linkage.needed.push(String::from_utf8_lossy(name).into_owned());
                }
                elf::DT_TEXTREL => linkage.text_relocations = true,
                elf::DT_SYMBOLIC => linkage.symbolic = true,
                elf::DT_FLAGS => linkage.flags = elf::DynamicFlags(value),
                elf::DT_FLAGS_1 => linkage.flags_1 = elf::DynamicFlags1(value),
                _ => {}
            }
        }
        linkage.text_relocations |= linkage.flags.contains(elf::DF_TEXTREL);
        linkage.symbolic |= linkage.flags.contains(elf::DF_SYMBOLIC);
        Ok(linkage)
    }
}

fn check_needed(needed: &[String]) -> Result<(), Error> {
    let foreign: Vec<&str> = needed
        .iter()
        .map(String::as_str)
        .filter(|&name| !is_system_library(name))
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(refuse(
        format!("it needs the shared library {}", shown(&foreign)),
        "link it statically into the plugin: at run time any other version of it may take its place",
    ))
}

fn is_system_library(file_name: &str) -> bool {
    let base = file_name
        .split_once(".so")
        .map_or(file_name, |(base, _version)| base);
    SYSTEM_LIBRARIES.contains(&base) || base.starts_with("ld-linux") || base == "ld64"
}

fn check_glibc<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
    running: (u32, u32),
) -> Result<(), Error> {
    let Some(highest) = highest_glibc(image).map_err(|_| damaged("invalid symbol versions"))? else {
        return Ok(());
    };
    if highest <= running {
        return Ok(());
    }
    Err(refuse(
        format!(
            "it needs glibc {}.{}, this system has {}.{}",
            highest.0, highest.1, running.0, running.1
        ),
        "build the plugin on an older system, or update this one",
    ))
}

fn highest_glibc<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
) -> object::read::Result<Option<(u32, u32)>> {
    let Some((mut libraries, strings)) = image.sections.gnu_verneed(image.endian, image.data)? else {
        return Ok(None);
    };
    let strings = image.sections.strings(image.endian, image.data, strings)?;
    let mut highest = None;
    while let Some((_library, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(image.endian, strings)?;
            highest = highest.max(parse_glibc(name));
        }
    }
    Ok(highest)
}

/// `GLIBC_2.34` as its numbers. Names such as `GLIBC_PRIVATE` have none.
fn parse_glibc(name: &[u8]) -> Option<(u32, u32)> {
    parse_version(std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?)
}

/// Major and minor of `2.34` or `2.2.5`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => None,
    }
}

fn check_exports<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
    linkage: &Linkage,
    host: &HostProcess<'_>,
) -> Result<Option<String>, Error> {
    let invalid = |_| damaged("invalid symbol table");
    let symbols = image
        .sections
        .symbols(image.endian, image.data, elf::SHT_DYNSYM)
        .map_err(invalid)?;
    // All names in one read: one for each symbol would be a system call each.
    let names = image
        .sections
        .section(symbols.string_section())
        .and_then(|section| section.data(image.endian, image.data))
        .map_err(invalid)?;
    let mut stray = Vec::new();
    let mut unique = Vec::new();
    let mut taken = Vec::new();
    for symbol in symbols.iter() {
        let is_local = symbol.st_bind() == elf::STB_LOCAL;
        if is_local || symbol.is_undefined(image.endian) || symbol.is_absolute(image.endian) {
            continue;
        }
        let visibility = symbol.st_visibility();
        if visibility != elf::STV_DEFAULT && visibility != elf::STV_PROTECTED {
            continue;
        }
        let name = names
            .get(symbol.st_name(image.endian) as usize..)
            .and_then(|rest| rest.split(|&byte| byte == 0).next())
            .ok_or_else(|| damaged("invalid symbol name"))?;
        let text = String::from_utf8_lossy(name);
        if symbol.st_bind() == elf::STB_GNU_UNIQUE {
            unique.push(text);
        } else if name.starts_with(PLUGIN_SYMBOL_PREFIX) || LINKER_SYMBOLS.contains(&name) {
            // What the host or the system looks up by name.
        } else if !linkage.symbolic && visibility == elf::STV_DEFAULT && (host.defines)(name) {
            taken.push(text);
        } else {
            stray.push(text);
        }
    }
    if !unique.is_empty() {
        return Err(refuse(
            format!(
                "it exports process-wide unique symbols (STB_GNU_UNIQUE): {}",
                shown(&unique)
            ),
            "compile its C++ code with -fno-gnu-unique, or hide the symbols with -fvisibility=hidden",
        ));
    }
    if !taken.is_empty() {
        return Err(refuse(
            format!(
                "it exports symbols that this process defines already and would use the process's: {}",
                shown(&taken)
            ),
            "hide them with a linker version script, or link the plugin with -Bsymbolic",
        ));
    }
    Ok((!stray.is_empty()).then(|| {
        format!(
            "it exports {} symbols besides fs_plugin_*: {}; hide them with a linker version script",
            stray.len(),
            shown(&stray)
        )
    }))
}

/// The first names, and how many there are beyond them.
fn shown<S: AsRef<str>>(names: &[S]) -> String {
    let mut text = names
        .iter()
        .take(NAMES_SHOWN)
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMES_SHOWN {
        use std::fmt::Write as _;
        let _ = write!(text, " and {} more", names.len() - NAMES_SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_libraries_are_told_from_others_by_their_whole_name() {
        for name in [
            "libc.so.6",
            "libm.so.6",
            "libgcc_s.so.1",
            "librt.so.1",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
            "libc.so",
        ] {
            assert!(is_system_library(name), "{name}");
        }
        for name in [
            "libcrypto.so.3",
            "libcurl.so.4",
            "libc-foo.so",
            "libstdc++.so.6",
            "libz.so.1",
            "",
        ] {
            assert!(!is_system_library(name), "{name}");
        }
    }

    #[test]
    fn glibc_versions_are_compared_as_numbers() {
        assert_eq!(parse_glibc(b"GLIBC_2.34"), Some((2, 34)));
        assert_eq!(parse_glibc(b"GLIBC_2.2.5"), Some((2, 2)));
        assert!(parse_glibc(b"GLIBC_2.9") < parse_glibc(b"GLIBC_2.34"));
        for name in [
            &b"GLIBC_PRIVATE"[..],
            b"GLIBC_ABI_DT_RELR",
            b"GCC_3.0",
            b"GLIBC_2",
            b"\xff",
        ] {
            assert_eq!(parse_glibc(name), None);
        }
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        assert_eq!(shown(&["a", "b"]), "a, b");
        assert_eq!(
            shown(&["a", "b", "c", "d", "e", "f", "g"]),
            "a, b, c, d, e and 2 more"
        );
    }
}
