//! A plugin and a host in one process: every call goes through the vtables.

mod plugin;

use std::ffi::c_void;
use std::future::Future as _;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use super::ready;
use crate::*;
use plugin::{OBSERVED, Observed, ROOT};

fn load() -> (Arc<dyn FileSystemFactory>, Arc<dyn FileSystem>, Arc<Observed>) {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let observed = Arc::new(Observed::default());
    *OBSERVED.lock().unwrap() = Some(Arc::clone(&observed));
    let symbol: *const c_void = (&raw const ROOT).cast();
    // SAFETY: `ROOT` is the content of a loader symbol and lives for ever.
    let factory = unsafe { abi::load_factory(symbol, Arc::new(SilentHost)) }.unwrap();
    let config = Config::from_pairs([("a", "1"), ("b", "2")]);
    let fs = ready(factory.create(&at(""), &config)).unwrap();
    assert_eq!(observed.last(), r#"create probe://x/ [("a", "1"), ("b", "2")]"#);
    (factory, fs, observed)
}

fn at(key: &str) -> Location {
    Location::new("probe", "x", key).unwrap()
}

#[test]
fn statuses_options_and_unknown_capabilities_arrive_whole() {
    let (_, fs, observed) = load();
    assert_eq!(fs.capabilities().bits(), 1 << 60 | 1);
    let status = ready(fs.status(&at("a//b%2F"))).unwrap();
    assert_eq!(status.location, at("a//b%2F"));
    assert_eq!(
        (status.len, status.etag.as_str(), status.attribute("version-id")),
        (7, "\"e\"", Some("v1"))
    );
    assert_eq!(
        status.modified,
        Some(SystemTime::UNIX_EPOCH - Duration::from_millis(5))
    );

    let mut open = OpenOptions {
        buffer_size: 9,
        if_match: "x".into(),
        ..OpenOptions::default()
    };
    open.status = Some(status);
    open.extensions.set("n", -3, true);
    open.extensions.set("t", "text", false);
    drop(ready(fs.open(&at("k"), &open)).unwrap());
    assert_eq!(observed.last(), format!("open probe://x/k {open:?}"));

    let create = CreateOptions {
        content_type: "text/plain".into(),
        size_hint: 5,
        ..CreateOptions::overwrite()
    };
    let error = ready(fs.create(&at("k"), &create)).err().unwrap();
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::AlreadyExists, "probe://x/k")
    );
    assert_eq!(observed.last(), format!("create probe://x/k {create:?}"));

    let list = ListOptions {
        page_size: 3,
        ..ListOptions::recursive()
    };
    let mut lister = ready(fs.list(&at("d"), &list)).unwrap();
    assert_eq!(observed.last(), format!("list probe://x/d {list:?}"));
    assert_eq!(
        ready(lister.next_page()).unwrap().unwrap(),
        [FileStatus::directory(at("d"))]
    );
    assert_eq!(ready(lister.next_page()).unwrap(), None);
    assert!(ready(fs.delete(&at("d"), true)).unwrap());
    assert_eq!(fs.entropy_key().as_deref(), Some("_e_"));
    assert_eq!(
        fs.recoverable_writer().err().unwrap().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn reads_share_the_plugins_memory_and_read_into_fills_the_callers() {
    let (_, fs, _) = load();
    let mut stream = ready(fs.open(&at("k"), &OpenOptions::default())).unwrap();
    let (first, again) = (ready(stream.read(150)).unwrap(), {
        stream.seek(0).unwrap();
        ready(stream.read(150)).unwrap()
    });
    assert_eq!((first.len(), first.as_ptr()), (150, again.as_ptr()));
    let mut buffer = [0; 100];
    assert_eq!(
        (
            ready(stream.read_into(&mut buffer)).unwrap(),
            buffer[0],
            buffer[49]
        ),
        (50, 150, 199)
    );
    assert_eq!(ready(stream.read(1)).unwrap(), Bytes::new());
    let ranges: [Range<u64>; 2] = [5..8, 0..2];
    assert_eq!(
        ready(stream.read_ranges(&ranges)).unwrap(),
        [&[5, 6, 7][..], &[0, 1]]
    );
    assert_eq!((stream.position(), stream.len()), (200, 200));
}

#[test]
fn a_panic_becomes_an_error_with_its_text_and_the_plugin_goes_on() {
    let (_, fs, observed) = load();
    let error = ready(fs.status(&at("panic"))).unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::PluginPanic, "status")
    );
    assert!(error.message().contains("a text with arguments"), "{error}");
    let mut stream = ready(fs.open(&at("k"), &OpenOptions::default())).unwrap();
    assert_eq!(stream.seek(201).unwrap_err().kind(), ErrorKind::PluginPanic);
    // The stream's own drop panics too, inside the plugin.
    drop(stream);
    assert_eq!(observed.dropped_inside.load(Ordering::SeqCst), 1);
    assert!(ready(fs.status(&at("k"))).is_ok());
}

