//! What a person typed into a search box, reduced to words. Nothing of it can be syntax afterwards.

use crate::limits::MAX_SEARCH_WORDS;

/// The distinct words of a text, folded to lower case, in their order. Everything in ASCII that is neither letter nor
/// digit separates words, so that no operator, quote or wildcard of any engine survives.
pub(crate) fn words(text: &str) -> Vec<String> {
    let separates = |c: char| c.is_whitespace() || c.is_control() || (c.is_ascii() && !c.is_ascii_alphanumeric());
    let mut found: Vec<String> = Vec::new();
    for word in text.split(separates).filter(|word| word.chars().any(char::is_alphanumeric)) {
        let word = word.to_lowercase();
        if !found.contains(&word) {
            found.push(word);
        }
        if found.len() == MAX_SEARCH_WORDS {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn operators_and_quotes_are_not_words() {
        assert_eq!(
            words(r#"web3 "smart" -contract* $where {$gt:""} AND"#),
            ["web3", "smart", "contract", "where", "gt", "and"]
        );
        assert!(words("\" ' * - () $ \u{0} —").is_empty());
    }

    #[test]
    fn a_word_counts_once_and_there_are_at_most_sixteen() {
        assert_eq!(words("Rust rust RUST"), ["rust"]);
        let many: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        assert_eq!(words(&many.join(" ")).len(), 16);
    }
}
