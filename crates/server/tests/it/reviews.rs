//! Reviews, hidden until both parties have written or the window closes, and the reputation that they make.

use chainbill_testkit::{Fresh, pairs};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Person, Server, World, command_in, embedded, on_every_pair, payment, program, run, sent};

/// Scores of one kind.
pub fn scores(score: i64) -> Value {
    json!({"quality": score, "communication": score, "timeliness": score, "professionalism": score})
}

/// A completed project with a deadline far ahead.
pub async fn completed(server: &Server, client: &Person, freelancer: &Person) -> String {
    let new = json!({"title": "Build a marketplace", "description": "In Rust", "deadline": "2099-06-30"});
    let id = server.post("/api/projects", client, new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/projects/{id}");
    let application = server.post(&format!("{path}/applications"), freelancer, json!({"message": "Ready"})).await;
    let application = application.expect(201)["id"].as_str().unwrap().to_owned();
    server.act(&format!("/api/proposals/{application}/accept"), client).await.expect(200);
    server.act(&format!("{path}/submit"), freelancer).await.expect(200);
    server.act(&format!("{path}/complete"), client).await.expect(200);
    id
}

async fn review(server: &Server, project: &str, by: &Person, score: i64) -> Answer {
    server.post(&format!("/api/projects/{project}/reviews"), by, scores(score)).await
}

/// The reputation, once it is computed from so many reviews and projects.
async fn reputation(server: &Server, of: &Person, viewer: &Person, reviews: i64, projects: i64) -> Value {
    let path = format!("/api/users/{}/reputation", of.id);
    server
        .eventually("the reputation is computed", async |_| {
            let facts = server.get(&path, viewer).await.expect(200)["facts"].take();
            facts["reviews"]["count"] == reviews && facts["projects"]["completed"] == projects
        })
        .await;
    server.get(&path, viewer).await.expect(200)
}

/// Every invariant holds.
#[track_caller]
fn sound(world: &World) {
    let (code, said) = world.command(&["check"]);
    assert_eq!(code, 0, "{said:#}");
}

fn listed(page: &Answer) -> Vec<String> {
    page.expect(200)["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn reviews_are_hidden_until_both_are_there_and_the_score_is_explained() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "CLIENT").await);
        let project = completed(server, &client, &freelancer).await;
        let of_project = format!("/api/projects/{project}/reviews");
        let of_freelancer = format!("/api/users/{}/reviews", freelancer.id);
        let neutral = server.get(&format!("/api/users/{}/reputation", stranger.id), &client).await.expect(200);
        assert_eq!((&neutral["score"], &neutral["computedAt"]), (&json!(50), &Value::Null));
        let done = reputation(server, &freelancer, &client, 0, 1).await;
        assert_eq!(done["components"][1]["percent"], "66.66", "one project in time and one of two: {done}");

        let made = review(server, &project, &client, 5).await;
        assert!(made.header("location").starts_with("/api/reviews/"), "{made:?}");
        let made = made.expect(201);
        assert_eq!(
            (&made["status"], &made["visibleAt"], &made["version"]),
            (&json!("HIDDEN"), &Value::Null, &json!(1))
        );
        let path = format!("/api/reviews/{}", made["id"].as_str().unwrap());
        for (who, hidden) in [(&client, false), (&world.admin, false), (&freelancer, true), (&stranger, true)] {
            assert_eq!(server.get(&path, who).await.status == 404, hidden);
        }
        let patch = json!({"quality": 4, "comment": "Good work"});
        for (who, status) in [(&freelancer, 404), (&stranger, 404), (&world.admin, 403)] {
            server.send(Method::PATCH, &path, Some(who), Some(patch.clone())).await.expect(status);
        }
        let changed = server.send(Method::PATCH, &path, Some(&client), Some(patch)).await.expect(200);
        assert_eq!((&changed["quality"], &changed["version"]), (&json!(4), &json!(2)));
        let stale =
            server.ask(Method::PATCH, &path, Some(&client), Some(json!({"quality": 1})), &[("if-match", "\"1\"")]);
        assert_eq!(stale.await.refused(412), "stale");
        assert_eq!(listed(&server.get(&of_project, &client).await).len(), 1, "one's own");
        assert_eq!(listed(&server.get(&of_project, &freelancer).await).len(), 0, "the other's is hidden");
        assert_eq!(server.get(&of_project, &stranger).await.refused(404), "not-found");
        assert!(listed(&server.get(&of_freelancer, &client).await).is_empty(), "not even to its author");
        let again = review(server, &project, &client, 1).await.expect(409);
        assert!(again["current"] == "REVIEWED" && again["detail"].as_str().unwrap().contains(&path[13..]), "{again}");
        server.drained().await;
        let activity = format!("/api/analytics/users/{}", freelancer.id);
        let before = server.get(&activity, &freelancer).await.expect(200).to_string();
        assert!(!before.contains("REVIEW_GIVEN"), "{before}");
        // Neither a computation nor a comparison shows what is hidden.
        server.act(&format!("/api/users/{}/reputation/recompute", freelancer.id), &world.admin).await.expect(200);
        let hidden = server.get(&format!("/api/users/{}/reputation", freelancer.id), &client).await.expect(200);
        assert_eq!((&hidden["score"], &hidden["facts"]["reviews"]["count"]), (&done["score"], &json!(0)));

        let second = review(server, &project, &freelancer, 3).await.expect(201);
        assert_eq!(second["status"], "VISIBLE");
        let first = server.get(&path, &stranger).await.expect(200);
        assert_eq!((&first["status"], &first["visibleAt"]), (&json!("VISIBLE"), &second["visibleAt"]));
        assert!(first.get("projectId").is_none(), "a stranger does not see the project: {first}");
        let late = server.send(Method::PATCH, &path, Some(&client), Some(json!({"quality": 1}))).await.expect(409);
        assert_eq!((&late["current"], &late["allowed"]), (&json!("VISIBLE"), &json!([])));
        assert_eq!(listed(&server.get(&of_freelancer, &stranger).await).len(), 1);
        assert_eq!(listed(&server.get(&of_project, &freelancer).await).len(), 2);

        let explained = reputation(server, &freelancer, &stranger, 1, 1).await;
        let component = |place: usize| {
            let it = &explained["components"][place];
            ["name", "weight", "percent", "points"].map(|field| it[field].to_string().replace('"', ""))
        };
        // (19 + 36) / 16 = 3.4375 of 1 to 5; one project in time and one of two; no invoice; no dispute.
        assert_eq!(component(0), ["reviews", "50", "60.93", "30.46"]);
        assert_eq!(component(1), ["onTime", "20", "66.66", "13.33"]);
        assert_eq!(component(2), ["volume", "15", "0.00", "0.00"]);
        assert_eq!(component(3), ["disputes", "15", "100.00", "15.00"]);
        assert_eq!(explained["score"], 59, "30.465 + 13.332 + 15: {explained}");
        let facts = &explained["facts"];
        assert_eq!((&facts["reviews"]["average"], &facts["reviews"]["quality"]), (&json!("4.75"), &json!("4.00")));
        assert_eq!((&facts["reviews"]["ids"], &facts["projects"]["ids"]), (&json!([first["id"]]), &json!([])));
        let own = reputation(server, &freelancer, &freelancer, 1, 1).await;
        assert_eq!((&own["facts"]["projects"]["ids"], &own["score"]), (&json!([project]), &explained["score"]));
        let computed = own["computedAt"].clone();
        let same = server.act(&format!("/api/users/{}/reputation/recompute", freelancer.id), &world.admin).await;
        assert_eq!(same.expect(200)["computedAt"], computed, "the same facts save nothing");
        assert_eq!(world.command(&["reputation", "recompute"]), (0, json!({"users": 4, "saved": 0})));
        server.drained().await;
        let activity = server.get(&activity, &freelancer).await.expect(200).to_string();
        assert!(activity.contains("REVIEW_GIVEN"), "{activity}");
        sound(world);
        world.assert_equal();
    });
}

