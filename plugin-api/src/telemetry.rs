//! [`HostSubscriber`]: sends what the plugin logs with `tracing` to the host.
//!
//! A plugin has its own copy of `tracing` with its own statics, so that nothing it logs would reach
//! the host by itself. [`install`] makes a [`HostSubscriber`] the default subscriber of that copy.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tracing_core::callsite::Identifier;
use tracing_core::field::{Field, Visit};
use tracing_core::metadata::LevelFilter;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Dispatch, Event, Interest, Metadata, Subscriber};

use crate::{Callsite, CallsiteKind, FieldValue, HostRef, Level};

/// The number of spans that the host does not want, and the parent of what has none: it never
/// stands for a span of the host.
const NO_SPAN: u64 = u64::MAX;

/// What is shown in the place of a value that is withheld.
const WITHHELD: &str = "<withheld>";

/// What [`withhold`] was given.
static WITHHELD_FIELDS: OnceLock<&'static [(&'static str, &'static str)]> = OnceLock::new();

/// A `tracing` subscriber that forwards events and spans to the [`Host`](crate::Host).
///
/// Each callsite is made known to the host once, at its first use while its level is wanted. What
/// the host does not want is switched off at its callsite and then costs one comparison; after the
/// host has changed its filters, [`refresh`] asks it again.
pub struct HostSubscriber {
    host: HostRef,
    callsites: RwLock<HashMap<Identifier, u64>>,
    /// Open spans by number: how many handles there are, and the callsite.
    spans: Mutex<HashMap<u64, OpenSpan>>,
}

struct OpenSpan {
    handles: usize,
    metadata: &'static Metadata<'static>,
}

thread_local! {
    /// The spans that this thread has entered, the innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Whether the default of this copy of `tracing` is a [`HostSubscriber`].
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Makes a [`HostSubscriber`] the default of this copy of `tracing`. Does nothing if there is a
/// default already, as in a program that links the plugin.
pub fn install(host: HostRef) {
    // The error says only that another default was first.
    if tracing_core::dispatcher::set_global_default(Dispatch::new(HostSubscriber::new(host))).is_ok() {
        IS_INSTALLED.store(true, Ordering::Release);
    }
}

/// Asks the host again what it wants; to be called after the host has changed its filters. Does nothing where
/// [`install`] did nothing: this copy of `tracing` is the host's own then, and to ask its callsites from here could
/// take the subscriber of this thread, or that it has none, for that of the process.
pub fn refresh() {
    if IS_INSTALLED.load(Ordering::Acquire) {
        tracing_core::callsite::rebuild_interest_cache();
    }
}

/// Keeps the values of these fields from the host, each given as target and name: those in which a library logs what
/// may be a secret, such as the body of a request. Their events are still logged, without these values. To be called
/// by the factory's constructor, before it logs anything; only the first call counts.
pub fn withhold(fields: &'static [(&'static str, &'static str)]) {
    // A second host in the same process asks for the same.
    let _ = WITHHELD_FIELDS.set(fields);
}

/// Logs panics as errors, with thread and place, instead of writing them to the standard error
/// stream. A panic that nobody would see in the log is still written there.
///
/// Only for a plugin that is a library of its own: a program has one panic hook, which is not the
/// plugin's to replace.
pub fn install_panic_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !tracing::event_enabled!(tracing::Level::ERROR) {
            previous(panic);
            return;
        }
        let text = panic.payload_as_str().unwrap_or("a value that is not a text");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "panic: {text}");
    }));
}

impl HostSubscriber {
    /// A subscriber that forwards to this host.
    pub fn new(host: HostRef) -> Self {
        Self {
            host,
            callsites: RwLock::default(),
            spans: Mutex::default(),
        }
    }

    /// The host's number of a callsite, which is made known at its first use.
    fn callsite(&self, metadata: &'static Metadata<'static>) -> u64 {
        self.known_callsite(metadata).unwrap_or_else(|| {
            // Not under the lock: the host may log by itself.
            let number = self.host.register_callsite(&describe(metadata));
            let mut callsites = self.callsites.write().unwrap_or_else(PoisonError::into_inner);
            *callsites.entry(metadata.callsite()).or_insert(number)
        })
    }

    fn known_callsite(&self, metadata: &Metadata<'_>) -> Option<u64> {
        let callsites = self.callsites.read().unwrap_or_else(PoisonError::into_inner);
        callsites.get(&metadata.callsite()).copied()
    }

    fn spans(&self) -> MutexGuard<'_, HashMap<u64, OpenSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_level_wanted(&self, metadata: &Metadata<'_>) -> bool {
        self.host
            .max_level()
            .is_some_and(|max| level_of(*metadata.level()) <= max)
    }
}

impl fmt::Debug for HostSubscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostSubscriber").finish_non_exhaustive()
    }
}

