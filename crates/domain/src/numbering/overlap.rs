//! Whether two patterns could ever render the same number.
//!
//! The numbers of a pattern are a regular language: a chain of characters and digits, in which the sequence may be longer than its
//! padding. Two chains are walked side by side; they share a number if both ends can be reached at once.

use std::collections::BTreeSet;

use super::pattern::{Part, Pattern};

/// One place of the chain.
#[derive(Clone, Copy)]
enum Link {
    /// This character.
    Character(char),
    /// Any digit.
    Digit,
    /// Where a sequence that has outgrown its padding begins: a digit but 0, or nothing.
    Outgrown,
    /// Its further digits.
    Further,
}

impl Pattern {
    /// Whether some number is one of both patterns, whatever their years, months and sequences.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (chain(self), chain(other));
        let (mut open, mut seen) = (vec![(0, 0)], BTreeSet::new());
        while let Some((a, b)) = open.pop() {
            if !seen.insert((a, b)) {
                continue;
            }
            if (a, b) == (one.len(), other.len()) {
                return true;
            }
            open.extend(skipped(&one, a).map(|a| (a, b)));
            open.extend(skipped(&other, b).map(|b| (a, b)));
            if let (Some((left, next_a)), Some((right, next_b))) = (read(&one, a), read(&other, b))
                && meet(left, right)
            {
                open.push((next_a, next_b));
            }
        }
        false
    }
}

fn chain(pattern: &Pattern) -> Vec<Link> {
    let mut chain = Vec::new();
    for part in &pattern.parts {
        match *part {
            Part::Literal(character) => chain.push(Link::Character(character)),
            Part::Year => chain.extend([Link::Digit; 4]),
            Part::ShortYear | Part::Month => chain.extend([Link::Digit; 2]),
            Part::Sequence(digits) => {
                chain.extend([Link::Outgrown, Link::Further]);
                chain.extend(vec![Link::Digit; digits]);
            }
        }
    }
    chain
}

/// The place after those that may be left out.
fn skipped(chain: &[Link], at: usize) -> impl Iterator<Item = usize> + use<> {
    match chain.get(at) {
        Some(Link::Outgrown) => Some(at + 2),
        Some(Link::Further) => Some(at + 1),
        _ => None,
    }
    .into_iter()
}

/// The character that is read at a place, and the place after it.
fn read(chain: &[Link], at: usize) -> Option<(Link, usize)> {
    let link = *chain.get(at)?;
    Some((link, if matches!(link, Link::Further) { at } else { at + 1 }))
}

fn meet(one: Link, other: Link) -> bool {
    let takes = |link: Link, character: char| match link {
        Link::Character(only) => only == character,
        Link::Digit | Link::Further => character.is_ascii_digit(),
        Link::Outgrown => matches!(character, '1'..='9'),
    };
    match (one, other) {
        (Link::Character(character), other) | (other, Link::Character(character)) => takes(other, character),
        // Two kinds of digits: 1 is one of each.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_could_collide_are_named() {
        let overlap = |one: &str, other: &str| {
            let (one, other): (Pattern, Pattern) = (one.parse().expect("one"), other.parse().expect("another"));
            one.overlaps(&other)
        };
        assert!(overlap("A{SEQ:1}", "A{SEQ:3}"), "A100 is in both");
        assert!(overlap("A{SEQ:3}", "A{YY}{SEQ:1}"));
        assert!(overlap("{SEQ:1}", "{YYYY}{MM}{SEQ:4}"));
        assert!(!overlap("A{SEQ:3}", "B{SEQ:3}"));
        assert!(!overlap("A0{SEQ:1}", "A{SEQ:1}"), "a sequence that outgrows its padding does not begin with 0");
        assert!(overlap("A0{SEQ:1}", "A{SEQ:2}"));
        assert!(!overlap("INV-{YYYY}-{SEQ:6}", "INV{YYYY}-{SEQ:6}"));
        assert!(!overlap("{SEQ:4}A", "{SEQ:4}"));
    }
}
