//! Strict query strings: an unknown parameter is refused by name. An empty one, as forms send it, is absent.

use std::{borrow::Cow, str::FromStr};

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Visitor,
        value::{Error as ValueError, MapDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::{
    Problem,
    serde_errors::{self, pointer},
};

/// A query string.
pub(crate) struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or("")).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.trim().is_empty());
    serde_path_to_error::deserialize(MapDeserializer::new(pairs.map(|(name, value)| (name, Part(value)))))
        .map_err(|error| serde_errors::refused(&pointer(error.path()), &error.inner().to_string()))
}

/// A value of a query. Numbers are as JSON writes whole ones: no sign but a minus, no zeros before them.
struct Part<'a>(Cow<'a, str>);

impl<'de> IntoDeserializer<'de, ValueError> for Part<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Part<'_> {
    fn number<N: FromStr + ToString>(&self) -> Result<N, ValueError> {
        let number = self.0.parse::<N>().ok().filter(|number| number.to_string() == self.0);
        number.ok_or_else(|| ValueError::custom("invalid digit: a whole number is accepted"))
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            visitor.$visit(self.number()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Part<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_string(self.0.into_owned())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match &*self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(ValueError::custom("not `true` or `false`")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    numbers! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        q: String,
        limit: Option<u32>,
        deep: Option<bool>,
    }

    #[test]
    fn parameters_are_read_and_decoded() {
        let sample = parse::<Sample>("q=a+b%26&limit=3&deep=true").unwrap();
        assert_eq!(sample, Sample { q: "a b&".to_owned(), limit: Some(3), deep: Some(true) });
        let blank = parse::<Sample>("q=01&limit=&deep=+").unwrap();
        assert_eq!(blank, Sample { q: "01".to_owned(), limit: None, deep: None });
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (query, pointer, detail) in [
            ("q=x&sort=up", "/sort", "is not known here: q, limit, deep are"),
            ("q=x&limit=many", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=-1", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=99999999999", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=01", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=%2B1", "/limit", "is not accepted: a whole number is"),
            ("q=x&limit=+1", "/limit", "is not accepted: a whole number is"),
            ("q=+&limit=1", "/q", "is missing"),
            ("q=x&deep=maybe", "/deep", "is not accepted: true or false is"),
            ("q=x&q=y", "/q", "is given more than once"),
            ("limit=1", "/q", "is missing"),
        ] {
            assert_eq!(parse::<Sample>(query).unwrap_err().refused_fields(), [(pointer, detail)], "{query}");
        }
    }
}
