//! Strictness: blanks, numbers, nested fields, moments, cursors, keys, versions, tokens, days.

use chainbill_domain::{Clock as _, SystemClock, zone::Zone};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::world::{Answer, PASSWORD, Person, World, embedded, invoice_body, on_every_pair, payment, sent};

async fn patch(world: &World, path: &str, who: &Person, body: Value) -> Answer {
    world.server.send(Method::PATCH, path, Some(who), Some(body)).await
}

#[test]
fn blank_is_absent_everywhere() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let mut new = invoice_body(&client);
        for field in ["notes", "dueDate", "projectId"] {
            new[field] = json!(" ");
        }
        new["lines"][0]["taxRate"] = json!("");
        let made = server.post("/api/invoices", &freelancer, new).await.expect(201);
        for field in ["notes", "dueDate", "projectId"] {
            assert_eq!(made[field], Value::Null, "{field}");
        }
        assert_eq!(made["lines"][0]["taxRate"], "0.00");
        let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
        patch(world, &path, &freelancer, json!({"notes": "x", "dueDate": "2031-01-01"})).await.expect(200);
        let emptied = patch(world, &path, &freelancer, json!({"notes": "\u{200B} ", "dueDate": ""})).await.expect(200);
        assert_eq!((&emptied["notes"], &emptied["dueDate"]), (&Value::Null, &Value::Null));
        assert_eq!(patch(world, &path, &freelancer, json!({"title": " "})).await.fields(), ["/title"]);
        let skill = json!({"name": "Go", "category": "Code", "description": "  "});
        assert_eq!(server.post("/api/skills", &client, skill).await.expect(201)["description"], Value::Null);
        let project = json!({"title": "Site", "description": " \u{2060}", "deadline": ""});
        assert_eq!(server.post("/api/projects", &client, project).await.fields(), ["/description"]);
        let project = json!({"title": "Site", "description": "A site", "deadline": ""});
        assert_eq!(server.post("/api/projects", &client, project).await.expect(201)["deadline"], Value::Null);
        let me = format!("/api/users/{}", client.id);
        let user =
            patch(world, &me, &client, json!({"title": " ", "bio": "\u{3164}", "location": "", "timeZone": ""})).await;
        let user = user.expect(200);
        assert_eq!((&user["title"], &user["bio"], &user["location"]), (&Value::Null, &Value::Null, &Value::Null));
        assert_eq!(user["timeZone"], "UTC");
        for query in ["status=", "status=&projectId=%20", "limit=&cursor="] {
            let page = server.get(&format!("/api/invoices?{query}"), &freelancer).await.expect(200);
            assert_eq!(page["data"].as_array().unwrap().len(), 1, "{query}");
        }
        assert_eq!(server.get("/api/search/users?q=%20", &client).await.fields(), ["/q"]);
        let id = sent(world, &client, &freelancer).await;
        let mut paid = payment("1.00", "wire");
        paid["receivedAt"] = json!("");
        let pay = format!("/api/invoices/{id}/pay");
        let blank =
            server.ask(Method::POST, &pay, Some(&client), Some(paid.clone()), &[("idempotency-key", " ")]).await;
        assert_eq!(blank.refused(400), "idempotency-key-required");
        server.ask(Method::POST, &pay, Some(&client), Some(paid), &[("idempotency-key", "a")]).await.expect(201);
    });
}

