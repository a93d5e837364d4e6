//! Series of numbers, and what happens to invoices beside their way to payment.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, Server, embedded, invoice_body, on_every_pair, payment, sent};

async fn new_series(server: &Server, who: &Person, body: Value) -> Value {
    server.post("/api/number-series", who, body).await.expect(201)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Sends a draft, again while the primary asks for that.
async fn number_of(server: &Server, who: &Person, draft: &str) -> Value {
    loop {
        let answer = server.act(&format!("/api/invoices/{draft}/send"), who).await;
        if answer.status != 503 {
            return answer.expect(200);
        }
    }
}

#[test]
fn two_series_have_no_gap_and_no_double_when_many_invoices_are_sent_at_once() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let body = json!({"name": "Retainers", "pattern": "R{YY}-{SEQ:3}", "yearlyRestart": true, "start": 57});
        let retainers = text(&new_series(server, &freelancer, body).await["id"]);
        let mut drafts = Vec::new();
        for place in 0..64 {
            let mut body = invoice_body(&client);
            if place % 2 == 0 {
                body["series"] = json!(retainers);
            }
            drafts.push(text(&server.post("/api/invoices", &freelancer, body).await.expect(201)["id"]));
        }
        let all = drafts.iter().map(|draft| number_of(server, &freelancer, draft));
        let mut by_series: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for invoice in futures::future::join_all(all).await {
            let number = text(&invoice["number"]);
            assert!(by_series.entry(text(&invoice["series"])).or_default().insert(number), "{invoice}");
        }
        let year = chainbill_domain::Clock::now(&chainbill_domain::SystemClock).format("%Y").to_string();
        let expected = |pattern: &dyn Fn(i64) -> String, first: i64| (first..first + 32).map(pattern).collect();
        let built_in: BTreeSet<String> = expected(&|place| format!("INV-{year}-{place:06}"), 1);
        let own: BTreeSet<String> = expected(&|place| format!("R{}-{place:03}", &year[2..]), 57);
        assert_eq!(by_series, BTreeMap::from([("built-in".to_owned(), built_in), (retainers.clone(), own)]));
        let (code, said) = world.command(&["check"]);
        assert_eq!(code, 0, "{said:#}");
        let used = server.get("/api/number-series", &freelancer).await.expect(200);
        assert_eq!((&used["data"][0]["used"], &used["data"][0]["version"]), (&json!(true), &json!(2)));
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn a_series_is_made_named_chosen_and_frozen_once_it_is_used() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "FREELANCER").await);
        let try_new = async |body: Value| server.post("/api/number-series", &freelancer, body).await;
        for (pattern, yearly) in [("R{SEQ:3}", true), ("R", false), ("R{SEQ:3}{SEQ:3}", false), ("R {SEQ:3}", false)] {
            let body = json!({"name": "A", "pattern": pattern, "yearlyRestart": yearly});
            assert_eq!(try_new(body).await.fields(), ["/pattern"], "{pattern}");
        }
        let colliding = json!({"name": "A", "pattern": "INV-{YYYY}-{SEQ:4}", "yearlyRestart": true});
        assert_eq!(try_new(colliding).await.fields(), ["/pattern"], "the built-in series would make the same numbers");
        assert_eq!(try_new(json!({"name": "A", "pattern": "R{SEQ:3}", "start": 0})).await.fields(), ["/start"]);
        let made = new_series(server, &freelancer, json!({"name": "A", "pattern": "R{SEQ:3}", "default": true})).await;
        let path = format!("/api/number-series/{}", text(&made["id"]));
        assert_eq!(try_new(json!({"name": "A", "pattern": "Q{SEQ:3}"})).await.fields(), ["/name"]);
        let detail = try_new(json!({"name": "B", "pattern": "R1{SEQ:3}"})).await;
        assert!(detail.text.contains("the series A"), "{}", detail.text);
        let list = server.get("/api/number-series", &freelancer).await.expect(200);
        let defaults: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| (&it["id"], &it["default"])).collect();
        assert_eq!(
            defaults,
            [
                (&made["id"], &json!(true)),
                (&json!("built-in"), &json!(false)),
                (&json!("built-in"), &json!(true)),
                (&json!("built-in"), &json!(true))
            ]
        );

        let patch = async |body: Value, who: &Person| server.send(Method::PATCH, &path, Some(who), Some(body)).await;
        assert_eq!(patch(json!({"name": "X"}), &stranger).await.refused(404), "not-found");
        assert_eq!(patch(json!({"pattern": "S{SEQ:4}", "start": 9}), &freelancer).await.expect(200)["version"], 2);
        let mut of_a_stranger = invoice_body(&client);
        of_a_stranger["series"] = made["id"].clone();
        assert_eq!(server.post("/api/invoices", &stranger, of_a_stranger).await.fields(), ["/series"]);

        let draft = text(&server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201)["id"]);
        let first = number_of(server, &freelancer, &draft).await;
        assert_eq!((&first["number"], &first["series"]), (&json!("S0009"), &made["id"]), "the default at sending");
        let frozen = patch(json!({"pattern": "T{SEQ:4}"}), &freelancer).await;
        assert_eq!(frozen.refused(409), "wrong-state");
        assert_eq!(frozen.json()["current"], "USED");
        assert_eq!(patch(json!({"start": 1}), &freelancer).await.refused(409), "wrong-state");
        let renamed = patch(json!({"name": "Renamed", "pattern": "S{SEQ:4}", "default": false}), &freelancer).await;
        assert_eq!(renamed.expect(200)["default"], false);
        let stale = server
            .ask(Method::PATCH, &path, Some(&freelancer), Some(json!({"name": "Y"})), &[("if-match", "\"1\"")])
            .await;
        assert_eq!(stale.refused(412), "stale");

        let draft = text(&server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201)["id"]);
        let chosen = json!({"series": made["id"]});
        let chosen =
            server.send(Method::PATCH, &format!("/api/invoices/{draft}"), Some(&freelancer), Some(chosen)).await;
        assert_eq!(chosen.expect(200)["series"], made["id"]);
        assert_eq!(number_of(server, &freelancer, &draft).await["number"], "S0010");
        let draft = text(&server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201)["id"]);
        let number = text(&number_of(server, &freelancer, &draft).await["number"]);
        assert!(number.ends_with("-000001"), "the built-in series is the default again: {number}");
        assert_eq!(server.get("/api/number-series", &client).await.refused(403), "forbidden");
        assert_eq!(world.command(&["check"]).0, 0);
    });
}

