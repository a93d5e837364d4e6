//! Paid invoices become tokens of the local notary: one each, whatever is killed, and what is changed afterwards is named.

use std::{fs::File, path::PathBuf, process::Command, sync::Arc, time::Duration};

use chainbill_chain::{Chain as _, LocalNotary};
use chainbill_domain::{SystemClock, SystemRandom, id::InvoiceId};
use chainbill_records::repo::mints;
use chainbill_testkit::{Fresh, pairs};
use serde_json::{Value, json};

use crate::{
    escrow::held,
    money::{act, assert_sound, over},
    odd_rows,
    world::{Person, Server, World, on_every_pair, payment, program, run},
};

/// The program with the local notary.
fn notarising(fresh: &Fresh) -> Command {
    let mut command = program(fresh);
    command.env("APTOS_NETWORK", "local");
    command
}

/// Runs a story on every pair of databases, with the local notary.
fn on_every_pair_with_a_notary(story: impl AsyncFn(&mut World)) {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            let command = notarising(&fresh);
            let mut world = World::of(fresh, command).await;
            story(&mut world).await;
            world.end().await;
        }
    });
}

/// Until the invoice's notarisation stands here.
async fn anchored(world: &World, path: &str, status: &str) -> Value {
    let mut look = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..3000 {
        let invoice = world.server.get(path, &world.admin).await.expect(200);
        if invoice["anchorStatus"] == status {
            return invoice;
        }
        look.tick().await;
    }
    panic!("{path} does not come to {status}");
}

async fn verified(world: &World, path: &str, who: &Person) -> Value {
    world.server.get(&format!("{path}/verify"), who).await.expect(200)
}

fn notary_says(world: &World) -> (i32, Value) {
    world.command(&["notary", "verify"])
}

fn folder(world: &World) -> PathBuf {
    world.fresh.folder.join("notary")
}

/// The record of an invoice's notarisation, as operators see it.
async fn mint_of(world: &World, path: &str) -> Value {
    let id = path.rsplit('/').next().unwrap();
    let page = world.server.get("/api/mints?limit=100", &world.admin).await.expect(200);
    page["data"].as_array().unwrap().iter().find(|mint| mint["invoiceId"] == id).cloned().unwrap_or(Value::Null)
}

