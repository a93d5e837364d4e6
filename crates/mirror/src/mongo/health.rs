//! The MongoDB engine as a [`MirrorHealth`].

use async_trait::async_trait;

use super::MongoMirror;
use crate::port::{MirrorError, MirrorHealth};

#[async_trait]
impl MirrorHealth for MongoMirror {
    fn engine(&self) -> &'static str {
        "mongodb"
    }

    fn reachable(&self) -> Result<(), MirrorError> {
        self.reach.known()
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        let answer = self.reach.ping(&self.client, self.deadlines.ping).await;
        if answer.is_err() {
            self.reach.watch(&self.client, self.deadlines.ping);
        }
        answer
    }
}
