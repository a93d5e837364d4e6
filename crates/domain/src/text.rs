//! What people may write, and the one form in which it is kept.

use unicode_normalization::UnicodeNormalization as _;

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Too many characters.
    #[error("has {found} characters: at most {most} are accepted")]
    TooLong {
        /// How many it has.
        found: usize,
        /// How many are accepted.
        most: usize,
    },
    /// A character that no text holds.
    #[error("holds the character U+{0:04X}, which is not accepted in text")]
    Character(u32),
    /// Not an address.
    #[error("is not an e-mail address: name@example.org is accepted")]
    NotAnEmail,
    /// Not a date.
    #[error("is not a date: a day such as 2028-02-29 is accepted")]
    NotADate,
}

/// NUL, other controls but tab and line ends, and the marks that turn the direction of what follows: they hide what a
/// text says.
fn refused(character: char) -> bool {
    let control = character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    control
        || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}')
}

/// A text of at most so many characters, trimmed and in Unicode's composed form (NFC).
///
/// # Errors
/// When it is too long or holds what no text holds.
pub fn free(text: &str, most: usize) -> Result<String, BadText> {
    if let Some(bad) = text.chars().find(|character| refused(*character)) {
        return Err(BadText::Character(u32::from(bad)));
    }
    let text: String = text.trim().nfc().collect();
    let found = text.chars().count();
    if found > most { Err(BadText::TooLong { found, most }) } else { Ok(text) }
}

/// A text of one line that says something.
///
/// # Errors
/// As [`free`], and when it is empty.
pub fn line(text: &str, most: usize) -> Result<String, BadText> {
    let text = free(text, most)?;
    if let Some(bad) = text.chars().find(|character| matches!(character, '\t' | '\n' | '\r')) {
        return Err(BadText::Character(u32::from(bad)));
    }
    if text.is_empty() { Err(BadText::Empty) } else { Ok(text) }
}

/// The canonical form of an e-mail address: compatibility-composed (NFKC), lower case, ASCII. Addresses in other scripts
/// are refused, for many of their letters cannot be told from Latin ones.
///
/// # Errors
/// When it is no address.
pub fn email(text: &str) -> Result<String, BadText> {
    let text: String = text.trim().nfkc().collect::<String>().to_lowercase();
    let Some((local, domain)) = text.rsplit_once('@') else { return Err(BadText::NotAnEmail) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let good_local = !local.is_empty()
        && local.len() <= 64
        && local.bytes().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let good_domain = domain.len() <= 189 && domain.contains('.') && domain.split('.').all(label);
    if good_local && good_domain { Ok(text) } else { Err(BadText::NotAnEmail) }
}

/// A calendar day from year 1 to 9999 as `YYYY-MM-DD`.
///
/// # Errors
/// When there is no such day.
pub fn date(text: &str) -> Result<String, BadText> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| shape && !text.starts_with("0000"));
    day.map(|_| text.to_owned()).ok_or(BadText::NotADate)
}

/// The key by which names of skills are the same: compatibility-composed, lower case, blanks folded.
#[must_use]
pub fn name_key(name: &str) -> String {
    let folded: String = name.nfkc().collect::<String>().to_lowercase();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        assert_eq!(email(" Ada.Lovelace+x@Example.ORG "), Ok("ada.lovelace+x@example.org".to_owned()));
        assert_eq!(email("\u{ff41}da@example.org"), Ok("ada@example.org".to_owned()));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "\u{430}da@example.org",
            "a..b@example.org",
            "a b@example.org",
            "a@-x.org",
            "a@b@c.org\u{0}",
        ] {
            assert_eq!(email(bad), Err(BadText::NotAnEmail), "{bad}");
        }
    }

    #[test]
    fn days_exist() {
        assert!(date("2028-02-29").is_ok() && date("9999-12-31").is_ok());
        for bad in
            ["2027-02-29", "2028-2-9", "10000-01-01", "2028-13-01", "2028-01-01T00:00", "", "0000-01-01", "+999-01-01"]
        {
            assert_eq!(date(bad), Err(BadText::NotADate), "{bad}");
        }
    }

    #[test]
    fn what_hides_a_text_is_refused() {
        for bad in ["a\u{0}b", "\u{202e}gpj.exe", "a\u{7}"] {
            assert!(matches!(free(bad, 100), Err(BadText::Character(_))), "{bad:?}");
        }
        assert_eq!(free("e\u{301}  ", 100), Ok("\u{e9}".to_owned()));
        assert_eq!(line("two\nlines", 100), Err(BadText::Character(10)));
        assert_eq!(line("  ", 100), Err(BadText::Empty));
        assert_eq!(free("abc", 2), Err(BadText::TooLong { found: 3, most: 2 }));
    }
}
