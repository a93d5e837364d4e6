//! Who logged in from where, what was received and paid, the log, and recovery of what has changed lately.

use chainbill_domain::{Clock as _, SystemClock, models};
use chainbill_testkit::EMBEDDED;
use reqwest::Method;
use serde_json::json;

use crate::world::{on_every_pair, payment, sent};

#[test]
fn logins_say_from_where_and_with_what_and_money_is_its_receivers() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let login = json!({"email": "carla@example.org", "password": crate::world::PASSWORD});
        let agent = [("user-agent", "Netscape/4.0")];
        server.ask(Method::POST, "/api/auth/login", None, Some(login), &agent).await.expect(200);
        let invoice = sent(world, &client, &freelancer).await;
        let path = format!("/api/invoices/{invoice}/pay");
        let paid = server.ask(
            Method::POST,
            &path,
            Some(&world.admin),
            Some(payment("100.00", "one")),
            &[("idempotency-key", "k")],
        );
        let paid = paid.await;
        paid.expect(201);
        let fresh = [("if-fresh", paid.header("sync-token"))];
        let figures = async |who: &crate::world::Person| {
            let path = format!("/api/analytics/users/{}", who.id);
            server.ask(Method::GET, &path, Some(who), None, &fresh).await.expect(200)
        };
        let (of_client, of_freelancer) = (figures(&client).await, figures(&freelancer).await);
        let euros = json!([{"amount": "100.00", "currency": "EUR"}]);
        assert_eq!((&of_client["paid"], &of_client["received"]), (&euros, &json!([])));
        assert_eq!((&of_freelancer["paid"], &of_freelancer["received"]), (&json!([]), &euros));
        let logins = of_client["recent"].as_array().unwrap().iter().filter(|event| event["event"] == "USER_LOGIN");
        let details: Vec<_> = logins.map(|event| &event["details"]).collect();
        assert!(details.iter().any(|details| details["userAgent"] == "Netscape/4.0"), "{details:?}");
        assert!(details.iter().all(|details| details["address"] == "127.0.0.1"), "{details:?}");
    });
}

#[test]
fn only_operators_read_the_log() {
    on_every_pair(async |world| {
        let (server, admin) = (&world.server, &world.admin);
        server.drained().await;
        let ada = server.register("Ada", "CLIENT").await;
        // A cause for a log line: a foreign lock blocks a document.
        let mirror = world.fresh.mirror().await;
        let at = SystemClock.now();
        let lines: Vec<_> = (0..3)
            .map(|number| chainbill_mirror::LogLine {
                id: format!("ffffffff-0000-7000-8000-00000000000{number}"),
                at,
                level: if number == 0 { "ERROR" } else { "WARN" }.to_owned(),
                target: "chainbill_planted::here".to_owned(),
                message: format!("planted {number}"),
                fields: vec![("id".to_owned(), "request-4711".to_owned())],
            })
            .collect();
        mirror.log(&lines).await.unwrap();
        let listed = async |query: &str| -> Vec<String> {
            let page = server.get(&format!("/api/logs?target=chainbill_planted{query}"), admin).await.expect(200);
            page["data"].as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(listed("").await, ["planted 2", "planted 1", "planted 0"]);
        assert_eq!(listed("&level=ERROR").await, ["planted 0"]);
        assert_eq!(listed("&level=WARN&text=REQUEST-4711&since=1h").await.len(), 3);
        assert_eq!(listed("&until=1h").await.len(), 0);
        let page = server.get("/api/logs?target=chainbill_planted&limit=2", admin).await.expect(200);
        assert_eq!(page["data"][0]["fields"]["id"], "request-4711");
        let next = page["nextCursor"].as_str().unwrap();
        assert_eq!(listed(&format!("&limit=2&cursor={next}")).await, ["planted 0"]);
        let too_long = format!("text={}", "x".repeat(201));
        for (query, field) in
            [("level=warn", "/level"), ("since=soon", "/since"), (too_long.as_str(), "/text"), ("limit=0", "/limit")]
        {
            assert_eq!(server.get(&format!("/api/logs?{query}"), admin).await.fields(), [field]);
        }
        assert_eq!(server.get("/api/logs", &ada).await.refused(403), "forbidden");
    });
}

#[test]
fn what_has_changed_lately_is_made_right_and_what_is_older_is_left_alone() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, admin) = (&world.server, &world.admin);
        let kept = sent(world, &client, &freelancer).await;
        let gone = server.post("/api/invoices", &freelancer, crate::world::invoice_body(&client)).await.expect(201);
        let gone = gone["id"].as_str().unwrap().to_owned();
        server.drained().await;
        let mirror = world.fresh.mirror().await;
        let before = mirror.get(&models::INVOICES, &gone).await.unwrap().unwrap();
        server.send(Method::DELETE, &format!("/api/invoices/{gone}"), Some(&freelancer), None).await.expect(204);
        server.drained().await;
        // The mirror is restored to an earlier state: one document is lost, and one is there again.
        mirror.remove(&models::INVOICES, &[kept.clone(), gone.clone()]).await.unwrap();
        let write = chainbill_mirror::Write {
            id: gone.clone(),
            version: before.stamp.version.unwrap(),
            content: chainbill_mirror::Content::Document { body: before.body, digest: before.stamp.digest.unwrap() },
            fresh: false,
        };
        mirror.apply(&models::INVOICES, chainbill_mirror::Guard::Newer, &[write], SystemClock.now()).await.unwrap();
        let future = server.send(Method::POST, "/api/sync/invoices?since=0s", Some(admin), None).await.expect(200);
        assert_eq!(future["compared"], 0, "nothing has changed since now");
        let answer = server.send(Method::POST, "/api/sync/invoices?since=1h", Some(admin), None).await.expect(200);
        assert_eq!((&answer["compared"], &answer["repaired"]), (&json!(2), &json!(2)), "{answer}");
        let evidence = server.get("/api/sync/evidence?model=invoices", admin).await.expect(200);
        let mut classes: Vec<_> = evidence["data"].as_array().unwrap().iter().map(|row| row["class"].clone()).collect();
        classes.sort_by_key(ToString::to_string);
        assert_eq!(classes, ["lost", "phantom"]);
        world.assert_equal();
        let again = world.command(&["sync", "invoices", "--since", "1h"]);
        assert_eq!((again.0, &again.1["repaired"]), (0, &json!(0)));
    });
}

#[test]
fn the_log_is_unavailable_while_the_mirror_is_unreachable() {
    crate::world::run(async {
        let mut fresh = chainbill_testkit::Fresh::make(EMBEDDED, EMBEDDED).await;
        fresh.secondary = "mongodb://127.0.0.1:1/nobody".to_owned();
        let mut world = crate::world::World::start(fresh).await;
        assert_eq!(world.server.get("/api/logs", &world.admin).await.refused(503), "copies-unavailable");
        world.server.stop().await;
    });
}
