//! Entity tags and conditional requests (RFC 9110, 8.8.3 and 13.1). Our tags are versions, and strong.

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Method, StatusCode, header, request::Parts},
    response::Response,
};

use crate::Problem;

struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// The tags of a list; nothing when it is none.
fn tags(mut text: &str) -> Option<Vec<Tag<'_>>> {
    let mut tags = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return Some(tags).filter(|tags| !tags.is_empty());
        }
        let (is_weak, rest) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
        let (opaque, rest) = rest.strip_prefix('"')?.split_once('"')?;
        let rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
        tags.push(Tag { is_weak, opaque });
        text = rest;
    }
}

/// All lines of a header as one list.
fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    Some(lines.join(", ")).filter(|_| !lines.is_empty())
}

/// The versions in `If-Match`; any when it is absent or `*`. A weak tag and one that was never ours match none.
pub(crate) struct IfMatch(pub Option<Vec<i64>>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if_match(&parts.headers).map(Self)
    }
}

fn if_match(headers: &HeaderMap) -> Result<Option<Vec<i64>>, Problem> {
    let Some(text) = list(headers, header::IF_MATCH).filter(|text| text.trim() != "*") else { return Ok(None) };
    let refused =
        || Problem::field("/If-Match", "is no list of ETags: the ETag of an answer, such as \"3\", is accepted");
    let tags = tags(&text).ok_or_else(refused)?;
    // Only the spelling that we give is ours: no sign, no zeros before the number. What is derived stands behind it, and no
    // change depends on that.
    let version = |tag: &Tag<'_>| {
        let digits = tag.opaque.split_once('-').map_or(tag.opaque, |(digits, _)| digits);
        digits.parse::<i64>().ok().filter(|version| version.to_string() == digits)
    };
    Ok(Some(tags.iter().filter(|tag| !tag.is_weak).filter_map(version).collect()))
}

/// The tags of responses that the client has already.
pub(crate) struct IfNoneMatch(Option<String>);

impl IfNoneMatch {
    /// Of a GET or HEAD; other methods have none.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        Self(list(headers, header::IF_NONE_MATCH).filter(|_| reads))
    }

    /// The response, or 304 where the client has it.
    pub fn spare(&self, response: Response) -> Response {
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let (Some(text), Some(tag), StatusCode::OK) = (&self.0, tag, response.status()) else { return response };
        let known = text.trim() == "*"
            || tags(text).is_some_and(|tags| tags.iter().any(|known| tag.trim_matches('"') == known.opaque));
        if !known {
            return response;
        }
        let (mut parts, _) = response.into_parts();
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()
    }

    #[test]
    fn if_match_takes_lists_and_matches_strongly() {
        let versions = |lines: &[&str]| if_match(&headers(header::IF_MATCH, lines)).ok();
        assert_eq!(versions(&[]), Some(None));
        assert_eq!(versions(&["*"]), Some(None));
        assert_eq!(versions(&["\"3\""]), Some(Some(vec![3])));
        assert_eq!(versions(&["\"3\", \"4\" ,,\"x,y\"", "\"5\""]), Some(Some(vec![3, 4, 5])));
        assert_eq!(versions(&["\"3-overdue\""]), Some(Some(vec![3])), "what the clock derives is no change");
        assert_eq!(versions(&["W/\"3\""]), Some(Some(vec![])), "weak tags never match");
        assert_eq!(versions(&["\"+3\", \"03\", \"\", \"-3\""]), Some(Some(vec![])), "tags that were never ours");
        for bad in ["3", "\"3", "", "\"3\" \"4\"", "\"3\", *", "w/\"3\""] {
            assert_eq!(versions(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn a_reader_is_spared_what_it_has() {
        let status = |method: Method, line: &str| {
            let response = Response::builder().header("etag", "\"3\"").header("content-type", "x/y");
            let response = response.body(Body::from("{}")).unwrap();
            IfNoneMatch::of(&method, &headers(header::IF_NONE_MATCH, &[line])).spare(response).status().as_u16()
        };
        for (line, expected) in
            [("\"3\"", 304), ("W/\"3\"", 304), ("\"2\", \"3\"", 304), ("*", 304), ("\"2\"", 200), ("3", 200)]
        {
            assert_eq!(status(Method::GET, line), expected, "{line}");
            assert_eq!(status(Method::POST, line), 200, "{line}");
        }
    }
}
