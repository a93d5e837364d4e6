//! Billing profiles, and the parties that are frozen into an invoice.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Person, Server, World, embedded, invoice_body, on_every_pair, payment, program, read};

const PROFILE: &str = "/api/users/me/billing-profile";
const IBAN: &str = "DE89370400440532013000";

fn profile() -> Value {
    json!({
        "legalName": "Femi Okafor e.K.",
        "address": {"lines": ["Hauptstraße 1", "2. Stock"], "postalCode": "10115", "city": "Berlin", "country": "de"},
        "taxId": {"kind": "VAT", "value": "de 123.456.789"},
        "bank": {"accountHolder": "Femi Okafor", "iban": "DE89 3704 0044 0532 0130 00", "bic": "cobadeff"},
        "defaultCurrency": "EUR", "paymentTermsDays": 14, "locale": "de-de", "timeZone": "Asia/Tokyo",
        "rounding": "PER_LINE",
    })
}

async fn put(world: &World, who: &Person, body: Value, tag: &str) -> Answer {
    world.server.ask(Method::PUT, PROFILE, Some(who), Some(body), &[("if-match", tag)]).await
}

#[test]
fn a_profile_is_saved_at_the_version_that_is_named() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let empty = world.server.get(PROFILE, &freelancer).await;
        assert_eq!((empty.header("etag"), &empty.expect(200)["legalName"]), ("\"0\"", &Value::Null));
        assert_eq!(empty.json()["timeZone"], "UTC");
        let saved = put(world, &freelancer, profile(), "\"0\"").await;
        assert_eq!((saved.header("etag"), &saved.expect(200)["rounding"]), ("\"1\"", &json!("PER_LINE")));
        let saved = saved.json();
        assert_eq!(saved["taxId"], json!({"kind": "VAT", "value": "DE123456789"}));
        assert_eq!((&saved["bank"]["iban"], &saved["bank"]["bic"]), (&json!(IBAN), &json!("COBADEFF")));
        assert_eq!((&saved["address"]["country"], &saved["locale"]), (&json!("DE"), &json!("de-DE")));
        assert_eq!(put(world, &freelancer, profile(), "\"0\"").await.refused(412), "stale");
        let same = put(world, &freelancer, profile(), "\"1\"").await;
        assert_eq!((&same.expect(200)["version"], same.header("sync-token")), (&json!(1), ""));
        // The time zone is the account's own.
        let me = world.server.get(&format!("/api/users/{}", freelancer.id), &freelancer).await.expect(200);
        assert_eq!(me["timeZone"], "Asia/Tokyo");
        let less = put(world, &freelancer, json!({"legalName": "Femi"}), "*").await.expect(200);
        assert_eq!(
            (&less["bank"], &less["address"], &less["timeZone"]),
            (&Value::Null, &Value::Null, &json!("Asia/Tokyo"))
        );
        assert_eq!((&less["rounding"], &less["version"]), (&json!("PER_RATE"), &json!(2)));
        assert_eq!(world.server.get(PROFILE, &freelancer).await.expect(200), less);
        assert_eq!(world.server.get(PROFILE, &client).await.expect(200)["version"], 0, "it is one's own");
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn many_first_profiles_at_once_make_one() {
    on_every_pair(async |world| {
        let (_, freelancer) = world.client_and_freelancer().await;
        let tries = (0..8).map(|n| put(world, &freelancer, json!({"legalName": format!("Femi {n}")}).clone(), "\"0\""));
        let answers = futures::future::join_all(tries).await;
        let saved = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(saved, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert!(matches!(answer.status.as_u16(), 412 | 503), "{}: {}", answer.status, answer.text);
        }
        assert_eq!(world.server.get(PROFILE, &freelancer).await.expect(200)["version"], 1);
    });
}

#[test]
fn what_is_no_profile_is_refused_where_it_stands() {
    embedded(async |world| {
        let (_, freelancer) = world.client_and_freelancer().await;
        for (body, pointer) in [
            (json!({"legalName": "x".repeat(201)}), "/legalName"),
            (json!({"address": {"country": "UK"}}), "/address/country"),
            (json!({"address": {"lines": ["1", "2", "3", "4", "5"]}}), "/address/lines"),
            (json!({"address": {"lines": ["one\ntwo"]}}), "/address/lines/0"),
            (json!({"address": {"street": "x"}}), "/address/street"),
            (json!({"taxId": {"kind": "VAT", "value": "DE12345678"}}), "/taxId/value"),
            (json!({"taxId": {"kind": "NIF", "value": "1"}}), "/taxId/kind"),
            (json!({"bank": {"iban": "DE89370400440532013001"}}), "/bank/iban"),
            (json!({"bank": {"iban": IBAN, "bic": "DEUT"}}), "/bank/bic"),
            (json!({"bank": {"accountHolder": "Femi"}}), "/bank"),
            (json!({"defaultCurrency": "BGN"}), "/defaultCurrency"),
            (json!({"paymentTermsDays": 366}), "/paymentTermsDays"),
            (json!({"paymentTermsDays": -1}), "/paymentTermsDays"),
            (json!({"locale": "german"}), "/locale"),
            (json!({"timeZone": "Berlin"}), "/timeZone"),
            (json!({"rounding": "UP"}), "/rounding"),
            (json!({"version": 7}), "/version"),
        ] {
            assert_eq!(put(world, &freelancer, body.clone(), "*").await.fields(), [pointer], "{body}");
        }
    });
}

