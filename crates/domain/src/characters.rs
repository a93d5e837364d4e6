//! Kinds of characters: which are seen, which are not, which turn a line around, which belong to one way of writing.
//!
//! Default ignorable code points are those of Unicode's `DerivedCoreProperties.txt`; what scripts may stand together in a word
//! is UTS 39's level "highly restrictive".

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::mixed_script::AugmentedScriptSet;

/// Unicode's `Default_Ignorable_Code_Point`: shown as nothing.
pub(crate) fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// A character that stands for a gap: white space, what no font shows, and the empty cell of Braille, which Unicode counts
/// among the symbols.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_ignorable(character) || character == '\u{2800}'
}

/// Whether it is visible: marks show only on what they are put on.
pub(crate) fn is_seen(character: char) -> bool {
    !is_blank(character) && !character.is_control() && !is_combining_mark(character)
}

/// No text holds them: NUL and other controls but tab and line ends, code points that are no characters, and what turns the
/// direction of all that follows (UTS 55, "Trojan Source"), which hides what a text says.
pub(crate) fn is_refused(character: char) -> bool {
    let control = character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    let nothing = (u32::from(character) & 0xFFFE) == 0xFFFE || matches!(character, '\u{FDD0}'..='\u{FDEF}');
    control || nothing || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Marks of direction, and the byte order mark that editors leave: they order the words beside them, as Hebrew and Arabic
/// beside numbers and Latin words need.
const fn is_direction(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{FEFF}')
}

/// Letters of scripts that are written from right to left.
const fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}'
            | '\u{1E800}'..='\u{1EFFF}'
    )
}

/// Whether a joiner or a selector of variants may follow it: letters of scripts that join, and pictures.
fn joins(character: char) -> bool {
    let alphabetic = matches!(character.script(), Script::Latin | Script::Greek | Script::Cyrillic);
    !character.is_ascii() && !alphabetic && (!is_blank(character) || matches!(character, '\u{FE0E}' | '\u{FE0F}'))
}

/// The first invisible character of a name that has no effect there. Joiners and selectors stand after what they
/// change (as PRECIS' rule ContextJ has it, RFC 5892), marks of direction in what is written from right to left.
pub(crate) fn hidden(name: &str) -> Option<char> {
    let turns = name.chars().any(|character| is_right_to_left(character) && !is_ignorable(character));
    let mut before = None;
    name.chars().find(|&character| {
        let accepted = match character {
            '\u{200C}' | '\u{200D}' => before.is_some_and(joins),
            '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' | '\u{180B}'..='\u{180D}' => {
                before.is_some_and(|before| is_seen(before) || is_combining_mark(before))
            }
            // The region of a flag is spelled in tags.
            '\u{E0020}'..='\u{E007F}' => {
                before.is_some_and(|before| matches!(before, '\u{1F3F4}' | '\u{E0020}'..='\u{E007E}'))
            }
            mark if is_direction(mark) => turns,
            '\u{2800}' => false,
            other => !is_ignorable(other),
        };
        before = Some(character);
        !accepted
    })
}

/// The first word whose letters are of scripts that are not written together, as a Cyrillic letter in a Latin word, which
/// only looks like the Latin one.
pub(crate) fn mixed(name: &str) -> Option<&str> {
    let inside =
        |character: char| character.is_alphanumeric() || is_combining_mark(character) || is_ignorable(character);
    name.split(|character| !inside(character)).find(|word| {
        if !AugmentedScriptSet::for_str(word).is_empty() {
            return false;
        }
        // Chinese, Japanese and Korean stand beside Latin letters within a word.
        let others: String = word.chars().filter(|character| character.script() != Script::Latin).collect();
        let others = AugmentedScriptSet::for_str(&others);
        !(others.hanb || others.jpan || others.kore)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_found_and_those_that_scripts_need_are_not() {
        for bad in [
            "A\u{200B}da",
            "Ad\u{AD}a",
            "\u{3164}",
            "\u{2800}",
            "Ada\u{2060}",
            "Ada\u{200D}",
            "Ada\u{200E}",
            "\u{FEFF}Ada",
            "Ada\u{E0041}",
            "\u{FE0F}Ada",
        ] {
            assert!(hidden(bad).is_some(), "{bad:?}");
        }
        for good in [
            "Zoë O'Brien-Łukasz 3rd",
            "\u{5d3}\u{5d5}\u{5d3}\u{200F} 7",
            "\u{645}\u{6cc}\u{200C}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94d}\u{200D}\u{937}",
            "\u{1F469}\u{200D}\u{1F4BB} dev",
            "\u{2764}\u{FE0F}",
            "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
        ] {
            assert_eq!(hidden(good), None, "{good:?}");
        }
    }

    #[test]
    fn letters_of_a_word_are_of_one_writing() {
        for bad in ["\u{410}da", "p\u{430}ypal", "Goog\u{3bb}e", "\u{5d0}da"] {
            assert_eq!(mixed(bad), Some(bad), "{bad}");
        }
        for good in [
            "Ada Lovelace",
            "Ада Лавлейс",
            "C++ разработка",
            "\u{3bb}-calculus",
            "Tシャツ",
            "日本語とEnglish",
            "김철수",
            "Vũ Ngọc Phan",
            "数据base",
            "Web3",
            "e\u{301}",
        ] {
            assert_eq!(mixed(good), None, "{good}");
        }
    }
}
