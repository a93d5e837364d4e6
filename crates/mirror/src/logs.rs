//! Which log lines somebody asks for.

use chainbill_domain::Timestamp;

/// Which log lines. What is absent lets everything pass.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Of one of these levels.
    pub levels: Option<Vec<&'static str>>,
    /// Of a module whose path begins so.
    pub target: Option<String>,
    /// With this text in the message or in the value of a field; ASCII letters may be small or large.
    pub text: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}
