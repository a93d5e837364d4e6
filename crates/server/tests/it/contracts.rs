//! Contracts: from an offer over proposals and milestones to paid work, and what cancelling does with the money.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    money::{euros, id},
    world::{Answer, Person, World, embedded, on_every_pair, payment},
};

/// An offer of 5000 euros, and its path.
pub async fn offered(world: &World, client: &Person) -> String {
    let new = json!({"title": "Marketplace", "description": "In Rust", "budget": euros("5000.00")});
    format!("/api/projects/{}", id(&world.server.post("/api/projects", client, new).await.expect(201)))
}

/// A project in progress between them with two milestones, of 600 and 400 euros: its path, and their ids.
pub async fn contract(world: &World, client: &Person, freelancer: &Person) -> (String, Vec<String>) {
    let server = &world.server;
    let path = offered(world, client).await;
    for (title, amount) in [("Design", "600.00"), ("Build", "400.00")] {
        let new = json!({"title": title, "amount": euros(amount), "deadline": "2031-03-31"});
        server.post(&format!("{path}/milestones"), client, new).await.expect(201);
    }
    let application = server.post(&format!("{path}/applications"), freelancer, json!({"message": "Ready"})).await;
    let accept = format!("/api/proposals/{}/accept", id(&application.expect(201)));
    server.act(&accept, client).await.expect(200);
    let project = server.get(&path, freelancer).await.expect(200);
    let milestones = project["milestones"].as_array().unwrap().iter().map(id).collect();
    (path, milestones)
}

/// The body of an invoice over an amount, for a project and one of its milestones.
fn invoice(client: &Person, path: &str, milestone: Option<&str>, price: &str) -> Value {
    let line = json!({"description": "Work", "quantity": "1", "unitPrice": euros(price), "taxRate": "19"});
    let project = path.rsplit('/').next().unwrap();
    let mut body =
        json!({"clientId": client.id, "projectId": project, "title": "Work", "currency": "EUR", "lines": [line]});
    if let Some(milestone) = milestone {
        body["milestoneId"] = json!(milestone);
    }
    body
}

/// A sent invoice for a project.
async fn sent(world: &World, people: (&Person, &Person), path: &str, milestone: Option<&str>, price: &str) -> String {
    let (client, freelancer) = people;
    let body = invoice(client, path, milestone, price);
    let made = format!("/api/invoices/{}", id(&world.server.post("/api/invoices", freelancer, body).await.expect(201)));
    world.server.act(&format!("{made}/send"), freelancer).await.expect(200);
    made
}

async fn keyed(world: &World, path: &str, who: &Person, body: Value) -> Answer {
    let key: String = format!("{path}{body}").chars().filter(char::is_ascii_alphanumeric).take(200).collect();
    world.server.ask(Method::POST, path, Some(who), Some(body), &[("idempotency-key", &key)]).await
}

/// Money of an invoice that arrives in escrow.
async fn held(world: &World, invoice: &str, amount: &str) -> Value {
    keyed(world, &format!("{invoice}/pay"), &world.admin, payment(amount, invoice)).await.expect(201)
}

async fn is_whole(world: &World) {
    assert_eq!(world.command(&["check"]).0, 0);
    world.server.drained().await;
    world.assert_equal();
}

