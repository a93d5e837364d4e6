//! A row that cannot be read as its description says is dead-lettered by name, never mirrored as something else and
//! never certified.

use std::collections::BTreeMap;

use chainbill_domain::models::USERS;
use chainbill_records::entities::users::{self, user_skills};
use chainbill_sync::{Outcome, RepairPolicy};
use chainbill_testkit::Foreign;
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

/// An external change of a row, and the column that it makes unreadable.
type Deed = (&'static str, &'static str);

const ON_SERVERS: &[Deed] = &[
    ("UPDATE users SET created_at='0000-00-00' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at='2024-00-10' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at='2024-01-00 10:00:00' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET available=2 WHERE id='{id}'", "available"),
    ("UPDATE users SET available=-1 WHERE id='{id}'", "available"),
    ("UPDATE users SET name=NULL WHERE id='{id}'", "name"),
    ("UPDATE users SET location=x'ff' WHERE id='{id}'", "location"),
    ("UPDATE users SET hourly_rate_minor=NULL WHERE id='{id}'", "hourly_rate_minor"),
    ("UPDATE users SET hourly_rate_currency=NULL WHERE id='{id}'", "hourly_rate_currency"),
    ("UPDATE user_skills SET level=NULL WHERE user_id='{id}'", "level"),
];

/// So that these servers take what they refuse by themselves.
const LOOSELY: &[&str] = &[
    "SET SESSION sql_mode=''",
    "ALTER TABLE users MODIFY name VARCHAR(200) NULL, MODIFY location VARBINARY(200) NULL",
    "ALTER TABLE user_skills MODIFY level VARCHAR(16) NULL",
];

const EMBEDDED: &[Deed] = &[
    ("UPDATE users SET created_at='0000-00-00 00:00:00' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at='2024-00-10 00:00:00' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at='2024-01-10 00:00:00.0004' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at='10000-01-10 00:00:00' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at=5 WHERE id='{id}'", "created_at"),
    ("UPDATE users SET created_at='soon' WHERE id='{id}'", "created_at"),
    ("UPDATE users SET available=2 WHERE id='{id}'", "available"),
    ("UPDATE users SET available='yes' WHERE id='{id}'", "available"),
    ("UPDATE users SET name=NULL WHERE id='{id}'", "name"),
    ("UPDATE users SET name=CAST(x'ff' AS TEXT) WHERE id='{id}'", "name"),
    ("UPDATE users SET name=x'61' WHERE id='{id}'", "name"),
    ("UPDATE users SET hourly_rate_minor=1.5 WHERE id='{id}'", "hourly_rate_minor"),
    ("UPDATE users SET hourly_rate_minor=9223372036854775808 WHERE id='{id}'", "hourly_rate_minor"),
    ("UPDATE users SET hourly_rate_minor='much' WHERE id='{id}'", "hourly_rate_minor"),
    ("UPDATE users SET hourly_rate_minor=NULL WHERE id='{id}'", "hourly_rate_minor"),
    ("UPDATE users SET hourly_rate_currency=NULL WHERE id='{id}'", "hourly_rate_currency"),
    ("UPDATE users SET version='two' WHERE id='{id}'", "version"),
    ("UPDATE user_skills SET years=1.5 WHERE user_id='{id}'", "years"),
    ("UPDATE user_skills SET level=NULL WHERE user_id='{id}'", "level"),
    ("UPDATE user_skills SET position='first' WHERE user_id='{id}'", "position"),
];

/// The same for a file: it takes a new text of a table's description from those who insist.
const INSISTING: &[&str] = &[
    "PRAGMA writable_schema=ON",
    "UPDATE sqlite_schema SET sql=replace(sql, 'name VARCHAR(200) NOT NULL', 'name VARCHAR(200)') WHERE name='users'",
    "UPDATE sqlite_schema SET sql=replace(sql, 'level VARCHAR(16) NOT NULL', 'level VARCHAR(16)') WHERE name='user_skills'",
    "PRAGMA writable_schema=RESET",
];

async fn skilled(world: &World, name: &str) -> users::Model {
    let row = world.user(name);
    let skill = user_skills::Model {
        user_id: row.id,
        position: 0,
        skill_id: chainbill_records::Text(world.id()),
        name: "Rust".to_owned(),
        level: chainbill_records::Text("EXPERT".parse().unwrap()),
        years: 3,
        verified_level: None,
    };
    let mut unit = world.records.begin().await.unwrap();
    let row = unit.insert_with::<user_skills::Entity>(row, vec![skill]).await.unwrap();
    unit.commit().await.unwrap();
    row
}

#[test]
fn what_cannot_be_read_is_parked_by_name_and_never_equal() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let stranger = Foreign::open(&database.primary).await;
        let (deeds, first) = match &stranger {
            Foreign::MySql(_) => (ON_SERVERS, LOOSELY),
            Foreign::Sqlite(_) => (EMBEDDED, INSISTING),
        };
        let untouched = skilled(&world, "Grace").await.id.to_string();
        let mut expected = BTreeMap::new();
        let mut statements: Vec<String> = first.iter().map(|sql| (*sql).to_owned()).collect();
        for (deed, column) in deeds {
            let id = skilled(&world, "Ada").await.id.to_string();
            statements.push(deed.replace("{id}", &id));
            expected.insert(id, (*deed, *column));
        }
        let never = CancellationToken::new();
        world.sync.initial(&USERS, &|_| {}, &never).await.unwrap();
        world.sync.drain(&never).await.unwrap();
        let before = world.documents(&USERS).await;
        stranger.execute_in_turn(statements).await;

        for policy in [RepairPolicy::Report, RepairPolicy::Repair] {
            let report = world.deep(policy).await;
            let found: BTreeMap<String, String> = report.comparison.unreadable.iter().cloned().collect();
            for (id, (deed, column)) in &expected {
                let why = found.get(id).unwrap_or_else(|| panic!("{deed}: taken for something else"));
                assert!(why.starts_with(&format!("unreadable {column}: ")), "{deed}: {why}");
            }
            assert_eq!(found.len(), expected.len());
            assert_eq!((report.outcome, report.certificate), (Outcome::Behind, None));
        }
        world.sync.drain(&never).await.unwrap();
        let parked = world.sync.failures(Some(USERS.name), 100).await.unwrap();
        let parked: BTreeMap<_, _> = parked.into_iter().map(|one| (one.entry.entity_id, one.cause)).collect();
        assert!(!parked.contains_key(&untouched));
        for (id, (deed, column)) in &expected {
            let why = parked.get(id).unwrap_or_else(|| panic!("{deed}: not parked"));
            assert!(why.starts_with(&format!("unreadable {column}: ")), "{deed}: {why}");
        }
        let after = world.documents(&USERS).await;
        assert!(before.iter().all(|(id, stored)| after[id].body == stored.body), "copies stay as they were");
        assert_eq!(world.sync.status().await.parked, Some(expected.len() as u64));
    });
}
