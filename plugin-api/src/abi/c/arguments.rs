//! What the caller passes: texts, structs that know their size, places for results, lent memory.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::numbers::{FSPLUG_INJECT_ENTROPY, FSPLUG_OVERWRITE, FSPLUG_RECURSIVE};
use super::types::{
    CCompletion, CCopyOptions, CCreateOptions, CExtension, CFactoryOptions, CListOptions, COpenOptions, CPair,
};
use crate::{Config, Error, ErrorKind, Extensions, Location, Recoverable, Result};

/// What a struct of options may be at most; more is a size that was never set.
const MAX_STRUCT: usize = 4096;

pub(super) fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, why).with_remedy("see the comments in fsplug.h")
}

/// A struct of the caller's that begins with its size, and for which all zeros are a value.
///
/// # Safety
/// It is `repr(C)`, its first member is the `usize` of its size, and it has no padding that matters and no member for
/// which zero is not a value.
pub(super) unsafe trait Options: Copy {
    /// What is not 0 in it and has to be: bits of its flags that have no meaning, and what is reserved.
    fn unknown(&self) -> u32;
}

// SAFETY: `repr(C)` of numbers, pointers and optional functions behind `struct_size`.
unsafe impl Options for CCompletion {
    fn unknown(&self) -> u32 {
        0
    }
}
// SAFETY: as above.
unsafe impl Options for CFactoryOptions {
    fn unknown(&self) -> u32 {
        self.reserved
    }
}
// SAFETY: as above.
unsafe impl Options for CListOptions {
    fn unknown(&self) -> u32 {
        self.flags & !FSPLUG_RECURSIVE
    }
}
// SAFETY: as above.
unsafe impl Options for COpenOptions {
    fn unknown(&self) -> u32 {
        0
    }
}
// SAFETY: as above.
unsafe impl Options for CCreateOptions {
    fn unknown(&self) -> u32 {
        self.flags & !(FSPLUG_OVERWRITE | FSPLUG_INJECT_ENTROPY) | self.reserved
    }
}
// SAFETY: as above.
unsafe impl Options for CCopyOptions {
    fn unknown(&self) -> u32 {
        self.reserved
    }
}

/// The caller's struct: what an older caller does not know of is zero, and what this build does not know of has to be.
///
/// # Safety
/// `options` is null or points to as many readable bytes as its first member says.
pub(super) unsafe fn options<T: Options>(options: *const T) -> Result<Option<T>> {
    // SAFETY: the caller's promise is passed on.
    let read = unsafe { known_part(options)? };
    read.map(|(known, is_all)| is_all.map(|()| known)).transpose()
}

/// What this build knows of the caller's struct, and an error if that is not all that the caller set.
///
/// # Safety
/// As for [`options`].
pub(super) unsafe fn known_part<T: Options>(options: *const T) -> Result<Option<(T, Result<()>)>> {
    if options.is_null() {
        return Ok(None);
    }
    let bytes = options.cast::<u8>();
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller says that it points to a struct that begins with its size.
    let size = unsafe { bytes.cast::<usize>().read_unaligned() };
    if !(size_of::<usize>()..=MAX_STRUCT).contains(&size) {
        return Err(refused(format!(
            "struct_size is {size} where a struct of {} bytes is expected",
            size_of::<T>()
        )));
    }
    let common = size.min(size_of::<T>());
    // SAFETY: `common` bytes can be read, as the caller says, and fit into the struct; the two do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(bytes, known.as_mut_ptr().cast::<u8>(), common) };
    // SAFETY: all zeros are a value of `T`, and so is what a caller put into its members.
    let known = unsafe { known.assume_init() };
    // SAFETY: `size` bytes can be read, as the caller says.
    let newer = unsafe { std::slice::from_raw_parts(bytes.add(common), size - common) };
    let is_all = if known.unknown() == 0 && newer.iter().all(|&byte| byte == 0) {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Unsupported,
            "the caller sets an option that this plugin is too old to know",
        )
        .with_remedy("use a newer plugin, or set to 0 what is not used"))
    };
    Ok(Some((known, is_all)))
}

/// # Safety
/// `text` is null or ends with NUL, and stays for `'a`.
pub(super) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(refused(format!("the {what} is NULL")));
    }
    // SAFETY: it is not null and ends with NUL, as the caller says.
    let text = unsafe { CStr::from_ptr(text) };
    // Not shown: it may be a secret.
    text.to_str()
        .map_err(|_| refused(format!("the {what} is not UTF-8")))
}

/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str> {
    if pointer.is_null() {
        return Ok("");
    }
    // SAFETY: the caller's promise is passed on.
    unsafe { text(pointer, what) }
}

/// # Safety
/// As for [`text`].
pub(super) unsafe fn location(path: *const c_char) -> Result<Location> {
    // SAFETY: the caller's promise is passed on.
    match unsafe { text(path, "path") } {
        Ok(text) => Location::parse(text),
        Err(error) => Err(Error::new(ErrorKind::InvalidPath, error.message())
            .with_remedy("pass scheme://authority/key in UTF-8")),
    }
}

/// An array of the caller's; null only if it is empty.
///
/// # Safety
/// `items` is null or points to `count` valid items that stay for `'a`.
pub(super) unsafe fn array<'a, T>(items: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    let size = count.checked_mul(size_of::<T>());
    if items.is_null() || !items.is_aligned() || size.is_none_or(|size| size > isize::MAX as usize) {
        return Err(refused(format!(
            "there are {count} {what}, but they are NULL or cannot be so many"
        )));
    }
    // SAFETY: it is neither null nor misaligned nor too large, and holds `count` items, as the caller says.
    Ok(unsafe { std::slice::from_raw_parts(items, count) })
}

