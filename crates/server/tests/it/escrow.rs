//! Held money: released by its client or by the clock, less the fee, and paid out.

use serde_json::{Value, json};

use crate::{
    money::{act, assert_sound, euros, id, keyed, over},
    world::{Answer, Person, World, on_every_pair, on_every_pair_in_test_mode, payment},
};

/// An invoice over an amount, of which all is held.
pub async fn held(world: &World, client: &Person, freelancer: &Person, amount: &str) -> String {
    let path = over(world, client, freelancer, amount).await;
    act(world, &format!("{path}/pay"), &world.admin, payment(amount, &format!("wire-{path}"))).await.expect(201);
    path
}

/// Until the invoice is in this state.
async fn comes_to(world: &World, path: &str, who: &Person, status: &str) -> Value {
    loop {
        let invoice = world.server.get(path, who).await.expect(200);
        if invoice["status"] == status {
            return invoice;
        }
        tokio::task::yield_now().await;
    }
}

async fn available(world: &World, who: &Person) -> Value {
    let accounts = world.server.get("/api/ledger/accounts", who).await.expect(200);
    let all = accounts["accounts"].as_array().unwrap();
    all.iter().find(|it| it["account"] == "AVAILABLE").map_or(Value::Null, |it| it["balance"].clone())
}

