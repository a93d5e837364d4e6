//! Tokens: reached when everything that a write left is there, and not before.

use std::time::Duration;

use chainbill_domain::{
    event::{Event, EventData},
    freshness::{MOST_MARKS, Token},
    models::USERS,
};
use chainbill_records::entities::users;
use chainbill_sync::Freshness;

use crate::world::{World, on_every_pair};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_token_waits_for_the_event_as_well_as_for_the_row() {
    on_every_pair(async |world: World| {
        let mut unit = world.records.begin().await.unwrap();
        let row = unit.insert::<users::Entity>(world.user("Ada")).await.unwrap();
        let data = EventData::UserRegistered { user: row.id.0 };
        unit.event(&Event { id: world.id(), at: unit.now(), data });
        let token = unit.commit().await.unwrap().token;
        assert_eq!(world.sync.wait_fresh(&token, SHORT).await.unwrap(), Freshness::Older);
        world.sync.one(&USERS, &row.id.to_string()).await.unwrap();
        assert_eq!(world.sync.wait_fresh(&token, SHORT).await.unwrap(), Freshness::Older, "the row alone is there");
        let running = world.sync.start();
        assert_eq!(world.sync.wait_fresh(&token, LONG).await.unwrap(), Freshness::Reached);
        running.stop().await;
    });
}

#[test]
fn a_write_that_left_more_than_its_token_names_is_never_said_to_be_there() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        for (count, expected, bound) in
            [(MOST_MARKS, Freshness::Reached, LONG), (MOST_MARKS + 1, Freshness::Older, SHORT)]
        {
            let mut unit = world.records.begin().await.unwrap();
            let rows = (0..count).map(|n| world.user(&format!("user {n}"))).collect();
            unit.insert_many::<users::Entity>(rows).await.unwrap();
            let token: Token = unit.commit().await.unwrap().token.to_string().parse().unwrap();
            world.drained().await;
            assert_eq!(world.sync.wait_fresh(&token, bound).await.unwrap(), expected, "{count} rows");
        }
        running.stop().await;
    });
}
