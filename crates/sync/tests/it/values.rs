//! Values that must survive, each by name, on every primary with every mirror:
//! written through the saving path, read back from the
//! mirror's own documents.

use chainbill_domain::{
    Model, Value,
    id::Id,
    models::{DISPUTES, INVOICES, STORED_FILES, USERS},
    states::{DisputeStatus, VoteChoice},
};
use chainbill_records::{
    Text,
    entities::{dispute_votes, disputes, invoice_lines, stored_files, users},
    outbox::Op,
};
use chainbill_testkit::sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use chrono::DateTime;

use crate::world::{World, on_all_pairs};

fn txt(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Saves a person and gives back the document that appears.
async fn person(world: &World, change: impl FnOnce(&mut users::Model)) -> chainbill_domain::Document {
    let mut row = world.user("Ada");
    change(&mut row);
    let id = row.id.to_string();
    let mut unit = world.records.begin().await.unwrap();
    unit.insert::<users::Entity>(row).await.unwrap();
    unit.commit().await.unwrap();
    document(world, &USERS, &id).await
}

async fn document(world: &World, model: &'static Model, id: &str) -> chainbill_domain::Document {
    let (_, why) = world.sync.one(model, id).await.unwrap();
    assert_eq!(why.verdict, "equal", "{why:?}");
    world.mirror.get(model, id).await.unwrap().unwrap().body
}

#[test]
fn texts_survive_byte_for_byte() {
    on_all_pairs(async |world: World| {
        let texts = [
            "😀 and 😁",
            "e\u{301} is not é",
            " leading and trailing  ",
            "tab\tline\nfeed\r\n",
            "{\"$gt\": {\"a.b\": 1}}",
            "'; DROP TABLE users; --",
            "\\",
            "%_",
            "\u{200b}\u{feff}",
            "ﬁ ß İ",
            "a\u{202e}b",
            "٣",
            "",
        ];
        for text in texts {
            let document = person(&world, |row| {
                row.bio = Some(text.to_owned());
                row.title = Some(text.replace('\n', " "));
            })
            .await;
            assert_eq!(document.get("bio"), Some(&txt(text)), "{text:?}");
        }
    });
}

#[test]
fn null_and_empty_stay_apart_and_nothing_is_absent() {
    on_all_pairs(async |world: World| {
        let none = person(&world, |row| row.bio = None).await;
        let empty = person(&world, |row| row.bio = Some(String::new())).await;
        assert_eq!((none.get("bio"), empty.get("bio")), (Some(&Value::Null), Some(&txt(""))));
        assert_eq!(none.get("walletAddress"), Some(&Value::Null));
        assert_eq!(none.get("skills"), Some(&Value::List(Vec::new())));
    });
}

#[test]
fn the_largest_numbers_and_currencies_of_every_kind_survive() {
    on_all_pairs(async |world: World| {
        for (minor, code) in [(i64::MAX, "BHD"), (9_007_199_254_740_993, "USD"), (1, "JPY"), (0, "EUR")] {
            let document = person(&world, |row| {
                row.hourly_rate_minor = Some(minor);
                row.hourly_rate_currency = Some(Text(code.parse().unwrap()));
            })
            .await;
            assert_eq!(document.at("hourlyRate.minor"), Some(&Value::Int(minor)));
            assert_eq!(document.at("hourlyRate.currency"), Some(&txt(code)));
        }
    });
}

#[test]
fn negative_numbers_survive_and_negative_amounts_are_refused() {
    on_all_pairs(async |world: World| {
        for number in [-1, -9_007_199_254_740_993, i64::MIN] {
            let now = world.records.now();
            let id = Id::new(now, world.records.random().bytes());
            let row = stored_files::Model {
                id: Text(id),
                version: 0,
                owner_id: Text(world.id()),
                invoice_id: None,
                filename: "bill.pdf".to_owned(),
                content_type: "application/pdf".to_owned(),
                file_size: 0,
                ipfs_hash: "hash".to_owned(),
                metadata_hash: id.to_string(),
                encrypted_base64: None,
                key_version: number,
                created_at: now,
                updated_at: now,
            };
            let mut unit = world.records.begin().await.unwrap();
            unit.insert::<stored_files::Entity>(row).await.unwrap();
            unit.commit().await.unwrap();
            let document = document(&world, &STORED_FILES, &id.to_string()).await;
            assert_eq!(document.get("keyVersion"), Some(&Value::Int(number)));
        }
        let mut unit = world.records.begin().await.unwrap();
        let owing = users::Model { hourly_rate_minor: Some(-1), ..world.user("Ada") };
        assert!(unit.insert::<users::Entity>(owing).await.is_err(), "an hour costs less than nothing");
        unit.rollback().await.unwrap();
    });
}

#[test]
fn a_nul_written_past_the_application_survives() {
    on_all_pairs(async |world: World| {
        for text in ["a\0b", "\0", "b\0"] {
            let document = person(&world, |row| row.bio = Some(text.to_owned())).await;
            assert_eq!(document.get("bio"), Some(&txt(text)), "{text:?}");
        }
    });
}

#[test]
fn days_at_the_edges_of_the_calendar_survive_to_the_millisecond() {
    on_all_pairs(async |world: World| {
        for text in
            ["2028-02-29T23:59:59.999Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00.001Z", "2026-03-29T01:30:00Z"]
        {
            let at = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            let document = person(&world, |row| row.created_at = at).await;
            assert_eq!(document.get("createdAt"), Some(&Value::Time(at.timestamp_millis())), "{text}");
        }
    });
}

#[test]
fn keys_that_look_alike_are_distinct() {
    on_all_pairs(async |world: World| {
        for email in ["ada@x.org", "Ada@x.org", "ada@x.org ", "adá@x.org", "ada\u{301}@x.org", "😀@x.org", "😁@x.org"]
        {
            let document = person(&world, |row| row.email = email.to_owned()).await;
            assert_eq!(document.get("email"), Some(&txt(email)));
        }
        assert_eq!(world.mirror.count(&USERS).await.unwrap(), 7);
    });
}

#[test]
fn five_megabytes_of_text_survive() {
    on_all_pairs(async |world: World| {
        let text = "Ω😀x".repeat(5 * 1024 * 1024 / 7);
        let document = person(&world, |row| row.bio = Some(text.clone())).await;
        assert!(document.get("bio") == Some(&txt(&text)), "a long text changed on its way");
    });
}

#[test]
fn a_document_over_sixteen_megabytes_is_dead_lettered_with_its_cause_and_blocks_no_other() {
    on_all_pairs(async |world: World| {
        let running = world.sync.start();
        let (id, now) = (Id::new(world.records.now(), world.records.random().bytes()), world.records.now());
        // Each row is below what servers take in one statement; the document that they make together is not.
        let long = "x".repeat(6 * 1024 * 1024);
        let row = disputes::Model {
            id: Text(id),
            version: 0,
            invoice_id: Text(world.id()),
            client_id: Text(world.id()),
            freelancer_id: Text(world.id()),
            opened_by: Text(world.id()),
            reason: "Quality".to_owned(),
            description: long.clone(),
            held_minor: 100,
            currency: Text("EUR".parse().unwrap()),
            for_client_minor: 100,
            against_client_minor: 0,
            status: Text(DisputeStatus::Withdrawn),
            answer: None,
            answered_at: None,
            quorum: None,
            outcome: None,
            resolved_by: None,
            resolved_at: None,
            to_client_minor: None,
            decided_by: None,
            decision_reason: Some("{\"a.b\":{\"$set\":1}}".to_owned()),
            appealed_by: None,
            appeal_reason: None,
            appealed_at: None,
            appeal_decided_at: None,
            offered_by: None,
            offered_minor: None,
            offered_at: None,
            answer_until: None,
            vote_until: None,
            decision_until: None,
            appeal_until: None,
            ended_at: None,
            changes: 1,
            active_invoice_id: None,
            created_at: now,
            updated_at: now,
        };
        let vote = |position| dispute_votes::Model {
            dispute_id: Text(id),
            position,
            voter_id: Text(world.id()),
            choice: Text(VoteChoice::For),
            comment: Some(long.clone()),
            created_at: now,
        };
        let mut unit = world.records.begin().await.unwrap();
        let row = unit.insert_with::<dispute_votes::Entity>(row, Vec::new()).await.unwrap();
        unit.commit().await.unwrap();
        for position in 0..2 {
            let vote = vote(position).into_active_model().reset_all();
            dispute_votes::Entity::insert(vote).exec_without_returning(&world.records).await.unwrap();
        }
        let entry = chainbill_records::outbox::Entry {
            model: DISPUTES.name.to_owned(),
            entity_id: id.to_string(),
            version: row.version,
            op: Op::Upsert,
            body: None,
        };
        world.sql(&format!("UPDATE disputes SET version = version + 1 WHERE id = '{id}'")).await;
        world.records.enqueue(&[chainbill_records::outbox::Entry { version: 2, ..entry }]).await.unwrap();
        world.eventually("it is parked", async || !world.sync.failures(None, 10).await.unwrap().is_empty()).await;
        let parked = world.sync.failures(Some(DISPUTES.name), 10).await.unwrap();
        assert_eq!(parked[0].entry.entity_id, id.to_string());
        assert!(parked[0].cause.contains("at most 16777216 are accepted"), "{}", parked[0].cause);
        world.save_user("Somebody else").await;
        world.invoices(3).await;
        world.drained().await;
        world.assert_equal().await;
        world.sql(&format!("DELETE FROM dispute_votes WHERE dispute_id = '{id}'")).await;
        assert!(world.sync.retry_failure(DISPUTES.name, &id.to_string()).await.unwrap());
        world.drained().await;
        world
            .eventually("it is written", async || {
                world
                    .mirror
                    .get(&DISPUTES, &id.to_string())
                    .await
                    .unwrap()
                    .is_some_and(|kept| kept.stamp.version == Some(2))
            })
            .await;
        world.eventually("nothing is parked", async || world.sync.failures(None, 10).await.unwrap().is_empty()).await;
        running.stop().await;
    });
}

#[test]
fn lines_keep_their_order() {
    on_all_pairs(async |world: World| {
        let (invoice, lines) = world.invoice(7);
        let id = invoice.id.to_string();
        let many: Vec<_> = (0..40)
            .map(|position| invoice_lines::Model {
                position,
                description: format!("line {position}"),
                ..lines[0].clone()
            })
            .collect();
        let mut unit = world.records.begin().await.unwrap();
        unit.insert_with::<invoice_lines::Entity>(invoice, many.into_iter().rev().collect()).await.unwrap();
        unit.commit().await.unwrap();
        let document = document(&world, &INVOICES, &id).await;
        let Some(Value::List(lines)) = document.get("lines") else { panic!("{document:?}") };
        for (position, line) in lines.iter().enumerate() {
            let Value::Map(line) = line else { panic!("{line:?}") };
            assert_eq!(line.get("description"), Some(&txt(&format!("line {position}"))));
        }
        assert_eq!(lines.len(), 40);
    });
}