#[test]
fn parties_are_frozen_when_an_invoice_is_sent() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        put(world, &freelancer, profile(), "*").await.expect(200);
        let mut body = invoice_body(&client);
        for field in ["currency", "dueDate"] {
            body.as_object_mut().unwrap().remove(field);
        }
        let draft = server.post("/api/invoices", &freelancer, body.clone()).await.expect(201);
        assert_eq!((&draft["currency"], &draft["rounding"]), (&Value::Null, &json!("PER_LINE")));
        assert_eq!((&draft["total"]["currency"], &draft["parties"]), (&json!("EUR"), &Value::Null));
        let path = format!("/api/invoices/{}", draft["id"].as_str().unwrap());
        let sent = server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        assert!(sent["dueDate"].is_string(), "the terms give it: {sent}");
        put(world, &freelancer, json!({"legalName": "Another"}), "*").await.expect(200);
        let seen = server.get(&path, &client).await.expect(200);
        let issuer = &seen["parties"]["issuer"];
        assert_eq!((&issuer["name"], &issuer["taxId"]["value"]), (&json!("Femi Okafor e.K."), &json!("DE123456789")));
        assert_eq!(issuer["address"]["lines"], json!(["Hauptstraße 1", "2. Stock"]));
        assert_eq!((&issuer["bank"]["iban"], &issuer["bank"]["accountHolder"]), (&json!(IBAN), &json!("Femi Okafor")));
        let other = json!({"name": "Carla", "address": null, "taxId": null, "locale": null});
        assert_eq!(seen["parties"]["client"], other, "without a profile it is the name");
        assert_eq!(server.get(&path, &freelancer).await.expect(200)["parties"], seen["parties"]);
        let of_operator = server.get(&path, &world.admin).await.expect(200);
        assert_eq!(of_operator["parties"]["issuer"].get("bank"), None, "bank details are for the parties");
        // Without a currency there is none to take.
        let without = server.post("/api/invoices", &freelancer, body).await;
        assert!(without.fields().contains(&"/currency".to_owned()));
        assert_eq!(world.command(&["check"]).0, 0);
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn bank_details_reach_neither_the_mirror_nor_the_log_nor_others() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let stranger = world.server.register("Mallory", "CLIENT").await;
        let canaries = [IBAN, "Zanzibar Holder", "canary-way-to-pay"];
        let bank = json!({"iban": IBAN, "accountHolder": canaries[1], "text": canaries[2]});
        put(world, &freelancer, json!({"bank": bank, "legalName": "Visible Limited"}), "*").await.expect(200);
        let id = crate::world::sent(world, &client, &freelancer).await;
        let path = format!("/api/invoices/{id}");
        let paid = world
            .server
            .ask(
                Method::POST,
                &format!("{path}/pay"),
                Some(&client),
                Some(payment("10.00", "wire")),
                &[("idempotency-key", "k")],
            )
            .await;
        paid.expect(201);
        assert!(world.server.get(&path, &client).await.text.contains(IBAN), "its payer sees where to pay");
        let mut answers = paid.text;
        for who in [&stranger, &world.admin] {
            for path in [
                path.as_str(),
                "/api/invoices",
                PROFILE,
                &format!("/api/users/{}", freelancer.id),
                &format!("/api/sync/invoices/{id}"),
                &format!("/api/sync/users/{}", freelancer.id),
                "/api/logs",
                "/api/search/users?q=Femi",
                "/api/users",
            ] {
                answers.push_str(&world.server.get(path, who).await.text);
            }
        }
        answers.push_str(&world.server.get("/api/invoices", &client).await.text);
        world.server.drained().await;
        world.server.stop().await;
        let mut mirror = read(&world.fresh.folder.join("secondary.db"));
        mirror.extend(read(&world.fresh.folder.join("secondary.db-wal")));
        let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(holds(&mirror, &id), "the mirror is where this test looks");
        for canary in canaries {
            assert!(!answers.contains(canary), "{canary} in an answer");
            assert!(!holds(&mirror, canary), "{canary} in the mirror");
        }
        // The primary keeps them in the profile and the invoice, and the audit only what recognises a change.
        let mut primary = read(&world.fresh.folder.join("primary.db"));
        primary.extend(read(&world.fresh.folder.join("primary.db-wal")));
        assert!(holds(&primary, canaries[1]) && holds(&primary, "\u{2026}3000"));
        world.server = Server::start(program(&world.fresh)).await;
    });
}
