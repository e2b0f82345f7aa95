//! [`Host`] across the boundary: served by the host, called by the plugin.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::std_types::{RArc, RSlice, RStr};
use abi_stable::type_level::downcasting::TD_Opaque;

use super::interface::{CallsiteRef, FieldRef, HostAbi, HostAbi_TO};
use super::wire::PairRef;
use crate::{
    Callsite, CallsiteKind, FieldValue, Fields, Host, HostRef, Level, Measurement, MemoryPressure, MetricKind,
};

const TAG_I64: u32 = 0;
const TAG_U64: u32 = 1;
const TAG_F64: u32 = 2;
const TAG_BOOL: u32 = 3;
const TAG_TEXT: u32 = 4;
const TAG_FORMATTED: u32 = 5;

/// So many labels of a measurement cross without an allocation.
const FEW_LABELS: usize = 4;

fn level_from_wire(level: u8) -> Option<Level> {
    match level {
        0 => None,
        1 => Some(Level::Error),
        2 => Some(Level::Warn),
        3 => Some(Level::Info),
        4 => Some(Level::Debug),
        _ => Some(Level::Trace),
    }
}

fn fields_to_wire(fields: &Fields) -> Vec<FieldRef<'_>> {
    fields
        .iter()
        .map(|(index, value)| {
            let (tag, bits, text) = match value {
                FieldValue::I64(number) => (TAG_I64, number.cast_unsigned(), ""),
                FieldValue::U64(number) => (TAG_U64, *number, ""),
                FieldValue::F64(number) => (TAG_F64, number.to_bits(), ""),
                FieldValue::Bool(truth) => (TAG_BOOL, u64::from(*truth), ""),
                FieldValue::Text(text) => (TAG_TEXT, 0, text.as_str()),
                FieldValue::Formatted(text) => (TAG_FORMATTED, 0, text.as_str()),
            };
            FieldRef {
                index: *index,
                tag,
                bits,
                text: text.into(),
            }
        })
        .collect()
}

/// A value of a kind that this build does not know is left out.
fn fields_from_wire(fields: RSlice<'_, FieldRef<'_>>) -> Vec<(u32, FieldValue)> {
    let value = |field: &FieldRef<'_>| {
        Some(match field.tag {
            TAG_I64 => FieldValue::I64(field.bits.cast_signed()),
            TAG_U64 => FieldValue::U64(field.bits),
            TAG_F64 => FieldValue::F64(f64::from_bits(field.bits)),
            TAG_BOOL => FieldValue::Bool(field.bits != 0),
            TAG_TEXT => FieldValue::Text(field.text.as_str().to_owned()),
            TAG_FORMATTED => FieldValue::Formatted(field.text.as_str().to_owned()),
            _ => return None,
        })
    };
    fields
        .iter()
        .filter_map(|field| Some((field.index, value(field)?)))
        .collect()
}

/// The host's object. A panic in the host's logging must not unwind into the plugin.
struct ServedHost(HostRef);

pub(super) fn serve_host(host: HostRef) -> HostAbi_TO<RArc<()>> {
    HostAbi_TO::from_ptr(RArc::new(ServedHost(host)), TD_Opaque)
}

fn guarded<R>(otherwise: R, code: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or(otherwise)
}

impl HostAbi for ServedHost {
    fn max_level(&self) -> u8 {
        guarded(0, || self.0.max_level().map_or(0, |level| level as u8))
    }

    fn register_callsite(&self, callsite: CallsiteRef<'_>) -> u64 {
        guarded(0, || {
            self.0.register_callsite(&Callsite {
                kind: if callsite.is_span {
                    CallsiteKind::Span
                } else {
                    CallsiteKind::Event
                },
                name: callsite.name.into(),
                target: callsite.target.into(),
                level: level_from_wire(callsite.level).unwrap_or(Level::Trace),
                file: callsite.file.into(),
                line: callsite.line,
                fields: callsite.fields.iter().map(ToString::to_string).collect(),
            })
        })
    }

    fn is_enabled(&self, callsite: u64) -> bool {
        guarded(false, || self.0.is_enabled(callsite))
    }

    fn event(&self, callsite: u64, parent: u64, fields: RSlice<'_, FieldRef<'_>>) {
        guarded((), || self.0.event(callsite, parent, &fields_from_wire(fields)));
    }

    fn new_span(&self, callsite: u64, parent: u64, fields: RSlice<'_, FieldRef<'_>>) -> u64 {
        guarded(0, || self.0.new_span(callsite, parent, &fields_from_wire(fields)))
    }

