//! Disputes over HTTP, with a clock that is advanced: every outcome, every refused vote, and the mirror afterwards.

use chainbill_domain::id::{Id, UserId};
use chainbill_records::{Text, entities::reputations};
use chainbill_testkit::{Fresh, pairs};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    money::euros,
    world::{Answer, PASSWORD, Person, Server, command_in, invoice_body, payment, program, run},
};

/// A sent invoice of 1478 euros, all of them held.
pub async fn held(server: &Server, admin: &Person, client: &Person, freelancer: &Person) -> String {
    let made = server.post("/api/invoices", freelancer, invoice_body(client)).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    server.act(&format!("/api/invoices/{id}/send"), freelancer).await.expect(200);
    let key = [("idempotency-key", id.as_str())];
    let path = format!("/api/invoices/{id}/pay");
    server.ask(Method::POST, &path, Some(admin), Some(payment("1478.00", &id)), &key).await.expect(201);
    id
}

/// The request body of a dispute.
pub fn request(invoice: &str) -> Value {
    json!({
        "invoiceId": invoice, "reason": "Not delivered", "description": "The second part never came.",
        "toClientOnFor": euros("1000.00"), "toClientOnAgainst": euros("0.00"),
        "evidence": [{"url": "https://example.org/thread/7", "note": "What was agreed"}],
    })
}

/// People at addresses of their own: the server trusts the proxy that the tests are.
struct Town {
    server: Server,
    client: Person,
    freelancer: Person,
    voters: Vec<(Person, String)>,
}

const VOTERS: usize = 4;

impl Town {
    async fn start(fresh: &Fresh) -> Self {
        let mut command = program(fresh);
        command.env("TEST_MODE", "true").env("SESSION_LIFETIME", "365d").env("TRUSTED_PROXIES", "127.0.0.1");
        let server = Server::start(command).await;
        let (client, freelancer) =
            (server.register("Carla", "CLIENT").await, server.register("Femi", "FREELANCER").await);
        let mut voters = Vec::new();
        for place in 0..=VOTERS {
            // The last one lives where another one does.
            let address = format!("198.51.100.{}", place.min(VOTERS - 1) + 1);
            voters.push((arrive(&server, &format!("Vera{place}"), &address).await, address));
        }
        Self { server, client, freelancer, voters }
    }

    async fn admin(&self) -> Person {
        self.server.login("root@example.org").await
    }

    async fn pass(&self, span: &str) {
        let admin = self.admin().await;
        self.server.post("/api/test/clock", &admin, json!({"advance": span})).await.expect(200);
    }

    /// Opens a dispute as the client.
    async fn open(&self) -> String {
        let invoice = held(&self.server, &self.admin().await, &self.client, &self.freelancer).await;
        let opened = self.server.post("/api/disputes", &self.client, request(&invoice)).await.expect(201);
        assert_eq!((&opened["status"], &opened["deadline"]["of"]), (&json!("OPEN"), &json!("ANSWER")));
        opened["id"].as_str().unwrap().to_owned()
    }

    async fn answered(&self) -> String {
        let id = self.open().await;
        let body = json!({"text": "It was delivered on Monday."});
        let path = format!("/api/disputes/{id}/answer");
        assert_eq!(self.server.post(&path, &self.client, body.clone()).await.refused(403), "forbidden");
        assert_eq!(self.server.post(&path, &self.freelancer, body).await.expect(200)["status"], "VOTING");
        id
    }

    async fn vote(&self, id: &str, voter: usize, choice: &str) -> Answer {
        let (who, address) = &self.voters[voter];
        let body = json!({"choice": choice, "comment": "I read both sides"});
        let from = [("x-forwarded-for", address.as_str())];
        self.server.ask(Method::POST, &format!("/api/disputes/{id}/votes"), Some(who), Some(body), &from).await
    }

    async fn votes(&self, id: &str, choices: &[&str]) {
        for (voter, choice) in choices.iter().enumerate() {
            let voted = self.vote(id, voter, choice).await.expect(200);
            assert_eq!((&voted["myVote"]["choice"], &voted["tally"]), (&json!(choice), &json!(null)));
        }
    }

    async fn shown(&self, id: &str) -> Value {
        self.server.get(&format!("/api/disputes/{id}"), &self.client).await.expect(200)
    }

    async fn comes_to(&self, id: &str, status: &str, outcome: &str, to_client: Option<&str>) {
        let what = format!("{id} is {status} {outcome}");
        self.server.eventually(&what, async |_| self.shown(id).await["status"] == status).await;
        let shown = self.shown(id).await;
        assert_eq!(shown["outcome"], outcome, "{shown}");
        assert_eq!(shown["split"]["toClient"]["amount"].as_str(), to_client, "{shown}");
    }
}

/// Registers and logs in from an address.
async fn arrive(server: &Server, name: &str, address: &str) -> Person {
    let from = [("x-forwarded-for", address)];
    let email = format!("{}@example.org", name.to_lowercase());
    let body = json!({"email": email, "password": PASSWORD, "name": name, "role": "FREELANCER"});
    server.ask(Method::POST, "/api/auth/register", None, Some(body), &from).await.expect(201);
    let body = json!({"email": email, "password": PASSWORD});
    let login = server.ask(Method::POST, "/api/auth/login", None, Some(body), &from).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Person { id: text(&login["user"]["id"]), token: text(&login["token"]), csrf: text(&login["csrfToken"]) }
}

