//! Money as its parties see it: announced, confirmed, exceeding, credited, given back, and explained by the ledger.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use chainbill_testkit::Fault;

use crate::{
    faults::behind_a_proxy,
    world::{Answer, Person, Server, World, on_every_pair, payment, program, run, sent},
};

pub fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// An action on money, under a key of its own, until it is answered: a busy database asks to come again.
pub async fn act(world: &World, path: &str, who: &Person, body: Value) -> Answer {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let key = format!("money-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    loop {
        let answer = keyed(world, path, who, body.clone(), &key).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

pub async fn keyed(world: &World, path: &str, who: &Person, body: Value, key: &str) -> Answer {
    let body = (!body.is_null()).then_some(body);
    world.server.ask(Method::POST, path, Some(who), body, &[("idempotency-key", key)]).await
}

/// An invoice over an amount, sent.
pub async fn over(world: &World, client: &Person, freelancer: &Person, amount: &str) -> String {
    let line = json!({"description": "Work", "quantity": "1", "unitPrice": euros(amount)});
    let body = json!({"clientId": client.id, "title": "Work", "currency": "EUR", "lines": [line]});
    let made = act(world, "/api/invoices", freelancer, body).await.expect(201);
    let path = format!("/api/invoices/{}", made["id"].as_str().unwrap());
    act(world, &format!("{path}/send"), freelancer, Value::Null).await.expect(200);
    path
}

pub fn id(it: &Value) -> String {
    it["id"].as_str().unwrap().to_owned()
}

pub async fn assert_sound(world: &World) {
    let (code, said) = world.command(&["check"]);
    assert_eq!((code, &said["holds"]), (0, &json!(true)), "{said:#}");
    let trial = world.server.get("/api/ledger/trial-balance", &world.admin).await.expect(200);
    assert_eq!(trial["balanced"], true, "{trial:#}");
}

/// The reader's balances in euros, by kind of account.
async fn balances(world: &World, who: &Person) -> BTreeMap<String, String> {
    let accounts = world.server.get("/api/ledger/accounts", who).await.expect(200);
    let of =
        |it: &Value| (it["account"].as_str().unwrap().to_owned(), it["balance"]["amount"].as_str().unwrap().to_owned());
    accounts["accounts"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_payment_is_announced_rejected_announced_again_and_confirmed_and_what_exceeds_becomes_credit() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let (first, second) =
            (over(world, &client, &freelancer, "100.00").await, over(world, &client, &freelancer, "8.00").await);
        let announced = act(world, &format!("{first}/pay"), &client, payment("40.00", "wire-1")).await.expect(201);
        assert_eq!((&announced["status"], &announced["channel"]), (&json!("ANNOUNCED"), &json!(null)));
        assert_eq!(announced["invoice"]["paid"]["amount"], "0.00", "what a client says changes nothing");
        let path = format!("/api/payments/{}", id(&announced));
        let own = act(world, &format!("{path}/confirm"), &client, Value::Null).await;
        assert_eq!(own.refused(403), "forbidden");
        let reason = json!({"reason": "No such transfer"});
        let rejected = act(world, &format!("{path}/reject"), &freelancer, reason).await.expect(200);
        assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("REJECTED"), &json!("No such transfer")));
        let late = act(world, &format!("{path}/confirm"), &freelancer, Value::Null).await;
        assert_eq!((late.refused(409), &late.json()["current"]), ("wrong-state".to_owned(), &json!("REJECTED")));

        let again = act(world, &format!("{first}/pay"), &client, payment("40.00", "wire-1")).await.expect(201);
        let path = format!("/api/payments/{}", id(&again));
        let confirmed = act(world, &format!("{path}/confirm"), &freelancer, Value::Null).await.expect(200);
        assert_eq!((&confirmed["status"], &confirmed["channel"]), (&json!("CONFIRMED"), &json!("DIRECT")));
        assert_eq!(confirmed["invoice"]["paymentStatus"], "PARTIAL");
        assert_eq!(confirmed["invoice"]["balanceDue"]["amount"], "60.00");

        let dry =
            keyed(world, &format!("{first}/pay?dry_run=true"), &freelancer, payment("70.00", "wire-2"), "dry").await;
        let dry = dry.expect(200);
        assert_eq!((&dry["dryRun"], &dry["excess"]["amount"]), (&json!(true), &json!("10.00")));
        assert_eq!(dry["invoice"]["status"], "RELEASED");
        let kinds: Vec<&str> = dry["postings"][1]["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["account"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["WORLD", "CREDIT_EXTERNAL"], "{dry:#}");
        let untouched = world.server.get(&first, &client).await.expect(200);
        assert_eq!(untouched["balanceDue"]["amount"], "60.00", "a dry run does nothing");

        let paid = act(world, &format!("{first}/pay"), &freelancer, payment("70.00", "wire-2")).await.expect(201);
        let invoice = &paid["invoice"];
        assert_eq!((&invoice["status"], &invoice["paymentStatus"]), (&json!("RELEASED"), &json!("PAID")));
        assert_eq!((&invoice["paid"]["amount"], &invoice["escrow"]), (&json!("100.00"), &json!("UNFUNDED")));
        let credits = world.server.get("/api/credits", &client).await.expect(200);
        assert_eq!(
            (&credits["data"][0]["balance"], &credits["data"][0]["custody"]),
            (&euros("10.00"), &json!("FREELANCER"))
        );

        let applied = act(world, &format!("{second}/apply-credit"), &client, json!({})).await.expect(201);
        assert_eq!((&applied["channel"], &applied["amount"]), (&json!("CREDIT_EXTERNAL"), &euros("8.00")));
        assert_eq!(applied["invoice"]["status"], "RELEASED");
        let refund = |amount: &str| json!({"clientId": client.id, "custody": "FREELANCER", "amount": euros(amount), "method": "BANK_TRANSFER"});
        let much = act(world, "/api/refunds", &freelancer, refund("2.01")).await;
        assert_eq!(much.refused(409), "wrong-state");
        let rest = act(world, "/api/refunds", &freelancer, refund("2.00")).await.expect(201);
        assert_eq!(rest["status"], "DONE");
        assert_eq!(world.server.get("/api/credits", &freelancer).await.expect(200)["data"], json!([]));
        let books = balances(world, &freelancer).await;
        assert_eq!((&*books["BILLED"], &*books["RECEIVABLE"], &*books["SETTLED"]), ("-108.00", "0.00", "108.00"));
        assert_eq!((&*books["EXTERNAL"], &*books["CREDIT_EXTERNAL"]), ("108.00", "0.00"));
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn a_refused_action_names_the_way_that_is_open_and_a_credit_note_lowers_the_balance() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let path = over(world, &client, &freelancer, "100.00").await;
        let edit = server.send(Method::PATCH, &path, Some(&freelancer), Some(json!({"title": "x"}))).await;
        assert_eq!(edit.refused(409), "wrong-state");
        act(world, &format!("{path}/pay"), &world.admin, payment("30.00", "held")).await.expect(201);
        let void = server.act(&format!("{path}/void"), &freelancer).await;
        assert_eq!(void.refused(409), "wrong-state");
        assert_eq!(
            void.json()["allowed"],
            json!(["pay", "credit-notes", "refund", "reverse", "submit-work", "release", "dispute", "duplicate"])
        );
        let note = json!({"amount": euros("20.00"), "reason": "One hour less"});
        let note = act(world, &format!("{path}/credit-notes"), &freelancer, note).await.expect(201);
        assert!(
            note["number"].as_str().unwrap().starts_with("CN-") && note["refunded"]["amount"] == "0.00",
            "{note:#}"
        );
        assert_eq!(note["invoice"]["balanceDue"]["amount"], "50.00");
        let much =
            act(world, &format!("{path}/credit-notes"), &freelancer, json!({"amount": euros("80.01"), "reason": "x"}))
                .await;
        assert_eq!(much.fields(), ["/amount/amount"]);
        assert_eq!(
            act(world, &format!("{path}/credit-notes"), &client, json!({"reason": "x"})).await.refused(403),
            "forbidden"
        );
        let all =
            act(world, &format!("{path}/credit-notes"), &freelancer, json!({"reason": "All of it"})).await.expect(201);
        assert_eq!((&all["amount"], &all["refunded"]), (&euros("80.00"), &euros("30.00")));
        assert_eq!((&all["invoice"]["status"], &all["invoice"]["escrow"]), (&json!("REFUNDED"), &json!("REFUNDED")));
        let list = server
            .get(&format!("/api/credit-notes?invoiceId={}", all["invoice"]["id"].as_str().unwrap()), &client)
            .await;
        assert_eq!(list.expect(200)["data"].as_array().unwrap().len(), 2);

        let unpaid = over(world, &client, &freelancer, "5.00").await;
        server.act(&format!("{unpaid}/void"), &freelancer).await.expect(200);
        let credited = over(world, &client, &freelancer, "5.00").await;
        let gone =
            act(world, &format!("{credited}/credit-notes"), &freelancer, json!({"reason": "Twice"})).await.expect(201);
        assert_eq!(gone["invoice"]["status"], "VOID", "nothing was paid, and nothing is claimed");
        assert_sound(world).await;
    });
}

#[test]
fn what_the_platform_holds_is_refunded_when_an_operator_has_sent_it_and_reversed_while_it_is_there() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = over(world, &client, &freelancer, "100.00").await;
        let paid = act(world, &format!("{path}/pay"), &world.admin, payment("100.00", "held")).await.expect(201);
        assert_eq!((&paid["invoice"]["status"], &paid["invoice"]["held"]), (&json!("PAID"), &euros("100.00")));
        let reverse = format!("/api/payments/{}/reverse", id(&paid));
        let why = json!({"reason": "Booked on the wrong invoice"});
        assert_eq!(act(world, &reverse, &freelancer, why.clone()).await.refused(403), "forbidden");
        let reversed = act(world, &reverse, &world.admin, why.clone()).await.expect(200);
        assert_eq!((&reversed["status"], &reversed["invoice"]["status"]), (&json!("REVERSED"), &json!("SENT")));
        assert_eq!(act(world, &reverse, &world.admin, why.clone()).await.refused(409), "wrong-state");
        // The same money, recorded rightly: its reference may be used again.
        let paid = act(world, &format!("{path}/pay"), &world.admin, payment("100.00", "held")).await.expect(201);

        let back = json!({"amount": euros("30.00"), "method": "BANK_TRANSFER", "reason": "A third was not done"});
        let refunded = act(world, &format!("{path}/refund"), &freelancer, back).await.expect(201);
        assert_eq!(refunded["refunds"][0]["status"], "REQUESTED", "an operator has the money");
        assert_eq!(refunded["creditNote"]["invoice"]["held"], euros("70.00"));
        assert_sound(world).await;
        let refund = format!("/api/refunds/{}", id(&refunded["refunds"][0]));
        let done =
            act(world, &format!("{refund}/confirm"), &world.admin, json!({"externalRef": "out-1"})).await.expect(200);
        assert_eq!((&done["status"], &done["externalRef"]), (&json!("DONE"), &json!("out-1")));
        let twice = act(world, &format!("{refund}/reject"), &world.admin, json!({"reason": "No"})).await;
        assert_eq!(twice.refused(409), "wrong-state");
        // Its money is not there any more.
        let late = act(world, &format!("/api/payments/{}/reverse", id(&paid)), &world.admin, why).await;
        assert_eq!(
            (late.refused(409), &late.json()["allowed"]),
            (
                "wrong-state".to_owned(),
                &json!(["credit-notes", "refund", "submit-work", "release", "dispute", "duplicate"])
            )
        );

        let rest = json!({"method": "BANK_TRANSFER", "reason": "Cancelled"});
        let rest = act(world, &format!("{path}/refund"), &freelancer, rest).await.expect(201);
        let refund = format!("/api/refunds/{}", id(&rest["refunds"][0]));
        assert_eq!(rest["creditNote"]["invoice"]["status"], "REFUNDED");
        act(world, &format!("{refund}/reject"), &world.admin, json!({"reason": "Account closed"})).await.expect(200);
        let credits = world.server.get("/api/credits", &client).await.expect(200);
        assert_eq!(credits["data"][0]["balance"], euros("70.00"), "a refund that failed is credit again");
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn one_transfer_settles_three_invoices_and_fifty_at_once_pay_exactly_what_is_due() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let mut parts = Vec::new();
        for amount in ["10.00", "20.00", "30.00"] {
            let path = over(world, &client, &freelancer, amount).await;
            parts.push(json!({"invoiceId": path.rsplit('/').next(), "amount": euros(amount)}));
        }
        let body = json!({"amount": euros("65.00"), "method": "BANK_TRANSFER", "externalRef": "one-wire", "allocations": parts});
        let announced = act(world, "/api/payments", &client, body.clone()).await.expect(201);
        let twice = act(world, "/api/payments", &client, body).await;
        assert_eq!(twice.refused(409), "wrong-state", "one external event makes one payment");
        let confirm = format!("/api/payments/{}/confirm", id(&announced));
        let confirmations = (0..64).map(|place| {
            let (confirm, freelancer) = (&confirm, &freelancer);
            async move { keyed(world, confirm, freelancer, Value::Null, &format!("confirm-{place}")).await }
        });
        let answers = futures::future::join_all(confirmations).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(done.len(), 1, "exactly one of 64 confirmations succeeds");
        assert!(answers.iter().all(|answer| [200, 409, 503].contains(&answer.status.as_u16())));
        assert_eq!(
            (&done[0].json()["excess"], done[0].json()["allocations"].as_array().unwrap().len()),
            (&euros("5.00"), 3)
        );
        for part in &parts {
            let path = format!("/api/invoices/{}", part["invoiceId"].as_str().unwrap());
            assert_eq!(world.server.get(&path, &client).await.expect(200)["status"], "RELEASED");
        }

        let path = over(world, &client, &freelancer, "40.00").await;
        let pay = format!("{path}/pay");
        let payments = (0..50).map(|place| {
            let (pay, freelancer) = (&pay, &freelancer);
            async move {
                let body = payment("1.00", &format!("coin-{place}"));
                loop {
                    let answer = keyed(world, pay, freelancer, body.clone(), &format!("coin-{place}")).await;
                    if answer.status != 503 {
                        return answer.status.as_u16();
                    }
                }
            }
        });
        let answers = futures::future::join_all(payments).await;
        let paid = answers.iter().filter(|status| **status == 201).count();
        assert_eq!((paid, answers.iter().filter(|status| **status == 409).count()), (40, 10));
        let invoice = world.server.get(&path, &client).await.expect(200);
        assert_eq!((&invoice["paid"], &invoice["status"]), (&euros("40.00"), &json!("RELEASED")));
        assert_sound(world).await;
    });
}