#[test]
fn a_paid_invoice_becomes_one_token_that_its_parties_can_verify() {
    on_every_pair_with_a_notary(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let unpaid = over(world, &client, &freelancer, "10.00").await;
        let paid = held(world, &client, &freelancer, "100.00").await;
        let direct = over(world, &client, &freelancer, "20.00").await;
        act(world, &format!("{direct}/pay"), &freelancer, payment("20.00", "cash")).await.expect(201);
        let mut tokens = Vec::new();
        for path in [&paid, &direct] {
            let invoice = anchored(world, path, "CONFIRMED").await;
            let (token, transaction) = (invoice["tokenId"].as_str().unwrap(), invoice["txHash"].as_str().unwrap());
            assert!(token.parse::<i64>().unwrap() > 0, "{token}");
            assert!(transaction.starts_with("local:"), "no chain is claimed: {transaction}");
            tokens.push(token.to_owned());
            for who in [&client, &freelancer, &world.admin] {
                let found = verified(world, path, who).await;
                assert_eq!((&found["result"], &found["fields"]), (&json!("match"), &json!([])), "{found:#}");
                assert_eq!((&found["network"], &found["notarised"]["txHash"]), (&json!("local"), &json!(transaction)));
                assert_eq!(found["notarised"]["canonicalHash"], invoice["canonicalHash"]);
            }
            let mint = mint_of(world, path).await;
            assert_eq!(
                (&mint["status"], &mint["network"], &mint["builds"]),
                (&json!("CONFIRMED"), &json!("local"), &json!(1))
            );
        }
        assert_ne!(tokens[0], tokens[1]);
        let found = verified(world, &unpaid, &client).await;
        assert_eq!((&found["result"], &found["anchorStatus"]), (&json!("not_anchored"), &json!("NONE")));
        let stranger = world.server.register("Mallory", "CLIENT").await;
        assert_eq!(world.server.get(&format!("{paid}/verify"), &stranger).await.refused(404), "not-found");
        assert_eq!(world.server.get("/api/mints", &client).await.refused(403), "forbidden");
        assert_eq!(world.server.get("/api/mints?status=LOST", &world.admin).await.fields(), ["/status"]);

        let mint = mint_of(world, &paid).await;
        let again = world.server.act(&format!("/api/mints/{}/retry", mint["id"].as_str().unwrap()), &world.admin).await;
        assert_eq!((again.refused(409), &again.json()["current"]), ("wrong-state".to_owned(), &json!("CONFIRMED")));
        let payments = world.server.get("/api/payments", &world.admin).await.expect(200);
        let wire = payments["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["channel"] == "ESCROW" || it["externalRef"] != "cash");
        let reverse = format!("/api/payments/{}/reverse", wire.unwrap()["id"].as_str().unwrap());
        let refused = act(world, &reverse, &world.admin, json!({"reason": "Bounced"})).await;
        assert_eq!(refused.refused(409), "wrong-state", "a token witnesses it");

        let (code, said) = notary_says(world);
        assert_eq!(
            (code, &said["holds"], &said["entries"], &said["network"]),
            (0, &json!(true), &json!(2), &json!("local"))
        );
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn what_is_changed_by_sql_is_named_by_field() {
    on_every_pair_with_a_notary(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = held(world, &client, &freelancer, "100.00").await;
        let invoice = anchored(world, &path, "CONFIRMED").await;
        let id = invoice["id"].as_str().unwrap();
        let line = format!("UPDATE invoice_lines SET description = '{{}}' WHERE invoice_id = '{id}'");
        let row = |set: &str| format!("UPDATE invoices SET {set} WHERE id = '{id}'");
        let undo = |column: &str, field: &str| row(&format!("{column} = '{}'", invoice[field].as_str().unwrap()));
        for (change, fields, back) in [
            (line.replace("{}", "Gift"), json!(["/content/lines/0/description"]), line.replace("{}", "Work")),
            (
                row("subtotal_minor = 20000, total_minor = 20000"),
                json!(["/content/subtotalMinor", "/content/totalMinor"]),
                row("subtotal_minor = 10000, total_minor = 10000"),
            ),
            (row("title = 'Gift'"), json!(["/content/title"]), undo("title", "title")),
            (row("number = 'X-1'"), json!(["/content/number"]), undo("number", "number")),
            (row("canonical_hash = 'feed'"), json!(["/canonicalHash"]), undo("canonical_hash", "canonicalHash")),
            (row("token_id = '7'"), json!(["/tokenId"]), undo("token_id", "tokenId")),
            (row("tx_hash = '0xfeed'"), json!(["/txHash"]), undo("tx_hash", "txHash")),
            (row("anchor_status = 'NONE'"), json!(["/anchorStatus"]), undo("anchor_status", "anchorStatus")),
        ] {
            odd_rows::write(world, &[&change]).await;
            let found = verified(world, &path, &client).await;
            assert_eq!((&found["result"], &found["fields"]), (&json!("mismatch"), &fields), "{change}");
            odd_rows::write(world, &[&back]).await;
            assert_eq!(verified(world, &path, &client).await["result"], "match", "{back}");
        }
        // A change of the kept form too hides which field it is, and not that one was changed.
        let form = format!("UPDATE mints SET canonical_form = '{{}}' WHERE invoice_id = '{id}'");
        odd_rows::write(world, &[&row("title = 'Gift'"), &form]).await;
        assert_eq!(verified(world, &path, &client).await["fields"], json!(["/content"]));
        // Nor does it help to have the record of the notarisation forgotten.
        odd_rows::write(world, &[&format!("DELETE FROM mints WHERE invoice_id = '{id}'")]).await;
        let found = verified(world, &path, &client).await;
        assert_eq!(found["fields"], json!(["/anchorStatus", "/tokenId", "/txHash"]), "{found:#}");
        assert_eq!(world.command(&["check"]).0, 1, "the check finds it too");
    });
}

#[test]
fn a_changed_log_fails_closed_and_the_command_names_the_entry() {
    on_every_pair_with_a_notary(async |world| {
        let world: &World = world;
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = held(world, &client, &freelancer, "100.00").await;
        anchored(world, &path, "CONFIRMED").await;
        let log = folder(world).join("log.jsonl");
        let kept = std::fs::read(&log).unwrap();
        let mut changed = kept.clone();
        changed[40] ^= 1;
        std::fs::write(&log, changed).unwrap();
        let answer = world.server.get(&format!("{path}/verify"), &client).await;
        assert_eq!(answer.refused(503), "chain-unreachable");
        assert_eq!(answer.json()["result"], "chain_unreachable");
        assert!(!answer.text.contains("entry"), "the cause is in the log: {}", answer.text);
        let (code, said) = notary_says(world);
        assert_eq!((code, &said["holds"], &said["firstBadEntry"]), (1, &json!(false), &json!(1)), "{said:#}");
        // Business goes on.
        let next = held(world, &client, &freelancer, "30.00").await;
        assert_eq!(world.server.get(&next, &client).await.expect(200)["status"], "PAID");
        std::fs::write(&log, kept).unwrap();
        assert_eq!(verified(world, &path, &client).await["result"], "match");
        let mint = mint_of(world, &next).await["id"].as_str().unwrap().to_owned();
        world.server.act(&format!("/api/mints/{mint}/retry"), &world.admin).await.expect(200);
        anchored(world, &next, "CONFIRMED").await;
        assert_eq!(notary_says(world).1["entries"], 2);
    });
}

/// The process is killed and another one started.
async fn again(world: &mut World) {
    world.server.kill().await;
    world.server = Server::start(notarising(&world.fresh)).await;
}

#[test]
fn killed_between_storing_and_submitting_the_next_process_submits_what_was_stored() {
    on_every_pair_with_a_notary(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let first = held(world, &client, &freelancer, "100.00").await;
        anchored(world, &first, "CONFIRMED").await;
        // The worker stores, and waits for the notary.
        let lock = File::options().write(true).open(folder(world).join("lock")).unwrap();
        lock.lock().unwrap();
        let path = held(world, &client, &freelancer, "50.00").await;
        anchored(world, &path, "SUBMITTED").await;
        let stored = mint_of(world, &path).await;
        assert_eq!(notary_says(world).1["entries"], 1, "nothing was sent");
        let payments = world.server.get("/api/payments?limit=1", &world.admin).await.expect(200);
        let reverse = format!("/api/payments/{}/reverse", payments["data"][0]["id"].as_str().unwrap());
        let refused = act(world, &reverse, &world.admin, json!({"reason": "Bounced"})).await;
        assert_eq!(refused.refused(409), "wrong-state", "it may be on the chain");
        again(world).await;
        lock.unlock().unwrap();
        hurried(world).await;
        let invoice = anchored(world, &path, "CONFIRMED").await;
        assert_eq!((&invoice["tokenId"], &invoice["txHash"]), (&stored["tokenId"], &stored["txHash"]));
        assert_eq!(notary_says(world).1["entries"], 2);
        assert_sound(world).await;
    });
}

/// A lease of a killed worker ends now, and so do pauses.
async fn hurried(world: &World) {
    odd_rows::write(world, &["UPDATE jobs SET run_at = created_at WHERE kind = 'mint'"]).await;
}

#[test]
fn killed_between_submitting_and_recording_the_next_process_records_what_is_there() {
    on_every_pair_with_a_notary(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let first = held(world, &client, &freelancer, "100.00").await;
        anchored(world, &first, "CONFIRMED").await;
        let lock = File::options().write(true).open(folder(world).join("lock")).unwrap();
        lock.lock().unwrap();
        let path = held(world, &client, &freelancer, "50.00").await;
        anchored(world, &path, "SUBMITTED").await;
        world.server.kill().await;
        lock.unlock().unwrap();
        // What the killed worker had stored reaches the notary, as if its last call had.
        let id: InvoiceId = path.rsplit('/').next().unwrap().parse().unwrap();
        let records = world.fresh.records().await;
        let mint = mints::of_invoice(&records, id).await.unwrap().unwrap();
        records.close().await;
        let notary = LocalNotary::new(&world.fresh.folder, Arc::new(SystemClock), Arc::new(SystemRandom));
        notary.submit(mint.submission.as_ref().unwrap()).await.unwrap();
        world.server = Server::start(notarising(&world.fresh)).await;
        hurried(world).await;
        let invoice = anchored(world, &path, "CONFIRMED").await;
        assert_eq!(invoice["tokenId"], mint.token.unwrap().to_string());
        assert_eq!(
            (notary_says(world).1["entries"].clone(), &mint_of(world, &path).await["builds"]),
            (json!(2), &json!(1))
        );
        assert_sound(world).await;
    });
}

