//! Certificates of deep verifications, and the leaves that proofs are made from.

use chainbill_domain::{Model, proof::Certificate};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError};

/// Leaves of a certificate, a tile at a time: what proofs are made from.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Its position.
    pub number: i64,
    /// The first id in it.
    pub first_id: String,
    /// The root over its leaves, hexadecimal.
    pub hash: String,
    /// One line per leaf: id, version and digest, separated by blanks.
    pub leaves: String,
}

const CERTIFICATE: &str = "model, cut_text, count, encoder_version, root, previous, hash, revision";

impl Records {
    /// The model's newest certificate with its id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn certificate(&self, model: &Model) -> Result<Option<(String, Certificate)>, RecordsError> {
        // Ids follow a clock, which may have jumped: the newest certificate is the one that is no other's predecessor.
        let sql = format!("SELECT {CERTIFICATE}, id FROM sync_certificates WHERE model=? ORDER BY id DESC LIMIT 1");
        let mut row = self.db().query_one_raw(self.statement(sql, [model.name.into()])).await?;
        let mut newest = None;
        while let Some(found) = row {
            let certificate = certificate(&found)?;
            let sql = format!("SELECT {CERTIFICATE}, id FROM sync_certificates WHERE chain=?");
            let chain = link(model.name, Some(&certificate.hash));
            row = self.db().query_one_raw(self.statement(sql, [chain.into()])).await?;
            newest = Some((found.try_get_by_index(8)?, certificate));
        }
        Ok(newest)
    }

    /// Saves a certificate that names its predecessor, after its tiles. [`RecordsError::Duplicate`] when another process has issued
    /// one with the same predecessor.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_certificate(&self, id: &str, certificate: &Certificate) -> Result<(), RecordsError> {
        let insert = "INSERT INTO sync_certificates (id, model, cut_text, count, encoder_version, root, previous, chain, \
                      hash, revision, at) VALUES (?,?,?,?,?,?,?,?,?,?,?)";
        let count = i64::try_from(certificate.count).unwrap_or(i64::MAX);
        let chain = link(&certificate.model, certificate.previous.as_deref());
        let values: [Value; 11] = [
            id.into(),
            certificate.model.clone().into(),
            certificate.cut.clone().into(),
            count.into(),
            i64::from(certificate.encoder_version).into(),
            certificate.root.clone().into(),
            certificate.previous.clone().into(),
            chain.into(),
            certificate.hash.clone().into(),
            certificate.revision.clone().into(),
            self.now().into(),
        ];
        self.run(insert, values).await?;
        Ok(())
    }

    /// Saves tiles of a certificate, before the certificate itself.
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

    /// Deletes the tiles of all certificates of the model but one, a few at a time, so that no delete takes long.
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

    /// The tile of a certificate that holds an id, if there is one.
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
        rows.iter().map(|row| Ok((row.try_get_by_index(8)?, certificate(row)?))).collect()
    }
}

/// The position of a certificate in its model's chain, which is unique.
fn link(model: &str, previous: Option<&str>) -> String {
    format!("{model}:{}", previous.unwrap_or("first"))
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
        revision: row.try_get_by_index(7)?,
    })
}
