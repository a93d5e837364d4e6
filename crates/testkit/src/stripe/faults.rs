//! What goes wrong between Stripe and its client.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::sleep};

use super::{
    Shared, api,
    http::{Response, receive},
};

/// What a request meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the request is served.
    Nothing,
    /// It is not served, and there is no answer before any deadline.
    Silence,
    /// It is served, and there is no answer before any deadline.
    SilenceAfter,
    /// It is not served, and the connection ends.
    Cut,
    /// It is served, and the connection ends instead of an answer.
    CutAfter,
    /// It is served, and the connection ends within the answer.
    CutWithin,
    /// It is not served: another request under the same key is running (409).
    InUse,
    /// It is not served: too many requests (429), with `Retry-After` seconds.
    TooMany(Option<u64>),
    /// It is not served: a fault before the key is looked at (500, or another status).
    Broken(u16),
    /// A fault that is kept as the key's answer (500).
    BrokenForGood,
    /// The status, with these headers: for what has no case of its own.
    Answer(u16, Vec<(&'static str, &'static str)>),
    /// It is not served, and the answer is this document with the status 200: another request's.
    Instead(Value),
    /// It is served, and the answer is a load balancer's page with the status 200.
    Nonsense,
    /// It is served, and the answer has no end.
    Endless,
}

const PAST_ANY_DEADLINE: Duration = Duration::from_secs(3600);

/// Serves a connection.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(request) = receive(&mut stream).await else { return };
    let fault = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        state.faults.pop_front().unwrap_or(Fault::Nothing)
    };
    let serve = || api::serve(&shared, &request);
    let response = match fault {
        Fault::Nothing => serve(),
        Fault::Silence => return sleep(PAST_ANY_DEADLINE).await,
        Fault::SilenceAfter => {
            serve();
            return sleep(PAST_ANY_DEADLINE).await;
        }
        Fault::Cut => return,
        Fault::CutAfter => {
            serve();
            return;
        }
        Fault::CutWithin => return cut_within(&mut stream, &serve()).await,
        Fault::InUse => {
            api::failure(409, "idempotency_error", "idempotency_key_in_use", "There is a request in progress")
        }
        Fault::TooMany(after) => {
            let response = api::failure(429, "invalid_request_error", "rate_limit", "Too many requests");
            after.into_iter().fold(response, |response, after| response.with("retry-after", after))
        }
        Fault::Broken(status) => api::failure(status, "api_error", "api_error", "Something went wrong at our end"),
        Fault::BrokenForGood => api::broken_for_good(&shared, &request),
        Fault::Answer(status, headers) => {
            let response = api::failure(status, "api_error", "some_code", "As asked for by the test");
            headers.into_iter().fold(response, |response, (name, value)| response.with(name, value))
        }
        Fault::Instead(document) => Response::json(200, &document),
        Fault::Nonsense => {
            serve();
            Response { status: 200, headers: Vec::new(), body: b"<html>Welcome to the load balancer</html>".to_vec() }
        }
        Fault::Endless => {
            serve();
            return endless(&mut stream).await;
        }
    };
    response.send(&mut stream).await;
}

async fn cut_within(stream: &mut TcpStream, response: &Response) {
    let head = format!("HTTP/1.1 {} \r\ncontent-length: {}\r\n\r\n", response.status, response.body.len());
    let _ = stream.write_all(&[head.as_bytes(), &response.body[..response.body.len() / 2]].concat()).await;
}

async fn endless(stream: &mut TcpStream) {
    let head = b"HTTP/1.1 200 \r\nconnection: close\r\n\r\n";
    let mut written = stream.write_all(head).await;
    while written.is_ok() {
        written = stream.write_all(&[b' '; 4096]).await;
    }
}
