//! What a plugin may not do to its host, checked in the file before the dynamic linker sees it.
//!
//! A plugin is isolated by being linked statically, by hiding its symbols and by `RTLD_LOCAL`. None
//! of that is enforced by the linker, and what goes wrong without it goes wrong silently: the plugin
//! calls another version of a function, the host's or another plugin's.

mod bundle;
mod glibc;
mod linkage;
mod symbols;

use std::collections::HashSet;
use std::path::Path;

use object::{ReadRef, elf};
use plugin_api::Error;

use crate::elf_image::{ElfImage, not_a_library, refuse};
use crate::trust::Opener;
use linkage::Linkage;
use symbols::Symbols;

pub(crate) use bundle::{BundledLibrary, DIRECTORY as BUNDLE_DIRECTORY};
pub(crate) use glibc::parse_version;
pub(crate) use symbols::Import;

/// Names in one message.
const NAMES_SHOWN: usize = 5;

/// What the audit needs to know of the running process.
pub(crate) struct HostProcess<'a> {
    /// The version of the running glibc; `None` where there is another libc.
    pub(crate) glibc: Option<(u32, u32)>,
    /// Whether a symbol of this name is visible to every library of the process.
    pub(crate) defines: &'a dyn Fn(&[u8]) -> bool,
    /// Whether a library of this name is loaded.
    pub(crate) has_loaded: &'a dyn Fn(&str) -> bool,
    /// Whether a library, or one that it needs, defines a symbol; `None` if the library is not loaded.
    pub(crate) library_defines: &'a dyn Fn(&str, &Import<'_>) -> Option<bool>,
}

/// What there is to say of a plugin that is not refused.
#[derive(Default)]
pub(crate) struct Audited {
    /// What is only suspicious, one line each.
    pub(crate) warnings: Vec<String>,
    /// The shared libraries that it brings along, audited too, in the order in which they have to be loaded.
    pub(crate) bundle: Vec<BundledLibrary>,
}

/// Refuses what would break the isolation of the plugin that lies at `path`; what it brings along is read with `open`.
pub(crate) fn audit<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
    path: &Path,
    open: Opener<'_>,
    host: &HostProcess<'_>,
) -> Result<Audited, Error> {
    let linkage = Linkage::read(image)?;
    if linkage.flags_1.contains(elf::DF_1_PIE) {
        return Err(not_a_library());
    }
    let mut audited = Audited::default();
    check_code(image, &linkage, host, &mut audited.warnings)?;
    let symbols = Symbols::read(image)?;
    symbols.check_exports(&linkage, host, &mut audited.warnings)?;
    let bundle = bundle::read(path, &linkage, open, host)?;
    audited.warnings.extend(bundle.warnings);
    symbols.check_imports(&linkage, &bundle.exports, host)?;
    audited.bundle = bundle.libraries;
    Ok(audited)
}

/// What holds for plugins and for the libraries that they bring along.
fn check_code<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
    linkage: &Linkage,
    host: &HostProcess<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
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
    match host.glibc {
        Some(running) => glibc::check(image, running),
        None => Ok(()),
    }
}

/// The names of symbols that the libraries of a bundle define.
type Exports = HashSet<Vec<u8>>;

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
    fn long_lists_are_cut_and_counted() {
        assert_eq!(shown(&["a", "b"]), "a, b");
        assert_eq!(
            shown(&["a", "b", "c", "d", "e", "f", "g"]),
            "a, b, c, d, e and 2 more"
        );
    }
}
