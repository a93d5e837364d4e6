//! Telemetry: events and log lines, which only the mirror holds.

use async_trait::async_trait;
use chainbill_domain::{Document, Timestamp};

use crate::port::documents::MirrorError;

/// Appending events and log lines. Every call ends within the implementation's deadline, also when the server hangs.
#[async_trait]
pub trait MirrorTelemetry: Send + Sync + 'static {
    /// Stores tracked events in `analytics`; known ids are skipped.
    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError>;

    /// Whether an event is stored.
    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError>;

    /// Stores log lines in `app_logs`; known ids are skipped.
    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError>;
}

/// A line of the application's log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Unique; writing it twice keeps one.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// `ERROR`, `WARN`, `INFO`, …
    pub level: String,
    /// The module that logged it.
    pub target: String,
    /// The text.
    pub message: String,
    /// Further fields as text.
    pub fields: Vec<(String, String)>,
}

/// A tracked event on its way into `analytics`: its id and its fields (see `domain::event::Event::document`).
#[derive(Debug, Clone)]
pub struct Tracked {
    /// `_id`; inserting it twice keeps one.
    pub id: String,
    /// Its fields.
    pub body: Document,
}
