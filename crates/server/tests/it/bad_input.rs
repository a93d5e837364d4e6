//! Bad input gets what it deserves, and never a five hundred.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{Server, embedded, invoice_body, program};

/// Sends bytes as they are; the status of the answer.
async fn raw(server: &Server, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status =
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {text:?}"));
    (status, text)
}

fn post(path: &str, token: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn bodies_that_are_no_strict_json_are_refused() {
    embedded(async |world| {
        let (server, token) = (&world.server, world.admin.token.as_str());
        let bomb = [b"{\"name\":".to_vec(), vec![b'['; 200_000]].concat();
        let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
            ("application/json", b"{".to_vec(), &[400]),
            ("application/json", b"".to_vec(), &[400]),
            ("application/json", b"{\"name\":\"\xff\xfe\",\"category\":\"x\"}".to_vec(), &[400, 422]),
            ("application/json", b"{\"name\":\"a\",\"name\":\"b\",\"category\":\"x\"}".to_vec(), &[400, 422]),
            ("application/json", b"{\"name\":\"a\",\"category\":\"x\"} {}".to_vec(), &[400]),
            ("application/json", b"{\"name\":\"a\",\"category\":\"x\",\"verified\":true}".to_vec(), &[422]),
            ("application/json", b"{\"name\":{\"$gt\":\"\"},\"category\":\"x\"}".to_vec(), &[422]),
            ("application/json", bomb, &[400, 422]),
            ("text/plain", b"{\"name\":\"a\",\"category\":\"x\"}".to_vec(), &[415]),
            ("application/x-www-form-urlencoded", b"name=a".to_vec(), &[415]),
            ("application/json", vec![b' '; (1 << 20) + 1], &[413]),
        ];
        for (kind, body, accepted) in cases {
            let (status, text) = raw(server, &post("/api/skills", token, kind, &body)).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert!(accepted.contains(&status), "{shown}: {text}");
            assert!(text.contains("application/problem+json"), "{shown}: {text}");
        }
        let (status, _) = raw(
            server,
            format!("GET /api/skills?q={} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "x".repeat(9000))
                .as_bytes(),
        )
        .await;
        assert_eq!(status, 414);
        let (status, _) = raw(
            server,
            format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: {}\r\n\r\n", "x".repeat(40_000))
                .as_bytes(),
        )
        .await;
        assert_eq!(status, 431);
        let gzip = b"POST /api/skills HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(raw(server, gzip).await.0, 415);
        server.send(Method::GET, "/livez", None, None).await;
    });
}

#[test]
fn amounts_and_days_that_are_none_are_refused_by_field() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let refused = async |change: Value, pointer: &str| {
            let mut body = invoice_body(&client);
            for (place, value) in change.as_object().unwrap() {
                *body.pointer_mut(place).unwrap() = value.clone();
            }
            let answer = world.server.post("/api/invoices", &freelancer, body).await;
            let fields = answer.fields();
            assert!(fields.iter().any(|field| field.starts_with(pointer)), "{change}: {fields:?}");
        };
        for amount in [
            "-1",
            "-0.01",
            "NaN",
            "inf",
            "1e308",
            "1e2",
            "0x10",
            "1.00000000000000000001",
            "1.0000001",
            "",
            " 1",
            "1,00",
            "٣",
        ] {
            refused(json!({"/lines/0/unitPrice/amount": amount}), "/lines/0/unitPrice").await;
        }
        for amount in [json!(1.5), json!(1), json!(null), json!(["1"]), json!({"$gt": ""})] {
            refused(json!({"/lines/0/unitPrice/amount": amount}), "/lines/0/unitPrice").await;
        }
        refused(json!({"/lines/0/unitPrice/amount": "99999999999999999999"}), "/lines/0/unitPrice").await;
        refused(json!({"/lines/0/quantity": "0"}), "/lines/0/quantity").await;
        refused(json!({"/lines/0/taxRate": "101"}), "/lines/0/taxRate").await;
        refused(json!({"/lines/0/unitPrice/currency": "USD"}), "/lines/0/unitPrice").await;
        refused(json!({"/currency": "XXXX"}), "/currency").await;
        refused(json!({"/lines": []}), "/lines").await;
        for day in ["2026-02-30", "2026-13-01", "10000-01-01", "2026-1-1", "tomorrow", "2026-01-01T24:00:00Z"] {
            refused(json!({"/dueDate": day}), "/dueDate").await;
        }
        let id = crate::world::sent(world, &client, &freelancer).await;
        for at in [
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "10000-01-01T00:00:00Z",
            "2026-01-01",
            "2016-12-31T23:59:60Z",
            "2026-01-01 00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            let mut body = crate::world::payment("1.00", at);
            body["receivedAt"] = json!(at);
            let path = format!("/api/invoices/{id}/pay");
            let answer = world
                .server
                .ask(
                    Method::POST,
                    &path,
                    Some(&client),
                    Some(body),
                    &[("idempotency-key", at.split(':').next().unwrap())],
                )
                .await;
            assert_eq!(answer.fields(), ["/receivedAt"], "{at}");
        }
    });
}

