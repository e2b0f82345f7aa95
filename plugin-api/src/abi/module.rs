//! The root module: what a plugin's loader symbol holds and how a host takes it up.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use abi_stable::StableAbi;
use abi_stable::abi_stability::check_layout_compatibility;
use abi_stable::library::{
    AbiHeaderRef, CheckTypeLayout, LibHeader, RootModule, RootModuleError, RootModuleResult,
};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RArc, RBox, RResult};
use abi_stable::type_layout::TypeLayout;

use super::error::{WireResult, from_wire, to_wire};
use super::future::panic_error;
use super::host::{RemoteHost, serve_host};
use super::interface::{FactoryAbi_TO, HostAbi_TO, PluginModule, PluginModuleRef};
use super::remote::RemoteFactory;
use super::served::serve_factory;
use crate::{Error, ErrorKind, FileSystemFactory, HostRef, Result};

/// The symbol that a host looks up.
pub const ROOT_SYMBOL: &str = "fs_plugin_root_module";

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "fsplug";
    const NAME: &'static str = "fsplug";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// What [`export_plugin!`](crate::export_plugin) implements for the plugin.
pub trait Export: 'static {
    /// Makes the factory.
    fn new_factory(host: HostRef) -> Result<Arc<dyn FileSystemFactory>>;
}

/// The content of the loader symbol.
pub const fn root_header<P: Export>() -> LibHeader {
    // SAFETY: the constructor returns a module of exactly the type given here, as a prefix type
    // that lives for ever, and its layout is recorded for the host's check.
    unsafe { LibHeader::from_constructor::<PluginModuleRef>(construct::<P>, CheckTypeLayout::Yes) }
}

extern "C" fn construct<P: Export>() -> RootModuleResult {
    let module = PluginModule {
        new_factory: new_factory::<P>,
    }
    .leak_into_prefix();
    // SAFETY: a prefix type behind a static reference may be erased; the host casts it back to the
    // type that the header's layout describes.
    RResult::ROk(unsafe { module.0.cast() })
}

extern "C" fn new_factory<P: Export>(host: HostAbi_TO<RArc<()>>) -> WireResult<FactoryAbi_TO<RBox<()>>> {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let host: HostRef = Arc::new(RemoteHost(host));
        install_telemetry(&host);
        P::new_factory(host).map(serve_factory)
    }));
    to_wire(made.unwrap_or_else(|panic| Err(panic_error("make factory", panic))))
}

/// Sends what the plugin logs to this host. Its statics are the plugin's, which a second host shares.
pub(super) fn install_telemetry(host: &HostRef) {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        crate::telemetry::install(Arc::clone(host));
        crate::telemetry::install_panic_hook();
    });
}

/// Takes up the plugin whose loader symbol is at `symbol` and makes its factory.
///
/// # Errors
/// [`ErrorKind::PluginLoad`] if the plugin speaks another ABI, in at most three lines that name the
/// type and the difference; whatever the factory's own constructor says; [`ErrorKind::PluginPanic`].
///
/// # Safety
/// `symbol` is the address of the symbol [`ROOT_SYMBOL`] of a shared library that is never unloaded.
pub unsafe fn load_factory(symbol: *const c_void, host: HostRef) -> Result<Arc<dyn FileSystemFactory>> {
    // SAFETY: `AbiHeaderRef` is a transparent reference to the header with which every version of
    // abi_stable's loader symbols begins; the caller says that the symbol is one and stays.
    let header = unsafe { std::mem::transmute::<*const c_void, AbiHeaderRef>(symbol) };
    let header = header.upgrade().map_err(|_| {
        incompatible(&format!(
            "abi_stable {}.{} where {}.{} is needed",
            header.abi_major,
            header.abi_minor,
            abi_stable::library::AbiHeader::VALUE.abi_major,
            abi_stable::library::AbiHeader::VALUE.abi_minor
        ))
    })?;
    let plugin = header
        .layout()
        .ok_or_else(|| incompatible("the plugin has no layout to check"))?;
    check_layout(<PluginModuleRef as StableAbi>::LAYOUT, plugin)?;
    // SAFETY: the layouts have just been compared.
    let module = unsafe { header.unchecked_layout::<PluginModuleRef>() }
        .map_err(|error: RootModuleError| incompatible(&one_line(&error.to_string())))?;
    let factory = from_wire((module.new_factory())(serve_host(host)))?;
    Ok(Arc::new(RemoteFactory::new(factory)))
}

/// One of the two must be a prefix of the other: whichever is newer has only appended.
fn check_layout(host: &'static TypeLayout, plugin: &'static TypeLayout) -> Result<()> {
    // Both directions fail in one way; the report of the first describes the plugin as the one that differs.
    match (
        check_layout_compatibility(host, plugin),
        check_layout_compatibility(plugin, host),
    ) {
        (RResult::ROk(()), _) | (_, RResult::ROk(())) => Ok(()),
        (RResult::RErr(report), RResult::RErr(_)) => Err(incompatible(&difference(&report.to_string()))),
    }
}

fn incompatible(difference: &str) -> Error {
    Error::new(
        ErrorKind::PluginLoad,
        format!("the plugin speaks another ABI than this host: {difference}"),
    )
    .with_remedy(format!(
        "rebuild the plugin with plugin-api {}",
        env!("CARGO_PKG_VERSION")
    ))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Boils the checker's report, which may have thousands of lines, down to
/// `Type.field.argument: what, expected X, found Y`.
fn difference(report: &str) -> String {
    let lines: Vec<&str> = report.lines().map(str::trim).collect();
    let Some(error) = lines.iter().position(|line| line.starts_with("Error:")) else {
        return "the layouts differ".to_owned();
    };
    let what = lines[error].trim_start_matches("Error:");
    let value_of = |name: &str| {
        let at = lines[error..].iter().position(|line| line.starts_with(name))?;
        lines[error..].get(at + 1).copied()
    };
    let values = match (value_of("Expected:"), value_of("Found:")) {
        (Some(expected), Some(found)) => format!(", expected {expected}, found {found}"),
        _ => String::new(),
    };
    // The fields that lead to the place; they follow the last "inside:" before the error.
    let inside = lines[..error]
        .iter()
        .rposition(|line| line.ends_with("inside:"))
        .unwrap_or(0);
    let mut path: Vec<&str> = Vec::new();
    for pair in lines[inside..error].windows(2) {
        if let (Some(field), Some(layout)) =
            (pair[0].strip_prefix("field_name:"), pair[1].strip_prefix("type:"))
        {
            match layout.strip_suffix("_TO") {
                Some(interface) => path = vec![interface],
                // What the generated code puts between an interface and its methods.
                None if ["obj", "vtable", "0"].contains(&field) => {}
                None => path.push(field),
            }
        }
    }
    format!("{}: {what}{values}", path.join("."))
}