#[test]
fn numbers_have_one_spelling_and_objects_only_their_fields() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        for (place, value) in [
            ("/lines/0/quantity", json!("01")),
            ("/lines/0/quantity", json!("00.5")),
            ("/lines/0/taxRate", json!("019")),
            ("/lines/0/unitPrice/amount", json!("01.00")),
            ("/lines/0/quantity", json!("+1")),
        ] {
            let mut new = invoice_body(&client);
            *new.pointer_mut(place).unwrap() = value.clone();
            assert_eq!(server.post("/api/invoices", &freelancer, new).await.fields(), [place], "{value}");
        }
        for query in ["limit=01", "limit=%2B1", "limit=1.0", "limit=0x1", "limit=1e1"] {
            assert_eq!(server.get(&format!("/api/invoices?{query}"), &client).await.fields(), ["/limit"], "{query}");
        }
        assert_eq!(server.get("/api/analytics/system?days=07", &world.admin).await.fields(), ["/days"]);
        let mut new = invoice_body(&client);
        new["lines"][1]["unitPrice"]["rate"] = json!(1);
        assert_eq!(server.post("/api/invoices", &freelancer, new).await.fields(), ["/lines/1/unitPrice/rate"]);
        let mut new = invoice_body(&client);
        new["discount"] = json!({"amount": "1.00", "currency": "EUR", "percent": 5});
        assert_eq!(server.post("/api/invoices", &freelancer, new).await.fields(), ["/discount/percent"]);
        let rate = json!({"hourlyRate": {"amount": "1.00", "currency": "EUR", "per": "day"}});
        let me = format!("/api/users/{}", freelancer.id);
        assert_eq!(patch(world, &me, &freelancer, rate).await.fields(), ["/hourlyRate/per"]);
        let pay = format!("/api/invoices/{}/pay", sent(world, &client, &freelancer).await);
        for at in ["1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
            let mut early = payment("1.00", "wire");
            early["receivedAt"] = json!(at);
            let answer = server.ask(Method::POST, &pay, Some(&client), Some(early), &[("idempotency-key", at)]).await;
            assert_eq!(answer.fields(), ["/receivedAt"], "{at}");
        }
    });
}

#[test]
fn a_cursor_is_of_its_own_list() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        for _ in 0..2 {
            sent(world, &client, &freelancer).await;
            let project = json!({"title": "Site", "description": "A site"});
            server.post("/api/projects", &client, project).await.expect(201);
        }
        for name in ["Go", "Zig"] {
            server.post("/api/skills", &client, json!({"name": name, "category": "x"})).await.expect(201);
        }
        let lists = ["/api/invoices?", "/api/invoices?status=SENT&", "/api/projects?", "/api/skills?", "/api/users?"];
        let mut cursors = Vec::new();
        for list in lists {
            let page = server.get(&format!("{list}limit=1"), &world.admin).await.expect(200);
            cursors.push(page["nextCursor"].as_str().unwrap().to_owned());
        }
        let others = ["/api/sync/failures?", "/api/sync/verifications?", "/api/sync/evidence?", "/api/files?"];
        for (place, cursor) in cursors.iter().enumerate() {
            for (other, list) in lists.iter().chain(&others).enumerate() {
                let answer = server.get(&format!("{list}limit=1&cursor={cursor}"), &world.admin).await;
                if other == place {
                    answer.expect(200);
                } else {
                    assert_eq!(answer.fields(), ["/cursor"], "a cursor of {} at {list}", lists[place]);
                }
            }
        }
    });
}

#[test]
fn two_keys_are_none_and_the_same_twice_is_one() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let pay = format!("/api/invoices/{}/pay", sent(world, &client, &freelancer).await);
        let ask = async |keys: &[(&str, &str)]| {
            world.server.ask(Method::POST, &pay, Some(&client), Some(payment("1.00", "wire")), keys).await
        };
        let refused = ask(&[("idempotency-key", "a"), ("idempotency-key", "b")]).await;
        assert_eq!(refused.fields(), ["/Idempotency-Key"]);
        ask(&[("idempotency-key", "a"), ("idempotency-key", "a")]).await.expect(201);
    });
}

