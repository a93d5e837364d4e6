//! The pattern of a series' numbers: literal text, and tokens in braces.

use std::{fmt, str::FromStr};

use crate::states::NumberKind;

/// A pattern: literal text, `{YYYY}`, `{YY}`, `{MM}`, and `{SEQ:n}` exactly once, which is padded with zeros to n digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Literal(char),
    /// The year in four digits.
    Year,
    /// The year in two digits.
    ShortYear,
    /// The month in two digits.
    Month,
    /// The sequence in at least so many digits.
    Sequence(usize),
}

/// What a number is rendered from: the issuer's year and month at sending, and the place in the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u32,
    /// The place in the sequence.
    pub sequence: i64,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// A brace that opens or closes no token that is known.
    #[error("holds a brace without a token: {{YYYY}}, {{YY}}, {{MM}} and {{SEQ:n}} are accepted, n from 1 to 10")]
    Token,
    /// A character that is accepted in no number.
    #[error("holds the character U+{0:04X}: letters, digits and - _ / . # : are accepted beside tokens")]
    Character(u32),
    /// No sequence, or several.
    #[error("names the sequence {0} times: {{SEQ:n}} is accepted once")]
    Sequences(usize),
    /// Its numbers would be too long.
    #[error("makes numbers of {0} characters: {MOST_NUMBER} are accepted, with a sequence of {MOST_DIGITS} digits")]
    TooLong(usize),
    /// The sequence restarts, and the year is not in the number.
    #[error(
        "does not name the year: a sequence that restarts yearly would repeat its numbers without {{YYYY}} or {{YY}}"
    )]
    YearMissing,
}

/// Most characters of a number.
const MOST_NUMBER: usize = 32;
/// Digits that a sequence may grow to.
const MOST_DIGITS: usize = 10;

impl Pattern {
    /// The pattern of the built-in series.
    #[must_use]
    pub fn built_in(kind: NumberKind) -> Self {
        let prefix = match kind {
            NumberKind::Invoice => "INV-",
            NumberKind::Quote => "QUO-",
            NumberKind::CreditNote => "CN-",
        };
        let prefix = prefix.chars().map(Part::Literal);
        Self { parts: prefix.chain([Part::Year, Part::Literal('-'), Part::Sequence(6)]).collect() }
    }

    /// The pattern of a series that restarts yearly, or not.
    ///
    /// # Errors
    /// When the text is no pattern, or its numbers would repeat.
    pub fn of(text: &str, yearly: bool) -> Result<Self, BadPattern> {
        let pattern: Self = text.parse()?;
        let dated = pattern.parts.iter().any(|part| matches!(part, Part::Year | Part::ShortYear));
        if yearly && !dated { Err(BadPattern::YearMissing) } else { Ok(pattern) }
    }

    /// The number at a place.
    #[must_use]
    pub fn number(&self, place: Place) -> String {
        let text = |part: &Part| match *part {
            Part::Literal(character) => character.to_string(),
            Part::Year => format!("{:04}", place.year),
            Part::ShortYear => format!("{:02}", place.year.rem_euclid(100)),
            Part::Month => format!("{:02}", place.month),
            Part::Sequence(digits) => format!("{:0digits$}", place.sequence),
        };
        self.parts.iter().map(text).collect()
    }

    fn width(&self) -> usize {
        let width = |part: &Part| match part {
            Part::Literal(_) => 1,
            Part::Year => 4,
            Part::ShortYear | Part::Month => 2,
            Part::Sequence(digits) => MOST_DIGITS.max(*digits),
        };
        self.parts.iter().map(width).sum()
    }
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            if first == '{' {
                let (token, after) = rest[1..].split_once('}').ok_or(BadPattern::Token)?;
                parts.push(token_of(token).ok_or(BadPattern::Token)?);
                rest = after;
                continue;
            }
            match first {
                '}' => return Err(BadPattern::Token),
                '-' | '_' | '/' | '.' | '#' | ':' => parts.push(Part::Literal(first)),
                first if first.is_ascii_alphanumeric() => parts.push(Part::Literal(first)),
                other => return Err(BadPattern::Character(u32::from(other))),
            }
            rest = &rest[1..];
        }
        let sequences = parts.iter().filter(|part| matches!(part, Part::Sequence(_))).count();
        let pattern = Self { parts };
        match (sequences, pattern.width()) {
            (1, ..=MOST_NUMBER) => Ok(pattern),
            (1, width) => Err(BadPattern::TooLong(width)),
            (sequences, _) => Err(BadPattern::Sequences(sequences)),
        }
    }
}

