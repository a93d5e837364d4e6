//! Everything that two strangers do together while the mirror is away: it works, survives a kill, and is in the mirror afterwards.

use chainbill_testkit::Fault;
use serde_json::{Value, json};

use crate::{
    contracts::contract,
    disputes::request,
    escrow::held,
    faults::behind_a_proxy,
    money::{act, assert_sound, euros},
    reviews::{completed, scores},
    world::{Person, Server, World, program, run},
};

#[test]
fn contracts_escrow_disputes_and_reviews_go_on_while_the_mirror_is_away_and_are_in_it_afterwards() {
    run(async {
        let Some((fresh, proxy)) = behind_a_proxy().await else { return };
        let mut world = World::start(fresh).await;
        let (client, freelancer) = world.client_and_freelancer().await;
        world.server.drained().await;
        proxy.set(Fault::Refuse);
        journey(&world, &client, &freelancer).await;
        world.server.kill().await;
        proxy.set(Fault::None);
        world.server = Server::start(program(&world.fresh)).await;
        let disputes = world.server.get("/api/disputes?role=party", &client).await.expect(200);
        assert_eq!(disputes["data"].as_array().unwrap().len(), 3, "no acknowledged write is lost");
        assert_sound(&world).await;
        world.server.drained().await;
        world.assert_equal();
        world.end().await;
    });
}

/// A contract, a release in parts and a payout, a dispute of each early end and one that stays, and reviews of both.
async fn journey(world: &World, client: &Person, freelancer: &Person) {
    contract(world, client, freelancer).await;
    let project = completed(&world.server, client, freelancer).await;
    for (by, score) in [(client, 5), (freelancer, 4)] {
        world.server.post(&format!("/api/projects/{project}/reviews"), by, scores(score)).await.expect(201);
    }
    let released = held(world, client, freelancer, "60.00").await;
    act(world, &format!("{released}/submit-work"), freelancer, json!({})).await.expect(200);
    act(world, &format!("{released}/release"), client, json!({"amount": euros("20.00")})).await.expect(200);
    act(world, &format!("{released}/approve"), client, Value::Null).await.expect(200);
    let payout = json!({"amount": euros("45.00"), "method": "CARD", "destination": "4242"});
    let payout = act(world, "/api/payouts", freelancer, payout).await.expect(201);
    let confirm = format!("/api/payouts/{}/confirm", payout["id"].as_str().unwrap());
    act(world, &confirm, &world.admin, json!({"externalRef": "away"})).await.expect(200);
    for end in ["withdraw", "settlement", ""] {
        let invoice = held(world, client, freelancer, "1478.00").await;
        let opened = act(world, "/api/disputes", client, request(invoice.rsplit('/').next().unwrap())).await;
        let path = format!("/api/disputes/{}", opened.expect(201)["id"].as_str().unwrap());
        match end {
            "withdraw" => drop(act(world, &format!("{path}/withdraw"), client, Value::Null).await.expect(200)),
            "settlement" => {
                let half = json!({"toClient": euros("250.00")});
                act(world, &format!("{path}/settlement"), client, half.clone()).await.expect(200);
                act(world, &format!("{path}/settlement/accept"), freelancer, half).await.expect(200);
            }
            _ => {
                let answer = json!({"text": "It was delivered as agreed.", "evidence": []});
                act(world, &format!("{path}/answer"), freelancer, answer).await.expect(200);
            }
        }
    }
}
