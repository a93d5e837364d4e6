//! The kinds of consumers.

use crate::events::{analytics::Analytics, consumer::ConsumerKind};

/// Every kind of consumer. A new one is its file and a line here.
pub(crate) fn all() -> Vec<Box<dyn ConsumerKind>> {
    vec![Box::new(Analytics)]
}