#[test]
fn addresses_that_look_alike_are_one_account() {
    embedded(async |world| {
        world.server.register("Ada", "CLIENT").await;
        for email in ["ADA@example.org", " ada@example.org ", "ada@EXAMPLE.org"] {
            let body = json!({"email": email, "password": "correct horse battery", "name": "x", "role": "CLIENT"});
            assert_eq!(
                world.server.send(Method::POST, "/api/auth/register", None, Some(body)).await.fields(),
                ["/email"],
                "{email}"
            );
        }
        for email in ["\u{430}da@example.org", "ada", "a@b@c", "a\0@example.org", "a b@example.org", "@example.org"] {
            let body = json!({"email": email, "password": "correct horse battery", "name": "x", "role": "CLIENT"});
            assert_eq!(
                world.server.send(Method::POST, "/api/auth/register", None, Some(body)).await.fields(),
                ["/email"],
                "{email:?}"
            );
        }
    });
}

#[test]
fn texts_are_data_whatever_they_look_like() {
    embedded(async |world| {
        let ada = world.server.register("Ada", "FREELANCER").await;
        let path = format!("/api/users/{}", ada.id);
        for text in [
            "'; DROP TABLE users; --",
            "{\"$gt\":\"\"}",
            "<script>alert(1)</script>",
            "../../etc/passwd",
            "=cmd|' /C calc'!A0",
            "😀 e\u{301} \u{200b}",
        ] {
            let user =
                world.server.send(Method::PATCH, &path, Some(&ada), Some(json!({"bio": text}))).await.expect(200);
            // Texts are kept in their composed form (Unicode NFC), so that equal texts are equal bytes.
            assert_eq!(user["bio"], text.replace("e\u{301}", "é"));
        }
        for text in ["a\0b", "\u{202e}gnp.exe"] {
            let answer = world.server.send(Method::PATCH, &path, Some(&ada), Some(json!({"name": text}))).await;
            assert_eq!(answer.fields(), ["/name"], "{text:?}");
        }
        world.server.drained().await;
        world.assert_equal();
    });
}

#[test]
fn floods_are_rate_limited() {
    embedded(async |world| {
        let mut command = program(&world.fresh);
        command.env("RATE_LOGIN", "3");
        let mut server = Server::start(command).await;
        let body = json!({"email": "root@example.org", "password": "wrong wrong"});
        let mut last = 0;
        for _ in 0..5 {
            let answer = server.send(Method::POST, "/api/auth/login", None, Some(body.clone())).await;
            last = answer.status.as_u16();
            assert!(answer.header("ratelimit-policy").contains("q=3"));
            if last == 429 {
                assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
            }
        }
        assert_eq!(last, 429);
        server.send(Method::GET, "/api/health", None, None).await.expect(200);
        server.stop().await;
    });
}

#[test]
fn an_array_is_no_object() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let skill = server.post("/api/skills", &client, json!(["tuple", "cat", null])).await;
        assert_eq!(skill.fields(), [""]);
        let mut body = invoice_body(&client);
        body["lines"][1] = json!(["Audit", "1", {"amount": "1.00", "currency": "EUR"}, null]);
        assert_eq!(server.post("/api/invoices", &freelancer, body).await.fields(), ["/lines/1"]);
        let mut body = invoice_body(&client);
        body["lines"][0]["unitPrice"] = json!(["1.00", "EUR"]);
        assert_eq!(server.post("/api/invoices", &freelancer, body).await.fields(), ["/lines/0/unitPrice"]);
    });
}

