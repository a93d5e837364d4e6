//! Killed at named points: between a commit and its answer, between a document and its answer, between a document and the
//! end of its entry, within a backfill, a comparison and a repair. Nothing is lost, doubled or left half done.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use chainbill_records::{Records, outbox::PARTITIONS};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{Fault, Fresh, Proxy, address, server};
use reqwest::Method;

use crate::{
    events,
    world::{Server, World, invoice_body, program, run},
};

/// Each server as the primary with MongoDB, both behind proxies.
async fn behind_proxies() -> Vec<(Fresh, Proxy, Proxy)> {
    let Some(mongo) = server("MONGODB_TEST_URL") else { return Vec::new() };
    let mut all = Vec::new();
    for primary in ["MYSQL_TEST_URL", "MARIADB_TEST_URL"].into_iter().filter_map(server) {
        let mut fresh = Fresh::make(&primary, &mongo).await;
        // MySQL checks a password without encryption only after it has once checked it with.
        fresh.records().await.ping().await.unwrap();
        let (first, second) = (Proxy::before(address(&primary)).await, Proxy::before(address(&mongo)).await);
        fresh.primary = first.instead_of(&fresh.primary);
        fresh.secondary = second.instead_of(&fresh.secondary);
        all.push((fresh, first, second));
    }
    all
}

/// The newest run over the invoices: its id and outcome.
async fn newest_run(records: &Records) -> (String, String) {
    let mut runs = records.runs(None, Some("invoices"), None, 1).await.unwrap();
    runs.pop().map(|run| (run.id, run.outcome)).unwrap_or_default()
}

/// A figure for monitors; 0 when it is not there yet.
async fn figure(world: &World, name: &str) -> f64 {
    let text = world.server.send(Method::GET, "/metrics", None, None).await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(0.0)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(5));
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "it does not come that {what}");
        look.tick().await;
    }
}

/// A process that was killed before is followed by another.
async fn again(world: &mut World) {
    world.server.kill().await;
    world.server = Server::start(program(&world.fresh)).await;
}

#[test]
fn killed_between_a_commit_and_its_answer_the_same_key_finds_what_was_done() {
    run(async {
        for (fresh, primary, _mongo) in behind_proxies().await {
            let mut world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            world.server.drained().await;
            for round in 0..3 {
                let (key, lost) = (format!("key-{round}"), primary.lost());
                let headers = [("idempotency-key", key.as_str())];
                primary.set(Fault::LoseCommits);
                let asking = world.server.try_ask(
                    Method::POST,
                    "/api/invoices",
                    Some(&freelancer),
                    Some(invoice_body(&client)),
                    &headers,
                );
                let pid = world.server.pid().to_string();
                let killing = async {
                    until("the reply to a COMMIT is lost", async || primary.lost() > lost).await;
                    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
                };
                let (asked, ()) = futures::join!(asking, killing);
                if let Ok(answer) = asked {
                    assert_ne!(answer.status, 201, "nobody could know that it was durable");
                }
                primary.set(Fault::None);
                again(&mut world).await;
                let server = &world.server;
                let answer = server
                    .ask(Method::POST, "/api/invoices", Some(&freelancer), Some(invoice_body(&client)), &headers)
                    .await;
                answer.expect(201);
                let page = server.get("/api/invoices?limit=100", &freelancer).await.expect(200);
                assert_eq!(page["data"].as_array().unwrap().len(), round + 1, "{page:#}");
            }
            assert_eq!(world.command(&["check"]).0, 0);
            world.server.drained().await;
            world.assert_equal();
            world.end().await;
        }
    });
}

#[test]
fn killed_between_a_document_and_its_answer_the_next_process_finds_it_in_place() {
    run(async {
        for (fresh, _primary, mongo) in behind_proxies().await {
            let mut world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            world.server.drained().await;
            for _ in 0..3 {
                let lost = mongo.lost();
                mongo.set(Fault::LoseAnswers);
                for _ in 0..5 {
                    world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
                }
                until("an answer is lost", async || mongo.lost() > lost).await;
                world.server.kill().await;
                mongo.set(Fault::None);
                world.server = Server::start(program(&world.fresh)).await;
                world.server.drained().await;
                world.assert_equal();
            }
            events::assert_whole(&world).await;
            world.end().await;
        }
    });
}

