//! The one way to save: row, version and outbox entry together or not at all.

use std::{sync::Arc, time::Duration};

use chainbill_domain::{
    freshness::Mark,
    id::{Id, UserId},
    models::SKILLS,
};
use chainbill_records::{
    Records, RecordsError, Text,
    dialect::Dialect,
    entities::{audit_entries, skills},
    outbox::{Entry, Op, PARTITIONS, Queued, partition_of},
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, EntityTrait as _};
use chainbill_testkit::{EMBEDDED, Fresh, ManualClock, primaries};

async fn on_every_primary(story: impl AsyncFn(&Records)) {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        story(&records).await;
        records.close().await;
        fresh.remove().await;
    }
}

fn skill(records: &Records, name: &str) -> skills::Model {
    let now = records.now();
    skills::Model {
        id: Text(Id::new(now, records.random().bytes())),
        version: 0,
        name: name.to_owned(),
        name_key: name.to_owned(),
        category: "Test".to_owned(),
        description: None,
        verified: false,
        created_at: now,
        updated_at: now,
    }
}

async fn waiting(records: &Records, id: &str) -> Vec<(i64, Op)> {
    let mut waiting: Vec<(i64, Op)> = records
        .queued_of(&SKILLS, id)
        .await
        .unwrap()
        .into_iter()
        .map(|queued| (queued.entry.version, queued.entry.op))
        .collect();
    waiting.sort_by_key(|(version, _)| *version);
    waiting
}

#[tokio::test]
async fn what_this_process_has_committed_it_knows_as_the_queue_holds_it() {
    on_every_primary(async |records| {
        let before = *records.commits().borrow();
        for names in [&["Rust", "SQL"][..], &["Go"]] {
            let mut unit = records.begin().await.unwrap();
            for name in names {
                unit.insert::<skills::Entity>(skill(records, name)).await.unwrap();
            }
            unit.commit().await.unwrap();
        }
        let mut undone = records.begin().await.unwrap();
        undone.insert::<skills::Entity>(skill(records, "COBOL")).await.unwrap();
        undone.rollback().await.unwrap();
        let after = *records.commits().borrow();
        let mut known = Vec::new();
        for part in 0..PARTITIONS {
            let place = usize::from(part);
            known.extend(records.recent_commits(part, before[place], after[place]).expect("a few are known"));
        }
        let parts: Vec<u16> = (0..PARTITIONS).collect();
        let whole = |queued: &Queued| format!("{queued:?}");
        let (mut known, mut waiting): (Vec<_>, Vec<_>) = (
            known.iter().map(whole).collect(),
            records.queued(&parts, 10, &[]).await.unwrap().iter().map(whole).collect(),
        );
        known.sort();
        waiting.sort();
        assert_eq!((known.len(), known), (3, waiting));
    })
    .await;
}

