//! The backfill state of each model: its state, the progress of its backfill, the result of its last run.

use chainbill_domain::{Model, Revision, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError, upsert::Upsert};

/// The state of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelState {
    /// An initial backfill is due. Set by default, and when the mirror is empty or belongs to another primary.
    Pending,
    /// The initial backfill is under way; the cursor shows its progress. Set by the backfill.
    Copying,
    /// The revision has changed: the documents follow every change, and those of another revision are rewritten; the cursor
    /// shows the progress. Set by the backfill.
    Backfilling,
    /// All rows are in the mirror; the outbox still holds changes older than the end of the backfill. Set by the backfill.
    CatchingUp,
    /// Every committed change is in flight or applied. Set by the watch.
    Live,
}

impl ModelState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Copying, Self::Backfilling, Self::CatchingUp, Self::Live];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Copying => "COPYING",
            Self::Backfilling => "BACKFILLING",
            Self::CatchingUp => "CATCHING_UP",
            Self::Live => "LIVE",
        }
    }

    /// Whether the model was never backfilled as a whole.
    #[must_use]
    pub const fn is_unfilled(self) -> bool {
        matches!(self, Self::Pending | Self::Copying)
    }
}

/// The backfill state of a model.
#[derive(Debug, Clone)]
pub struct BackfillState {
    /// The model's name.
    pub model: String,
    /// Its state.
    pub state: ModelState,
    /// The revision that its documents are of, or are being brought to; `None` from before there were revisions.
    pub revision: Option<Revision>,
    /// The last id that the backfill has written.
    pub cursor: Option<String>,
    /// Rows that it has written so far, or found to be in place.
    pub copied: i64,
    /// Rows that there were when it began.
    pub total: i64,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When the last run over the model (scheduled or by hand) ended.
    pub last_run_at: Option<Timestamp>,
    /// Its result in a few words.
    pub last_result: Option<String>,
    /// Rows per second of the last backfill.
    pub rate: i64,
}

impl BackfillState {
    fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            state: ModelState::Pending,
            revision: None,
            cursor: None,
            copied: 0,
            total: 0,
            started_at: None,
            finished_at: None,
            last_run_at: None,
            last_result: None,
            rate: 0,
        }
    }
}

const COLUMNS: &str =
    "model, state, `cursor`, copied, total, started_at, finished_at, last_run_at, last_result, rate, revision";

/// The saved columns, the key last.
const SAVED: &[&str] = &[
    "state",
    "cursor",
    "copied",
    "total",
    "started_at",
    "finished_at",
    "last_run_at",
    "last_result",
    "rate",
    "revision",
    "updated_at",
    "model",
];

fn values(state: &BackfillState, now: Timestamp) -> Vec<Value> {
    vec![
        state.state.name().into(),
        state.cursor.clone().into(),
        state.copied.into(),
        state.total.into(),
        state.started_at.into(),
        state.finished_at.into(),
        state.last_run_at.into(),
        state.last_result.clone().into(),
        state.rate.into(),
        state.revision.map(Revision::to_hex).into(),
        now.into(),
        state.model.clone().into(),
    ]
}

