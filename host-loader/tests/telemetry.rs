//! What a plugin logs arrives in the host's `tracing` as if the host had logged it.
//!
//! Both sides share one copy of `tracing` here, so each is given its own subscriber explicitly, and
//! the tests run one at a time: registering callsites asks every subscriber of the process.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host_loader::plugin_api::telemetry as plugin_telemetry;
use host_loader::plugin_api::{
    Callsite, CallsiteKind, FieldValue, Fields, Host, HostSubscriber, Level, Measurement, MemoryPressure,
    MetricKind,
};
use host_loader::telemetry::HostTelemetry;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Subscriber, debug, dispatcher, error, info, info_span, span, trace, warn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, registry};

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line for each thing that the host sees.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<String>>>);

impl Recording {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[derive(Default)]
struct Values(BTreeMap<&'static str, String>);

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

fn spans_of<'a, S: Subscriber + for<'b> LookupSpan<'b>>(scope: Option<registry::Scope<'a, S>>) -> String {
    let names: Vec<_> = scope
        .into_iter()
        .flat_map(registry::Scope::from_root)
        .map(|span| span.name())
        .collect();
    names.join(">")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recording {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut values = Values::default();
        attributes.record(&mut values);
        self.push(format!("new {} {:?}", spans_of(context.span_scope(id)), values.0));
    }

    fn on_record(&self, id: &span::Id, record: &span::Record<'_>, context: Context<'_, S>) {
        let mut values = Values::default();
        record.record(&mut values);
        self.push(format!(
            "record {} {:?}",
            spans_of(context.span_scope(id)),
            values.0
        ));
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut values = Values::default();
        event.record(&mut values);
        let (metadata, scope) = (event.metadata(), spans_of(context.event_scope(event)));
        self.push(format!("{} {scope}: {:?}", metadata.level(), values.0));
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        self.push(format!("close {}", context.span(&id).unwrap().name()));
    }
}

/// The boundary: counts what crosses it, and lets the host close spans under its own subscriber as
/// the default, which in a process with two copies of `tracing` it always is.
struct Counting {
    inner: HostTelemetry,
    host_side: Dispatch,
    events: AtomicUsize,
    callsites: AtomicUsize,
}

impl Counting {
    fn in_host<T>(&self, call: impl FnOnce(&HostTelemetry) -> T) -> T {
        dispatcher::with_default(&self.host_side, || call(&self.inner))
    }
}

impl Host for Counting {
    fn max_level(&self) -> Option<Level> {
        self.inner.max_level()
    }
    fn register_callsite(&self, callsite: &Callsite) -> u64 {
        self.callsites.fetch_add(1, Ordering::Relaxed);
        self.inner.register_callsite(callsite)
    }
    fn is_enabled(&self, callsite: u64) -> bool {
        self.inner.is_enabled(callsite)
    }
    fn event(&self, callsite: u64, parent: u64, fields: &Fields) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.inner.event(callsite, parent, fields);
    }
    fn new_span(&self, callsite: u64, parent: u64, fields: &Fields) -> u64 {
        self.inner.new_span(callsite, parent, fields)
    }
    fn record(&self, span: u64, fields: &Fields) {
        self.inner.record(span, fields);
    }
    fn enter_span(&self, span: u64) {
        self.in_host(|host| host.enter_span(span));
    }
    fn exit_span(&self, span: u64) {
        self.in_host(|host| host.exit_span(span));
    }
    fn close_span(&self, span: u64) {
        self.in_host(|host| host.close_span(span));
    }
    fn measure(&self, measurement: &Measurement<'_>) {
        self.inner.measure(measurement);
    }
    fn memory_budget(&self) -> u64 {
        self.inner.memory_budget()
    }
    fn memory_pressure(&self) -> MemoryPressure {
        self.inner.memory_pressure()
    }
}

struct Fixture {
    recording: Recording,
    host: Arc<Counting>,
    host_side: Dispatch,
    plugin_side: Dispatch,
    _turn: MutexGuard<'static, ()>,
}

