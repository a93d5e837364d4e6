//! Runs over a model (verification, reconciliation) and the certificates that verifications issue.

use chainbill_domain::{Model, Timestamp, proof::Certificate};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError};

/// A run over a model.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// `verify`, `schedule` or `manual`.
    pub kind: String,
    /// The model.
    pub model: String,
    /// `fast` or `deep`.
    pub level: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it runs, or when its process died.
    pub finished_at: Option<Timestamp>,
    /// `running`, `equal`, `repaired`, `drift`, `breaker` or `failed`.
    pub outcome: String,
    /// Entities compared.
    pub compared: i64,
    /// Wrong copies.
    pub drift: i64,
    /// Wrong copies made right.
    pub repaired: i64,
    /// Differences on their way.
    pub in_flight: i64,
    /// Why it failed.
    pub error: Option<String>,
    /// The moment of the primary that it speaks of.
    pub cut: Option<Timestamp>,
    /// The differences as JSON, the first hundred.
    pub findings: Option<String>,
}

/// How far an unfinished run is.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The last id that it has compared.
    pub cursor: String,
    /// What it had found by then, in the run's own words.
    pub state: String,
}

/// Leaves of a certificate, a tile at a time: what proofs are made from.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Its place.
    pub number: i64,
    /// The first id in it.
    pub first_id: String,
    /// The root over its leaves, hexadecimal.
    pub hash: String,
    /// One line per leaf: id, version and digest, separated by blanks.
    pub leaves: String,
}

const COLUMNS: &str = "id, kind, model, level, started_at, finished_at, outcome, compared, drift, repaired, in_flight, \
                       error, cut, findings";
const CERTIFICATE: &str = "model, cut_text, count, encoder_version, root, previous, hash";