#[test]
fn credit_notes_take_the_default_series_of_their_kind_without_gaps() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let number = async |key: &str| {
            let path = format!("/api/invoices/{}/credit-notes", sent(world, &client, &freelancer).await);
            let body = json!({"reason": "One hour less"});
            let note =
                server.ask(Method::POST, &path, Some(&freelancer), Some(body), &[("idempotency-key", key)]).await;
            text(&note.expect(201)["number"])
        };
        let first = number("first").await;
        assert!(first.starts_with("CN-") && first.ends_with("-000001"), "{first}");
        let own =
            json!({"kind": "CREDIT_NOTE", "name": "Corrections", "pattern": "K{SEQ:3}", "start": 7, "default": true});
        let own = new_series(server, &freelancer, own).await;
        assert_eq!((number("second").await, number("third").await), ("K007".to_owned(), "K008".to_owned()));
        let path = format!("/api/number-series/{}", text(&own["id"]));
        let back = server.send(Method::PATCH, &path, Some(&freelancer), Some(json!({"default": false}))).await;
        assert_eq!(back.expect(200)["used"], true);
        assert!(number("fourth").await.ends_with("-000002"));
        let (code, said) = world.command(&["check"]);
        assert_eq!(code, 0, "{said:#}");
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn the_series_of_all_kinds_are_one_page() {
    embedded(async |world| {
        let (_, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let series = |place: usize| {
            let kind = ["INVOICE", "QUOTE", "CREDIT_NOTE"][place % 3];
            json!({"kind": kind, "name": format!("Series {place}"), "pattern": format!("S{place:02}/{{SEQ:3}}")})
        };
        for place in 0..97 {
            new_series(server, &freelancer, series(place)).await;
        }
        let full = server.post("/api/number-series", &freelancer, series(97)).await;
        assert_eq!(full.refused(409), "wrong-state");
        let list = server.get("/api/number-series", &freelancer).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 100, "with the built-in ones");
    });
}

