//! Test mode: a clock that operators advance.

use chainbill_testkit::{Fresh, pairs};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Person, Server, embedded, invoice_body, program, run};

const CLOCK: &str = "chainbill-test-clock";

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no moment"))
}

fn clock_of(answer: &Answer) -> DateTime<Utc> {
    moment(answer.header(CLOCK))
}

async fn start(fresh: &Fresh) -> (Server, Person) {
    let mut command = program(fresh);
    command.env("TEST_MODE", "true").env("SESSION_LIFETIME", "30d");
    let server = Server::start(command).await;
    let admin = server.login("root@example.org").await;
    (server, admin)
}

/// When the recurring job runs next.
async fn next_run(server: &Server, admin: &Person) -> DateTime<Utc> {
    let jobs = server.get("/api/jobs?kind=cleaning", admin).await.expect(200);
    moment(jobs["data"][0]["runAt"].as_str().unwrap())
}

#[test]
fn two_weeks_pass_by_one_request() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            two_weeks_pass(&fresh).await;
            fresh.remove().await;
        }
    });
}

async fn two_weeks_pass(fresh: &Fresh) {
    let (mut server, admin) = start(fresh).await;
    let (client, freelancer) = (server.register("Carla", "CLIENT").await, server.register("Femi", "FREELANCER").await);
    let before = server.get("/api/test/clock", &admin).await;
    let began = moment(before.expect(200)["now"].as_str().unwrap());
    let mut draft = invoice_body(&client);
    draft["dueDate"] = (began + TimeDelta::days(7)).date_naive().to_string().into();
    let made = server.post("/api/invoices", &freelancer, draft).await.expect(201);
    let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
    server.act(&format!("{path}/send"), &freelancer).await.expect(200);
    assert_eq!(server.get(&path, &client).await.expect(200)["overdue"], false);
    server.drained().await;

    let advanced = server.post("/api/test/clock", &admin, json!({"advance": "P14D"})).await;
    assert!(clock_of(&advanced) >= began + TimeDelta::days(14), "{advanced:?}");
    assert_eq!(advanced.expect(200)["aheadSeconds"], 14 * 86_400);
    let invoice = server.get(&path, &client).await;
    assert_eq!(invoice.expect(200)["overdue"], true);
    assert!(invoice.header("etag").ends_with("-overdue\""), "{invoice:?}");
    // The recurring job was due in between: it has run when its next time is after the jump.
    let jumped = clock_of(&invoice);
    server.eventually("the job runs", async |_| next_run(&server, &admin).await > jumped).await;

    // The mirror follows as before: leases, heartbeats and the backlog have the same clock.
    server.register("Nora", "CLIENT").await;
    server.drained().await;
    server.eventually("the synchronisation is healthy", async |health| health["sync"]["status"] == "healthy").await;

    server.stop().await;
    let (mut server, admin) = start(fresh).await;
    let again = server.get("/api/test/clock", &admin).await;
    assert!(clock_of(&again) >= jumped, "a restart does not turn the clock back: {again:?}");
    server.stop().await;
}

#[test]
fn every_page_and_every_response_says_so() {
    embedded(async |world| {
        world.server.stop().await;
        let (mut server, admin) = start(&world.fresh).await;
        for path in ["/", "/docs", "/livez", "/api/health", "/api/nowhere", "/api/users"] {
            let answer = server.send(Method::GET, path, None, None).await;
            clock_of(&answer);
            if answer.header("content-type").starts_with("text/html") {
                assert!(answer.text.contains("TEST MODE"), "{path}");
            }
        }
        let get = async |path: &str| server.send(Method::GET, path, None, None).await.expect(200);
        for path in ["/api/health", "/api/health/sync"] {
            moment(get(path).await["testClock"].as_str().unwrap());
        }
        let description = get("/api/openapi.json").await;
        assert_eq!(description["info"]["x-test-mode"], true);
        assert!(description["paths"]["/api/test/clock"]["post"].is_object());
        assert_eq!(description["servers"][0]["url"], Value::from(server.base.as_str()));

        let client = server.register("Carla", "CLIENT").await;
        let advance = json!({"advance": 60});
        assert_eq!(server.post("/api/test/clock", &client, advance.clone()).await.refused(403), "forbidden");
        for (body, field) in [
            (json!({"to": "2020-01-01T00:00:00Z"}), "/to"),
            (json!({"advance": "P1M"}), "/advance"),
            (json!({"advance": "36600d"}), ""),
            (json!({}), ""),
        ] {
            assert_eq!(server.post("/api/test/clock", &admin, body).await.fields(), [field]);
        }
        server.post("/api/test/clock", &admin, advance).await.expect(200);
        server.stop().await;
        world.server = Server::start(program(&world.fresh)).await;
    });
}

#[test]
fn without_test_mode_there_is_no_such_path() {
    embedded(async |world| {
        let answer = world.server.get("/api/test/clock", &world.admin).await;
        assert_eq!((answer.refused(404).as_str(), answer.header(CLOCK)), ("not-found", ""));
        let health = world.server.send(Method::GET, "/api/health", None, None).await.expect(200);
        assert!(health.get("testClock").is_none(), "{health}");
    });
}
