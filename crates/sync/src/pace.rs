//! Writing to a second database that asks for less at once: fewer documents, after growing pauses, until it has taken all or
//! has asked too often.

use chainbill_domain::Model;
use chainbill_mirror::{Guard, MirrorError, Outcome, Write};

use crate::{SyncError, backoff::Backoff, engine::Engine};

/// So often it may ask for less before whoever writes comes back later.
const PATIENCE: u32 = 5;

/// Applies writes; one outcome for each, in their order. Those that are [`Outcome::Throttled`] still are for another time.
pub(crate) async fn apply(
    engine: &Engine,
    model: &'static Model,
    guard: Guard,
    writes: &[Write],
) -> Result<Vec<Outcome>, SyncError> {
    let mut outcomes = engine_apply(engine, model, guard, writes).await?;
    let mut backoff = Backoff::new(engine.settings.backoff);
    let mut at_once = writes.len();
    loop {
        let left: Vec<usize> = places_of_throttled(&outcomes);
        if left.is_empty() || backoff.failures() == PATIENCE {
            return Ok(outcomes);
        }
        tokio::time::sleep(backoff.failed(engine.records.random())).await;
        at_once = at_once.min(left.len()).div_ceil(2);
        for some in left.chunks(at_once) {
            let again: Vec<Write> = some.iter().map(|place| writes[*place].clone()).collect();
            let answers = engine_apply(engine, model, guard, &again).await?;
            let was_too_much = !places_of_throttled(&answers).is_empty();
            for (place, answer) in some.iter().zip(answers) {
                outcomes[*place] = answer;
            }
            if was_too_much {
                break;
            }
            // Whoever gets on is not impatient.
            backoff.succeeded();
        }
    }
}

fn places_of_throttled(outcomes: &[Outcome]) -> Vec<usize> {
    let throttled = outcomes.iter().enumerate().filter(|(_, outcome)| matches!(outcome, Outcome::Throttled(_)));
    throttled.map(|(place, _)| place).collect()
}

/// What a command as a whole came to is what each of its writes came to.
async fn engine_apply(
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

/// An error where a write was left undone through no fault of its document: a refusal first, for it is somebody's to see to.
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
