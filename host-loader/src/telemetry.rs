//! [`HostTelemetry`]: what plugins log, trace and measure arrives in this process's `tracing`.
//!
//! A plugin's events and spans look as if the host had logged them: with their own target, level,
//! file, line and fields, filtered by the host's filters, and inside the span that the host was in
//! when it called the plugin. The events of a host made for one plugin
//! ([`HostTelemetry::for_plugin`]) also carry its name.

mod callsites;
mod facade;
mod filter_changes;
mod measurements;
mod spans;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use plugin_api::{Callsite, CallsiteKind, Fields, Host, Level, Measurement, MemoryPressure};
use tracing_core::metadata::LevelFilter;
use tracing_core::span::{Attributes, Record};
use tracing_core::{Dispatch, Event, dispatcher};

use callsites::HostCallsite;
pub(crate) use filter_changes::{FilterListener, a_plugin_is_loaded, tell_of_filter_changes};
pub(crate) use measurements::{Measurements, Measuring};
use spans::{OpenSpan, Parent, Spans};

use crate::metrics::Series;

/// The host that plugins see. It forwards to the default `tracing` subscriber of the calling thread, and what is
/// measured to the recorder of the `metrics` crate, if there is one.
#[derive(Default)]
pub struct HostTelemetry {
    plugin_name: String,
    /// The subscriber to use instead of the default one.
    fixed: Option<Dispatch>,
    spans: Spans,
    measurements: Arc<Measurements>,
}

impl HostTelemetry {
    /// A host for any plugin.
    pub fn new() -> Self {
        Self::default()
    }

    /// The host of the plugin with this name, which its events carry as the field `plugin`.
    pub fn for_plugin(name: impl Into<String>) -> Self {
        let name = name.into();
        let measurements = Arc::new(Measurements::of_plugin(&name));
        Self::keeping(name, measurements)
    }

    /// The same, with its measurements in this place.
    pub(crate) fn keeping(plugin_name: String, measurements: Arc<Measurements>) -> Self {
        Self {
            plugin_name,
            measurements,
            ..Self::default()
        }
    }

    /// Forwards to this subscriber, whatever the default is.
    #[must_use]
    pub fn with_dispatch(mut self, dispatch: Dispatch) -> Self {
        self.fixed = Some(dispatch);
        self
    }

    /// What the plugin has measured so far, in no particular order.
    pub fn measurements(&self) -> Vec<Series> {
        self.measurements.snapshot()
    }

    /// The subscriber in use.
    ///
    /// Spans must not be handled inside `get_default`: a subscriber that uses the default itself
    /// (the registry of `tracing-subscriber` does so to close spans) would get none there.
    fn dispatch(&self) -> Dispatch {
        match &self.fixed {
            Some(dispatch) => dispatch.clone(),
            None => dispatcher::get_default(Dispatch::clone),
        }
    }

    fn is_wanted(&self, callsite: &'static HostCallsite, dispatch: &Dispatch) -> bool {
        callsite.is_interesting(self.fixed.as_ref()) && dispatch.enabled(callsite.metadata())
    }
}

thread_local! {
    static FORWARDING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, unless it was called from itself: from a subscriber that logs through a plugin, or one
/// that sends back what it gets, as a linked plugin's own does where it is the default.
fn unless_forwarding<T>(f: impl FnOnce() -> T) -> Option<T> {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            FORWARDING.set(false);
        }
    }
    if FORWARDING.replace(true) {
        return None;
    }
    let _reset = Reset;
    Some(f())
}

impl fmt::Debug for HostTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostTelemetry")
            .field("plugin_name", &self.plugin_name)
            .finish_non_exhaustive()
    }
}

impl Host for HostTelemetry {
    fn max_level(&self) -> Option<Level> {
        match LevelFilter::current() {
            LevelFilter::OFF => None,
            LevelFilter::ERROR => Some(Level::Error),
            LevelFilter::WARN => Some(Level::Warn),
            LevelFilter::INFO => Some(Level::Info),
            LevelFilter::DEBUG => Some(Level::Debug),
            LevelFilter::TRACE => Some(Level::Trace),
        }
    }

    fn register_callsite(&self, callsite: &Callsite) -> u64 {
        let labelled = callsite.kind == CallsiteKind::Event && !self.plugin_name.is_empty();
        callsites::register(callsite, labelled)
    }

    fn is_enabled(&self, callsite: u64) -> bool {
        callsites::get(callsite).is_some_and(|callsite| callsite.is_interesting(self.fixed.as_ref()))
    }

    fn event(&self, callsite: u64, parent: u64, fields: &Fields) {
        let Some(callsite) = callsites::get(callsite) else {
            return;
        };
        let metadata = callsite.metadata();
        let parent = self.spans.parent(parent);
        let send = |dispatch: &Dispatch| {
            if !self.is_wanted(callsite, dispatch) {
                return;
            }
            callsite.with_values(fields, &self.plugin_name, |values| {
                dispatch.event(&match &parent {
                    Parent::Current => Event::new(metadata, values),
                    Parent::None => Event::new_child_of(None, metadata, values),
                    Parent::Span(parent) => Event::new_child_of(parent.clone(), metadata, values),
                });
            });
        };
        unless_forwarding(|| match &self.fixed {
            Some(dispatch) => send(dispatch),
            None => dispatcher::get_default(send),
        });
    }

    fn new_span(&self, callsite: u64, parent: u64, fields: &Fields) -> u64 {
        let Some(callsite) = callsites::get(callsite) else {
            return 0;
        };
        let dispatch = self.dispatch();
        let metadata = callsite.metadata();
        let made = unless_forwarding(|| {
            self.is_wanted(callsite, &dispatch).then(|| {
                callsite.with_values(fields, "", |values| {
                    dispatch.new_span(&match self.spans.parent(parent) {
                        Parent::Current => Attributes::new(metadata, values),
                        Parent::None => Attributes::new_root(metadata, values),
                        Parent::Span(parent) => Attributes::child_of(parent, metadata, values),
                    })
                })
            })
        });
        made.flatten().map_or(0, |id| {
            self.spans.insert(OpenSpan {
                dispatch,
                id,
                callsite,
            })
        })
    }

    fn record(&self, span: u64, fields: &Fields) {
        if let Some(span) = self.spans.get(span) {
            span.callsite.with_values(fields, "", |values| {
                span.dispatch.record(&span.id, &Record::new(values));
            });
        }
    }

    fn enter_span(&self, span: u64) {
        if let Some(span) = self.spans.get(span) {
            span.dispatch.enter(&span.id);
        }
    }

    fn exit_span(&self, span: u64) {
        if let Some(span) = self.spans.get(span) {
            span.dispatch.exit(&span.id);
        }
    }

    fn close_span(&self, span: u64) {
        if let Some(span) = self.spans.remove(span) {
            span.dispatch.try_close(span.id.clone());
        }
    }

    fn measure(&self, measurement: &Measurement<'_>) {
        self.measurements.add(measurement);
    }

    fn memory_budget(&self) -> u64 {
        0
    }

    fn memory_pressure(&self) -> MemoryPressure {
        MemoryPressure::Low
    }
}