#[test]
fn who_may_review_what() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let (server, stranger) = (&world.server, world.server.register("Mallory", "CLIENT").await);
        let offered =
            server.post("/api/projects", &client, json!({"title": "x", "description": "y"})).await.expect(201);
        let open = offered["id"].as_str().unwrap();
        let early = review(server, open, &client, 5).await.expect(409);
        assert_eq!((&early["current"], early["allowed"].as_array().unwrap().is_empty()), (&json!("OPEN"), false));
        assert_eq!(
            review(server, open, &freelancer, 5).await.refused(403),
            "forbidden",
            "no party of what is on offer"
        );
        assert_eq!(server.get(&format!("/api/projects/{open}/reviews"), &stranger).await.refused(403), "forbidden");
        let project = completed(server, &client, &freelancer).await;
        assert_eq!(review(server, &project, &stranger, 5).await.refused(404), "not-found");
        assert_eq!(review(server, &project, &world.admin, 5).await.refused(403), "forbidden");
        let path = format!("/api/projects/{project}/reviews");
        let bad = json!({"quality": 0, "communication": 6, "timeliness": 3, "professionalism": -1});
        assert_eq!(server.post(&path, &client, bad).await.fields(), ["/quality", "/communication", "/professionalism"]);
        let mut more = scores(5);
        more["visibleAt"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(server.post(&path, &client, more).await.status, 422);
        let key = [("idempotency-key", "once")];
        let once = async || server.ask(Method::POST, &path, Some(&client), Some(scores(5)), &key).await;
        let (first, again) = (once().await, once().await);
        assert_eq!((first.expect(201), again.header("idempotent-replayed")), (again.expect(201), "true"));
        let recompute = format!("/api/users/{}/reputation/recompute", freelancer.id);
        assert_eq!(server.act(&recompute, &freelancer).await.refused(403), "forbidden");
    });
}