fn token_of(token: &str) -> Option<Part> {
    Some(match token {
        "YYYY" => Part::Year,
        "YY" => Part::ShortYear,
        "MM" => Part::Month,
        "SEQ:10" => Part::Sequence(10),
        token => match token.strip_prefix("SEQ:")?.as_bytes() {
            [digit @ b'1'..=b'9'] => Part::Sequence(usize::from(digit - b'0')),
            _ => return None,
        },
    })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(character) => write!(f, "{character}"),
            Part::Year => f.write_str("{YYYY}"),
            Part::ShortYear => f.write_str("{YY}"),
            Part::Month => f.write_str("{MM}"),
            Part::Sequence(digits) => write!(f, "{{SEQ:{digits}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_read_and_rendered_and_nothing_else_is_one() {
        let place = Place { year: 2026, month: 3, sequence: 7 };
        for (text, number) in [
            ("INV-{YYYY}-{SEQ:6}", "INV-2026-000007"),
            ("{YY}{MM}/{SEQ:1}", "2603/7"),
            ("R{SEQ:10}.a_b#c:d", "R0000000007.a_b#c:d"),
        ] {
            let pattern: Pattern = text.parse().expect("a pattern");
            assert_eq!((pattern.to_string(), pattern.number(place)), (text.to_owned(), number.to_owned()));
        }
        assert_eq!(Pattern::built_in(NumberKind::Invoice).to_string(), "INV-{YYYY}-{SEQ:6}");
        for (text, expected) in [
            ("", BadPattern::Sequences(0)),
            ("{SEQ:1}{SEQ:2}", BadPattern::Sequences(2)),
            ("{SEQ:0}", BadPattern::Token),
            ("{SEQ:11}", BadPattern::Token),
            ("{SEQ:+1}", BadPattern::Token),
            ("{SEQ}", BadPattern::Token),
            ("{seq:1}", BadPattern::Token),
            ("{SEQ:1", BadPattern::Token),
            ("SEQ:1}", BadPattern::Token),
            ("{{SEQ:1}}", BadPattern::Token),
            ("A B{SEQ:1}", BadPattern::Character(0x20)),
            ("\u{2116}{SEQ:1}", BadPattern::Character(0x2116)),
            ("ABCDEFGHIJKLMNOPQRSTUVW{SEQ:1}", BadPattern::TooLong(33)),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(expected), "{text:?}");
        }
        assert_eq!(Pattern::of("R{SEQ:3}", true), Err(BadPattern::YearMissing));
        assert!(Pattern::of("R{SEQ:3}", false).is_ok() && Pattern::of("{YY}{SEQ:3}", true).is_ok());
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        let part = || {
            prop_oneof![
                Just(Part::Literal('A')),
                Just(Part::Literal('1')),
                Just(Part::Literal('0')),
                Just(Part::Year),
                Just(Part::ShortYear),
                Just(Part::Month),
            ]
        };
        let some = || prop::collection::vec(part(), 0..4);
        (some(), 1_usize..5, some()).prop_map(|(before, digits, after)| Pattern {
            parts: before.into_iter().chain([Part::Sequence(digits)]).chain(after).collect(),
        })
    }

    fn place() -> impl Strategy<Value = Place> {
        // Small sequences and those around a power of ten, where the width grows.
        let sequence = prop_oneof![1_i64..30, 95_i64..105, 995_i64..1005, 9_990_i64..10_010];
        (2025_i32..2029, 1_u32..=12, sequence).prop_map(|(year, month, sequence)| Place { year, month, sequence })
    }

    proptest! {
        #[test]
        fn a_pattern_comes_back_from_its_text(pattern in pattern()) {
            prop_assert_eq!(pattern.to_string().parse::<Pattern>(), Ok(pattern));
        }

        #[test]
        fn places_of_one_series_never_share_a_number(pattern in pattern(), one in place(), other in place()) {
            if one.sequence != other.sequence {
                prop_assert_ne!(pattern.number(one), pattern.number(other), "one sequence, whatever the year and month");
            }
            if Pattern::of(&pattern.to_string(), true).is_ok() && one.year != other.year {
                prop_assert_ne!(pattern.number(one), pattern.number(other), "a sequence of each year");
            }
        }

        #[test]
        fn series_that_do_not_overlap_never_share_a_number(
            one in pattern(), other in pattern(), here in place(), there in place(),
        ) {
            if one.number(here) == other.number(there) {
                prop_assert!(one.overlaps(&other) && other.overlaps(&one));
            }
            prop_assert!(one.overlaps(&one));
        }
    }
}
