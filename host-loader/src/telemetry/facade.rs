//! What plugins measure, to the process's recorder of the `metrics` crate.
//!
//! Without the feature `metrics` of this crate nothing is forwarded.

#[cfg(feature = "metrics")]
pub(super) use with_facade::{Forwarded, forward};
#[cfg(not(feature = "metrics"))]
pub(super) use without_facade::{Forwarded, forward};

#[cfg(feature = "metrics")]
mod with_facade {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use metrics::{Key, Label, Level, Metadata, Unit};
    use plugin_api::MetricKind;

    use crate::metrics::{Series, exported_name, known};

    static METADATA: Metadata<'static> = Metadata::new("fsplug", Level::INFO, Some(module_path!()));

    /// A series as the recorder knows it.
    #[derive(Debug)]
    pub(crate) struct Forwarded {
        key: Key,
        kind: MetricKind,
        /// The name that it has in [`plugin_api::metrics`], if it is there.
        known: Option<&'static plugin_api::metrics::Metric>,
    }

    impl Forwarded {
        pub(crate) fn new(plugin_name: &str, series: &Series) -> Self {
            let mut series = series.clone();
            if !plugin_name.is_empty() {
                series.add_label("plugin", plugin_name);
            }
            Self {
                known: known(&series.name),
                kind: series.kind,
                key: Key::from_parts(
                    exported_name(&series.name, series.kind),
                    series
                        .labels
                        .into_iter()
                        .map(|(key, value)| Label::new(key, value))
                        .collect::<Vec<_>>(),
                ),
            }
        }

        fn describe(&self, recorder: &dyn metrics::Recorder) {
            let Some(known) = self.known else { return };
            let unit = match known.unit {
                "bytes" => Unit::Bytes,
                "milliseconds" => Unit::Milliseconds,
                _ => Unit::Count,
            };
            let (name, unit, meaning) = (self.key.name_shared(), Some(unit), known.meaning.into());
            match self.kind {
                MetricKind::Counter => recorder.describe_counter(name, unit, meaning),
                MetricKind::Gauge => recorder.describe_gauge(name, unit, meaning),
                MetricKind::Histogram => recorder.describe_histogram(name, unit, meaning),
            }
        }
    }

    #[allow(clippy::cast_sign_loss, reason = "counters do not fall")]
    /// Tells the recorder. One that panics does not harm whoever measures.
    pub(crate) fn forward(series: &Forwarded, value: f64, increment: f64, is_new: bool) {
        let told = catch_unwind(AssertUnwindSafe(|| {
            metrics::with_recorder(|recorder| {
                if is_new {
                    series.describe(recorder);
                }
                let key = &series.key;
                match series.kind {
                    MetricKind::Counter => {
                        recorder
                            .register_counter(key, &METADATA)
                            .increment(increment as u64);
                    }
                    MetricKind::Gauge => recorder.register_gauge(key, &METADATA).set(value),
                    MetricKind::Histogram => recorder.register_histogram(key, &METADATA).record(value),
                }
            });
        }));
        // The panic hook has told of it.
        drop(told);
    }
}

#[cfg(not(feature = "metrics"))]
mod without_facade {
    use crate::metrics::Series;

    /// Nothing.
    #[derive(Debug)]
    pub(crate) struct Forwarded;

    impl Forwarded {
        pub(crate) fn new(_: &str, _: &Series) -> Self {
            Self
        }
    }

    pub(crate) fn forward(_: &Forwarded, _: f64, _: f64, _: bool) {}
}
