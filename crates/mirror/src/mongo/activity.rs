//! Statistics of tracked events and log lines, counted by the server.

use chainbill_domain::{Document as Body, Timestamp};
use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc},
};

use super::{ANALYTICS, LOGS, answer::integer, decode, errors::failed};
use crate::port::{Activity, MirrorError};

const RECENT: i64 = 20;

/// The statistics; see [`crate::MirrorQuery::activity`].
pub(super) async fn activity(
    database: &Database,
    user: Option<&str>,
    since: Timestamp,
) -> Result<Activity, MirrorError> {
    let mut matching = doc! { "at": { "$gte": DateTime::from_millis(since.timestamp_millis()) } };
    let levels_of = matching.clone();
    if let Some(user) = user {
        matching.insert("userId", user);
    }
    let users = groups(
        database,
        ANALYTICS,
        vec![doc! { "$match": matching.clone() }, doc! { "$group": { "_id": "$userId", "n": { "$sum": 1 } } }],
    );
    let kinds = groups(
        database,
        ANALYTICS,
        vec![doc! { "$match": matching.clone() }, doc! { "$group": { "_id": "$event", "n": { "$sum": 1 } } }],
    );
    let days = by_day(database, matching.clone());
    let moved = moved(database, matching.clone());
    let received = async {
        match user {
            Some(user) => {
                let mut received = levels_of.clone();
                received.insert("receiverId", user);
                self::moved(database, received).await
            }
            None => Ok(Vec::new()),
        }
    };
    let (users, by_kind, by_day, moved, received) = futures::try_join!(users, kinds, days, moved, received)?;
    // Money that one user moved was paid by that user; all moved money was received.
    let (received, paid) = if user.is_some() { (received, moved) } else { (moved, Vec::new()) };
    Ok(Activity {
        events: by_kind.iter().map(|(_, count)| count.unsigned_abs()).sum(),
        users: users.iter().filter(|(user, _)| user.as_str().is_some()).count() as u64,
        by_kind: most_first(by_kind),
        by_day,
        received,
        paid,
        log_levels: if user.is_none() { log_levels(database, levels_of).await? } else { Vec::new() },
        recent: if user.is_some() { recent(database, matching).await? } else { Vec::new() },
    })
}

/// Runs a pipeline whose last stage groups. Returns the groups with their numbers.
async fn groups(
    database: &Database,
    collection: &str,
    pipeline: Vec<Document>,
) -> Result<Vec<(Bson, i64)>, MirrorError> {
    let collection = database.collection::<Document>(collection);
    let mut cursor = collection.aggregate(pipeline).await.map_err(|cause| failed(&cause))?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        let group = cursor.deserialize_current().map_err(|cause| failed(&cause))?;
        let count = group.get("n").and_then(integer).unwrap_or(0);
        found.push((group.get("_id").cloned().unwrap_or(Bson::Null), count));
    }
    Ok(found)
}

fn most_first(groups: Vec<(Bson, i64)>) -> Vec<(String, u64)> {
    let named = groups.into_iter().filter_map(|(name, count)| Some((name.as_str()?.to_owned(), count.unsigned_abs())));
    let mut named: Vec<_> = named.collect();
    named.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    named
}

async fn by_day(database: &Database, matching: Document) -> Result<Vec<(String, u64, u64)>, MirrorError> {
    let day = doc! { "$dateToString": { "format": "%Y-%m-%d", "date": "$at" } };
    let found = groups(
        database,
        ANALYTICS,
        vec![
            doc! { "$match": matching },
            doc! { "$group": { "_id": { "day": day, "user": "$userId" }, "n": { "$sum": 1 } } },
        ],
    )
    .await?;
    let mut days = std::collections::BTreeMap::<String, (u64, u64)>::new();
    for (group, count) in found {
        let Some(group) = group.as_document() else { continue };
        let Ok(day) = group.get_str("day") else { continue };
        let (events, users) = days.entry(day.to_owned()).or_default();
        *events += count.unsigned_abs();
        *users += u64::from(group.get_str("user").is_ok());
    }
    Ok(days.into_iter().map(|(day, (events, users))| (day, events, users)).collect())
}

/// Sums of the payments that match.
async fn moved(database: &Database, mut matching: Document) -> Result<Vec<(String, i64)>, MirrorError> {
    matching.insert("event", "PAYMENT_RECEIVED");
    let found = groups(
        database,
        ANALYTICS,
        vec![
            doc! { "$match": matching },
            doc! { "$group": { "_id": "$amount.currency", "n": { "$sum": "$amount.minor" } } },
        ],
    )
    .await?;
    let mut sums: Vec<_> =
        found.into_iter().filter_map(|(currency, sum)| Some((currency.as_str()?.to_owned(), sum))).collect();
    sums.sort();
    Ok(sums)
}

async fn log_levels(database: &Database, matching: Document) -> Result<Vec<(String, u64)>, MirrorError> {
    let pipeline = vec![doc! { "$match": matching }, doc! { "$group": { "_id": "$level", "n": { "$sum": 1 } } }];
    Ok(most_first(groups(database, LOGS, pipeline).await?))
}

async fn recent(database: &Database, matching: Document) -> Result<Vec<Body>, MirrorError> {
    let collection = database.collection::<RawDocumentBuf>(ANALYTICS);
    let mut cursor = collection
        .find(matching)
        .sort(doc! { "at": -1, "_id": -1 })
        .limit(RECENT)
        .await
        .map_err(|cause| failed(&cause))?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        found.push(decode::happening(cursor.current()));
    }
    Ok(found)
}
