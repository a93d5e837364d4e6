//! The embedded pair as a process: what it holds in memory and beside its files stays within bounds.

use std::time::{Duration, Instant};

use chainbill_testkit::{EMBEDDED, Fresh};

use crate::world::{World, program, run};

/// Bound of the memory that the process allocates and holds. The pages of the program's file, which the kernel takes back when
/// it needs them, are left out: an unoptimised build has 40 MB of them, the optimised one 30.
const MOST_MB: u64 = 180;

fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_with_much_data_holds_little_and_leaves_no_log_behind() {
    run(async {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let mut demo = program(&fresh);
        let made = demo.args(["demo", "--invoices", "5000", "--json"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut world = World::start(fresh).await;
        let pid = world.server.pid();
        let end = Instant::now() + Duration::from_secs(120);
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        let mut most = 0;
        while world.server.get("/api/sync/status", &world.admin).await.expect(200)["status"] != "healthy" {
            most = most.max(resident_mb(pid));
            assert!(Instant::now() < end, "the copies are not made");
            looks.tick().await;
        }
        for _ in 0..10 {
            // All connections at once, each over many rows.
            let paths = ["/api/invoices?limit=100", "/api/projects?limit=100", "/api/search/projects?q=shop&limit=100"];
            let asked = paths.iter().cycle().take(24).map(|path| world.server.get(path, &world.admin));
            for answer in futures::future::join_all(asked).await {
                answer.expect(200);
            }
            most = most.max(resident_mb(pid));
        }
        assert!(most <= MOST_MB, "{most} MB");
        world.server.stop().await;
        for file in ["primary.db", "secondary.db"] {
            let log = world.fresh.folder.join(format!("{file}-wal"));
            assert_eq!(std::fs::metadata(&log).map_or(0, |log| log.len()), 0, "{file}");
        }
        world.fresh.remove().await;
    });
}
