//! What servers and balancers do to connections, and what becomes of the statements on them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::{SystemClock, SystemRandom};
use chainbill_records::{
    Records, RecordsError,
    classes::{Class, SERVER_ERRORS},
    connect::{ConnectError, ConnectSettings, Connected, connect},
    migrations, retry,
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};
use chainbill_testkit::{Answering, EMBEDDED, Fresh, Proxy, Reply, address, primaries};

/// Every real server, with a database of its own.
async fn servers() -> Vec<Fresh> {
    let mut all = Vec::new();
    for primary in primaries().iter().filter(|primary| *primary != EMBEDDED) {
        let fresh = Fresh::make(primary, EMBEDDED).await;
        // MySQL checks a password without encryption only after it has once checked it with.
        fresh.records().await.close().await;
        all.push(fresh);
    }
    all
}

async fn records(settings: &ConnectSettings) -> Records {
    let Connected { db, dialect, .. } = connect(settings).await.unwrap();
    Records::new(db, dialect, Arc::new(SystemClock), Arc::new(SystemRandom))
}

async fn fact(records: &Records, name: &str) -> Result<(), RecordsError> {
    let unit = records.begin().await?;
    unit.execute_unprepared(&format!("INSERT INTO facts (name, value) VALUES ('{name}', 'so')")).await?;
    unit.commit().await.map(drop)
}

/// Opens so many connections, and lets them rest.
async fn warm(records: &Records, connections: usize) {
    let mut units = Vec::new();
    for _ in 0..connections {
        units.push(records.begin().await.unwrap());
    }
    for unit in units {
        unit.rollback().await.unwrap();
    }
}

/// Waits until only so many connections to the database are left, as another connection sees it.
async fn connections_of(fresh: &Fresh, watching: &Records, is_so: impl Fn(i64) -> bool) {
    let name = fresh.primary.rsplit('/').next().unwrap().split('?').next().unwrap();
    let sql = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE db='{name}' AND id<>CONNECTION_ID()");
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let backend = watching.get_database_backend();
        let row = watching.query_one_raw(chainbill_testkit::sea_orm::Statement::from_string(backend, sql.clone()));
        let count: i64 = row.await.unwrap().unwrap().try_get_by_index(0).unwrap();
        if is_so(count) {
            return;
        }
        assert!(Instant::now() < until, "{count} connections are left");
        look.tick().await;
    }
}

/// The session ends by itself after a second of rest, as `wait_timeout` has it; `records` must not find out by an error.
#[tokio::test]
async fn connections_closed_by_the_server_are_replaced_transparently() {
    for fresh in servers().await {
        let one = ConnectSettings { max_connections: 1, ..ConnectSettings::of(&fresh.primary) };
        let (watching, through) = (records(&one).await, records(&ConnectSettings::of(&fresh.primary)).await);
        warm(&through, 6).await;
        let sessions = async |records: &Records| {
            let mut units = Vec::new();
            for _ in 0..6 {
                let unit = records.begin().await.unwrap();
                unit.execute_unprepared("SET SESSION wait_timeout=1").await.unwrap();
                units.push(unit);
            }
            for unit in units {
                unit.rollback().await.unwrap();
            }
        };
        sessions(&through).await;
        connections_of(&fresh, &watching, |count| count == 0).await;
        for number in 0..6 {
            fact(&through, &format!("fact-{number}")).await.unwrap();
        }
        let reading = through.fact("fact-0").await.unwrap();
        assert_eq!(reading.as_deref(), Some("so"));
        fresh.remove().await;
    }
}

/// Connections killed a moment ago are not tested before use: the first statement fails and is retried on another one.
#[tokio::test]
async fn the_first_statement_of_a_unit_is_repeated_on_another_connection() {
    for fresh in servers().await {
        let proxy = Answering::before(address(&fresh.primary)).await;
        let through = records(&ConnectSettings::of(proxy.instead_of(&fresh.primary))).await;
        for (number, state) in [(4031, "HY000"), (1927, "70100"), (2013, "HY000"), (1053, "08S01")] {
            proxy.arm(Reply::to("begin", number, state).times(2));
            fact(&through, &format!("after-{number}")).await.unwrap();
            proxy.arm(Reply::to("from facts", number, state).times(2));
            assert!(through.fact(&format!("after-{number}")).await.unwrap().is_some(), "{number}");
            proxy.disarm();
        }
        fresh.remove().await;
    }
}

#[tokio::test]
async fn a_balancer_that_forgets_connections_in_silence_costs_a_moment_and_takes_nothing_for_good() {
    for fresh in servers().await {
        let proxy = Proxy::before(address(&fresh.primary)).await;
        let settings = ConnectSettings { max_connections: 4, ..ConnectSettings::of(proxy.instead_of(&fresh.primary)) };
        let through = records(&settings).await;
        warm(&through, 4).await;
        // They must have rested for so long that they are tested.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        proxy.forget();
        for number in 0..8 {
            fact(&through, &format!("fact-{number}")).await.unwrap();
        }
        warm(&through, 4).await;
        fresh.remove().await;
    }
}