impl Records {
    /// Writes a run down, or what has become of it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_run(&self, run: &Run) -> Result<(), RecordsError> {
        let values = || -> Vec<Value> {
            vec![
                run.kind.clone().into(),
                run.model.clone().into(),
                run.level.clone().into(),
                run.started_at.into(),
                run.finished_at.into(),
                run.outcome.clone().into(),
                run.compared.into(),
                run.drift.into(),
                run.repaired.into(),
                run.in_flight.into(),
                run.error.clone().into(),
                run.cut.into(),
                run.findings.clone().into(),
                run.id.clone().into(),
            ]
        };
        let update = "UPDATE sync_runs SET kind=?, model=?, level=?, started_at=?, finished_at=?, outcome=?, \
                      compared=?, drift=?, repaired=?, in_flight=?, error=?, cut=?, findings=? WHERE id=?";
        if self.run(update, values()).await? == 0 {
            let insert = "INSERT INTO sync_runs (kind, model, level, started_at, finished_at, outcome, compared, drift, \
                          repaired, in_flight, error, cut, findings, id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
            self.run(insert, values()).await?;
        }
        Ok(())
    }

    /// Writes down how far a run is; the run's record shows how much it has compared.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_resume(&self, run: &str, compared: u64, resume: &Resume) -> Result<(), RecordsError> {
        let compared = i64::try_from(compared).unwrap_or(i64::MAX);
        self.run("UPDATE sync_runs SET compared=? WHERE id=?", [compared.into(), run.into()]).await?;
        let values = || -> [Value; 4] {
            [resume.cursor.clone().into(), resume.state.clone().into(), self.now().into(), run.into()]
        };
        if self.run("UPDATE sync_resume SET `cursor`=?, state=?, at=? WHERE run_id=?", values()).await? == 0 {
            self.run("INSERT INTO sync_resume (`cursor`, state, at, run_id) VALUES (?,?,?,?)", values()).await?;
        }
        Ok(())
    }

    /// How far a run is; none when it has not come far, or is over.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn resume(&self, run: &str) -> Result<Option<Resume>, RecordsError> {
        let sql = "SELECT `cursor`, state FROM sync_resume WHERE run_id=?";
        let row = self.db().query_one_raw(self.statement(sql, [run.into()])).await?;
        row.map(|row| Ok(Resume { cursor: row.try_get_by_index(0)?, state: row.try_get_by_index(1)? })).transpose()
    }

    /// Forgets how far a run was: it is over.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_resume(&self, run: &str) -> Result<(), RecordsError> {
        self.run("DELETE FROM sync_resume WHERE run_id=?", [run.into()]).await?;
        Ok(())
    }

    /// Runs, newest first: of one model or all, of one kind or all, before an id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn runs(
        &self,
        kind: Option<&str>,
        model: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Run>, RecordsError> {
        let (mut clauses, mut values) = (Vec::new(), Vec::<Value>::new());
        for (clause, bound) in [("kind=?", kind), ("model=?", model), ("id<?", before)] {
            if let Some(bound) = bound {
                clauses.push(clause);
                values.push(bound.into());
            }
        }
        let clause = if clauses.is_empty() { String::new() } else { format!(" WHERE {}", clauses.join(" AND ")) };
        let sql = format!("SELECT {COLUMNS} FROM sync_runs{clause} ORDER BY id DESC LIMIT {limit}");
        self.db().query_all_raw(self.statement(sql, values)).await?.iter().map(run).collect()
    }

    /// The newest comparison of each model that has ended.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn last_verifications(&self) -> Result<Vec<Run>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sync_runs WHERE id IN \
             (SELECT MAX(id) FROM sync_runs WHERE finished_at IS NOT NULL AND outcome<>'interrupted' GROUP BY model)"
        );
        self.db().query_all_raw(self.statement(sql, [])).await?.iter().map(run).collect()
    }

    /// The model's newest certificate with its id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn certificate(&self, model: &Model) -> Result<Option<(String, Certificate)>, RecordsError> {
        // Ids follow a clock, which may have jumped: the newest is the one that no other names as its predecessor.
        let sql = format!("SELECT {CERTIFICATE}, id FROM sync_certificates WHERE model=? ORDER BY id DESC LIMIT 1");
        let mut row = self.db().query_one_raw(self.statement(sql, [model.name.into()])).await?;
        let mut newest = None;
        while let Some(found) = row {
            let certificate = certificate(&found)?;
            let sql = format!("SELECT {CERTIFICATE}, id FROM sync_certificates WHERE chain=?");
            let chain = link(model.name, Some(&certificate.hash));
            row = self.db().query_one_raw(self.statement(sql, [chain.into()])).await?;
            newest = Some((found.try_get_by_index(7)?, certificate));
        }
        Ok(newest)
    }

    /// Certificates, newest first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn certificates(&self, model: Option<&str>, limit: u32) -> Result<Vec<Certificate>, RecordsError> {
        let (clause, values) = match model {
            Some(model) => (" WHERE model=?", vec![Value::from(model)]),
            None => ("", Vec::new()),
        };
        let sql = format!("SELECT {CERTIFICATE} FROM sync_certificates{clause} ORDER BY id DESC LIMIT {limit}");
        self.db().query_all_raw(self.statement(sql, values)).await?.iter().map(certificate).collect()
    }

    /// Keeps a certificate that names its predecessor; its tiles are there before it. [`RecordsError::Duplicate`] when
    /// somebody else has issued one with the same predecessor.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_certificate(&self, id: &str, certificate: &Certificate) -> Result<(), RecordsError> {
        let insert = "INSERT INTO sync_certificates (id, model, cut_text, count, encoder_version, root, previous, chain, \
                      hash, at) VALUES (?,?,?,?,?,?,?,?,?,?)";
        let count = i64::try_from(certificate.count).unwrap_or(i64::MAX);
        let chain = link(&certificate.model, certificate.previous.as_deref());
        let values: [Value; 10] = [
            id.into(),
            certificate.model.clone().into(),
            certificate.cut.clone().into(),
            count.into(),
            i64::from(certificate.encoder_version).into(),
            certificate.root.clone().into(),
            certificate.previous.clone().into(),
            chain.into(),
            certificate.hash.clone().into(),
            self.now().into(),
        ];
        self.run(insert, values).await?;
        Ok(())
    }

    /// Writes tiles of a certificate down, before the certificate itself.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_tiles(&self, id: &str, model: &Model, tiles: &[Tile]) -> Result<(), RecordsError> {
        for tiles in tiles.chunks(50) {
            let rows = vec!["(?,?,?,?,?,?)"; tiles.len()].join(",");
            let sql =
                format!("INSERT INTO sync_tiles (certificate_id, number, model, first_id, hash, leaves) VALUES {rows}");
            let values = tiles.iter().flat_map(|tile| {
                let Tile { number, first_id, hash, leaves } = tile.clone();
                let cells: [Value; 6] =
                    [id.into(), number.into(), model.name.into(), first_id.into(), hash.into(), leaves.into()];
                cells
            });
            self.run(&sql, values).await?;
        }
        Ok(())
    }

    /// Forgets the tiles of all certificates of the model but one, a few at a time: nobody waits for a long delete.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_tiles(&self, model: &Model, but: &str) -> Result<(), RecordsError> {
        const AT_ONCE: i64 = 200;
        let last = "SELECT COALESCE(MAX(number), -1) FROM sync_tiles WHERE model=? AND certificate_id<>?";
        let row = self.db().query_one_raw(self.statement(last, [model.name.into(), but.into()])).await?;
        let last: i64 = row.map_or(Ok(-1), |row| row.try_get_by_index(0))?;
        for end in (0..=last / AT_ONCE).map(|batch| (batch + 1) * AT_ONCE) {
            let sql = "DELETE FROM sync_tiles WHERE model=? AND certificate_id<>? AND number<?";
            self.run(sql, [model.name.into(), but.into(), end.into()]).await?;
        }
        Ok(())
    }

    /// The hashes of a certificate's tiles, in order.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn tile_hashes(&self, certificate_id: &str) -> Result<Vec<String>, RecordsError> {
        let sql = "SELECT hash FROM sync_tiles WHERE certificate_id=? ORDER BY number";
        let rows = self.db().query_all_raw(self.statement(sql, [certificate_id.into()])).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    /// The tile of a certificate in which an id stands, if it stands anywhere.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn tile_of(&self, certificate_id: &str, id: &str) -> Result<Option<Tile>, RecordsError> {
        let sql = "SELECT number, first_id, hash, leaves FROM sync_tiles WHERE certificate_id=? AND first_id<=? \
                   ORDER BY number DESC LIMIT 1";
        let row = self.db().query_one_raw(self.statement(sql, [certificate_id.into(), id.into()])).await?;
        row.map(|row| {
            Ok(Tile {
                number: row.try_get_by_index(0)?,
                first_id: row.try_get_by_index(1)?,
                hash: row.try_get_by_index(2)?,
                leaves: row.try_get_by_index(3)?,
            })
        })
        .transpose()
    }

    /// Certificates of all models with their ids, newest first, before an id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn certificates_before(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Certificate)>, RecordsError> {
        let clause = if before.is_some() { " WHERE id<?" } else { "" };
        let sql = format!("SELECT {CERTIFICATE}, id FROM sync_certificates{clause} ORDER BY id DESC LIMIT {limit}");
        let rows = self.db().query_all_raw(self.statement(sql, before.map(Value::from))).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(7)?, certificate(row)?))).collect()
    }
}