#[test]
fn where_a_new_thing_is_said_to_be_it_is() {
    on_every_pair(async |world| {
        let server = &world.server;
        let body = json!({"email": "eve@example.org", "password": PASSWORD, "name": "Eve", "role": "CLIENT"});
        let registered = server.send(Method::POST, "/api/auth/register", None, Some(body)).await;
        let eve = server.login("eve@example.org").await;
        let freelancer = server.register("Femi", "FREELANCER").await;
        let pay = format!("/api/invoices/{}/pay", sent(world, &eve, &freelancer).await);
        let paid =
            server.ask(Method::POST, &pay, Some(&eve), Some(payment("1.00", "w")), &[("idempotency-key", "k")]).await;
        let made = [
            (registered, &eve),
            (server.post("/api/skills", &eve, json!({"name": "Go", "category": "x"})).await, &eve),
            (server.post("/api/projects", &eve, json!({"title": "Site", "description": "A site"})).await, &eve),
            (server.post("/api/invoices", &freelancer, invoice_body(&eve)).await, &freelancer),
            (paid, &eve),
        ];
        for (new, author) in &made {
            let (body, place) = (new.expect(201), new.header("location"));
            let there = server.get(place, author).await;
            assert_eq!(there.expect(200)["id"], body["id"], "{place}");
            assert_eq!(there.header("etag"), new.header("etag"), "{place}");
        }
        let place = made[4].0.header("location");
        let stranger = server.register("Mallory", "CLIENT").await;
        assert_eq!(server.get(place, &stranger).await.refused(404), "not-found");
        server.get(place, &freelancer).await.expect(200);
    });
}

#[test]
fn every_action_honours_if_match_and_none_needs_it() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let act = async |path: &str, who: &Person, body: Option<Value>, tag: &str| {
            let headers = [("if-match", tag), ("idempotency-key", tag)];
            let headers = if path.ends_with("/pay") { &headers[..] } else { &headers[..1] };
            server.ask(Method::POST, path, Some(who), body, headers).await
        };
        let draft = async || {
            let made = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            format!("/api/invoices/{}", made["id"].as_str().unwrap())
        };
        let path = draft().await;
        let (send, void, pay) = (format!("{path}/send"), format!("{path}/void"), format!("{path}/pay"));
        assert_eq!(act(&send, &freelancer, None, "\"7\"").await.refused(412), "stale");
        assert_eq!(act(&send, &freelancer, None, "7").await.fields(), ["/If-Match"]);
        assert_eq!(act(&send, &freelancer, None, "\"1\"").await.expect(200)["version"], 2);
        let part = Some(payment("1.00", "wire"));
        assert_eq!(act(&pay, &world.admin, part.clone(), "\"1\"").await.refused(412), "stale");
        act(&pay, &world.admin, part.clone(), "\"2\"").await.expect(201);
        let again = act(&pay, &world.admin, part, "\"2\"").await;
        assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (201, "true"), "a replay is a replay");
        assert_eq!(act(&void, &freelancer, None, "\"2\"").await.refused(412), "stale");
        assert_eq!(act(&void, &freelancer, None, "\"3\"").await.refused(409), "wrong-state");
        let other = draft().await;
        server.act(&format!("{other}/send"), &freelancer).await.expect(200);
        act(&format!("{other}/void"), &freelancer, None, "\"9\", \"2\"").await.expect(200);

        let project = json!({"title": "Site", "description": "A site"});
        let made = server.post("/api/projects", &client, project).await.expect(201);
        let path = format!("/api/projects/{}", made["id"].as_str().unwrap());
        let start = Some(json!({"freelancerId": freelancer.id}));
        server.post(&format!("{path}/applications"), &freelancer, json!({"message": "Ready"})).await.expect(201);
        let steps = [
            ("start", start, &client, 1),
            ("submit", None, &freelancer, 2),
            ("complete", None, &client, 3),
            ("cancel", None, &client, 4),
        ];
        for (step, body, who, version) in steps {
            let stale = act(&format!("{path}/{step}"), who, body.clone(), "\"8\"").await;
            assert_eq!(stale.refused(412), "stale", "{step}");
            if step != "cancel" {
                let tag = format!("\"{version}\"");
                act(&format!("{path}/{step}"), who, body, &tag).await.expect(200);
            }
        }
        let skills = format!("/api/users/{}/skills", freelancer.id);
        let rust = Some(json!({"name": "Rust", "level": "EXPERT", "years": 3}));
        assert_eq!(act(&skills, &freelancer, rust.clone(), "\"5\"").await.refused(412), "stale");
        let user = act(&skills, &freelancer, rust, "\"1\"").await.expect(200);
        let skill = format!("{skills}/{}", user["skills"][0]["skillId"].as_str().unwrap());
        let remove =
            async |tag: &str| server.ask(Method::DELETE, &skill, Some(&freelancer), None, &[("if-match", tag)]).await;
        assert_eq!(remove("\"1\"").await.refused(412), "stale");
        remove("\"2\"").await.expect(200);
    });
}

