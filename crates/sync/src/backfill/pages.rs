//! The reading side of a backfill: pages of rows, encoded and compared with what the mirror holds already, read ahead of the
//! writing in bounded memory.

use std::{collections::HashMap, sync::Arc};

use chainbill_domain::{Model, Row};
use chainbill_mirror::{Content, Page, Stamp, Write};
use chainbill_records::{Fence, RowPage, Snapshot, outbox::EntryKey};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{context::Engine, encoding::write_of},
    errors::SyncError,
    panics::catch_panic,
};

/// A page on its way into the mirror.
pub(crate) struct BackfillPage {
    /// The last id of the page.
    pub last: String,
    pub rows: u64,
    /// Rows that the mirror does not hold yet.
    pub writes: Vec<Write>,
    /// Ids of rows that cannot be written.
    pub poison: Vec<String>,
    /// Entries of the outbox that are done when the entity's write has taken effect.
    pub pending: HashMap<String, Vec<EntryKey>>,
    /// Entries that are done.
    pub done: Vec<EntryKey>,
}

/// Where a backfill begins to read.
pub(crate) struct Start {
    /// After this id.
    pub cursor: Option<String>,
    /// Whether the collection is empty.
    pub is_empty: bool,
    /// No page is of a moment before this fence.
    pub fence: Fence,
}

/// Reads and encodes pages in a task of its own.
pub(crate) fn read_ahead(
    engine: Arc<Engine>,
    model: &'static Model,
    mut start: Start,
    stop: CancellationToken,
) -> (mpsc::Receiver<Result<BackfillPage, SyncError>>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(1);
    let reader = tokio::spawn(async move {
        while !stop.is_cancelled() {
            let page = match catch_panic(read(&engine, model, &mut start)).await {
                Ok(None) => return,
                Ok(Some(page)) => page,
                Err(error) => {
                    // The receiver is dropped only when the backfill has ended for another reason.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            start.cursor = Some(page.last.clone());
            if sender.send(Ok(page)).await.is_err() {
                return;
            }
        }
    });
    (receiver, reader)
}

async fn read(engine: &Engine, model: &'static Model, start: &mut Start) -> Result<Option<BackfillPage>, SyncError> {
    let Start { cursor, is_empty, fence } = start;
    let snapshot = engine.snapshot_after(fence).await?;
    let range = RowPage { after: cursor.as_deref(), up_to: None, limit: engine.settings.page };
    let rows = snapshot.page(model, range).await?;
    let pending = pending(&snapshot, model, &rows).await?;
    snapshot.close().await?;
    let Some(last) = rows.last().map(|row| row.id.clone()) else { return Ok(None) };
    let present = match is_empty {
        true => Present::nothing(),
        false => Present::read(engine, model, cursor.as_deref(), &last, rows.len()).await?,
    };
    let mut page = BackfillPage {
        last,
        rows: rows.len() as u64,
        writes: Vec::with_capacity(rows.len()),
        poison: Vec::new(),
        pending,
        done: Vec::new(),
    };
    for row in rows {
        let id = row.id.clone();
        match write_of(model, row) {
            Ok(write) if present.holds(model, &write) => page.done.extend(page.pending.remove(&id).unwrap_or_default()),
            Ok(write) => page.writes.push(Write { fresh: present.lacks(&id), ..write }),
            Err(_) => page.poison.push(id),
        }
    }
    Ok(Some(page))
}

/// Pending entries of these rows, from the same snapshot and of no later version: a write of the row carries them out. A short
/// outbox is left to the relay.
async fn pending(
    snapshot: &Snapshot,
    model: &'static Model,
    rows: &[Row],
) -> Result<HashMap<String, Vec<EntryKey>>, SyncError> {
    if rows.is_empty() || !snapshot.is_backlogged().await? {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut all = snapshot.pending_entries(model, &ids).await?;
    let of = |row: &Row| {
        let entries = all.remove(&row.id)?.into_iter().filter(|(version, _)| *version <= row.version);
        Some((row.id.clone(), entries.map(|(_, key)| key).collect()))
    };
    Ok(rows.iter().filter_map(of).collect())
}

/// The sync metadata of what the mirror holds in a page's range.
struct Present {
    stamps: HashMap<String, Stamp>,
    /// Whether the range holds nothing else.
    complete: bool,
}

impl Present {
    fn nothing() -> Self {
        Self { stamps: HashMap::new(), complete: true }
    }

    /// Reads the metadata of the range, and no more than that where there are many more documents than rows.
    async fn read(
        engine: &Engine,
        model: &'static Model,
        after: Option<&str>,
        last: &str,
        rows: usize,
    ) -> Result<Self, SyncError> {
        const MARGIN: usize = 64;
        let limit = u32::try_from(rows + MARGIN).unwrap_or(u32::MAX);
        let stamps = engine.mirror.stamps(model, Page { after, up_to: Some(last), limit }).await?;
        let complete = stamps.len() < rows + MARGIN;
        Ok(Self { stamps: stamps.into_iter().map(|stamp| (stamp.id.clone(), stamp)).collect(), complete })
    }

    /// Whether the document has the metadata of what would be written.
    fn holds(&self, model: &'static Model, write: &Write) -> bool {
        let Content::Document { digest, .. } = &write.content else { return false };
        self.stamps.get(&write.id).is_some_and(|stamp| {
            let Stamp { version, digest: there, revision, tombstone, .. } = stamp;
            *version == Some(write.version)
                && *there == Some(*digest)
                && *revision == Some(model.revision())
                && !tombstone
        })
    }

    fn lacks(&self, id: &str) -> bool {
        self.complete && !self.stamps.contains_key(id)
    }
}
