//! The program's log: the error stream, and from a level on `app_logs` in the mirror.
//!
//! Writing to the mirror never blocks: lines wait in a bounded queue, those that do not fit are counted and dropped, and writes are
//! retried while the mirror is unreachable. Lines that the mirror refuses are counted and dropped.

use std::{fmt::Write as _, io::IsTerminal as _, sync::Arc, time::Duration};

use chainbill_domain::{Clock as _, Random, SystemClock, SystemRandom, id::EventId};
use chainbill_mirror::{LogLine, MirrorError, MirrorTelemetry};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{Layer, filter::Targets, layer::Context, layer::SubscriberExt as _, registry::LookupSpan};

use crate::settings::{LogFormat, Settings};

/// Lines that may wait.
const QUEUE: usize = 4096;
/// Lines written at once.
const BATCH: usize = 500;
/// Longest text kept of one line.
const MOST_CHARACTERS: usize = 4000;

/// Lines that did not fit into the queue, or were refused, since the start.
pub(crate) const DROPPED: &str = "chainbill_app_logs_dropped_total";

/// The waiting lines' reading end.
pub(crate) struct Lines(mpsc::Receiver<LogLine>);

/// Starts the log. The lines for the mirror wait until [`write`] takes them.
pub(crate) fn start(settings: &Settings) -> Lines {
    let (sender, receiver) = mpsc::channel(QUEUE);
    // Libraries log below a warning only what their own developers need. Our own targets begin with our name.
    let filter =
        Targets::new().with_default(tracing::Level::WARN).with_target("chainbill", settings.log_level.tracing());
    let keep = Keep { sender, level: settings.app_logs_level.tracing() };
    let registry = tracing_subscriber::registry().with(filter).with(keep);
    let format =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // An error about a closed error stream has nowhere to go, and writing it would end the program.
    let format = format.log_internal_errors(false);
    let set = match settings.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(registry.with(format.with_target(false))),
        LogFormat::Json => tracing::subscriber::set_global_default(registry.with(format.json())),
    };
    if set.is_err() {
        tracing::debug!("the log was turned on before");
    }
    Lines(receiver)
}

/// Writes lines to the mirror until it is stopped; the lines that wait then are tried once more.
pub(crate) async fn write(lines: Lines, mirror: Arc<dyn MirrorTelemetry>, stop: CancellationToken) {
    let Lines(mut receiver) = lines;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let stopped = tokio::select! {
            _ = receiver.recv_many(&mut batch, BATCH) => false,
            () = stop.cancelled() => true,
        };
        if stopped {
            receiver.close();
            while batch.len() < BATCH && receiver.recv_many(&mut batch, BATCH).await > 0 {}
            // The stream of errors has these lines too.
            let _ = tokio::time::timeout(Duration::from_secs(1), mirror.log(&batch)).await;
            return;
        }
        if !bring(batch.len(), &stop, || mirror.log(&batch)).await {
            return;
        }
        batch.clear();
    }
}

/// Writes lines, retrying while the mirror is unreachable. Refused lines are counted and dropped: they would be refused for ever
/// and block all others. `false` when it was stopped meanwhile.
async fn bring<F: Future<Output = Result<(), MirrorError>>>(
    lines: usize,
    stop: &CancellationToken,
    log: impl Fn() -> F,
) -> bool {
    let mut pause = Duration::from_millis(200);
    loop {
        match log().await {
            Ok(()) => return true,
            Err(MirrorError::Refused(_)) => {
                count_dropped(lines);
                return true;
            }
            Err(MirrorError::Unavailable(_) | MirrorError::Throttled(_)) => tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
                () = stop.cancelled() => return false,
            },
        }
    }
}

/// Looked up each time: the recorder may come after the first line.
fn count_dropped(lines: usize) {
    metrics::counter!(DROPPED).increment(lines as u64);
}

