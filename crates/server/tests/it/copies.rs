//! Reads of the mirror: search, statistics, freshness.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{on_every_pair, payment, sent};

fn names(page: &Value, field: &str) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|hit| hit[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_search_finds_what_was_just_written_when_it_carries_its_token() {
    on_every_pair(async |world| {
        // From then on the collections and the indexes of the search are there.
        world.server.drained().await;
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let path = format!("/api/users/{}", freelancer.id);
        let profile = json!({"title": "Blockchain developer", "bio": "web3 smart contract specialist"});
        let token =
            server.send(Method::PATCH, &path, Some(&freelancer), Some(profile)).await.header("sync-token").to_owned();
        let found = server
            .ask(
                Method::GET,
                "/api/search/users?q=blockchain%20developer",
                Some(&client),
                None,
                &[("if-fresh", &token)],
            )
            .await;
        assert_eq!(found.header("sync-fresh"), "reached");
        assert_eq!(names(&found.expect(200), "name"), ["Femi"]);
        assert!(!found.text.contains("example.org"), "addresses are nobody's business");
        let by_parameter =
            server.get(&format!("/api/search/users?q=web3+smart+contract&freshAfter={token}"), &client).await;
        assert_eq!(
            (by_parameter.header("sync-fresh"), names(&by_parameter.json(), "name")),
            ("reached", vec!["Femi".to_owned()])
        );
        let project = json!({"title": "Web3 marketplace", "description": "Escrow on chain", "skills": ["Solidity"]});
        let made = server.post("/api/projects", &client, project).await;
        let path = format!("/api/search/projects?q=solidity&freshAfter={}", made.header("sync-token"));
        let hits = server.get(&path, &freelancer).await.expect(200);
        assert_eq!(
            (names(&hits, "title"), &hits["data"][0]["id"]),
            (vec!["Web3 marketplace".to_owned()], &made.json()["id"])
        );
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let gone = server.act(&format!("/api/projects/{id}/cancel"), &client).await;
        let path = format!("/api/search/projects?q=solidity&freshAfter={}", gone.header("sync-token"));
        assert_eq!(names(&server.get(&path, &freelancer).await.expect(200), "title"), Vec::<String>::new());
        assert_eq!(names(&server.get(&path, &client).await.expect(200), "title"), ["Web3 marketplace"]);
    });
}

#[test]
fn hits_come_in_pages() {
    on_every_pair(async |world| {
        let client = world.server.register("Carla", "CLIENT").await;
        for place in 0..5 {
            let new = json!({"title": format!("Harbour crane {place}"), "description": "steel"});
            world.server.post("/api/projects", &client, new).await.expect(201);
        }
        world.server.drained().await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/search/projects?q=harbour&limit=2{cursor}");
            let page = world.server.get(&path, &client).await.expect(200);
            seen.extend(names(&page, "title"));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        seen.sort();
        assert_eq!(seen, (0..5).map(|place| format!("Harbour crane {place}")).collect::<Vec<_>>());
    });
}

#[test]
fn a_search_refuses_what_is_none() {
    on_every_pair(async |world| {
        let server = &world.server;
        server.drained().await;
        for (query, field) in [
            ("q=", "/q"),
            ("q=x&limit=101", "/limit"),
            ("q=x&cursor=zz", "/cursor"),
            ("q=x&freshAfter=!!", "/freshAfter"),
        ] {
            assert_eq!(server.get(&format!("/api/search/users?{query}"), &world.admin).await.fields(), [field]);
        }
        assert_eq!(server.get("/api/search/users", &world.admin).await.fields(), ["/q"]);
        let hostile =
            ["%22OR%201%3D1", "%7B%22%24gt%22%3A%22%22%7D", "%28%29%2A%3A%5E", "-root", "NEAR%28a%20b%29", "%00"];
        for words in hostile {
            let answer = server.get(&format!("/api/search/users?q={words}"), &world.admin).await;
            assert!([200, 422].contains(&answer.status.as_u16()), "{words}: {}", answer.text);
        }
    });
}

#[test]
fn what_people_did_is_counted() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let pay = format!("/api/invoices/{}/pay", sent(world, &client, &freelancer).await);
        let server = &world.server;
        server
            .ask(
                Method::POST,
                &pay,
                Some(&world.admin),
                Some(payment("1478.00", "bank-1")),
                &[("idempotency-key", "k")],
            )
            .await
            .expect(201);
        server.drained().await;
        let system = server.get("/api/analytics/system?days=7", &world.admin).await.expect(200);
        assert_eq!(system["byEvent"]["USER_REGISTERED"], 2);
        assert_eq!(
            (&system["byEvent"]["INVOICE_CREATED"], &system["byEvent"]["PAYMENT_RECEIVED"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(system["byEvent"]["USER_LOGIN"], 3);
        assert_eq!(system["received"], json!([{"amount": "1478.00", "currency": "EUR"}]));
        assert_eq!(system["distinctUsers"], 3);
        let mine = server.get(&format!("/api/analytics/users/{}", freelancer.id), &freelancer).await.expect(200);
        assert_eq!((&mine["byEvent"]["INVOICE_CREATED"], &mine["days"]), (&json!(1), &json!(30)));
        assert_eq!(mine["recent"][0]["event"], "INVOICE_SENT");
        let other = server.get(&format!("/api/analytics/users/{}", freelancer.id), &client).await;
        assert_eq!(other.refused(404), "not-found");
        assert_eq!(server.get("/api/analytics/system", &client).await.refused(403), "forbidden");
        assert_eq!(server.get("/api/analytics/system?days=0", &world.admin).await.fields(), ["/days"]);
    });
}
