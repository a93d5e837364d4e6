//! The command line: answers for scripts and exit codes.

use serde_json::json;

use crate::world::{command_in, on_every_pair, program, run};
use chainbill_testkit::{EMBEDDED, Fresh, pairs};

const DEMO: &[&str] = &["demo", "--invoices", "600", "--seed", "7", "--until", "2026-11-01"];

#[test]
fn a_demo_is_the_same_for_the_same_seed_fulfils_the_invariants_and_is_copied_whole() {
    run(async {
        for (primary, secondary) in pairs() {
            let (one, other) = (Fresh::make(&primary, &secondary).await, Fresh::make(&primary, &secondary).await);
            let mut roots = Vec::new();
            for fresh in [&one, &other] {
                let (code, made) = command_in(fresh, DEMO);
                assert_eq!((code, &made["rows"]["invoices"]), (0, &json!(600)), "{made}");
                assert!(made["rows"].as_object().unwrap().values().all(|rows| rows.as_u64().unwrap() > 0), "{made}");
                let (code, said) = command_in(fresh, &["check"]);
                assert_eq!(code, 0, "{said:#}");
                let (code, said) = command_in(fresh, &["sync", "initial"]);
                assert_eq!((code, said["models"].as_array().unwrap().len()), (0, 8), "{said}");
                let (code, said) = command_in(fresh, &["sync", "verify", "--deep"]);
                assert_eq!(code, 0, "{said:#}");
                let of = said["models"].as_array().unwrap().iter();
                roots.push(of.map(|run| run["certificate"]["root"].clone()).collect::<Vec<_>>());
            }
            assert_eq!(roots[0], roots[1], "the same seed makes the same documents");
            let (code, said) = command_in(&one, DEMO);
            assert_eq!(code, 2, "{said}");
            assert!(said["error"].as_str().unwrap().contains("--seed"), "{said}");
            one.remove().await;
            other.remove().await;
        }
    });
}

#[test]
fn migrations_go_up_down_and_up_again() {
    run(async {
        for (primary, secondary) in pairs() {
            let fresh = Fresh::make(&primary, &secondary).await;
            assert_eq!(command_in(&fresh, &["migrate", "status"]).0, 1, "nothing is applied yet");
            let (code, refused) = command_in(&fresh, &["check"]);
            assert_eq!(code, 2);
            assert!(refused["error"].as_str().unwrap().contains("migrate up"), "{refused}");
            assert_eq!(command_in(&fresh, &["migrate", "up"]).0, 0);
            assert_eq!(command_in(&fresh, &["migrate", "status"]).0, 0);
            assert_eq!(command_in(&fresh, &["migrate", "down", "--steps", "3"]).0, 2, "it asks for --yes");
            assert_eq!(command_in(&fresh, &["migrate", "down", "--steps", "3", "--yes"]).0, 0);
            assert_eq!(command_in(&fresh, &["migrate", "up"]).0, 0);
            assert_eq!(command_in(&fresh, &["check"]).0, 0);
            fresh.remove().await;
        }
    });
}

#[test]
fn an_operator_is_made_once() {
    run(async {
        let fresh = Fresh::make(chainbill_testkit::EMBEDDED, chainbill_testkit::EMBEDDED).await;
        command_in(&fresh, &["migrate", "up"]);
        let (code, made) = command_in(&fresh, &["admin", "create"]);
        assert_eq!((code, &made["created"], &made["password"]), (0, &json!(true), &json!(null)));
        assert_eq!(command_in(&fresh, &["admin", "create"]).0, 1);
        let output = program(&fresh).env("ADMIN_PASSWORD", "short").args(["admin", "create"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("10 to 128"));
        fresh.remove().await;
    });
}

#[test]
fn commands_beside_a_running_server_work_on_the_same_databases() {
    on_every_pair(async |world| {
        world.server.drained().await;
        let (code, made) = world.command(&["demo", "--invoices", "200"]);
        assert_eq!(code, 0, "{made}");
        world.server.drained().await;
        world.assert_equal();
        let (code, status) = world.command(&["sync", "status"]);
        assert_eq!((code, &status["status"]), (0, &json!("healthy")), "{status:#}");
        let (code, one) = world.command(&["sync", "users", &world.admin.id]);
        assert_eq!((code, &one["entity"]["verdict"]), (0, &json!("equal")));
        assert_eq!(world.command(&["sync", "users"]).0, 0);
        assert_eq!(world.command(&["sync", "ghosts"]).0, 2);
        assert_eq!(world.command(&["sync", "failures"]).0, 0);
        assert_eq!(world.command(&["sync", "repair"]).0, 0);
        assert_eq!(world.command(&["health", "--url", &world.server.base]).0, 0);
        assert_eq!(world.command(&["health", "--url", "http://127.0.0.1:1"]).0, 2);
        assert_eq!(world.command(&["sync", "mapping"]).1["models"].as_array().unwrap().len(), 8);
    });
}

#[test]
fn commands_report_an_unreachable_mirror_without_waiting() {
    run(async {
        let mut fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        assert_eq!(command_in(&fresh, &["demo", "--invoices", "20"]).0, 0);
        let embedded = std::mem::replace(&mut fresh.secondary, "mongodb://127.0.0.1:1/nobody".to_owned());
        for command in
            [&["sync", "initial"][..], &["sync", "repair"], &["sync", "users"], &["sync", "verify", "--deep"]]
        {
            assert_eq!(command_in(&fresh, command).0, 2, "{command:?}");
        }
        fresh.secondary = embedded;
        assert_eq!(command_in(&fresh, &["sync", "verify", "--deep"]).0, 1, "nothing is there yet");
        assert_eq!(command_in(&fresh, &["sync", "initial"]).0, 0);
        let (code, said) = command_in(&fresh, &["sync", "verify", "--deep"]);
        assert_eq!((code, &said["equal"]), (0, &json!(true)), "{said:#}");
        let left = said["models"].as_array().unwrap().iter().map(|run| run["inFlight"].as_u64().unwrap()).sum::<u64>();
        assert_eq!(left, 0, "what was copied is off the queue");
        fresh.remove().await;
    });
}
