//! Servers that are set up otherwise: a start on each works, and what is stored is the same.

use chainbill_domain::models;
use chainbill_records::{
    connect::{ConnectSettings, connect},
    migrations,
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};
use chainbill_testkit::{Answering, EMBEDDED, Fresh, address, primaries, records_of};

/// Settings of servers, as a session finds them.
const ODD: &[&str] = &[
    "SET SESSION sql_mode=''",
    "SET SESSION sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT,ONLY_FULL_GROUP_BY'",
    "SET SESSION sql_mode='ANSI,TRADITIONAL,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION'",
    "SET SESSION time_zone='+05:30'",
    "SET SESSION time_zone='-11:00', sql_mode='ALLOW_INVALID_DATES'",
    "SET SESSION collation_connection='latin1_swedish_ci', character_set_results='latin1'",
    "SET SESSION collation_connection='utf8mb4_unicode_ci'",
    "SET SESSION autocommit=0",
    "SET SESSION completion_type=1",
    "SET SESSION sql_safe_updates=1, sql_select_limit=1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION lock_wait_timeout=1, innodb_lock_wait_timeout=1",
];

#[tokio::test]
async fn sessions_of_any_server_are_made_alike() {
    for primary in primaries().iter().filter(|primary| *primary != EMBEDDED) {
        let fresh = Fresh::make(primary, EMBEDDED).await;
        // MySQL checks a password without encryption only after it has once checked it with.
        fresh.records().await.close().await;
        let seen = async |url: &str| {
            let db = connect(&ConnectSettings::of(url)).await.unwrap_or_else(|error| panic!("{error}")).db;
            let sql = "SELECT CONCAT_WS(' ', @@sql_mode, @@time_zone, @@autocommit, @@completion_type, @@sql_safe_updates, \
                       @@sql_select_limit, @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@character_set_results)";
            let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
            let seen: String = row.try_get_by_index(0).unwrap();
            db.close().await.unwrap();
            seen
        };
        let plain = seen(&fresh.primary).await;
        for odd in ODD {
            let proxy = Answering::with_defaults(address(primary), odd).await;
            let here = seen(&proxy.instead_of(&fresh.primary)).await;
            if odd.contains("sql_mode") {
                // The driver adds to the existing mode; the session's mode is set as a whole afterwards.
                assert!(here.contains("STRICT_ALL_TABLES") && !here.contains("ANSI_QUOTES"), "{odd}: {here}");
            }
            assert_eq!(here, plain, "{odd}");
        }
        fresh.remove().await;
    }
}

#[tokio::test]
async fn tables_are_made_and_written_on_a_server_of_another_time_zone_mode_and_collation() {
    for primary in primaries().iter().filter(|primary| *primary != EMBEDDED) {
        let fresh = Fresh::make(primary, EMBEDDED).await;
        let odd = "SET SESSION sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT', time_zone='+05:30', autocommit=0, \
                   sql_safe_updates=1, sql_select_limit=1";
        connect(&ConnectSettings::of(&fresh.primary)).await.unwrap();
        let proxy = Answering::with_defaults(address(primary), odd).await;
        let through = connect(&ConnectSettings::of(proxy.instead_of(&fresh.primary))).await.unwrap();
        let name = fresh.primary.rsplit('/').next().unwrap();
        let alter = format!("ALTER DATABASE {name} CHARACTER SET latin1 COLLATE latin1_swedish_ci");
        through.db.execute_unprepared(&alter).await.unwrap();
        migrations::up(&records_of(&through), None).await.unwrap();
        for value in ["🎉 naïve", "\"quoted\" 'text' \\"] {
            let insert = "INSERT INTO facts (name, value) VALUES (?, ?)";
            let values = [format!("{}", value.len()).into(), value.into()];
            let statement = Statement::from_sql_and_values(through.db.get_database_backend(), insert, values);
            through.db.execute_raw(statement).await.unwrap();
        }
        let direct = fresh.records().await;
        let rows = Statement::from_string(direct.get_database_backend(), "SELECT value FROM facts ORDER BY name");
        let rows = direct.query_all_raw(rows).await.unwrap();
        assert_eq!(rows.len(), 2, "both are committed");
        fresh.remove().await;
    }
}

/// `lower_case_table_names` is 0 on Linux, 1 on Windows, 2 on macOS, and whatever a cloud has chosen.
#[test]
fn no_table_depends_on_the_case_of_its_name() {
    for model in models::ALL {
        let tables = std::iter::once(model.name).chain(model.embeds.iter().map(|embed| embed.table));
        for table in tables {
            assert_eq!(table, table.to_lowercase());
        }
    }
}
