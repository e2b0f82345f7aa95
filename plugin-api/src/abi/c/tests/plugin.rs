//! A plugin whose paths say how it behaves, and its table.

use std::ffi::CString;
use std::ops::Range;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::abi::Export;
use crate::abi::c::table::{CApi, FSPLUG_OK};
use crate::abi::c::types::{CError, CFactory, CFileSystem, CInputStream};
use crate::*;

/// What `t://<authority>` is doing; each test has an authority of its own.
#[derive(Default)]
pub(super) struct State {
    /// Operations that wait.
    pub(super) waiting: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
    is_free: Mutex<bool>,
    pub(super) shut_down: AtomicUsize,
}

impl State {
    /// Lets all that wait go on.
    pub(super) fn set_free(&self) {
        *self.is_free.lock().unwrap() = true;
        for waker in self.wakers.lock().unwrap().drain(..) {
            waker.wake();
        }
    }

    /// Has every poll of what waits block until the guard is dropped.
    pub(super) fn block_polls(&self) -> MutexGuard<'_, bool> {
        self.is_free.lock().unwrap()
    }

    /// How often what waits was polled.
    pub(super) fn polls(&self) -> usize {
        self.wakers.lock().unwrap().len()
    }

    /// Wakes all that wait, for nothing.
    pub(super) fn wake(&self) {
        for waker in &*self.wakers.lock().unwrap() {
            waker.wake_by_ref();
        }
    }

    async fn wait(&self) {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        std::future::poll_fn(|context| {
            // The order keeps a waker from being left behind.
            self.wakers.lock().unwrap().push(context.waker().clone());
            match *self.is_free.lock().unwrap() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

static STATES: Mutex<Vec<(String, Arc<State>)>> = Mutex::new(Vec::new());

pub(super) fn state(authority: &str) -> Arc<State> {
    let mut states = STATES.lock().unwrap();
    if let Some((_, state)) = states.iter().find(|(name, _)| name == authority) {
        return Arc::clone(state);
    }
    let state = Arc::new(State::default());
    states.push((authority.to_owned(), Arc::clone(&state)));
    state
}

pub(super) struct Plugin;

impl Export for Plugin {
    fn new_factory(_: HostRef) -> Result<Arc<dyn FileSystemFactory>> {
        Ok(Arc::new(Factory))
    }
}

struct Factory;

#[async_trait]
impl FileSystemFactory for Factory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        if let Some(value) = config.get("t.refuse") {
            return Err(Error::new(ErrorKind::InvalidConfig, value).with_remedy("leave it out"));
        }
        assert!(root.is_root());
        Ok(Arc::new(Files(state(root.authority()))))
    }
}

struct Files(Arc<State>);

impl Files {
    /// Does what the path says before anything else.
    async fn behave(&self, path: &Location) -> Result<()> {
        match path.key() {
            "panics" => panic!("as told"),
            "waits" => {
                self.0.wait().await;
                Ok(())
            }
            "fails" => Err(Error::new(ErrorKind::Throttled, "too fast")
                .with_path(path)
                .with_retry(Retry::After(Duration::from_millis(1500)))
                .with_http_status(503)
                .with_service_code("SlowDown")
                .with_request_id("r-1")
                .with_attempts(3)
                .with_remedy("wait")),
            "missing" => Err(Error::new(ErrorKind::NotFound, "nothing there").with_path(path)),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl FileSystem for Files {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ATOMIC_CREATE | Capabilities::BULK_COPY
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        self.behave(path).await?;
        Ok(FileStatus::file(path.clone(), 7)
            .with_etag("tag")
            .with_attribute("a", "1")
            .with_attribute("b", "2"))
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        self.behave(path).await?;
        options.extensions.refuse_unknown(&["t.known"])?;
        let pages = u64::from(options.page_size);
        Ok(Box::new(Pages(path.clone(), pages)))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        if !options.if_match.is_empty() && options.if_match != "tag" {
            return Err(Error::new(ErrorKind::Changed, "another version"));
        }
        if path.key() == "loses-ranges" {
            return Ok(Box::new(LosesRanges));
        }
        Ok(Box::new(Reader {
            state: Arc::clone(&self.0),
            waits: path.key() == "read-waits",
            position: 0,
        }))
    }

    async fn create(&self, path: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.behave(path).await?;
        Err(Error::unsupported("this test", "writing"))
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        self.behave(path).await?;
        Ok(recursive)
    }

    async fn rename(&self, _: &Location, _: &Location) -> Result<()> {
        Ok(())
    }

    async fn mkdirs(&self, _: &Location) -> Result<()> {
        Ok(())
    }

    fn entropy_key(&self) -> Option<String> {
        Some("_key_".to_owned())
    }

    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        Ok(Arc::new(Copier))
    }

    async fn close(&self, _: Duration) -> Result<()> {
        self.0.shut_down.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct Pages(Location, u64);

#[async_trait]
impl Lister for Pages {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        if self.1 == 0 {
            return Ok(None);
        }
        self.1 -= 1;
        Ok(Some(vec![
            FileStatus::directory(self.0.join("d")),
            FileStatus::file(self.0.join("f"), self.1),
        ]))
    }
}

/// What every file holds.
pub(super) static CONTENT: &[u8] = b"0123456789";

struct Reader {
    state: Arc<State>,
    waits: bool,
    position: u64,
}

#[async_trait]
impl InputStream for Reader {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        if self.waits {
            self.state.wait().await;
        }
        let start = self.position as usize;
        let end = CONTENT.len().min(start.saturating_add(max));
        self.position = end as u64;
        Ok(Bytes::from_static(&CONTENT[start..end]))
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        if position > self.len() {
            return Err(Error::new(ErrorKind::UnexpectedEof, "beyond the end"));
        }
        self.position = position;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn len(&self) -> u64 {
        CONTENT.len() as u64
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        assert!(self.position != 9, "a reader at 9 panics in drop");
    }
}

/// Forgets the last range that is asked for.
struct LosesRanges;

#[async_trait]
impl InputStream for LosesRanges {
    async fn read(&mut self, _: usize) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        Ok(vec![Bytes::from_static(CONTENT); ranges.len() - 1])
    }

    fn seek(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn position(&self) -> u64 {
        0
    }

    fn len(&self) -> u64 {
        CONTENT.len() as u64
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

struct Copier;

/// What a copier that is dropped has kept of its progress.
pub(super) static KEPT_PROGRESS: Mutex<Vec<Box<dyn CopyProgress>>> = Mutex::new(Vec::new());

#[async_trait]
impl BulkCopy for Copier {
    fn can_copy(&self, source: &Location, _: &Location) -> bool {
        source.key() == "yes"
    }

    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        _: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        for (index, request) in requests.iter().enumerate() {
            progress.advanced(index, request.size_hint);
            progress.finished(index);
        }
        KEPT_PROGRESS.lock().unwrap().push(progress);
        Ok(())
    }
}

/// The table of the plugin, as a caller gets it.
pub(super) fn api() -> CApi {
    let mut api = std::mem::MaybeUninit::<CApi>::uninit();
    // SAFETY: the table is as large as said, and filled in when the call has succeeded.
    unsafe {
        let code = super::super::fill_c_api::<Plugin>(
            crate::ABI_VERSION.major,
            api.as_mut_ptr().cast(),
            size_of::<CApi>(),
            b"{}",
        );
        assert_eq!(code, FSPLUG_OK);
        api.assume_init()
    }
}

pub(super) fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// A factory and the file system `t://<authority>`, released at the end.
pub(super) struct Door {
    pub(super) api: CApi,
    pub(super) factory: *mut CFactory,
    pub(super) fs: *mut CFileSystem,
    authority: &'static str,
}

// SAFETY: factories and file systems are shared between threads.
unsafe impl Send for Door {}
// SAFETY: as above.
unsafe impl Sync for Door {}

impl Door {
    pub(super) fn new(authority: &'static str) -> Self {
        let (api, mut factory, mut fs) = (api(), null_mut(), null_mut());
        let root = c(&format!("t://{authority}/below"));
        // SAFETY: the arguments are as fsplug.h says.
        unsafe {
            ok((api.factory_new)(null(), &raw mut factory));
            ok((api.file_system)(
                factory,
                root.as_ptr(),
                null(),
                0,
                &raw mut fs,
                null(),
            ));
        }
        Self {
            api,
            factory,
            fs,
            authority,
        }
    }

    pub(super) fn path(&self, key: &str) -> CString {
        c(&format!("t://{}/{key}", self.authority))
    }

    pub(super) fn state(&self) -> Arc<State> {
        state(self.authority)
    }

    pub(super) fn open(&self, key: &str) -> *mut CInputStream {
        let mut stream = null_mut();
        // SAFETY: the arguments are as fsplug.h says.
        ok(unsafe { (self.api.open)(self.fs, self.path(key).as_ptr(), null(), &raw mut stream, null()) });
        stream
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // SAFETY: both are released once.
        unsafe {
            (self.api.release)(self.fs.cast());
            (self.api.release)(self.factory.cast());
        }
    }
}

/// A call that has to succeed.
pub(super) fn ok(error: *mut CError) {
    if let Some((kind, text)) = taken(error) {
        panic!("{kind:?}: {text}");
    }
}

/// Kind and text of an error, which is released.
pub(super) fn taken(error: *mut CError) -> Option<(ErrorKind, String)> {
    if error.is_null() {
        return None;
    }
    // SAFETY: an error of the table, not released yet, with texts that end with NUL.
    unsafe {
        let text = std::ffi::CStr::from_ptr((*error).text)
            .to_str()
            .unwrap()
            .to_owned();
        let kind = ErrorKind::from_number((*error).kind);
        ((*error).release)(error);
        Some((kind, text))
    }
}

/// The kind of an error that a call has to give.
pub(super) fn kind(error: *mut CError) -> ErrorKind {
    taken(error).expect("the call has to fail").0
}
