//! The catalogue of skills, evidence of skills, and freelancers for a project with the reasons.

use chainbill_testkit::Fault;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, Server, World, embedded, on_every_pair, run};

async fn put_skill(server: &Server, who: &Person, name: &str, level: &str) -> String {
    let path = format!("/api/users/{}/skills", who.id);
    let user = server.post(&path, who, json!({"name": name, "level": level, "years": 3})).await.expect(200);
    let skills = user["skills"].as_array().unwrap();
    skills.iter().find(|skill| skill["name"].as_str().unwrap().eq_ignore_ascii_case(name.trim())).unwrap()["skillId"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Submits evidence of a skill; the path of its verification.
pub async fn submitted(server: &Server, who: &Person, skill: &str) -> String {
    let path = format!("/api/users/{}/skills/{skill}/verifications", who.id);
    let made =
        server.post(&path, who, json!({"links": ["https://example.org/work"], "text": "Mine"})).await.expect(201);
    format!("/api/skill-verifications/{}", made["id"].as_str().unwrap())
}

/// A freelancer with a skill.
pub async fn skilled(server: &Server, who: &Person) -> String {
    put_skill(server, who, "Rust", "EXPERT").await
}

async fn rate(server: &Server, who: &Person, amount: &str) {
    let patch = json!({"hourlyRate": {"amount": amount, "currency": "EUR"}});
    server.send(Method::PATCH, &format!("/api/users/{}", who.id), Some(who), Some(patch)).await.expect(200);
}

async fn project(server: &Server, client: &Person) -> String {
    let new = json!({
        "title": "Build a marketplace", "description": "In Rust", "skills": ["Rust", "Web3"],
        "budget": {"amount": "4000.00", "currency": "EUR"},
    });
    server.post("/api/projects", client, new).await.expect(201)["id"].as_str().unwrap().to_owned()
}

fn ids(matches: &Value) -> Vec<&str> {
    matches["data"].as_array().unwrap().iter().map(|it| it["userId"].as_str().unwrap()).collect()
}

#[test]
fn freelancers_are_ranked_with_the_reasons() {
    on_every_pair(async |world| {
        let server = &world.server;
        let client = server.register("Carla", "CLIENT").await;
        let mut people = Vec::new();
        for name in ["Ada", "Bob", "Cem", "Dan", "Eve"] {
            people.push(server.register(name, "FREELANCER").await);
        }
        let [ada, bob, cem, dan, eve] = [0, 1, 2, 3, 4].map(|place| &people[place]);
        // Ada has one skill, verified; Bob both, of lower levels; Cem one; Dan is suspended; Eve has none.
        let rust = put_skill(server, ada, "Rust", "EXPERT").await;
        put_skill(server, bob, "Rust", "ADVANCED").await;
        put_skill(server, bob, "Web3", "BEGINNER").await;
        put_skill(server, cem, "rust ", "EXPERT").await;
        put_skill(server, dan, "Rust", "EXPERT").await;
        put_skill(server, eve, "Cooking", "EXPERT").await;
        rate(server, ada, "120.00").await;
        rate(server, bob, "50.00").await;
        // Operators and clients may have skills, and are no freelancers.
        put_skill(server, &world.admin, "Rust", "EXPERT").await;
        put_skill(server, &client, "Rust", "EXPERT").await;
        let verification = submitted(server, ada, &rust).await;
        server.act(&format!("{verification}/verify"), &world.admin).await.expect(200);
        let sql = format!("UPDATE users SET status = 'SUSPENDED', version = version + 1 WHERE id = '{}'", dan.id);
        crate::odd_rows::write(world, &[&sql]).await;
        let sync = format!("/api/sync/users/{}", dan.id);
        server.act(&sync, &world.admin).await;
        let path = format!("/api/projects/{}/matches", project(server, &client).await);
        server.drained().await;

        let matches = server.get(&path, &client).await.expect(200);
        assert_eq!(ids(&matches), [&bob.id, &ada.id, &cem.id], "{matches:#}");
        assert_eq!((&matches["compared"], &matches["truncated"]), (&json!(3), &json!(false)));
        let of_ada = &matches["data"][1];
        let reasons: Vec<[String; 3]> = of_ada["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| ["name", "points", "explanation"].map(|field| it[field].as_str().unwrap().to_owned()))
            .collect();
        let expected = [
            ["skills", "25.00", "covers 1 of 2 required skills: Rust EXPERT (verified); lacks Web3"],
            ["reputation", "12.50", "no reputation yet: counts as 50 of 100"],
            ["rate", "12.49", "the budget pays 33 hours; 40 are enough"],
            ["availability", "10.00", "takes work"],
        ];
        assert_eq!(reasons, expected.map(|reason| reason.map(str::to_owned)));
        assert_eq!((&of_ada["points"], &of_ada["score"]), (&json!("59.99"), &Value::Null));
        assert_eq!(of_ada["skills"], json!([{"skillId": rust, "name": "Rust", "level": "EXPERT", "verified": true}]));
        let two = server.get(&format!("{path}?limit=2"), &world.admin).await.expect(200);
        assert_eq!(ids(&two), [&bob.id, &ada.id]);
        assert_eq!(server.get(&format!("{path}?limit=101"), &client).await.fields(), ["/limit"]);
        assert_eq!(server.get(&path, ada).await.refused(403), "forbidden");
        assert_eq!(server.get("/api/projects/none/matches", &client).await.refused(404), "not-found");

        // A better reputation, and who takes no work.
        let done = crate::reviews::completed(server, &client, cem).await;
        for (by, score) in [(&client, 5), (cem, 5)] {
            server.post(&format!("/api/projects/{done}/reviews"), by, crate::reviews::scores(score)).await.expect(201);
        }
        let patch = json!({"available": false});
        let changed = server.send(Method::PATCH, &format!("/api/users/{}", ada.id), Some(ada), Some(patch)).await;
        changed.expect(200);
        let reputation = format!("/api/users/{}/reputation", cem.id);
        server
            .eventually("the reputation is computed", async |_| {
                server.get(&reputation, &client).await.expect(200)["facts"]["reviews"]["count"] == 1
            })
            .await;
        server.drained().await;
        let matches = server.get(&path, &client).await.expect(200);
        assert_eq!(ids(&matches), [&bob.id, &cem.id, &ada.id], "{matches:#}");
        assert!(matches["data"][1]["score"].as_i64().unwrap() > 50);
        assert_eq!(matches["data"][2]["reasons"][3]["points"], "0.00");
    });
}

#[test]
fn operators_are_in_no_search_of_people_and_verified_skills_show_there() {
    on_every_pair(async |world| {
        let server = &world.server;
        let freelancer = server.register("Administrator", "FREELANCER").await;
        let rust = skilled(server, &freelancer).await;
        let admin = json!({"title": "Administrator", "name": "Administrator"});
        let path = format!("/api/users/{}", world.admin.id);
        server.send(Method::PATCH, &path, Some(&world.admin), Some(admin)).await.expect(200);
        put_skill(server, &world.admin, "Rust", "EXPERT").await;
        server.drained().await;
        for viewer in [&freelancer, &world.admin] {
            for q in ["administrator", "rust"] {
                let page = server.get(&format!("/api/search/users?q={q}"), viewer).await.expect(200);
                let found: Vec<&Value> = page["data"].as_array().unwrap().iter().map(|hit| &hit["id"]).collect();
                assert_eq!(found, [&json!(freelancer.id)], "{q}: {page:#}");
                assert_eq!(page["data"][0]["skills"][0]["verified"], false);
            }
        }
        let verification = submitted(server, &freelancer, &rust).await;
        server.act(&format!("{verification}/verify"), &world.admin).await.expect(200);
        server.drained().await;
        let page = server.get("/api/search/users?q=rust", &freelancer).await.expect(200);
        assert_eq!(page["data"][0]["skills"][0]["verified"], true, "{page:#}");
    });
}

#[test]
fn evidence_of_a_skill_is_decided_once_and_shows_in_the_profile() {
    embedded(async |world| {
        let server = &world.server;
        let (client, freelancer) = world.client_and_freelancer().await;
        let rust = put_skill(server, &freelancer, "Rust", "ADVANCED").await;
        let submit = format!("/api/users/{}/skills/{rust}/verifications", freelancer.id);
        assert_eq!(server.post(&submit, &freelancer, json!({})).await.fields(), [""]);
        let bad = json!({"links": ["javascript:alert(1)", "https://example.org", "https:// x"]});
        assert_eq!(server.post(&submit, &freelancer, bad).await.fields(), ["/links/0", "/links/2"]);
        assert_eq!(server.post(&submit, &client, json!({"text": "His"})).await.refused(404), "not-found");
        let other = format!("/api/users/{}/skills/{}/verifications", freelancer.id, client.id);
        assert_eq!(server.post(&other, &freelancer, json!({"text": "Mine"})).await.refused(404), "not-found");
        let path = submitted(server, &freelancer, &rust).await;
        let twice = server.post(&submit, &freelancer, json!({"text": "Again"})).await.expect(409);
        assert_eq!(twice["current"], "PENDING");
        assert_eq!(server.get(&path, &client).await.refused(404), "not-found");
        assert_eq!(server.act(&format!("{path}/verify"), &freelancer).await.refused(403), "forbidden");
        assert_eq!(server.act(&format!("{path}/verify"), &client).await.refused(404), "not-found");
        let reason = json!({"reason": "The link is empty"});
        let rejected = server.post(&format!("{path}/reject"), &world.admin, reason.clone()).await.expect(200);
        assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("REJECTED"), &reason["reason"]));
        assert_eq!(server.act(&format!("{path}/verify"), &world.admin).await.expect(409)["allowed"], json!([]));
        let path = submitted(server, &freelancer, &rust).await;
        let verify = format!("{path}/verify");
        let stale = server.ask(Method::POST, &verify, Some(&world.admin), None, &[("if-match", "\"7\"")]);
        assert_eq!(stale.await.refused(412), "stale");
        let at_once = futures::future::join_all((0..16).map(|_| server.act(&verify, &world.admin))).await;
        assert_eq!(at_once.iter().filter(|answer| answer.status == 200).count(), 1);
        let profile = async || server.get(&format!("/api/users/{}", freelancer.id), &client).await.expect(200);
        let skill = profile().await["skills"][0].take();
        assert_eq!((&skill["verified"], &skill["verifiedLevel"]), (&json!(true), &json!("ADVANCED")));
        // A higher level than the verified one is a claim.
        put_skill(server, &freelancer, "Rust", "EXPERT").await;
        let skill = profile().await["skills"][0].take();
        assert_eq!((&skill["verified"], &skill["verifiedLevel"]), (&json!(false), &json!("ADVANCED")));
        let count = async |query: &str, who: &Person| {
            let page = server.get(&format!("/api/skill-verifications?{query}"), who).await.expect(200);
            page["data"].as_array().unwrap().len()
        };
        assert_eq!((count("", &freelancer).await, count("", &client).await, count("", &world.admin).await), (2, 0, 2));
        let of = format!("userId={}&status=VERIFIED", freelancer.id);
        assert_eq!((count(&of, &world.admin).await, count(&of, &client).await), (1, 0));
        assert_eq!(world.command(&["check"]).0, 0);
        server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn two_skills_become_one_at_all_who_have_them() {
    on_every_pair(async |world| {
        let server = &world.server;
        let (client, freelancer) = world.client_and_freelancer().await;
        let both = server.register("Bob", "FREELANCER").await;
        let old = put_skill(server, &freelancer, "RustLang", "ADVANCED").await;
        let new = put_skill(server, &both, "Rust", "BEGINNER").await;
        put_skill(server, &both, "RustLang", "EXPERT").await;
        let asks = json!({"title": "x", "description": "y", "skills": ["RustLang", "Web3", "Rust"]});
        let project = server.post("/api/projects", &client, asks).await.expect(201)["id"].as_str().unwrap().to_owned();
        let evidence = submitted(server, &freelancer, &old).await;
        let merge = format!("/api/skills/{old}/merge");
        let into = json!({"into": new});
        assert_eq!(server.post(&merge, &freelancer, into.clone()).await.refused(403), "forbidden");
        assert_eq!(server.post(&merge, &world.admin, json!({"into": old})).await.fields(), ["/into"]);
        assert_eq!(server.post(&merge, &world.admin, json!({"into": client.id})).await.fields(), ["/into"]);
        let at_once = futures::future::join_all((0..8).map(|_| server.post(&merge, &world.admin, into.clone()))).await;
        let merged: Vec<Value> = at_once.iter().filter(|it| it.status == 200).map(|it| it.json()).collect();
        assert_eq!((merged.len(), &merged[0]["users"], &merged[0]["projects"]), (1, &json!(2), &json!(1)));
        assert_eq!(merged[0]["skill"]["aliases"], json!(["RustLang"]));
        assert_eq!(server.get(&format!("/api/skills/{old}"), &client).await.refused(404), "not-found");

        let skills = async |who: &Person| {
            server.get(&format!("/api/users/{}", who.id), &client).await.expect(200)["skills"].take()
        };
        let expected = |level: &str| {
            json!([{"skillId": new, "name": "Rust", "level": level, "years": 3,
            "verified": false, "verifiedLevel": null}])
        };
        assert_eq!((skills(&freelancer).await, skills(&both).await), (expected("ADVANCED"), expected("EXPERT")));
        let asked = server.get(&format!("/api/projects/{project}"), &client).await.expect(200);
        let names: Vec<&Value> = asked["skills"].as_array().unwrap().iter().map(|skill| &skill["name"]).collect();
        assert_eq!(names, ["Rust", "Web3"]);
        assert_eq!(server.get(&evidence, &freelancer).await.expect(200)["skillId"], json!(new));
        // The name that is gone leads to the entry that it became.
        let found = server.get("/api/skills?name=rustlang", &client).await.expect(200);
        assert_eq!(found["data"][0]["id"], json!(new));
        let third = server.register("Cem", "FREELANCER").await;
        let path = format!("/api/users/{}/skills", third.id);
        let given = json!({"name": "RUSTLANG", "level": "EXPERT", "years": 1});
        assert_eq!(server.post(&path, &third, given).await.expect(200)["skills"][0]["skillId"], json!(new));
        let again = json!({"name": "Rustlang", "category": "Other"});
        assert_eq!(server.post("/api/skills", &client, again).await.fields(), ["/name"]);
        assert_eq!(world.command(&["check"]).0, 0);
        server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn operators_edit_the_catalogue() {
    embedded(async |world| {
        let server = &world.server;
        let (client, freelancer) = world.client_and_freelancer().await;
        let rust = skilled(server, &freelancer).await;
        server.post("/api/skills", &client, json!({"name": "Cooking", "category": "Food"})).await.expect(201);
        let path = format!("/api/skills/{rust}");
        let patch = json!({"name": "Rust language", "category": "Programming", "verified": true});
        let edit =
            async |who: &Person, patch: &Value| server.send(Method::PATCH, &path, Some(who), Some(patch.clone())).await;
        assert_eq!(edit(&freelancer, &patch).await.refused(403), "forbidden");
        assert_eq!(edit(&world.admin, &json!({"name": "cooking"})).await.fields(), ["/name"]);
        let edited = edit(&world.admin, &patch).await.expect(200);
        assert_eq!((&edited["aliases"], &edited["version"]), (&json!(["Rust"]), &json!(2)));
        assert_eq!(edit(&world.admin, &patch).await.expect(200)["version"], 2, "the same changes nothing");
        let profile = server.get(&format!("/api/users/{}", freelancer.id), &client).await.expect(200);
        assert_eq!(profile["skills"][0]["name"], "Rust language");
        // Back again: a name is no other name of itself.
        let back = edit(&world.admin, &json!({"name": "Rust"})).await.expect(200);
        assert_eq!(back["aliases"], json!(["Rust language"]));
        let count = async |query: &str| {
            server.get(&format!("/api/skills?{query}"), &client).await.expect(200)["data"].as_array().unwrap().len()
        };
        assert_eq!((count("category=Food").await, count("verified=true").await, count("").await), (1, 1, 2));
        assert_eq!((count("name=rust%20language").await, count("name=rust&category=Food").await), (1, 0));
        let categories = server.get("/api/skills/categories", &client).await.expect(200);
        let expected = json!([{"category": "Food", "skills": 1}, {"category": "Programming", "skills": 1}]);
        assert_eq!(categories, expected);
        server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn without_the_mirror_there_are_no_matches_and_reviews_go_on() {
    run(async {
        let Some((fresh, proxy)) = crate::faults::behind_a_proxy().await else { return };
        let world = World::start(fresh).await;
        let server = &world.server;
        let (client, freelancer) = world.client_and_freelancer().await;
        skilled(server, &freelancer).await;
        let path = format!("/api/projects/{}/matches", project(server, &client).await);
        server.drained().await;
        proxy.set(Fault::Silence);
        assert_eq!(server.get(&path, &client).await.refused(503), "copies-unavailable");
        assert_eq!(server.get(&path, &freelancer).await.refused(403), "forbidden", "who may ask is known all the same");
        let done = crate::reviews::completed(server, &client, &freelancer).await;
        for by in [&client, &freelancer] {
            let given = server.post(&format!("/api/projects/{done}/reviews"), by, crate::reviews::scores(5)).await;
            given.expect(201);
        }
        let reputation = format!("/api/users/{}/reputation", freelancer.id);
        server
            .eventually("the reputation is computed", async |_| {
                server.get(&reputation, &client).await.expect(200)["facts"]["reviews"]["count"] == 1
            })
            .await;
        proxy.set(Fault::None);
        server.drained().await;
        world.assert_equal();
        let matches = server.get(&path, &client).await.expect(200);
        assert_eq!(ids(&matches), [&freelancer.id]);
        assert!(matches["data"][0]["score"].as_i64().unwrap() > 50, "{matches:#}");
        world.end().await;
    });
}