#[test]
fn killed_again_and_again_every_paid_invoice_has_exactly_one_token() {
    on_every_pair_with_a_notary(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let mut paths = Vec::new();
        for round in 0..4_u64 {
            for _ in 0..5 {
                paths.push(held(world, &client, &freelancer, "10.00").await);
            }
            // The worker has come further every time.
            for _ in 0..15 * round {
                world.server.get(&paths[0], &client).await.expect(200);
            }
            again(world).await;
            hurried(world).await;
        }
        let mut tokens = std::collections::BTreeSet::new();
        for path in &paths {
            tokens.insert(anchored(world, path, "CONFIRMED").await["tokenId"].as_str().unwrap().to_owned());
            assert_eq!(verified(world, path, &client).await["result"], "match");
        }
        assert_eq!((tokens.len(), notary_says(world).1["entries"].clone()), (20, json!(20)));
        assert_sound(world).await;
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn without_a_usable_folder_business_goes_on_and_what_is_queued_waits_or_is_taken_back() {
    on_every_pair(async |world| {
        // A file where the folder should be: not even a superuser can write into it.
        std::fs::write(folder(world), "no folder").unwrap();
        again(world).await;
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = held(world, &client, &freelancer, "100.00").await;
        let invoice = anchored(world, &path, "QUEUED").await;
        assert_eq!((&invoice["status"], &invoice["tokenId"]), (&json!("PAID"), &Value::Null));
        assert_eq!(verified(world, &path, &client).await["result"], "not_anchored");
        let waits = async |world: &World| {
            let jobs = world.server.get("/api/jobs?kind=mint", &world.admin).await.expect(200);
            jobs["data"].as_array().unwrap().iter().any(|job| job["error"].is_string())
        };
        while !waits(world).await {
            tokio::task::yield_now().await;
        }

        let payments = world.server.get("/api/payments?limit=1", &world.admin).await.expect(200);
        let reverse = format!("/api/payments/{}/reverse", payments["data"][0]["id"].as_str().unwrap());
        act(world, &reverse, &world.admin, json!({"reason": "Bounced"})).await.expect(200);
        let invoice = anchored(world, &path, "NONE").await;
        assert_eq!(invoice["status"], "SENT");
        let mint = mint_of(world, &path).await;
        assert_eq!(mint["status"], "CANCELLED");
        let retry = format!("/api/mints/{}/retry", mint["id"].as_str().unwrap());
        assert_eq!(world.server.act(&retry, &world.admin).await.json()["current"], "CANCELLED");
        assert_sound(world).await;

        act(world, &format!("{path}/pay"), &world.admin, payment("100.00", "second")).await.expect(201);
        anchored(world, &path, "QUEUED").await;
        std::fs::remove_file(folder(world)).unwrap();
        world.server.act(&retry, &world.admin).await.expect(200);
        anchored(world, &path, "CONFIRMED").await;
        assert_eq!(verified(world, &path, &client).await["result"], "match");
        assert_eq!(notary_says(world).1["entries"], 1);
        assert_sound(world).await;
    });
}

#[test]
fn a_notary_that_is_not_there_and_a_network_that_is_not_reached_are_refused() {
    on_every_pair(async |world| {
        assert_eq!(notary_says(world).0, 2, "there is none to verify");
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = held(world, &client, &freelancer, "100.00").await;
        let invoice = world.server.get(&path, &client).await.expect(200);
        assert_eq!(invoice["anchorStatus"], "NONE", "with `off` nothing is queued");
        assert_eq!(mint_of(world, &path).await, Value::Null);
        for network in ["devnet", "testnet", "mainnet"] {
            let mut command = program(&world.fresh);
            let output = command.env("APTOS_NETWORK", network).arg("serve").output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("APTOS_NETWORK") && said.contains("local and off are accepted"), "{said}");
        }
    });
}
