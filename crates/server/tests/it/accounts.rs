//! Registration, logins, profiles, skills.

use chainbill_records::entities::audit_entries;
use chainbill_testkit::sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use reqwest::Method;
use serde_json::json;

use crate::world::{PASSWORD, embedded, on_every_pair};

#[test]
fn a_user_registers_logs_in_and_out() {
    on_every_pair(async |world| {
        let server = &world.server;
        let new = json!({"email": "Ada@Example.ORG", "password": PASSWORD, "name": "Ada", "role": "FREELANCER"});
        let answer = server.send(Method::POST, "/api/auth/register", None, Some(new.clone())).await;
        let user = answer.expect(201);
        assert_eq!(
            (&user["email"], &user["role"], &user["version"]),
            (&json!("ada@example.org"), &json!("FREELANCER"), &json!(1))
        );
        assert_eq!(answer.header("etag"), "\"1\"");
        assert_eq!(answer.header("location"), format!("/api/users/{}", user["id"].as_str().unwrap()));
        assert!(!answer.header("sync-token").is_empty());
        let again = server.send(Method::POST, "/api/auth/register", None, Some(new)).await;
        assert_eq!(again.fields(), ["/email"]);
        let ada = server.login("ada@example.org").await;
        assert_eq!(server.get("/api/auth/me", &ada).await.expect(200)["id"], user["id"]);
        server.act("/api/auth/logout", &ada).await.expect(204);
        assert_eq!(server.get("/api/auth/me", &ada).await.refused(401), "unauthenticated");
    });
}

#[test]
fn a_wrong_password_and_an_unknown_address_look_the_same() {
    embedded(async |world| {
        world.server.register("Ada", "CLIENT").await;
        let mut answers = Vec::new();
        for (email, password) in
            [("ada@example.org", "wrong password"), ("nobody@example.org", PASSWORD), ("no address", PASSWORD)]
        {
            let body = json!({"email": email, "password": password});
            let answer = world.server.send(Method::POST, "/api/auth/login", None, Some(body)).await;
            assert_eq!(answer.refused(401), "unauthenticated");
            answers.push(answer.json()["detail"].clone());
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
        let records = world.fresh.records().await;
        let refused = audit_entries::Entity::find()
            .filter(audit_entries::Column::Action.eq("session.refuse"))
            .all(&records)
            .await
            .unwrap();
        let mut subjects: Vec<&str> = refused.iter().map(|entry| entry.subject_id.as_str()).collect();
        subjects.sort_unstable();
        assert_eq!((subjects.len(), &subjects[1..]), (3, &["unknown", "unknown"][..]), "the known one by its id");
        for entry in &refused {
            assert!(entry.address.is_some() && entry.request_id.is_some());
            assert!(entry.after_doc.is_none() && entry.before_doc.is_none(), "no password is near");
        }
    });
}

#[test]
fn a_registration_is_replayed_to_who_knows_its_password_only() {
    embedded(async |world| {
        let ask = async |password: &str| {
            let new = json!({"email": "ada@example.org", "password": password, "name": "Ada", "role": "CLIENT"});
            let key = [("idempotency-key", "once")];
            world.server.ask(Method::POST, "/api/auth/register", None, Some(new), &key).await
        };
        ask(PASSWORD).await.expect(201);
        let again = ask(PASSWORD).await;
        again.expect(201);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(ask("another password").await.refused(422), "idempotency-mismatch");
        world.server.login("ada@example.org").await;
    });
}

#[test]
fn the_operator_role_cannot_be_self_assigned() {
    embedded(async |world| {
        let new = json!({"email": "eve@example.org", "password": PASSWORD, "name": "Eve", "role": "ADMIN"});
        assert_eq!(world.server.send(Method::POST, "/api/auth/register", None, Some(new)).await.fields(), ["/role"]);
        let eve = world.server.register("Eve", "CLIENT").await;
        for field in ["role", "status", "version", "passwordHash", "id"] {
            let path = format!("/api/users/{}", eve.id);
            let answer = world.server.send(Method::PATCH, &path, Some(&eve), Some(json!({field: "ADMIN"}))).await;
            assert_eq!(answer.expect(422)["code"], "validation", "{field}");
        }
    });
}

#[test]
fn a_cookie_needs_its_csrf_token_to_change_something() {
    embedded(async |world| {
        let ada = world.server.register("Ada", "CLIENT").await;
        let cookie = format!("chainbill_session={}", ada.token);
        for scheme in ["bearer", "BEARER"] {
            let value = format!("{scheme} {}", ada.token);
            world.server.ask(Method::GET, "/api/auth/me", None, None, &[("authorization", &value)]).await.expect(200);
        }
        let path = format!("/api/users/{}", ada.id);
        let body = Some(json!({"name": "Ada L."}));
        let server = &world.server;
        server.ask(Method::GET, "/api/auth/me", None, None, &[("cookie", &cookie)]).await.expect(200);
        let without = server.ask(Method::PATCH, &path, None, body.clone(), &[("cookie", &cookie)]).await;
        assert_eq!(without.refused(403), "csrf");
        let headers = [("cookie", cookie.as_str()), ("x-csrf-token", ada.csrf.as_str())];
        server.ask(Method::PATCH, &path, None, body, &headers).await.expect(200);
    });
}

#[test]
fn a_profile_is_changed_by_its_owner_at_the_version_that_was_read() {
    on_every_pair(async |world| {
        let (server, ada) = (&world.server, world.server.register("Ada", "FREELANCER").await);
        let path = format!("/api/users/{}", ada.id);
        let change =
            json!({"title": "Web3 smart contract developer", "hourlyRate": {"amount": "12.500", "currency": "BHD"}});
        let answer = server.ask(Method::PATCH, &path, Some(&ada), Some(change), &[("if-match", "\"1\"")]).await;
        let user = answer.expect(200);
        assert_eq!((&user["version"], &user["hourlyRate"]["amount"]), (&json!(2), &json!("12.500")));
        let stale =
            server.ask(Method::PATCH, &path, Some(&ada), Some(json!({"bio": "x"})), &[("if-match", "\"1\"")]).await;
        assert_eq!(stale.refused(412), "stale");
        let emptied = server.send(Method::PATCH, &path, Some(&ada), Some(json!({"title": null}))).await.expect(200);
        assert_eq!((&emptied["title"], &emptied["hourlyRate"]["currency"]), (&json!(null), &json!("BHD")));
        let same = json!({"title": null, "name": emptied["name"], "available": true});
        for unchanged in [json!({}), same] {
            let answer = server.send(Method::PATCH, &path, Some(&ada), Some(unchanged)).await;
            assert_eq!(answer.expect(200)["version"], emptied["version"], "nothing changed");
            assert_eq!((answer.header("sync-token"), answer.header("etag")), ("", "\"3\""));
        }
        for field in ["name", "available"] {
            let answer = server.send(Method::PATCH, &path, Some(&ada), Some(json!({field: null}))).await;
            assert_eq!(answer.fields(), [format!("/{field}")]);
        }
        let bad = json!({"hourlyRate": {"amount": "1.001", "currency": "USD"}, "name": ""});
        assert_eq!(server.send(Method::PATCH, &path, Some(&ada), Some(bad)).await.fields().len(), 2);
    });
}

#[test]
fn others_see_the_public_part_and_change_nothing() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = format!("/api/users/{}", freelancer.id);
        let seen = world.server.get(&path, &client).await.expect(200);
        assert_eq!((seen.get("email"), &seen["name"]), (None, &json!("Femi")));
        assert_eq!(world.server.get(&path, &world.admin).await.expect(200)["email"], "femi@example.org");
        let change = world.server.send(Method::PATCH, &path, Some(&client), Some(json!({"name": "Eve"}))).await;
        assert_eq!(change.refused(404), "not-found");
        let skill = json!({"name": "Rust", "level": "EXPERT", "years": 9});
        assert_eq!(world.server.post(&format!("{path}/skills"), &client, skill).await.refused(404), "not-found");
        let listed = world.server.get("/api/users?limit=2", &world.admin).await.expect(200);
        assert_eq!((listed["data"].as_array().unwrap().len(), &listed["hasMore"]), (2, &json!(true)));
    });
}