#[test]
fn credit_is_spent_once_however_many_ask_and_reversals_and_notes_race_without_loss() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let advance = json!({"clientId": client.id, "amount": euros("10.00"), "method": "CARD", "externalRef": "advance", "allocations": []});
        let advance = act(world, "/api/payments", &freelancer, advance).await.expect(201);
        assert_eq!(advance["excess"], euros("10.00"));
        let paths = [over(world, &client, &freelancer, "6.00").await, over(world, &client, &freelancer, "6.00").await];
        let refund = json!({"clientId": client.id, "custody": "FREELANCER", "amount": euros("6.00"), "method": "CARD"});
        let reverse = format!("/api/payments/{}/reverse", id(&advance));
        let work = (0..32).map(|place| {
            let (paths, refund, reverse, client, freelancer) = (&paths, refund.clone(), &reverse, &client, &freelancer);
            async move {
                let key = format!("race-{place}");
                let apply = json!({"amount": euros("6.00")});
                loop {
                    let answer = match place % 4 {
                        0 => keyed(world, &format!("{}/apply-credit", paths[0]), client, apply.clone(), &key).await,
                        1 => keyed(world, &format!("{}/apply-credit", paths[1]), client, apply.clone(), &key).await,
                        2 => keyed(world, "/api/refunds", freelancer, refund.clone(), &key).await,
                        _ => keyed(world, reverse, freelancer, json!({"reason": "race"}), &key).await,
                    };
                    if answer.status != 503 {
                        return answer.status.as_u16();
                    }
                }
            }
        });
        let answers = futures::future::join_all(work).await;
        let done = answers.iter().filter(|status| [200, 201].contains(*status)).count();
        assert_eq!(done, 1, "10 euros are spent in one of four ways: {answers:?}");
        assert!(answers.iter().all(|status| [200, 201, 409].contains(status)), "{answers:?}");
        assert_sound(world).await;
    });
}