struct Keep {
    sender: mpsc::Sender<LogLine>,
    level: tracing::Level,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let meta = event.metadata();
        if *meta.level() > self.level {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let mut fields = text.fields;
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Request(of_span)) = span.extensions().get() {
                fields.extend(of_span.iter().cloned());
            }
        }
        let now = SystemClock.now();
        let line = LogLine {
            id: EventId::new(now, (&SystemRandom as &dyn Random).bytes()).to_string(),
            at: now,
            level: meta.level().to_string(),
            target: meta.target().to_owned(),
            message: text.message,
            fields,
        };
        if self.sender.try_send(line).is_err() {
            count_dropped(1);
        }
    }

    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, id: &tracing::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut text = Text::default();
            attributes.record(&mut text);
            span.extensions_mut().insert(Request(text.fields));
        }
    }
}

/// The fields of a span.
struct Request(Vec<(String, String)>);

#[derive(Default)]
struct Text {
    message: String,
    fields: Vec<(String, String)>,
}

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = write!(text, "{value:?}");
        self.keep(field, text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }
}

impl Text {
    fn keep(&mut self, field: &Field, text: String) {
        let text = match text.char_indices().nth(MOST_CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.push((field.name().to_owned(), text));
        }
    }
}

#[cfg(test)]
mod tests {
    use chainbill_mirror::{EmbeddedMirror, Mirror, MirrorStore as _, Retention};
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// Runs a story with a queue of so many lines; what was counted as dropped meanwhile.
    fn counted(queue: usize, story: impl FnOnce(Lines)) -> u64 {
        let recorder = PrometheusBuilder::new().build_recorder();
        let prometheus = recorder.handle();
        let (sender, receiver) = mpsc::channel(queue);
        let subscriber = tracing_subscriber::registry().with(Keep { sender, level: tracing::Level::WARN });
        metrics::with_local_recorder(&recorder, || {
            tracing::subscriber::with_default(subscriber, || story(Lines(receiver)));
        });
        let text = prometheus.render();
        let value = text.lines().find_map(|line| line.strip_prefix(DROPPED));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
    }

    #[test]
    fn a_warning_reaches_the_second_database_and_what_is_less_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let dropped = counted(8, |lines| {
            let span = tracing::info_span!("request", id = "r-1");
            span.in_scope(|| tracing::warn!(place = 7, "it is getting late"));
            tracing::info!("it is nine");
            run(async {
                let mirror = EmbeddedMirror::open(&folder.path().join("secondary.db")).await.expect("it opens");
                let keep = Duration::from_secs(86_400);
                let retention = Retention { analytics: keep, logs: keep, tombstones: keep };
                mirror.prepare(&[], retention).await.expect("it is prepared");
                let mirror: Arc<dyn Mirror> = Arc::new(mirror);
                let stop = CancellationToken::new();
                stop.cancel();
                write(lines, mirror.clone(), stop).await;
                let since = SystemClock.now() - Duration::from_secs(60);
                let activity = mirror.activity(None, since).await.expect("it answers");
                assert_eq!(activity.log_levels, [("WARN".to_owned(), 1)]);
            });
        });
        assert_eq!(dropped, 0);
    }

    #[test]
    fn a_queue_that_is_full_counts_what_it_drops() {
        let dropped = counted(3, |mut lines| {
            for _ in 0..10 {
                tracing::error!("again");
            }
            let mut kept = 0;
            while lines.0.try_recv().is_ok() {
                kept += 1;
            }
            assert_eq!(kept, 3);
        });
        assert_eq!(dropped, 7);
    }

    #[test]
    fn what_is_refused_is_counted_and_given_up() {
        let dropped = counted(8, |mut lines| {
            tracing::warn!("one");
            tracing::warn!("two");
            run(async {
                let mut batch = Vec::new();
                lines.0.recv_many(&mut batch, BATCH).await;
                let refuse = || std::future::ready(Err(MirrorError::Refused("too long".to_owned())));
                assert!(bring(batch.len(), &CancellationToken::new(), refuse).await, "the next lines may come");
            });
        });
        assert_eq!(dropped, 2);
    }

    #[test]
    fn lines_are_retried_while_the_mirror_is_unreachable() {
        let dropped = counted(8, |_| {
            run(async {
                let stop = CancellationToken::new();
                let silent = || {
                    stop.cancel();
                    std::future::ready(Err(MirrorError::Unavailable("silent".to_owned())))
                };
                assert!(!bring(1, &stop, silent).await);
            });
        });
        assert_eq!(dropped, 0);
    }
}
