//! The search terms of documents and queries. Both mirrors index these and nothing else, so they find the same
//! documents.
//!
//! A text is folded first: compatibility forms (full width, ligatures) to the common ones, case, accents and vowel points
//! away, invisible characters away. Then it is cut:
//!
//! - `C++`, `C#`: signs that end a word belong to it.
//! - `O'Brien` is `obrien`, and of a document also `o` and `brien`.
//! - Scripts that are written without spaces (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese) are indexed by each two
//!   neighbouring characters; what is asked for there must hold all pairs of the question, so that a word is found
//!   inside a run.

use std::collections::HashMap;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use unicode_script::{Script, UnicodeScript as _};

use crate::{
    document::{Document, Value},
    mapping::Model,
};

/// Rises when the same text makes other words: what was indexed before is made anew then.
pub const WORDS_VERSION: u32 = 1;

/// A question has at most so many words; further ones are ignored.
pub const MOST_ASKED: usize = 16;
/// A document is found by at most so many words, those of heavy fields first.
pub const MOST_INDEXED: usize = 10_000;
/// Of a longer word so many characters count.
const LONGEST: usize = 64;
/// Of a longer run without spaces so many pairs are asked for.
const MOST_PAIRS: usize = 32;

/// A word of a document, and the weight of the heaviest field that holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// Folded; without spaces.
    pub text: String,
    /// 1 to 10.
    pub weight: u8,
}

/// A word of a question: a document holds it when it holds all its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked(pub Vec<Term>);

/// A part of a question's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A document's word is this.
    Whole(String),
    /// A document's word begins so: the last word of a query that is still being typed, or one character of a script without
    /// spaces.
    Beginning(String),
}

/// What a document is worth to a question: each word of the question that it holds counts a thousand, and the weight of the
/// heaviest field that holds it. Nothing else counts, least of all other documents, so that a score stays what it is
/// while others come and go.
pub const PER_WORD: u32 = 1000;

/// The words by which a document of this model is found, ascending.
#[must_use]
pub fn indexed(model: &Model, body: &Document) -> Vec<Word> {
    let mut fields: Vec<_> = model.search.iter().collect();
    fields.sort_by_key(|field| std::cmp::Reverse(field.weight));
    let mut found: HashMap<String, u8> = HashMap::new();
    for field in fields {
        each_text(body, field.path, &mut |text| {
            for word in document_words(text) {
                if found.len() >= MOST_INDEXED && !found.contains_key(&word) {
                    return;
                }
                found.entry(word).or_insert(field.weight);
            }
        });
    }
    let mut words: Vec<Word> = found.into_iter().map(|(text, weight)| Word { text, weight }).collect();
    words.sort_unstable();
    words
}

/// The weights that words of this model can have, the heaviest first.
#[must_use]
pub fn weights(model: &Model) -> Vec<u8> {
    let mut weights: Vec<u8> = model.search.iter().map(|field| field.weight).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    weights.dedup();
    weights
}

/// The distinct words of a question in their order, at most [`MOST_ASKED`].
#[must_use]
pub fn asked(text: &str) -> Vec<Asked> {
    let text = folded(text);
    let mut found: Vec<Asked> = Vec::new();
    for piece in Pieces::of(&text) {
        let asked = match piece {
            Piece::Word { text, last, .. } => {
                let may_go_on = last && text.chars().count() > 1 && text.ends_with(is_of_word);
                let term = if may_go_on { Term::Beginning } else { Term::Whole };
                Asked(vec![term(shortened(&text))])
            }
            Piece::Run(characters) => Asked(match characters[..] {
                [alone] => vec![Term::Beginning(alone.to_string())],
                _ => characters.windows(2).take(MOST_PAIRS).map(|pair| Term::Whole(pair.iter().collect())).collect(),
            }),
        };
        if !found.contains(&asked) {
            found.push(asked);
        }
        if found.len() == MOST_ASKED {
            break;
        }
    }
    found
}

/// The words that a document's text is found by; some of them more than once.
fn document_words(text: &str) -> Vec<String> {
    let text = folded(text);
    let mut words = Vec::new();
    for piece in Pieces::of(&text) {
        match piece {
            Piece::Word { text, parts, .. } => {
                words.push(shortened(&text));
                words.extend(parts.iter().map(|part| shortened(part)));
            }
            Piece::Run(characters) => {
                words.extend(characters.windows(2).map(|pair| pair.iter().collect()));
                // The pairs say nothing of the last character when it is searched for alone.
                words.extend(characters.last().map(char::to_string));
            }
        }
    }
    words
}

fn shortened(word: &str) -> String {
    match word.char_indices().nth(LONGEST) {
        None => word.to_owned(),
        Some((end, _)) => word[..end].to_owned(),
    }
}