#[test]
fn a_contract_binds_by_consent_and_its_milestones_are_funded_submitted_and_accepted() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let rival = world.server.register("Rita", "FREELANCER").await;
        let server = &world.server;
        let path = offered(world, &client).await;
        let milestones = format!("{path}/milestones");
        let new = json!({"title": "Design", "amount": euros("600.00"), "deadline": "2031-03-31"});
        let planned = server.post(&milestones, &client, new).await.expect(201);
        assert_eq!(planned["milestones"][0]["status"], "PLANNED");
        let apply = async |who: &Person| {
            let body = json!({"message": "I have built three", "amount": euros("4800.00")});
            server.post(&format!("{path}/applications"), who, body).await
        };
        let application = apply(&freelancer).await.expect(201);
        let own = format!("/api/proposals/{}", id(&application));
        apply(&rival).await.expect(201);
        assert_eq!(apply(&rival).await.expect(409)["allowed"], json!(["edit", "withdraw"]));
        let listed = async |who: &Person| {
            let all = server.get(&format!("{path}/proposals"), who).await.expect(200);
            all["data"].as_array().unwrap().len()
        };
        assert_eq!((listed(&client).await, listed(&freelancer).await, listed(&rival).await), (2, 1, 1));
        assert_eq!(server.get(&own, &rival).await.refused(404), "not-found");
        assert_eq!(server.act(&format!("{own}/accept"), &freelancer).await.refused(403), "forbidden");
        assert_eq!(server.act(&format!("{own}/accept"), &client).await.expect(200)["status"], "ACCEPTED");
        let project = server.get(&path, &freelancer).await.expect(200);
        assert_eq!((&project["status"], &project["freelancerId"]), (&json!("IN_PROGRESS"), &json!(freelancer.id)));
        let closed = server.get("/api/proposals?status=CLOSED&kind=APPLICATION", &rival).await.expect(200);
        assert_eq!(closed["data"].as_array().unwrap().len(), 1);
        assert_eq!(server.get(&path, &rival).await.refused(404), "not-found");

        let milestone = id(&project["milestones"][0]);
        let at = format!("{milestones}/{milestone}");
        let body = |price: &str| invoice(&client, &path, Some(&milestone), price);
        assert_eq!(server.post("/api/invoices", &freelancer, body("599.00")).await.fields(), ["/lines"]);
        let funding = sent(world, (&client, &freelancer), &path, Some(&milestone), "600.00").await;
        let second = server.post("/api/invoices", &freelancer, body("600.00")).await;
        assert_eq!(second.refused(409), "wrong-state");
        assert_eq!(held(world, &funding, "714.00").await["invoice"]["escrow"], "HELD");
        let invoice = async || server.get(&funding, &client).await.expect(200);
        server.act(&format!("{at}/submit"), &freelancer).await.expect(200);
        assert_eq!(invoice().await["escrow"], "IN_REVIEW", "its money waits for the answer to the milestone");
        let returned = server.post(&format!("{at}/return"), &client, json!({"reason": "One page lacks"})).await;
        assert_eq!(returned.expect(200)["milestones"][0]["returnReason"], "One page lacks");
        assert_eq!(invoice().await["workReturnReason"], "One page lacks");
        assert_eq!(server.act(&format!("{path}/submit"), &freelancer).await.refused(409), "wrong-state");
        server.act(&format!("{at}/submit"), &freelancer).await.expect(200);
        assert_eq!(server.act(&format!("{at}/accept"), &freelancer).await.refused(403), "forbidden");
        let accept = format!("{at}/accept");
        assert_eq!(server.act(&accept, &client).await.refused(400), "idempotency-key-required", "money moves");
        let shown = server.act(&format!("{accept}?dry_run=true"), &client).await.expect(200);
        assert_eq!((&shown["postings"][0]["kind"], &shown["dryRun"]), (&json!("RELEASE"), &json!(true)));
        let accepted = crate::money::act(world, &accept, &client, Value::Null).await.expect(200);
        assert_eq!(accepted["milestones"][0]["status"], "ACCEPTED");
        let paid = invoice().await;
        assert_eq!((&paid["status"], &paid["released"]["amount"]), (&json!("RELEASED"), &json!("714.00")));
        let more = json!({"title": "Hand-over", "amount": euros("400.00")});
        let proposed = server.post(&milestones, &freelancer, more).await.expect(201);
        let late = id(&proposed["milestones"][1]);
        server.act(&format!("{milestones}/{late}/accept"), &client).await.expect(200);
        server.act(&format!("{milestones}/{late}/submit"), &freelancer).await.expect(200);
        let funding = sent(world, (&client, &freelancer), &path, Some(&late), "400.00").await;
        let paid = held(world, &funding, "476.00").await;
        assert_eq!(paid["invoice"]["escrow"], "IN_REVIEW", "money that comes after the work waits for its answer");
        crate::money::act(world, &format!("{milestones}/{late}/accept"), &client, Value::Null).await.expect(200);
        server.act(&format!("{path}/submit"), &freelancer).await.expect(200);
        let done = server.act(&format!("{path}/complete"), &client).await.expect(200);
        assert_eq!((&done["status"], done["completedAt"].is_string()), (&json!("COMPLETED"), true));
        is_whole(world).await;
    });
}

