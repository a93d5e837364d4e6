//! Invoices and their payments.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::world::{embedded, invoice_body, on_every_pair, payment, sent};

#[test]
fn an_invoice_is_drafted_sent_and_paid_in_parts() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let draft = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
        assert_eq!((&draft["status"], &draft["number"]), (&json!("DRAFT"), &json!(null)));
        assert_eq!(draft["total"], json!({"amount": "1478.00", "currency": "EUR"}));
        assert_eq!(draft["tax"]["amount"], "228.00");
        let path = format!("/api/invoices/{}", draft["id"].as_str().unwrap());
        assert_eq!(server.get(&path, &client).await.refused(404), "not-found", "drafts are their writer's alone");
        let changed = json!({"discount": {"amount": "250.00", "currency": "EUR"}});
        let changed =
            server.ask(Method::PATCH, &path, Some(&freelancer), Some(changed), &[("if-match", "\"1\"")]).await;
        assert_eq!(changed.expect(200)["discount"]["amount"], "250.00");
        let invoice = server.act(&format!("{path}/send"), &freelancer).await.expect(200);
        assert_eq!(invoice["status"], "SENT");
        assert!(invoice["number"].as_str().unwrap().ends_with("-000001"), "{}", invoice["number"]);
        assert_eq!(invoice["canonicalHash"].as_str().unwrap().len(), 64);
        let frozen = server.send(Method::PATCH, &path, Some(&freelancer), Some(json!({"title": "x"}))).await;
        assert_eq!(frozen.refused(409), "wrong-state");
        assert_eq!(server.act(&format!("{path}/send"), &freelancer).await.expect(409)["current"], "SENT");
        let pay = format!("{path}/pay");
        let first = server
            .ask(
                Method::POST,
                &pay,
                Some(&world.admin),
                Some(payment("100.00", "bank-1")),
                &[("idempotency-key", "k1")],
            )
            .await;
        let first = first.expect(201);
        assert_eq!(
            (&first["invoice"]["paymentStatus"], &first["invoice"]["escrow"]),
            (&json!("PARTIAL"), &json!("PARTIALLY_FUNDED"))
        );
        let total: f64 = invoice["total"]["amount"].as_str().unwrap().parse().unwrap();
        let rest = format!("{:.2}", total - 100.0);
        let last = server
            .ask(Method::POST, &pay, Some(&world.admin), Some(payment(&rest, "bank-2")), &[("idempotency-key", "k2")])
            .await;
        let last = last.expect(201);
        assert_eq!((&last["invoice"]["status"], &last["invoice"]["escrow"]), (&json!("PAID"), &json!("HELD")));
        assert_eq!(server.act(&format!("{path}/void"), &freelancer).await.refused(409), "wrong-state");
        let (code, said) = world.command(&["check"]);
        assert_eq!((code, &said["holds"]), (0, &json!(true)), "{said:#}");
    });
}

#[test]
fn the_same_key_pays_once_however_often_and_at_once_it_comes() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let pay = format!("/api/invoices/{}/pay", sent(world, &client, &freelancer).await);
        let server = &world.server;
        let once = || {
            server.ask(
                Method::POST,
                &pay,
                Some(&world.admin),
                Some(payment("10.00", "bank-1")),
                &[("idempotency-key", "same")],
            )
        };
        let answers = futures::future::join_all((0..50).map(|_| once())).await;
        let mut paid = BTreeSet::new();
        for answer in &answers {
            match answer.status.as_u16() {
                201 => drop(paid.insert(answer.text.clone())),
                409 => assert_eq!(answer.json()["code"], "still-running"),
                503 => {
                    let code = answer.json()["code"].clone();
                    assert!(code == "contention" || code == "overloaded", "{code}");
                }
                other => panic!("{other}: {}", answer.text),
            }
        }
        assert_eq!(paid.len(), 1, "every answer is the same to the letter");
        let replay = once().await;
        replay.expect(201);
        assert_eq!(replay.header("idempotent-replayed"), "true");
        let other = server
            .ask(
                Method::POST,
                &pay,
                Some(&world.admin),
                Some(payment("11.00", "bank-1")),
                &[("idempotency-key", "same")],
            )
            .await;
        assert_eq!(other.refused(422), "idempotency-mismatch");
        let known = server
            .ask(
                Method::POST,
                &pay,
                Some(&world.admin),
                Some(payment("10.00", "bank-1")),
                &[("idempotency-key", "another")],
            )
            .await;
        assert_eq!(known.refused(409), "wrong-state", "one external event makes one payment");
        let invoice = server.get(pay.trim_end_matches("/pay"), &client).await.expect(200);
        assert_eq!(invoice["paid"]["amount"], "10.00");
    });
}

