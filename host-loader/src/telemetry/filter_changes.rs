//! Tells plugins when the log filters of this process change.
//!
//! A plugin keeps to what was wanted when it last asked. `tracing` asks every callsite of the process anew after
//! each change, those of plugins in this process included, but not those in the plugin's own copy of `tracing`.
//! So one callsite is registered here only to be asked.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tracing_core::metadata::Kind;
use tracing_core::{Callsite, Interest, Level, Metadata, callsite};

/// Whoever wants to know.
pub(crate) trait FilterListener: Send + Sync {
    /// The filters have changed. May block.
    fn filters_changed(&self);
}

/// From now on `listener` is told of each change, on a thread of its own and soon after, as long as it lives.
pub(crate) fn tell_of_filter_changes(listener: Weak<dyn FilterListener>) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| callsite::register(&SENTINEL));
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.retain(|listener| listener.strong_count() > 0);
    listeners.push(listener);
}

/// From now on there may be a plugin that has to know. Before, no thread is started: a program may still fork.
pub(crate) fn a_plugin_is_loaded() {
    HAS_PLUGINS.store(true, Ordering::Release);
}

static LISTENERS: Mutex<Vec<Weak<dyn FilterListener>>> = Mutex::new(Vec::new());

static HAS_PLUGINS: AtomicBool = AtomicBool::new(false);

/// How long after a change plugins are told of it.
const SETTLING: Duration = Duration::from_millis(20);

/// Whether a change is still to be told.
static UNTOLD: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread is telling of a change, so that what it asks anew is no change.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Logs nothing; `tracing` asks it together with all others.
struct Sentinel;

static SENTINEL: Sentinel = Sentinel;

static METADATA: Metadata<'static> = tracing_core::metadata! {
    name: "filters changed",
    target: module_path!(),
    level: Level::TRACE,
    fields: &[],
    callsite: &SENTINEL,
    kind: Kind::EVENT,
};

impl Callsite for Sentinel {
    /// This is called under locks of `tracing`, so that nothing can be done here but to see that it is done.
    fn set_interest(&self, _: Interest) {
        if HAS_PLUGINS.load(Ordering::Acquire) && !TELLING.get() && !UNTOLD.swap(true, Ordering::AcqRel) {
            ::blocking::unblock(tell).detach();
        }
    }

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

fn tell() {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            TELLING.set(false);
        }
    }
    TELLING.set(true);
    let _reset = Reset;
    // Whoever changed the filters is still asking all callsites, and sets the greatest level last. There is no way to
    // wait for that: to ask them anew from here would take the subscriber of this thread, or that it has none, for
    // that of the process.
    thread::sleep(SETTLING);
    UNTOLD.store(false, Ordering::Release);
    let listeners: Vec<_> = {
        let listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().filter_map(Weak::upgrade).collect()
    };
    if listeners.is_empty() {
        return;
    }
    for listener in listeners {
        listener.filters_changed();
    }
}
