//! Certificates: a Merkle root over a model at a cut, and proofs that an entity was among its rows.

use chainbill_domain::{
    Digest, Model, Timestamp,
    document::Encoded,
    merkle::{self, TILE, Tree},
    proof::{Certificate, FORMAT, Proof},
    wire,
};
use chainbill_records::{RecordsError, Tile};

use crate::{SyncError, engine::Engine, examine::encode_all};

/// Gathers leaves in the order of ids: a root in little memory, and tiles to make proofs from.
#[derive(Default)]
pub(crate) struct Builder {
    tree: Tree,
    count: u64,
    open: Vec<Digest>,
    lines: String,
    first_id: String,
    tiles: Vec<Tile>,
}

impl Builder {
    pub fn add(&mut self, row: &Encoded) {
        let leaf = merkle::leaf(row.digest);
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
        let number = i64::try_from(self.tiles.len()).unwrap_or(i64::MAX);
        let first_id = std::mem::take(&mut self.first_id);
        self.tiles.push(Tile { number, first_id, hash, leaves: std::mem::take(&mut self.lines) });
        self.open.clear();
    }

    fn finish(mut self) -> (Digest, u64, Vec<Tile>) {
        if !self.open.is_empty() {
            self.close();
        }
        (self.tree.root(), self.count, self.tiles)
    }
}

/// RFC 3339 with milliseconds.
pub(crate) fn written(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Issues a certificate that follows the model's newest.
pub(crate) async fn issue(
    engine: &Engine,
    model: &'static Model,
    cut: Timestamp,
    builder: Builder,
) -> Result<Certificate, SyncError> {
    let (root, count, tiles) = builder.finish();
    loop {
        let previous = engine.records.certificate(model).await?.map(|(_, certificate)| certificate.hash);
        let certificate = Certificate::new(model, written(cut), count, root, previous);
        match engine.records.add_certificate(&certificate, &tiles).await {
            Err(RecordsError::Duplicate(_)) => {}
            result => {
                result?;
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

/// A proof that an entity was among the rows of the newest certificate; none when it was not, or none was issued.
pub(crate) async fn prove(engine: &Engine, model: &'static Model, id: &str) -> Result<Option<Proof>, SyncError> {
    let Some((certificate_id, certificate)) = engine.records.certificate(model).await? else { return Ok(None) };
    let Some(tile) = engine.records.tile_of(&certificate_id, id).await? else { return Ok(None) };
    let leaves: Vec<(&str, i64, Digest)> = tile.leaves.lines().filter_map(leaf).collect();
    let Some(place) = leaves.iter().position(|(own, ..)| *own == id) else { return Ok(None) };
    let hashes: Vec<Digest> = leaves.iter().map(|(.., digest)| merkle::leaf(*digest)).collect();
    let roots = engine.records.tile_hashes(&certificate_id).await?;
    let roots: Vec<Digest> = roots.iter().filter_map(|hash| Digest::from_hex(hash)).collect();
    let number = usize::try_from(tile.number).unwrap_or(usize::MAX);
    if number >= roots.len() {
        return Ok(None);
    }
    let mut path = merkle::path(&hashes, place);
    path.extend(merkle::path(&roots, number));
    let (_, version, digest) = leaves[place];
    Ok(Some(Proof {
        format: FORMAT.to_owned(),
        model: model.name.to_owned(),
        id: id.to_owned(),
        version,
        digest: digest.to_hex(),
        document: document(engine, model, id, version, digest).await?,
        index: (number * TILE + place) as u64,
        path: path.into_iter().map(Into::into).collect(),
        certificate,
    }))
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