/// The place of a certificate in its model's chain, which no two may take.
fn link(model: &str, previous: Option<&str>) -> String {
    format!("{model}:{}", previous.unwrap_or("first"))
}

fn run(row: &QueryResult) -> Result<Run, RecordsError> {
    Ok(Run {
        id: row.try_get_by_index(0)?,
        kind: row.try_get_by_index(1)?,
        model: row.try_get_by_index(2)?,
        level: row.try_get_by_index(3)?,
        started_at: row.try_get_by_index(4)?,
        finished_at: row.try_get_by_index(5)?,
        outcome: row.try_get_by_index(6)?,
        compared: row.try_get_by_index(7)?,
        drift: row.try_get_by_index(8)?,
        repaired: row.try_get_by_index(9)?,
        in_flight: row.try_get_by_index(10)?,
        error: row.try_get_by_index(11)?,
        cut: row.try_get_by_index(12)?,
        findings: row.try_get_by_index(13)?,
    })
}

fn certificate(row: &QueryResult) -> Result<Certificate, RecordsError> {
    let (count, encoder): (i64, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    Ok(Certificate {
        model: row.try_get_by_index(0)?,
        cut: row.try_get_by_index(1)?,
        count: u64::try_from(count).unwrap_or(0),
        encoder_version: u32::try_from(encoder).unwrap_or(0),
        root: row.try_get_by_index(4)?,
        previous: row.try_get_by_index(5)?,
        hash: row.try_get_by_index(6)?,
    })
}
