//! The port: what ChainBill needs of a mirror, divided by its callers. Pages query; the synchronisation stores documents and, with
//! the log, telemetry.

mod documents;
mod health;
mod query;
mod store;
mod telemetry;

pub use documents::{Content, Guard, MirrorError, Outcome, Page, Retention, Stamp, Stored, Unprepared, Write};
pub use health::MirrorHealth;
pub use query::{Activity, Hit, LogFilter, MirrorQuery, SearchPosition, SearchQuery, Selection};
pub use store::MirrorStore;
pub use telemetry::{LogLine, MirrorTelemetry, Tracked};

/// What the synchronisation writes to.
pub trait ReplicationTarget: MirrorStore + MirrorTelemetry {}

impl<M: MirrorStore + MirrorTelemetry + ?Sized> ReplicationTarget for M {}

/// A whole mirror: what is opened once and passed on as what each caller needs.
pub trait Mirror: ReplicationTarget + MirrorQuery {}

impl<M: ReplicationTarget + MirrorQuery + ?Sized> Mirror for M {}