    fn record(&self, span: u64, fields: RSlice<'_, FieldRef<'_>>) {
        guarded((), || self.0.record(span, &fields_from_wire(fields)));
    }

    fn enter_span(&self, span: u64) {
        guarded((), || self.0.enter_span(span));
    }

    fn exit_span(&self, span: u64) {
        guarded((), || self.0.exit_span(span));
    }

    fn close_span(&self, span: u64) {
        guarded((), || self.0.close_span(span));
    }

    fn measure(&self, name: RStr<'_>, kind: u32, value: f64, labels: RSlice<'_, PairRef<'_>>) {
        guarded((), || {
            // Measurements are frequent, and their labels few.
            let (mut few, many): ([_; FEW_LABELS], Vec<_>);
            let labels = if labels.len() <= FEW_LABELS {
                few = [("", ""); FEW_LABELS];
                for (place, pair) in few.iter_mut().zip(labels.as_slice()) {
                    *place = (pair.key.as_str(), pair.value.as_str());
                }
                &few[..labels.len()]
            } else {
                many = labels
                    .iter()
                    .map(|pair| (pair.key.as_str(), pair.value.as_str()))
                    .collect();
                &many
            };
            let kind = match kind {
                0 => MetricKind::Counter,
                1 => MetricKind::Gauge,
                2 => MetricKind::Histogram,
                _ => return,
            };
            self.0.measure(&Measurement {
                name: name.as_str(),
                kind,
                value,
                labels,
            });
        });
    }

    fn memory_budget(&self) -> u64 {
        guarded(0, || self.0.memory_budget())
    }

    fn memory_pressure(&self) -> u32 {
        guarded(0, || self.0.memory_pressure() as u32)
    }
}

/// The host as the plugin sees it.
pub(super) struct RemoteHost(pub(super) HostAbi_TO<RArc<()>>);

impl Host for RemoteHost {
    fn max_level(&self) -> Option<Level> {
        level_from_wire(self.0.max_level())
    }

    fn register_callsite(&self, callsite: &Callsite) -> u64 {
        let fields: Vec<RStr<'_>> = callsite
            .fields
            .iter()
            .map(|field| field.as_str().into())
            .collect();
        self.0.register_callsite(CallsiteRef {
            is_span: callsite.kind == CallsiteKind::Span,
            level: callsite.level as u8,
            line: callsite.line,
            name: callsite.name.as_str().into(),
            target: callsite.target.as_str().into(),
            file: callsite.file.as_str().into(),
            fields: fields.as_slice().into(),
        })
    }

    fn is_enabled(&self, callsite: u64) -> bool {
        self.0.is_enabled(callsite)
    }

    fn event(&self, callsite: u64, parent: u64, fields: &Fields) {
        self.0
            .event(callsite, parent, fields_to_wire(fields).as_slice().into());
    }

    fn new_span(&self, callsite: u64, parent: u64, fields: &Fields) -> u64 {
        self.0
            .new_span(callsite, parent, fields_to_wire(fields).as_slice().into())
    }

    fn record(&self, span: u64, fields: &Fields) {
        self.0.record(span, fields_to_wire(fields).as_slice().into());
    }

    fn enter_span(&self, span: u64) {
        self.0.enter_span(span);
    }

    fn exit_span(&self, span: u64) {
        self.0.exit_span(span);
    }

    fn close_span(&self, span: u64) {
        self.0.close_span(span);
    }

    fn measure(&self, measurement: &Measurement<'_>) {
        let (mut few, many): ([_; FEW_LABELS], Vec<_>);
        let given = measurement.labels;
        let labels = if given.len() <= FEW_LABELS {
            few = [PairRef::new("", ""); FEW_LABELS];
            for (place, (key, value)) in few.iter_mut().zip(given) {
                *place = PairRef::new(key, value);
            }
            &few[..given.len()]
        } else {
            many = given
                .iter()
                .map(|(key, value)| PairRef::new(key, value))
                .collect();
            &many
        };
        let kind = match measurement.kind {
            MetricKind::Counter => 0,
            MetricKind::Gauge => 1,
            MetricKind::Histogram => 2,
        };
        self.0
            .measure(measurement.name.into(), kind, measurement.value, labels.into());
    }

    fn memory_budget(&self) -> u64 {
        self.0.memory_budget()
    }

    fn memory_pressure(&self) -> MemoryPressure {
        match self.0.memory_pressure() {
            0 => MemoryPressure::Low,
            1 => MemoryPressure::Medium,
            _ => MemoryPressure::High,
        }
    }
}
