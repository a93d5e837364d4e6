//! A primary that hangs: requests fail within their deadlines.

use std::time::{Duration, Instant};

use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy, address, server};
use reqwest::Method;

use crate::world::{Server, World, embedded, invoice_body, program, run};

#[test]
fn with_the_primary_silent_health_and_status_answer_within_a_second() {
    run(async {
        let Some(mysql) = server("MYSQL_TEST_URL") else { return };
        let mut fresh = Fresh::make(&mysql, EMBEDDED).await;
        let proxy = Proxy::before(address(&mysql)).await;
        let place = address(&mysql).to_string();
        fresh.primary = fresh.primary.replace(&place, &proxy.address.to_string());
        let world = World::start(fresh).await;
        world.server.drained().await;
        proxy.set(Fault::Silence);
        for _ in 0..3 {
            for (path, who) in [
                ("/api/sync/status", Some(&world.admin)),
                ("/api/health", None),
                ("/api/health/mysql", None),
                ("/api/health/mongodb", None),
                ("/api/health/sync", None),
                ("/readyz", None),
            ] {
                let started = Instant::now();
                let answer = world.server.send(Method::GET, path, who, None).await;
                assert!(started.elapsed() < Duration::from_millis(1200), "{path} took {:?}", started.elapsed());
                match path {
                    "/api/sync/status" => assert_eq!(answer.refused(503), "deadline"),
                    "/api/health/sync" => assert_eq!(answer.expect(200)["mysql"]["status"], "unhealthy"),
                    "/api/health/mongodb" => assert_eq!(answer.expect(200)["status"], "healthy"),
                    _ => assert_eq!(answer.status.as_u16(), 503, "{path}: {}", answer.text),
                }
            }
        }
        let started = Instant::now();
        let answer = world.server.post("/api/invoices", &world.admin, invoice_body(&world.admin)).await;
        assert!(["deadline", "unavailable"].contains(&answer.refused(503).as_str()), "{}", answer.text);
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
        proxy.set(Fault::None);
        world.server.eventually("it is back", async |health| health["mysql"]["status"] == "healthy").await;
        world.end().await;
    });
}

#[test]
fn behind_a_trusted_proxy_each_client_has_its_own_rate() {
    embedded(async |world| {
        let ask = async |server: &Server, client: &str| {
            let headers = [("x-forwarded-for", client)];
            // Probes are counted separately: a page is requested.
            let answer = server.ask(Method::GET, "/docs", None, None, &headers).await;
            answer.status.as_u16()
        };
        let mut command = program(&world.fresh);
        command.env("RATE_ALL", "2").env("TRUSTED_PROXIES", "127.0.0.1");
        let mut server = Server::start(command).await;
        for client in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
            assert_eq!(
                [ask(&server, client).await, ask(&server, client).await, ask(&server, client).await],
                [200, 200, 429]
            );
        }
        assert_eq!(ask(&server, "2001:db8::2").await, 429, "a /64 is one client");
        assert_eq!(ask(&server, "9.9.9.9, 203.0.113.1").await, 429, "what a client says of itself is not believed");
        server.stop().await;
    });
}