#[test]
fn of_sixty_four_reviews_at_once_one_is_written() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let project = completed(server, &client, &freelancer).await;
        let both = (0..64).map(|place| if place % 2 == 0 { &client } else { &freelancer });
        // A crowd at one table is asked to come again.
        let give = async |who: &Person| loop {
            let answer = review(server, &project, who, 4).await;
            if answer.status != 503 {
                break answer;
            }
        };
        let answers = futures::future::join_all(both.map(give)).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(409)), (2, 62), "{:?}", answers.iter().map(|it| it.status).collect::<Vec<_>>());
        let seen = server.get(&format!("/api/projects/{project}/reviews"), &client).await.expect(200);
        assert!(seen["data"].as_array().unwrap().iter().all(|review| review["status"] == "VISIBLE"), "{seen}");
        assert_eq!(listed(&server.get(&format!("/api/users/{}/reviews", client.id), &client).await).len(), 1);
        assert_eq!(reputation(server, &client, &freelancer, 1, 1).await["facts"]["reviews"]["count"], 1);
        server.drained().await;
        sound(world);
        world.assert_equal();
    });
}

#[test]
fn a_review_without_an_answer_becomes_visible_when_the_window_closes() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            the_window_closes(&fresh).await;
            fresh.remove().await;
        }
    });
}

