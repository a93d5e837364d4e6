//! Alarms reach their operator.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy, address, server};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::world::{Server, program, run};

/// The received alarms; waiting tests are woken by each new one.
type Heard = Arc<watch::Sender<Vec<String>>>;

/// A web server that keeps what is posted to it, but for the first so many, which it refuses.
async fn webhook(heard: Heard, mut refusals: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = String::new();
            while !complete(&text) {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).await.unwrap();
                text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
            }
            if refusals > 0 {
                refusals -= 1;
                stream.write_all(b"HTTP/1.1 503 Busy\r\nconnection: close\r\n\r\n").await.unwrap();
                continue;
            }
            heard.send_modify(|all| all.push(text));
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
        }
    });
    format!("http://{address}/alarms")
}

fn complete(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    header(head, "content-length").parse() == Ok(body.len())
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap_or("")
}

/// A mail server that keeps what is sent to it.
async fn mail_server(heard: Heard) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, heard.clone()));
        }
    });
    format!("smtp://{address}")
}

/// As much of RFC 5321 as a mail needs.
async fn converse(stream: TcpStream, heard: Heard) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut mail: Option<String> = None;
    writing.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: &[u8] = match &mut mail {
            Some(text) if line == "." => {
                let text = std::mem::take(text);
                heard.send_modify(|all| all.push(text));
                mail = None;
                b"250 ok\r\n"
            }
            Some(text) => {
                text.push_str(&line);
                text.push('\n');
                continue;
            }
            None if line.eq_ignore_ascii_case("data") => {
                mail = Some(String::new());
                b"354 go on\r\n"
            }
            None => b"250 ok\r\n",
        };
        if writing.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// A program whose mirror is lost and returns, and the receivers of its alarms.
struct Story {
    fresh: Fresh,
    proxy: Proxy,
    program: Server,
    posted: Heard,
    mailed: Heard,
}

impl Story {
    /// None without a mirror that can be lost.
    async fn begin(refusals: usize) -> Option<Self> {
        let mongo = server("MONGODB_TEST_URL")?;
        let mut fresh = Fresh::make(EMBEDDED, &mongo).await;
        let proxy = Proxy::before(address(&mongo)).await;
        let name = fresh.secondary.rsplit('/').next().unwrap().to_owned();
        fresh.secondary = format!("mongodb://{}/{name}?directConnection=true", proxy.address);
        let (posted, mailed) = (Heard::default(), Heard::default());
        let mut command = program(&fresh);
        command
            .env("ALERT_WEBHOOK_URL", webhook(posted.clone(), refusals).await)
            .env("SYNC_LATE_AFTER", "6s")
            .env("ALERT_WEBHOOK_SECRET", "whsec_c2VjcmV0IGtleQ==")
            .env("ALERT_EMAIL_TO", "operator@example.org")
            .env("SMTP_URL", mail_server(mailed.clone()).await);
        let program = Server::start(command).await;
        program.drained().await;
        Some(Self { fresh, proxy, program, posted, mailed })
    }

    async fn end(mut self) -> Vec<String> {
        self.program.stop().await;
        self.fresh.remove().await;
        self.posted.borrow().clone()
    }
}

#[test]
fn a_lost_mirror_and_its_return_are_reported_once_each() {
    run(async {
        let Some(story) = Story::begin(0).await else { return };
        for (fault, word) in [(Fault::Refuse, "began"), (Fault::None, "ended")] {
            story.proxy.set(fault);
            until(&story.posted, word).await;
            until(&story.mailed, word).await;
        }
        let posted = story.end().await;
        for text in &posted {
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(b"secret key").unwrap();
            mac.update(
                format!("{}.{}.{body}", header(head, "webhook-id"), header(head, "webhook-timestamp")).as_bytes(),
            );
            let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            assert_eq!(header(head, "webhook-signature"), expected);
        }
        assert_eq!(reported_states(&posted), ["began", "ended"]);
    });
}

#[test]
fn an_alarm_does_not_overtake_one_that_is_being_retried() {
    run(async {
        let Some(story) = Story::begin(2).await else { return };
        for (fault, word) in [(Fault::Refuse, "began"), (Fault::None, "ended")] {
            story.proxy.set(fault);
            until(&story.mailed, word).await;
        }
        for word in ["began", "ended"] {
            until(&story.posted, word).await;
        }
        assert_eq!(reported_states(&story.end().await), ["began", "ended"]);
    });
}

#[test]
fn a_recovery_raises_no_alarm_of_its_own() {
    run(async {
        let Some(story) = Story::begin(0).await else { return };
        story.proxy.set(Fault::Refuse);
        // Longer than what makes a stall or is late.
        let waits = async |health: &Value| health["sync"]["oldestSeconds"].as_f64().is_some_and(|oldest| oldest > 9.0);
        story.program.eventually("changes wait for long", waits).await;
        story.proxy.set(Fault::None);
        until(&story.posted, "ended").await;
        story.program.drained().await;
        let posted = story.end().await;
        let types: Vec<String> = posted
            .iter()
            .map(|text| serde_json::from_str::<Value>(text.split_once("\r\n\r\n").unwrap().1).unwrap())
            .map(|body| format!("{} {}", body["type"], body["state"]))
            .collect();
        assert_eq!(types, [r#""sync.unreachable" "began""#, r#""sync.unreachable" "ended""#]);
    });
}

/// The posted states of the alarm about an unreachable mirror.
fn reported_states(posted: &[String]) -> Vec<String> {
    let bodies =
        posted.iter().map(|text| serde_json::from_str::<Value>(text.split_once("\r\n\r\n").unwrap().1).unwrap());
    bodies
        .filter(|body| body["type"] == "sync.unreachable")
        .map(|body| body["state"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits for the alarm that the mirror's outage began or ended.
async fn until(heard: &Heard, word: &str) {
    let said = |all: &Vec<String>| all.iter().any(|text| text.contains("sync.unreachable") && text.contains(word));
    let mut hearing = heard.subscribe();
    let arrived = tokio::time::timeout(Duration::from_secs(60), hearing.wait_for(said)).await.is_ok();
    assert!(arrived, "nobody was told: {:?}", heard.borrow());
}