#[test]
fn days_are_the_issuers_and_what_they_change_is_read_anew() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let me = format!("/api/users/{}", freelancer.id);
        assert_eq!(server.get("/api/auth/me", &freelancer).await.expect(200)["timeZone"], "UTC");
        for bad in ["Berlin", "europe/berlin", "+02:00"] {
            assert_eq!(patch(world, &me, &freelancer, json!({"timeZone": bad})).await.fields(), ["/timeZone"], "{bad}");
        }
        // These two are 26 hours apart: it is never the same day there.
        let (late, early) = ("Etc/GMT+12", "Pacific/Kiritimati");
        let zoned = patch(world, &me, &freelancer, json!({"timeZone": late})).await.expect(200);
        assert_eq!(zoned["timeZone"], late);
        assert_eq!(server.get(&me, &client).await.expect(200).get("timeZone"), None, "others do not see it");
        let today = late.parse::<Zone>().unwrap().day(SystemClock.now());
        let mut new = invoice_body(&client);
        new["dueDate"] = json!(today);
        let made = server.post("/api/invoices", &freelancer, new.clone()).await.expect(201);
        let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
        let sent = server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        assert_eq!(sent["overdue"], false);
        let before = server.get(&path, &client).await;
        patch(world, &me, &freelancer, json!({"timeZone": early})).await.expect(200);
        let known = before.header("etag").to_owned();
        let read = server.ask(Method::GET, &path, Some(&client), None, &[("if-none-match", &known)]).await;
        let (invoice, tag) = (read.expect(200), read.header("etag"));
        assert_eq!((&invoice["overdue"], &invoice["version"]), (&json!(true), &sent["version"]));
        assert_ne!(tag, known);
        let spared = server.ask(Method::GET, &path, Some(&client), None, &[("if-none-match", tag)]).await;
        assert_eq!(spared.status.as_u16(), 304);
        let listed = server.get("/api/invoices", &client).await.expect(200);
        assert_eq!(listed["data"][0]["overdue"], true);
        let draft = server.post("/api/invoices", &freelancer, new).await.expect(201);
        let late = server.act(&format!("/api/invoices/{}/send", draft["id"].as_str().unwrap()), &freelancer).await;
        assert_eq!(late.fields(), ["/dueDate"]);
        assert!(late.text.contains(early), "{}", late.text);
        // A change is conditional on the version alone, not on the day.
        for tag in [tag, known.as_str()] {
            let pay = format!("{path}/pay");
            let headers = [("if-match", tag), ("idempotency-key", "k")];
            server.ask(Method::POST, &pay, Some(&client), Some(payment("1.00", "w")), &headers).await.expect(201);
        }
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn a_forged_token_reveals_nothing() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let id = sent(world, &client, &freelancer).await;
        let stranger = world.server.register("Mallory", "CLIENT").await;
        world.server.drained().await;
        let ask = async |token: &str| {
            let path = "/api/search/users?q=x";
            world.server.ask(Method::GET, path, Some(&stranger), None, &[("if-fresh", token)]).await
        };
        let given = patch(world, &format!("/api/users/{}", stranger.id), &stranger, json!({"bio": "x"})).await;
        let given = given.header("sync-token").to_owned();
        ask(&given).await.expect(200);
        let seal = given.split_once('.').unwrap().1;
        for line in [format!("invoices:{id}:1"), "invoices:00000000-0000-7000-8000-000000000000:1".to_owned()] {
            let text = URL_SAFE_NO_PAD.encode(line);
            for forged in [text.clone(), format!("{text}."), format!("{text}.{seal}"), format!("{text}.AAAA")] {
                assert_eq!(ask(&forged).await.fields(), ["/freshAfter"], "{forged}");
            }
        }
        let none: HeaderMap = world.server.get("/api/search/users?q=x&freshAfter=", &stranger).await.headers;
        assert!(none.get("sync-fresh").is_none(), "nobody asked");
    });
}
