//! Projects: offered, started, completed, cancelled.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, World, embedded, on_every_pair};

async fn offer(world: &World, client: &Person) -> String {
    let new = json!({
        "title": "Build a marketplace", "description": "In Rust", "skills": ["Rust", "Web3"], "deadline": "2031-06-30",
        "budget": {"amount": "5000.00", "currency": "EUR"},
    });
    let project = world.server.post("/api/projects", client, new).await.expect(201);
    assert_eq!((&project["status"], &project["budget"]["amount"]), (&json!("OPEN"), &json!("5000.00")));
    project["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_project_goes_from_its_offer_to_its_end() {
    on_every_pair(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let path = format!("/api/projects/{}", offer(world, &client).await);
        let server = &world.server;
        let seen = server.get(&path, &freelancer).await.expect(200);
        assert_eq!(seen["skills"].as_array().unwrap().len(), 2);
        server.post(&format!("{path}/applications"), &freelancer, json!({"message": "I build them"})).await.expect(201);
        let changed = server.send(Method::PATCH, &path, Some(&client), Some(json!({"title": "Build a bazaar"}))).await;
        assert_eq!(changed.expect(200)["version"], 2);
        assert_eq!(server.act(&format!("{path}/complete"), &client).await.refused(409), "wrong-state");
        let start =
            async || server.post(&format!("{path}/start"), &client, json!({"freelancerId": freelancer.id})).await;
        // The offer is another one than that of the application: its author consents anew.
        assert_eq!(start().await.expect(409)["allowed"], json!(["edit", "decline", "withdraw"]));
        let own = server.get("/api/proposals", &freelancer).await.expect(200)["data"][0]["id"].clone();
        let own = format!("/api/proposals/{}", own.as_str().unwrap());
        server.send(Method::PATCH, &own, Some(&freelancer), Some(json!({}))).await.expect(200);
        let started = start().await.expect(200);
        assert_eq!((&started["status"], &started["freelancerId"]), (&json!("IN_PROGRESS"), &json!(freelancer.id)));
        let late = server.send(Method::PATCH, &path, Some(&client), Some(json!({"title": "Too late"}))).await;
        let problem: Value = late.expect(409);
        assert_eq!(problem["current"], "IN_PROGRESS");
        assert!(!problem["allowed"].as_array().unwrap().is_empty());
        assert_eq!(server.act(&format!("{path}/complete"), &client).await.refused(409), "wrong-state");
        server.act(&format!("{path}/submit"), &freelancer).await.expect(200);
        let returned = server.post(&format!("{path}/return"), &client, json!({"reason": "No tests"})).await.expect(200);
        assert_eq!((&returned["status"], &returned["returnReason"]), (&json!("IN_PROGRESS"), &json!("No tests")));
        server.act(&format!("{path}/submit"), &freelancer).await.expect(200);
        let done = server.act(&format!("{path}/complete"), &client).await.expect(200);
        assert_eq!(done["status"], "COMPLETED");
        assert_eq!(server.act(&format!("{path}/cancel"), &client).await.refused(409), "wrong-state");
    });
}

#[test]
fn only_clients_offer_and_only_their_own_are_theirs() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let stranger = world.server.register("Mallory", "CLIENT").await;
        let server = &world.server;
        let new = json!({"title": "x", "description": "y"});
        assert_eq!(server.post("/api/projects", &freelancer, new).await.refused(403), "forbidden");
        let path = format!("/api/projects/{}", offer(world, &client).await);
        for action in ["start", "complete", "cancel"] {
            let body = (action == "start").then(|| json!({"freelancerId": freelancer.id}));
            let answer = server.send(Method::POST, &format!("{path}/{action}"), Some(&stranger), body).await;
            assert!([403, 404].contains(&answer.status.as_u16()), "{action}: {}", answer.text);
        }
        server.act(&format!("{path}/cancel"), &client).await.expect(200);
        assert_eq!(server.get(&path, &stranger).await.refused(404), "not-found");
        assert_eq!(server.get("/api/projects", &stranger).await.expect(200)["data"], json!([]));
        assert_eq!(
            server.get("/api/projects?status=CANCELLED", &client).await.expect(200)["data"].as_array().unwrap().len(),
            1
        );
        assert_eq!(server.get("/api/projects?status=GONE", &client).await.fields(), ["/status"]);
    });
}