#[test]
fn an_invitation_binds_once_the_freelancer_accepts_and_start_names_it() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let path = offered(world, &client).await;
        let start =
            async || server.post(&format!("{path}/start"), &client, json!({"freelancerId": freelancer.id})).await;
        let refused = start().await.expect(409);
        assert_eq!(refused["allowed"], json!(["invitations"]));
        let way = format!("POST {path}/invitations");
        assert!(refused["detail"].as_str().unwrap().contains(&way), "{refused}");
        let invite = async |who: &str| {
            let body = json!({"freelancerId": who, "message": "Your work is what we need"});
            server.post(&format!("{path}/invitations"), &client, body).await
        };
        assert_eq!(invite(&client.id).await.fields(), ["/freelancerId"]);
        let invitation = format!("/api/proposals/{}", id(&invite(&freelancer.id).await.expect(201)));
        assert_eq!(start().await.refused(409), "wrong-state", "an invitation is not consent");
        // Who is invited answers the invitation instead of applying beside it.
        let apply = server.post(&format!("{path}/applications"), &freelancer, json!({"message": "Me"})).await;
        assert_eq!(apply.expect(409)["allowed"], json!(["accept", "decline"]));
        let sql = |status: &str| format!("UPDATE users SET status = '{status}' WHERE id = '{}'", freelancer.id);
        crate::odd_rows::write(world, &[&sql("SUSPENDED")]).await;
        assert_eq!(server.act(&format!("{invitation}/accept"), &freelancer).await.refused(401), "unauthenticated");
        assert_eq!(start().await.fields(), ["/freelancerId"]);
        crate::odd_rows::write(world, &[&sql("ACTIVE")]).await;
        let reason = json!({"reason": "Not this month"});
        let declined = server.post(&format!("{invitation}/decline"), &freelancer, reason).await.expect(200);
        assert_eq!((&declined["status"], &declined["declineReason"]), (&json!("DECLINED"), &json!("Not this month")));
        let again = format!("/api/proposals/{}", id(&invite(&freelancer.id).await.expect(201)));
        server.act(&format!("{again}/withdraw"), &client).await.expect(200);
        let third = format!("/api/proposals/{}", id(&invite(&freelancer.id).await.expect(201)));
        server.act(&format!("{third}/accept"), &freelancer).await.expect(200);
        assert_eq!(server.get(&path, &freelancer).await.expect(200)["status"], "IN_PROGRESS");
        let count = async |query: &str| {
            server.get(&format!("/api/proposals?{query}"), &client).await.expect(200)["data"].as_array().unwrap().len()
        };
        assert_eq!((count("kind=INVITATION").await, count("status=OPEN").await), (3, 0));
        assert_eq!(server.get("/api/proposals?kind=GIFT", &client).await.fields(), ["/kind"]);
    });
}