/// Saves reputations, as the computation of them does.
async fn reputed(fresh: &Fresh, people: &[(&Person, i64)]) {
    let records = fresh.records().await;
    let mut unit = records.begin().await.unwrap();
    for (who, score) in people {
        let (now, user) = (records.now(), who.id.parse::<UserId>().unwrap());
        let row = reputations::Model {
            id: Text(Id::new(now, records.random().bytes())),
            version: 0,
            user_id: Text(user),
            score: *score,
            average_rating_centi: 400,
            review_count: 3,
            on_time_bp: 10_000,
            completed_projects: 3,
            disputes_lost: 0,
            released_invoices: 0,
            reviews_part_bp: 0,
            on_time_part_bp: 0,
            volume_part_bp: 0,
            disputes_part_bp: 0,
            created_at: now,
            updated_at: now,
        };
        unit.insert::<reputations::Entity>(row).await.unwrap();
    }
    unit.commit().await.unwrap();
    records.close().await;
}

#[test]
fn disputes_lead_to_every_outcome_and_both_databases_agree() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            Box::pin(every_outcome(&fresh)).await;
            fresh.remove().await;
        }
    });
}

async fn every_outcome(fresh: &Fresh) {
    let mut town = Town::start(fresh).await;
    refused_votes(fresh, &town).await;
    let (silent, on_for, against) = (town.open().await, town.answered().await, town.answered().await);
    let (tied, few, settled) = (town.answered().await, town.answered().await, town.answered().await);
    let withdrawn = town.open().await;
    town.votes(&on_for, &["FOR", "AGAINST", "FOR"]).await;
    town.votes(&against, &["AGAINST", "AGAINST", "AGAINST"]).await;
    town.votes(&tied, &["FOR", "AGAINST", "FOR", "AGAINST"]).await;
    town.votes(&few, &["FOR"]).await;
    ended_early(&town, &settled, &withdrawn).await;
    // Nobody but operators of the synchronisation sees more of a vote than its existence to come.
    for who in [&town.client, &town.freelancer, &town.admin().await] {
        let listed = town.server.get("/api/disputes?status=VOTING", who).await.expect(200);
        for dispute in listed["data"].as_array().unwrap() {
            assert_eq!((&dispute["tally"], &dispute["votes"]), (&json!(null), &json!(null)), "{dispute}");
            assert_eq!(dispute["version"], 2, "opened and answered; votes are not counted");
        }
    }
    town.pass("P7D").await;
    town.comes_to(&silent, "RESOLVED", "FOR", Some("1000.00")).await;
    town.comes_to(&on_for, "RESOLVED", "FOR", Some("1000.00")).await;
    town.comes_to(&against, "RESOLVED", "AGAINST", Some("0.00")).await;
    town.comes_to(&tied, "RESOLVED", "TIED", None).await;
    town.comes_to(&few, "RESOLVED", "NO_QUORUM", None).await;
    assert_eq!(town.shown(&on_for).await["tally"], json!({"for": 2, "against": 1}));
    decided(&town, &tied, &against).await;
    town.pass("P30D").await;
    town.comes_to(&silent, "EXECUTED", "FOR", Some("1000.00")).await;
    town.comes_to(&on_for, "EXECUTED", "FOR", Some("1000.00")).await;
    town.comes_to(&against, "EXECUTED", "SPLIT", Some("500.00")).await;
    town.comes_to(&tied, "EXECUTED", "SPLIT", Some("500.00")).await;
    town.comes_to(&few, "EXECUTED", "SPLIT", Some("739.00")).await;
    town.server.drained().await;
    assert_eq!(command_in(fresh, &["check"]).0, 0);
    let (code, said) = command_in(fresh, &["sync", "verify", "--deep"]);
    assert_eq!((code, &said["equal"]), (0, &json!(true)), "{said:#}");
    town.server.stop().await;
}

