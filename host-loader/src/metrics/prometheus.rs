//! The text format of Prometheus, version 0.0.4.

use std::collections::HashMap;
use std::fmt::{self, Write};

use plugin_api::MetricKind;

use super::{Series, Snapshot, known};

/// In front of every name.
const PREFIX: &str = "fsplug_";

impl Snapshot {
    /// All series in the text format 0.0.4 of Prometheus, as `text/plain; version=0.0.4`.
    ///
    /// Names begin with `fsplug_`, counters end with `_total`, and histograms have `_bucket`, `_sum` and `_count`.
    /// What cannot stand in a name or in the key of a label is replaced by `_`; series that are the same then are added
    /// up, and keys that are the same then are told apart by another `_`.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        write_all(&mut text, self.series()).expect("writing to a string does not fail");
        text
    }
}

/// The name under which a series is shown to whoever keeps metrics.
pub(crate) fn exported_name(name: &str, kind: MetricKind) -> String {
    let mut exported = PREFIX.to_owned();
    exported.extend(name.chars().map(legal));
    if kind == MetricKind::Counter && !exported.ends_with("_total") {
        exported.push_str("_total");
    }
    exported
}

fn legal(character: char) -> char {
    if character.is_ascii_alphanumeric() || character == '_' {
        character
    } else {
        '_'
    }
}

/// The series under its exported name, with keys that are legal, and there once each: for a page with one that is not
/// Prometheus takes nothing at all.
fn exported(series: &Series) -> Series {
    let mut labels: Vec<(String, String)> = Vec::new();
    for (key, value) in &series.labels {
        let mut exported = String::new();
        // The key of buckets, and keys that Prometheus keeps for itself.
        if key == "le" || key.starts_with("__") {
            exported.push_str("exported_");
        } else if key.is_empty() || key.starts_with(|first: char| first.is_ascii_digit()) {
            exported.push('_');
        }
        exported.extend(key.chars().map(legal));
        while labels.iter().any(|(other, _)| *other == exported) {
            exported.push('_');
        }
        labels.push((exported, value.clone()));
    }
    labels.sort_unstable();
    Series {
        name: exported_name(&series.name, series.kind),
        labels,
        ..series.clone()
    }
}

fn write_all(text: &mut String, series: &[Series]) -> fmt::Result {
    let meanings: HashMap<String, &str> = series
        .iter()
        .filter_map(|series| {
            let meaning = known(&series.name)?.meaning;
            Some((exported_name(&series.name, series.kind), meaning))
        })
        .collect();
    let exported = Snapshot::of(series.iter().map(exported).collect());
    let mut last: Option<(&str, MetricKind)> = None;
    for series in exported.series() {
        let name = series.name.as_str();
        match last {
            // A name has one type, and the first series decides which.
            Some((last, kind)) if last == name => {
                if kind != series.kind {
                    continue;
                }
            }
            _ => {
                last = Some((name, series.kind));
                write_head(text, name, series.kind, meanings.get(name).copied())?;
            }
        }
        let Some(distribution) = &series.distribution else {
            write_sample(text, name, "", &series.labels, None, &Number(series.value))?;
            continue;
        };
        for (bound, up_to) in distribution.cumulative() {
            write_sample(text, name, "_bucket", &series.labels, Some(Number(bound)), &up_to)?;
        }
        let count = distribution.count();
        let infinity = Some(Number(f64::INFINITY));
        write_sample(text, name, "_bucket", &series.labels, infinity, &count)?;
        write_sample(
            text,
            name,
            "_sum",
            &series.labels,
            None,
            &Number(distribution.sum()),
        )?;
        write_sample(text, name, "_count", &series.labels, None, &count)?;
    }
    Ok(())
}

fn write_head(text: &mut String, name: &str, kind: MetricKind, meaning: Option<&str>) -> fmt::Result {
    if let Some(meaning) = meaning {
        let help = meaning.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(text, "# HELP {name} {help}")?;
    }
    let kind = match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    writeln!(text, "# TYPE {name} {kind}")
}

