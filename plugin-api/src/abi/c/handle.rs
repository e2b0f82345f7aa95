//! What the caller holds: one object behind each handle, which knows of what kind it is.

use std::ffi::c_void;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::arguments::{Out, refused};
use super::driver::Task;
use super::factory::Factory;
use super::log;
use super::types::{
    CCommitter, CFactory, CFileSystem, CInputStream, CLister, COperation, COutputStream, CRecoverableStream,
};
use crate::abi::fork::is_forked_child;
use crate::abi::future::{Enter, Entered};
use crate::abi::signals::SigpipeGuard;
use crate::{
    Committer, FileSystem, FileSystemFactory, InputStream, Lister, OutputStream, RecoverableStream, Result,
};

/// An object that many operations may use at a time.
pub(super) type Shared<T> = Arc<Entered<Arc<T>>>;

/// An object that one operation may use at a time.
pub(super) type Single<T> = Arc<Exclusive<Entered<Box<T>>>>;

/// The same, for the time of an operation.
type Leased<T> = Lease<Entered<Box<T>>>;

/// What is behind a handle.
pub(super) enum Object {
    Factory(Factory),
    FileSystem(Shared<dyn FileSystem>),
    Lister(Single<dyn Lister>),
    Input(Single<dyn InputStream>),
    Output(Single<dyn OutputStream>),
    Recoverable(Single<dyn RecoverableStream>),
    Committer(Shared<dyn Committer>),
    Operation(Arc<Task>),
}

/// Hands it to the caller.
pub(super) fn give<T>(object: Object) -> *mut T {
    Box::into_raw(Box::new(object)).cast()
}

/// Makes the handle of an object that only one operation may use at a time.
pub(super) fn single<T: ?Sized>(object: Box<T>, enter: &Enter) -> Single<T> {
    Arc::new(Exclusive {
        value: Mutex::new(Some(Entered::new(object, enter.clone()))),
    })
}

/// Makes the handle of a shared object.
pub(super) fn shared<T: ?Sized>(object: Arc<T>, enter: &Enter) -> Shared<T> {
    Arc::new(Entered::new(object, enter.clone()))
}

/// The C type of a handle, which says what object is behind it.
pub(super) trait Handle {
    /// What a call has of the object until it ends, whether or not the handle is released by then.
    type Held;

    /// The kind of the object, for errors.
    const KIND: &'static str;

    /// `None` if the object is of another kind.
    fn hold(object: &Object) -> Option<Result<Self::Held>>;
}

/// Takes what a call needs of the object behind the handle.
///
/// # Safety
/// The handle is null or a handle of this plugin, and is not released before this returns.
pub(super) unsafe fn hold<C: Handle>(handle: *const C) -> Result<C::Held> {
    if handle.is_null() {
        return Err(refused(format!("{} is needed and NULL was passed", C::KIND)));
    }
    // SAFETY: every handle of this plugin points to an `Object`, which lives until it is released.
    let object = unsafe { &*handle.cast::<Object>() };
    C::hold(object).unwrap_or_else(|| {
        Err(refused(format!(
            "{} is needed and {} was passed",
            C::KIND,
            object.kind()
        )))
    })
}

/// For each kind of object: the C type of its handles, its name, and what a call holds of it.
macro_rules! kinds {
    ($($variant:ident($object:ident): $handle:ty, $kind:literal => $held:ty = $hold:expr;)*) => {
        impl Object {
            fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }
        }

        $(impl Handle for $handle {
            type Held = $held;

            const KIND: &'static str = $kind;

            fn hold(object: &Object) -> Option<Result<$held>> {
                match object {
                    Object::$variant($object) => Some($hold),
                    _ => None,
                }
            }
        })*
    };
}

kinds! {
    Factory(it): CFactory, "a factory" => Shared<dyn FileSystemFactory> = Ok(Arc::clone(&it.factory));
    FileSystem(it): CFileSystem, "a file system" => Shared<dyn FileSystem> = Ok(Arc::clone(it));
    Lister(it): CLister, "a lister" => Leased<dyn Lister> = it.lease();
    Input(it): CInputStream, "an input stream" => Leased<dyn InputStream> = it.lease();
    Output(it): COutputStream, "an output stream" => Leased<dyn OutputStream> = it.lease();
    Recoverable(it): CRecoverableStream, "a recoverable stream" => Leased<dyn RecoverableStream> = it.lease();
    Committer(it): CCommitter, "a committer" => Shared<dyn Committer> = Ok(Arc::clone(it));
    Operation(it): COperation, "an operation" => Arc<Task> = Ok(Arc::clone(it));
}

pub(super) unsafe extern "C" fn release(handle: *mut c_void) {
    // What a child process was forked with cannot be taken down without the threads that it does not have.
    if handle.is_null() || is_forked_child() {
        return;
    }
    // The drop of a stream may write to a connection.
    let _quiet = SigpipeGuard::new();
    // SAFETY: the caller gives back what `give` gave, once, whatever its kind.
    let object = unsafe { Box::from_raw(handle.cast::<Object>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if let Object::Factory(factory) = &*object {
            log::remove(factory.log);
        }
        drop(object);
    }));
}

/// A value that one operation may have at a time.
pub(super) struct Exclusive<T> {
    value: Mutex<Option<T>>,
}

impl<T> Exclusive<T> {
    /// Takes the value until the lease is dropped.
    fn lease(self: &Arc<Self>) -> Result<Lease<T>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).take();
        match value {
            Some(value) => Ok(Lease {
                home: Arc::clone(self),
                value: Some(value),
            }),
            None => Err(refused("another operation on this handle has not ended yet")),
        }
    }
}

/// The value, for the time of an operation.
pub(super) struct Lease<T> {
    home: Arc<Exclusive<T>>,
    /// `None` only while it is dropped.
    value: Option<T>,
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only drop takes the value")
    }
}

impl<T> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("only drop takes the value")
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        *self.home.value.lock().unwrap_or_else(PoisonError::into_inner) = self.value.take();
    }
}

impl<T> Out<*mut T> {
    /// Gives the caller a handle.
    pub(super) fn give(self, object: Object) {
        self.set(give(object));
    }
}
