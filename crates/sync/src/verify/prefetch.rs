//! Prefetching for a comparison, in bounded memory: both databases read ahead while earlier pages are compared.

use std::sync::Arc;

use chainbill_domain::{Model, document::Encoded};
use chainbill_mirror::Page;
use chainbill_records::{Fence, RowPage as RowRange, Snapshot};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    comparison::Level,
    engine::{context::Engine, encoding::encode_all},
    errors::SyncError,
    panics::catch_panic,
    verify::compare::ObservedDocument,
};

/// Documents read beyond the rows of a page, so that phantoms among them show.
const MARGIN: usize = 64;
/// The same for models whose documents may be megabytes; also how many are read at once behind the last row.
const LARGE_MARGIN: usize = 8;

/// A page of rows with its snapshot.
pub(crate) struct RowPage {
    snapshot: Arc<Snapshot>,
    /// It holds all rows after this id,
    after: Option<String>,
    /// up to this one. `None`: there are no more rows.
    up_to: Option<String>,
    rows: Vec<Encoded>,
    /// Rows with unreadable values: id and cause.
    unreadable: Vec<(String, String)>,
}

/// Rows and documents of the same range of ids.
pub(crate) struct ComparePage {
    pub snapshot: Arc<Snapshot>,
    pub rows: Vec<Encoded>,
    pub documents: Vec<ObservedDocument>,
    /// Rows of the whole row page with unreadable values: id and cause.
    pub unreadable: Arc<[(String, String)]>,
    /// Whether it is the last one of its row page,
    pub last: bool,
    /// which holds all rows up to this one; `None` at the end.
    pub up_to: Option<String>,
}

/// The snapshots that rows are read from.
pub(crate) enum Cut {
    /// One for all pages.
    Whole(Arc<Snapshot>),
    /// One for each page, none from before this fence.
    PerPage(Fence),
}

pub(crate) type Pages<T> = mpsc::Receiver<Result<T, SyncError>>;

/// Reads each side in a task of its own: rows one page ahead of the documents, and documents one part ahead of the comparison.
#[derive(Clone)]
pub(crate) struct Prefetch {
    pub engine: Arc<Engine>,
    pub model: &'static Model,
    pub level: Level,
}

impl Prefetch {
    /// Reads and encodes rows.
    pub fn rows(self, mut cut: Cut, mut after: Option<String>) -> (Pages<RowPage>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(1);
        let reader = tokio::spawn(async move {
            // A page may hold a connection, so it is read when the channel has room for it. The receiver is dropped only when
            // the comparison has ended for another reason.
            while let Ok(permit) = sender.reserve().await {
                let page = catch_panic(read(&self.engine, self.model, &mut cut, after)).await;
                after = page.as_ref().ok().and_then(|page| page.up_to.clone());
                permit.send(page);
                if after.is_none() {
                    return;
                }
            }
        });
        (receiver, reader)
    }

    /// Reads the documents of each row page's range, after the page.
    pub fn documents(self, mut row_pages: Pages<RowPage>) -> (Pages<ComparePage>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(1);
        let reader = tokio::spawn(async move {
            while let Some(row_page) = row_pages.recv().await {
                let read = match row_page {
                    Ok(row_page) => catch_panic(self.documents_of(row_page, &sender)).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = read {
                    // A comparison that has ended receives nothing more.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            }
        });
        (receiver, reader)
    }

    /// Where there are many more documents than rows, the range is read in parts.
    async fn documents_of(
        &self,
        row_page: RowPage,
        pages: &mpsc::Sender<Result<ComparePage, SyncError>>,
    ) -> Result<(), SyncError> {
        let Self { engine, model, level } = self;
        let RowPage { snapshot, mut after, up_to, mut rows, unreadable } = row_page;
        let unreadable: Arc<[_]> = unreadable.into();
        loop {
            let large = model.is_large();
            let (beyond, margin) =
                if large { (LARGE_MARGIN, LARGE_MARGIN) } else { (engine.settings.page as usize, MARGIN) };
            let most = if rows.is_empty() { beyond } else { rows.len() + margin };
            let limit = u32::try_from(most).unwrap_or(u32::MAX);
            let range = Page { after: after.as_deref(), up_to: up_to.as_deref(), limit };
            let documents: Vec<ObservedDocument> = match level {
                Level::Fast => engine.mirror.stamps(model, range).await?.into_iter().map(Into::into).collect(),
                Level::Deep => engine.mirror.documents(model, range).await?.into_iter().map(Into::into).collect(),
            };
            let more = documents.len() >= most;
            after = documents.last().map(|seen| seen.stamp.id.clone());
            let here = match &after {
                Some(last) if more => rows.partition_point(|row| row.id <= *last),
                _ => rows.len(),
            };
            let later = rows.split_off(here);
            let (snapshot, unreadable, up_to) = (snapshot.clone(), unreadable.clone(), up_to.clone());
            let page = ComparePage { snapshot, rows, documents, unreadable, last: !more, up_to };
            // A dropped receiver means that the comparison has ended.
            pages.send(Ok(page)).await.map_err(|_| SyncError::Stopped)?;
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
    cut: &mut Cut,
    after: Option<String>,
) -> Result<RowPage, SyncError> {
    let snapshot = match cut {
        Cut::Whole(snapshot) => snapshot.clone(),
        Cut::PerPage(fence) => Arc::new(engine.snapshot_after(fence).await?),
    };
    let range = RowRange { after: after.as_deref(), up_to: None, limit: engine.settings.page };
    let rows = snapshot.page(model, range).await?;
    let up_to = rows.last().map(|row| row.id.clone());
    let (rows, unreadable) = encode_all(model, rows);
    Ok(RowPage { snapshot, after, up_to, rows, unreadable })
}