/// # Safety
/// `pairs` is null or points to `count` pairs of texts that end with NUL.
pub(super) unsafe fn config(pairs: *const CPair, count: usize) -> Result<Config> {
    let mut config = Config::default();
    // SAFETY: the caller's promise is passed on.
    for pair in unsafe { array(pairs, count, "pairs")? } {
        // SAFETY: as above.
        let (key, value) = unsafe { (text(pair.key, "key")?, text(pair.value, "value")) };
        let value = value.map_err(|_| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("the value of '{key}' is NULL or not UTF-8"),
            )
            .with_remedy("set it, in UTF-8")
        })?;
        config.set(key, value);
    }
    Ok(config)
}

/// # Safety
/// `extensions` is null or points to `count` extensions whose texts are null or end with NUL.
pub(super) unsafe fn extensions(extensions: *const CExtension, count: usize) -> Result<Extensions> {
    let mut known = Extensions::default();
    // SAFETY: the caller's promise is passed on.
    for extension in unsafe { array(extensions, count, "extensions")? } {
        let critical = extension.critical != 0;
        // SAFETY: as above.
        let key = unsafe { text(extension.key, "key")? };
        if extension.text.is_null() {
            known.set(key, extension.number, critical);
        } else {
            // SAFETY: as above.
            known.set(
                key,
                unsafe { text(extension.text, "value of an option")? },
                critical,
            );
        }
    }
    Ok(known)
}

/// # Safety
/// `state` is null or points to `size` readable bytes.
pub(super) unsafe fn recoverable(version: u32, state: *const u8, size: usize) -> Result<Recoverable> {
    // SAFETY: the caller's promise is passed on.
    let bytes = unsafe { array(state, size, "bytes of state")? };
    Ok(Recoverable::new(version, bytes.to_vec()))
}

/// Where the caller wants a result.
pub(super) struct Out<T>(NonNull<T>);

// SAFETY: the caller lends the place to the operation until it has ended, on whichever thread that is.
unsafe impl<T> Send for Out<T> {}

impl<T> Out<T> {
    /// Puts `nothing` there for as long as there is no result. Of all arguments this is the first to be read, so that
    /// nothing is there as well if another one is refused.
    ///
    /// # Safety
    /// `place` is null or may be written to, and nobody else uses it, until the operation has ended.
    pub(super) unsafe fn new(place: *mut T, nothing: T) -> Result<Self> {
        // SAFETY: the caller's promise is passed on.
        unsafe { Self::optional(place, nothing) }?.ok_or_else(|| refused("the place for the result is NULL"))
    }

    /// The same for a result that the caller may not want.
    ///
    /// # Safety
    /// As for [`new`](Self::new).
    pub(super) unsafe fn optional(place: *mut T, nothing: T) -> Result<Option<Self>> {
        let Some(place) = NonNull::new(place) else {
            return Ok(None);
        };
        if !place.is_aligned() {
            return Err(refused("the place for the result is not aligned"));
        }
        // SAFETY: it is aligned, and may be written to, as the caller says.
        unsafe { place.write(nothing) };
        Ok(Some(Self(place)))
    }

    /// Several in a row; null only if there are none.
    ///
    /// # Safety
    /// `first` is null or the first of `count` places, each as for [`new`](Self::new).
    pub(super) unsafe fn several(first: *mut T, count: usize, nothing: T) -> Result<Vec<Self>>
    where
        T: Copy,
    {
        // SAFETY: the caller's promise is passed on; whether there is a value in them does not matter.
        let places = unsafe { array(first.cast::<MaybeUninit<T>>(), count, "places for results")? };
        (0..places.len())
            // SAFETY: as above; each is inside of what was just found to be an array.
            .map(|index| unsafe { Self::new(first.add(index), nothing) })
            .collect()
    }

    pub(super) fn set(self, value: T) {
        // SAFETY: `new` was promised a place that may be written to until the operation has ended.
        unsafe { self.0.write(value) };
    }
}

/// Memory that the caller lends for the time of the operation.
pub(super) struct Lent {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the caller lends the memory to the operation until it has ended, on whichever thread that is.
unsafe impl Send for Lent {}
// SAFETY: shared access only reads.
unsafe impl Sync for Lent {}

impl Lent {
    /// # Safety
    /// `start` is null or points to `size` bytes that stay, and that nobody writes to, until the operation has ended.
    pub(super) unsafe fn new(start: *const u8, size: usize) -> Result<Self> {
        match NonNull::new(start.cast_mut()) {
            Some(start) if size <= isize::MAX as usize => Ok(Self { start, size }),
            None if size == 0 => Ok(Self {
                start: NonNull::dangling(),
                size,
            }),
            _ => Err(refused(format!(
                "there are {size} bytes, but they are NULL or cannot be so many"
            ))),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: not null, not too large, and lent for the operation, which this value does not outlive.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.size) }
    }
}

/// Memory that the caller lends to be written to.
pub(super) struct LentMut(Lent);

impl LentMut {
    /// # Safety
    /// `start` is null or points to `size` bytes that may be written to, and that nobody else uses, until the operation
    /// has ended.
    pub(super) unsafe fn new(start: *mut u8, size: usize) -> Result<Self> {
        // SAFETY: the caller's promise is passed on.
        unsafe { Lent::new(start, size) }.map(Self)
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: not null, not too large, and lent for this operation alone, which this value does not outlive.
        unsafe { std::slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.size) }
    }
}