#[test]
fn a_statement_has_the_balance_after_each_posting_and_balances_are_as_of_any_moment() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let path = over(world, &client, &freelancer, "100.00").await;
        let before =
            server.get("/api/ledger/accounts", &freelancer).await.expect(200)["asOf"].as_str().unwrap().to_owned();
        for (place, amount) in ["10.00", "20.00", "70.00"].into_iter().enumerate() {
            act(world, &format!("{path}/pay"), &freelancer, payment(amount, &format!("part-{place}")))
                .await
                .expect(201);
        }
        let query = "/api/ledger/statement?account=RECEIVABLE&currency=EUR&limit=3";
        let page = server.get(query, &freelancer).await.expect(200);
        let of = |page: &Value| -> Vec<(String, String)> {
            let text = |it: &Value| it["amount"].as_str().unwrap().to_owned();
            page["data"].as_array().unwrap().iter().map(|it| (text(&it["amount"]), text(&it["balance"]))).collect()
        };
        let pair = |amount: &str, balance: &str| (amount.to_owned(), balance.to_owned());
        assert_eq!(of(&page), [pair("100.00", "100.00"), pair("-10.00", "90.00"), pair("-20.00", "70.00")]);
        let next = format!("{query}&cursor={}", page["nextCursor"].as_str().unwrap());
        let rest = server.get(&next, &freelancer).await.expect(200);
        assert_eq!((of(&rest), &rest["hasMore"]), (vec![pair("-70.00", "0.00")], &json!(false)));
        let seen_by_client = server.get(query, &client).await.expect(200);
        assert_eq!(of(&seen_by_client), of(&page), "what is owed is one account of both");
        let then = server.get(&format!("/api/ledger/accounts?asOf={before}"), &freelancer).await.expect(200);
        let receivable =
            then["accounts"].as_array().unwrap().iter().find(|it| it["account"] == "RECEIVABLE").unwrap().clone();
        assert_eq!(receivable["balance"], euros("100.00"));
        let stranger = server.register("Mallory", "FREELANCER").await;
        assert_eq!(server.get(query, &stranger).await.expect(200)["data"], json!([]));
        let spied = format!("/api/ledger/accounts?userId={}", freelancer.id);
        assert_eq!(server.get(&spied, &stranger).await.refused(404), "not-found");
        assert_eq!(server.get("/api/payments", &stranger).await.expect(200)["data"], json!([]));
        let listed = server.get("/api/payments?status=CONFIRMED&limit=2", &client).await.expect(200);
        assert_eq!((listed["data"].as_array().unwrap().len(), &listed["hasMore"]), (2, &json!(true)));
    });
}

