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

/// Carries bytes both ways until one side ends or a fault ends it.
pub(super) async fn carry(client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let opened = *shared.forgotten.borrow();
    shared.until(|fault| fault != Fault::Silence).await;
    if shared.fault() == Fault::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        // Whoever measures a delay measures that of the fault.
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

/// What the proxy does, and how often it had forgotten everything when the connection was opened.
type Mood<'a> = (&'a Shared, u64);

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mood: Mood<'_>, committing: &AtomicBool) {
    let (shared, _) = mood;
    let mut bytes = vec![0; CHUNK];
    let mut commits = Commits::default();
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        pause(mood).await;
        let commit = commits.end_in(&bytes[..count]);
        // Said before the server can answer.
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
                // What comes of the first half is the client's to find out.
                let _ = to.write_all(&answer[..count / 2]).await;
                reset(to.as_ref());
                // Dropped, it would say goodbye in order.
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

/// As long as nothing may pass, and as long as a chunk is to wait.
async fn pause((shared, opened): Mood<'_>) {
    if let Fault::Latency(delay) = shared.fault() {
        tokio::time::sleep(delay).await;
    }
    shared.until(|fault| fault != Fault::Silence).await;
    if *shared.forgotten.borrow() > opened {
        // Both sides stay open, and nothing passes any more.
        std::future::pending::<()>().await;
    }
}

async fn one_by_one(to: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes.chunks(1) {
        to.write_all(byte).await?;
        // The client's reader gets its turn, so that bytes do not gather on their way.
        tokio::task::yield_now().await;
    }
    Ok(())
}
