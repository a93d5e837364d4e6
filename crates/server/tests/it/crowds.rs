//! Load from strangers: abandoned logins, readers that never read, idle sockets, floods beside probes.

use std::{
    net::{IpAddr, SocketAddr},
    process::Command,
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::world::{PASSWORD, Person, Server, World, embedded, program};

/// A figure of the process from `/proc/<pid>/status`, in KiB or as a count.
fn figure(server: &Server, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn address(server: &Server) -> SocketAddr {
    server.base.trim_start_matches("http://").parse().unwrap()
}

/// A connection from another address of this machine, as a stranger's.
async fn connect_from(server: &Server, own: IpAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // A small window: what is not read soon waits on the other side.
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind(SocketAddr::new(own, 0)).unwrap();
    socket.connect(address(server)).await.unwrap()
}

fn login_request(email: &str, password: &str) -> String {
    let body = json!({"email": email, "password": password}).to_string();
    format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// Memory and threads that abandoned logins may take.
const MOST_KIB: u64 = 60 * 1024;
const MOST_THREADS: u64 = 12;

#[test]
fn a_thousand_abandoned_logins_take_little_and_an_honest_one_is_served_meanwhile() {
    embedded(async |world| {
        let server = &world.server;
        let (memory, threads) = (figure(server, "VmHWM"), figure(server, "Threads"));
        let honest = async {
            let mut slowest = Duration::ZERO;
            for _ in 0..5 {
                let began = std::time::Instant::now();
                server.login("root@example.org").await;
                slowest = slowest.max(began.elapsed());
            }
            slowest
        };
        let flood = async {
            for _ in 0..20 {
                let abandoned = (0..50).map(|_| async {
                    let mut stream = connect_from(server, STRANGER).await;
                    let _ = stream.write_all(login_request("root@example.org", "wrong wrong").as_bytes()).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                });
                futures::future::join_all(abandoned).await;
            }
        };
        let (slowest, ()) = futures::future::join(honest, flood).await;
        let more = figure(server, "VmHWM") - memory;
        let most = figure(server, "Threads");
        eprintln!(
            "1,000 abandoned logins: {more} KiB more at most, {threads} threads before and {most} after, an honest one took \
             {slowest:?} at most"
        );
        assert!(more <= MOST_KIB, "{more} KiB more");
        assert!(most <= threads + MOST_THREADS, "{threads} threads before, {most} after");
    });
}

#[test]
fn logins_that_find_the_queue_full_hear_it_at_once() {
    embedded(async |world| {
        let server = &world.server;
        let body = json!({"email": "root@example.org", "password": "wrong wrong"});
        let many = (0..60).map(|_| server.send(Method::POST, "/api/auth/login", None, Some(body.clone())));
        let answers = futures::future::join_all(many).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!(statuses, [401, 429], "two are worked on, sixteen wait, the others are told to come again");
        let refused = answers.iter().find(|answer| answer.status.as_u16() == 429).unwrap();
        assert_eq!((refused.refused(429).as_str(), refused.header("retry-after")), ("too-many", "2"));
        server.login("root@example.org").await;
    });
}

/// Invoices whose lists are large.
async fn heavy(world: &World) -> String {
    let (client, freelancer) = world.client_and_freelancer().await;
    let line = json!({
        "description": "\u{1f600}".repeat(500), "quantity": "1", "unitPrice": {"amount": "1.00", "currency": "EUR"},
    });
    let invoice = json!({"clientId": client.id, "title": "Heavy", "currency": "EUR", "lines": vec![line; 200]});
    for _ in 0..60 {
        world.server.post("/api/invoices", &freelancer, invoice.clone()).await.expect(201);
    }
    freelancer.token
}

#[test]
fn readers_that_never_read_are_closed_and_their_answers_are_bounded() {
    embedded(async |world| {
        let server = &world.server;
        let token = heavy(world).await;
        server.drained().await;
        // Caches of the databases' connections are filled by honest readers: what they take is not the strangers'.
        let list = Person { id: String::new(), token: token.clone(), csrf: String::new() };
        let honest = (0..48).map(|_| server.get("/api/invoices?limit=100", &list));
        assert!(futures::future::join_all(honest).await.iter().all(|answer| answer.status.as_u16() == 200));
        // The peak begins anew (proc(5), clear_refs).
        std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
        let before = figure(server, "VmRSS");
        let request =
            format!("GET /api/invoices?limit=100 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        let mut readers = Vec::new();
        for _ in 0..20 {
            let mut stream = connect_from(server, STRANGER).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            readers.push(stream);
        }
        // The buffers of both ends arrive, then the end: a stalled reader is closed.
        let mut whole = 0;
        for mut reader in readers {
            // It stands still until the other end has given it up.
            while reader.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let mut rest = Vec::new();
            let _ = reader.read_to_end(&mut rest).await;
            whole += usize::from(rest.len() > 4 << 20);
        }
        assert_eq!(whole, 0, "none of them has been sent whole");
        let most = figure(server, "VmHWM").saturating_sub(before);
        eprintln!("20 readers that never read: {most} KiB more at most");
        assert!(most < 128 * 1024, "{most} KiB more");
        server.login("root@example.org").await;
    });
}

#[test]
fn a_page_of_large_invoices_ends_early_and_the_walk_has_them_all() {
    embedded(async |world| {
        heavy(world).await;
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = world.server.get(&format!("/api/invoices?limit=100{cursor}"), &world.admin).await.expect(200);
            pages += 1;
            let rows = page["data"].as_array().unwrap();
            assert!(rows.iter().all(|row| row["lines"].as_array().unwrap().len() == 200));
            seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((all, seen.len()), (60, 60));
        assert!(pages > 4, "a dozen invoices of 400 kB are enough for a page: {pages}");
    });
}

/// A server that may open few files.
async fn with_few_files(world: &World, files: u32) -> Server {
    let plain = program(&world.fresh);
    let mut command = Command::new("sh");
    command.env_clear().current_dir(&world.fresh.folder);
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\"")]).arg(plain.get_program());
    Server::start(command).await
}

#[test]
fn idle_sockets_do_not_keep_honest_requests_out() {
    embedded(async |world| {
        let mut server = with_few_files(world, 300).await;
        let mut idle = Vec::new();
        for _ in 0..380 {
            idle.push(connect_from(&server, STRANGER).await);
        }
        for _ in 0..20 {
            // Each on a connection of its own, from the strangers' address too.
            for own in ["127.0.0.1", "127.0.0.2"] {
                let client = Client::builder().local_address(own.parse::<IpAddr>().unwrap()).build().unwrap();
                let answer = client.get(format!("{}/api/health", server.base)).send().await.unwrap();
                assert_eq!(answer.status().as_u16(), 200, "{own}");
            }
        }
        drop(idle);
        server.stop().await;
    });
}

#[test]
fn a_flood_leaves_probes_alone_and_metrics_can_be_guarded_or_served_apart() {
    embedded(async |world| {
        let mut command = program(&world.fresh);
        command.env("RATE_ALL", "3").env("METRICS_TOKEN", "a-token-of-monitors");
        let mut server = Server::start(command).await;
        let get = async |path: &str, headers: &[(&str, &str)]| {
            server.ask(Method::GET, path, None, None, headers).await.status.as_u16()
        };
        while get("/api/nothing", &[]).await != 429 {}
        for path in ["/livez", "/readyz", "/api/health", "/api/health/sync", "/api/health/mysql"] {
            assert_eq!(get(path, &[]).await, 200, "{path}");
        }
        assert_eq!(get("/metrics", &[]).await, 401);
        assert_eq!(get("/metrics", &[("authorization", "Bearer a-token-of-monitor")]).await, 401);
        assert_eq!(get("/metrics", &[("authorization", "Bearer a-token-of-monitors")]).await, 200);
        server.stop().await;

        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = program(&world.fresh);
        command.env("METRICS_BIND_ADDRESS", free.to_string());
        let mut server = Server::start(command).await;
        assert_eq!(server.send(Method::GET, "/metrics", None, None).await.refused(404), "not-found");
        let text = chainbill_testkit::http().get(format!("http://{free}/metrics")).send().await.unwrap();
        assert!(text.text().await.unwrap().contains("# TYPE chainbill_http_requests_total counter"));
        let api = chainbill_testkit::http().get(format!("http://{free}/api/health")).send().await.unwrap();
        assert_eq!(api.status().as_u16(), 404, "nothing else is there");
        server.stop().await;
    });
}

#[test]
fn every_metric_says_what_it_is_and_counts_are_fresh() {
    embedded(async |world| {
        let server = &world.server;
        server.drained().await;
        server.register("Ada", "CLIENT").await;
        server.drained().await;
        let text = server.send(Method::GET, "/metrics", None, None).await.text;
        assert!(text.contains("chainbill_sync_primary_rows{model=\"users\"} 2"), "{text}");
        assert!(text.contains("chainbill_sync_secondary_documents{model=\"users\"} 2"), "{text}");
        for line in text.lines().filter(|line| line.starts_with("chainbill_")) {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let told =
                |word: &str| text.contains(&format!("# {word} {base} ")) || text.contains(&format!("# {word} {name} "));
            assert!(told("HELP") && told("TYPE"), "{name}");
        }
    });
}

#[test]
fn stale_credentials_lock_no_user_out() {
    embedded(async |world| {
        let ada = world.server.register("Ada", "CLIENT").await;
        let server = &world.server;
        let cookie = format!("chainbill_session={}", ada.token);
        let stale = [("authorization", "Bearer nobody-has-this-token"), ("cookie", "chainbill_session=over")];
        let body = json!({"email": "ada@example.org", "password": PASSWORD});
        for headers in [&[("cookie", cookie.as_str())][..], &stale[..1], &stale[1..], &stale] {
            server.ask(Method::POST, "/api/auth/login", None, Some(body.clone()), headers).await.expect(200);
        }
        let new = json!({"email": "bob@example.org", "password": PASSWORD, "name": "Bob", "role": "CLIENT"});
        server.ask(Method::POST, "/api/auth/register", None, Some(new), &[("cookie", &cookie)]).await.expect(201);
        let out = server.ask(Method::POST, "/api/auth/logout", None, None, &stale).await;
        out.expect(204);
        assert!(out.header("set-cookie").contains("Max-Age=0"));
        // A page that was loaded anew has the cookie and nothing else.
        let me = server.ask(Method::GET, "/api/auth/me", None, None, &[("cookie", &cookie)]).await.expect(200);
        assert_eq!((&me["id"], me["csrfToken"].as_str()), (&json!(ada.id), Some(ada.csrf.as_str())));
        let change = Some(json!({"name": "Ada L."}));
        let headers = [("cookie", cookie.as_str()), ("x-csrf-token", me["csrfToken"].as_str().unwrap())];
        server.ask(Method::PATCH, &format!("/api/users/{}", ada.id), None, change, &headers).await.expect(200);
        server.ask(Method::POST, "/api/auth/logout", None, None, &[("cookie", &cookie)]).await.expect(204);
        assert_eq!(server.get("/api/auth/me", &ada).await.refused(401), "unauthenticated", "it has ended");
        let wrong = json!({"email": "ada@example.org", "password": "wrong wrong"});
        let refused = server.send(Method::POST, "/api/auth/login", None, Some(wrong)).await;
        assert!(!refused.text.contains("Authorization"), "{}", refused.text);
    });
}
