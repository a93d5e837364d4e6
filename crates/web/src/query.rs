//! Query strings, strictly: what is not known is refused, by its name and in words.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;

use crate::{
    Problem,
    words::{self, pointer},
};

/// A query string.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or("")).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
        .map_err(|error| words::refused(&pointer(error.path()), &error.inner().to_string()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        q: String,
        limit: Option<u32>,
        deep: Option<bool>,
    }

    #[test]
    fn parameters_are_read_and_decoded() {
        let wish = parse::<Wish>("q=a+b%26&limit=3&deep=true").unwrap();
        assert_eq!(wish, Wish { q: "a b&".to_owned(), limit: Some(3), deep: Some(true) });
    }

    #[test]
    fn what_is_wrong_is_said_by_name_and_in_words() {
        for (query, pointer, detail) in [
            ("q=x&sort=up", "/sort", "is not known here: q, limit, deep are"),
            ("q=x&limit=many", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=-1", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=99999999999", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=", "/limit", "is not accepted: a whole number is"),
            ("q=x&deep=maybe", "/deep", "is not accepted: true or false is"),
            ("q=x&q=y", "/q", "is given more than once"),
            ("limit=1", "/q", "is missing"),
        ] {
            assert_eq!(parse::<Wish>(query).unwrap_err().refused_fields(), [(pointer, detail)], "{query}");
        }
    }
}
