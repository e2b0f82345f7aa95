//! Timing: variants are measured in turn, round by round, so that whatever else the machine does
//! meets all of them.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

/// Rounds of each variant; the median counts.
const ROUNDS: usize = 7;

/// What one variant took.
pub(crate) struct Measured {
    /// Its name.
    pub(crate) name: &'static str,
    /// Median wall time of one operation in seconds.
    pub(crate) wall: f64,
    /// Median processor time of one operation in seconds, of this whole process.
    pub(crate) cpu: f64,
}

/// A variant: runs the operation so many times.
pub(crate) type Variant<'a> = (&'static str, Box<dyn FnMut(u32) + 'a>);

/// Runs every variant `ROUNDS` times, `iterations` operations each, after one round to warm up.
pub(crate) fn measure(iterations: u32, mut variants: Vec<Variant<'_>>) -> Vec<Measured> {
    let mut samples: Vec<Vec<(f64, f64)>> = vec![Vec::new(); variants.len()];
    for round in 0..=ROUNDS {
        for (index, (_, run)) in variants.iter_mut().enumerate() {
            let (start, cpu) = (Instant::now(), cpu_time());
            run(iterations);
            if round > 0 {
                samples[index].push((
                    per_one(start.elapsed(), iterations),
                    per_one(cpu_time().saturating_sub(cpu), iterations),
                ));
            }
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    variants
        .iter()
        .zip(samples)
        .map(|((name, _), samples)| Measured {
            name,
            wall: median(samples.iter().map(|sample| sample.0).collect()),
            cpu: median(samples.iter().map(|sample| sample.1).collect()),
        })
        .collect()
}

/// Processor time of this process so far.
fn cpu_time() -> Duration {
    // proc_pid_stat(5) counts ticks of 10 ms; schedstat counts nanoseconds, but of one thread.
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Duration::ZERO;
    };
    let nanos = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(nanos)
}

/// A table: each variant's time, and its ratio to the first one's.
pub(crate) fn table(title: &str, measured: &[Measured], bytes: Option<u64>) -> String {
    let mut text = format!("{title}\n");
    let first = measured.first().map_or(1.0, |first| first.wall);
    for row in measured {
        let _ = write!(
            text,
            "  {:<44} {:>12} {:>7.2}x",
            row.name,
            human(row.wall),
            row.wall / first
        );
        if let Some(bytes) = bytes {
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let bytes = bytes as f64;
            let _ = write!(
                text,
                " {:>9.0} MB/s {:>6.2} CPU-s/GiB",
                bytes / row.wall / 1e6,
                row.cpu / bytes * f64::from(1 << 30)
            );
        }
        text.push('\n');
    }
    text
}

fn human(seconds: f64) -> String {
    match seconds {
        ..1e-5 => format!("{:.1} ns", seconds * 1e9),
        ..1e-2 => format!("{:.1} us", seconds * 1e6),
        _ => format!("{:.1} ms", seconds * 1e3),
    }
}

fn per_one(time: Duration, iterations: u32) -> f64 {
    time.as_secs_f64() / f64::from(iterations)
}
