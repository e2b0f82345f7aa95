//! The dynamic linker: the only place of this crate where foreign code is called.
#![allow(
    unsafe_code,
    reason = "dlopen, dlsym and the entry point of a plugin have no safe form"
)]

use std::ffi::{CStr, CString, c_void};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use plugin_api::{Error, FileSystemFactory, HostRef, abi};

use crate::audit;
use crate::elf_image::refuse;
use crate::trust::SealedImage;

/// A library that was opened in this process.
struct Opened {
    /// Keeps the descriptor: its number is part of the name by which the dynamic linker, debuggers and
    /// backtraces know the library.
    image: SealedImage,
    library: &'static Library,
}

/// Everything that [`open`] has opened, which is never closed. Each image is a file of its own to the dynamic
/// linker, so that it cannot find out itself that two were read from one.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// Maps a library and runs its start-up code; one that was opened before, from the same file with the same
/// content, is returned instead. It stays mapped until the process ends.
///
/// Blocks: resolves the library's symbols.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) with what the dynamic linker says.
pub(crate) fn open(mut image: SealedImage) -> Result<&'static Library, Error> {
    // A panic leaves the list as it was before.
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    for earlier in opened.iter() {
        if earlier.image.is_same(&image)? {
            return Ok(earlier.library);
        }
    }
    // The dynamic linker takes two libraries of one name for one. A number comes up again if somebody
    // closed descriptors that are not his.
    let numbers = || opened.iter().map(|earlier| earlier.image.descriptor());
    if numbers().any(|number| number == image.descriptor()) {
        image
            .move_descriptor(numbers().max().unwrap_or_default() + 1)
            .map_err(|error| {
                refuse(
                    format!("no descriptor is left: {error}"),
                    "raise the limit of open files",
                )
            })?;
    }
    let path = process_directory()?
        .join("fd")
        .join(image.descriptor().to_string());
    // Wakers, thread-local destructors, log callsites and at-fork handlers of a plugin point into
    // it, so that no moment is known at which it could be unmapped.
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: the initialisers of the library run here. Whoever put it into a plugin directory
    // trusts it with the process; the audit has refused what breaks by accident. The file cannot change: it
    // is sealed.
    let library = unsafe { Library::open(Some(&path), flags) }
        .map_err(|error| dlopen_failed(&path, &linker_text(&error)))?;
    let library: &'static Library = Box::leak(Box::new(library));
    opened.push(Opened { image, library });
    Ok(library)
}

/// `/proc/<number>` of this process. With the number instead of `self`, a debugger finds the library too.
fn process_directory() -> Result<PathBuf, Error> {
    match fs::read_link("/proc/self") {
        Ok(number) => Ok(Path::new("/proc").join(number)),
        Err(error) => Err(refuse(
            format!("it cannot be loaded from memory without /proc: {error}"),
            "mount /proc in the container or chroot",
        )),
    }
}

/// Loads an audited plugin and makes its factory. The library stays mapped until the process ends.
///
/// Blocks: resolves the plugin's symbols and runs its start-up code.
pub(crate) fn load(image: SealedImage, host: HostRef) -> Result<Arc<dyn FileSystemFactory>, Error> {
    let library = open(image)?;
    // SAFETY: only the address of the symbol is used here; `load_factory` checks what is there.
    let symbol = unsafe { library.get::<*const c_void>(abi::ROOT_SYMBOL) }.map_err(|_| {
        refuse(
            format!("it does not export {}", abi::ROOT_SYMBOL),
            "export the plugin with plugin_api::export_plugin!, and keep that symbol in its version script",
        )
    })?;
    let root = symbol.as_raw_ptr().cast_const();
    // SAFETY: `root` is the address of `ROOT_SYMBOL` in a library that is never unmapped, and the
    // manifest note of that library, written by the macro that exports the symbol, was read.
    unsafe { abi::load_factory(root, host) }
}

/// What the dynamic linker itself says, which `libloading` keeps as the source.
fn linker_text(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        other => other.to_string(),
    }
}

/// The dynamic linker's text without the path, which the error has already.
fn dlopen_failed(path: &Path, text: &str) -> Error {
    let prefix = format!("{}: ", path.display());
    let reason = text.strip_prefix(&prefix).unwrap_or(text);
    let remedy = if reason.contains("undefined symbol") {
        "link what defines the symbol statically into the plugin"
    } else if reason.contains("static TLS") {
        "build the plugin without static thread-local storage, or load fewer plugins"
    } else {
        "check the plugin with 'ldd -r'"
    };
    refuse(format!("the dynamic linker refuses it: {reason}"), remedy)
}

/// Whether every library of this process sees a symbol of this name.
pub(crate) fn process_defines(name: &[u8]) -> bool {
    let Ok(name) = CString::new(name) else {
        return false;
    };
    // SAFETY: the name ends with NUL, and the returned address is compared, not used.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    !address.is_null()
}

/// The version of the running glibc.
#[cfg(target_env = "gnu")]
pub(crate) fn glibc_version() -> Option<(u32, u32)> {
    // SAFETY: returns a static string that ends with NUL.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    audit::parse_version(version.to_str().ok()?)
}

/// Another libc: there is no version to compare.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn glibc_version() -> Option<(u32, u32)> {
    None
}

/// Whether the process runs with rights that its caller does not have (set-user-ID, capabilities).
pub(crate) fn has_elevated_rights() -> bool {
    // SAFETY: reads a word of the auxiliary vector; no memory of ours is involved.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_defines_what_its_c_library_exports() {
        assert!(process_defines(b"malloc"));
        assert!(!process_defines(b"no_library_would_call_a_function_this"));
        assert!(!process_defines(b"mal\0loc"));
    }

    #[test]
    fn the_running_glibc_has_a_version() {
        if cfg!(target_env = "gnu") {
            assert!(glibc_version() > Some((2, 0)));
        }
    }

    #[test]
    fn the_linkers_text_loses_the_path_and_gains_a_remedy() {
        let error = dlopen_failed(Path::new("/p/x.so"), "/p/x.so: undefined symbol: frobnicate");
        assert_eq!(
            error.to_string(),
            "the dynamic linker refuses it: undefined symbol: frobnicate; \
             link what defines the symbol statically into the plugin"
        );
    }
}
