//! What people write: lengths, what is not seen, what looks alike, and passwords.

use chainbill_app::{Passwords, Secret};
use chainbill_records::entities::users;
use chainbill_testkit::sea_orm::ActiveModelTrait as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, embedded, invoice_body, on_every_pair, sent};

#[test]
fn a_text_that_grows_is_measured_as_it_is_kept() {
    on_every_pair(async |world| {
        let ada = world.server.register("Ada", "FREELANCER").await;
        let path = format!("/api/users/{}/skills", ada.id);
        for (one, fits) in [("\u{BD}", 33), ("\u{FDFA}", 5), ("\u{130}", 50)] {
            let of_person = |count| json!({"name": one.repeat(count), "level": "EXPERT", "years": 1});
            let catalogued = |count: usize| json!({"name": format!("{} ", one.repeat(count)), "category": "x"});
            for count in [fits + 1, 100] {
                let refused = world.server.post(&path, &ada, of_person(count)).await;
                assert_eq!(refused.fields(), ["/name"], "{one} {count}");
                assert_eq!(world.server.post("/api/skills", &ada, catalogued(count)).await.fields(), ["/name"]);
            }
            world.server.post(&path, &ada, of_person(fits)).await.expect(200);
            assert_eq!(
                world.server.post("/api/skills", &ada, catalogued(fits)).await.fields(),
                ["/name"],
                "it is there"
            );
        }
        let most = |text: &str, count: usize| text.repeat(count);
        let profile = json!({
            "name": most("\u{1F600}", 200), "title": most("\u{FB2C}", 66), "location": most("e\u{301}", 200),
            "bio": most("\u{1F600}", 10_000),
        });
        let user = format!("/api/users/{}", ada.id);
        let kept = world.server.send(Method::PATCH, &user, Some(&ada), Some(profile)).await.expect(200);
        assert_eq!(kept["location"], most("\u{e9}", 200));
        for (field, text) in [("name", most("a", 201)), ("title", most("\u{FB2C}", 67)), ("bio", most("a", 10_001))] {
            let longer = world.server.send(Method::PATCH, &user, Some(&ada), Some(json!({field: text}))).await;
            assert_eq!(longer.fields(), [format!("/{field}")]);
        }
    });
}

#[test]
fn invisible_and_confusable_names_are_refused() {
    embedded(async |world| {
        let server = &world.server;
        let register = async |name: &str| {
            let body =
                json!({"email": "x@example.org", "password": "correct horse battery", "name": name, "role": "CLIENT"});
            server.send(Method::POST, "/api/auth/register", None, Some(body)).await
        };
        for name in [
            "\u{3164}",
            "\u{200B}",
            "\u{2060}",
            "\u{AD}",
            "\u{2800}",
            "\u{301}",
            "\u{115F}",
            "A\u{200B}da",
            "Ada\u{2060}",
            "\u{410}da",
            "Ad\u{430}",
            "\u{202E}adA",
        ] {
            assert_eq!(register(name).await.fields(), ["/name"], "{name:?}");
        }
        let ada = server.register("Ada", "FREELANCER").await;
        let path = format!("/api/users/{}", ada.id);
        for name in [
            "Зоя Ivanova",
            "\u{5d3}\u{5d5}\u{5d3}\u{200F} 7",
            "O'Brien-Łukasz",
            "Tシャツ",
            "\u{1F469}\u{200D}\u{1F4BB}",
        ] {
            let user = server.send(Method::PATCH, &path, Some(&ada), Some(json!({"name": name}))).await.expect(200);
            assert_eq!(user["name"], name);
        }
        let skill = async |name: &str| server.post("/api/skills", &ada, json!({"name": name, "category": "x"})).await;
        assert_eq!(skill("Ru\u{200B}st").await.fields(), ["/name"]);
        assert_eq!(skill("R\u{443}st").await.fields(), ["/name"]);
        skill("Rust").await.expect(201);
        assert_eq!(skill("ＲＵＳＴ").await.fields(), ["/name"], "it is in the catalogue already");
    });
}

#[test]
fn titles_in_hebrew_and_arabic_keep_their_marks() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        for title in [
            "\u{5d3}\u{5d5}\u{5d7} (2026)\u{200F}",
            "\u{200E}C++ \u{5d5}\u{5d5}",
            "\u{645}\u{200C}\u{645}\u{FEFF}\u{645}",
        ] {
            let mut new = invoice_body(&client);
            new["title"] = json!(title);
            assert_eq!(world.server.post("/api/invoices", &freelancer, new).await.expect(201)["title"], title);
        }
        let mut new = invoice_body(&client);
        new["title"] = json!("\u{200F}\u{FEFF}");
        assert_eq!(world.server.post("/api/invoices", &freelancer, new).await.fields(), ["/title"], "nobody sees it");
        world.server.drained().await;
        world.assert_equal();
    });
}

