//! One connection through the proxy.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Fault, Shared, commits::Commits, reset};

const CHUNK: usize = 64 * 1024;

/// Forwards bytes both ways until one side or a fault ends it.
pub(super) async fn carry(client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let opened = *shared.forgotten.borrow();
    shared.until(|fault| fault != Fault::Silence).await;
    if shared.fault() == Fault::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        // Measured delays must be the fault's alone.
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let committing = AtomicBool::new(false);
    tokio::select! {
        () = requests(from_client, to_server, (&shared, opened), &committing) => {}
        () = answers(from_server, to_client, (&shared, opened), &committing) => {}
        () = shared.until(|fault| fault == Fault::Refuse) => {}
    }
}

/// The proxy's state, and its count of dropped generations when the connection opened.
type Mood<'a> = (&'a Shared, u64);

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mood: Mood<'_>, committing: &AtomicBool) {
    let (shared, _) = mood;
    let mut bytes = vec![0; CHUNK];
    let mut commits = Commits::default();
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        pause(mood).await;
        let commit = commits.end_in(&bytes[..count]);
        // Set before the server can answer.
        committing.store(commit && shared.fault() == Fault::LoseCommits, SeqCst);
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mood: Mood<'_>, committing: &AtomicBool) {
    let (shared, _) = mood;
    let mut bytes = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        pause(mood).await;
        let answer = &bytes[..count];
        if committing.load(SeqCst) {
            shared.note_lost();
            break;
        }
        let passed = match shared.fault() {
            Fault::LoseAnswers => {
                shared.note_lost();
                break;
            }
            Fault::Reset => {
                shared.note_lost();
                // The client handles the first half.
                let _ = to.write_all(&answer[..count / 2]).await;
                reset(to.as_ref());
                // A drop would close it in order.
                to.forget();
                break;
            }
            Fault::Bytes => one_by_one(&mut to, answer).await,
            _ => to.write_all(answer).await,
        };
        if passed.is_err() {
            break;
        }
    }
}

/// Waits while traffic is blocked, and for a chunk's delay.
async fn pause((shared, opened): Mood<'_>) {
    if let Fault::Latency(delay) = shared.fault() {
        tokio::time::sleep(delay).await;
    }
    shared.until(|fault| fault != Fault::Silence).await;
    if *shared.forgotten.borrow() > opened {
        // Both sides stay open without traffic.
        std::future::pending::<()>().await;
    }
}

async fn one_by_one(to: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes.chunks(1) {
        to.write_all(byte).await?;
        // Yields to the client's reader, so that bytes arrive singly.
        tokio::task::yield_now().await;
    }
    Ok(())
}
