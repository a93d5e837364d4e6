//! Writes to a mirror that throttles: smaller batches after growing pauses, until everything is taken or patience ends.

use chainbill_domain::Model;
use chainbill_mirror::{Guard, MirrorError, Outcome, Write};

use crate::{backoff::Backoff, engine::context::Engine, errors::SyncError};

/// Throttled attempts in a row before the caller has to come back later.
const PATIENCE: u32 = 5;

/// Applies writes. Returns one outcome for each, in their order; those that are still [`Outcome::Throttled`] are for later.
pub(crate) async fn apply(
    engine: &Engine,
    model: &'static Model,
    guard: Guard,
    writes: &[Write],
) -> Result<Vec<Outcome>, SyncError> {
    let mut outcomes = apply_once(engine, model, guard, writes).await?;
    let mut backoff = Backoff::new(engine.settings.backoff);
    let mut at_once = writes.len();
    loop {
        let left: Vec<usize> = throttled(&outcomes);
        if left.is_empty() || backoff.failures() == PATIENCE {
            return Ok(outcomes);
        }
        tokio::time::sleep(backoff.failed(engine.records.random())).await;
        at_once = at_once.min(left.len()).div_ceil(2);
        for some in left.chunks(at_once) {
            let again: Vec<Write> = some.iter().map(|place| writes[*place].clone()).collect();
            let answers = apply_once(engine, model, guard, &again).await?;
            let was_too_much = !throttled(&answers).is_empty();
            for (place, answer) in some.iter().zip(answers) {
                outcomes[*place] = answer;
            }
            if was_too_much {
                break;
            }
            backoff.succeeded();
        }
    }
}

/// Indexes of throttled outcomes.
fn throttled(outcomes: &[Outcome]) -> Vec<usize> {
    let throttled = outcomes.iter().enumerate().filter(|(_, outcome)| matches!(outcome, Outcome::Throttled(_)));
    throttled.map(|(place, _)| place).collect()
}

/// A command that is throttled as a whole throttles each of its writes.
async fn apply_once(
    engine: &Engine,
    model: &'static Model,
    guard: Guard,
    writes: &[Write],
) -> Result<Vec<Outcome>, SyncError> {
    match engine.mirror.apply(model, guard, writes, engine.now()).await {
        Err(MirrorError::Throttled(why)) => Ok(vec![Outcome::Throttled(why); writes.len()]),
        answer => Ok(answer?),
    }
}

/// An error where a write was not done for a reason outside its document. A refusal, which needs an operator, comes first.
pub(crate) fn all_done(outcomes: &[Outcome]) -> Result<(), SyncError> {
    let refused = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Refused(why) => Some(MirrorError::Refused(why.clone())),
        _ => None,
    });
    let throttled = || {
        outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Throttled(why) => Some(MirrorError::Throttled(why.clone())),
            _ => None,
        })
    };
    refused.or_else(throttled).map_or(Ok(()), |error| Err(error.into()))
}
