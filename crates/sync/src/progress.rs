//! Progress of long work over a model.

/// How far a backfill or a comparison is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The model.
    pub model: &'static str,
    /// Rows done.
    pub done: u64,
    /// Rows that there were at the beginning.
    pub total: u64,
}

/// A callback that receives progress.
pub type OnProgress<'r> = &'r (dyn Fn(Progress) + Send + Sync);
