//! Certificates: a Merkle root over the rows of a model at a cut, and proofs that an entity was among them.

use chainbill_domain::{
    Digest, Model, Timestamp,
    document::Encoded,
    merkle::{self, TILE, Tree},
    proof::{Certificate, Proof},
    wire,
};
use chainbill_records::{RecordsError, Tile};
use serde::Serialize;

use crate::{
    engine::{context::Engine, encoding::encode_all},
    errors::SyncError,
    time::rfc3339,
};

/// What a certificate says of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certified {
    /// The certificate's hash.
    pub certificate: String,
    /// The moment of the primary that it speaks of.
    pub cut: String,
    /// The version that the row had by then.
    pub version: i64,
}

/// Closed tiles are saved when there are so many.
const TILES_AT_ONCE: usize = 40;

/// Collects leaves in the order of ids, in constant memory: a root, and tiles for later proofs, which are saved on the way.
pub(crate) struct Builder {
    id: String,
    tree: Tree,
    count: u64,
    open: Vec<Digest>,
    lines: String,
    first_id: String,
    number: i64,
    tiles: Vec<Tile>,
}

impl Builder {
    /// For the certificate of that id.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            tree: Tree::default(),
            count: 0,
            open: Vec::new(),
            lines: String::new(),
            first_id: String::new(),
            number: 0,
            tiles: Vec::new(),
        }
    }

    pub fn add(&mut self, row: &Encoded) {
        let leaf = merkle::leaf(&row.id, row.version, row.digest);
        self.tree.push(leaf);
        self.count += 1;
        if self.open.is_empty() {
            self.first_id.clone_from(&row.id);
        }
        self.open.push(leaf);
        self.lines.push_str(&format!("{} {} {}\n", row.id, row.version, row.digest.to_hex()));
        if self.open.len() == TILE {
            self.close();
        }
    }

    fn close(&mut self) {
        let hash = merkle::root(&self.open).to_hex();
        let first_id = std::mem::take(&mut self.first_id);
        self.tiles.push(Tile { number: self.number, first_id, hash, leaves: std::mem::take(&mut self.lines) });
        self.number += 1;
        self.open.clear();
    }

    /// Saves closed tiles when there are enough of them.
    pub async fn save_tiles(&mut self, engine: &Engine, model: &'static Model) -> Result<(), SyncError> {
        if self.tiles.len() >= TILES_AT_ONCE {
            engine.records.add_tiles(&self.id, model, &std::mem::take(&mut self.tiles)).await?;
        }
        Ok(())
    }

    async fn finish(mut self, engine: &Engine, model: &'static Model) -> Result<(String, Digest, u64), SyncError> {
        if !self.open.is_empty() {
            self.close();
        }
        engine.records.add_tiles(&self.id, model, &self.tiles).await?;
        Ok((self.id, self.tree.root(), self.count))
    }
}

/// Issues a certificate that follows the model's newest.
pub(crate) async fn issue(
    engine: &Engine,
    model: &'static Model,
    cut: Timestamp,
    builder: Builder,
) -> Result<Certificate, SyncError> {
    let (id, root, count) = builder.finish(engine, model).await?;
    // One process certifies a model at a time; the retries are for a process that has lost its lease without noticing.
    let mut left = 3;
    loop {
        let previous = engine.records.certificate(model).await?.map(|(_, certificate)| certificate.hash);
        let certificate = Certificate::new(model, rfc3339(cut), count, root, previous);
        match engine.records.add_certificate(&id, &certificate).await {
            Err(RecordsError::Duplicate(_)) if left > 0 => left -= 1,
            result => {
                result?;
                engine.records.forget_tiles(model, &id).await?;
                tracing::info!(
                    model = model.name,
                    root = certificate.root,
                    "Sync certifies {count} rows of {} as of {}",
                    model.name,
                    certificate.cut
                );
                return Ok(certificate);
            }
        }
    }
}

/// Deletes the tiles of a certificate that was not issued.
pub(crate) async fn discard(engine: &Engine, model: &'static Model) -> Result<(), SyncError> {
    let newest = engine.records.certificate(model).await?.map_or_else(String::new, |(id, _)| id);
    Ok(engine.records.forget_tiles(model, &newest).await?)
}

/// What the model's newest certificate says of an entity; `None` when it was not among its rows.
pub(crate) async fn certified(
    engine: &Engine,
    model: &'static Model,
    id: &str,
) -> Result<Option<Certified>, SyncError> {
    let Some((certificate_id, certificate)) = engine.records.certificate(model).await? else { return Ok(None) };
    let Some(tile) = engine.records.tile_of(&certificate_id, id).await? else { return Ok(None) };
    let own = tile.leaves.lines().filter_map(leaf).find(|(own, ..)| *own == id);
    Ok(own.map(|(_, version, _)| Certified { certificate: certificate.hash, cut: certificate.cut, version }))
}

/// A proof that an entity was among the rows of the newest certificate; `None` when it was not, or no certificate was issued.
pub(crate) async fn prove(engine: &Engine, model: &'static Model, id: &str) -> Result<Option<Proof>, SyncError> {
    let Some((certificate_id, certificate)) = engine.records.certificate(model).await? else { return Ok(None) };
    let Some(tile) = engine.records.tile_of(&certificate_id, id).await? else { return Ok(None) };
    let leaves: Vec<(&str, i64, Digest)> = tile.leaves.lines().filter_map(leaf).collect();
    let Some(place) = leaves.iter().position(|(own, ..)| *own == id) else { return Ok(None) };
    let hashes: Vec<Digest> = leaves.iter().map(|(id, version, digest)| merkle::leaf(id, *version, *digest)).collect();
    let roots = engine.records.tile_hashes(&certificate_id).await?;
    let roots: Vec<Digest> = roots.iter().filter_map(|hash| Digest::from_hex(hash)).collect();
    let number = usize::try_from(tile.number).unwrap_or(usize::MAX);
    if number >= roots.len() {
        return Ok(None);
    }
    let mut path = merkle::path(&hashes, place);
    path.extend(merkle::path(&roots, number));
    let (_, version, digest) = leaves[place];
    let proof = Proof {
        format: certificate.format().to_owned(),
        model: model.name.to_owned(),
        id: id.to_owned(),
        version,
        digest: digest.to_hex(),
        document: document(engine, model, id, version, digest).await?,
        index: (number * TILE + place) as u64,
        path: path.into_iter().map(Into::into).collect(),
        certificate,
    };
    // Tiles are deleted when the next certificate is issued, and another release has other leaves: what was read meanwhile may
    // be no proof.
    Ok(Some(proof).filter(|proof| proof.check().is_ok()))
}

fn leaf(line: &str) -> Option<(&str, i64, Digest)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.parse().ok()?, Digest::from_hex(words.next()?)?))
}

/// The document, where the row is still the one that was certified.
async fn document(
    engine: &Engine,
    model: &'static Model,
    id: &str,
    version: i64,
    digest: Digest,
) -> Result<Option<serde_json::Value>, SyncError> {
    let snapshot = engine.records.snapshot().await?;
    let rows = snapshot.rows(model, &[id.to_owned()]).await?;
    snapshot.close().await?;
    let (rows, _) = encode_all(model, rows);
    let same = rows.into_iter().find(|row| row.version == version && row.digest == digest);
    Ok(same.map(|row| wire::to_json(&row.body)))
}