async fn the_window_closes(fresh: &Fresh) {
    let mut command = program(fresh);
    command.env("TEST_MODE", "true").env("SESSION_LIFETIME", "365d").env("REVIEW_HIDDEN_DAYS", "3");
    let mut server = Server::start(command).await;
    let admin = server.login("root@example.org").await;
    let (client, freelancer) = (server.register("Carla", "CLIENT").await, server.register("Femi", "FREELANCER").await);
    let advance = async |by: &str| {
        server.post("/api/test/clock", &admin, json!({"advance": by})).await.expect(200);
    };
    let project = completed(&server, &client, &freelancer).await;
    let path =
        format!("/api/reviews/{}", review(&server, &project, &client, 5).await.expect(201)["id"].as_str().unwrap());
    advance("P2D").await;
    assert_eq!(server.get(&path, &freelancer).await.refused(404), "not-found");
    server.send(Method::PATCH, &path, Some(&client), Some(json!({"quality": 3}))).await.expect(200);
    advance("P1D").await;
    // Whether the job has run or not: the window is closed by the clock.
    let late = server.send(Method::PATCH, &path, Some(&client), Some(json!({"quality": 1}))).await;
    assert_eq!(late.expect(409)["current"], "VISIBLE");
    assert_eq!(review(&server, &project, &freelancer, 1).await.expect(409)["current"], "CLOSED");
    server.eventually("it is visible", async |_| server.get(&path, &freelancer).await.status == 200).await;
    let young = reputation(&server, &freelancer, &client, 1, 1).await;
    // Its weight halves in a year: the daily job computes again, by the clock alone.
    advance("P300D").await;
    let of = format!("/api/users/{}/reputation", freelancer.id);
    let score = async || server.get(&of, &client).await.expect(200)["score"].as_i64().unwrap();
    let before = young["score"].as_i64().unwrap();
    server.eventually("the score fades", async |_| score().await < before).await;
    assert!(score().await > 50, "towards the neutral score");
    server.drained().await;
    let (code, said) = command_in(fresh, &["sync", "verify", "--deep"]);
    assert_eq!((code, &said["equal"]), (0, &json!(true)), "{said:#}");
    server.stop().await;
}

#[test]
fn released_money_counts_for_both_parties_and_what_was_received_outside_does_not() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let pay = async |who: &Person, reference: &str| {
            let path = format!("/api/invoices/{}", sent(world, &client, &freelancer).await);
            let key = [("idempotency-key", reference)];
            let body = Some(payment("1478.00", reference));
            server.ask(Method::POST, &format!("{path}/pay"), Some(who), body, &key).await.expect(201);
            path
        };
        pay(&freelancer, "outside").await;
        let held = pay(&world.admin, "held").await;
        let part = json!({"amount": {"amount": "478.00", "currency": "EUR"}});
        let key = [("idempotency-key", "part")];
        server.ask(Method::POST, &format!("{held}/release"), Some(&client), Some(part), &key).await.expect(200);
        for who in [&client, &freelancer] {
            let path = format!("/api/users/{}/reputation", who.id);
            server
                .eventually("the release counts", async |_| {
                    server.get(&path, who).await.expect(200)["facts"]["volume"]["invoices"] == 1
                })
                .await;
            let known = server.get(&path, who).await.expect(200);
            let released = json!([{"amount": "478.00", "currency": "EUR"}]);
            assert_eq!((&known["facts"]["volume"]["released"], &known["score"]), (&released, &json!(52)), "{known}");
            assert_eq!(known["facts"]["volume"]["ids"], json!([held[14..]]), "25 + 10 + 2.499 + 15");
            let other = server.get(&path, &world.admin).await.expect(200);
            assert_eq!(other["facts"], known["facts"], "an operator sees all");
        }
        server.drained().await;
        sound(world);
        world.assert_equal();
    });
}

#[test]
fn the_mirror_holds_reviews_and_reputations_as_the_primary_does() {
    on_every_pair(async |world: &mut World| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        for _ in 0..3 {
            let project = completed(server, &client, &freelancer).await;
            review(server, &project, &client, 4).await.expect(201);
            review(server, &project, &freelancer, 5).await.expect(201);
        }
        let page = server.get(&format!("/api/users/{}/reviews?limit=2", freelancer.id), &client).await.expect(200);
        let next = page["nextCursor"].as_str().unwrap();
        let path = format!("/api/users/{}/reviews?limit=2&cursor={next}", freelancer.id);
        assert_eq!((listed(&server.get(&path, &client).await).len(), &page["hasMore"]), (1, &json!(true)));
        reputation(server, &freelancer, &client, 3, 3).await;
        reputation(server, &client, &client, 3, 3).await;
        server.drained().await;
        for model in ["reviews", "reputations"] {
            let (code, said) = world.command(&["sync", "verify", "--deep", "--model", model]);
            assert_eq!((code, &said["equal"]), (0, &json!(true)), "{said:#}");
        }
    });
}