/// All texts at a dotted path, lists entered.
fn each_text<'d>(body: &'d Document, path: &str, tell: &mut impl FnMut(&'d str)) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if let Some(value) = body.get(first) {
        gather(value, rest, tell);
    }
}

fn gather<'d>(value: &'d Value, path: Option<&str>, tell: &mut impl FnMut(&'d str)) {
    match (value, path) {
        (Value::List(items), _) => items.iter().for_each(|item| gather(item, path, tell)),
        (Value::Text(text), None) => tell(text),
        (Value::Map(inner), Some(path)) => each_text(inner, path, tell),
        _ => {}
    }
}

/// A part of a text that is found by itself.
enum Piece {
    /// A word of a script with spaces. `parts` are what else a document is found by; `last` says that the text ends with it.
    Word { text: String, parts: Vec<String>, last: bool },
    /// A run of a script without spaces.
    Run(Vec<char>),
}

/// Cuts folded text.
struct Pieces<'t> {
    rest: &'t str,
}

impl<'t> Pieces<'t> {
    fn of(text: &'t str) -> Self {
        Self { rest: text }
    }

    /// Takes characters from the front as long as they are so.
    fn take(&mut self, so: impl Fn(char) -> bool) -> &'t str {
        let (taken, rest) = self.rest.split_at(self.rest.find(|c| !so(c)).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A word of a script with spaces; apostrophes within are left out.
    fn word(&mut self) -> Piece {
        let of_word = |c| is_of_word(c) && !is_spaceless(c);
        let mut parts = vec![self.take(of_word).to_owned()];
        while let Some(after) = self.rest.strip_prefix(APOSTROPHE).filter(|after| after.starts_with(of_word)) {
            self.rest = after;
            parts.push(self.take(of_word).to_owned());
        }
        let mut text = parts.concat();
        if parts.len() == 1 {
            parts.clear();
        }
        let signs = self.rest.len() - self.rest.trim_start_matches(SIGNS).len();
        let (signs, after) = self.rest.split_at(signs);
        if belongs(signs, after) {
            // `google+` is found by `google` too, but `c++` is not meant by a search for `c`.
            if text.chars().count() > 1 {
                parts.push(text.clone());
            }
            text.push_str(signs);
            self.rest = after;
        }
        Piece::Word { text, parts, last: self.rest.is_empty() }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        self.take(|c| !c.is_alphanumeric());
        let first = self.rest.chars().next()?;
        if is_spaceless(first) {
            let run = self.take(|c| is_spaceless(c) || is_combining_mark(c));
            return Some(Piece::Run(run.chars().collect()));
        }
        Some(self.word())
    }
}

/// Signs that may end a word: `C++`, `C#`, `F#`, `A+`.
const SIGNS: &[char] = &['+', '#'];
/// The one form of all apostrophes in folded text.
const APOSTROPHE: char = '\'';

/// Whether signs behind a word are of the word: not where they join it to the next one, as in `rust+go`.
fn belongs(signs: &str, after: &str) -> bool {
    let next = after.chars().next().filter(|c| c.is_alphanumeric());
    !signs.is_empty() && (next.is_none() || signs.len() > 1 || (signs == "#" && next.is_some_and(char::is_numeric)))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Whether words of this character's script stand next to each other without spaces; Korean has spaces, but what is asked for
/// stands inside of what they part.
fn is_spaceless(c: char) -> bool {
    const SCRIPTS: [Script; 10] = [
        Script::Han,
        Script::Hiragana,
        Script::Katakana,
        Script::Bopomofo,
        Script::Hangul,
        Script::Thai,
        Script::Lao,
        Script::Khmer,
        Script::Myanmar,
        Script::Yi,
    ];
    if c.is_ascii() || !is_of_word(c) {
        return false;
    }
    match c.script() {
        // Marks and signs that several scripts share, as the one that makes vowels long in Japanese.
        Script::Common | Script::Inherited => {
            let extension = c.script_extension();
            !extension.is_common() && !extension.is_inherited() && SCRIPTS.iter().any(|s| extension.contains_script(*s))
        }
        script => SCRIPTS.contains(&script),
    }
}

/// The one form of all texts that people take for the same.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase().replace('`', "'");
    }
    let signs = text.chars().map(|c| match c {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{02b9}' | '\u{02bb}' | '\u{02bc}' | '\u{b4}' | '`' => {
            APOSTROPHE
        }
        '\u{266f}' => '#',
        c => c,
    });
    let plain = signs.nfkd().filter(|c| !is_left_out(*c));
    // Upper case first: it is where `ß` and `SS`, the two forms of sigma and the two forms of i meet.
    plain.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkd().filter(|c| !is_left_out(*c)).nfc().collect()
}

/// Accents, the vowel points of Hebrew and Arabic, and what is not seen.
fn is_left_out(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6ed}'
        | '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::{Asked, Term, asked, document_words, indexed};
    use crate::{
        document::{Document, Value},
        models::USERS,
    };

    /// Whether a question of one word finds a text.
    fn finds(question: &str, text: &str) -> bool {
        let words = document_words(text);
        let holds = |term: &Term| match term {
            Term::Whole(word) => words.contains(word),
            Term::Beginning(begin) => words.iter().any(|word| word.starts_with(begin.as_str())),
        };
        asked(question).iter().any(|Asked(terms)| terms.iter().all(holds))
    }

    #[test]
    fn operators_and_quotes_are_no_words() {
        let words = |text: &str| asked(text).len();
        assert_eq!(words(r#"web3 "smart" -contract* $where {$gt:""} AND"#), 6);
        assert_eq!(words("\" ' * - () $ \u{0} — + # ++"), 0);
        assert_eq!((words("Rust rust RUST "), words("💥")), (1, 0));
        let many: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        assert_eq!(words(&many.join(" ")), 16);
    }

    #[test]
    fn one_word_has_one_form_however_it_is_written() {
        for (question, text) in [
            ("Zoe\u{308} ", "Zoë"),
            ("zoe ", "ZOË"),
            ("ＲＵＳＴ ", "Rust"),
            ("STRASSE ", "Straße"),
            ("straße ", "STRASSE"),
            ("ΟΔΟΣ ", "οδος"),
            ("ﬁnance ", "FINANCE"),
            ("istanbul ", "İSTANBUL"),
            ("ıstanbul ", "ISTANBUL"),
            ("soft\u{ad}ware ", "software"),
            ("ｶﾞｲﾄﾞ", "ガイド"),
            ("שלום ", "שָׁלוֹם"),
            ("احمد ", "أَحْمَد"),
        ] {
            assert!(finds(question, text) && finds(text, question), "{question} {text}");
        }
    }

    #[test]
    fn signs_and_apostrophes_are_of_the_word() {
        for (question, text, found) in [
            ("C++", "C++, C# and F#.", true),
            ("c#", "C++, C# and F#.", true),
            ("C++", "C and C#", false),
            ("C#", "C++17", false),
            ("C++", "C++17", true),
            ("C＋＋", "c++", true),
            ("C♯", "c#", true),
            ("go", "rust+go", true),
            ("google", "Google+ ", true),
            ("O'Brien", "OBrien", true),
            ("OBrien", "O\u{2019}Brien", true),
            ("o\u{b4}brien", "O'Brien", true),
            ("brien", "O'Brien", true),
            ("applications", "développeur d'applications", true),
            ("obrien", "O Brien", false),
        ] {
            assert_eq!(finds(question, text), found, "{question} in {text}");
        }
    }

    #[test]
    fn words_are_found_inside_runs_without_spaces() {
        for (question, text, found) in [
            ("開発者", "ブロックチェーン開発者です", true),
            ("ブロックチェーン", "ブロックチェーン開発者です", true),
            ("者", "ブロックチェーン開発者", true),
            ("開発者", "開発会社の者", false),
            ("区块链", "资深区块链工程师", true),
            ("นักพัฒนา", "ผมเป็นนักพัฒนาซอฟต์แวร์", true),
            ("개발자", "블록체인개발자입니다", true),
            ("web3", "Web3開発者", true),
            ("開発", "Web3開発者", true),
        ] {
            assert_eq!(finds(question, text), found, "{question} in {text}");
        }
    }

    #[test]
    fn the_last_word_is_a_beginning_while_it_is_typed() {
        assert!(finds("block", "blockchain") && !finds("block ", "blockchain") && !finds("c", "cobol"));
        assert!(!finds("block chain", "blockchains of others") && !finds("c+", "c++"));
    }

    #[test]
    fn a_word_has_the_weight_of_its_heaviest_field() {
        let text = |text: &str| Value::Text(text.to_owned());
        let skill = Value::Map(Document(vec![("name".into(), text("Rust"))]));
        let body = Document(vec![
            ("bio".into(), text("Rust, and more rust in Bern")),
            ("location".into(), text("Bern")),
            ("skills".into(), Value::List(vec![skill])),
        ]);
        let words: Vec<_> = indexed(&USERS, &body).into_iter().map(|word| (word.text, word.weight)).collect();
        let expected = [("and", 3), ("bern", 3), ("in", 3), ("more", 3), ("rust", 8)];
        assert_eq!(words, expected.map(|(word, weight)| (word.to_owned(), weight)));
    }
}
