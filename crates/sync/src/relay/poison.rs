//! Finding the document that fails a portion.

use chainbill_domain::Model;
use chainbill_mirror::MirrorError;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    relay::{
        plan::{BatchResult, Task},
        portion::relay,
    },
};

/// Isolates poison in a portion that has failed. When a mirror that takes writes fails the portion again and again, or it panics,
/// one document may be the cause: the portion is halved until that document is alone, and made a dead letter.
pub(crate) async fn isolate(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    error: SyncError,
    result: &mut BatchResult,
) -> Result<(), SyncError> {
    let mut error = may_be_poison(error)?;
    for _ in 1..engine.settings.attempts {
        if engine.mirror.takes_writes(model).await.is_err() {
            return Err(error);
        }
        match relay(engine, model, tasks, result).await {
            Ok(()) => return Ok(()),
            Err(again) => error = may_be_poison(again)?,
        }
    }
    let mut suspects = vec![tasks];
    while let Some(some) = suspects.pop() {
        let Err(cause) = relay(engine, model, some, result).await else { continue };
        let cause = may_be_poison(cause)?;
        engine.mirror.takes_writes(model).await?;
        match some {
            [task] => result.dead_letters.push((task.clone(), cause.to_string())),
            _ => suspects.extend(<[_; 2]>::from(some.split_at(some.len() / 2))),
        }
    }
    Ok(())
}

/// Passes errors on that one document may cause. Others, those of the primary among them, concern all documents.
fn may_be_poison(error: SyncError) -> Result<SyncError, SyncError> {
    let may_be = matches!(error, SyncError::Mirror(MirrorError::Unavailable(_)) | SyncError::Bug(_));
    if may_be { Ok(error) } else { Err(error) }
}
