//! Requests whose end or host is ambiguous (RFC 9112, 3.2 and 6.1) are refused: an intermediary may interpret them differently
//! (request smuggling).

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, StatusCode, Version, header, uri::Authority},
};

use crate::Problem;

/// Refuses ambiguous framing.
///
/// # Errors
/// 400, and the connection ends: where the next request begins is not known.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    match wrong(request.version(), request.headers()) {
        None => Ok(()),
        Some(detail) => Err(Problem::new(StatusCode::BAD_REQUEST, "malformed", detail).closing()),
    }
}

fn wrong(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let lines = |name: &HeaderName| headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?").trim());
    let codings: Vec<&str> = lines(&header::TRANSFER_ENCODING).collect();
    match codings.as_slice() {
        [] => {}
        [one] if version == Version::HTTP_11 && one.eq_ignore_ascii_case("chunked") => {
            if headers.contains_key(header::CONTENT_LENGTH) {
                return Some(
                    "a body has one length: Content-Length or Transfer-Encoding: chunked is accepted, not both",
                );
            }
        }
        _ => return Some("the transfer coding is not accepted: chunked alone is, in HTTP/1.1"),
    }
    let hosts: Vec<&str> = lines(&header::HOST).collect();
    let is_host =
        |host: &str| host.is_empty() || host.parse::<Authority>().is_ok_and(|host| !host.as_str().contains('@'));
    match hosts.as_slice() {
        [] if version >= Version::HTTP_11 => Some("the Host header is missing"),
        [] => None,
        [host] if is_host(host) => None,
        [_] => Some("the Host header names no host"),
        _ => Some("the Host header is given more than once"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(version: Version, lines: &[(&'static str, &str)]) -> bool {
        let headers =
            lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        wrong(version, &headers).is_none()
    }

    #[test]
    fn one_host_and_one_length_are_accepted() {
        let host = ("host", "localhost:3000");
        assert!(judged(Version::HTTP_11, &[host]) && judged(Version::HTTP_10, &[]));
        assert!(judged(Version::HTTP_11, &[host, ("transfer-encoding", "Chunked")]));
        for host in ["[::1]:3000", "example.org", ""] {
            assert!(judged(Version::HTTP_11, &[("host", host)]), "{host:?}");
        }
        for bad in [
            vec![],
            vec![host, host],
            vec![("host", "a b")],
            vec![("host", "a@b")],
            vec![host, ("transfer-encoding", "gzip, chunked")],
            vec![host, ("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")],
            vec![host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            vec![host, ("transfer-encoding", "identity")],
            vec![host, ("transfer-encoding", "chunked"), ("content-length", "3")],
        ] {
            assert!(!judged(Version::HTTP_11, &bad), "{bad:?}");
        }
        assert!(!judged(Version::HTTP_10, &[("transfer-encoding", "chunked")]));
    }
}