#[test]
fn a_milestone_of_a_running_contract_changes_by_consent_of_both() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let (path, milestones) = contract(world, &client, &freelancer).await;
        let all = format!("{path}/milestones");
        let dearer = json!({"title": "Design and logo", "amount": euros("750.00"), "replaces": milestones[0]});
        let proposed = server.post(&all, &freelancer, dearer).await.expect(201);
        let third = id(&proposed["milestones"][2]);
        assert_eq!(proposed["milestones"][2]["status"], "PROPOSED");
        let at = format!("{all}/{third}");
        assert_eq!(server.act(&format!("{at}/accept"), &freelancer).await.refused(403), "forbidden");
        let cheaper = Some(json!({"amount": euros("700.00")}));
        let foreign = server.send(Method::PATCH, &at, Some(&client), cheaper.clone()).await;
        assert_eq!(foreign.refused(403), "forbidden");
        server.send(Method::PATCH, &at, Some(&freelancer), cheaper).await.expect(200);
        let agreed = server.act(&format!("{at}/accept"), &client).await.expect(200);
        assert_eq!(
            (&agreed["milestones"][0]["id"], &agreed["milestones"][0]["status"]),
            (&json!(third), &json!("PLANNED"))
        );
        assert_eq!(agreed["milestones"].as_array().unwrap().len(), 2);
        let edit = server.send(Method::PATCH, &at, Some(&client), Some(json!({"title": "Less"}))).await;
        assert_eq!(edit.expect(409)["allowed"], json!(["submit"]), "what is agreed is replaced by consent");
        // What an invoice funds is not replaced.
        sent(world, (&client, &freelancer), &path, Some(&milestones[1]), "400.00").await;
        let other = json!({"title": "Build more", "amount": euros("500.00"), "replaces": milestones[1]});
        let fourth = id(&server.post(&all, &client, other).await.expect(201)["milestones"][2]);
        let refused = server.act(&format!("{all}/{fourth}/accept"), &freelancer).await.expect(409);
        assert_eq!(refused["allowed"], json!(["delete"]));
        let declined = server.send(Method::DELETE, &format!("{all}/{fourth}"), Some(&freelancer), None).await;
        assert_eq!(declined.expect(200)["milestones"].as_array().unwrap().len(), 2);
        let dollars = json!({"title": "x", "amount": {"amount": "1.00", "currency": "USD"}});
        assert_eq!(server.post(&all, &client, dollars).await.fields(), ["/amount/currency"]);
        let nothing = json!({"title": "x", "amount": euros("0.00")});
        assert_eq!(server.post(&all, &client, nothing).await.fields(), ["/amount/amount"]);
        is_whole(world).await;
    });
}

