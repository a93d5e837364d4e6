//! Events survive their processes: each cause has one, with a position of its own, and the mirror holds it once.

use chainbill_domain::Timestamp;
use chainbill_records::{
    Records,
    events::SEQUENCER,
    outbox::ANALYTICS,
    sea_orm::{ConnectionTrait as _, Statement},
};
use chainbill_testkit::{Fresh, server};

use crate::world::{Server, World, bill, program, run};

/// The numbers of one row.
async fn numbers<const N: usize>(records: &Records, sql: &str) -> [i64; N] {
    let statement = Statement::from_string(records.db().get_database_backend(), sql);
    let row = records.db().query_one_raw(statement).await.unwrap().unwrap();
    std::array::from_fn(|place| row.try_get_by_index(place).unwrap())
}

/// Once everything is drained: invoices, payments and logins have their events, positions have no gaps, and the mirror has
/// the same.
pub async fn assert_whole(world: &World) {
    let records = world.fresh.records().await;
    let [all, distinct, last] =
        numbers(&records, "SELECT COUNT(*), COUNT(DISTINCT position), COALESCE(MAX(position),0) FROM events").await;
    assert_eq!((distinct, last), (all, all), "every event has one position");
    let mirrored = world.fresh.mirror().await.activity(None, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(mirrored.events, u64::try_from(all).unwrap(), "the mirror holds each once");
    for (kind, table) in [("INVOICE_CREATED", "invoices"), ("PAYMENT_RECEIVED", "payments"), ("USER_LOGIN", "sessions")]
    {
        let [causes] = numbers(&records, &format!("SELECT COUNT(*) FROM {table}")).await;
        let [events] = numbers(&records, &format!("SELECT COUNT(*) FROM events WHERE kind='{kind}'")).await;
        assert_eq!(events, causes, "{kind}");
        let found = mirrored.by_kind.iter().find(|(name, _)| name == kind).map_or(0, |(_, count)| *count);
        assert_eq!(found, u64::try_from(causes).unwrap(), "{kind} in the mirror");
    }
    records.db().clone().close().await.unwrap();
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let mut look = tokio::time::interval(std::time::Duration::from_millis(5));
    for _ in 0..12_000 {
        if is_so().await {
            return;
        }
        look.tick().await;
    }
    panic!("it does not come that {what}");
}

#[test]
fn killed_before_an_event_has_its_position_and_before_its_consumer_has_moved_the_next_process_goes_on() {
    run(async {
        let Some(mongo) = server("MONGODB_TEST_URL") else { return };
        for primary in ["MYSQL_TEST_URL", "MARIADB_TEST_URL"].into_iter().filter_map(server) {
            let mut world = World::start(Fresh::make(&primary, &mongo).await).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            world.server.drained().await;
            let (records, mirror) = (world.fresh.records().await, world.fresh.mirror().await);
            for held in [SEQUENCER, ANALYTICS] {
                let [before] = numbers(&records, "SELECT MAX(position) FROM events").await;
                // The row is held: what depends on its change is done, or is not, and the change itself cannot be.
                let holding = records.db().begin().await.unwrap();
                let hold = format!("SELECT 1 FROM event_consumers WHERE name='{held}' FOR UPDATE");
                holding.execute_unprepared(&hold).await.unwrap();
                world.server.post("/api/invoices", &freelancer, bill(&client)).await.expect(201);
                if held == ANALYTICS {
                    until("the event is in the mirror, and its consumer where it was", async || {
                        let Ok(events) = records.events_after(before, 10).await else { return false };
                        let Some(event) = events.last() else { return false };
                        mirror.has_tracked(&event.event.id).await.unwrap()
                    })
                    .await;
                }
                world.server.kill().await;
                world.server = Server::start(program(&world.fresh)).await;
                holding.rollback().await.unwrap();
                world.server.drained().await;
                assert_whole(&world).await;
            }
            assert_eq!(world.command(&["check"]).0, 0);
            records.db().clone().close().await.unwrap();
            world.end().await;
        }
    });
}