#[test]
fn killed_between_a_document_and_the_end_of_its_entry_the_entry_is_carried_out_again_and_harms_nothing() {
    run(async {
        for (fresh, _primary, mongo) in behind_proxies().await {
            let mut world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            world.server.drained().await;
            mongo.set(Fault::Silence);
            let made = world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            let id = made["id"].as_str().unwrap();
            // Another transaction locks the entry: it can be read and applied, but not acked.
            let records = world.fresh.records().await;
            let parts: Vec<u16> = (0..PARTITIONS).collect();
            let queued = records.queued(&parts, 100, &[]).await.unwrap();
            let entry = queued.iter().find(|queued| queued.entry.entity_id == id).unwrap();
            let holding = records.begin().await.unwrap();
            let hold = format!("SELECT 1 FROM outbox WHERE part={} AND id='{}' FOR UPDATE", entry.partition, entry.id);
            holding.execute_unprepared(&hold).await.unwrap();
            mongo.set(Fault::None);
            let mirror = world.fresh.mirror().await;
            let model = &chainbill_domain::models::INVOICES;
            until("the document is there", async || mirror.get(model, id).await.is_ok_and(|found| found.is_some()))
                .await;
            assert!(records.is_pending(model.name, id).await.unwrap(), "the entry is there as well");
            again(&mut world).await;
            until("the next process finds it in place", async || {
                figure(&world, "chainbill_sync_stale_total").await > 0.0
            })
            .await;
            holding.rollback().await.unwrap();
            world.server.drained().await;
            world.assert_equal();
            records.close().await;
            world.end().await;
        }
    });
}

#[test]
fn killed_in_the_middle_of_a_copy_the_next_process_goes_on_with_it() {
    run(async {
        for (fresh, _primary, mongo) in behind_proxies().await {
            mongo.set(Fault::Refuse);
            let mut world = World::start(fresh).await;
            assert_eq!(world.command(&["demo", "--invoices", "4000"]).0, 0);
            mongo.set(Fault::Latency(Duration::from_millis(40)));
            let mut caught = 0;
            for _ in 0..3 {
                let copying = async |health: &serde_json::Value| {
                    let models = health["sync"]["models"].as_array().cloned().unwrap_or_default();
                    let live = models.iter().filter(|model| model["state"] == "LIVE").count();
                    live == models.len()
                        || models.iter().any(|model| model["state"] == "COPYING" && model["copied"] != 0)
                };
                world.server.eventually("a copy is on its way", copying).await;
                let health = world.server.send(Method::GET, "/api/health/sync", None, None).await.json();
                let models = health["sync"]["models"].as_array().unwrap();
                caught += usize::from(models.iter().any(|model| model["state"] == "COPYING"));
                again(&mut world).await;
            }
            assert!(caught > 0, "it was never killed while it copied");
            mongo.set(Fault::None);
            world.server.drained().await;
            world.assert_equal();
            world.end().await;
        }
    });
}

/// Starts a command over the invoices with a slow mirror, and kills it at the given progress of its run.
async fn killed_when(world: &World, mongo: &Proxy, arguments: &[&str], so_far: impl AsyncFn(&str) -> bool) {
    let records = world.fresh.records().await;
    let before = newest_run(&records).await.0;
    mongo.set(Fault::Latency(Duration::from_millis(60)));
    let mut command = program(&world.fresh);
    command.args(arguments).args(["--model", "invoices"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    until("it is in the middle", async || {
        let (run, _) = newest_run(&records).await;
        run != before && so_far(&run).await
    })
    .await;
    child.kill().await.unwrap();
    assert_eq!(newest_run(&records).await.1, "running", "{arguments:?} was killed in the middle");
    mongo.set(Fault::None);
    records.close().await;
}

#[test]
fn killed_in_the_middle_of_a_comparison_and_of_a_repair_the_next_one_ends_equal() {
    run(async {
        for (fresh, _primary, mongo) in behind_proxies().await {
            let world = World::start(fresh).await;
            assert_eq!(world.command(&["demo", "--invoices", "3000"]).0, 0);
            world.server.drained().await;
            let records = world.fresh.records().await;
            // Invoices are changed past the application: fewer than the breaker's limit.
            records.execute_unprepared("UPDATE invoices SET title='stolen' ORDER BY id LIMIT 40").await.unwrap();
            let written_down = async |run: &str| records.resume(run).await.unwrap().is_some();
            killed_when(&world, &mongo, &["sync", "verify", "--deep"], written_down).await;
            let repairing =
                async |_: &str| !records.evidence(Some("invoices"), None, None, 1).await.unwrap().is_empty();
            killed_when(&world, &mongo, &["sync", "repair"], repairing).await;
            let (code, said) = world.command(&["sync", "repair", "--model", "invoices"]);
            assert_eq!(code, 0, "{said:#}");
            world.assert_equal();
            let evidence = records.evidence(Some("invoices"), None, None, 1000).await.unwrap();
            let entities: std::collections::BTreeSet<&str> =
                evidence.iter().map(|evidence| evidence.entity_id.as_str()).collect();
            assert_eq!(entities.len(), 40, "each was found, and its evidence kept");
            records.close().await;
            world.end().await;
        }
    });
}
