//! Losing the mirror, processes and answers never loses or blocks business.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy, address, pairs, server};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    events,
    world::{Person, Server, World, invoice_body, payment, program, run, sent},
};

/// A pair whose MongoDB stands behind a proxy that can stop it.
pub async fn behind_a_proxy() -> Option<(Fresh, Proxy)> {
    let mongo = server("MONGODB_TEST_URL")?;
    let primary = server("MYSQL_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let mut fresh = Fresh::make(&primary, &mongo).await;
    let proxy = Proxy::before(address(&mongo)).await;
    let name = fresh.secondary.rsplit('/').next().unwrap().to_owned();
    fresh.secondary = format!("mongodb://{}/{name}?directConnection=true", proxy.address);
    Some((fresh, proxy))
}

/// Every kind of core request.
async fn business(world: &World, round: usize) {
    let server = &world.server;
    let client = server.register(&format!("Client{round}"), "CLIENT").await;
    let freelancer = server.register(&format!("Freelancer{round}"), "FREELANCER").await;
    let project =
        server.post("/api/projects", &client, json!({"title": "Work", "description": "goes on"})).await.expect(201);
    let path = format!("/api/projects/{}", project["id"].as_str().unwrap());
    server.post(&format!("{path}/applications"), &freelancer, json!({"message": "Ready"})).await.expect(201);
    server.post(&format!("{path}/start"), &client, json!({"freelancerId": freelancer.id})).await.expect(200);
    let profile = format!("/api/users/{}", freelancer.id);
    server.send(Method::PATCH, &profile, Some(&freelancer), Some(json!({"bio": "still here"}))).await.expect(200);
    let skill = json!({"name": "Patience", "level": "EXPERT", "years": 20});
    server.post(&format!("{profile}/skills"), &freelancer, skill).await.expect(200);
    let id = sent(world, &client, &freelancer).await;
    let pay = format!("/api/invoices/{id}/pay");
    let paid = server
        .ask(Method::POST, &pay, Some(&world.admin), Some(payment("1478.00", &id)), &[("idempotency-key", &id)])
        .await;
    assert_eq!(paid.expect(201)["invoice"]["status"], "PAID");
    server.get("/api/invoices", &client).await.expect(200);
    server.act(&format!("{path}/submit"), &freelancer).await.expect(200);
    server.act(&format!("{path}/complete"), &client).await.expect(200);
}

#[test]
fn with_mongodb_silent_or_killed_business_goes_on_and_the_backlog_drains_afterwards() {
    run(async {
        let Some((fresh, proxy)) = behind_a_proxy().await else { return };
        let world = World::start(fresh).await;
        world.server.drained().await;
        for (round, fault) in [Fault::Silence, Fault::Refuse].into_iter().enumerate() {
            proxy.set(fault);
            business(&world, round).await;
            let started = Instant::now();
            let health = world.server.send(Method::GET, "/api/health/sync", None, None).await.expect(200);
            assert!(started.elapsed() < Duration::from_secs(3), "health hangs with the database");
            assert_eq!(
                (&health["mysql"]["status"], &health["mongodb"]["status"]),
                (&json!("healthy"), &json!("unhealthy")),
                "{fault:?}"
            );
            assert!(health["sync"]["backlog"].as_u64().unwrap() > 0, "{health:#}");
            assert_ne!(health["sync"]["status"], "healthy");
            let all = world.server.send(Method::GET, "/api/health", None, None).await.expect(200);
            assert_eq!(all["status"], "degraded");
            let search = world.server.get("/api/search/users?q=patience", &world.admin).await;
            assert_eq!(search.refused(503), "copies-unavailable");
            world.server.get("/api/sync/status", &world.admin).await.expect(200);
            assert_eq!(world.server.send(Method::GET, "/readyz", None, None).await.text, "ok\n");
            proxy.set(Fault::None);
            world.server.drained().await;
            world.assert_equal();
        }
        world.end().await;
    });
}

#[test]
fn answers_of_mongodb_that_are_lost_lose_and_double_nothing() {
    run(async {
        let Some((fresh, proxy)) = behind_a_proxy().await else { return };
        let world = World::start(fresh).await;
        world.server.drained().await;
        proxy.set(Fault::LoseAnswers);
        business(&world, 1).await;
        world.server.eventually("answers are lost", async |_| proxy.lost() > 0).await;
        proxy.set(Fault::None);
        world.server.drained().await;
        world.assert_equal();
        let figures = world.server.get("/api/analytics/system", &world.admin).await.expect(200);
        assert_eq!(figures["byEvent"]["PAYMENT_RECEIVED"], 1, "an event is kept once");
        world.end().await;
    });
}

#[test]
fn it_starts_without_mongodb_and_fills_it_when_it_comes() {
    run(async {
        let Some((fresh, proxy)) = behind_a_proxy().await else { return };
        proxy.set(Fault::Refuse);
        let world = World::start(fresh).await;
        business(&world, 1).await;
        proxy.set(Fault::None);
        world.server.drained().await;
        world.assert_equal();
        world.end().await;
    });
}

/// A writer's acknowledged requests: invoices by id, with what is certainly paid.
type Acknowledged = BTreeMap<String, u64>;

/// Writes until the server is gone; what was acknowledged.
async fn write_on(
    server: &Server,
    client: &Person,
    freelancer: &Person,
    tag: usize,
    count: &watch::Sender<usize>,
) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    for round in 0.. {
        let made =
            server.try_ask(Method::POST, "/api/invoices", Some(freelancer), Some(invoice_body(client)), &[]).await;
        let Ok(made) = made else { break };
        let id = made.expect(201)["id"].as_str().unwrap().to_owned();
        acknowledged.insert(id.clone(), 0);
        let sent = server.try_ask(Method::POST, &format!("/api/invoices/{id}/send"), Some(freelancer), None, &[]).await;
        match sent {
            Err(_) => break,
            Ok(answer) if answer.status == 503 => continue,
            Ok(answer) => drop(answer.expect(200)),
        }
        acknowledged.insert(id.clone(), 1);
        let key = format!("{tag}-{round}");
        let paid = server
            .try_ask(
                Method::POST,
                &format!("/api/invoices/{id}/pay"),
                // Who received it records it.
                Some(freelancer),
                Some(payment("10.00", &id)),
                &[("idempotency-key", &key)],
            )
            .await;
        let Ok(paid) = paid else { break };
        if paid.status == 201 {
            acknowledged.insert(id, 2);
        }
        count.send_modify(|count| *count += 1);
    }
    acknowledged
}

