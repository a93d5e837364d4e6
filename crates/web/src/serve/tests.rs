use std::{net::IpAddr, sync::Mutex};

use axum::{body::Bytes, routing::get};
use futures::stream;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::oneshot,
};

use super::*;

const ANSWER: usize = 400 * 1024;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// A connection to a server whose one answer is large, and what ends when the answer is let go.
fn connection(stall_timeout: Duration) -> (DuplexStream, oneshot::Receiver<()>, Served) {
    let (held, gone) = oneshot::channel::<()>();
    let held = Arc::new(Mutex::new(Some(held)));
    let router = Router::new().route(
        "/",
        get(move || {
            let held = held.lock().unwrap().take();
            let parts = stream::iter([Bytes::from(vec![b'x'; ANSWER])]);
            let parts = futures::StreamExt::map(parts, move |part| {
                let _held = &held;
                Ok::<_, io::Error>(part)
            });
            std::future::ready(Body::from_stream(parts))
        }),
    );
    let (ours, theirs) = duplex(8 * 1024);
    let limits = ConnectionLimits { stall_timeout, ..ConnectionLimits::default() };
    let served = Served { router, connections: Connections::new(limits), graceful: GracefulShutdown::new() };
    let peer = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), 4711);
    let admitted = served.connections.admit(peer.ip()).ok().unwrap();
    served.spawn(theirs, peer, admitted);
    (ours, gone, served)
}

#[tokio::test]
async fn a_response_that_is_not_read_is_dropped() {
    let (mut client, gone, _served) = connection(Duration::from_millis(50));
    client.write_all(REQUEST).await.unwrap();
    gone.await.expect_err("the answer is let go");
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < ANSWER / 4, "{}", rest.len());
}

#[tokio::test]
async fn a_reader_that_takes_next_to_nothing_is_given_up() {
    let (mut client, mut gone, _served) = connection(Duration::from_millis(50));
    client.write_all(REQUEST).await.unwrap();
    let mut taken = 0;
    let mut buffer = [0; 10];
    while gone.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        taken += client.read(&mut buffer).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(taken < ANSWER / 4, "{taken}");
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let (mut client, _gone, _served) = connection(Duration::from_millis(500));
    client.write_all(REQUEST).await.unwrap();
    let (mut all, mut buffer) = (0, [0; 4 * 1024]);
    // Slower than the stall timeout allows for all of it, and faster than the least that must be taken.
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        match client.read(&mut buffer).await.unwrap() {
            0 => break,
            read => all += read,
        }
    }
    assert!(all > ANSWER, "{all}");
}

#[tokio::test]
async fn answers_in_slices_say_their_length_and_are_whole() {
    let text = Bytes::from((0..300_000_u32).map(|place| (place % 251) as u8).collect::<Vec<u8>>());
    let whole = text.clone();
    let router = Router::new().route("/", get(move || std::future::ready(whole.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, router, ConnectionLimits::default(), stop.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.contains("content-length: 300000"), "{head}");
    assert!(answer[end + 4..] == text[..]);
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn too_many_hear_it_and_idle_ones_make_room() {
    let limits = ConnectionLimits { all: 2, of_one: 2, ..ConnectionLimits::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let hang = || get(std::future::pending::<()>);
    let router = Router::new().route("/", get(async || "ok")).route("/hang", hang());
    let serving = tokio::spawn(serve(listener, router, limits, stop.clone()));
    let ask = async |request: &[u8]| {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request).await.unwrap();
        client
    };
    let hear = async |mut client: TcpStream| {
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer).await;
        answer
    };
    let mut idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    assert!(hear(ask(REQUEST).await).await.starts_with("HTTP/1.1 200"), "an idle one made room");
    let mut byte = [0];
    let [first, _] = &mut idle;
    assert_eq!(first.read(&mut byte).await.unwrap_or(0), 0, "the longest idle one");
    drop(idle);
    let busy =
        [ask(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await, ask(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await];
    // Both are being answered when a third one is refused.
    let refused = loop {
        let received = hear(TcpStream::connect(address).await.unwrap()).await;
        if !received.is_empty() {
            break received;
        }
    };
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: 2"), "{refused}");
    drop(busy);
    stop.cancel();
    serving.await.unwrap().unwrap();
}
