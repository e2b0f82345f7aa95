//! What a library asks of the dynamic linker.

use object::read::elf::Dyn;
use object::{ReadRef, elf};
use plugin_api::Error;

use crate::elf_image::{ElfImage, damaged, refuse};

/// What belongs to the system and exists once in each process anyway.
const SYSTEM_LIBRARIES: &[&str] = &["libc", "libm", "libgcc_s", "libpthread", "libdl", "librt"];

/// The dynamic section, as far as it matters here.
pub(super) struct Linkage {
    pub(super) needed: Vec<String>,
    pub(super) soname: Option<String>,
    pub(super) text_relocations: bool,
    pub(super) symbolic: bool,
    pub(super) flags: elf::DynamicFlags,
    pub(super) flags_1: elf::DynamicFlags1,
}

impl Linkage {
    pub(super) fn read<'data, R: ReadRef<'data>>(image: &ElfImage<'data, R>) -> Result<Self, Error> {
        let invalid = |_| damaged("invalid dynamic section");
        let mut linkage = Self {
            needed: Vec::new(),
            soname: None,
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
            let text = || -> Result<String, Error> {
                let name = entry.string(image.endian, strings).map_err(invalid)?;
                Ok(String::from_utf8_lossy(name).into_owned())
            };
            match entry.tag(image.endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => linkage.needed.push(text()?),
                elf::DT_SONAME => linkage.soname = Some(text()?),
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

    /// What it needs of the system.
    pub(super) fn system(&self) -> impl Iterator<Item = &str> {
        self.needed
            .iter()
            .map(String::as_str)
            .filter(|name| is_system_library(name))
    }

    /// What it needs besides.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &str> {
        self.needed
            .iter()
            .map(String::as_str)
            .filter(|name| !is_system_library(name))
    }
}

fn is_system_library(file_name: &str) -> bool {
    let base = file_name
        .split_once(".so")
        .map_or(file_name, |(base, _version)| base);
    SYSTEM_LIBRARIES.contains(&base) || base.starts_with("ld-linux") || base == "ld64"
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
}