const COMPOSED: &str = "caf\u{e9} noir et pain";
const APART: &str = "cafe\u{301} noir et pain";

async fn login(world: &World, password: &str) -> u16 {
    let body = json!({"email": "ada@example.org", "password": password});
    world.server.send(Method::POST, "/api/auth/login", None, Some(body)).await.status.as_u16()
}

#[test]
fn a_password_is_the_same_on_every_keyboard() {
    embedded(async |world| {
        for (place, typed) in [COMPOSED, APART].into_iter().enumerate() {
            let email = format!("ada{place}@example.org");
            let body = json!({"email": email, "password": typed, "name": "Ada", "role": "CLIENT"});
            world.server.send(Method::POST, "/api/auth/register", None, Some(body)).await.expect(201);
            for other in [COMPOSED, APART, "cafe\u{301}\u{a0}noir et\u{3000}pain"] {
                let body = json!({"email": email, "password": other});
                world.server.send(Method::POST, "/api/auth/login", None, Some(body)).await.expect(200);
            }
        }
    });
}

#[test]
fn what_was_hashed_as_it_was_typed_still_logs_in_and_is_hashed_anew() {
    on_every_pair(async |world| {
        world.server.register("Ada", "CLIENT").await;
        let records = world.fresh.records().await;
        let hash_of = async || {
            use chainbill_testkit::sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
            let ada = users::Entity::find().filter(users::Column::Email.eq("ada@example.org"));
            ada.one(&records).await.unwrap().unwrap()
        };
        // As a release before wrote it: of the text as it came.
        for typed in [APART, COMPOSED] {
            let old = Passwords::default().hash(Secret::new(APART), [7; 16]).await.unwrap();
            let ada = users::ActiveModel {
                id: sea_orm_set(hash_of().await.id),
                password_hash: sea_orm_set(Some(old.clone())),
                ..Default::default()
            };
            ada.update(&records).await.unwrap();
            assert_eq!(login(world, "quite another one").await, 401);
            assert_eq!(hash_of().await.password_hash, Some(old.clone()), "a wrong one changes nothing");
            assert_eq!(login(world, typed).await, 200);
            let new = hash_of().await.password_hash.unwrap();
            assert_ne!(new, old);
            assert!(Passwords::default().matches(Secret::new(COMPOSED), Some(new)).await.unwrap());
        }
        records.close().await;
        world.server.drained().await;
        world.assert_equal();
    });
}

fn sea_orm_set<T: Into<chainbill_testkit::sea_orm::Value>>(value: T) -> chainbill_testkit::sea_orm::ActiveValue<T> {
    chainbill_testkit::sea_orm::ActiveValue::Set(value)
}

#[test]
fn a_password_that_is_easily_guessed_is_refused_with_a_reason() {
    embedded(async |world| {
        for password in ["password12", "1234567890", "AdaLovelace", "qwertyuiop", "chainbill2026"] {
            let body =
                json!({"email": "ada@example.org", "password": password, "name": "Ada Lovelace", "role": "CLIENT"});
            let answer = world.server.send(Method::POST, "/api/auth/register", None, Some(body)).await;
            assert_eq!(answer.fields(), ["/password"], "{password}");
            assert!(answer.text.contains("easily guessed") && !answer.text.contains(password), "{}", answer.text);
        }
        assert_eq!(login(world, "password12").await, 401);
        let body = json!({"email": "ada@example.org", "password": "password12"});
        let wrong = world.server.send(Method::POST, "/api/auth/login", None, Some(body)).await;
        assert_eq!(wrong.refused(401), "unauthenticated");
        assert_eq!(wrong.json()["detail"], "the e-mail address or the password is wrong");
    });
}

#[test]
fn a_reference_hides_nothing() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = format!("/api/invoices/{}/pay", sent(world, &client, &freelancer).await);
        let pay = async |reference: &str, key: &str| {
            let body: Value = crate::world::payment("1.00", reference);
            world.server.ask(Method::POST, &path, Some(&client), Some(body), &[("idempotency-key", key)]).await
        };
        pay("wire-7", "a").await.expect(201);
        for (place, same) in
            ["wire\u{200B}-7", "wire-7\u{AD}", "wire-7\u{2060}", "wire-7\u{FE0F}"].into_iter().enumerate()
        {
            assert_eq!(pay(same, &format!("b{place}")).await.fields(), ["/externalRef"], "{same:?}");
        }
        assert_eq!(pay(" wire-7 ", "c").await.refused(409), "wrong-state");
    });
}
