//! A disk without room: writes are refused, nothing is half done, and all goes on when there is room again.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use chainbill_testkit::{EMBEDDED, Fresh};

use crate::world::{World, bill, run};

/// A small disk in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user may not mount one.
    fn at(folder: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned()))
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = File::create(&path).unwrap();
        for size in [64 * 1024, 1024, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn without_room_writes_are_refused_and_nothing_is_half_done() {
    run(async {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let Some(disk) = SmallDisk::at(&fresh.folder) else {
            eprintln!("NOT TESTED: this user may not mount a small disk");
            return fresh.remove().await;
        };
        let mut world = World::start(fresh).await;
        let (client, freelancer) = world.client_and_freelancer().await;
        let mut acknowledged = Vec::new();
        for round in 0..2 {
            let ballast = disk.fill();
            let refused = loop {
                let answer = world.server.post("/api/invoices", &freelancer, bill(&client)).await;
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
            let made = world.server.post("/api/invoices", &freelancer, bill(&client)).await.expect(201);
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
