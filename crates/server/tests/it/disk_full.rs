//! A disk without room: writes are refused, nothing is half done, and all goes on when there is room again.

use chainbill_testkit::{EMBEDDED, Fresh, SmallDisk};

use crate::world::{World, invoice_body, run};

#[test]
fn without_room_writes_are_refused_and_nothing_is_half_done() {
    run(async {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let Some(disk) = SmallDisk::at(&fresh.folder) else {
            return fresh.remove().await;
        };
        let mut world = World::start(fresh).await;
        let (client, freelancer) = world.client_and_freelancer().await;
        let mut acknowledged = Vec::new();
        for round in 0..2 {
            let ballast = disk.fill();
            let refused = loop {
                let answer = world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await;
                match answer.status.as_u16() {
                    201 => acknowledged.push(answer.json()["id"].as_str().unwrap().to_owned()),
                    _ => break answer,
                }
                assert!(acknowledged.len() < 20_000, "there is room for ever");
            };
            assert_eq!(refused.status.as_u16(), 503, "round {round}: {}", refused.text);
            for id in &acknowledged {
                world.server.get(&format!("/api/invoices/{id}"), &freelancer).await.expect(200);
            }
            std::fs::remove_file(ballast).unwrap();
            let made = world.server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
            acknowledged.push(made["id"].as_str().unwrap().to_owned());
            world.server.drained().await;
        }
        assert_eq!(world.command(&["check"]).0, 0);
        world.assert_equal();
        world.server.stop().await;
        drop(disk);
        world.fresh.remove().await;
    });
}
