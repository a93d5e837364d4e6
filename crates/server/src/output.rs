//! What commands print: text for people or one JSON document for scripts.

use std::{io::Write as _, time::Duration};

use chainbill_sync::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub json: bool,
}

impl Output {
    /// Prints the result: as JSON, or as text for people.
    ///
    /// A reader that has closed the pipe, as `head` does, is no error.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn result(self, json: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let line = if self.json { serde_json::to_string_pretty(json)? } else { text() };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", line.trim_end()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// A progress bar on the error stream; none for scripts.
    pub fn bar(self, what: &'static str, total: u64) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total).with_message(what);
        let style = "{msg:14} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// Progress bars one below the other, for work that goes on side by side.
pub(crate) struct Bars(Vec<(&'static str, ProgressBar)>);

impl Bars {
    /// A bar for each name, in this order.
    pub fn new(out: Output, names: impl Iterator<Item = &'static str>) -> Self {
        let all = MultiProgress::new();
        Self(names.map(|name| (name, if out.json { out.bar(name, 0) } else { all.add(out.bar(name, 0)) })).collect())
    }

    /// Lets the bar of a model follow it.
    pub fn follow(&self, progress: Progress) {
        if let Some((_, bar)) = self.0.iter().find(|(name, _)| *name == progress.model) {
            follow(bar)(progress);
        }
    }

    /// Leaves all as they are.
    pub fn finish(&self) {
        self.0.iter().for_each(|(_, bar)| bar.abandon());
    }
}

/// Lets a bar follow a backfill or a comparison.
pub(crate) fn follow(bar: &ProgressBar) -> impl Fn(Progress) + Send + Sync + '_ {
    |progress| {
        bar.set_length(progress.total.max(progress.done));
        bar.set_position(progress.done);
    }
}

/// Writes to the error stream. A closed one is no error.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