#[test]
fn dropping_a_future_drops_the_plugins_at_once_inside_its_runtime() {
    let (_, fs, observed) = load();
    let path = at("never");
    let mut future = Box::pin(fs.status(&path));
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert!(!observed.cancelled.load(Ordering::SeqCst));
    drop(future);
    assert!(observed.cancelled.load(Ordering::SeqCst));
}

#[test]
fn every_poll_enters_the_runtime() {
    let (_, fs, observed) = load();
    let before = observed.entered.load(Ordering::SeqCst);
    ready(fs.mkdirs(&at("d"))).unwrap();
    assert!(observed.entered.load(Ordering::SeqCst) > before);
    assert!(!observed.inside.load(Ordering::SeqCst));
}

#[test]
fn progress_and_tokens_cross_in_both_directions() {
    /// Bytes, or `None` for the end of a request.
    type Reports = Vec<(usize, Option<u64>)>;
    #[derive(Default)]
    struct Recorded(Arc<Mutex<Reports>>);
    impl CopyProgress for Recorded {
        fn advanced(&self, request: usize, bytes: u64) {
            self.0.lock().unwrap().push((request, Some(bytes)));
        }
        fn finished(&self, request: usize) {
            self.0.lock().unwrap().push((request, None));
        }
    }
    let (factory, fs, observed) = load();
    let copy = fs.bulk_copy().unwrap();
    let target = Location::parse("file:///t").unwrap();
    assert!(copy.can_copy(&at("a"), &target) && !copy.can_copy(&target, &at("a")));
    let request = |size_hint| CopyRequest {
        source: at("a"),
        target: target.clone(),
        size_hint,
    };
    let recorded = Recorded::default();
    let seen = Arc::clone(&recorded.0);
    ready(copy.copy_files(
        &[request(3), request(4)],
        &CopyOptions::default(),
        Box::new(recorded),
    ))
    .unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [(0, Some(3)), (0, None), (1, Some(4)), (1, None)]
    );

    let provider = factory
        .delegation_token_provider(&Config::default())
        .unwrap()
        .unwrap();
    let receiver = factory.delegation_token_receiver().unwrap();
    assert_eq!(
        (provider.service_name(), provider.is_required()),
        (receiver.service_name(), true)
    );
    let token = ready(provider.obtain()).unwrap();
    ready(receiver.receive(&token)).unwrap();
    assert_eq!(
        observed.last(),
        format!("receive {:?} {:?}", token.bytes, token.valid_until)
    );
}

#[test]
fn a_diagnosis_arrives_whole() {
    let (factory, _, observed) = load();
    let mut options = DiagnosisOptions::default().read_only(true);
    options.extensions.set("n", 7, false);
    let probes = ready(factory.diagnose(&at("dir"), &Config::default(), &options)).unwrap();
    assert_eq!(observed.last(), format!("diagnose probe://x/dir {options:?}"));
    let facts = probes.iter().map(|probe| {
        let kind = probe.error.as_ref().map(Error::kind);
        (
            probe.stage.as_str(),
            probe.outcome,
            probe.found.as_str(),
            probe.remedy.as_str(),
            kind,
        )
    });
    assert_eq!(
        facts.collect::<Vec<_>>(),
        [
            ("dns", Outcome::Passed, "found", "", None),
            ("clock", Outcome::Warning, "late", "set it", None),
            (
                "put",
                Outcome::Failed,
                "no",
                "ask",
                Some(ErrorKind::PermissionDenied)
            ),
            ("get", Outcome::Skipped, "needs put", "", None),
        ]
    );
    assert_eq!(probes[0].took, Duration::from_micros(1_500));
}
