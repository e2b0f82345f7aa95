//! [`export_plugin!`](crate::export_plugin), the ELF note and the C entry.

use std::ffi::c_void;

/// The last of at least one value: what was given, or else the default before it.
pub const fn last<T: Copy>(values: &[T]) -> T {
    values[values.len() - 1]
}

/// The ELF note that holds the manifest (System V ABI, "Note Section").
#[repr(C, align(4))]
pub struct Note<const N: usize> {
    name_size: u32,
    description_size: u32,
    note_type: u32,
    name: [u8; 8],
    description: [u8; N],
}

impl<const N: usize> Note<N> {
    /// A note with this manifest.
    pub const fn new(description: [u8; N]) -> Self {
        assert!(
            crate::NOTE_OWNER.len() == 6,
            "the name below is the owner, NUL and padding"
        );
        Self {
            name_size: 7,
            description_size: N as u32,
            note_type: crate::NOTE_TYPE,
            name: *b"fsplug\0\0",
            description,
        }
    }

    /// The manifest.
    pub const fn description(&self) -> &[u8] {
        &self.description
    }
}

/// What [`fs_plugin_c_api`](crate::export_plugin) tells a caller that is not written in Rust.
///
/// The table grows at its end; `struct_size` says how much of it the plugin filled in.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CApi {
    /// Bytes of this table that are valid.
    pub struct_size: usize,
    /// Major version of the ABI.
    pub abi_major: u32,
    /// Minor version of the ABI.
    pub abi_minor: u32,
    /// The manifest: JSON in UTF-8, not terminated.
    pub manifest: *const u8,
    /// Length of the manifest in bytes.
    pub manifest_size: usize,
}

/// The call succeeded.
pub const C_OK: i32 = 0;
/// The caller asked for another major version.
pub const C_WRONG_VERSION: i32 = 1;
/// The caller's table is missing or too small to say anything.
pub const C_WRONG_TABLE: i32 = 2;

/// Fills the caller's table with as much as fits into `size` bytes.
///
/// # Safety
/// `table` is null or points to `size` writable bytes, aligned for a pointer.
pub unsafe fn fill_c_api(major: u32, table: *mut c_void, size: usize, manifest: &'static [u8]) -> i32 {
    if major != crate::ABI_VERSION.major {
        return C_WRONG_VERSION;
    }
    if table.is_null() || size < size_of::<usize>() {
        return C_WRONG_TABLE;
    }
    let filled = size.min(size_of::<CApi>());
    let api = CApi {
        struct_size: filled,
        abi_major: crate::ABI_VERSION.major,
        abi_minor: crate::ABI_VERSION.minor,
        manifest: manifest.as_ptr(),
        manifest_size: manifest.len(),
    };
    // SAFETY: the caller says that `size` bytes may be written; at most that many are.
    unsafe { std::ptr::copy_nonoverlapping((&raw const api).cast::<u8>(), table.cast::<u8>(), filled) };
    C_OK
}

/// Exports a plugin: the loader symbol, the manifest note and the C entry.
///
/// Once in a crate of type `cdylib`. `factory` is a `fn(HostRef) -> Result<F>` with
/// `F: FileSystemFactory`; it runs once for each host that loads the plugin. The version in the
/// manifest is the crate's. Behind `options` may stand `owned_prefixes: &["example."]`, what the keys
/// begin with that nobody else reads, and `scope_prefix: "example.host."`, what those begin with that
/// count for one authority alone (see [`Schema`](crate::Schema)).
///
/// ```
/// # use plugin_api::{Config, FileSystem, FileSystemFactory, HostRef, Location, Result};
/// # use std::sync::Arc;
/// struct Factory;
///
/// impl Factory {
///     fn new(_host: HostRef) -> Result<Self> {
///         Ok(Self)
///     }
/// }
///
/// #[plugin_api::async_trait]
/// impl FileSystemFactory for Factory {
///     async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
///         # let _ = config;
///         // The documentation of the crate has a complete plugin.
///         Err(plugin_api::Error::unsupported("the example", root.as_str()))
///     }
/// }
///
/// plugin_api::export_plugin! {
///     name: "example",
///     schemes: ["example"],
///     options: &[],
///     factory: Factory::new,
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_plugin {
    (
        name: $name:expr,
        schemes: [$($scheme:expr),+ $(,)?],
        options: $options:expr,
        $(owned_prefixes: $prefixes:expr,)?
        $(scope_prefix: $scope:expr,)?
        factory: $factory:expr $(,)?
    ) => {
        const _: () = {
            const SPEC: $crate::PluginSpec = $crate::PluginSpec {
                name: $name,
                version: env!("CARGO_PKG_VERSION"),
                schemes: &[$($scheme),+],
                options: $options,
                owned_prefixes: $crate::abi::export::last(&[&[], $($prefixes)?]),
                scope_prefix: $crate::abi::export::last(&["", $($scope)?]),
            };

            #[used]
            #[allow(unsafe_code, reason = "the linker section is the plugin's manifest note")]
            #[unsafe(link_section = ".note.fsplug")]
            static NOTE: $crate::abi::export::Note<{ SPEC.json_len() }> =
                $crate::abi::export::Note::new(SPEC.json());

            struct Plugin;

            impl $crate::abi::Export for Plugin {
                fn new_factory(
                    host: $crate::HostRef,
                ) -> $crate::Result<::std::sync::Arc<dyn $crate::FileSystemFactory>> {
                    Ok(::std::sync::Arc::new($factory(host)?))
                }
            }

            #[allow(unsafe_code, non_upper_case_globals, reason = "the plugin's loader symbol")]
            #[unsafe(no_mangle)]
            static fs_plugin_root_module: $crate::abi::Header = $crate::abi::root_header::<Plugin>();

            #[allow(unsafe_code, reason = "the plugin's entry for callers that are not written in Rust")]
            #[unsafe(no_mangle)]
            unsafe extern "C" fn fs_plugin_c_api(
                major: u32,
                table: *mut ::std::ffi::c_void,
                size: usize,
            ) -> i32 {
                // SAFETY: the caller's promise is passed on.
                unsafe { $crate::abi::export::fill_c_api(major, table, size, NOTE.description()) }
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_caller_gets_the_part_of_the_table_that_it_knows() {
        let mut table = CApi {
            struct_size: 0,
            abi_major: 9,
            abi_minor: 9,
            manifest: std::ptr::null(),
            manifest_size: 7,
        };
        let known = size_of::<usize>() + size_of::<u32>();
        // SAFETY: the table is larger than `known` bytes.
        let code = unsafe { fill_c_api(crate::ABI_VERSION.major, (&raw mut table).cast(), known, b"{}") };
        assert_eq!(
            (code, table.struct_size, table.abi_major),
            (C_OK, known, crate::ABI_VERSION.major)
        );
        assert_eq!((table.abi_minor, table.manifest_size), (9, 7));
    }

    #[test]
    fn another_major_version_or_no_table_is_refused() {
        let mut table = [0_usize; 8];
        let address = (&raw mut table).cast();
        // SAFETY: the table is as large as said, or refused before it is touched.
        unsafe {
            assert_eq!(
                fill_c_api(crate::ABI_VERSION.major + 1, address, 64, b"{}"),
                C_WRONG_VERSION
            );
            assert_eq!(
                fill_c_api(crate::ABI_VERSION.major, std::ptr::null_mut(), 64, b"{}"),
                C_WRONG_TABLE
            );
            assert_eq!(
                fill_c_api(crate::ABI_VERSION.major, address, 4, b"{}"),
                C_WRONG_TABLE
            );
        }
        assert_eq!(table, [0; 8]);
    }
}
