//! Shows progress: a bar on a terminal, a line a second elsewhere.

use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

const LINE_EVERY: Duration = Duration::from_secs(1);

/// The progress of one stretch of work over a number of bytes.
pub(crate) struct Progress {
    bar: ProgressBar,
    total: u64,
    label: &'static str,
    last_line: Instant,
}

impl Progress {
    /// Begins with 0 of `total` bytes.
    pub(crate) fn new(label: &'static str, total: u64) -> Self {
        let bar = ProgressBar::new(total);
        let template = "    {prefix} {bar:30} {percent:>3}%  {decimal_bytes} of {decimal_total_bytes}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(label);
        Self {
            bar,
            total,
            label,
            last_line: Instant::now(),
        }
    }

    /// Shows that `bytes` are done.
    pub(crate) fn set(&mut self, bytes: u64, message: String) {
        if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            eprintln!(
                "    {} {:>3}%  {} of {}  {message}",
                self.label,
                percent(bytes, self.total),
                DecimalBytes(bytes),
                DecimalBytes(self.total)
            );
        }
        self.bar.set_position(bytes);
        self.bar.set_message(message);
    }

    /// Adds to what is done.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.set(self.bar.position() + bytes, String::new());
    }

    /// Prints a line without disturbing the bar.
    pub(crate) fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("    {text}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How much of `total` is `part`, in whole percent, rounded down.
pub(crate) fn percent(part: u64, total: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(total.max(1))) as u64
}

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown = [0, 999, 1000, 30_000_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "30,000,000"]);
    }

    #[test]
    fn percentages_are_rounded_down_and_nothing_of_nothing_is_zero() {
        assert_eq!((percent(999, 1000), percent(5, 5), percent(0, 0)), (99, 100, 0));
    }
}
