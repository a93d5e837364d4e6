//! What is known of each model's copy: its state, how far the initial copy is, how the last run went.

use chainbill_domain::{Model, Revision, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError, upsert::Upsert};

/// The state of a model's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyState {
    /// Nothing is known to be there; an initial copy is due. Set at birth, and when the second database is found empty
    /// or foreign.
    Pending,
    /// The initial copy is on its way; the cursor says how far. Set by whoever copies.
    Copying,
    /// The model has got another description: every document is there and follows every change, and those of another
    /// revision are made anew; the cursor says how far. Set by whoever makes them.
    Backfilling,
    /// All rows were copied once; the outbox still holds changes older than the copy's end. Set by whoever copied.
    CatchingUp,
    /// Every committed change is on its way or there. Set by the relay.
    Live,
}

impl CopyState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Copying, Self::Backfilling, Self::CatchingUp, Self::Live];

    /// The stored word.
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
}

/// What is known of a model's copy.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The model's name.
    pub model: String,
    /// Its state.
    pub state: CopyState,
    /// The revision that its documents are of, or are being brought to; none from before there were revisions.
    pub revision: Option<Revision>,
    /// The last id that the initial copy, or the backfill, has written.
    pub cursor: Option<String>,
    /// Rows written by it so far, or found to be as they should.
    pub copied: i64,
    /// Rows that there were when it began.
    pub total: i64,
    /// When the initial copy began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When the last run over the model (scheduled or by hand) ended.
    pub last_run_at: Option<Timestamp>,
    /// How it went, in a few words.
    pub last_result: Option<String>,
    /// Rows per second of the last copy.
    pub rate: i64,
}

impl Copy {
    fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            state: CopyState::Pending,
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

/// What is saved of a copy, its key last.
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

fn values(copy: &Copy, now: Timestamp) -> Vec<Value> {
    vec![
        copy.state.name().into(),
        copy.cursor.clone().into(),
        copy.copied.into(),
        copy.total.into(),
        copy.started_at.into(),
        copy.finished_at.into(),
        copy.last_run_at.into(),
        copy.last_result.clone().into(),
        copy.rate.into(),
        copy.revision.map(Revision::to_hex).into(),
        now.into(),
        copy.model.clone().into(),
    ]
}

impl Records {
    /// What is known of a model's copy.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn copy(&self, model: &Model) -> Result<Copy, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_models WHERE model=?");
        let row = self.db().query_one_raw(self.statement(sql, [model.name.into()])).await?;
        row.as_ref().map_or_else(|| Ok(Copy::new(model.name)), copy)
    }

    /// What is known of all copies that were ever looked at.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn copies(&self) -> Result<Vec<Copy>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_models");
        self.db().query_all_raw(self.statement(sql, [])).await?.iter().map(copy).collect()
    }

    /// Writes down everything that is known: a copy begins, or is due.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_copy(&self, copy: &Copy) -> Result<(), RecordsError> {
        let all = &SAVED[..SAVED.len() - 1];
        let upsert = Upsert { table: "sync_models", key: &["model"], columns: SAVED, updated: all };
        self.put(&upsert, values(copy, self.now())).await
    }

    /// Writes down how far a copy is, or that it has ended; `false` when somebody has asked for another one since it
    /// began, which must not be forgotten.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_progress(&self, copy: &Copy) -> Result<bool, RecordsError> {
        let sql = "UPDATE sync_models SET state=?, `cursor`=?, copied=?, finished_at=?, rate=?, updated_at=? \
                   WHERE model=? AND state IN ('COPYING','BACKFILLING') AND started_at=?";
        let values: [Value; 8] = [
            copy.state.name().into(),
            copy.cursor.clone().into(),
            copy.copied.into(),
            copy.finished_at.into(),
            copy.rate.into(),
            self.now().into(),
            copy.model.clone().into(),
            copy.started_at.into(),
        ];
        Ok(self.run(sql, values).await? > 0)
    }

    /// A model that has caught up is live, unless it is to be copied again by now; whether it is.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn note_live(&self, copy: &Copy) -> Result<bool, RecordsError> {
        let sql =
            "UPDATE sync_models SET state='LIVE', updated_at=? WHERE model=? AND state='CATCHING_UP' AND finished_at=?";
        let values: [Value; 3] = [self.now().into(), copy.model.clone().into(), copy.finished_at.into()];
        Ok(self.run(sql, values).await? > 0)
    }

    /// Forgets of which revision the model's documents are: too many were found to be of others, and all are looked at anew.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_revision(&self, model: &Model) -> Result<(), RecordsError> {
        let sql =
            "UPDATE sync_models SET revision=NULL, updated_at=? WHERE model=? AND state IN ('CATCHING_UP','LIVE')";
        self.run(sql, [self.now().into(), model.name.into()]).await?;
        Ok(())
    }

    /// Writes down what a model's copy waits for, or that it waits for nothing.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn note_waiting(&self, model: &Model, waits_for: Option<&str>) -> Result<(), RecordsError> {
        let Some(what) = waits_for else {
            let none = "UPDATE sync_models SET reason=NULL WHERE model=? AND reason IS NOT NULL";
            return self.run(none, [model.name.into()]).await.map(drop);
        };
        // A model of which nothing is written down was never copied.
        let columns: Vec<&str> = SAVED.iter().copied().chain(["reason"]).collect();
        let upsert = Upsert { table: "sync_models", key: &["model"], columns: &columns, updated: &["reason"] };
        self.put(&upsert, values(&Copy::new(model.name), self.now()).into_iter().chain([what.into()])).await
    }

    /// Models whose copies wait, and for what.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn waiting(&self) -> Result<Vec<(String, String)>, RecordsError> {
        let sql = "SELECT model, reason FROM sync_models WHERE reason IS NOT NULL ORDER BY model";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// Writes down how the last run or copy of a model went.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn note_result(&self, model: &Model, result: &str) -> Result<(), RecordsError> {
        let now = self.now();
        let copy = Copy { last_run_at: Some(now), last_result: Some(result.to_owned()), ..Copy::new(model.name) };
        let updated = &["last_run_at", "last_result", "updated_at"];
        let upsert = Upsert { table: "sync_models", key: &["model"], columns: SAVED, updated };
        self.put(&upsert, values(&copy, now)).await
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

    /// Writes a fact down when it is not known yet; the one that holds.
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
            // One that is there and not seen was read too early: nobody may take their own for it.
            Err(RecordsError::Duplicate(_)) => self.fact(name).await?.ok_or(RecordsError::Late(0)),
            Err(error) => Err(error),
        }
    }

    /// Forgets a fact.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_fact(&self, name: &str) -> Result<(), RecordsError> {
        self.run("DELETE FROM facts WHERE name=?", [name.into()]).await?;
        Ok(())
    }
}

fn copy(row: &QueryResult) -> Result<Copy, RecordsError> {
    let state: String = row.try_get_by_index(1)?;
    let known = CopyState::ALL.into_iter().find(|known| known.name() == state);
    Ok(Copy {
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