impl Fixture {
    fn new(filter: &str) -> Self {
        let turn = one_at_a_time();
        let recording = Recording::default();
        let filter = EnvFilter::builder().parse(filter).unwrap();
        let host_side = Dispatch::new(registry().with(filter).with(recording.clone()));
        let host = Arc::new(Counting {
            inner: HostTelemetry::for_plugin("mock").with_dispatch(host_side.clone()),
            host_side: host_side.clone(),
            events: AtomicUsize::new(0),
            callsites: AtomicUsize::new(0),
        });
        let plugin_side = Dispatch::new(HostSubscriber::new(host.clone()));
        Self {
            recording,
            host,
            host_side,
            plugin_side,
            _turn: turn,
        }
    }

    /// Runs plugin code, called by a host that is in its own span.
    fn call(&self, plugin: impl FnOnce()) {
        dispatcher::with_default(&self.host_side, || {
            info_span!(target: "host", "request").in_scope(|| {
                dispatcher::with_default(&self.plugin_side, plugin);
            });
        });
    }
}

#[test]
fn an_event_arrives_with_its_level_place_values_and_the_hosts_span() {
    let fixture = Fixture::new("trace");
    fixture.call(|| {
        info!(
            count = 3_u64,
            delta = -1,
            ratio = 0.5,
            ok = true,
            key = "a b",
            "got {}",
            42
        );
        error!(error = ?std::fmt::Error, "failed");
    });
    assert_eq!(
        fixture.recording.take(),
        [
            "new request {}",
            "INFO request: {\"count\": \"3\", \"delta\": \"-1\", \"key\": \"\\\"a b\\\"\", \"message\": \"got 42\", \
             \"ok\": \"true\", \"plugin\": \"\\\"mock\\\"\", \"ratio\": \"0.5\"}",
            "ERROR request: {\"error\": \"Error\", \"message\": \"failed\", \"plugin\": \"\\\"mock\\\"\"}",
            "close request",
        ]
    );
}

#[test]
fn spans_nest_across_the_boundary_and_close_once() {
    let fixture = Fixture::new("trace");
    fixture.call(|| {
        let outer = info_span!("outer", part = 1, result = tracing::field::Empty);
        let other = outer.clone();
        outer.in_scope(|| {
            info_span!("inner").in_scope(|| warn!("deep"));
            info!(parent: None, "root");
        });
        outer.record("result", "done");
        assert_eq!(outer.id(), other.id());
        drop(outer);
        info!(parent: &other, "child");
    });
    let lines: Vec<_> = fixture
        .recording
        .take()
        .into_iter()
        .map(|line| line.replace(", \"plugin\": \"\\\"mock\\\"\"", ""))
        .collect();
    assert_eq!(
        lines,
        [
            "new request {}",
            "new request>outer {\"part\": \"1\"}",
            "new request>outer>inner {}",
            "WARN request>outer>inner: {\"message\": \"deep\"}",
            "close inner",
            "INFO : {\"message\": \"root\"}",
            "record request>outer {\"result\": \"\\\"done\\\"\"}",
            "INFO request>outer: {\"message\": \"child\"}",
            "close outer",
            "close request",
        ]
    );
}

#[test]
fn what_the_hosts_filters_refuse_does_not_cross_the_boundary() {
    let fixture = Fixture::new("info,noisy=error");
    fixture.call(|| {
        for _ in 0..10 {
            debug!("below the level");
            trace!("far below the level");
            warn!(target: "noisy", "filtered by target");
            info!("wanted");
        }
        assert!(tracing::debug_span!("unwanted").is_disabled());
    });
    assert_eq!(fixture.host.events.load(Ordering::Relaxed), 10);
    let lines = fixture.recording.take();
    assert_eq!(lines.iter().filter(|line| line.contains("wanted")).count(), 10);
    assert_eq!(lines.len(), 12, "{lines:?}");
}

