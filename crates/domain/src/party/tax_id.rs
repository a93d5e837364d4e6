//! Tax ids: numbers by which a tax office knows a party.

use serde::{Deserialize, Serialize};

use crate::{states::TaxIdKind, text};

/// A tax id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxId {
    /// What kind of number it is.
    pub kind: TaxIdKind,
    /// The number, as its kind is written.
    pub value: String,
}

/// Why a tax id is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTaxId {
    /// Its country has no VAT ids that are known here.
    #[error("begins with no country of the VAT ids that are known: the kind OTHER is accepted for it")]
    VatCountry,
    /// Not of its country's pattern.
    #[error("is not of the pattern of its country's VAT ids")]
    Vat,
    /// Not an employer identification number.
    #[error("is not an EIN: nine digits such as 12-3456789 are accepted")]
    Ein,
    /// Not a text.
    #[error(transparent)]
    Text(#[from] text::BadText),
}

/// What follows the country's letters: 9 stands for a digit, @ for a letter, * for either; any other character for itself.
const VAT: &[(&str, &[&str])] = &[
    ("AT", &["U99999999"]),
    ("BE", &["9999999999"]),
    ("BG", &["999999999", "9999999999"]),
    ("CH", &["E999999999", "E999999999MWST", "E999999999TVA", "E999999999IVA"]),
    ("CY", &["99999999@"]),
    ("CZ", &["99999999", "999999999", "9999999999"]),
    ("DE", &["999999999"]),
    ("DK", &["99999999"]),
    ("EE", &["999999999"]),
    ("EL", &["999999999"]),
    ("ES", &["*9999999*"]),
    ("FI", &["99999999"]),
    ("FR", &["**999999999"]),
    ("GB", &["999999999", "999999999999", "GD999", "HA999"]),
    ("HR", &["99999999999"]),
    ("HU", &["99999999"]),
    ("IE", &["9*99999@", "9999999@@"]),
    ("IT", &["99999999999"]),
    ("LT", &["999999999", "999999999999"]),
    ("LU", &["99999999"]),
    ("LV", &["99999999999"]),
    ("MT", &["99999999"]),
    ("NL", &["999999999B99"]),
    ("NO", &["999999999", "999999999MVA"]),
    ("PL", &["9999999999"]),
    ("PT", &["999999999"]),
    ("RO", &["99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999", "9999999999"]),
    ("SE", &["999999999999"]),
    ("SI", &["99999999"]),
    ("SK", &["9999999999"]),
    ("XI", &["999999999", "999999999999", "GD999", "HA999"]),
];

impl TaxId {
    /// Reads a tax id. VAT ids lose blanks, points and hyphens and get capital letters; an EIN gets its hyphen.
    ///
    /// # Errors
    /// When it is not of its kind.
    pub fn parse(kind: TaxIdKind, value: &str) -> Result<Self, BadTaxId> {
        let value = match kind {
            TaxIdKind::Vat => vat(value)?,
            TaxIdKind::Ein => ein(value)?,
            TaxIdKind::Other => text::reference(value, 50)?,
        };
        Ok(Self { kind, value })
    }
}

fn compact(text: &str) -> String {
    let separates = |character: &char| matches!(character, ' ' | '.' | '-');
    text.chars().filter(|character| !separates(character)).collect::<String>().to_ascii_uppercase()
}

fn vat(text: &str) -> Result<String, BadTaxId> {
    let mut id = compact(text);
    // Greece is EL in VAT ids, and GR elsewhere.
    if let Some(rest) = id.strip_prefix("GR") {
        id = format!("EL{rest}");
    }
    let country = VAT.iter().find_map(|(country, patterns)| Some((id.strip_prefix(country)?, patterns)));
    let (rest, patterns) = country.ok_or(BadTaxId::VatCountry)?;
    if patterns.iter().any(|pattern| matches(pattern, rest)) { Ok(id) } else { Err(BadTaxId::Vat) }
}

fn matches(pattern: &str, text: &str) -> bool {
    pattern.len() == text.len()
        && pattern.bytes().zip(text.bytes()).all(|(of, byte)| match of {
            b'9' => byte.is_ascii_digit(),
            b'@' => byte.is_ascii_uppercase(),
            b'*' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            other => byte == other,
        })
}

fn ein(text: &str) -> Result<String, BadTaxId> {
    let digits = compact(text);
    let good = digits.len() == 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(format!("{}-{}", &digits[..2], &digits[2..])) } else { Err(BadTaxId::Ein) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: TaxIdKind, text: &str) -> Result<String, BadTaxId> {
        TaxId::parse(kind, text).map(|id| id.value)
    }

    #[test]
    fn vat_ids_are_normalised_and_of_their_countrys_pattern() {
        for (text, expected) in [
            ("de 123 456 789", "DE123456789"),
            ("ATU12345678", "ATU12345678"),
            ("nl123456789b01", "NL123456789B01"),
            ("GR123456789", "EL123456789"),
            ("FR-X7.999999999", "FRX7999999999"),
            ("CHE-123.456.789 MWST", "CHE123456789MWST"),
            ("GBHA999", "GBHA999"),
            ("IE9A99999B", "IE9A99999B"),
        ] {
            assert_eq!(read(TaxIdKind::Vat, text).as_deref(), Ok(expected));
        }
        for bad in [
            "DE12345678",
            "DE1234567890",
            "DEABCDEFGHI",
            "ATU1234567",
            "NL123456789A01",
            "DE12345678\u{661}",
            "GBXY999",
        ] {
            assert_eq!(read(TaxIdKind::Vat, bad), Err(BadTaxId::Vat), "{bad}");
        }
        for bad in ["", "US123456789", "123456789", "É"] {
            assert_eq!(read(TaxIdKind::Vat, bad), Err(BadTaxId::VatCountry), "{bad}");
        }
    }

    #[test]
    fn other_ids_are_of_their_kind() {
        assert_eq!(read(TaxIdKind::Ein, "123456789").as_deref(), Ok("12-3456789"));
        assert_eq!(read(TaxIdKind::Ein, "12-345678"), Err(BadTaxId::Ein));
        assert_eq!(read(TaxIdKind::Other, " 27/345/67890 ").as_deref(), Ok("27/345/67890"));
        assert!(read(TaxIdKind::Other, "").is_err());
    }
}