/// A recently used connection is not tested: the deadline ends the statement and frees the connection's permit.
#[tokio::test]
async fn places_come_back_from_connections_that_fall_silent_in_use() {
    for fresh in servers().await {
        let proxy = Proxy::before(address(&fresh.primary)).await;
        let settings = ConnectSettings {
            max_connections: 2,
            statement_timeout: Some(Duration::from_millis(500)),
            ..ConnectSettings::of(proxy.instead_of(&fresh.primary))
        };
        let through = records(&settings).await;
        let (one, two) = (through.begin().await.unwrap(), through.begin().await.unwrap());
        proxy.forget();
        // Dropped without an end: the wait for its ROLLBACK is bounded.
        drop(one);
        two.rollback().await.unwrap_err();
        warm(&through, 2).await;
        fact(&through, "after").await.unwrap();
        fresh.remove().await;
    }
}

#[tokio::test]
async fn after_a_switch_over_the_next_write_is_taken_by_the_new_primary() {
    for fresh in servers().await {
        let proxy = Answering::before(address(&fresh.primary)).await;
        let through = records(&ConnectSettings::of(proxy.instead_of(&fresh.primary))).await;
        warm(&through, 8).await;
        through.takes_writes().await.unwrap();
        let opened = proxy.opened();
        proxy.arm(Reply::of_the_old_primary());
        for number in 0..4 {
            let name = format!("fact-{number}");
            retry(through.random(), || fact(&through, &name)).await.unwrap();
        }
        through.takes_writes().await.unwrap();
        // A statement by itself, as the synchronisation's are.
        through.settle_fact("alone", "so").await.unwrap();
        warm(&through, 8).await;
        assert!(proxy.answered() <= 3, "each of the old connections was asked: {}", proxy.answered());
        assert!(proxy.opened() > opened + 4);
        let still = Reply { only_old: false, ..Reply::of_the_old_primary() };
        proxy.arm(still);
        assert!(through.takes_writes().await.is_err(), "no server takes writes");
        proxy.disarm();
        through.takes_writes().await.unwrap();
        fresh.remove().await;
    }
}

#[tokio::test]
async fn a_locked_table_blocks_its_own_readers_only() {
    for fresh in servers().await {
        let settings = ConnectSettings {
            max_connections: 8,
            statement_timeout: Some(Duration::from_secs(4)),
            ..ConnectSettings::of(&fresh.primary)
        };
        let through = records(&settings).await;
        let locking = fresh.records().await.begin().await.unwrap();
        locking.execute_unprepared("LOCK TABLES reviews WRITE").await.unwrap();
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let through = through.clone();
                tokio::spawn(async move { through.execute_unprepared("SELECT COUNT(*) FROM reviews").await })
            })
            .collect();
        for number in 0..20 {
            fact(&through, &format!("fact-{number}")).await.unwrap();
        }
        for reader in readers {
            let error = RecordsError::from(reader.await.unwrap().unwrap_err());
            assert!(matches!(error, RecordsError::Later(_) | RecordsError::Unavailable(_)), "{error}");
        }
        // No connection stays behind with the server: half of a statement's time is waited for a table.
        connections_of(&fresh, &records(&settings).await, |count| count <= 16).await;
        locking.execute_unprepared("UNLOCK TABLES").await.unwrap();
        through.execute_unprepared("SELECT COUNT(*) FROM reviews").await.unwrap();
        drop(locking);
        fresh.remove().await;
    }
}

#[tokio::test]
async fn what_takes_too_long_is_ended_at_the_server_and_the_connection_goes_on() {
    for fresh in servers().await {
        let settings = ConnectSettings {
            max_connections: 1,
            statement_timeout: Some(Duration::from_secs(1)),
            ..ConnectSettings::of(&fresh.primary)
        };
        let through = records(&settings).await;
        let id = async || {
            let sql = chainbill_testkit::sea_orm::Statement::from_string(
                through.get_database_backend(),
                "SELECT CONNECTION_ID()",
            );
            let row = through.query_one_raw(sql).await.unwrap().unwrap();
            row.try_get_by_index::<u64>(0).unwrap()
        };
        let before = id().await;
        let endless = "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, \
                       information_schema.columns c, information_schema.columns d WHERE a.column_name<b.column_type";
        let error = RecordsError::from(through.execute_unprepared(endless).await.unwrap_err());
        assert!(matches!(error, RecordsError::Later(_)), "{error}");
        assert_eq!(id().await, before, "the server ended the statement, not we the connection");
        fresh.remove().await;
    }
}

