//! Which revisions the documents at hand may have.

use std::collections::BTreeSet;

use chainbill_domain::{Model, Revision};

use crate::{
    engine::{context::Engine, schemas::Revisions},
    errors::SyncError,
    verify::compare::ObservedDocument,
};

/// How the revisions of these documents are judged.
pub(crate) async fn revisions_of(
    engine: &Engine,
    model: &'static Model,
    documents: &[ObservedDocument],
) -> Result<Revisions, SyncError> {
    let own = model.revision();
    let others = documents.iter().filter(|seen| seen.has_other_revision_than(own)).map(|seen| seen.stamp.revision);
    let others: BTreeSet<Option<Revision>> = others.collect();
    engine.schemas.revisions_for(model, &others).await
}