fn write_sample(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(String, String)],
    bound: Option<Number>,
    value: &dyn fmt::Display,
) -> fmt::Result {
    write!(text, "{name}{suffix}")?;
    let mut separator = '{';
    for (key, value) in labels {
        text.push(separator);
        separator = ',';
        text.push_str(key);
        text.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    if let Some(bound) = bound {
        write!(text, "{separator}le=\"{bound}\"")?;
        separator = ',';
    }
    if separator == ',' {
        text.push('}');
    }
    writeln!(text, " {value}")
}

/// A number as Prometheus reads it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == f64::INFINITY {
            f.write_str("+Inf")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &str, kind: MetricKind, labels: &[(&str, &str)], values: &[f64]) -> Series {
        let mut series = Series::new(name, kind, labels);
        for value in values {
            series.measure(*value);
        }
        series
    }

    #[test]
    fn counters_gauges_and_histograms_are_written_as_prometheus_reads_them() {
        let samples = &[0.25, 3.0, 1e9];
        let snapshot = Snapshot::of(vec![
            measured(
                "odd-name",
                MetricKind::Gauge,
                &[("a b", "x\"\\\ny"), ("le", "1")],
                &[-0.5],
            ),
            measured(
                "throttle_count",
                MetricKind::Counter,
                &[("op", "GetObject")],
                &[1.0, 2.0],
            ),
            measured(
                "throttle_count",
                MetricKind::Counter,
                &[("op", "PutObject")],
                &[1.0],
            ),
            measured(
                "throttle_count_total",
                MetricKind::Gauge,
                &[("op", "Strange")],
                &[1.0],
            ),
            measured("wait", MetricKind::Histogram, &[], samples),
        ]);
        let text = snapshot.prometheus();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(
            lines[..7],
            [
                "# TYPE fsplug_odd_name gauge",
                "fsplug_odd_name{a_b=\"x\\\"\\\\\\ny\",exported_le=\"1\"} -0.5",
                "# TYPE fsplug_throttle_count_total counter",
                "fsplug_throttle_count_total{op=\"GetObject\"} 3",
                "fsplug_throttle_count_total{op=\"PutObject\"} 1",
                "# TYPE fsplug_wait histogram",
                "fsplug_wait_bucket{le=\"0.25\"} 1",
            ]
        );
        assert_eq!(
            lines[lines.len() - 4..],
            [
                "fsplug_wait_bucket{le=\"65536\"} 2",
                "fsplug_wait_bucket{le=\"+Inf\"} 3",
                "fsplug_wait_sum 1000000003.25",
                "fsplug_wait_count 3",
            ]
        );
        assert_eq!(text.matches("# HELP fsplug_throttle_count_total ").count(), 1);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn whatever_a_plugin_calls_its_series_the_page_stays_one_that_prometheus_reads() {
        let counter = |name, labels: &[_]| measured(name, MetricKind::Counter, labels, &[1.0]);
        let labels = [
            ("", "0"),
            ("1", "1"),
            ("a b", "2"),
            ("a_b", "3"),
            ("__name__", "4"),
            ("a-b", "5"),
        ];
        let snapshot = Snapshot::of(vec![
            counter("x-y", &[]),
            counter("x_y", &[]),
            counter("x_y_total", &[]),
            measured("x~y~total", MetricKind::Gauge, &[], &[7.0]),
            counter("z", &labels),
        ]);
        assert_eq!(
            snapshot.prometheus().lines().collect::<Vec<_>>(),
            [
                "# TYPE fsplug_x_y_total counter",
                "fsplug_x_y_total 3",
                "# TYPE fsplug_z_total counter",
                "fsplug_z_total{_=\"0\",_1=\"1\",a_b=\"2\",a_b_=\"5\",a_b__=\"3\",exported___name__=\"4\"} 1",
            ]
        );
    }
}