#[test]
fn references_are_the_receivers_and_tell_others_nothing() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let other = world.server.register("Otto", "CLIENT").await;
        let mine = sent(world, &client, &freelancer).await;
        let theirs = sent(world, &other, &freelancer).await;
        let path = |id: &str| format!("/api/invoices/{id}/pay");
        act(world, &path(&mine), &client, payment("10.00", "wire-7")).await.expect(201);
        // Another client's equal reference is announced as any other: it says nothing of the first.
        let second = act(world, &path(&theirs), &other, payment("10.00", "wire-7")).await.expect(201);
        let confirm = format!("/api/payments/{}/confirm", id(&second));
        act(world, &confirm, &freelancer, Value::Null).await.expect(200);
        let first = world.server.get("/api/payments", &client).await.expect(200)["data"][0].clone();
        let confirm = format!("/api/payments/{}/confirm", id(&first));
        let known = act(world, &confirm, &freelancer, Value::Null).await;
        assert_eq!(known.refused(409), "wrong-state", "the receiver has had one transfer of this name");
        assert_sound(world).await;
    });
}

#[test]
fn a_thousand_writes_while_the_mirror_is_away_and_a_kill_are_all_in_it_afterwards() {
    run(async {
        let Some((fresh, proxy)) = behind_a_proxy().await else { return };
        let mut world = World::start(fresh).await;
        let (client, freelancer) = world.client_and_freelancer().await;
        world.server.drained().await;
        proxy.set(Fault::Refuse);
        // Made, sent, announced, confirmed: four writes each.
        for _ in 0..25 {
            let write = async || {
                let path = over(&world, &client, &freelancer, "10.00").await;
                let reference = payment("10.00", &path);
                let announced = act(&world, &format!("{path}/pay"), &client, reference).await.expect(201);
                let confirm = format!("/api/payments/{}/confirm", id(&announced));
                act(&world, &confirm, &freelancer, Value::Null).await.expect(200);
            };
            futures::future::join_all((0..10).map(|_| write())).await;
        }
        world.server.kill().await;
        proxy.set(Fault::None);
        world.server = Server::start(program(&world.fresh)).await;
        let trial = world.server.get("/api/ledger/accounts", &client).await.expect(200);
        let settled =
            trial["accounts"].as_array().unwrap().iter().find(|it| it["account"] == "SETTLED").unwrap().clone();
        assert_eq!(settled["balance"], euros("2500.00"), "no acknowledged write is lost");
        assert_sound(&world).await;
        world.server.drained().await;
        world.assert_equal();
        world.end().await;
    });
}
