//! Rows that another hand, a newer release or an older one has written: their neighbours are served, and they are named.

use chainbill_testkit::sea_orm::ConnectionTrait as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PASSWORD, Person, World, invoice_body, on_every_pair, payment, sent};

/// Writes as another client would, with the server's checks turned off.
/// Writes past the application.
pub async fn write(world: &World, statements: &[&str]) {
    let db = chainbill_testkit::open(&world.fresh.primary).await.db;
    for sql in statements {
        db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    db.close().await.unwrap();
}

/// Ids in `data`, and ids with the word that names the field in `unreadable`.
fn split(page: &Value) -> (Vec<&str>, Vec<(&str, &str)>) {
    let rows = |name: &str| page[name].as_array().into_iter().flatten();
    let shown = rows("data").map(|row| row["id"].as_str().unwrap()).collect();
    let named = |row: &'_ Value| row["detail"].as_str().unwrap().split(' ').nth(1).unwrap().to_owned();
    let odd: Vec<(&str, &str)> =
        rows("unreadable").map(|row| (row["id"].as_str().unwrap(), &*Box::leak(named(row).into_boxed_str()))).collect();
    (shown, odd)
}

async fn created(world: &World, path: &str, who: &Person, body: Value) -> String {
    world.server.post(path, who, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_odd_row_is_named_and_its_neighbours_are_listed() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let mut invoices = Vec::new();
        for _ in 0..4 {
            invoices.push(sent(world, &client, &freelancer).await);
        }
        let project = json!({"title": "Site", "description": "A site", "skills": ["Rust"]});
        let projects = [
            created(world, "/api/projects", &client, project.clone()).await,
            created(world, "/api/projects", &client, project).await,
        ];
        let new = |name: &str| json!({"name": name, "category": "Code"});
        let skills = [
            created(world, "/api/skills", &client, new("Go")).await,
            created(world, "/api/skills", &client, new("Zig")).await,
        ];
        let upper = skills[0].to_uppercase();
        write(
            world,
            &[
                &format!("UPDATE invoices SET currency = 'QQQ' WHERE id = '{}'", invoices[0]),
                &format!("UPDATE invoices SET status = 'ARCHIVED' WHERE id = '{}'", invoices[1]),
                &format!(
                    "UPDATE invoice_lines SET currency = 'QQQ' WHERE invoice_id = '{}' AND position = 1",
                    invoices[2]
                ),
                &format!("UPDATE projects SET status = 'PAUSED' WHERE id = '{}'", projects[0]),
                &format!("UPDATE skills SET id = '{upper}' WHERE id = '{}'", skills[0]),
                &format!("UPDATE users SET role = 'AUDITOR' WHERE id = '{}'", freelancer.id),
            ],
        )
        .await;
        for who in [&client, &world.admin] {
            let page = server.get("/api/invoices", who).await.expect(200);
            let odd = vec![(&*invoices[2], "lines.currency"), (&*invoices[1], "status"), (&*invoices[0], "currency")];
            assert_eq!(split(&page), (vec![&*invoices[3]], odd));
            assert!(!page.to_string().contains("QQQ"), "where it stands, and not what it holds");
        }
        let page = server.get("/api/projects", &client).await.expect(200);
        assert_eq!(split(&page), (vec![&*projects[1]], vec![(&*projects[0], "status")]));
        let page = server.get("/api/skills", &client).await.expect(200);
        let (shown, odd) = split(&page);
        assert_eq!((shown.len(), odd), (2, vec![(&*upper, "id")]), "Rust and Zig are there");
        let page = server.get("/api/users", &world.admin).await.expect(200);
        let (shown, odd) = split(&page);
        assert_eq!((shown.len(), odd), (2, vec![(&*freelancer.id, "role")]));
        for (path, who) in [
            (format!("/api/invoices/{}", invoices[0]), &client),
            (format!("/api/invoices/{}", invoices[2]), &client),
            (format!("/api/users/{}", freelancer.id), &client),
        ] {
            let answer = server.get(&path, who).await;
            assert_eq!(answer.refused(409), "unreadable", "{path}");
            assert!(answer.json()["detail"].as_str().unwrap().contains("cannot read"), "{}", answer.text);
        }
        let pay = format!("/api/invoices/{}/pay", invoices[0]);
        let paid = server
            .ask(Method::POST, &pay, Some(&client), Some(payment("1.00", "a")), &[("idempotency-key", "a")])
            .await;
        assert_eq!(paid.refused(409), "unreadable", "nothing is done to what is not understood");
        // A walk passes over what is odd and loses nothing.
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = server.get(&format!("/api/invoices?limit=1{cursor}"), &client).await.expect(200);
            let (shown, odd) = split(&page);
            seen.extend(shown.into_iter().chain(odd.into_iter().map(|(id, _)| id)).map(str::to_owned));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        invoices.reverse();
        assert_eq!(seen, invoices);
    });
}