/// Every code of the table, as a server would answer it, alone and within a unit of work.
#[tokio::test]
async fn every_code_is_handled_as_the_table_says() {
    for fresh in servers().await {
        let proxy = Answering::before(address(&fresh.primary)).await;
        let through = records(&ConnectSettings::of(proxy.instead_of(&fresh.primary))).await;
        fact(&through, "known").await.unwrap();
        for known in SERVER_ERRORS {
            proxy.arm(Reply::to("from facts", known.number, known.state).times(1));
            let read = through.fact("known").await;
            match known.class {
                Class::Statement | Class::Unit | Class::Elsewhere | Class::Moved | Class::Lost => {
                    assert!(read.is_ok(), "{known:?}: {read:?}");
                }
                Class::Later => assert!(matches!(read, Err(RecordsError::Later(_))), "{known:?}: {read:?}"),
                Class::Operator(hint) => {
                    assert!(
                        matches!(read, Err(RecordsError::Operator { hint: told, .. }) if told == hint),
                        "{known:?}"
                    );
                }
                Class::Unknown => assert!(matches!(read, Err(RecordsError::Unknown(_))), "{known:?}: {read:?}"),
                Class::Duplicate | Class::Bug => panic!("{known:?} is in no table"),
            }
            let again =
                matches!(known.class, Class::Statement | Class::Unit | Class::Elsewhere | Class::Moved | Class::Lost);
            proxy.arm(Reply::to("insert into facts", known.number, known.state).times(1));
            let name = format!("fact-{}", known.number);
            let done = retry(through.random(), || fact(&through, &name)).await;
            assert_eq!(done.is_ok(), again, "{known:?}: {done:?}");
            proxy.disarm();
            assert_eq!(through.fact(&name).await.unwrap().is_some(), again, "{known:?}");
        }
        fresh.remove().await;
    }
}

/// Percona XtraDB Cluster in its strict mode: code 1105.
#[tokio::test]
async fn without_named_locks_a_row_is_leased_and_only_for_pending_migrations() {
    for primary in primaries().iter().filter(|primary| *primary != EMBEDDED) {
        let fresh = Fresh::make(primary, EMBEDDED).await;
        connect(&ConnectSettings::of(&fresh.primary)).await.unwrap();
        let proxy = Answering::before(address(&fresh.primary)).await;
        proxy.arm(Reply::to("get_lock", 1105, "HY000"));
        let start = async || {
            let through = records(&ConnectSettings::of(proxy.instead_of(&fresh.primary))).await;
            migrations::up(&through, None).await.unwrap();
            through
        };
        let (one, two, _three) = tokio::join!(start(), start(), start());
        assert!(migrations::status(&one).await.unwrap().iter().all(|step| step.applied), "{primary}");
        let refused = proxy.answered();
        assert!(refused > 0);
        migrations::up(&two, None).await.unwrap();
        assert_eq!(proxy.answered(), refused, "nothing is to be done");
        fresh.remove().await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_address_is_said_at_once_with_what_mends_it() {
    let closed = ConnectSettings {
        acquire_timeout: Duration::from_secs(60),
        ..ConnectSettings::of("mysql://u:canary@127.0.0.1:1/d")
    };
    let asked = Instant::now();
    let error = connect(&closed).await.err().unwrap();
    assert!(matches!(error, ConnectError::Closed { .. }) && error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(asked.elapsed() < closed.acquire_timeout / 2, "the deadline was waited for");
    for fresh in servers().await {
        let missing = fresh.primary.replace("/cb_", "/nowhere_");
        let error = connect(&ConnectSettings::of(missing)).await.err().unwrap();
        let text = error.to_string();
        assert!(
            text.contains("CREATE DATABASE `nowhere_") || text.contains("GRANT ALL PRIVILEGES ON `nowhere_"),
            "{text}"
        );
        let (_, place) = fresh.primary.rsplit_once('@').unwrap();
        let error = connect(&ConnectSettings::of(format!("mysql://nobody:canary@{place}"))).await.err().unwrap();
        assert!(matches!(error, ConnectError::Login { .. }) && error.to_string().contains("'nobody'"), "{error}");
        assert!(!error.to_string().contains("canary"));
        fresh.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_row_goes_on_at_its_table_while_a_crowd_waits_for_the_row() {
    for fresh in servers().await {
        // Three transactions at a time have places on a table.
        let records = records(&ConnectSettings { max_connections: 8, ..ConnectSettings::of(&fresh.primary) }).await;
        fact(&records, "row").await.unwrap();
        let count = "UPDATE facts SET value=CONCAT(value,'+') WHERE name='row'";
        let holder = records.begin().await.unwrap();
        holder.execute_unprepared(count).await.unwrap();
        let crowd = (0..5).map(|_| async {
            let unit = records.begin().await?;
            unit.execute_unprepared(count).await?;
            unit.commit().await.map(drop)
        });
        let holding = async {
            // Until as many wait for the row as have places.
            let waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE facts%'";
            let mut looks = tokio::time::interval(Duration::from_millis(5));
            while number(&records, waiting).await < 3 {
                looks.tick().await;
            }
            holder.execute_unprepared(count).await?;
            holder.commit().await.map(drop)
        };
        let (held, waited) = futures::join!(holding, futures::future::join_all(crowd));
        held.unwrap();
        // Some of the crowd may be asked to come again: that is what places are for.
        let done = waited.iter().filter(|done| done.is_ok()).count();
        assert!(done >= 3, "{waited:?}");
        records.close().await;
        fresh.remove().await;
    }
}

async fn number(records: &Records, sql: &str) -> i64 {
    let row = records.query_one_raw(Statement::from_string(records.get_database_backend(), sql)).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}