#[test]
fn numbers_have_no_gaps_when_many_invoices_are_sent_at_once() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let mut ids = Vec::new();
        for _ in 0..12 {
            let draft = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            ids.push(draft["id"].as_str().unwrap().to_owned());
        }
        let send = async |id: &String| {
            let path = format!("/api/invoices/{id}/send");
            loop {
                let answer = server.act(&path, &freelancer).await;
                if answer.status != 503 {
                    return answer.expect(200)["number"].as_str().unwrap().to_owned();
                }
            }
        };
        let numbers: BTreeSet<String> = futures::future::join_all(ids.iter().map(send)).await.into_iter().collect();
        let year = numbers.first().unwrap().rsplit_once('-').unwrap().0.to_owned();
        let expected: BTreeSet<String> = (1..=12).map(|sequence| format!("{year}-{sequence:06}")).collect();
        assert_eq!(numbers, expected);
        assert_eq!(world.command(&["check"]).0, 0);
    });
}

#[test]
fn strangers_see_nothing_and_parties_do_only_what_is_theirs() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let stranger = world.server.register("Mallory", "FREELANCER").await;
        let server = &world.server;
        let id = sent(world, &client, &freelancer).await;
        let path = format!("/api/invoices/{id}");
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::POST, format!("{path}/send")),
            (Method::POST, format!("{path}/void")),
            (Method::GET, format!("{path}/proof")),
        ] {
            let answer = server.send(method, &path, Some(&stranger), None).await;
            assert_eq!(answer.refused(404), "not-found", "{path}");
        }
        let stolen = server
            .ask(
                Method::POST,
                &format!("{path}/pay"),
                Some(&stranger),
                Some(payment("1.00", "x")),
                &[("idempotency-key", "k")],
            )
            .await;
        assert_eq!(stolen.refused(404), "not-found");
        let own = server
            .ask(
                Method::POST,
                &format!("{path}/pay"),
                Some(&freelancer),
                Some(payment("1.00", "x")),
                &[("idempotency-key", "k")],
            )
            .await;
        let own = own.expect(201);
        assert_eq!((&own["status"], &own["channel"]), (&json!("CONFIRMED"), &json!("DIRECT")), "the receiver says so");
        assert_eq!(
            server.post(&format!("{path}/pay"), &client, payment("1.00", "x")).await.refused(400),
            "idempotency-key-required"
        );
        assert_eq!(server.act(&format!("{path}/void"), &client).await.refused(403), "forbidden");
        assert_eq!(server.post("/api/invoices", &client, invoice_body(&client)).await.refused(403), "forbidden");
        assert_eq!(server.post("/api/invoices", &freelancer, invoice_body(&stranger)).await.fields(), ["/clientId"]);
        assert_eq!(server.act(&format!("{path}/void"), &freelancer).await.refused(409), "wrong-state");
        let other = sent(world, &client, &freelancer).await;
        let voided = server.act(&format!("/api/invoices/{other}/void"), &freelancer).await.expect(200);
        assert_eq!(voided["status"], "VOID");
        let draft = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
        let draft = format!("/api/invoices/{}", draft["id"].as_str().unwrap());
        server.send(Method::DELETE, &draft, Some(&freelancer), None).await.expect(204);
        assert_eq!(server.get(&draft, &freelancer).await.refused(404), "not-found");
    });
}

#[test]
fn a_walk_over_a_list_neither_skips_nor_repeats_while_rows_come() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let mut before = BTreeSet::new();
        for _ in 0..7 {
            let draft = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            before.insert(draft["id"].as_str().unwrap().to_owned());
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("/api/invoices?limit=3{cursor}"), &freelancer).await.expect(200);
            seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 7);
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), before);
        assert_eq!(server.get("/api/invoices?limit=0", &freelancer).await.fields(), ["/limit"]);
        assert_eq!(server.get("/api/invoices?cursor=***", &freelancer).await.fields(), ["/cursor"]);
        assert_eq!(server.get("/api/invoices?sort=evil", &freelancer).await.fields(), ["/sort"]);
        assert_eq!(server.get("/api/invoices?limit=many", &freelancer).await.fields(), ["/limit"]);
    });
}