/// Votes of each kind that are refused, before and after the voters have what they need.
async fn refused_votes(fresh: &Fresh, town: &Town) {
    let id = town.answered().await;
    assert_eq!(town.vote(&id, 0, "FOR").await.refused(403), "voter-not-verified");
    let admin = town.admin().await;
    for (who, _) in &town.voters {
        let path = format!("/api/users/{}", who.id);
        assert_eq!(town.server.act(&format!("{path}/verify"), &town.client).await.refused(403), "forbidden");
        assert_eq!(town.server.act(&format!("{path}/verify"), &admin).await.expect(200)["verified"], true);
    }
    assert_eq!(town.vote(&id, 0, "FOR").await.refused(403), "voter-account-too-young");
    let path = format!("/api/users/{}/unverify", town.voters[0].0.id);
    assert_eq!(town.server.act(&path, &admin).await.expect(200)["verified"], false);
    town.server.act(&path.replace("unverify", "verify"), &admin).await.expect(200);
    town.pass("P31D").await;
    let id = town.answered().await;
    assert_eq!(town.vote(&id, 0, "FOR").await.refused(403), "voter-reputation-too-low");
    let people: Vec<(&Person, i64)> = town.voters.iter().map(|(who, _)| (who, 50)).collect();
    reputed(fresh, &people).await;
    let list = async |who: &Person| {
        let open = town.server.get("/api/disputes?role=voter", who).await.expect(200);
        open["data"].as_array().unwrap().clone()
    };
    let open = list(&town.voters[VOTERS].0).await;
    assert_eq!(open.len(), 0, "this request comes from the address of the parties");
    assert_eq!(town.vote(&id, VOTERS - 1, "maybe").await.fields(), ["/choice"]);
    town.vote(&id, VOTERS - 1, "FOR").await.expect(200);
    assert_eq!(town.vote(&id, VOTERS - 1, "FOR").await.refused(409), "wrong-state");
    assert_eq!(town.vote(&id, VOTERS, "FOR").await.refused(403), "voter-shares-address");
    let (ballots, body) = (format!("/api/disputes/{id}/votes"), json!({"choice": "FOR"}));
    let as_party = town.server.post(&ballots, &town.client, body.clone()).await;
    assert_eq!(as_party.refused(403), "voter-is-party");
    let as_admin = town.server.post(&ballots, &town.admin().await, body).await;
    assert_eq!(as_admin.refused(403), "voter-is-operator");
    let stranger = town.server.register("Mallory", "CLIENT").await;
    assert_eq!(town.server.get(&format!("/api/disputes/{id}"), &stranger).await.refused(404), "not-found");
}

/// One is settled, one is withdrawn, and the money of neither moves otherwise.
async fn ended_early(town: &Town, settled: &str, withdrawn: &str) {
    let (server, key) = (&town.server, [("idempotency-key", settled)]);
    let invoice = town.shown(settled).await["invoiceId"].as_str().unwrap().to_owned();
    let release = format!("/api/invoices/{invoice}/release");
    let frozen = server.ask(Method::POST, &release, Some(&town.client), Some(json!({})), &key).await.expect(409);
    assert!(frozen["current"] == "DISPUTED" && frozen["detail"].as_str().unwrap().contains(settled), "{frozen}");
    let path = format!("/api/disputes/{settled}/settlement");
    let too_much = server.post(&path, &town.client, json!({"toClient": euros("1478.01")})).await;
    assert_eq!(too_much.fields(), ["/toClient/amount"]);
    server.post(&path, &town.client, json!({"toClient": euros("478.00")})).await.expect(200);
    let accept = format!("{path}/accept");
    let seen = json!({"toClient": euros("478.00")});
    let without_key = server.post(&accept, &town.freelancer, seen.clone()).await;
    assert_eq!(without_key.refused(400), "idempotency-key-required");
    let eight = futures::future::join_all((0..8).map(async |place| {
        let key = format!("{settled}-{place}");
        let (seen, key) = (Some(seen.clone()), [("idempotency-key", key.as_str())]);
        server.ask(Method::POST, &accept, Some(&town.freelancer), seen, &key).await.status
    }));
    let accepted = eight.await.into_iter().filter(|status| *status == 200).count();
    assert_eq!(accepted, 1, "the money moves once");
    let shown = town.shown(settled).await;
    assert_eq!((&shown["status"], &shown["split"]["toClient"]), (&json!("SETTLED"), &euros("478.00")));
    let path = format!("/api/disputes/{withdrawn}/withdraw");
    assert_eq!(server.act(&path, &town.freelancer).await.refused(403), "forbidden");
    assert_eq!(server.act(&path, &town.client).await.expect(200)["status"], "WITHDRAWN");
    assert_eq!(server.act(&path, &town.client).await.expect(409)["allowed"], json!([]));
}

/// An operator decides a tie, and an appeal against what was decided.
async fn decided(town: &Town, tied: &str, against: &str) {
    let (server, admin) = (&town.server, town.admin().await);
    let decide =
        async |id: &str, who: &Person, body: Value| server.post(&format!("/api/disputes/{id}/decide"), who, body).await;
    let split = json!({"toClient": euros("500.00"), "reason": "A third was missing"});
    assert_eq!(decide(tied, &town.client, split.clone()).await.refused(403), "forbidden");
    assert_eq!(decide(tied, &admin, json!({"outcome": "TIED", "reason": "x"})).await.fields(), ["/outcome"]);
    assert_eq!(decide(against, &admin, split.clone()).await.expect(409)["allowed"], json!(["appeal", "settlement"]));
    assert_eq!(decide(tied, &admin, split.clone()).await.expect(200)["outcome"], "SPLIT");
    let appeal = format!("/api/disputes/{against}/appeal");
    let why = json!({"reason": "The delivery was overlooked"});
    assert_eq!(server.post(&appeal, &town.client, why.clone()).await.expect(200)["deadline"]["of"], "DECISION");
    assert_eq!(server.post(&appeal, &town.client, why).await.expect(409)["allowed"], json!(["decide", "settlement"]));
    decide(against, &admin, split).await.expect(200);
}
