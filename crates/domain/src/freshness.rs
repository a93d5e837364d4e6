//! Freshness tokens: what a write answers so that a later read of the second database can ask "is mine in it yet?".

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{mapping::Model, models};

/// One entity at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its model.
    pub model: &'static Model,
    /// Its id.
    pub id: String,
    /// The version that must be reached.
    pub version: i64,
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Model {}

/// The entities that one write touched. As text it is opaque to clients: base64url of `model:id:version` lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Token(pub Vec<Mark>);

/// A token that this program never gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a sync token: the value of a Sync-Token header is accepted")]
pub struct NotAToken;

/// Marks beyond this many are left out of a token: whoever writes thousands at once does not wait for each.
pub const MOST_MARKS: usize = 32;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self
            .0
            .iter()
            .take(MOST_MARKS)
            .map(|mark| format!("{}:{}:{}", mark.model.name, mark.id, mark.version))
            .collect();
        f.write_str(&URL_SAFE_NO_PAD.encode(lines.join("\n")))
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAToken)?;
        let lines = String::from_utf8(bytes).map_err(|_| NotAToken)?;
        let marks: Vec<Mark> = lines.lines().map(mark).collect::<Option<_>>().ok_or(NotAToken)?;
        if marks.len() > MOST_MARKS { Err(NotAToken) } else { Ok(Self(marks)) }
    }
}

fn mark(line: &str) -> Option<Mark> {
    let mut parts = line.split(':');
    let (model, id, version) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && id.len() <= 64;
    whole.then_some(Mark { model: models::named(model)?, id: id.to_owned(), version: version.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was_given() {
        let token = Token(vec![
            Mark { model: &models::USERS, id: "0193".into(), version: 7 },
            Mark { model: &models::INVOICES, id: "0194".into(), version: i64::MAX },
        ]);
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!("".parse(), Ok(Token::default()));
    }

    #[test]
    fn what_was_never_given_is_refused() {
        for text in ["!", "dXNlcnM", "Z2hvc3RzOjE6MQ", "dXNlcnM6MTp4"] {
            assert_eq!(text.parse::<Token>(), Err(NotAToken), "{text}");
        }
    }
}
