//! Each fault of the proxy has its described effect, which ends with the fault.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chainbill_domain::{SystemClock, SystemRandom};
use chainbill_records::{
    Records, RecordsError,
    connect::{ConnectSettings, Connected, connect},
};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy, address, primaries};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

/// Longer than anything that is expected to come, shorter than patience.
const SOON: Duration = Duration::from_secs(10);
/// Long enough to believe that nothing comes.
const NEVER: Duration = Duration::from_millis(300);

/// An echo server.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                // A client that goes away in the middle is what this is about.
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn behind_a_proxy() -> (Proxy, TcpStream) {
    let proxy = Proxy::before(echo().await).await;
    let client = TcpStream::connect(proxy.address).await.unwrap();
    (proxy, client)
}

/// Asks once and reads the whole answer.
async fn ask(client: &mut TcpStream, question: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(question).await?;
    let mut answer = vec![0; question.len()];
    timeout(SOON, client.read_exact(&mut answer)).await.expect("an answer or an end")?;
    Ok(answer)
}

#[tokio::test]
async fn without_a_fault_everything_passes() {
    let (_proxy, mut client) = behind_a_proxy().await;
    let long: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut from, mut to) = client.split();
    let mut answer = vec![0; long.len()];
    let (sent, read) = tokio::join!(to.write_all(&long), from.read_exact(&mut answer));
    sent.unwrap();
    read.unwrap();
    assert!(answer == long);
}

#[tokio::test]
async fn silence_holds_everything_back_and_loses_nothing() {
    let (proxy, mut client) = behind_a_proxy().await;
    proxy.set(Fault::Silence);
    client.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    assert!(timeout(NEVER, client.read(&mut answer)).await.is_err(), "something passed");
    proxy.set(Fault::None);
    timeout(SOON, client.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"hello");
}

#[tokio::test]
async fn refusing_ends_what_is_open_and_what_comes() {
    let (proxy, mut client) = behind_a_proxy().await;
    assert_eq!(ask(&mut client, b"hello").await.unwrap(), b"hello");
    proxy.set(Fault::Refuse);
    assert!(!matches!(timeout(SOON, client.read(&mut [0; 5])).await.unwrap(), Ok(1..)));
    let mut late = TcpStream::connect(proxy.address).await.unwrap();
    assert!(ask(&mut late, b"hello").await.is_err());
    proxy.set(Fault::None);
    let mut later = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(ask(&mut later, b"hello").await.unwrap(), b"hello");
}

#[tokio::test]
async fn lost_answers_end_the_connection_and_are_counted() {
    let (proxy, mut client) = behind_a_proxy().await;
    proxy.set(Fault::LoseAnswers);
    assert!(ask(&mut client, b"hello").await.is_err());
    assert_eq!(proxy.lost(), 1);
}

#[tokio::test]
async fn latency_delays_each_way() {
    let (proxy, mut client) = behind_a_proxy().await;
    proxy.set(Fault::Latency(Duration::from_millis(100)));
    let asked = Instant::now();
    assert_eq!(ask(&mut client, b"hello").await.unwrap(), b"hello");
    assert!(asked.elapsed() >= Duration::from_millis(200), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn answers_come_byte_by_byte_and_whole() {
    let (proxy, mut client) = behind_a_proxy().await;
    proxy.set(Fault::Bytes);
    client.write_all(&[7; 500]).await.unwrap();
    let (mut reads, mut bytes, mut piece) = (0, 0, [0; 500]);
    while bytes < 500 {
        bytes += timeout(SOON, client.read(&mut piece)).await.unwrap().unwrap();
        reads += 1;
    }
    assert_eq!(bytes, 500);
    assert!(reads > 1, "it came in one piece");
}

#[tokio::test]
async fn a_reset_comes_in_the_middle_of_an_answer() {
    let (proxy, mut client) = behind_a_proxy().await;
    proxy.set(Fault::Reset);
    client.write_all(b"0123456789").await.unwrap();
    let mut answer = Vec::new();
    let ended = timeout(SOON, client.read_to_end(&mut answer)).await.unwrap();
    assert!(ended.is_err(), "it ended in order");
    assert_eq!(answer, b"01234");
    assert_eq!(proxy.lost(), 1);
}

/// Runs a story before every real server, with databases of its own.
fn before_every_server(story: impl AsyncFn(&Fresh, &Proxy, Records)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for primary in primaries().iter().filter(|primary| *primary != EMBEDDED) {
            let fresh = Fresh::make(primary, EMBEDDED).await;
            let (direct, proxy) = (fresh.records().await, Proxy::before(address(primary)).await);
            story(&fresh, &proxy, direct).await;
            fresh.remove().await;
        }
    });
}

#[test]
fn a_commit_whose_answer_is_lost_is_durable_and_said_to_be_unknown() {
    before_every_server(async |fresh, proxy, direct| {
        let through = Fresh::existing(&proxy.instead_of(&fresh.primary), EMBEDDED).records().await;
        for (round, fault) in [Fault::None, Fault::LoseCommits, Fault::None].into_iter().enumerate() {
            proxy.set(fault);
            let unit = through.begin().await.unwrap();
            let insert = format!("INSERT INTO facts (name, value) VALUES ('fact-{round}', 'so')");
            unit.execute_unprepared(&insert).await.unwrap();
            let told = unit.commit().await;
            match fault {
                Fault::None => drop(told.unwrap()),
                _ => assert!(matches!(told, Err(RecordsError::Unknown(_))), "{told:?}"),
            }
            assert_eq!(direct.fact(&format!("fact-{round}")).await.unwrap().as_deref(), Some("so"));
        }
        assert_eq!(proxy.lost(), 1);
    });
}

#[test]
fn a_cancelled_transaction_is_not_left_open() {
    before_every_server(async |fresh, proxy, direct| {
        let url = proxy.instead_of(&fresh.primary);
        let settings = ConnectSettings {
            max_connections: 1,
            acquire_timeout: Duration::from_secs(10),
            ..ConnectSettings::of(url)
        };
        let Connected { db, dialect, .. } = connect(&settings).await.unwrap();
        let through = Records::new(db, dialect, Arc::new(SystemClock), Arc::new(SystemRandom));
        through.execute_unprepared("SELECT 1").await.unwrap();
        // Its BEGIN is with the server then, and the answer is on its way.
        proxy.set(Fault::Latency(Duration::from_millis(400)));
        assert!(timeout(Duration::from_millis(600), through.begin()).await.is_err(), "it began");
        proxy.set(Fault::None);
        through.execute_unprepared("INSERT INTO facts (name, value) VALUES ('after', 'so')").await.unwrap();
        assert_eq!(direct.fact("after").await.unwrap().as_deref(), Some("so"));
    });
}