#[test]
fn an_invoice_is_declined_and_paid_all_the_same_or_voided_and_drafted_again() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "CLIENT").await);
        let path = format!("/api/invoices/{}", sent(world, &client, &freelancer).await);
        let decline = async |path: &str, who: &Person, reason: &str| {
            server.post(&format!("{path}/decline"), who, json!({"reason": reason})).await
        };
        assert_eq!(decline(&path, &stranger, "no").await.refused(404), "not-found");
        assert_eq!(decline(&path, &freelancer, "no").await.refused(403), "forbidden");
        assert_eq!(decline(&path, &client, " ").await.fields(), ["/reason"]);
        let declined = decline(&path, &client, "Two days, not three").await.expect(200);
        assert_eq!((&declined["status"], &declined["declineReason"]), (&json!("SENT"), &json!("Two days, not three")));
        let seen = server.get(&path, &freelancer).await.expect(200);
        assert_eq!(
            (&seen["declinedAt"], &seen["declineReason"]),
            (&declined["declinedAt"], &declined["declineReason"])
        );
        let again = decline(&path, &client, "no").await;
        assert_eq!(again.refused(409), "wrong-state");
        assert_eq!(again.json()["allowed"], json!(["pay", "void", "credit-notes", "duplicate"]));
        let pay = format!("{path}/pay");
        let part = server
            .ask(Method::POST, &pay, Some(&world.admin), Some(payment("10.00", "a")), &[("idempotency-key", "a")])
            .await;
        assert_eq!(part.expect(201)["invoice"]["declinedAt"], json!(null), "a payment takes it back");
        assert_eq!(decline(&path, &client, "no").await.refused(409), "wrong-state");

        let other = format!("/api/invoices/{}", sent(world, &client, &freelancer).await);
        decline(&other, &client, "Wrong rate").await.expect(200);
        let voided = server.act(&format!("{other}/void"), &freelancer).await.expect(200);
        assert_eq!(voided["declineReason"], "Wrong rate");
        assert_eq!(server.act(&format!("{other}/duplicate"), &client).await.refused(403), "forbidden");
        assert_eq!(server.act(&format!("{other}/duplicate"), &stranger).await.refused(404), "not-found");
        let copy = server.act(&format!("{other}/duplicate"), &freelancer).await.expect(201);
        for same in ["title", "lines", "total", "dueDate", "clientId", "currency", "notes"] {
            assert_eq!(copy[same], voided[same], "{same}");
        }
        let fresh = ["status", "number", "sentAt", "declinedAt", "canonicalHash"].map(|field| &copy[field]);
        assert_eq!(fresh, [&json!("DRAFT"), &json!(null), &json!(null), &json!(null), &json!(null)]);
        assert_ne!(copy["id"], voided["id"]);
        world.server.drained().await;
        world.assert_equal();
    });
}

