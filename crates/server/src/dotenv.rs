//! The file `.env`: it sets what the environment leaves open; misspelled settings in it are reported.

use std::path::Path;

use anyhow::anyhow;

/// Loads the file into the environment, if it exists; to be called before any thread runs. Returns warnings about names that are
/// nearly those of settings.
///
/// # Errors
/// When it cannot be read. The error contains no line of it, because lines hold secrets.
pub fn load(file: &Path, known: &[String]) -> anyhow::Result<Vec<String>> {
    let shown = file.display();
    match dotenvy::from_path(file) {
        Ok(()) => {}
        Err(error) if error.not_found() => return Ok(Vec::new()),
        Err(error) => return Err(described(file, &error)),
    }
    // Read again for its names; its errors were reported above.
    let names = dotenvy::from_path_iter(file).into_iter().flatten().filter_map(|item| item.ok().map(|(name, _)| name));
    let warning = |name: String| {
        let meant = meant(&name, known)?;
        Some(format!("{shown} sets {name}, which is no setting: {meant} is the nearest"))
    };
    Ok(names.filter_map(warning).collect())
}

fn described(file: &Path, error: &dotenvy::Error) -> anyhow::Error {
    let shown = file.display();
    match error {
        dotenvy::Error::LineParse(line, _) => {
            // The error holds the line or only its value.
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let number = text.lines().position(|known| known.trim_end().ends_with(line.trim()));
            let number = number.map_or_else(|| "a line".to_owned(), |number| format!("line {}", number + 1));
            anyhow!("{shown}: {number} is not accepted: NAME=value, or NAME=\"a b\" with blanks, is")
        }
        error => anyhow!("{shown} cannot be read: {error}"),
    }
}

/// The setting that a name stands for when it is none itself and differs in a letter or two.
fn meant<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    if known.iter().any(|setting| setting == name) {
        return None;
    }
    let most = if name.len() < 6 { 1 } else { 2 };
    let written = name.to_ascii_uppercase().replace('-', "_");
    let near = known.iter().map(|setting| (distance(&written, setting), setting)).min()?;
    Some(near.1.as_str()).filter(|_| near.0 <= most)
}

/// How many letters must be put in, left out or changed to make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let changed = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (one, other, expected) in [("", "abc", 3), ("PORT", "PORT", 0), ("DATABASE_ULR", "DATABASE_URL", 2)] {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn a_misspelt_name_is_told_and_a_foreign_one_is_not() {
        let known = ["DATABASE_URL", "MONGODB_URI", "PORT", "LOG_LEVEL"].map(str::to_owned);
        for (name, expected) in [
            ("DATABASE_ULR", Some("DATABASE_URL")),
            ("database_url", Some("DATABASE_URL")),
            ("MONGODB_URL", Some("MONGODB_URI")),
            ("LOGLEVEL", Some("LOG_LEVEL")),
            ("PORTS", Some("PORT")),
            ("PORT", None),
            ("HOST", None),
            ("COMPOSE_PROJECT_NAME", None),
            ("APTOS_NETWORK", None),
        ] {
            assert_eq!(meant(name, &known), expected, "{name}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(&file, "PORT=3000\nDATABASE_URL=mysql://u:can ary@h/d\n").unwrap();
        let error = load(&file, &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("ary"), "{error}");
        assert_eq!(load(&folder.path().join("none"), &[]).unwrap(), Vec::<String>::new());
    }
}
