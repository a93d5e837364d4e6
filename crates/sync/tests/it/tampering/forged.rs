//! Forged outbox entries: they excuse no difference, harm no document, and inapplicable ones are reported.

use std::collections::BTreeMap;

use chainbill_domain::models::USERS;
use chainbill_sync::{Outcome, RepairPolicy};
use chainbill_testkit::Foreign;
use tokio_util::sync::CancellationToken;

use super::{carry_out, copied, documents_of, look, open};
use crate::{stage::on_every_database, tampering::cases::of_documents};

/// An entry of these words: partition, id, model, entity, version, operation; written now.
async fn forge(
    stranger: &Foreign,
    (part, id, model): (i16, &str, &str),
    entity: &str,
    version: i64,
    op: &str,
    at: &str,
) {
    let sql = format!(
        "INSERT INTO outbox (part, id, model, entity_id, version, op, created_at) SELECT {part}, '{id}', '{model}', \
         '{entity}', {version}, '{op}', {at} FROM users ORDER BY id LIMIT 1"
    );
    stranger.execute(&sql).await;
}

const NOW: &str = "updated_at";
const IN_THE_FAR_FUTURE: &str = "'9999-01-01 00:00:00.000'";

#[test]
fn an_entry_where_no_relay_looks_does_not_hide_a_lost_document() {
    on_every_database(async |database| {
        let world = open(database).await;
        let (first, second) = (world.save_user("Ada").await, world.save_user("Grace").await);
        copied(&world).await;
        let (stranger, documents) = (Foreign::open(&database.primary).await, documents_of(database).await);
        for (part, user) in [(99, &first), (-1, &second)] {
            let id = user.id.to_string();
            carry_out(&documents, &of_documents()[0], &id).await.unwrap();
            forge(&stranger, (part, &format!("forged-{part}"), "users"), &id, 1, "upsert", NOW).await;
        }
        // It has a place now, and is carried out.
        let report = look(&world, &USERS, RepairPolicy::Report).await;
        assert_eq!(report.comparison.in_flight + report.comparison.waiting, 2, "{report:?}");
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        assert_eq!(look(&world, &USERS, RepairPolicy::Report).await.outcome, Outcome::Equal);
        world.assert_equal().await;
        assert!(world.records.backlog().await.unwrap().is_empty());
    });
}

#[test]
fn an_entry_from_the_far_future_does_not_pass_for_a_change_on_its_way() {
    on_every_database(async |database| {
        let world = open(database).await;
        let user = world.save_user("Ada").await;
        copied(&world).await;
        let (stranger, documents) = (Foreign::open(&database.primary).await, documents_of(database).await);
        let id = user.id.to_string();
        carry_out(&documents, &of_documents()[0], &id).await.unwrap();
        forge(&stranger, (3, "forged", "users"), &id, 1, "upsert", IN_THE_FAR_FUTURE).await;
        let report = look(&world, &USERS, RepairPolicy::Report).await;
        assert_eq!((report.outcome, report.comparison.waiting), (Outcome::Behind, 1), "{report:?}");
    });
}

#[test]
fn entries_that_a_hand_wrote_are_carried_out_harmlessly_or_shown() {
    on_every_database(async |database| {
        let world = open(database).await;
        let mut users = Vec::new();
        for _ in 0..4 {
            users.push(world.save_user("Ada").await.id.to_string());
        }
        copied(&world).await;
        let stranger = Foreign::open(&database.primary).await;
        let far = i64::MAX - 1;
        forge(&stranger, (0, "forged-1", "users"), &users[0], far, "upsert", NOW).await;
        forge(&stranger, (1, "forged-2", "users"), &users[1], far, "delete", NOW).await;
        forge(&stranger, (2, "forged-3", "users"), "00000000-0000-7000-8000-000000000001", far, "upsert", NOW).await;
        forge(&stranger, (3, "forged-4", "users"), "nobody", i64::MAX, "upsert", NOW).await;
        forge(&stranger, (4, "forged-5", "users"), &users[2], 5, "destroy", NOW).await;
        forge(&stranger, (5, "forged-6", "nothings"), &users[3], 5, "upsert", NOW).await;
        forge(&stranger, (6, "forged-7", "analytics"), "x", 5, "event", NOW).await;
        forge(&stranger, (7, "forged-8", "users"), &users[3], -5, "upsert", NOW).await;
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        world.assert_equal().await;
        let parked = world.records.dead_letters(None, 100).await.unwrap();
        let shown: BTreeMap<&str, &str> =
            parked.iter().map(|one| (one.entry.entity_id.as_str(), one.cause.as_str())).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        assert!(shown[&*users[2]].contains("operation") && shown[&*users[3]].contains("nothings"), "{shown:?}");
        let report = look(&world, &USERS, RepairPolicy::Report).await;
        assert_eq!((report.outcome, report.comparison.drifting()), (Outcome::Equal, 0), "{report:?}");
        // An entity whose id a forged entry names is mirrored like any other.
        let sql = format!(
            "INSERT INTO users (id, version, email, name, role, status, available, created_at, updated_at) SELECT \
             '00000000-0000-7000-8000-000000000001', 1, 'new@example.org', name, role, status, available, created_at, \
             updated_at FROM users WHERE id='{}'",
            users[0]
        );
        stranger.execute(&sql).await;
        let report = look(&world, &USERS, RepairPolicy::Repair).await;
        assert_eq!((report.outcome, report.repaired.repaired), (Outcome::Repaired, 1), "{report:?}");
        world.assert_equal().await;
    });
}