/// Ids of a walk through a list, a page of two at a time; at each page another draft comes.
async fn walk(server: &Server, who: &Person, query: &str, writer: &Person, body: &Value) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/invoices?limit=2&{query}{cursor}"), who).await.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| text(&row["id"])));
        server.post("/api/invoices", writer, body.clone()).await.expect(201);
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[test]
fn lists_are_filtered_and_ordered_for_those_who_may_see_them() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "FREELANCER").await);
        let mut ids = Vec::new();
        for (place, (due, price)) in
            [("2031-03-01", "30.00"), ("2031-01-01", "10.00"), ("2031-02-01", "20.00"), ("", "20.00")]
                .iter()
                .enumerate()
        {
            let mut body = invoice_body(&client);
            body["lines"] =
                json!([{"description": "Work", "quantity": "1", "unitPrice": {"amount": price, "currency": "EUR"}}]);
            body["dueDate"] = if due.is_empty() { json!(null) } else { json!(due) };
            let id = text(&server.post("/api/invoices", &freelancer, body).await.expect(201)["id"]);
            if place < 3 {
                number_of(server, &freelancer, &id).await;
            }
            ids.push(id);
        }
        let in_order = |places: &[usize]| places.iter().map(|place| ids[*place].clone()).collect::<Vec<_>>();
        let list = async |query: &str, who: &Person| -> Vec<String> {
            let page = server.get(&format!("/api/invoices?{query}"), who).await.expect(200);
            page["data"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect()
        };
        for (query, of_freelancer, of_client) in [
            ("sort=due", &[1, 2, 0, 3][..], &[1, 2, 0][..]),
            ("sort=-due", &[0, 2, 1, 3], &[0, 2, 1]),
            ("sort=created", &[0, 1, 2, 3], &[0, 1, 2]),
            ("sort=-created", &[3, 2, 1, 0], &[2, 1, 0]),
            ("sort=sent", &[0, 1, 2, 3], &[0, 1, 2]),
            ("sort=-number", &[2, 1, 0, 3], &[2, 1, 0]),
            ("sort=total&currency=EUR", &[1, 2, 3, 0], &[1, 2, 0]),
            ("sort=-total&currency=EUR", &[0, 3, 2, 1], &[0, 2, 1]),
            ("sort=total&currency=USD", &[], &[]),
            ("currency=EUR&minTotal=20&maxTotal=25.00", &[3, 2], &[2]),
            ("dueFrom=2031-01-01&dueTo=2031-02-01", &[2, 1], &[2, 1]),
            ("status=DRAFT", &[3], &[]),
            ("paymentStatus=UNPAID&status=SENT&sort=due", &[1, 2, 0], &[1, 2, 0]),
            ("paymentStatus=PAID", &[], &[]),
            ("overdue=false&sort=due", &[1, 2, 0, 3], &[1, 2, 0]),
            ("overdue=true", &[], &[]),
            ("createdFrom=2020-01-01&createdTo=2020-12-31", &[], &[]),
            ("createdFrom=2020-01-01&sort=created", &[0, 1, 2, 3], &[0, 1, 2]),
            ("sentFrom=2020-01-01T00:00:00Z&sort=sent", &[0, 1, 2], &[0, 1, 2]),
            ("numberPrefix=INV-&sort=number", &[0, 1, 2], &[0, 1, 2]),
            ("numberPrefix=inv-", &[], &[]),
        ] {
            assert_eq!(list(query, &freelancer).await, in_order(of_freelancer), "{query}");
            assert_eq!(list(query, &client).await, in_order(of_client), "{query} for the client");
            assert_eq!(list(query, &stranger).await, Vec::<String>::new(), "{query} for a stranger");
        }
        let of = format!("clientId={}&sort=due", client.id);
        assert_eq!(list(&of, &freelancer).await, in_order(&[1, 2, 0, 3]));
        assert_eq!(list(&of, &world.admin).await, in_order(&[1, 2, 0, 3]));
        assert_eq!(list(&of, &stranger).await, Vec::<String>::new(), "another's invoices are none");
        assert_eq!(list("sort=created", &world.admin).await, in_order(&[0, 1, 2, 3]));
        let refused =
            async |query: &str, who: &Person| server.get(&format!("/api/invoices?{query}"), who).await.fields();
        assert_eq!(refused("sort=due", &world.admin).await, ["/sort"]);
        assert_eq!(refused("sort=total", &freelancer).await, ["/currency"]);
        assert_eq!(refused("minTotal=1", &freelancer).await, ["/currency"]);
        assert_eq!(refused("dueFrom=2031-02-30&sentTo=x&paymentStatus=HALF", &freelancer).await.len(), 3);

        let page = server.get("/api/invoices?limit=1&sort=due", &freelancer).await.expect(200);
        let cursor = text(&page["nextCursor"]);
        for other in ["", "sort=-due", "sort=due&status=SENT", "sort=due&overdue=false"] {
            assert_eq!(refused(&format!("{other}&cursor={cursor}"), &freelancer).await, ["/cursor"], "{other}");
        }
        let draft = invoice_body(&client);
        for query in ["sort=due", "sort=-due", "sort=-sent", "sort=number", "sort=total&currency=EUR", "sort=created"] {
            let seen = walk(server, &freelancer, &format!("{query}&createdFrom=2020-01-01"), &freelancer, &draft).await;
            let distinct: BTreeSet<&String> = seen.iter().collect();
            assert_eq!(distinct.len(), seen.len(), "{query} repeats");
            assert!(ids.iter().all(|id| distinct.contains(id)), "{query} skips");
        }
    });
}
