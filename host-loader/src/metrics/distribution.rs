//! [`Distribution`]: samples in buckets of fixed bounds.

#![allow(clippy::cast_precision_loss, reason = "nobody takes 2^53 samples")]

/// Upper bounds of the buckets: each twice the one before it, from a quarter to 65,536. In milliseconds, which
/// most samples are, that is from the fastest store to a minute.
const BOUNDS: [f64; 19] = {
    let mut bounds = [0.25; 19];
    let mut index = 1;
    while index < bounds.len() {
        bounds[index] = bounds[index - 1] * 2.0;
        index += 1;
    }
    bounds
};

/// The samples of a histogram: exact count, sum, least and greatest, and how many there are in each bucket.
///
/// Buckets are the same for all histograms, so that those of several series can be [merged](Self::merge).
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// The last is for samples above all bounds.
    buckets: [u64; BOUNDS.len() + 1],
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            buckets: [0; BOUNDS.len() + 1],
        }
    }
}

impl Distribution {
    /// Adds a sample. What is not a finite number is none.
    pub fn add(&mut self, sample: f64) {
        if !sample.is_finite() {
            return;
        }
        self.count += 1;
        self.sum += sample;
        self.min = self.min.min(sample);
        self.max = self.max.max(sample);
        self.buckets[BOUNDS.partition_point(|bound| *bound < sample)] += 1;
    }

    /// Adds the samples of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all samples.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The least sample.
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// The greatest sample.
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean of all samples.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// An estimate of the sample below which the share `q` of all samples is, `q` in `0.0..=1.0`: in the same bucket
    /// as the true one, so at most twice or half of it from a quarter upwards.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let (min, max) = (self.min()?, self.max()?);
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0);
        let mut below = 0;
        for (index, &bucket) in self.buckets.iter().enumerate() {
            let reached = below + bucket;
            if reached as f64 >= rank {
                let lower = if index == 0 {
                    min
                } else {
                    BOUNDS[index - 1].max(min)
                };
                let upper = BOUNDS.get(index).map_or(max, |bound| bound.min(max));
                let share = (rank - below as f64) / bucket as f64;
                return Some(lower + (upper - lower) * share);
            }
            below = reached;
        }
        Some(max)
    }

    /// The upper bound of each bucket, with the number of samples up to it. Samples above the last bound are in
    /// [`count`](Self::count) alone.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut below = 0;
        BOUNDS.iter().zip(self.buckets).map(move |(bound, bucket)| {
            below += bucket;
            (*bound, below)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(samples: &[f64]) -> Distribution {
        let mut distribution = Distribution::default();
        for &sample in samples {
            distribution.add(sample);
        }
        distribution
    }

    proptest! {
        #[test]
        fn merging_is_adding_and_quantiles_are_in_the_bucket_of_the_true_one(
            samples in prop::collection::vec(0.0..200_000.0_f64, 1..200),
            split in any::<prop::sample::Index>(),
            q in 0.0..=1.0_f64,
        ) {
            let whole = of(&samples);
            let (left, right) = samples.split_at(split.index(samples.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged.buckets, whole.buckets);
            prop_assert_eq!((merged.count, merged.min, merged.max), (whole.count, whole.min, whole.max));
            prop_assert!((merged.sum - whole.sum).abs() <= whole.sum * 1e-9);

            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);
            // The first sample that so many of all are not above.
            let share = |index: usize| (index + 1) as f64 / sorted.len() as f64;
            let exact = sorted[(0..sorted.len()).find(|&index| share(index) >= q).unwrap_or(sorted.len() - 1)];
            let estimate = whole.quantile(q).unwrap();
            let bucket = |sample: f64| BOUNDS.partition_point(|bound| *bound < sample);
            prop_assert!(sorted[0] <= estimate && estimate <= sorted[sorted.len() - 1]);
            // The lower bound of a bucket belongs to the one below.
            let is_lower_bound = || BOUNDS[bucket(exact) - 1].total_cmp(&estimate).is_eq();
            prop_assert!(bucket(estimate) == bucket(exact) || is_lower_bound(), "{estimate} for {exact}");

            for (bound, up_to) in whole.cumulative() {
                prop_assert_eq!(up_to, sorted.iter().filter(|sample| **sample <= bound).count() as u64);
            }
        }
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
        let distribution = of(&[f64::NAN, f64::INFINITY]);
        assert_eq!(distribution, Distribution::default());
        assert_eq!(distribution.quantile(0.5), None);
    }
}
