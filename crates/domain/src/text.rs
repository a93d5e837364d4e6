//! Validation of texts, and their canonical form.

use unicode_normalization::UnicodeNormalization as _;

use crate::characters::{hidden, is_blank, is_ignorable, is_refused, is_seen, mixed};

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// The text is empty.
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
    /// A character that is accepted in no text.
    #[error("holds the character U+{0:04X}, which is not accepted in text")]
    Character(u32),
    /// Too many characters in the form by which it is compared.
    #[error("has {found} characters in the form by which names are compared: at most {most} are accepted")]
    KeyTooLong {
        /// How many its key has.
        found: usize,
        /// How many are accepted.
        most: usize,
    },
    /// An invisible character.
    #[error("holds the invisible character U+{0:04X}, which is not accepted here")]
    Hidden(u32),
    /// A word that only looks like another.
    #[error("holds the word {0:?}, whose letters are of scripts that are not written together")]
    Mixed(String),
    /// Not an address.
    #[error("is not an e-mail address: name@example.org is accepted")]
    NotAnEmail,
    /// Not a date.
    #[error("is not a date: a day such as 2028-02-29 is accepted")]
    NotADate,
}

/// Whether a text has no visible character: it counts as absent.
#[must_use]
pub fn is_empty(text: &str) -> bool {
    !text.chars().any(is_seen)
}

/// An optional text: none where all of it is invisible.
#[must_use]
pub fn some(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !is_empty(text))
}

/// A text of at most so many characters, trimmed and in Unicode's composed form (NFC); empty when all of it is
/// invisible. Invisible characters that scripts and emoji need stay.
///
/// # Errors
/// When it is too long or holds a character that is accepted in no text.
pub fn free(text: &str, most: usize) -> Result<String, BadText> {
    if let Some(bad) = text.chars().find(|character| is_refused(*character)) {
        return Err(BadText::Character(u32::from(bad)));
    }
    // Editors put a byte order mark before a text.
    let text: String = text.trim_matches(|end: char| end.is_whitespace() || end == '\u{FEFF}').nfc().collect();
    if is_empty(&text) {
        return Ok(String::new());
    }
    let found = text.chars().count();
    if found > most { Err(BadText::TooLong { found, most }) } else { Ok(text) }
}

/// A text of one line that is not empty.
///
/// # Errors
/// As [`free`], and when it is empty.
pub fn line(text: &str, most: usize) -> Result<String, BadText> {
    let text = free(text, most)?;
    let ends_a_line = |character: &char| matches!(character, '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}');
    if let Some(bad) = text.chars().find(ends_a_line) {
        return Err(BadText::Character(u32::from(bad)));
    }
    if text.is_empty() { Err(BadText::Empty) } else { Ok(text) }
}

/// A name: a line in which nothing is hidden and no word only looks like another.
///
/// # Errors
/// As [`line`], and when it holds an invisible character that no script needs there, or a word of letters that are not
/// written together.
pub fn name(text: &str, most: usize) -> Result<String, BadText> {
    let name = line(text, most)?;
    if let Some(bad) = hidden(&name) {
        return Err(BadText::Hidden(u32::from(bad)));
    }
    match mixed(&name) {
        Some(word) => Err(BadText::Mixed(word.to_owned())),
        None => Ok(name),
    }
}

/// A name in the catalogue of skills, whose key ([`name_key`]) fits beside it.
///
/// # Errors
/// As [`name`], and when its key is too long.
pub fn skill(text: &str) -> Result<String, BadText> {
    let name = name(text, SKILL_NAME)?;
    let found = name_key(&name).chars().count();
    if found > SKILL_NAME { Err(BadText::KeyTooLong { found, most: SKILL_NAME }) } else { Ok(name) }
}

/// Most characters of a skill's name, and of its key.
pub const SKILL_NAME: usize = 100;

