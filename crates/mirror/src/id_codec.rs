//! The id codec: non-string `_id`s, and bytes that are no UTF-8, get a reversible printable name.
//!
//! Ids of rows are strings of at most 36 characters, and are their own names. Any other id is named by its value and its kind after
//! a mark that is longer than 36 characters, so it never equals a row's id. A string that ends like such a name is encoded in
//! the same way. So no two ids have the same name, and every name can be decoded.
//!
//! Ids that a database sorts among strings have names that sort in the same order among the ids of rows: the mark begins with a
//! space, and bytes follow a character that sorts after ASCII.

use std::{borrow::Cow, fmt::Write as _};

const MARK: &str = " (an _id of a kind that rows do not have: ";
/// Between the valid UTF-8 of an id and the remaining bytes.
const BROKEN: char = '\u{fffd}';

/// The kind of a string that ends like an encoded name.
const TEXT: &str = "text";
/// The kind of a string that is no UTF-8.
const BYTES: &str = "bytes";

/// A decoded id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// A text.
    Text(&'a str),
    /// A string of the database that is no UTF-8.
    Bytes(Vec<u8>),
    /// A value of another kind.
    Other { value: &'a str, kind: &'a str },
}

/// The name of a value of another kind.
pub(crate) fn other(value: &str, kind: &str) -> String {
    format!("{value}{MARK}{kind})")
}

/// The name of a text.
pub(crate) fn of_text(text: &str) -> Cow<'_, str> {
    match split(text) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(other(text, TEXT)),
    }
}

/// The name of a string of the database, valid UTF-8 or not.
pub(crate) fn of_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => of_text(text),
        Err(cause) => {
            let (text, broken) = bytes.split_at(cause.valid_up_to());
            Cow::Owned(other(&format!("{}{BROKEN}{}", String::from_utf8_lossy(text), hex(broken)), BYTES))
        }
    }
}

/// Decodes a name; `None` where no id has that name.
pub(crate) fn named(name: &str) -> Option<Named<'_>> {
    match split(name) {
        None => Some(Named::Text(name)),
        Some((text, TEXT)) => split(text).map(|_| Named::Text(text)),
        Some((value, BYTES)) => {
            let (text, broken) = value.rsplit_once(BROKEN)?;
            let bytes = [text.as_bytes(), &from_hex(broken)?].concat();
            str::from_utf8(&bytes).is_err().then_some(Named::Bytes(bytes))
        }
        Some((value, kind)) => Some(Named::Other { value, kind }),
    }
}

fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(')')?.rsplit_once(MARK)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::{MARK, Named, named, of_bytes, of_text, other};

    #[test]
    fn texts_are_called_as_they_are_but_for_those_that_end_like_other_names() {
        for text in ["", "0193e0a0-0000-7000-8000-000000000000", "int32:5", "😀", "a)", &MARK[1..], "a\0b"] {
            assert_eq!(of_text(text), text);
            assert_eq!(named(text), Some(Named::Text(text)));
        }
        let mut text = other("5", "int32");
        for _ in 0..3 {
            let name = of_text(&text).into_owned();
            assert_ne!(name, text);
            assert_eq!(named(&name), Some(Named::Text(&text)));
            text = name;
        }
    }

    #[test]
    fn bytes_that_are_no_text_have_names_that_lead_back() {
        for bytes in [&b"\xff"[..], b"0193\xff\xfe", b"a\xef\xbf\xbdb\xff", b"\xe2\x82"] {
            let name = of_bytes(bytes).into_owned();
            assert_eq!(named(&name), Some(Named::Bytes(bytes.to_vec())), "{name}");
        }
        assert_eq!(named(&other("a\u{fffd}62", "bytes")), None, "they are a text");
        assert_eq!(named(&other("a", "text")), None, "it needs no other name");
    }

    #[test]
    fn names_are_longer_than_ids_of_rows_and_stand_where_the_ids_stand() {
        assert!(other("", "").chars().count() > 36);
        let row = "0193e0a0-0000-7000-8000-000000000000";
        for length in 0..row.len() {
            assert!(*other(&row[..length], "symbol") < *row, "a part of an id stands before the whole");
            assert!(*of_bytes(&[&row.as_bytes()[..length], b"\xff"].concat()) > *row, "what is no ASCII behind it");
        }
    }
}
