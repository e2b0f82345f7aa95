//! [`Host`]: what a plugin may ask of, and tell, the program that loaded it.

use std::sync::Arc;

/// Severity of an event or span, the most severe first. The numbers cross the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Something failed for good.
    Error = 1,
    /// Something is wrong and was dealt with, or will be.
    Warn = 2,
    /// What an operator wants to see.
    Info = 3,
    /// What a developer wants to see.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// Whether a callsite is an event or a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallsiteKind {
    /// Something that happens at one moment.
    Event,
    /// Something with a beginning and an end.
    Span,
}

/// One place in the plugin's code that logs; it is registered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callsite {
    /// Event or span.
    pub kind: CallsiteKind,
    /// Name of the span or event.
    pub name: String,
    /// The target, usually a module path.
    pub target: String,
    /// Severity.
    pub level: Level,
    /// Source file, or "".
    pub file: String,
    /// Line in the source file, or 0.
    pub line: u32,
    /// The names of its fields; values refer to them by index.
    pub fields: Vec<String>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// The `Debug` or `Display` form of anything else, to be shown as it is.
    Formatted(String),
}

/// The values of an event or span: field index and value.
pub type Fields = [(u32, FieldValue)];

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A sum that only grows; values are increments.
    Counter,
    /// A level; values replace each other.
    Gauge,
    /// A distribution; values are samples.
    Histogram,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement<'a> {
    /// Name, such as `api_call_count`.
    pub name: &'a str,
    /// What it measures.
    pub kind: MetricKind,
    /// Increment, level or sample, in the unit that the name says.
    pub value: f64,
    /// Labels by key.
    pub labels: &'a [(&'a str, &'a str)],
}

/// How much memory is left for plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum MemoryPressure {
    /// No shortage.
    #[default]
    Low = 0,
    /// Give up what is only faster, such as prefetched data.
    Medium = 1,
    /// Hold only what correctness needs.
    High = 2,
}

/// The program that loaded the plugin.
///
/// Every method may be called from any thread, must return at once and must not call back into the
/// plugin. `0` is no callsite and no span.
pub trait Host: Send + Sync + 'static {
    /// Nothing less severe than this is wanted at present; `None` for nothing at all.
    fn max_level(&self) -> Option<Level>;

    /// Makes a callsite known. The number stands for it from now on.
    fn register_callsite(&self, callsite: &Callsite) -> u64;

    /// Whether events or spans of this callsite are wanted at present.
    fn is_enabled(&self, callsite: u64) -> bool;

    /// An event, inside `parent` or, if that is 0, inside the span entered on this thread.
    fn event(&self, callsite: u64, parent: u64, fields: &Fields);

    /// Begins a span. The number stands for it until it is closed.
    fn new_span(&self, callsite: u64, parent: u64, fields: &Fields) -> u64;

    /// Adds values to a span.
    fn record(&self, span: u64, fields: &Fields);

    /// This thread enters the span.
    fn enter_span(&self, span: u64);

    /// This thread leaves the span.
    fn exit_span(&self, span: u64);

    /// Ends a span; its number means nothing any more.
    fn close_span(&self, span: u64);

    /// A measurement.
    fn measure(&self, measurement: &Measurement<'_>);

    /// Bytes that the plugin may hold in buffers; 0 to use its own configuration.
    fn memory_budget(&self) -> u64;

    /// How scarce memory is.
    fn memory_pressure(&self) -> MemoryPressure;
}

/// A shared host.
pub type HostRef = Arc<dyn Host>;

/// A host that wants to know nothing and grants nothing: to try a plugin's factory without a loader.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentHost;

impl Host for SilentHost {
    fn max_level(&self) -> Option<Level> {
        None
    }
    fn register_callsite(&self, _: &Callsite) -> u64 {
        0
    }
    fn is_enabled(&self, _: u64) -> bool {
        false
    }
    fn event(&self, _: u64, _: u64, _: &Fields) {}
    fn new_span(&self, _: u64, _: u64, _: &Fields) -> u64 {
        0
    }
    fn record(&self, _: u64, _: &Fields) {}
    fn enter_span(&self, _: u64) {}
    fn exit_span(&self, _: u64) {}
    fn close_span(&self, _: u64) {}
    fn measure(&self, _: &Measurement<'_>) {}
    fn memory_budget(&self) -> u64 {
        0
    }
    fn memory_pressure(&self) -> MemoryPressure {
        MemoryPressure::Low
    }
}