/// A reference of another party, which is also a search key: a line of visible characters.
///
/// # Errors
/// As [`line`], and when it holds an invisible character.
pub fn reference(text: &str, most: usize) -> Result<String, BadText> {
    let text = line(text, most)?;
    match text.chars().find(|character| is_blank(*character) && !character.is_whitespace()) {
        Some(bad) => Err(BadText::Hidden(u32::from(bad))),
        None => Ok(text),
    }
}

/// The canonical form of an e-mail address: compatibility-composed (NFKC), lower case, ASCII. Addresses in other scripts
/// are refused: many of their letters are indistinguishable from Latin ones.
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

/// The day so many days after another; none after the year 9999.
#[must_use]
pub fn days_after(day: &str, days: i64) -> Option<String> {
    let first = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let later = first.checked_add_days(chrono::Days::new(u64::try_from(days).ok()?))?;
    date(&later.format("%Y-%m-%d").to_string()).ok()
}

/// The key by which names of skills are the same: compatibility-composed, lower case, without invisible characters, blanks folded.
#[must_use]
pub fn name_key(name: &str) -> String {
    let seen = name.chars().filter(|character| !is_ignorable(*character));
    let folded: String = seen.nfkc().collect::<String>().to_lowercase();
    // Small letters compose where capital ones have no composed form.
    let folded: String = folded.nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        assert_eq!(days_after("2028-02-15", 14).as_deref(), Some("2028-02-29"));
        assert_eq!(days_after("2026-12-31", 0).as_deref(), Some("2026-12-31"));
        assert_eq!(days_after("2026-12-31", 1).as_deref(), Some("2027-01-01"));
        assert_eq!((days_after("9999-12-31", 1), days_after("x", 1), days_after("2026-01-01", -1)), (None, None, None));
    }

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
        assert_eq!(line("two\u{2028}lines", 100), Err(BadText::Character(0x2028)));
        assert_eq!(free("abc", 2), Err(BadText::TooLong { found: 3, most: 2 }));
    }
    #[test]
    fn an_invisible_text_is_none() {
        for nothing in
            ["", " \t ", "\u{3164}", "\u{200B}\u{200B}", "\u{2060}", "\u{AD}", "\u{2800}", "\u{FEFF}", "\u{301}"]
        {
            assert_eq!((free(nothing, 10), some(Some(nothing))), (Ok(String::new()), None), "{nothing:?}");
            assert_eq!(line(nothing, 10), Err(BadText::Empty), "{nothing:?}");
            assert_eq!(name(nothing, 10), Err(BadText::Empty), "{nothing:?}");
        }
        assert_eq!(name("A\u{200B}da", 10), Err(BadText::Hidden(0x200B)));
        assert_eq!(name("\u{410}da", 10), Err(BadText::Mixed("\u{410}da".to_owned())));
        assert_eq!(reference("wire\u{200B}-7", 10), Err(BadText::Hidden(0x200B)));
    }

    #[test]
    fn a_title_in_hebrew_or_arabic_keeps_its_marks() {
        for title in ["\u{5d3}\u{5d5}\u{5d7} (2026)\u{200F}", "\u{200E}C++ \u{5d5}\u{200E}", "\u{645}\u{FEFF}\u{645}"] {
            assert_eq!(line(title, 100), Ok(title.to_owned()));
            assert_eq!(free(title, 100), Ok(title.to_owned()));
        }
        assert_eq!(line("\u{FEFF}Invoice", 100), Ok("Invoice".to_owned()), "a byte order mark is no part of it");
    }

    #[test]
    fn a_skill_is_as_long_as_its_key_is() {
        for (one, fits) in [("\u{BD}", 33), ("\u{FDFA}", 5), ("\u{130}", 50), ("a", 100)] {
            assert!(skill(&one.repeat(fits)).is_ok(), "{one}");
            let longer = skill(&one.repeat(fits + 1));
            assert!(matches!(longer, Err(BadText::KeyTooLong { .. } | BadText::TooLong { .. })), "{one}: {longer:?}");
        }
        assert_eq!(name_key("J\u{30C}"), name_key("\u{1F0}"), "case changes nothing, composed or not");
        assert_eq!(name_key("\u{5d0}\u{200F}  B"), "\u{5d0} b");
    }
}
