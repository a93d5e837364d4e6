//! Evidence: links with a note on what they show.

use crate::{Timestamp, id::UserId};

/// Most links that a party gives in one dispute.
pub const MOST_LINKS: usize = 10;
/// Most bytes of a link's address.
const LONGEST: usize = 1000;

/// An address of the web, with `http` or `https`, of at most 1000 ASCII characters and without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a link: an http or https address of at most 1000 ASCII characters and without credentials is accepted")]
pub struct BadLink;

impl std::str::FromStr for Link {
    type Err = BadLink;

    fn from_str(text: &str) -> Result<Self, BadLink> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(BadLink)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        let good_host = host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if text.len() <= LONGEST && text.bytes().all(plain) && good_host {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadLink)
        }
    }
}

impl Link {
    /// A link as the primary keeps it.
    #[must_use]
    pub const fn stored(address: String) -> Self {
        Self(address)
    }

    /// Its address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A link that a party gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The party.
    pub by: UserId,
    /// The link.
    pub link: Link,
    /// What it shows.
    pub note: String,
    /// When it was given.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_of_the_web() {
        for good in
            ["https://example.org", "http://127.0.0.1:8080/a?b=c#d", "https://[2001:db8::1]/x", "https://a.example/%20"]
        {
            assert!(good.parse::<Link>().is_ok(), "{good}");
        }
        let long = format!("https://example.org/{}", "x".repeat(1000));
        for bad in [
            "",
            "example.org",
            "ftp://example.org",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://a b",
            "HTTPS://x",
            "https://user:pass@example.org",
            "https://exämple.org",
            "https://x/\"onload",
            "https://x\n",
            "http://-x",
            &long,
        ] {
            assert!(bad.parse::<Link>().is_err(), "{bad}");
        }
    }
}
