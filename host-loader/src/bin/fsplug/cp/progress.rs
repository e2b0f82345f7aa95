//! [`Progress`]: the bars of a copy.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_loader::plugin_api::{CopyProgress, Location};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::failure::printable;

/// A file has a bar of its own from this size on; smaller ones would only flicker.
const OWN_BAR: u64 = 8 << 20;

/// A bar for the whole and one for each large file in flight; nothing where there is no terminal.
pub(super) struct Progress {
    bars: Option<MultiProgress>,
    whole: ProgressBar,
    finished: Cell<u64>,
    known: Cell<u64>,
    all_known: Cell<bool>,
}

impl Progress {
    /// Bars of a copy of many files.
    pub(super) fn of_files(bars: Option<MultiProgress>) -> Self {
        const STYLE: &str = "{msg}  {bytes}/{total_bytes}  {bytes_per_sec}  {elapsed_precise}";
        let whole = match &bars {
            Some(bars) => bars.add(ProgressBar::new(0).with_style(style(STYLE))),
            None => ProgressBar::hidden(),
        };
        Self::new(bars, whole)
    }

    /// The bar of a copy from a pipe, of which nothing is known.
    pub(super) fn of_pipe(bars: Option<MultiProgress>) -> Self {
        const STYLE: &str = "{bytes}  {bytes_per_sec}  {elapsed_precise}";
        let whole = match &bars {
            Some(bars) => bars.add(ProgressBar::no_length().with_style(style(STYLE))),
            None => ProgressBar::hidden(),
        };
        Self::new(bars, whole)
    }

    fn new(bars: Option<MultiProgress>, whole: ProgressBar) -> Self {
        Self {
            bars,
            whole,
            finished: Cell::new(0),
            known: Cell::new(0),
            all_known: Cell::new(false),
        }
    }

    /// A file of `bytes` will be copied.
    pub(super) fn expect(&self, bytes: u64) {
        self.known.set(self.known.get() + 1);
        self.whole.inc_length(bytes);
        self.show_files();
    }

    /// Every file is known by now.
    pub(super) fn expect_no_more(&self) {
        self.all_known.set(true);
        self.show_files();
    }

    /// A file has been dealt with.
    pub(super) fn finished_one(&self) {
        self.finished.set(self.finished.get() + 1);
        self.show_files();
    }

    fn show_files(&self) {
        // The plus sign says that the listing goes on and there will be more.
        let more = if self.all_known.get() { "" } else { "+" };
        let (finished, known) = (self.finished.get(), self.known.get());
        self.whole.set_message(format!("{finished}/{known}{more} files"));
    }

    /// `bytes` more of the whole have been copied.
    pub(super) fn advance(&self, bytes: u64) {
        self.whole.inc(bytes);
    }

    /// Begins to show a file.
    pub(super) fn start(&self, name: &Location, bytes: u64) -> FileProgress<'_> {
        const STYLE: &str = "{bar:30} {bytes}/{total_bytes}  {msg}";
        let bar = match &self.bars {
            Some(bars) if bytes >= OWN_BAR => bars
                .insert_before(&self.whole, ProgressBar::new(bytes).with_style(style(STYLE)))
                .with_message(printable(name.as_str()).into_owned()),
            _ => ProgressBar::hidden(),
        };
        FileProgress { whole: self, bar }
    }
}

impl Drop for Progress {
    /// Leaves the terminal as it was.
    fn drop(&mut self) {
        self.whole.finish_and_clear();
    }
}

/// The progress of one file, which is no longer shown once it is dropped.
pub(super) struct FileProgress<'a> {
    whole: &'a Progress,
    bar: ProgressBar,
}

impl FileProgress<'_> {
    /// `bytes` more have been copied.
    pub(super) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
        self.whole.advance(bytes);
    }

    /// The same, for a plugin to tell from its own threads.
    pub(super) fn told_by_plugin(&self) -> ToldByPlugin {
        ToldByPlugin {
            file: self.bar.clone(),
            whole: self.whole.whole.clone(),
            copied: Arc::default(),
        }
    }

    /// The file was given up: what had been copied of it does not count.
    pub(super) fn take_back(&self) {
        let position = self.whole.whole.position();
        self.whole
            .whole
            .set_position(position.saturating_sub(self.bar.position()));
    }
}

impl Drop for FileProgress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(bars) = &self.whole.bars {
            bars.remove(&self.bar);
        }
    }
}

/// The progress of one file that a plugin copies.
#[derive(Clone)]
pub(super) struct ToldByPlugin {
    file: ProgressBar,
    whole: ProgressBar,
    copied: Arc<AtomicU64>,
}

impl ToldByPlugin {
    /// Bytes so far.
    pub(super) fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }
}

impl CopyProgress for ToldByPlugin {
    fn advanced(&self, _request: usize, bytes: u64) {
        self.copied.fetch_add(bytes, Ordering::Relaxed);
        self.file.inc(bytes);
        self.whole.inc(bytes);
    }

    fn finished(&self, _request: usize) {}
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}
