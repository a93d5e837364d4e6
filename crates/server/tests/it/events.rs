//! Events survive their processes: each cause has one, with a position of its own, and the mirror holds it once.

use chainbill_domain::Timestamp;
use chainbill_records::{Records, events::SEQUENCER};
use chainbill_testkit::{
    Fresh,
    sea_orm::{ConnectionTrait as _, Statement},
    server,
};

use crate::world::{Server, World, invoice_body, program, run};

/// The numbers of one row.
async fn numbers<const N: usize>(records: &Records, sql: &str) -> [i64; N] {
    let statement = Statement::from_string(records.get_database_backend(), sql);
    let row = records.query_one_raw(statement).await.unwrap().unwrap();
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
    records.close().await;
}

#[test]
fn killed_before_an_event_has_its_position_the_next_process_gives_it() {
    run(async {
        let Some(mongo) = server("MONGODB_TEST_URL") else { return };
        for primary in ["MYSQL_TEST_URL", "MARIADB_TEST_URL"].into_iter().filter_map(server) {
            let mut world = World::start(Fresh::make(&primary, &mongo).await).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            world.server.drained().await;
            let records = world.fresh.records().await;
            for _ in 0..2 {
                // The sequencer's row is held: an event is committed, and gets no position.
                let holding = records.begin().await.unwrap();
                let hold = format!("SELECT 1 FROM event_consumers WHERE name='{SEQUENCER}' FOR UPDATE");
                holding.execute_unprepared(&hold).await.unwrap();
                world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
                let [waiting] = numbers(&records, "SELECT COUNT(*) FROM events WHERE position IS NULL").await;
                assert_eq!(waiting, 1);
                world.server.kill().await;
                world.server = Server::start(program(&world.fresh)).await;
                holding.rollback().await.unwrap();
                world.server.drained().await;
                assert_whole(&world).await;
            }
            assert_eq!(world.command(&["check"]).0, 0);
            records.close().await;
            world.end().await;
        }
    });
}
