//! What happens to the primary's connections while the service runs: locked tables, a switch-over, codes of every kind, and
//! addresses that are wrong.

use std::time::{Duration, Instant};

use chainbill_records::classes::{Class, SERVER_ERRORS};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{Answering, EMBEDDED, Fresh, Reply, address, primaries, server};
use reqwest::Method;

use crate::world::{Server, World, command_in, invoice_body, program, run};

/// Every real server, with a mirror.
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

async fn behind_an_answering_proxy() -> Vec<(Fresh, Answering)> {
    let mut all = Vec::new();
    for mut fresh in servers().await {
        let proxy = Answering::before(address(&fresh.primary)).await;
        fresh.primary = proxy.instead_of(&fresh.primary);
        all.push((fresh, proxy));
    }
    all
}

/// `LOCK TABLES reviews WRITE` for longer than 16 abandoned counts would take, beside continuous health requests.
#[test]
fn a_locked_table_does_not_end_the_service_however_often_health_is_asked() {
    run(async {
        for fresh in servers().await {
            let direct = fresh.records().await;
            let world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            let locking = direct.begin().await.unwrap();
            locking.execute_unprepared("LOCK TABLES reviews WRITE").await.unwrap();
            for round in 0..40 {
                let asked = Instant::now();
                let health = world.server.send(Method::GET, "/api/health", None, None).await.expect(200);
                assert_eq!(health["mysql"]["status"], "healthy", "round {round}: {health}");
                assert!(asked.elapsed() < Duration::from_millis(1100), "{:?}", asked.elapsed());
                world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
                world.server.get("/api/invoices", &client).await.expect(200);
            }
            assert_eq!(world.server.send(Method::GET, "/readyz", None, None).await.status, 200);
            locking.execute_unprepared("UNLOCK TABLES").await.unwrap();
            drop(locking);
            world.server.drained().await;
            world.assert_equal();
            direct.close().await;
            world.end().await;
        }
    });
}

#[test]
fn after_a_switch_over_writes_are_taken_at_once_and_readiness_said_so_meanwhile() {
    run(async {
        for (fresh, proxy) in behind_an_answering_proxy().await {
            let world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            let many = (0..16).map(|_| world.server.get("/api/invoices", &client));
            futures::future::join_all(many).await;
            proxy.arm(Reply { only_old: false, ..Reply::of_the_old_primary() });
            assert_eq!(world.server.send(Method::GET, "/readyz", None, None).await.status, 503);
            let refused = world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await;
            assert_eq!(refused.refused(503), "unavailable");
            assert!(!refused.header("retry-after").is_empty());
            world.server.get("/api/invoices", &client).await.expect(200);
            // New connections lead to the new primary from now on.
            proxy.arm(Reply::of_the_old_primary());
            for _ in 0..20 {
                world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            }
            assert_eq!(world.server.send(Method::GET, "/readyz", None, None).await.status, 200);
            world.server.drained().await;
            world.assert_equal();
            world.end().await;
        }
    });
}

/// No code of the table becomes a 500, and each 503 has `Retry-After`.
#[test]
fn what_passes_is_repeated_or_503_and_never_500() {
    run(async {
        for (fresh, proxy) in behind_an_answering_proxy().await {
            let world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            for known in SERVER_ERRORS {
                for (to, method, path, body) in [
                    ("from `invoices`", Method::GET, "/api/invoices", None),
                    ("into `invoices`", Method::POST, "/api/invoices", Some(invoice_body(&client))),
                ] {
                    proxy.arm(Reply::to(to, known.number, known.state).times(1));
                    let answered = proxy.answered();
                    let answer = world.server.send(method, path, Some(&freelancer), body).await;
                    assert!(proxy.answered() > answered, "{known:?}: nobody asked {to}");
                    proxy.disarm();
                    let status = answer.status.as_u16();
                    match known.class {
                        Class::Statement | Class::Unit | Class::Elsewhere | Class::Moved | Class::Lost => {
                            assert!([200, 201].contains(&status), "{known:?}: {}", answer.text);
                        }
                        _ => {
                            answer.refused(503);
                            assert!(!answer.header("retry-after").is_empty(), "{known:?}");
                        }
                    }
                }
            }
            world.server.drained().await;
            world.assert_equal();
            world.end().await;
        }
    });
}

#[test]
fn a_start_where_named_locks_are_forbidden_goes_well() {
    run(async {
        let Some(mysql) = server("MYSQL_TEST_URL") else { return };
        let mut fresh = Fresh::make(&mysql, EMBEDDED).await;
        fresh.records().await.close().await;
        let proxy = Answering::before(address(&mysql)).await;
        let through = proxy.instead_of(&fresh.primary);
        let direct = std::mem::replace(&mut fresh.primary, through);
        proxy.arm(Reply::to("get_lock", 1105, "HY000"));
        let mut server = Server::start(program(&fresh)).await;
        server.stop().await;
        assert_eq!(proxy.answered(), 0, "nothing was to be done");
        fresh.primary = direct;
        fresh.remove().await;
    });
}

#[test]
fn wrong_addresses_are_refused_once_with_what_mends_them() {
    run(async {
        let mut fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let mut said = |url: &str| {
            fresh.primary = url.to_owned();
            let asked = Instant::now();
            let (code, json) = command_in(&fresh, &["check"]);
            assert!(asked.elapsed() < Duration::from_secs(4), "{url} took {:?}", asked.elapsed());
            assert_eq!(code, 2);
            json["error"].as_str().unwrap().to_owned()
        };
        for (url, expected) in [
            ("mysql://u:p@127.0.0.1:1/d", "nothing listens at 127.0.0.1:1"),
            ("mysql://u:p@127.0.0.1:1/d?sslaccept=strict", "\"sslaccept\""),
            ("mysql://u:p@127.0.0.1:1/d?foo=bar", "ssl-mode, ssl-ca"),
        ] {
            let error = said(url);
            assert_eq!(error.matches(expected).count(), 1, "{error}");
        }
        for primary in ["MYSQL_TEST_URL", "MARIADB_TEST_URL"].into_iter().filter_map(server) {
            let missing = chainbill_testkit::with_database(&primary, "chainbill_nowhere");
            let error = said(&missing);
            assert_eq!(error.matches("CREATE DATABASE `chainbill_nowhere`").count(), 1, "{error}");
            let (_, place) = primary.rsplit_once('@').unwrap();
            let error = said(&format!("mysql://nobody:wrong@{place}"));
            assert_eq!(error.matches("refuses the user \"nobody\"").count(), 1, "{error}");
        }
        fresh.primary = format!("sqlite://{}", fresh.folder.join("primary.db").display());
        fresh.remove().await;
    });
}
