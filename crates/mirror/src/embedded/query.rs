//! The embedded engine as a [`MirrorQuery`].

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};

use super::{EmbeddedMirror, activity, logs, read, schema, search};
use crate::{
    limits::within,
    port::{Activity, Hit, LogFilter, LogLine, MirrorError, MirrorQuery, SearchQuery, Selection, Stored},
};

#[async_trait]
impl MirrorQuery for EmbeddedMirror {
    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        within(self.deadlines.request, "collections", schema::collections(&self.readers)).await
    }

    async fn search(&self, model: &'static Model, query: SearchQuery<'_>) -> Result<Vec<Hit>, MirrorError> {
        within(self.deadlines.request, "search", search::search(&self.readers, model, query)).await
    }

    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.request, "find", read::find(&self.readers, model, field, value, before, limit)).await
    }

    async fn select(&self, model: &'static Model, selection: Selection<'_>) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.request, "select", read::select(&self.readers, model, selection)).await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        within(self.deadlines.request, "activity", activity::activity(&self.readers, user, since)).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        within(self.deadlines.request, "logs", logs::logs(&self.readers, filter, before, limit)).await
    }
}
