//! Reading request bodies within limits of size and time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt as _;

use crate::Problem;

/// Most bytes of a body.
const MOST_BYTES: usize = 1 << 20;

/// Deadlines of a body.
#[derive(Clone, Copy)]
struct Deadlines {
    /// Until its next bytes.
    idle: Duration,
    /// Until its end.
    whole: Duration,
}

const DEADLINES: Deadlines = Deadlines { idle: Duration::from_secs(10), whole: Duration::from_secs(15) };

/// All of a body.
///
/// # Errors
/// 413 when it is too large or announced as too large, 408 when it arrives too slowly, 400 when it ends early.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(too_large());
    }
    read_within(body, DEADLINES).await
}

async fn read_within(body: Body, deadlines: Deadlines) -> Result<Bytes, Problem> {
    let whole = tokio::time::timeout(deadlines.whole, gather(body, deadlines.idle)).await;
    whole.unwrap_or_else(|_| Err(too_slow(format!("the body took longer than {} s", deadlines.whole.as_secs()))))
}

async fn gather(body: Body, idle: Duration) -> Result<Bytes, Problem> {
    let mut parts = body.into_data_stream();
    let mut all = Vec::new();
    loop {
        let Ok(part) = tokio::time::timeout(idle, parts.next()).await else {
            return Err(too_slow(format!("nothing came of the body for {} s", idle.as_secs())));
        };
        match part {
            None => return Ok(all.into()),
            Some(Err(_)) => return Err(Problem::new(StatusCode::BAD_REQUEST, "malformed", "the body broke off")),
            Some(Ok(part)) if all.len() + part.len() > MOST_BYTES => return Err(too_large()),
            Some(Ok(part)) => all.extend_from_slice(&part),
        }
    }
}

fn too_large() -> Problem {
    let detail = format!("the body is larger than the {MOST_BYTES} bytes that are accepted");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).closing()
}

fn too_slow(detail: String) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail).closing()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use futures::stream;

    use super::*;

    const SHORT: Deadlines = Deadlines { idle: Duration::from_millis(200), whole: Duration::from_millis(400) };

    async fn status(body: Body) -> u16 {
        match read_within(body, SHORT).await {
            Ok(_) => 200,
            Err(problem) => problem.into_response().status().as_u16(),
        }
    }

    fn trickle(pause: Duration) -> Body {
        Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        }))
    }

    #[tokio::test]
    async fn a_body_arrives_in_time_or_is_refused() {
        assert_eq!(status(Body::from("abc")).await, 200);
        let half = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]).chain(stream::pending());
        assert_eq!(status(Body::from_stream(half)).await, 408, "nothing more comes");
        assert_eq!(status(trickle(Duration::from_millis(20))).await, 408, "it never ends");
        let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]);
        assert_eq!(status(Body::from_stream(broken)).await, 400);
    }

    #[tokio::test]
    async fn a_large_body_is_refused_by_its_announced_and_its_real_length() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, (MOST_BYTES + 1).into());
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let refused = read(&headers, never).await.expect_err("it is announced").into_response();
        assert_eq!((refused.status().as_u16(), &refused.headers()["connection"]), (413, &"close".parse().unwrap()));
        assert_eq!(status(Body::from(vec![b' '; MOST_BYTES + 1])).await, 413);
        assert_eq!(status(Body::from(vec![b' '; MOST_BYTES])).await, 200);
    }
}
