//! Which passwords are accepted, and the one form in which they are hashed (RFC 8265, profile OpaqueString).

use unicode_normalization::UnicodeNormalization as _;
use zxcvbn::{Score, zxcvbn};

use crate::{Secret, validate::Check};

/// What a password is hashed as: blanks are ASCII blanks, and the text is composed (NFC). Keyboards differ in both.
pub(crate) fn prepared(password: &Secret) -> Secret {
    let blanks = password.reveal().chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter });
    Secret::new(blanks.nfc().collect::<String>())
}

/// The forms in which a password may have been hashed: as it is hashed now, and for those from before that rule as it was
/// typed, composed or not. One form for what is ASCII.
pub(crate) fn forms(password: &Secret) -> Vec<Secret> {
    let typed = password.reveal();
    let mut all: Vec<String> = vec![prepared(password).reveal().to_owned()];
    for other in [typed.to_owned(), typed.nfc().collect(), typed.nfd().collect()] {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all.into_iter().map(Secret::new).collect()
}

/// Characters of a password.
const LENGTH: std::ops::RangeInclusive<usize> = 10..=128;
/// So much of a password is judged: what is longer is no weaker.
const JUDGED: usize = 64;

/// Notes what is wrong with a new password: its length, characters that keyboards do not have, and that it can be guessed,
/// which what is known of its owner makes easier. zxcvbn's score 3 is 10^8 guesses or more.
pub(crate) fn check(check: &mut Check, password: &Secret, known: &[&str]) {
    let text = prepared(password);
    let length = text.reveal().chars().count();
    if !LENGTH.contains(&length) {
        let (least, most) = (LENGTH.start(), LENGTH.end());
        return check.refuse("/password", format!("has {length} characters: {least} to {most} are accepted"));
    }
    if text.reveal().chars().any(char::is_control) {
        return check.refuse("/password", "holds a control character, which is not accepted");
    }
    let mut known: Vec<&str> = known.iter().flat_map(|text| text.split(['@', '.', ' '])).collect();
    known.push("chainbill");
    let judged: String = text.reveal().chars().take(JUDGED).collect();
    let judgement = zxcvbn(&judged, &known);
    if judgement.score() >= Score::Three {
        return;
    }
    let why = judgement.feedback().and_then(|feedback| feedback.warning());
    let why = why.map_or_else(|| "it is too common or too regular.".to_owned(), |why| why.to_string());
    let why = why.trim_end_matches('.');
    check.refuse(
        "/password",
        format!("is easily guessed ({why}): several words that do not belong together are accepted"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        let mut found = Check::default();
        check(&mut found, &Secret::new(password), &["ada.lovelace@example.org", "Ada Lovelace"]);
        found.finish(Some(())).is_err()
    }

    #[test]
    fn what_is_easily_guessed_is_refused() {
        for bad in [
            "password12",
            "1234567890",
            "aaaaaaaaaaaaaaaa",
            "qwertyuiop",
            "AdaLovelace",
            "chainbill1",
            "short",
            "a\u{7}bcdefghijklm",
        ] {
            assert!(refused(bad), "{bad}");
        }
        assert!(refused(&"ab".repeat(65)), "too long");
        for good in
            ["correct horse battery", "p9$Kd!vq2Zx", "\u{fc}bermorgen kauft Oma drei Igel", "another password, please"]
        {
            assert!(!refused(good), "{good}");
        }
    }

    #[test]
    fn keyboards_agree_on_one_form() {
        let forms =
            |text: &str| forms(&Secret::new(text)).iter().map(|form| form.reveal().to_owned()).collect::<Vec<_>>();
        assert_eq!(forms("plain words"), ["plain words"]);
        let (composed, apart) = ("caf\u{e9} noir", "cafe\u{301} noir");
        assert_eq!(forms(composed), [composed, apart]);
        assert_eq!(forms(apart), [composed, apart]);
        assert_eq!(forms("a\u{a0}\u{3000}b"), ["a  b", "a\u{a0}\u{3000}b"]);
    }
}
