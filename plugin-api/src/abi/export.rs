//! [`export_plugin!`](crate::export_plugin), the ELF note and the C entry.

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
                unsafe { $crate::abi::c::fill_c_api::<Plugin>(major, table, size, NOTE.description()) }
            }
        };
    };
}
