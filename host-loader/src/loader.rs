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

use crate::audit::{self, BundledLibrary, HostProcess, Import};
use crate::elf_image::refuse;
use crate::trust::SealedImage;

/// A library that was opened in this process.
struct Opened {
    /// Keeps the descriptor: its number is part of the name by which the dynamic linker, debuggers and
    /// backtraces know the library.
    image: SealedImage,
    library: &'static Library,
    /// The name by which other libraries find it, if it was opened for them.
    soname: Option<String>,
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
pub(crate) fn open(image: SealedImage) -> Result<&'static Library, Error> {
    // A panic leaves the list as it was before.
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    for earlier in opened.iter() {
        if earlier.image.is_same(&image)? {
            return Ok(earlier.library);
        }
    }
    map(image, None, &mut opened)
}

/// Opens a library for the plugin that brings it along, before the plugin itself: the dynamic linker takes what
/// is loaded under the SONAME that it looks for, and searches nowhere.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad): the process has another library of that name, or see [`open`].
fn open_bundled(bundled: BundledLibrary) -> Result<(), Error> {
    let BundledLibrary { path, soname, image } = bundled;
    let another = |whose: String| {
        refuse(
            format!(
                "its {} is not loaded: the process has another library of that name, {whose}",
                path.display()
            ),
            "give each build of the library a name with a hash of its content",
        )
    };
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    for earlier in opened.iter() {
        if earlier.soname.as_ref() == Some(&soname) {
            return if earlier.image.sha256()? == image.sha256()? {
                Ok(())
            } else {
                Err(another("that of another plugin".to_owned()))
            };
        }
    }
    if has_loaded(&soname) {
        return Err(another("which no plugin brought along".to_owned()));
    }
    map(image, Some(soname), &mut opened)
        .map(|_| ())
        .map_err(|error| refuse(format!("{}: {}", path.display(), error.message()), error.remedy()))
}

/// Maps a library that is not mapped yet.
fn map(
    mut image: SealedImage,
    soname: Option<String>,
    opened: &mut Vec<Opened>,
) -> Result<&'static Library, Error> {
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
    opened.push(Opened {
        image,
        library,
        soname,
    });
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

/// Loads an audited plugin, after what it brings along, and makes its factory. The libraries stay mapped until the
/// process ends.
///
/// Blocks: resolves the plugin's symbols and runs its start-up code.
pub(crate) fn load(
    image: SealedImage,
    bundle: Vec<BundledLibrary>,
    host: HostRef,
) -> Result<Arc<dyn FileSystemFactory>, Error> {
    for library in bundle {
        open_bundled(library)?;
    }
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
fn process_defines(name: &[u8]) -> bool {
    let Ok(name) = CString::new(name) else {
        return false;
    };
    // SAFETY: the name ends with NUL, and the returned address is compared, not used.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    !address.is_null()
}

/// What the audit needs to know of this process.
pub(crate) fn host_process() -> HostProcess<'static> {
    HostProcess {
        glibc: glibc_version(),
        defines: &process_defines,
        has_loaded: &has_loaded,
        library_defines: &library_defines,
    }
}

/// A library that this process has loaded already, by its SONAME.
fn loaded(name: &str) -> Option<Library> {
    // SAFETY: with this flag nothing is loaded, so that no initialiser runs.
    unsafe { Library::open(Some(name), libc::RTLD_NOLOAD | libc::RTLD_LAZY) }.ok()
}

fn has_loaded(name: &str) -> bool {
    loaded(name).is_some()
}

/// Whether a library, or one that it needs, defines a symbol; `None` if the library is not loaded.
fn library_defines(library: &str, symbol: &Import<'_>) -> Option<bool> {
    let library = loaded(library)?;
    let version = symbol.version.map(CString::new).transpose();
    let (Ok(name), Ok(version)) = (CString::new(symbol.name), version) else {
        return Some(false);
    };
    let handle = library.into_raw();
    let of_version = version.map(|version| {
        // SAFETY: the handle is open, both texts end with NUL, and the returned address is compared, not used.
        unsafe { libc::dlvsym(handle, name.as_ptr(), version.as_ptr()) }
    });
    // SAFETY: as above.
    let of_any = || unsafe { libc::dlsym(handle, name.as_ptr()) };
    let is_defined = of_version.is_some_and(|address| !address.is_null()) || !of_any().is_null();
    // SAFETY: the handle came from `into_raw`; the library was loaded before it and stays.
    drop(unsafe { Library::from_raw(handle) });
    Some(is_defined)
}

/// The version of the running glibc.
#[cfg(target_env = "gnu")]
fn glibc_version() -> Option<(u32, u32)> {
    // SAFETY: returns a static string that ends with NUL.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    audit::parse_version(version.to_str().ok()?)
}

/// Another libc: there is no version to compare.
#[cfg(not(target_env = "gnu"))]
fn glibc_version() -> Option<(u32, u32)> {
    None
}

/// Whether the process runs with rights that its caller does not have (set-user-ID, capabilities).
pub(crate) fn has_elevated_rights() -> bool {
    // SAFETY: reads a word of the auxiliary vector; no memory of ours is involved.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The user who besides root may own what this process trusts: the one whose rights it has.
pub(crate) fn trusted_user() -> Option<u32> {
    // SAFETY: they take nothing and cannot fail.
    let (real, effective) = unsafe { (libc::getuid(), libc::geteuid()) };
    trusted(real, effective, has_elevated_rights())
}

/// The caller of a process with elevated rights is not to lend its own files these rights. With capabilities, or those of
/// a group, the process still has the caller's user; as a set-user-ID program it has that of its owner.
fn trusted(real: u32, effective: u32, is_elevated: bool) -> Option<u32> {
    (!is_elevated || real != effective).then_some(effective)
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
    fn the_c_library_is_loaded_and_defines_versions_of_its_functions() {
        if cfg!(target_env = "gnu") {
            assert!(has_loaded("libc.so.6"));
            assert!(!has_loaded("libnobody-has.so.7"));
            let defines =
                |library: &str, name: &[u8], version| library_defines(library, &Import { name, version });
            assert_eq!(defines("libc.so.6", b"malloc", None), Some(true));
            assert_eq!(defines("libc.so.6", b"frobnicate", None), Some(false));
            assert_eq!(
                defines("libc.so.6", b"frobnicate", Some(b"GLIBC_2.4")),
                Some(false)
            );
            assert_eq!(defines("libnobody-has.so.7", b"malloc", None), None);
        }
    }

    #[test]
    fn the_caller_of_a_process_with_elevated_rights_is_not_trusted() {
        let (caller, owner) = (1000, 5);
        assert_eq!(trusted(caller, caller, false), Some(caller));
        assert_eq!(trusted(caller, caller, true), None);
        assert_eq!(trusted(caller, owner, true), Some(owner));
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
