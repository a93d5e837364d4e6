//! Serving connections: slow clients, idle sockets and stalled readers are disconnected, the number of connections is bounded, and
//! a stop lets responses finish.

mod connections;
mod paced;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response},
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub use self::connections::ConnectionLimits;
use self::{
    connections::{Admitted, Busy, Connection, Connections, Full},
    paced::{Paced, Sliced},
};

/// How long the head of a request may take, and how long a connection may be silent before the next.
const HEAD: Duration = Duration::from_secs(15);
/// How long answers may take after a stop.
const GRACE: Duration = Duration::from_secs(10);
/// The socket's send buffer. A larger one would hide a stalled reader for longer, and costs memory for each connection.
const SEND_BUFFER: usize = 256 * 1024;
/// Responses of at least this size first disconnect stalled readers where too many bytes are unsent.
const LARGE: usize = 256 * 1024;

/// Serves until asked to stop.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) -> io::Result<()> {
    let served = Served { router, connections: Connections::new(limits), graceful: GracefulShutdown::new() };
    // Connections inherit it from their listener; a system that refuses it has its own size.
    let _ = socket2::SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER);
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    served.connections.relieve();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        match served.connections.admit(address.ip()) {
            Ok(admitted) => {
                // Small responses are sent at once; a socket that refuses the option still works.
                let _ = stream.set_nodelay(true);
                served.spawn(stream, address, admitted);
            }
            Err(full) => refuse(&stream, full),
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, served.graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections were cut after {} s", GRACE.as_secs());
    }
    Ok(())
}

/// Reports in one packet why the connection ends. It is not retried: a peer that cannot take it at once is not waited for.
fn refuse(stream: &TcpStream, full: Full) {
    let (status, code, detail) = match full {
        Full::Own => ("429 Too Many Requests", "too-many", "too many connections from this address"),
        Full::All => ("503 Service Unavailable", "crowded", "too many connections"),
    };
    metrics::counter!("chainbill_connections_refused_total").increment(1);
    let body = format!(
        "{{\"type\":\"https://chainbill.dev/problems/{code}\",\"title\":\"{}\",\"status\":{},\"code\":\"{code}\",\
         \"detail\":\"{detail}\",\"requestId\":\"\"}}",
        &status[4..],
        &status[..3]
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nretry-after: 2\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

struct Served {
    router: Router,
    connections: Arc<Connections>,
    graceful: GracefulShutdown,
}

impl Served {
    /// Answers what comes over a stream, in a task of its own, until either end closes it.
    fn spawn<S>(&self, stream: S, address: SocketAddr, admitted: Admitted)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connection, connections) = (admitted.connection.clone(), self.connections.clone());
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            answer(router.clone(), address, request, connection.clone(), connections.clone())
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024).keep_alive(true);
        let paced = Paced::new(stream, admitted.connection.clone(), self.connections.limits.stall_timeout);
        let served = self.graceful.watch(builder.serve_connection(TokioIo::new(paced), service));
        tokio::spawn(async move {
            tokio::select! {
                ended = served => {
                    if let Err(error) = ended {
                        tracing::debug!("a connection ended early: {error}");
                    }
                }
                () = admitted.connection.closed.cancelled() => tracing::debug!("a connection made room for others"),
            }
        });
    }
}

/// Answers a request, unless its connection is about to be closed: then nothing of it is done.
async fn answer(
    router: Router,
    address: SocketAddr,
    request: Request<Incoming>,
    connection: Arc<Connection>,
    connections: Arc<Connections>,
) -> Result<Response<Sliced>, Closing> {
    // The connection is idle again when the request ends, in whichever way.
    let busy = Busy::begin(connection).ok_or(Closing)?;
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(address));
    let Ok(response) = router.oneshot(request).await;
    let response = response.map(|body| Sliced::new(body, busy));
    if response.body().len() >= LARGE {
        connections.relieve_memory();
    }
    Ok(response)
}

/// The connection makes room for others.
#[derive(Debug, thiserror::Error)]
#[error("the connection makes room for others")]
struct Closing;
