//! Freshness tokens: a write returns one, and a later read of the mirror checks whether that write has arrived.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{mapping::Model, models};

/// A record of a write that a later read must include.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// An entity, at this version or a later one.
    Entity {
        /// Its model.
        model: &'static Model,
        /// Its id.
        id: String,
        /// The version that must be reached.
        version: i64,
    },
    /// A tracked event.
    Event {
        /// Its id.
        id: String,
    },
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Model {}

/// The marks of one write. As text they are opaque to clients: base64url of lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Token {
    /// At most [`MOST_MARKS`].
    pub marks: Vec<Mark>,
    /// Whether the write left more than the marks name: such a write is never known to be mirrored as a whole.
    pub more: bool,
}

impl Token {
    /// Adds a mark while there is room.
    pub fn push(&mut self, mark: Mark) {
        if self.marks.len() < MOST_MARKS {
            self.marks.push(mark);
        } else {
            self.more = true;
        }
    }

    /// Whether the write left nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

/// A token that this program never issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a sync token: the value of a Sync-Token header is accepted")]
pub struct NotAToken;

/// The largest number of marks: no write through the API leaves more, and headers must stay short.
pub const MOST_MARKS: usize = 32;

/// The prefix of an event's line, in the place of a model's name.
const EVENT: &str = "analytics";
/// The line that marks a token as incomplete.
const MORE: &str = "+";

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity { model, id, version } => write!(f, "{}:{id}:{version}", model.name),
            Self::Event { id } => write!(f, "{EVENT}:{id}"),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.marks.iter().map(Mark::to_string).collect();
        lines.extend(self.more.then(|| MORE.to_owned()));
        f.write_str(&URL_SAFE_NO_PAD.encode(lines.join("\n")))
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAToken)?;
        let lines = String::from_utf8(bytes).map_err(|_| NotAToken)?;
        let mut token = Self::default();
        for line in lines.lines() {
            match line {
                MORE => token.more = true,
                line => token.marks.push(mark(line).ok_or(NotAToken)?),
            }
        }
        if token.marks.len() > MOST_MARKS { Err(NotAToken) } else { Ok(token) }
    }
}

fn mark(line: &str) -> Option<Mark> {
    let parts: Vec<&str> = line.split(':').collect();
    let id = (*parts.get(1)?).to_owned();
    if id.len() > 64 {
        return None;
    }
    match parts.as_slice() {
        [EVENT, _] => Some(Mark::Event { id }),
        [model, _, version] => Some(Mark::Entity { model: models::named(model)?, id, version: version.parse().ok()? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was_given() {
        let mut token = Token::default();
        token.push(Mark::Entity { model: &models::USERS, id: "0193".into(), version: 7 });
        token.push(Mark::Event { id: "0195".into() });
        token.push(Mark::Entity { model: &models::INVOICES, id: "0194".into(), version: i64::MAX });
        for _ in 0..40 {
            assert_eq!(token.to_string().parse(), Ok(token.clone()));
            token.push(Mark::Event { id: "0196".into() });
        }
        assert!(token.more && token.marks.len() == MOST_MARKS);
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!("".parse(), Ok(Token::default()));
    }

    #[test]
    fn what_was_never_given_is_refused() {
        for text in ["!", "dXNlcnM", "dXNlcnM6MQ", "Z2hvc3RzOjE6MQ", "dXNlcnM6MTp4", "YW5hbHl0aWNzOjE6MQ"] {
            assert_eq!(text.parse::<Token>(), Err(NotAToken), "{text}");
        }
    }
}
