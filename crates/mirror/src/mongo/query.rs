//! The MongoDB engine as a [`MirrorQuery`].

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};

use super::{MongoMirror, activity, logs, read, search};
use crate::{
    limits::within,
    port::{Activity, Hit, LogFilter, LogLine, MirrorError, MirrorQuery, SearchQuery, Selection, Stored},
};

#[async_trait]
impl MirrorQuery for MongoMirror {
    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        self.query("collections", async { read::collections(self.client.database().await?).await }).await
    }

    async fn search(&self, model: &'static Model, query: SearchQuery<'_>) -> Result<Vec<Hit>, MirrorError> {
        self.query("search", async {
            let database = self.client.database().await?;
            let collation = self.simple_collation(database, model).await?;
            search::search(database, model, query, collation).await
        })
        .await
    }

    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        self.query("find", async {
            let database = self.client.database().await?;
            let collation = self.simple_collation(database, model).await?;
            read::find(database, model, (field, value), before, limit, collation).await
        })
        .await
    }

    async fn select(&self, model: &'static Model, selection: Selection<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.query("select", async {
            let database = self.client.database().await?;
            let collation = self.simple_collation(database, model).await?;
            read::select(database, model, selection, collation).await
        })
        .await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        self.query("activity", async { activity::activity(self.client.database().await?, user, since).await }).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        within(self.deadlines.request, "logs", async {
            logs::logs(self.client.database().await?, filter, before, limit).await
        })
        .await
    }
}