#[test]
fn an_invoice_that_cannot_be_paid_in_time_is_not_sent() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let send = async |change: serde_json::Value| {
            let mut body = invoice_body(&client);
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let made = server.post("/api/invoices", &freelancer, body).await.expect(201);
            server.act(&format!("/api/invoices/{}/send", made["id"].as_str().unwrap()), &freelancer).await
        };
        let free = json!([{"description": "Gift", "quantity": "1", "unitPrice": {"amount": "0", "currency": "EUR"}}]);
        assert_eq!(send(json!({"lines": free})).await.fields(), ["/total"]);
        assert_eq!(send(json!({"dueDate": "2020-01-01"})).await.fields(), ["/dueDate"]);
        let fine = send(json!({"dueDate": null})).await.expect(200);
        assert!(fine["number"].as_str().unwrap().ends_with("-000001"), "what was refused took no number: {fine}");
    });
}

#[test]
fn a_payments_name_is_its_payers_own() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, other) = (&world.server, world.server.register("Mallory", "CLIENT").await);
        let pay = async |who: &crate::world::Person, key: &str| {
            let path = format!("/api/invoices/{}/pay", sent(world, who, &freelancer).await);
            let body = Some(payment("10.00", "wire-7"));
            server.ask(Method::POST, &path, Some(who), body, &[("idempotency-key", key)]).await
        };
        pay(&client, "a").await.expect(201);
        assert_eq!(pay(&client, "b").await.refused(409), "wrong-state", "one's own is known");
        pay(&other, "c").await.expect(201);
    });
}

#[test]
fn a_draft_is_patched_and_removed_at_the_versions_that_are_named() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let draft = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
        let path = format!("/api/invoices/{}", draft["id"].as_str().unwrap());
        let patch = async |body: serde_json::Value, tags: &str| {
            server.ask(Method::PATCH, &path, Some(&freelancer), Some(body), &[("if-match", tags)]).await
        };
        for same in [json!({}), json!({"title": draft["title"], "dueDate": draft["dueDate"], "notes": null})] {
            let answer = patch(same, "*").await;
            assert_eq!((&answer.expect(200)["version"], answer.header("sync-token")), (&json!(1), ""));
        }
        for field in ["title", "lines"] {
            assert_eq!(patch(json!({field: null}), "*").await.fields(), [format!("/{field}")]);
        }
        let some = json!({"discount": {"amount": "1.00", "currency": "EUR"}, "notes": "x"});
        assert_eq!(patch(some, "\"7\", \"1\"").await.expect(200)["version"], 2);
        let none = patch(json!({"discount": null, "notes": null, "dueDate": null}), "\"2\"").await.expect(200);
        assert_eq!(
            (&none["discount"]["amount"], &none["notes"], &none["dueDate"]),
            (&json!("0.00"), &json!(null), &json!(null))
        );
        for stale in ["\"1\"", "W/\"3\"", "\"else\""] {
            assert_eq!(patch(json!({}), stale).await.refused(412), "stale", "{stale}");
            let gone = server.ask(Method::DELETE, &path, Some(&freelancer), None, &[("if-match", stale)]).await;
            assert_eq!(gone.refused(412), "stale", "{stale}");
        }
        assert_eq!(patch(json!({}), "3").await.fields(), ["/If-Match"]);
        let read = async |tags: &str| {
            server.ask(Method::GET, &path, Some(&freelancer), None, &[("if-none-match", tags)]).await
        };
        let spared = read("\"2\", W/\"3\"").await;
        assert_eq!((spared.status.as_u16(), spared.text.as_str(), spared.header("etag")), (304, "", "\"3\""));
        read("\"2\"").await.expect(200);
        server.ask(Method::DELETE, &path, Some(&freelancer), None, &[("if-match", "\"3\"")]).await.expect(204);
        world.server.drained().await;
        world.assert_equal();
    });
}