#[test]
fn a_currency_that_has_left_is_read_paid_and_not_written_anew() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let id = sent(world, &client, &freelancer).await;
        write(
            world,
            &[
                &format!("UPDATE invoices SET currency = 'BGN' WHERE id = '{id}'"),
                &format!("UPDATE invoice_lines SET currency = 'BGN' WHERE invoice_id = '{id}'"),
            ],
        )
        .await;
        let path = format!("/api/invoices/{id}");
        let read = server.get(&path, &client).await.expect(200);
        assert_eq!(read["total"], json!({"amount": "1478.00", "currency": "BGN"}));
        let mut part = payment("78.00", "wire");
        part["amount"]["currency"] = json!("BGN");
        let pay = format!("{path}/pay");
        let paid = server.ask(Method::POST, &pay, Some(&world.admin), Some(part), &[("idempotency-key", "a")]).await;
        assert_eq!(paid.expect(201)["invoice"]["paid"], json!({"amount": "78.00", "currency": "BGN"}));
        let mut new = invoice_body(&client);
        for place in ["/currency", "/lines/0/unitPrice/currency", "/lines/1/unitPrice/currency"] {
            *new.pointer_mut(place).unwrap() = json!("BGN");
        }
        let refused = server.post("/api/invoices", &freelancer, new).await;
        assert!(refused.fields().contains(&"/currency".to_owned()));
        assert!(refused.text.contains("not in use"), "{}", refused.text);
    });
}

#[test]
fn an_unreadable_profile_does_not_prevent_a_login() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let path = format!("/api/users/{}/skills", freelancer.id);
        server.post(&path, &freelancer, json!({"name": "Rust", "level": "EXPERT", "years": 3})).await.expect(200);
        write(
            world,
            &[
                "UPDATE user_skills SET level = 'GRANDMASTER'",
                &format!(
                    "UPDATE users SET hourly_rate_minor = 5, hourly_rate_currency = 'QQQ' WHERE id = '{}'",
                    client.id
                ),
            ],
        )
        .await;
        for (name, who) in [("femi", &freelancer), ("carla", &client)] {
            let body = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
            let login = server.send(Method::POST, "/api/auth/login", None, Some(body)).await.expect(200);
            assert_eq!(login["user"], Value::Null, "the profile cannot be shown");
            let again = Person { token: login["token"].as_str().unwrap().to_owned(), ..who.clone() };
            server.get("/api/invoices", &again).await.expect(200);
            assert_eq!(server.get("/api/auth/me", &again).await.refused(409), "unreadable");
        }
        server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
        write(world, &[&format!("UPDATE users SET role = 'AUDITOR' WHERE id = '{}'", client.id)]).await;
        assert_eq!(server.get("/api/invoices", &client).await.refused(409), "unreadable");
        let login = async |password: &str| {
            let body = json!({"email": "carla@example.org", "password": password});
            server.send(Method::POST, "/api/auth/login", None, Some(body)).await
        };
        assert_eq!(login("quite another one").await.refused(401), "unauthenticated", "who guesses learns nothing");
        assert_eq!(login(PASSWORD).await.refused(409), "unreadable");
    });
}

#[test]
fn a_date_that_is_none_makes_one_row_odd() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let invoices = [sent(world, &client, &freelancer).await, sent(world, &client, &freelancer).await];
        let zero = format!("UPDATE invoices SET created_at = '0000-00-00 00:00:00' WHERE id = '{}'", invoices[0]);
        if world.fresh.primary.starts_with("sqlite") {
            write(world, &[&zero]).await;
        } else {
            // One connection, for the mode is the session's.
            let db = chainbill_testkit::open(&world.fresh.primary).await.db;
            let both = format!("SET SESSION sql_mode = ''; {zero}; SET SESSION sql_mode = DEFAULT");
            db.execute_unprepared(&both).await.unwrap();
            db.close().await.unwrap();
        }
        let page = world.server.get("/api/invoices", &client).await.expect(200);
        assert_eq!(split(&page), (vec![&*invoices[1]], vec![(&*invoices[0], "createdAt")]));
        let one = world.server.get(&format!("/api/invoices/{}", invoices[0]), &client).await;
        assert_eq!(one.refused(409), "unreadable");
    });
}