#[test]
fn skills_are_given_changed_and_taken() {
    on_every_pair(async |world| {
        let (server, ada) = (&world.server, world.server.register("Ada", "FREELANCER").await);
        let path = format!("/api/users/{}/skills", ada.id);
        let give = |level: &str| json!({"name": "Zero-Knowledge  proofs", "level": level, "years": 3});
        let user = server.post(&path, &ada, give("BEGINNER")).await.expect(200);
        assert_eq!(user["skills"][0]["level"], "BEGINNER");
        let user = server.post(&path, &ada, give("EXPERT")).await.expect(200);
        assert_eq!((user["skills"].as_array().unwrap().len(), &user["skills"][0]["level"]), (1, &json!("EXPERT")));
        assert_eq!(server.post(&path, &ada, give("GURU")).await.fields(), ["/level"]);
        let catalogue = server.get("/api/skills", &ada).await.expect(200);
        assert_eq!(catalogue["data"].as_array().unwrap().len(), 1);
        let again = json!({"name": "ZERO-knowledge proofs", "category": "Blockchain"});
        assert_eq!(server.post("/api/skills", &ada, again).await.fields(), ["/name"]);
        let fresh = json!({"name": "Move", "category": "Blockchain", "description": "A language"});
        server.post("/api/skills", &ada, fresh).await.expect(201);
        let one = format!("{path}/{}", user["skills"][0]["skillId"].as_str().unwrap());
        let left = server.send(Method::DELETE, &one, Some(&ada), None).await.expect(200);
        assert_eq!(left["skills"], json!([]));
        assert_eq!(server.send(Method::DELETE, &one, Some(&ada), None).await.refused(404), "not-found");
    });
}
