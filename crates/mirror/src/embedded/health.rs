//! The embedded engine as a [`MirrorHealth`].

use async_trait::async_trait;

use super::{EmbeddedMirror, failed};
use crate::{
    limits::within,
    port::{MirrorError, MirrorHealth},
};

#[async_trait]
impl MirrorHealth for EmbeddedMirror {
    fn engine(&self) -> &'static str {
        "embedded"
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        within(self.deadlines.ping, "ping", async {
            sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&self.readers).await.map_err(|e| failed(&e))?;
            Ok(())
        })
        .await
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}
