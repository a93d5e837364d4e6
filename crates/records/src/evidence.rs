//! Evidence of repairs: the document before, the expected one, and what was done. Saved before anything is changed.

use chainbill_domain::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError, runs::ids};

/// One repair.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Its own id.
    pub id: String,
    /// The run that found it.
    pub run_id: String,
    /// The model.
    pub model: String,
    /// The entity.
    pub entity_id: String,
    /// `lost`, `stale`, `phantom`, `mutated` or `ahead`.
    pub class: String,
    /// The document as it was found.
    pub before: Option<String>,
    /// The expected document; `None` when there is no row.
    pub expected: Option<String>,
    /// The document after the repair.
    pub after: Option<String>,
    /// Fields that differed, separated by commas.
    pub fields: String,
    /// The moment of the primary that proved it.
    pub cut: Timestamp,
    /// What the outbox, the dead letters and the audit held on the entity.
    pub journal: Option<String>,
    /// When it was saved.
    pub at: Timestamp,
    /// What was done; `none` until it is done.
    pub action: String,
}

const COLUMNS: &str =
    "id, run_id, model, entity_id, class, before_doc, expected_doc, after_doc, fields, cut, journal, at, action";

impl Records {
    /// Saves evidence, before the repair.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_evidence(&self, evidence: &Evidence) -> Result<(), RecordsError> {
        let sql = format!("INSERT INTO sync_evidence ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)");
        let values: [Value; 13] = [
            evidence.id.clone().into(),
            evidence.run_id.clone().into(),
            evidence.model.clone().into(),
            key(&evidence.entity_id).into(),
            evidence.class.clone().into(),
            evidence.before.as_deref().map(cut).into(),
            evidence.expected.as_deref().map(cut).into(),
            evidence.after.as_deref().map(cut).into(),
            evidence.fields.clone().into(),
            evidence.cut.into(),
            evidence.journal.clone().into(),
            evidence.at.into(),
            evidence.action.clone().into(),
        ];
        self.run(&sql, values).await?;
        Ok(())
    }

    /// Completes evidence with what was done and the document after it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn finish_evidence(&self, evidence: &Evidence) -> Result<(), RecordsError> {
        let values: [Value; 3] =
            [evidence.after.as_deref().map(cut).into(), evidence.action.clone().into(), evidence.id.clone().into()];
        self.run("UPDATE sync_evidence SET after_doc=?, action=? WHERE id=?", values).await?;
        Ok(())
    }

    /// Repairs of an entity since a moment.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn repairs_since(&self, model: &str, id: &str, since: Timestamp) -> Result<u64, RecordsError> {
        let sql = "SELECT COUNT(*) FROM sync_evidence WHERE model=? AND entity_id=? AND at>=?";
        let row = self.db().query_one_raw(self.statement(sql, [model.into(), key(id).into(), since.into()])).await?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Evidence, newest first: of one model or all, of one entity or all, before an id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn evidence(
        &self,
        model: Option<&str>,
        entity: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Evidence>, RecordsError> {
        let (mut clauses, mut values) = (Vec::new(), Vec::<Value>::new());
        let entity = entity.map(key);
        for (clause, bound) in [("model=?", model), ("entity_id=?", entity.as_deref()), ("id<?", before)] {
            if let Some(bound) = bound {
                clauses.push(clause);
                values.push(bound.into());
            }
        }
        let clause = if clauses.is_empty() { String::new() } else { format!(" WHERE {}", clauses.join(" AND ")) };
        let sql = format!("SELECT {COLUMNS} FROM sync_evidence{clause} ORDER BY id DESC LIMIT {limit}");
        self.db().query_all_raw(self.statement(sql, values)).await?.iter().map(evidence).collect()
    }

    /// Deletes some evidence that is older than a moment, and returns its number.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_evidence(&self, before: Timestamp) -> Result<u64, RecordsError> {
        let old = format!("SELECT id FROM sync_evidence WHERE at<? ORDER BY at LIMIT {FORGOTTEN_AT_ONCE}");
        let old = ids(&self.db().query_all_raw(self.statement(old, [before.into()])).await?)?;
        self.forget("sync_evidence", &old).await
    }

    /// The last audited change of an entity: its action and time. Writes past the application are not audited.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn last_audited(&self, model: &str, id: &str) -> Result<Option<(String, Timestamp)>, RecordsError> {
        let sql =
            "SELECT action, at FROM audit_entries WHERE subject_model=? AND subject_id=? ORDER BY id DESC LIMIT 1";
        let row = self.db().query_one_raw(self.statement(sql, [model.into(), key(id).into()])).await?;
        row.map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).transpose()
    }
}

/// Evidence is large, so fewer rows are deleted at once than of other tables.
const FORGOTTEN_AT_ONCE: u32 = 200;

/// An `_id` that was written by another program may have any length: one that does not fit into the key is cut and given its digest.
pub(crate) fn key(id: &str) -> String {
    const FITS: usize = 255;
    if id.len() <= FITS {
        return id.to_owned();
    }
    let digest = chainbill_domain::Digest::of(id.as_bytes());
    format!("{}…{}", id.chars().take(60).collect::<String>(), digest.to_hex())
}

/// Cuts documents of megabytes: servers bound the size of a statement.
fn cut(text: &str) -> String {
    const ENOUGH: usize = 1 << 20;
    match text.char_indices().find(|(place, _)| *place >= ENOUGH) {
        None => text.to_owned(),
        Some((place, _)) => format!("{}… ({} bytes in all)", &text[..place], text.len()),
    }
}

fn evidence(row: &QueryResult) -> Result<Evidence, RecordsError> {
    Ok(Evidence {
        id: row.try_get_by_index(0)?,
        run_id: row.try_get_by_index(1)?,
        model: row.try_get_by_index(2)?,
        entity_id: row.try_get_by_index(3)?,
        class: row.try_get_by_index(4)?,
        before: row.try_get_by_index(5)?,
        expected: row.try_get_by_index(6)?,
        after: row.try_get_by_index(7)?,
        fields: row.try_get_by_index(8)?,
        cut: row.try_get_by_index(9)?,
        journal: row.try_get_by_index(10)?,
        at: row.try_get_by_index(11)?,
        action: row.try_get_by_index(12)?,
    })
}