#[test]
fn a_field_that_is_withheld_arrives_without_its_value() {
    plugin_telemetry::withhold(&[("chatty", "request"), ("chatty", "message")]);
    let fixture = Fixture::new("trace");
    fixture.call(|| {
        debug!(target: "chatty", request = "canary", attempt = 1, "canary");
        let span = span!(target: "chatty", tracing::Level::INFO, "send", request = tracing::field::Empty);
        span.record("request", tracing::field::debug("canary"));
        debug!(target: "other", request = 2);
    });
    let lines = fixture.recording.take().join("\n");
    assert!(!lines.contains("canary"), "{lines}");
    assert_eq!(lines.matches("<withheld>").count(), 3, "{lines}");
    assert!(
        lines.contains("\"attempt\": \"1\"") && lines.contains("\"request\": \"2\""),
        "{lines}"
    );
}

#[test]
fn a_callsite_is_registered_once_and_numbered_once_for_all_hosts() {
    let fixture = Fixture::new("trace");
    let logs = || info!("the same place");
    fixture.call(|| {
        logs();
        let after_first = fixture.host.callsites.load(Ordering::Relaxed);
        for _ in 0..100 {
            logs();
        }
        assert_eq!(fixture.host.callsites.load(Ordering::Relaxed), after_first);
    });
    let callsite = Callsite {
        kind: CallsiteKind::Event,
        name: "event".to_owned(),
        target: "reloaded".to_owned(),
        level: Level::Info,
        file: "src/lib.rs".to_owned(),
        line: 7,
        fields: vec!["message".to_owned()],
    };
    let number = HostTelemetry::for_plugin("a").register_callsite(&callsite);
    assert_eq!(
        HostTelemetry::for_plugin("b").register_callsite(&callsite),
        number
    );
    assert_ne!(number, 0);
}

#[test]
fn wrong_numbers_from_a_plugin_do_no_harm() {
    let fixture = Fixture::new("trace");
    let host = &fixture.host.inner;
    for number in [0, u64::MAX, 1 << 40] {
        assert!(!host.is_enabled(number));
        host.event(number, number, &[]);
        assert_eq!(host.new_span(number, 0, &[]), 0);
        host.record(number, &[]);
        host.enter_span(number);
        host.exit_span(number);
        host.close_span(number);
    }
    let callsite = Callsite {
        kind: CallsiteKind::Event,
        name: String::new(),
        target: "odd".to_owned(),
        level: Level::Info,
        file: String::new(),
        line: 0,
        fields: vec!["a".to_owned()],
    };
    let number = host.register_callsite(&callsite);
    let value = FieldValue::I64(1);
    host.event(number, 0, &[(0, value.clone()), (1, value.clone()), (9, value)]);
    let lines = fixture.recording.take();
    assert_eq!(lines, ["INFO : {\"a\": \"1\", \"plugin\": \"\\\"mock\\\"\"}"]);
}

#[test]
fn measurements_are_added_up_by_name_and_labels() {
    let host = HostTelemetry::new();
    let measure = |name, kind, value, labels: &[(&str, &str)]| {
        host.measure(&Measurement {
            name,
            kind,
            value,
            labels,
        });
    };
    measure("calls", MetricKind::Counter, 1.0, &[("a", "1"), ("b", "2")]);
    measure("calls", MetricKind::Counter, 2.0, &[("b", "2"), ("a", "1")]);
    measure("calls", MetricKind::Counter, 5.0, &[]);
    measure("open", MetricKind::Gauge, 7.0, &[]);
    measure("open", MetricKind::Gauge, 4.0, &[]);
    measure("seconds", MetricKind::Histogram, 0.5, &[]);
    measure("seconds", MetricKind::Histogram, 1.5, &[]);
    let mut series: Vec<_> = host
        .measurements()
        .into_iter()
        .map(|it| (it.name, it.labels.len(), it.count, it.value))
        .collect();
    series.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(
        series,
        [
            ("calls".to_owned(), 0, 1, 5.0),
            ("calls".to_owned(), 2, 2, 3.0),
            ("open".to_owned(), 0, 2, 4.0),
            ("seconds".to_owned(), 0, 2, 2.0),
        ]
    );
}