#[test]
fn submitted_work_is_released_once_when_its_fourteen_days_are_over() {
    on_every_pair_in_test_mode(&[("PLATFORM_FEE_BP", "1000")], async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let [waits, answered] =
            [held(world, &client, &freelancer, "100.00").await, held(world, &client, &freelancer, "100.00").await];
        for path in [&waits, &answered] {
            let note = json!({"note": "All of it is done"});
            let submitted = act(world, &format!("{path}/submit-work"), &freelancer, note).await.expect(200);
            assert_eq!(
                (&submitted["escrow"], &submitted["workNote"]),
                (&json!("IN_REVIEW"), &json!("All of it is done"))
            );
            assert!(submitted["releaseAt"].is_string() && submitted["feeRate"] == "10.00", "{submitted}");
        }
        let back = act(world, &format!("{answered}/return-work"), &client, json!({"reason": "Half is missing"})).await;
        let back = back.expect(200);
        assert_eq!((&back["escrow"], &back["releaseAt"]), (&json!("HELD"), &json!(null)));
        assert_eq!((&back["workReturnReason"], &back["workSubmittedAt"]), (&json!("Half is missing"), &json!(null)));

        world.advance("P13DT23H").await;
        assert_eq!(world.server.get(&waits, &client).await.expect(200)["escrow"], "IN_REVIEW", "an hour is left");
        world.advance("PT2H").await;
        let released = comes_to(world, &waits, &client, "RELEASED").await;
        assert_eq!((&released["released"], &released["fee"]), (&euros("90.00"), &euros("10.00")));
        assert_eq!(world.server.get(&answered, &client).await.expect(200)["escrow"], "HELD", "it was sent back");
        assert_eq!(available(world, &freelancer).await, euros("90.00"));

        act(world, &format!("{answered}/submit-work"), &freelancer, json!({})).await.expect(200);
        let approved = act(world, &format!("{answered}/approve"), &client, Value::Null).await.expect(200);
        assert_eq!((&approved["status"], &approved["postings"][0]["kind"]), (&json!("RELEASED"), &json!("RELEASE")));
        world.advance("P15D").await;
        let jobs = async || world.server.get("/api/jobs?kind=escrow-release", &world.admin).await.expect(200);
        while jobs().await["data"].as_array().unwrap().iter().any(|job| job["state"] != "DONE") {
            tokio::task::yield_now().await;
        }
        assert_eq!(available(world, &freelancer).await, euros("180.00"), "approved work is not released again");
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn a_part_is_released_a_part_refunded_and_the_rest_released_with_one_fee_over_all() {
    on_every_pair_in_test_mode(&[("PLATFORM_FEE_BP", "250")], async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = held(world, &client, &freelancer, "99.99").await;
        let release = format!("{path}/release");
        let part = json!({"amount": euros("30.01")});
        let shown = world.server.post(&format!("{release}?dry_run=true"), &client, part.clone()).await.expect(200);
        assert_eq!(
            (&shown["fee"], &shown["released"], &shown["dryRun"]),
            (&euros("0.75"), &euros("29.26"), &json!(true))
        );
        assert_eq!(world.server.get(&path, &client).await.expect(200)["held"], euros("99.99"), "nothing has moved");
        let without_key = world.server.post(&release, &client, part.clone()).await;
        assert_eq!(without_key.refused(400), "idempotency-key-required");
        let done = act(world, &release, &client, part).await.expect(200);
        assert_eq!((&done["fee"], &done["escrow"]), (&euros("0.75"), &json!("PARTIALLY_RELEASED")));
        let more = act(world, &release, &client, json!({"amount": euros("69.99")})).await;
        assert_eq!(more.fields(), ["/amount/amount"], "69.98 are held");
        let dollars = json!({"amount": {"amount": "1.00", "currency": "USD"}});
        assert_eq!(
            act(world, &release, &client, dollars).await.expect(422)["errors"][0]["pointer"],
            "/amount/currency"
        );
        for (who, status) in [(&freelancer, 403), (&world.admin, 403)] {
            assert_eq!(act(world, &release, who, json!({})).await.status, status, "its client releases");
        }

        let back = json!({"amount": euros("20.00"), "method": "BANK_TRANSFER", "reason": "A day less"});
        let refunded = act(world, &format!("{path}/refund"), &freelancer, back).await.expect(201);
        let refund = format!("/api/refunds/{}/confirm", refunded["refunds"][0]["id"].as_str().unwrap());
        act(world, &refund, &world.admin, json!({"externalRef": "wire-back"})).await.expect(200);
        let rest = act(world, &release, &client, json!({})).await.expect(200);
        // 79.99 were released in all: 2.5 % of it is 1.99975, which parts come to as the whole would.
        assert_eq!(
            (&rest["fee"], &rest["released"], &rest["refunded"]),
            (&euros("2.00"), &euros("77.99"), &euros("20.00"))
        );
        assert_eq!(
            (&rest["status"], &rest["held"], &rest["escrow"]),
            (&json!("RELEASED"), &euros("0.00"), &json!("RELEASED"))
        );
        let again = act(world, &release, &client, json!({})).await.expect(409);
        assert!(!again["allowed"].as_array().unwrap().contains(&json!("release")), "{again}");

        let statement = world.server.get("/api/ledger/statement?account=AVAILABLE&currency=EUR", &freelancer).await;
        let entries = statement.expect(200)["data"].as_array().unwrap().clone();
        let amounts: Vec<&Value> = entries.iter().map(|entry| &entry["amount"]["amount"]).collect();
        assert_eq!((amounts, &entries[1]["balance"]), (vec![&json!("29.26"), &json!("48.73")], &euros("77.99")));
        payouts(world, &freelancer).await;
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

/// 77.99 are at the freelancer's disposal.
async fn payouts(world: &World, freelancer: &Person) {
    let ask = |amount: &str| json!({"amount": euros(amount), "method": "BANK_TRANSFER", "destination": "DE89 3704 0044 0532 0130 00"});
    let too_much = act(world, "/api/payouts", freelancer, ask("78.00")).await.expect(409);
    assert!(too_much["detail"].as_str().unwrap().contains("77.99"), "{too_much}");
    let [paid, refused, cancelled] = [
        act(world, "/api/payouts", freelancer, ask("50.00")).await.expect(201),
        act(world, "/api/payouts", freelancer, ask("20.00")).await.expect(201),
        act(world, "/api/payouts", freelancer, ask("7.99")).await.expect(201),
    ];
    assert_eq!(available(world, freelancer).await, euros("0.00"), "all of it is set aside");
    let path = |payout: &Value, what: &str| format!("/api/payouts/{}{what}", id(payout));
    let stranger = world.server.register("Mallory", "FREELANCER").await;
    assert_eq!(world.server.get(&path(&paid, ""), &stranger).await.refused(404), "not-found");
    let done = json!({"externalRef": "sepa-1"});
    assert_eq!(act(world, &path(&paid, "/confirm"), freelancer, done.clone()).await.refused(403), "forbidden");
    let sent = act(world, &path(&paid, "/confirm"), &world.admin, done.clone()).await.expect(200);
    assert_eq!((&sent["status"], &sent["externalRef"]), (&json!("PAID"), &json!("sepa-1")));
    let taken = act(world, &path(&refused, "/confirm"), &world.admin, done).await.expect(409);
    assert!(taken["detail"].as_str().unwrap().contains("sepa-1"), "{taken}");
    let no = json!({"reason": "No such account"});
    assert_eq!(
        act(world, &path(&refused, "/reject"), &world.admin, no.clone()).await.expect(200)["status"],
        "REJECTED"
    );
    let own = act(world, &path(&cancelled, "/cancel"), freelancer, Value::Null).await.expect(200);
    assert_eq!(own["status"], "CANCELLED");
    assert_eq!(act(world, &path(&cancelled, "/reject"), &world.admin, no).await.refused(409), "wrong-state");
    assert_eq!(available(world, freelancer).await, euros("27.99"));
    let list = world.server.get("/api/payouts?status=PAID", freelancer).await.expect(200);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][0]["id"]), (1, &paid["id"]));
}

/// How many of the answers have this status.
fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Until it is answered: a busy database asks to come again.
async fn until_answered(world: &World, path: &str, who: &Person, body: Value, key: &str) -> Answer {
    loop {
        let answer = keyed(world, path, who, body.clone(), key).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

#[test]
fn of_sixty_four_releases_refunds_and_payouts_at_once_exactly_what_is_there_goes() {
    on_every_pair(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let at_once = async |path: &str, who: &Person, body: Value, name: &str| {
            let asks = (0..64).map(|place| {
                let (body, key) = (body.clone(), format!("{name}-{place}"));
                async move { until_answered(world, path, who, body, &key).await }
            });
            futures::future::join_all(asks).await
        };
        let whole = held(world, &client, &freelancer, "40.00").await;
        let answers = at_once(&format!("{whole}/release"), &client, json!({}), "whole").await;
        assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 63), "one release of all");
        let parts = held(world, &client, &freelancer, "40.00").await;
        let one = json!({"amount": euros("1.00")});
        let answers = at_once(&format!("{parts}/release"), &client, one, "part").await;
        let gone = count(&answers, 409) + count(&answers, 422);
        assert_eq!((count(&answers, 200), gone), (40, 24), "as many as are held");
        let same = held(world, &client, &freelancer, "40.00").await;
        let asks = (0..50).map(|_| {
            let path = format!("{same}/release");
            let client = &client;
            async move { until_answered(world, &path, client, json!({"amount": euros("1.00")}), "one-key").await }
        });
        futures::future::join_all(asks).await;
        assert_eq!(world.server.get(&same, &client).await.expect(200)["held"], euros("39.00"), "one key, one effect");

        let raced = held(world, &client, &freelancer, "10.00").await;
        let asks = (0..64).map(|place| {
            let (raced, client, freelancer) = (&raced, &client, &freelancer);
            async move {
                let key = format!("race-{place}");
                let back = json!({"method": "CARD", "reason": "race"});
                let no = json!({"reason": "race"});
                match place % 4 {
                    0 => until_answered(world, &format!("{raced}/release"), client, json!({}), &key).await,
                    1 => until_answered(world, &format!("{raced}/refund"), freelancer, back, &key).await,
                    2 => until_answered(world, &format!("{raced}/submit-work"), freelancer, json!({}), &key).await,
                    _ => until_answered(world, &format!("{raced}/credit-notes"), freelancer, no, &key).await,
                }
            }
        });
        let answers = futures::future::join_all(asks).await;
        assert!(answers.iter().all(|answer| [200, 201, 409, 422].contains(&answer.status.as_u16())), "{answers:?}");
        let invoice = world.server.get(&raced, &client).await.expect(200);
        let moved: usize = ["released", "refunded"].iter().map(|it| cents(&invoice[it])).sum();
        // What was released can be credited beside: the freelancer gives it back from elsewhere.
        assert!(moved == 1000 || (moved == 2000 && cents(&invoice["released"]) == 1000), "{invoice}");
        assert_eq!(invoice["held"], euros("0.00"));

        let there = cents(&available(world, &freelancer).await);
        let payout = json!({"amount": euros("2.00"), "method": "BANK_TRANSFER", "destination": "DE89"});
        let answers = at_once("/api/payouts", &freelancer, payout, "payout").await;
        let fit = (there / 200).min(64);
        assert_eq!((count(&answers, 201), count(&answers, 409)), (fit, 64 - fit), "of {there}");
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

/// Minor units.
fn cents(money: &Value) -> usize {
    money["amount"].as_str().unwrap().replace('.', "").parse().unwrap()
}