#[test]
fn killed_under_load_it_has_lost_no_acknowledged_write_and_the_copies_become_equal() {
    run(async {
        for (primary, secondary) in pairs() {
            let mut world = World::start(Fresh::make(&primary, &secondary).await).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            let mut acknowledged = Acknowledged::new();
            for cycle in 0..4 {
                let (count, mut counted) = watch::channel(0);
                let pid = world.server.pid().to_string();
                let killer = async {
                    counted.wait_for(|count| *count >= 15).await.unwrap();
                    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
                };
                let writers =
                    (0..4).map(|writer| write_on(&world.server, &client, &freelancer, cycle * 10 + writer, &count));
                let (reported, ()) = futures::join!(futures::future::join_all(writers), killer);
                acknowledged.extend(reported.into_iter().flatten());
                world.server = Server::start(program(&world.fresh)).await;
            }
            for (id, stage) in &acknowledged {
                let invoice = world.server.get(&format!("/api/invoices/{id}"), &freelancer).await.expect(200);
                if *stage >= 1 {
                    assert_ne!(invoice["status"], "DRAFT", "{id} was sent");
                }
                let paid = invoice["paid"]["amount"].as_str().unwrap();
                assert!(paid == "10.00" || (*stage < 2 && paid == "0.00"), "{id} at stage {stage} has {paid}");
            }
            assert!(acknowledged.len() > 40, "{}", acknowledged.len());
            assert_eq!(world.command(&["check"]).0, 0);
            world.server.drained().await;
            world.assert_equal();
            events::assert_whole(&world).await;
            world.end().await;
        }
    });
}

#[test]
fn two_processes_work_beside_each_other_and_one_takes_over_when_the_other_dies() {
    run(async {
        for (primary, secondary) in pairs() {
            let mut world = World::start(Fresh::make(&primary, &secondary).await).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            let other = Server::start(program(&world.fresh)).await;
            for server in [&world.server, &other] {
                for _ in 0..10 {
                    server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
                }
            }
            world.server.drained().await;
            world.assert_equal();
            world.server.kill().await;
            for _ in 0..10 {
                other.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            }
            other.drained().await;
            world.server = other;
            world.assert_equal();
            world.end().await;
        }
    });
}

#[test]
fn external_changes_in_either_database_are_found_named_and_repaired() {
    run(async {
        for (primary, secondary) in pairs() {
            let world = World::start(Fresh::make(&primary, &secondary).await).await;
            let ada = world.server.register("Ada", "FREELANCER").await;
            world.server.drained().await;
            let db = chainbill_testkit::open(&world.fresh.primary).await.db;
            let sql = format!("UPDATE users SET location = 'elsewhere' WHERE id = '{}'", ada.id);
            chainbill_testkit::sea_orm::ConnectionTrait::execute_unprepared(&db, &sql).await.unwrap();
            db.close().await.unwrap();
            let (code, said) = world.command(&["sync", "verify", "--deep", "--model", "users"]);
            let difference: &Value = &said["models"][0]["differences"][0];
            assert_eq!(
                (code, &difference["id"], &difference["class"]),
                (1, &json!(ada.id), &json!("mutated")),
                "{said:#}"
            );
            assert!(difference["fields"].as_array().unwrap().contains(&json!("location")), "{difference}");
            let (code, said) = world.command(&["sync", "repair", "--model", "users"]);
            assert_eq!((code, &said["models"][0]["repaired"]), (0, &json!(1)), "{said:#}");
            world.assert_equal();
            let evidence = world.server.get("/api/sync/evidence", &world.admin).await.expect(200);
            assert_eq!(
                (&evidence["data"][0]["entityId"], &evidence["data"][0]["class"]),
                (&json!(ada.id), &json!("mutated"))
            );
            assert_eq!(evidence["data"][0]["before"]["location"], json!(null));
            world.end().await;
        }
    });
}
