//! As much of HTTP/1.1 as the fake needs: one request per connection.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Request;

/// A response. Headers are beside the usual ones.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) async fn send(&self, stream: &mut TcpStream) {
        let mut head = format!("HTTP/1.1 {} \r\nconnection: close\r\ncontent-type: application/json\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        // The client may have closed the connection.
        let _ = stream.write_all(&[head.as_bytes(), &self.body].concat()).await;
    }
}

/// The request of a connection; none when it ends before.
pub(super) async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let (head, start) = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break (String::from_utf8(bytes[..end].to_vec()).ok()?, end + 4);
        }
        read_more(stream, &mut bytes).await?;
    };
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let header = |name: &str| {
        let fields = headers.split("\r\n").filter_map(|field| field.split_once(':'));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    let length: usize = header("content-length").map_or(Some(0), |text| text.parse().ok())?;
    while bytes.len() < start + length {
        read_more(stream, &mut bytes).await?;
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let form = if method == "GET" { query.as_bytes() } else { &bytes[start..start + length] };
    Some(Request {
        path: path.to_owned(),
        form: form_urlencoded::parse(form).into_owned().collect(),
        key: header("idempotency-key"),
        version: header("stripe-version"),
        authorization: header("authorization"),
        method,
    })
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    matches!(stream.read_buf(bytes).await, Ok(1..)).then_some(())
}