#[test]
fn where_no_body_is_taken_none_is_accepted() {
    embedded(async |world| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let server = &world.server;
        let made = server.post("/api/invoices", &freelancer, invoice_body(&client)).await.expect(201);
        let send = format!("/api/invoices/{}/send", made["id"].as_str().unwrap());
        let fields = json!({"number": "1", "status": "PAID"});
        assert_eq!(server.post(&send, &freelancer, fields.clone()).await.fields(), ["/number", "/status"]);
        assert_eq!(server.post(&send, &freelancer, json!(["x"])).await.fields(), [""]);
        assert_eq!(server.post("/api/auth/logout", &client, fields.clone()).await.fields().len(), 2);
        assert_eq!(server.post("/api/sync/initial", &world.admin, fields.clone()).await.fields().len(), 2);
        assert_eq!(server.send(Method::POST, &send, None, Some(fields)).await.refused(401), "unauthenticated");
        server.post(&send, &freelancer, json!({})).await.expect(200);
        let verified = server.act("/api/sync/verify", &world.admin).await;
        assert!(
            [200, 202].contains(&verified.status.as_u16()),
            "a verification without options needs no body: {}",
            verified.text
        );
        let login = server.send(Method::POST, "/api/auth/login", None, None).await;
        assert_eq!(login.refused(415), "unsupported-media-type", "this one needs its fields");
    });
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_before_it_comes() {
    embedded(async |world| {
        let head = "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\n\r\n{";
        let (status, text) = raw(&world.server, head.as_bytes()).await;
        assert_eq!(status, 413, "{text}");
        assert!(text.contains("application/problem+json") && text.contains("connection: close"), "{text}");
    });
}

#[test]
fn parameters_that_are_none_are_refused_by_name() {
    embedded(async |world| {
        let (server, admin) = (&world.server, &world.admin);
        for (path, pointer) in [
            ("/api/invoices/%ff", "/id"),
            ("/api/sync/users/%c3%28", "/id"),
            ("/api/sync/failures?modle=users", "/modle"),
            ("/api/users?limit=-1", "/limit"),
            ("/api/users?limit=1&limit=2", "/limit"),
            ("/api/search/users", "/q"),
            ("/api/analytics/system?days=soon", "/days"),
        ] {
            let answer = server.get(path, admin).await;
            assert_eq!(answer.fields(), [pointer], "{path}");
            assert!(!answer.text.contains("eserialize"), "{}", answer.text);
        }
    });
}

#[test]
fn a_request_with_two_frames_or_none_is_refused() {
    embedded(async |world| {
        let chunked = "\r\nconnection: close\r\ncontent-type: application/json\r\n";
        for head in [
            "GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
            "GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned(),
            "GET /livez HTTP/1.1\r\nhost: a\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(),
            "GET /livez HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n".to_owned(),
            format!(
                "POST /api/auth/login HTTP/1.1\r\nhost: a{chunked}transfer-encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
            ),
            format!("POST /api/auth/login HTTP/1.1\r\nhost: a{chunked}transfer-encoding: identity\r\n\r\n"),
            format!(
                "POST /api/auth/login HTTP/1.1\r\nhost: a{chunked}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"
            ),
        ] {
            let (status, text) = raw(&world.server, head.as_bytes()).await;
            assert_eq!(status, 400, "{head}: {text}");
        }
        for fine in [
            "GET /livez HTTP/1.0\r\n\r\n".to_owned(),
            "GET /livez HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n".to_owned(),
            "GET http://elsewhere/livez HTTP/1.1\r\nhost: elsewhere\r\nconnection: close\r\n\r\n".to_owned(),
        ] {
            let (status, text) = raw(&world.server, fine.as_bytes()).await;
            assert_eq!(status, 200, "{fine}: {text}");
        }
        let login = format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: a{chunked}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        assert_eq!(raw(&world.server, login.as_bytes()).await.0, 422, "a body in chunks is read");
    });
}

#[test]
fn figures_do_not_grow_with_what_clients_invent() {
    embedded(async |world| {
        let server = &world.server;
        for place in 0..3 {
            let request = format!("BREW{place} /api/pot{place} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            raw(server, request.as_bytes()).await;
            let request = format!("BREW{place} /api/skills HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            assert_eq!(raw(server, request.as_bytes()).await.0, 405);
        }
        let figures = server.send(Method::GET, "/metrics", None, None).await.text;
        assert!(figures.contains("method=\"other\",path=\"/api/skills\",status=\"405\""), "{figures}");
        assert!(!figures.contains("BREW") && !figures.contains("pot1"), "{figures}");
    });
}
