//! Tells plugins when the log filters of this process change.
//!
//! A plugin keeps to what was wanted when it last asked. `tracing` asks every callsite of the process anew after
//! each change, those of plugins in this process included, but not those in the plugin's own copy of `tracing`.
//! So one callsite is registered here only to be asked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// Changes that are still to be told. Whoever counts the first one starts to tell, and goes on until none is left.
static UNTOLD: AtomicUsize = AtomicUsize::new(0);

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
        if HAS_PLUGINS.load(Ordering::Acquire) && UNTOLD.fetch_add(1, Ordering::AcqRel) == 0 {
            ::blocking::unblock(tell).detach();
        }
    }

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

fn tell() {
    loop {
        let untold = UNTOLD.load(Ordering::Acquire);
        // Whoever changed the filters is still asking all callsites, and sets the greatest level last. There is no way
        // to wait for that: to ask them anew from here would take the subscriber of this thread, or that it has none,
        // for that of the process.
        thread::sleep(SETTLING);
        let listeners: Vec<_> = {
            let listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.iter().filter_map(Weak::upgrade).collect()
        };
        for listener in listeners {
            listener.filters_changed();
        }
        // Unless there were others meanwhile, which may have been too late to be seen.
        if UNTOLD
            .compare_exchange(untold, 0, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return;
        }
    }
}