#[test]
fn a_project_with_held_money_is_cancelled_by_a_plan_and_nothing_is_billed_on_it_afterwards() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let (path, milestones) = contract(world, &client, &freelancer).await;
        let both = (&client, &freelancer);
        let funded = sent(world, both, &path, Some(&milestones[0]), "600.00").await;
        held(world, &funded, "714.00").await;
        let in_part = sent(world, both, &path, None, "100.00").await;
        held(world, &in_part, "50.00").await;
        let unpaid = sent(world, both, &path, Some(&milestones[1]), "400.00").await;
        let draft = server.post("/api/invoices", &freelancer, invoice(&client, &path, None, "10.00")).await.expect(201);
        let draft = format!("/api/invoices/{}", id(&draft));
        let cancel = format!("{path}/cancel");
        for who in [&client, &freelancer] {
            let refused = server.act(&cancel, who).await.expect(409);
            assert_eq!(refused["allowed"], json!(["refund", "release", "dispute"]));
            let detail = refused["detail"].as_str().unwrap();
            for invoice in [&funded, &in_part] {
                assert!(detail.contains(invoice.rsplit('/').next().unwrap()), "{detail}");
            }
        }
        let plan = json!({"heldMoney": "REFUND"});
        assert_eq!(server.post(&cancel, &freelancer, plan.clone()).await.refused(400), "idempotency-key-required");
        assert_eq!(keyed(world, &cancel, &client, plan.clone()).await.refused(403), "forbidden");
        assert_eq!(keyed(world, &cancel, &freelancer, json!({"heldMoney": "GIFT"})).await.fields(), ["/heldMoney"]);
        let shown = server.post(&format!("{cancel}?dry_run=true"), &freelancer, plan.clone()).await.expect(200);
        assert_eq!((&shown["status"], &shown["dryRun"]), (&json!("CANCELLED"), &json!(true)));
        assert_eq!(server.get(&path, &client).await.expect(200)["status"], "IN_PROGRESS");
        let done = keyed(world, &cancel, &freelancer, plan).await.expect(200);
        assert_eq!((&done["status"], done["postings"].as_array().unwrap().len()), (&json!("CANCELLED"), 5));
        let status = async |invoice: &str| server.get(invoice, &freelancer).await.expect(200)["status"].clone();
        assert_eq!((status(&funded).await, status(&in_part).await), (json!("REFUNDED"), json!("REFUNDED")));
        assert_eq!((status(&unpaid).await, status(&draft).await), (json!("VOID"), json!("DRAFT")));
        let refunds = server.get("/api/refunds", &client).await.expect(200);
        assert_eq!(refunds["data"].as_array().unwrap().len(), 2);
        let refused = server.act(&format!("{draft}/send"), &freelancer).await.expect(409);
        assert_eq!(refused["allowed"], json!(["edit", "delete"]));
        assert!(refused["detail"].as_str().unwrap().contains(path.rsplit('/').next().unwrap()));
        let body = invoice(&client, &path, None, "10.00");
        assert_eq!(server.post("/api/invoices", &freelancer, body.clone()).await.fields(), ["/projectId"]);
        let quoted = server.post("/api/quotes", &freelancer, json!({"invoice": body})).await;
        assert_eq!(quoted.fields(), ["/invoice/projectId"]);
        let schedule = json!({"period": "MONTH", "start": "2099-12-31"});
        let recurring = json!({"invoice": body, "schedule": schedule});
        assert_eq!(
            server.post("/api/recurring-invoices", &freelancer, recurring).await.fields(),
            ["/invoice/projectId"]
        );
        assert_eq!(server.act(&format!("{funded}/duplicate"), &freelancer).await.refused(409), "wrong-state");
        is_whole(world).await;
    });
}

#[test]
fn a_client_does_not_cancel_what_is_owed_for_submitted_work() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let (path, milestones) = contract(world, &client, &freelancer).await;
        let owed = sent(world, (&client, &freelancer), &path, Some(&milestones[0]), "600.00").await;
        server.act(&format!("{path}/milestones/{}/submit", milestones[0]), &freelancer).await.expect(200);
        let refused = server.act(&format!("{path}/cancel"), &client).await.expect(409);
        assert_eq!(refused["allowed"], json!(["pay", "dispute"]));
        // A part that is received directly is held by nobody: the rest is decided first.
        let direct = sent(world, (&client, &freelancer), &path, None, "100.00").await;
        keyed(world, &format!("{direct}/pay"), &freelancer, payment("20.00", &direct)).await.expect(201);
        let refused = server.act(&format!("{path}/cancel"), &freelancer).await.expect(409);
        assert_eq!(refused["allowed"], json!(["pay", "credit-notes"]));
        let note = json!({"reason": "Cancelled", "amount": euros("99.00")});
        keyed(world, &format!("{direct}/credit-notes"), &freelancer, note).await.expect(201);
        let credited = sent(world, (&client, &freelancer), &path, None, "100.00").await;
        let note = json!({"reason": "Less", "amount": euros("19.00")});
        keyed(world, &format!("{credited}/credit-notes"), &freelancer, note).await.expect(201);
        let done = server.act(&format!("{path}/cancel"), &freelancer).await.expect(200);
        assert_eq!((&done["status"], done["cancelledAt"].is_string()), (&json!("CANCELLED"), true));
        for invoice in [&owed, &credited] {
            assert_eq!(server.get(invoice, &client).await.expect(200)["status"], "VOID");
        }
        assert_eq!(server.get(&direct, &client).await.expect(200)["status"], "RELEASED");
        is_whole(world).await;
    });
}
