//! Reading both sides ahead of a comparison, in bounded memory: the databases work while what they said is judged.

use std::sync::Arc;

use chainbill_domain::{Model, document::Encoded};
use chainbill_mirror::Page;
use chainbill_records::{Fence, RowPage, Snapshot};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    SyncError,
    caught::caught,
    compare::{Level, Seen},
    engine::Engine,
    examine::encode_all,
};

/// Documents read beyond the rows of a page, so that phantoms among them show.
const MARGIN: usize = 64;
/// The same, and documents beyond the last row that are read at once, where documents may be megabytes.
const FEW: usize = 8;

/// A page of rows, with the moment that it was read at.
pub(crate) struct Leaf {
    snapshot: Arc<Snapshot>,
    /// It holds all rows after this id,
    after: Option<String>,
    /// up to this one. None: there are no more rows.
    up_to: Option<String>,
    rows: Vec<Encoded>,
    /// Rows whose values cannot be read, and why.
    unreadable: Vec<(String, String)>,
}

/// A part of both sides: the same range of ids.
pub(crate) struct Sheet {
    pub snapshot: Arc<Snapshot>,
    pub rows: Vec<Encoded>,
    pub documents: Vec<Seen>,
    /// Rows of the range whose values cannot be read, and why.
    pub unreadable: Arc<[(String, String)]>,
    /// Whether it is the last part of its page,
    pub last: bool,
    /// which holds all rows up to this one; none at the end.
    pub up_to: Option<String>,
}

/// Of which moment of the primary rows are.
pub(crate) enum Moment {
    /// All of the same.
    Same(Arc<Snapshot>),
    /// Each page of its own, none from before this.
    After(Fence),
}

pub(crate) type Read<T> = mpsc::Receiver<Result<T, SyncError>>;

/// Reads ahead of the comparison, each side in a task of its own: rows a page ahead of the documents, and those a part
/// ahead of what is judged.
#[derive(Clone)]
pub(crate) struct Ahead {
    pub engine: Arc<Engine>,
    pub model: &'static Model,
    pub level: Level,
}

impl Ahead {
    /// Reads and encodes rows.
    pub fn rows(self, mut moment: Moment, mut after: Option<String>) -> (Read<Leaf>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(1);
        let reader = tokio::spawn(async move {
            // Each page may hold a connection: it is read when there is room for it. The receiver is gone only when the
            // comparison has ended for another reason.
            while let Ok(room) = sender.reserve().await {
                let leaf = caught(read(&self.engine, self.model, &mut moment, after)).await;
                after = leaf.as_ref().ok().and_then(|leaf| leaf.up_to.clone());
                room.send(leaf);
                if after.is_none() {
                    return;
                }
            }
        });
        (receiver, reader)
    }

    /// Reads the documents of each page's range, after the page.
    pub fn documents(self, mut leaves: Read<Leaf>) -> (Read<Sheet>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(1);
        let reader = tokio::spawn(async move {
            while let Some(leaf) = leaves.recv().await {
                let read = match leaf {
                    Ok(leaf) => caught(self.documents_of(leaf, &sender)).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = read {
                    // Whoever has ended the comparison does not ask why.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            }
        });
        (receiver, reader)
    }

    /// Where documents crowd between the rows, the range is taken in parts.
    async fn documents_of(&self, leaf: Leaf, sheets: &mpsc::Sender<Result<Sheet, SyncError>>) -> Result<(), SyncError> {
        let Self { engine, model, level } = self;
        let Leaf { snapshot, mut after, up_to, mut rows, unreadable } = leaf;
        let unreadable: Arc<[_]> = unreadable.into();
        loop {
            let (beyond, margin) = if model.is_large() { (FEW, FEW) } else { (engine.settings.page as usize, MARGIN) };
            let most = if rows.is_empty() { beyond } else { rows.len() + margin };
            let limit = u32::try_from(most).unwrap_or(u32::MAX);
            let page = Page { after: after.as_deref(), up_to: up_to.as_deref(), limit };
            let documents: Vec<Seen> = match level {
                Level::Fast => engine.mirror.stamps(model, page).await?.into_iter().map(Seen::from).collect(),
                Level::Deep => engine.mirror.documents(model, page).await?.into_iter().map(Seen::from).collect(),
            };
            let more = documents.len() >= most;
            after = documents.last().map(|seen| seen.stamp.id.clone());
            let here = match &after {
                Some(last) if more => rows.partition_point(|row| row.id <= *last),
                _ => rows.len(),
            };
            let later = rows.split_off(here);
            let (snapshot, unreadable, up_to) = (snapshot.clone(), unreadable.clone(), up_to.clone());
            let sheet = Sheet { snapshot, rows, documents, unreadable, last: !more, up_to };
            // Nobody compares any more: nothing more is read.
            sheets.send(Ok(sheet)).await.map_err(|_| SyncError::Stopped)?;
            if !more {
                return Ok(());
            }
            rows = later;
        }
    }
}

async fn read(
    engine: &Engine,
    model: &'static Model,
    moment: &mut Moment,
    after: Option<String>,
) -> Result<Leaf, SyncError> {
    let snapshot = match moment {
        Moment::Same(snapshot) => snapshot.clone(),
        Moment::After(fence) => Arc::new(engine.snapshot_after(fence).await?),
    };
    let page = RowPage { after: after.as_deref(), up_to: None, limit: engine.settings.page };
    let rows = snapshot.page(model, page).await?;
    let up_to = rows.last().map(|row| row.id.clone());
    let (rows, unreadable) = encode_all(model, rows);
    Ok(Leaf { snapshot, after, up_to, rows, unreadable })
}
