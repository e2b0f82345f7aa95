//! [`Series`] and [`Snapshot`].

use plugin_api::MetricKind;

use super::Distribution;

/// One metric with one set of labels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series {
    /// The name of the metric, as the plugin calls it.
    pub name: String,
    /// What it measures.
    pub kind: MetricKind,
    /// Labels by key, sorted.
    pub labels: Vec<(String, String)>,
    /// How many measurements there were.
    pub count: u64,
    /// A counter's total, a gauge's level, the sum of a histogram's samples.
    pub value: f64,
    /// The samples of a histogram.
    pub distribution: Option<Box<Distribution>>,
}

impl Series {
    /// One that has not been measured yet; labels are sorted here.
    pub(crate) fn new(name: &str, kind: MetricKind, labels: &[(&str, &str)]) -> Self {
        let mut labels: Vec<_> = labels
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        labels.sort_unstable();
        Self {
            name: name.to_owned(),
            kind,
            labels,
            count: 0,
            value: 0.0,
            distribution: (kind == MetricKind::Histogram).then(Box::default),
        }
    }

    /// One increment, level or sample. What is not a finite number, or would let a counter fall, is ignored: whether
    /// it was not.
    pub(crate) fn measure(&mut self, value: f64) -> bool {
        if !value.is_finite() || (self.kind == MetricKind::Counter && value < 0.0) {
            return false;
        }
        self.count += 1;
        match self.kind {
            MetricKind::Gauge => self.value = value,
            MetricKind::Counter | MetricKind::Histogram => self.value += value,
        }
        if let Some(distribution) = &mut self.distribution {
            distribution.add(value);
        }
        true
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.value += other.value;
        if let (Some(mine), Some(theirs)) = (&mut self.distribution, &other.distribution) {
            mine.merge(theirs);
        }
    }

    /// The value of a label; "" if it has no such label.
    pub fn label(&self, key: &str) -> &str {
        self.labels
            .iter()
            .find(|(name, _)| name == key)
            .map_or("", |(_, value)| value)
    }

    /// Adds a label of the host's. One of the plugin's own by that key is kept under another.
    pub(crate) fn add_label(&mut self, key: &str, value: &str) {
        for (name, _) in &mut self.labels {
            if name == key {
                *name = format!("exported_{key}");
            }
        }
        self.labels.push((key.to_owned(), value.to_owned()));
        self.labels.sort_unstable();
    }
}

/// Whatever in the host has series of its own.
pub(crate) trait Source: Send + Sync {
    /// The series as they are now, without the label `plugin`.
    fn series(&self) -> Vec<Series>;
}

/// All series at one moment, sorted by name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    series: Vec<Series>,
}

impl Snapshot {
    pub(crate) fn of(mut series: Vec<Series>) -> Self {
        series.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        // Two plugins may have one name.
        series.dedup_by(|again, first| {
            let is_same =
                (&again.name, &again.labels, again.kind) == (&first.name, &first.labels, first.kind);
            if is_same {
                first.merge(again);
            }
            is_same
        });
        Self { series }
    }

    /// All series, sorted by name and labels.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// Those of one metric.
    pub fn of_metric<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.name == name)
    }

    /// The sum of a counter or gauge over all series that have these labels, whatever others they have.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.with_labels(name, labels).map(|series| series.value).sum()
    }

    /// The samples of a histogram over all series that have these labels, whatever others they have.
    pub fn distribution(&self, name: &str, labels: &[(&str, &str)]) -> Distribution {
        let mut all = Distribution::default();
        for series in self.with_labels(name, labels) {
            if let Some(distribution) = &series.distribution {
                all.merge(distribution);
            }
        }
        all
    }

    fn with_labels<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Series> {
        self.of_metric(name)
            .filter(move |series| labels.iter().all(|(key, value)| series.label(key) == *value))
    }
}