impl Records {
    /// The backfill state of a model.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn backfill_state(&self, model: &Model) -> Result<BackfillState, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_models WHERE model=?");
        let row = self.db().query_one_raw(self.statement(sql, [model.name.into()])).await?;
        row.as_ref().map_or_else(|| Ok(BackfillState::new(model.name)), backfill_state)
    }

    /// The saved backfill states of all models.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn backfill_states(&self) -> Result<Vec<BackfillState>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_models");
        self.db().query_all_raw(self.statement(sql, [])).await?.iter().map(backfill_state).collect()
    }

    /// Saves a whole state: a backfill begins, or is due.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_backfill(&self, state: &BackfillState) -> Result<(), RecordsError> {
        let all = &SAVED[..SAVED.len() - 1];
        let upsert = Upsert { table: "sync_models", key: &["model"], columns: SAVED, updated: all };
        self.put(&upsert, values(state, self.now())).await
    }

    /// Saves the progress or the end of a backfill; `false` when another one was ordered since it began.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_progress(&self, state: &BackfillState) -> Result<bool, RecordsError> {
        let sql = "UPDATE sync_models SET state=?, `cursor`=?, copied=?, finished_at=?, rate=?, updated_at=? \
                   WHERE model=? AND state IN ('COPYING','BACKFILLING') AND started_at=?";
        let values: [Value; 8] = [
            state.state.name().into(),
            state.cursor.clone().into(),
            state.copied.into(),
            state.finished_at.into(),
            state.rate.into(),
            self.now().into(),
            state.model.clone().into(),
            state.started_at.into(),
        ];
        Ok(self.run(sql, values).await? > 0)
    }

    /// Marks a model live that has caught up, unless it is to be backfilled again by now. Returns whether it is live.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn note_live(&self, state: &BackfillState) -> Result<bool, RecordsError> {
        let sql =
            "UPDATE sync_models SET state='LIVE', updated_at=? WHERE model=? AND state='CATCHING_UP' AND finished_at=?";
        let values: [Value; 3] = [self.now().into(), state.model.clone().into(), state.finished_at.into()];
        Ok(self.run(sql, values).await? > 0)
    }

    /// Clears the revision of a model's documents: too many are of another one, and a backfill of all is due.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_revision(&self, model: &Model) -> Result<(), RecordsError> {
        let sql =
            "UPDATE sync_models SET revision=NULL, updated_at=? WHERE model=? AND state IN ('CATCHING_UP','LIVE')";
        self.run(sql, [self.now().into(), model.name.into()]).await?;
        Ok(())
    }

    /// Saves what a model's backfill waits for; `None` when it goes on.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn note_waiting(&self, model: &Model, waits_for: Option<&str>) -> Result<(), RecordsError> {
        let Some(what) = waits_for else {
            let none = "UPDATE sync_models SET reason=NULL WHERE model=? AND reason IS NOT NULL";
            return self.run(none, [model.name.into()]).await.map(drop);
        };
        // A model without a saved state was never backfilled.
        let columns: Vec<&str> = SAVED.iter().copied().chain(["reason"]).collect();
        let upsert = Upsert { table: "sync_models", key: &["model"], columns: &columns, updated: &["reason"] };
        self.put(&upsert, values(&BackfillState::new(model.name), self.now()).into_iter().chain([what.into()])).await
    }

    /// Models whose backfills wait, and for what.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn waiting(&self) -> Result<Vec<(String, String)>, RecordsError> {
        let sql = "SELECT model, reason FROM sync_models WHERE reason IS NOT NULL ORDER BY model";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// Saves the result of a model's last run or backfill.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn note_result(&self, model: &Model, result: &str) -> Result<(), RecordsError> {
        let now = self.now();
        let (last_run_at, last_result) = (Some(now), Some(result.to_owned()));
        let state = BackfillState { last_run_at, last_result, ..BackfillState::new(model.name) };
        let updated = &["last_run_at", "last_result", "updated_at"];
        let upsert = Upsert { table: "sync_models", key: &["model"], columns: SAVED, updated };
        self.put(&upsert, values(&state, now)).await
    }

    /// A fact about this database, by name.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn fact(&self, name: &str) -> Result<Option<String>, RecordsError> {
        let row =
            self.db().query_one_raw(self.statement("SELECT value FROM facts WHERE name=?", [name.into()])).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    /// Saves a fact unless it is known already. Returns the one that holds.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn settle_fact(&self, name: &str, value: &str) -> Result<String, RecordsError> {
        if let Some(known) = self.fact(name).await? {
            return Ok(known);
        }
        let insert = "INSERT INTO facts (name, value) VALUES (?, ?)";
        match self.run(insert, [name.into(), value.into()]).await {
            Ok(_) => Ok(value.to_owned()),
            // It exists and the first read was late: the caller's value must not be taken for it.
            Err(RecordsError::Duplicate(_)) => self.fact(name).await?.ok_or(RecordsError::Late(0)),
            Err(error) => Err(error),
        }
    }

    /// Deletes a fact.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_fact(&self, name: &str) -> Result<(), RecordsError> {
        self.run("DELETE FROM facts WHERE name=?", [name.into()]).await?;
        Ok(())
    }
}

fn backfill_state(row: &QueryResult) -> Result<BackfillState, RecordsError> {
    let state: String = row.try_get_by_index(1)?;
    let known = ModelState::ALL.into_iter().find(|known| known.name() == state);
    Ok(BackfillState {
        model: row.try_get_by_index(0)?,
        state: known.ok_or_else(|| RecordsError::Corrupt(format!("sync_models holds the unknown state {state:?}")))?,
        cursor: row.try_get_by_index(2)?,
        copied: row.try_get_by_index(3)?,
        total: row.try_get_by_index(4)?,
        started_at: row.try_get_by_index(5)?,
        finished_at: row.try_get_by_index(6)?,
        last_run_at: row.try_get_by_index(7)?,
        last_result: row.try_get_by_index(8)?,
        rate: row.try_get_by_index(9)?,
        revision: row.try_get_by_index::<Option<String>>(10)?.as_deref().and_then(Revision::from_hex),
    })
}