#[tokio::test]
async fn each_change_raises_the_version_by_one_and_leaves_its_entry() {
    on_every_primary(async |records| {
        let mut unit = records.begin().await.unwrap();
        let first = unit.insert::<skills::Entity>(skill(records, "Rust")).await.unwrap();
        unit.commit().await.unwrap();
        let id = first.id.to_string();
        let mut unit = records.begin().await.unwrap();
        let second =
            unit.update::<skills::Entity>(&first, skills::Model { verified: true, ..first.clone() }).await.unwrap();
        let committed = unit.commit().await.unwrap();
        assert_eq!((first.version, second.version), (1, 2));
        assert!(matches!(committed.token.marks[..], [Mark::Entity { version: 2, .. }]), "{:?}", committed.token);
        let mut unit = records.begin().await.unwrap();
        unit.delete::<skills::Entity>(&second).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(waiting(records, &id).await, [(1, Op::Upsert), (2, Op::Upsert), (3, Op::Delete)]);
        let parts: Vec<u16> = (0..PARTITIONS).collect();
        assert_eq!(records.queued(&parts, 100, &[]).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_undone_leaves_neither_row_nor_entry() {
    on_every_primary(async |records| {
        let row = skill(records, "Rust");
        let id = row.id.to_string();
        let mut unit = records.begin().await.unwrap();
        unit.insert::<skills::Entity>(row.clone()).await.unwrap();
        drop(unit);
        let mut unit = records.begin().await.unwrap();
        unit.insert::<skills::Entity>(row.clone()).await.unwrap();
        unit.rollback().await.unwrap();
        assert!(skills::Entity::find_by_id(row.id).one(records).await.unwrap().is_none());
        assert!(waiting(records, &id).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_taken_value_and_a_changed_row_are_distinguished() {
    on_every_primary(async |records| {
        let mut unit = records.begin().await.unwrap();
        let row = unit.insert::<skills::Entity>(skill(records, "Rust")).await.unwrap();
        unit.commit().await.unwrap();
        let mut unit = records.begin().await.unwrap();
        let taken = unit.insert::<skills::Entity>(skill(records, "Rust")).await.unwrap_err();
        assert!(matches!(taken, RecordsError::Duplicate(_)), "{taken}");
        drop(unit);
        let stale = skills::Model { version: 7, ..row.clone() };
        let mut unit = records.begin().await.unwrap();
        let changed = unit.update::<skills::Entity>(&stale, stale.clone()).await.unwrap_err();
        assert!(matches!(changed, RecordsError::Changed { .. }), "{changed}");
    })
    .await;
}

#[tokio::test]
async fn of_many_writers_of_one_row_each_change_counts() {
    on_every_primary(async |records| {
        let mut unit = records.begin().await.unwrap();
        let row = unit.insert::<skills::Entity>(skill(records, "Rust")).await.unwrap();
        unit.commit().await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (records, id) = (records.clone(), row.id);
            writers.spawn(async move {
                let mut done = 0;
                while done < 5 {
                    let work = async {
                        let mut unit = records.begin().await?;
                        let row = skills::Entity::find_by_id(id).one(&unit).await?.unwrap();
                        unit.update::<skills::Entity>(&row, row.clone()).await?;
                        unit.commit().await
                    };
                    match work.await {
                        Ok(_) => done += 1,
                        Err(RecordsError::Changed { .. } | RecordsError::Again(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        let row = skills::Entity::find_by_id(row.id).one(records).await.unwrap().unwrap();
        assert_eq!(row.version, 41);
        assert_eq!(waiting(records, &row.id.to_string()).await.len(), 41);
    })
    .await;
}

#[tokio::test]
async fn an_entry_holds_any_text_as_it_was_given() {
    on_every_primary(async |records| {
        for text in ["it's", "\\", "\\'", "'; DROP TABLE outbox; --", "😀 e\u{301} ", "?", "", "{\"$a.b\":\"'\\\\\"}"]
        {
            let entry = Entry {
                model: "analytics".to_owned(),
                entity_id: text.chars().take(36).collect(),
                version: i64::MAX,
                op: Op::Event,
                body: Some(text.to_owned()),
            };
            // One entry travels with its COMMIT, many do not.
            for count in [1, 40] {
                records.enqueue(&vec![entry.clone(); count]).await.unwrap();
                let parts: Vec<u16> = (0..PARTITIONS).collect();
                let queued = records.queued(&parts, 100, &[]).await.unwrap();
                assert_eq!(queued.len(), count, "{text:?}");
                for Queued { partition, id, entry: found, .. } in &queued {
                    assert_eq!((found.entity_id.as_str(), found.body.as_deref()), (&*entry.entity_id, Some(text)));
                    assert_eq!((*partition, found.version), (partition_of(&entry.entity_id), i64::MAX));
                    records.dequeue(&[(*partition, id.clone())]).await.unwrap();
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_kept_keeps_its_row_from_being_saved() {
    on_every_primary(async |records| {
        if records.dialect() == Dialect::Sqlite {
            // It has no limits of length.
            return;
        }
        let row = skill(records, "Rust");
        let mut unit = records.begin().await.unwrap();
        unit.insert::<skills::Entity>(row.clone()).await.unwrap();
        records.execute_unprepared("ALTER TABLE outbox ADD CONSTRAINT no CHECK (version < 0)").await.unwrap();
        let refused = unit.commit().await.unwrap_err();
        assert!(
            !matches!(refused, RecordsError::Unknown(_)),
            "what fails before COMMIT has no unknown outcome: {refused}"
        );
        assert!(skills::Entity::find_by_id(row.id).one(records).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn what_travels_with_commit_is_seen_before_it_and_refused_with_it() {
    on_every_primary(async |records| {
        for text in ["it's", "\\", "\\'", "'; DROP TABLE outbox; --", "😀 e\u{301} ", "?", ""] {
            let entry = audit_entries::Model {
                id: records.new_id(),
                at: records.now(),
                actor_id: None,
                action: "test".to_owned(),
                subject_model: "skills".to_owned(),
                subject_id: "1".to_owned(),
                before_doc: None,
                after_doc: Some(text.to_owned()),
                request_id: None,
                address: None,
            };
            let mut unit = records.begin().await.unwrap();
            unit.add_later::<audit_entries::Entity>(entry.clone()).await.unwrap();
            let within = audit_entries::Entity::find_by_id(&entry.id).one(&unit).await.unwrap();
            assert_eq!(within.as_ref(), Some(&entry));
            unit.commit().await.unwrap();
            let kept = audit_entries::Entity::find_by_id(&entry.id).one(records).await.unwrap();
            assert_eq!(kept, within, "{text:?}");
            let row = skill(records, "Rust");
            let mut unit = records.begin().await.unwrap();
            unit.insert::<skills::Entity>(row.clone()).await.unwrap();
            let refused = match unit.add_later::<audit_entries::Entity>(entry).await {
                Ok(()) => unit.commit().await.map(drop).unwrap_err(),
                Err(refused) => {
                    drop(unit);
                    refused
                }
            };
            assert!(matches!(refused, RecordsError::Duplicate(_)), "{refused}");
            assert!(skills::Entity::find_by_id(row.id).one(records).await.unwrap().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_held_by_one_and_passes_on_when_it_ends() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::running());
        let records = fresh.records_at(clock.clone()).await;
        let (name, ttl) = ("test".to_owned(), Duration::from_secs(30));
        records.ensure_leases(std::slice::from_ref(&name)).await.unwrap();
        let first = records.take_lease(&name, "one", ttl).await.unwrap().unwrap();
        assert!(records.take_lease(&name, "other", ttl).await.unwrap().is_none());
        clock.forward(ttl + ttl);
        let second = records.take_lease(&name, "other", ttl).await.unwrap().unwrap();
        assert!(second.epoch > first.epoch);
        assert!(records.renew_leases(&[name], "one", ttl).await.unwrap().is_empty(), "the first has lost it");
        records.close().await;
        fresh.remove().await;
    }
}

#[test]
fn ids_are_of_their_own_kind() {
    let id: UserId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("01890A5D-AC96-774B-BCCE-B302099A8057".parse::<UserId>().is_err());
}
