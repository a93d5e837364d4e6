//! The health of a mirror.

use async_trait::async_trait;

use crate::port::documents::MirrorError;

/// Which engine a mirror is, and whether it answers.
#[async_trait]
pub trait MirrorHealth: Send + Sync + 'static {
    /// `mongodb` or `embedded`.
    fn engine(&self) -> &'static str;

    /// An error, at once and without a request, while the server is known not to answer.
    ///
    /// # Errors
    /// [`MirrorError::Unavailable`].
    fn reachable(&self) -> Result<(), MirrorError> {
        Ok(())
    }

    /// A small round trip with a deadline of its own, below one second.
    async fn ping(&self) -> Result<(), MirrorError>;

    /// Closes all connections on a clean stop.
    async fn close(&self) {}
}
