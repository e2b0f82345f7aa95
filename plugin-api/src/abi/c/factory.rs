//! The functions of a factory.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;

use super::arguments::{Out, config, location, options};
use super::handle::{Object, Shared, shared};
use super::log;
use super::operation::{Call, entry};
use super::types::{CCompletion, CError, CFactory, CFactoryOptions, CFileSystem, CPair};
use crate::abi::Export;
use crate::abi::future::{Enter, panic_error};
use crate::abi::module::install_telemetry;
use crate::{Error, FileSystemFactory, HostRef, Result};

/// A factory, and the number of its caller's log.
pub(super) struct Factory {
    pub(super) factory: Shared<dyn FileSystemFactory>,
    pub(super) log: u64,
}

type NewFactory = fn(HostRef) -> Result<Arc<dyn FileSystemFactory>>;

pub(super) unsafe extern "C" fn new<P: Export>(
    options: *const CFactoryOptions,
    out: *mut *mut CFactory,
) -> *mut CError {
    // SAFETY: the caller's promise is passed on.
    unsafe { new_with(P::new_factory, options, out) }
}

/// Stands in the table where the plugin is not known yet.
pub(super) unsafe extern "C" fn none(_: *const CFactoryOptions, _: *mut *mut CFactory) -> *mut CError {
    entry("make factory", || {
        Err(Error::unsupported("this table", "factories"))
    })
}

pub(super) unsafe fn new_with(
    new_factory: NewFactory,
    given: *const CFactoryOptions,
    out: *mut *mut CFactory,
) -> *mut CError {
    // SAFETY: a place as the table says.
    let out = unsafe { Out::new(out, null_mut()) };
    entry("make factory", || {
        let out = out?;
        // SAFETY: options as the table says.
        let given = unsafe { options(given)? };
        let (number, memory_budget) = given.map_or((0, 0), |given| (log::set(&given), given.memory_budget));
        let host: HostRef = Arc::new(log::CHost { memory_budget });
        install_telemetry(&host);
        let made = catch_unwind(AssertUnwindSafe(|| new_factory(host)));
        let factory = made
            .unwrap_or_else(|panic| Err(panic_error("make factory", panic)))
            .inspect_err(|_| log::remove(number))?;
        let enter = Enter::new(Arc::clone(&factory));
        out.give(Object::Factory(Factory {
            factory: shared(factory, &enter),
            log: number,
        }));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn shutdown(
    factory: *const CFactory,
    deadline_ms: u64,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("shut down", factory, completion, || Ok(())) }.start_last(
        async move |factory, ()| {
            let deadline = Duration::from_millis(deadline_ms);
            factory.enter.end(deadline, |rest| factory.shutdown(rest)).await
        },
    )
}

pub(super) unsafe extern "C" fn file_system(
    factory: *const CFactory,
    root: *const c_char,
    pairs: *const CPair,
    pair_count: usize,
    out: *mut *mut CFileSystem,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("create file system", factory, completion, || {
            let out = Out::new(out, null_mut())?;
            Ok((out, location(root)?.with_key(""), config(pairs, pair_count)?))
        })
    }
    .start(async |factory, (out, root, config)| {
        let file_system = factory.create(&root, &config).await?;
        out.give(Object::FileSystem(shared(file_system, &factory.enter.inner())));
        Ok(())
    })
}