impl Subscriber for HostSubscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_level_wanted(metadata) && self.host.is_enabled(self.callsite(metadata)) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_level_wanted(metadata)
            && self
                .known_callsite(metadata)
                .is_some_and(|callsite| self.host.is_enabled(callsite))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.host.max_level() {
            None => LevelFilter::OFF,
            Some(Level::Error) => LevelFilter::ERROR,
            Some(Level::Warn) => LevelFilter::WARN,
            Some(Level::Info) => LevelFilter::INFO,
            Some(Level::Debug) => LevelFilter::DEBUG,
            Some(Level::Trace) => LevelFilter::TRACE,
        })
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let parent = parent_number(span.parent(), span.is_root());
        let metadata = span.metadata();
        let mut values = Values::of(metadata);
        span.record(&mut values);
        let number = match self
            .host
            .new_span(self.callsite(metadata), parent, &values.fields)
        {
            // `tracing` has no number for "no span".
            0 => NO_SPAN,
            number => number,
        };
        if number != NO_SPAN {
            self.spans().insert(number, OpenSpan { handles: 1, metadata });
        }
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, record: &Record<'_>) {
        let number = span.into_u64();
        let Some(metadata) = self.spans().get(&number).map(|open| open.metadata) else {
            return;
        };
        let mut values = Values::of(metadata);
        record.record(&mut values);
        self.host.record(number, &values.fields);
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut values = Values::of(metadata);
        event.record(&mut values);
        let parent = parent_number(event.parent(), event.is_root());
        self.host.event(self.callsite(metadata), parent, &values.fields);
    }

    fn enter(&self, span: &Id) {
        let number = span.into_u64();
        ENTERED.with_borrow_mut(|entered| entered.push(number));
        if is_span(span) {
            self.host.enter_span(number);
        }
    }

    fn exit(&self, span: &Id) {
        let number = span.into_u64();
        ENTERED.with_borrow_mut(|entered| {
            // Spans may be left in another order than the reverse of their entering.
            if let Some(at) = entered.iter().rposition(|&it| it == number) {
                entered.remove(at);
            }
        });
        if is_span(span) {
            self.host.exit_span(number);
        }
    }

    fn clone_span(&self, span: &Id) -> Id {
        if let Some(open) = self.spans().get_mut(&span.into_u64()) {
            open.handles += 1;
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let number = span.into_u64();
        {
            let mut spans = self.spans();
            let Some(open) = spans.get_mut(&number) else {
                return false;
            };
            open.handles -= 1;
            if open.handles > 0 {
                return false;
            }
            spans.remove(&number);
        }
        self.host.close_span(number);
        true
    }

    fn current_span(&self) -> Current {
        let Some(number) = ENTERED.with_borrow(|entered| entered.last().copied()) else {
            return Current::none();
        };
        match self.spans().get(&number) {
            Some(open) => Current::new(Id::from_u64(number), open.metadata),
            None => Current::none(),
        }
    }
}

fn is_span(span: &Id) -> bool {
    span.into_u64() != NO_SPAN
}

/// 0 leaves the choice to what the thread has entered.
fn parent_number(parent: Option<&Id>, is_root: bool) -> u64 {
    match parent {
        Some(parent) => parent.into_u64(),
        None if is_root => NO_SPAN,
        None => 0,
    }
}

fn level_of(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warn,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}

fn describe(metadata: &Metadata<'_>) -> Callsite {
    Callsite {
        kind: if metadata.is_span() {
            CallsiteKind::Span
        } else {
            CallsiteKind::Event
        },
        name: metadata.name().to_owned(),
        target: metadata.target().to_owned(),
        level: level_of(*metadata.level()),
        file: metadata.file().unwrap_or_default().to_owned(),
        line: metadata.line().unwrap_or_default(),
        fields: metadata
            .fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect(),
    }
}

/// Collects the values of an event or span.
struct Values {
    target: &'static str,
    fields: Vec<(u32, FieldValue)>,
}

impl Values {
    fn of(metadata: &Metadata<'static>) -> Self {
        Self {
            target: metadata.target(),
            fields: Vec::new(),
        }
    }

    /// Takes the value, which is not even made if it is to be withheld.
    fn push(&mut self, field: &Field, value: impl FnOnce() -> FieldValue) {
        let withheld = WITHHELD_FIELDS.get().copied().unwrap_or_default();
        let value = if withheld.contains(&(self.target, field.name())) {
            FieldValue::Formatted(WITHHELD.to_owned())
        } else {
            value()
        };
        self.fields.push((field.index() as u32, value));
    }
}

impl Visit for Values {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, || FieldValue::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, || FieldValue::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, || FieldValue::U64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, || FieldValue::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, || FieldValue::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, || FieldValue::Formatted(value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, || FieldValue::Formatted(format!("{value:?}")));
    }
}
