//! The primary goes away, falls silent and loses its replies while clients write: they ask again with the same key, and
//! everything happens once.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy, address, server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, Server, World, invoice_body, payment, run};

const WRITERS: usize = 3;
/// Rounds of all writers that a fault must outlast and be outlasted by.
const ROUNDS: usize = 6;

/// Pairs whose primary stands behind a proxy.
async fn primaries_behind_a_proxy() -> Vec<(Fresh, Proxy)> {
    let second = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let mut found = Vec::new();
    for primary in ["MYSQL_TEST_URL", "MARIADB_TEST_URL"].into_iter().filter_map(server) {
        let proxy = Proxy::before(address(&primary)).await;
        let mut fresh = Fresh::make(&primary, &second).await;
        // MySQL checks a password without encryption only after it has once checked it with.
        fresh.records().await.ping().await.unwrap();
        fresh.primary = proxy.instead_of(&fresh.primary);
        found.push((fresh, proxy));
    }
    found
}

/// Clients that ask again with the same key until they are answered for good.
struct Writers<'w> {
    server: &'w Server,
    client: &'w Person,
    freelancer: &'w Person,
    rounds: AtomicUsize,
    over: AtomicUsize,
    asked_again: AtomicUsize,
}

impl Writers<'_> {
    async fn surely(&self, who: &Person, path: &str, key: &str, body: Value) -> Value {
        loop {
            let headers = [("idempotency-key", key)];
            let asked = self
                .server
                .try_ask(Method::POST, path, Some(who), Some(body.clone()).filter(|body| !body.is_null()), &headers)
                .await;
            let answer = asked.expect("ChainBill answers, whatever the primary does");
            match answer.status.as_u16() {
                200 | 201 => return answer.json(),
                503 => {}
                409 if answer.text.contains("still-running") || answer.text.contains("\"changed\"") => {}
                status => panic!("{path} answered {status}: {}", answer.text),
            }
            self.asked_again.fetch_add(1, SeqCst);
        }
    }

    /// Titles of invoices by id, all acknowledged and paid.
    async fn write(&self, writer: usize) -> BTreeMap<String, String> {
        let mut acknowledged = BTreeMap::new();
        for round in 0.. {
            if self.over.load(SeqCst) > 0 {
                break;
            }
            let title = format!("bill {writer} {round}");
            let mut body = invoice_body(self.client);
            body["title"] = json!(title);
            let key = |what: &str| format!("{what}-{writer}-{round}");
            let made = self.surely(self.freelancer, "/api/invoices", &key("make"), body).await;
            let id = made["id"].as_str().unwrap().to_owned();
            let path = format!("/api/invoices/{id}");
            self.surely(self.freelancer, &format!("{path}/send"), &key("send"), Value::Null).await;
            self.surely(self.freelancer, &format!("{path}/pay"), &key("pay"), payment("10.00", &id)).await;
            acknowledged.insert(id, title);
            self.rounds.fetch_add(1, SeqCst);
        }
        acknowledged
    }

    async fn some_rounds(&self) {
        let wanted = self.rounds.load(SeqCst) + ROUNDS;
        let mut look = tokio::time::interval(Duration::from_millis(10));
        let until = Instant::now() + Duration::from_secs(90);
        while self.rounds.load(SeqCst) < wanted {
            assert!(Instant::now() < until, "clients write no more");
            look.tick().await;
        }
    }
}

/// Health responds within a second and names the fault.
async fn health_answers(server: &Server, proxy: &Proxy, fault: Fault) {
    let lost = proxy.lost();
    for _ in 0..5 {
        let asked = Instant::now();
        let health = server.send(Method::GET, "/api/health/sync", None, None).await;
        assert!(asked.elapsed() < Duration::from_millis(1100), "health took {:?} with {fault:?}", asked.elapsed());
        assert!([200, 503].contains(&health.status.as_u16()), "{fault:?}: {}", health.text);
        if matches!(fault, Fault::Silence | Fault::Refuse) {
            assert_ne!(health.json()["status"], "healthy", "{fault:?}: {}", health.text);
        }
    }
    if matches!(fault, Fault::LoseCommits) {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        let until = Instant::now() + Duration::from_secs(60);
        while proxy.lost() < lost + 5 {
            assert!(Instant::now() < until, "no reply to a COMMIT was lost");
            look.tick().await;
        }
    }
}

#[test]
fn a_primary_that_is_away_silent_or_loses_replies_to_commit_doubles_and_loses_nothing() {
    run(async {
        for (fresh, proxy) in primaries_behind_a_proxy().await {
            let world = World::start(fresh).await;
            let (client, freelancer) = world.client_and_freelancer().await;
            let writers = Writers {
                server: &world.server,
                client: &client,
                freelancer: &freelancer,
                rounds: AtomicUsize::new(0),
                over: AtomicUsize::new(0),
                asked_again: AtomicUsize::new(0),
            };
            let breaking = async {
                for fault in [Fault::LoseCommits, Fault::Refuse, Fault::Silence, Fault::LoseCommits, Fault::Reset] {
                    writers.some_rounds().await;
                    proxy.set(fault);
                    health_answers(&world.server, &proxy, fault).await;
                    proxy.set(Fault::None);
                }
                writers.some_rounds().await;
                writers.over.store(1, SeqCst);
            };
            let all = futures::future::join_all((0..WRITERS).map(|writer| writers.write(writer)));
            let (acknowledged, ()) = futures::join!(all, breaking);
            let acknowledged: BTreeMap<String, String> = acknowledged.into_iter().flatten().collect();
            assert!(writers.asked_again.load(SeqCst) > 0, "nobody noticed anything");
            assert_all_once(&world.server, &freelancer, &acknowledged).await;
            assert_eq!(world.command(&["check"]).0, 0);
            world.server.drained().await;
            world.assert_equal();
            world.end().await;
        }
    });
}

/// Every acknowledged invoice exists and is paid once, and there is no other.
async fn assert_all_once(server: &Server, freelancer: &Person, acknowledged: &BTreeMap<String, String>) {
    let (mut there, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = server.get(&format!("/api/invoices?limit=100{cursor}"), freelancer).await.expect(200);
        for invoice in page["data"].as_array().unwrap() {
            assert_eq!(invoice["paid"]["amount"], "10.00", "{invoice}");
            there.insert(invoice["id"].as_str().unwrap().to_owned(), invoice["title"].as_str().unwrap().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&there, acknowledged);
}
