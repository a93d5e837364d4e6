//! A unit of work: the only way to save a synchronised row. Rows, their outbox entries, events and whatever else belongs
//! to them are committed together or not at all.

use chainbill_domain::{
    Model, Timestamp,
    event::{Event, EventRecord},
    freshness::{MOST_MARKS, Mark, Token},
    models,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, ModelTrait, QueryFilter,
    QueryTrait, sea_query::Expr,
};

use crate::{
    Child, Records, RecordsError, Synced, Transaction, Unsynced, literals,
    outbox::{self, Entry, Op},
};

/// An open transaction of the primary. Dropping it undoes everything.
#[must_use = "nothing is saved before `commit`"]
pub struct Unit {
    tx: Transaction,
    records: Records,
    now: Timestamp,
    entries: Vec<Entry>,
    events: Vec<EventRecord>,
}

/// What a commit saved.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// The synchronised rows with the versions that they reached, and the events.
    pub token: Token,
}

impl Unit {
    pub(crate) fn new(tx: Transaction, records: Records) -> Self {
        let now = records.now();
        Self { tx, records, now, entries: Vec::new(), events: Vec::new() }
    }

    /// The moment of this unit: all its rows carry the same.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The transaction. It stays in this crate: saving a synchronised row here would leave it without an outbox entry.
    pub(crate) fn db(&self) -> &Transaction {
        &self.tx
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Saves a new row at version 1.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`] when a unique value is taken.
    pub async fn insert<E>(&mut self, row: E::Model) -> Result<E::Model, RecordsError>
    where
        E: Synced,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: Send,
    {
        let mut rows = self.insert_many::<E>(vec![row]).await?;
        Ok(rows.remove(0))
    }

    /// Saves a new row at version 1 with the children that live inside its document.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub async fn insert_with<C>(
        &mut self,
        row: <C::Parent as EntityTrait>::Model,
        children: Vec<C::Model>,
    ) -> Result<<C::Parent as EntityTrait>::Model, RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel>,
        C::ActiveModel: Send,
        <C::Parent as EntityTrait>::Model: IntoActiveModel<<C::Parent as EntityTrait>::ActiveModel>,
        <C::Parent as EntityTrait>::ActiveModel: Send,
    {
        let row = self.insert::<C::Parent>(row).await?;
        self.write_many::<C>(children).await?;
        Ok(row)
    }

    /// Saves a new row at version 1 with its children, all with COMMIT where the primary takes several statements at once. For rows
    /// that have no unique value but their new key: a value that is taken would be an error of COMMIT.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn insert_later_with<C>(
        &mut self,
        mut row: <C::Parent as EntityTrait>::Model,
        children: Vec<C::Model>,
    ) -> Result<<C::Parent as EntityTrait>::Model, RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel> + ModelTrait<Entity = C>,
        C::ActiveModel: Send,
        <C::Parent as EntityTrait>::Model:
            IntoActiveModel<<C::Parent as EntityTrait>::ActiveModel> + ModelTrait<Entity = C::Parent>,
        <C::Parent as EntityTrait>::ActiveModel: Send,
    {
        C::Parent::stamp(&mut row, 1, None);
        self.note(C::Parent::MODEL, C::Parent::id(&row), 1, Op::Upsert);
        self.write_later::<C::Parent>(vec![row.clone()]).await?;
        self.write_later::<C>(children).await?;
        Ok(row)
    }

    /// Saves many new rows at version 1 in few statements.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub async fn insert_many<E>(&mut self, mut rows: Vec<E::Model>) -> Result<Vec<E::Model>, RecordsError>
    where
        E: Synced,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: Send,
    {
        for row in &mut rows {
            E::stamp(row, 1, None);
            self.note(E::MODEL, E::id(row), 1, Op::Upsert);
        }
        self.write_many::<E>(rows.clone()).await?;
        Ok(rows)
    }

    /// Saves many new rows at version 1 with all their children, in few statements.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub async fn insert_many_with<C>(
        &mut self,
        rows: Vec<<C::Parent as EntityTrait>::Model>,
        children: Vec<C::Model>,
    ) -> Result<Vec<<C::Parent as EntityTrait>::Model>, RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel>,
        C::ActiveModel: Send,
        <C::Parent as EntityTrait>::Model: IntoActiveModel<<C::Parent as EntityTrait>::ActiveModel>,
        <C::Parent as EntityTrait>::ActiveModel: Send,
    {
        let rows = self.insert_many::<C::Parent>(rows).await?;
        self.write_many::<C>(children).await?;
        Ok(rows)
    }

    /// Saves further children of rows that this unit has saved: they are part of the version that it gave them.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub(crate) async fn add_children<C>(&self, children: Vec<C::Model>) -> Result<(), RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel>,
        C::ActiveModel: Send,
    {
        self.write_many::<C>(children).await
    }

    /// Saves what differs between a row as it was read and as it shall be, at the next version and with this unit's
    /// moment as its change time. One conditional statement on key and version decides.
    ///
    /// # Errors
    /// [`RecordsError::Changed`] when the row is no longer at the version that was read.
    pub async fn update<E>(&mut self, before: &E::Model, mut after: E::Model) -> Result<E::Model, RecordsError>
    where
        E: Synced,
        E::Model: ModelTrait<Entity = E>,
    {
        let (id, version) = (E::id(before), E::version(before));
        E::stamp(&mut after, version + 1, Some(self.now));
        let mut statement = E::update_many().filter(E::ID.eq(id.clone())).filter(E::VERSION.eq(version));
        for column in E::Column::iter() {
            let value = after.get(column);
            if value != before.get(column) {
                statement = statement.col_expr(column, Expr::val(value));
            }
        }
        let changed = self.save(&statement).await?;
        if changed != 1 {
            return Err(RecordsError::Changed { model: E::MODEL.name, id });
        }
        self.note(E::MODEL, id, version + 1, Op::Upsert);
        Ok(after)
    }

    /// As [`Self::update`], and replaces the children that live inside the document.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub async fn update_with<C>(
        &mut self,
        before: &<C::Parent as EntityTrait>::Model,
        after: <C::Parent as EntityTrait>::Model,
        children: Vec<C::Model>,
    ) -> Result<<C::Parent as EntityTrait>::Model, RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel>,
        C::ActiveModel: Send,
        <C::Parent as EntityTrait>::Model: ModelTrait<Entity = C::Parent>,
    {
        let row = self.update::<C::Parent>(before, after).await?;
        self.remove_children::<C>(&C::Parent::id(before)).await?;
        self.write_many::<C>(children).await?;
        Ok(row)
    }

    /// As [`Self::update`], and adds children to those that live inside the document.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub async fn update_adding<C>(
        &mut self,
        before: &<C::Parent as EntityTrait>::Model,
        after: <C::Parent as EntityTrait>::Model,
        children: Vec<C::Model>,
    ) -> Result<<C::Parent as EntityTrait>::Model, RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel>,
        C::ActiveModel: Send,
        <C::Parent as EntityTrait>::Model: ModelTrait<Entity = C::Parent>,
    {
        let row = self.update::<C::Parent>(before, after).await?;
        self.write_many::<C>(children).await?;
        Ok(row)
    }

    /// Removes a row that has no children.
    ///
    /// # Errors
    /// [`RecordsError::Changed`] when the row is no longer at the version that was read.
    pub async fn delete<E: Synced>(&mut self, row: &E::Model) -> Result<(), RecordsError> {
        let (id, version) = (E::id(row), E::version(row));
        let removed = E::delete_many()
            .filter(E::ID.eq(id.clone()))
            .filter(E::VERSION.eq(version))
            .exec(&self.tx)
            .await?
            .rows_affected;
        if removed != 1 {
            return Err(RecordsError::Changed { model: E::MODEL.name, id });
        }
        self.note(E::MODEL, id, version + 1, Op::Delete);
        Ok(())
    }

    /// Removes a row with its children.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub async fn delete_with<C: Child>(&mut self, row: &<C::Parent as EntityTrait>::Model) -> Result<(), RecordsError> {
        self.delete::<C::Parent>(row).await?;
        self.remove_children::<C>(&C::Parent::id(row)).await
    }

    /// Records an event: it exists, and reaches every consumer of events, if and only if this unit commits.
    pub fn event(&mut self, event: &Event) {
        self.events.push(event.into());
    }

    /// Saves a row of a table that is not synchronised.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub async fn add<E>(&mut self, row: E::Model) -> Result<(), RecordsError>
    where
        E: Unsynced,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: Send,
    {
        self.write_many::<E>(vec![row]).await
    }

    /// As [`Self::add`], with COMMIT where the primary takes several statements at once. For rows that have no unique value but
    /// their new key.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_later<E>(&mut self, row: E::Model) -> Result<(), RecordsError>
    where
        E: Unsynced,
        E::Model: IntoActiveModel<E::ActiveModel> + ModelTrait<Entity = E>,
        E::ActiveModel: Send,
    {
        self.write_later::<E>(vec![row]).await
    }

    /// Saves many rows of a table that is not synchronised, in few statements.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub async fn add_many<E>(&mut self, rows: Vec<E::Model>) -> Result<(), RecordsError>
    where
        E: Unsynced,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: Send,
    {
        self.write_many::<E>(rows).await
    }

    async fn write_later<E>(&self, rows: Vec<E::Model>) -> Result<(), RecordsError>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel> + ModelTrait<Entity = E>,
        E::ActiveModel: Send,
    {
        let text = self.records.dialect().takes_texts().then(|| literals::insert::<E>(&rows)).flatten();
        match text.filter(|_| !rows.is_empty()) {
            Some(text) => Ok(self.tx.execute_later(text).await?),
            None => self.write_many::<E>(rows).await,
        }
    }

    async fn write_many<E>(&self, rows: Vec<E::Model>) -> Result<(), RecordsError>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: Send,
    {
        // SQLite takes 32,766 parameters in a statement, MySQL 65,535.
        let per_statement = (30_000 / E::Column::iter().count()).clamp(1, 1000);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let batch = rows.by_ref().take(per_statement).map(|row| row.into_active_model().reset_all());
            self.save(&E::insert_many(batch)).await?;
        }
        Ok(())
    }

    /// Runs a statement; the rows that it touched.
    pub(crate) async fn save(&self, query: &impl QueryTrait) -> Result<u64, RecordsError> {
        let statement = self.records.dialect().timeless(query.build(self.tx.get_database_backend()));
        Ok(self.tx.execute_raw(statement).await?.rows_affected())
    }

    /// What will have been saved when this unit commits, as far as it is known now.
    #[must_use]
    pub fn token(&self) -> Token {
        token(&self.entries, &self.events)
    }

    /// Makes it durable, and wakes the relay and the sequencer of events.
    ///
    /// # Errors
    /// [`RecordsError::Unknown`] when its durability is unknown.
    pub async fn commit(self) -> Result<Committed, RecordsError> {
        let Self { tx, records, now, entries, events } = self;
        if entries.is_empty() && events.is_empty() {
            tx.commit_after(Vec::new()).await?;
            return Ok(Committed::default());
        }
        let token = token(&entries, &events);
        let queued = outbox::queued_now(entries, now, records.random());
        outbox::commit(tx, records.dialect(), &queued, &events, now).await?;
        records.wake_relay(&queued);
        if !events.is_empty() {
            records.wake_sequencer();
        }
        Ok(Committed { token })
    }

    /// Undoes everything at once instead of when dropped.
    ///
    /// # Errors
    /// When the connection broke; the database then undoes it by itself.
    pub async fn rollback(self) -> Result<(), RecordsError> {
        Ok(self.tx.rollback().await?)
    }

    /// Replaces the children of a row of another kind than those that [`Self::update_with`] replaces. Only with a change of that row,
    /// which raises its version.
    pub(crate) async fn replace_children<C>(
        &mut self,
        parent: &str,
        children: Vec<C::Model>,
    ) -> Result<(), RecordsError>
    where
        C: Child,
        C::Model: IntoActiveModel<C::ActiveModel>,
        C::ActiveModel: Send,
    {
        self.remove_children::<C>(parent).await?;
        self.write_many::<C>(children).await
    }

    async fn remove_children<C: Child>(&self, parent: &str) -> Result<(), RecordsError> {
        C::delete_many().filter(C::PARENT.eq(parent)).exec(&self.tx).await?;
        Ok(())
    }

    /// Asks the relay to inspect entities, whatever the state of their mirrored documents.
    pub(crate) fn ask(&mut self, entries: &[Entry]) {
        self.entries.extend_from_slice(entries);
    }

    fn note(&mut self, model: &'static Model, id: String, version: i64, op: Op) {
        self.entries.push(Entry { model: model.name.into(), entity_id: id, version, op, body: None });
    }
}

/// The last version of each synchronised row of the unit, and its events.
fn token(entries: &[Entry], events: &[EventRecord]) -> Token {
    let mut newest: Vec<&Entry> = Vec::new();
    for entry in entries {
        match newest.iter().position(|known| known.entity_id == entry.entity_id && known.model == entry.model) {
            Some(place) => newest[place] = entry,
            // One mark more than a token holds makes the token incomplete.
            None if newest.len() <= MOST_MARKS => newest.push(entry),
            None => {}
        }
    }
    let mut token = Token::default();
    for Entry { model, entity_id, version, .. } in newest {
        if let Some(model) = models::named(model) {
            token.push(Mark::Entity { model, id: entity_id.clone(), version: *version });
        }
    }
    for event in events.iter().take(MOST_MARKS + 1) {
        token.push(Mark::Event { id: event.id.clone() });
    }
    token
}
