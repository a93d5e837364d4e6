//! The program's log: to the error stream, and from a level on to `app_logs` in the second database.
//!
//! The way to the second database never blocks and never grows: lines wait in a bounded queue, what does not fit is
//! counted, and a line that cannot be written is tried again while the queue holds.

use std::{
    fmt::Write as _,
    io::IsTerminal as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chainbill_domain::{Clock as _, Random, SystemClock, SystemRandom, id::EventId};
use chainbill_mirror::{LogLine, Mirror};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{EnvFilter, Layer, layer::Context, layer::SubscriberExt as _, registry::LookupSpan};

use crate::settings::{LogFormat, Settings};

/// Lines that may wait.
const QUEUE: usize = 4096;
/// Lines written at once.
const BATCH: usize = 500;
/// Longest text kept of one line.
const MOST_CHARACTERS: usize = 4000;

/// Lines that did not fit into the queue since the start.
pub(crate) const DROPPED: &str = "chainbill_app_logs_dropped_total";

/// The waiting lines' reading end.
pub(crate) struct Lines(mpsc::Receiver<LogLine>);

/// Turns the log on. The lines for the second database wait until [`write`] takes them.
pub(crate) fn start(settings: &Settings) -> Lines {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let level = settings.log_level.tracing().to_string().to_lowercase();
    // What libraries have to say below a warning helps nobody who runs this program.
    let filter = EnvFilter::new(format!("warn,chainbill={level}"));
    let own = ["app", "domain", "mirror", "records", "server", "sync", "web"];
    let filter = own.iter().fold(filter, |filter, room| match format!("chainbill_{room}={level}").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    });
    let keep = Keep { sender, level: settings.app_logs_level.tracing() };
    let registry = tracing_subscriber::registry().with(filter).with(keep);
    let format =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let set = match settings.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(registry.with(format.with_target(false))),
        LogFormat::Json => tracing::subscriber::set_global_default(registry.with(format.json())),
    };
    if set.is_err() {
        tracing::debug!("the log was turned on before");
    }
    Lines(receiver)
}

/// Brings lines to the second database until asked to stop; what waits then gets one last chance.
pub(crate) async fn write(lines: Lines, mirror: Arc<dyn Mirror>, stop: CancellationToken) {
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
        let mut pause = Duration::from_millis(200);
        while mirror.log(&batch).await.is_err() {
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
                () = stop.cancelled() => return,
            }
        }
        batch.clear();
    }
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
            dropped().increment(1);
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

fn dropped() -> &'static metrics::Counter {
    static COUNTER: OnceLock<metrics::Counter> = OnceLock::new();
    COUNTER.get_or_init(|| metrics::counter!(DROPPED))
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
