//! The parties of an invoice as they are frozen into it at sending: who issues it and who pays it, under which address and tax
//! id, and where the issuer is paid.

mod bank;
mod country;
mod profile;
mod tax_id;

use serde::{Deserialize, Serialize};

pub use self::{
    bank::{BadBank, Bank, bic, iban},
    country::{Country, UnknownCountry},
    profile::BillingProfile,
    tax_id::{BadTaxId, TaxId},
};

/// The parties of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parties {
    /// Who issues it.
    pub issuer: Party,
    /// Who pays it.
    pub client: Party,
}

/// A party. One without a billing profile has its account's name alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// The legal name, or the account's.
    pub name: String,
    /// Where it is seated.
    pub address: Option<Address>,
    /// Under which number the tax office knows it.
    pub tax_id: Option<TaxId>,
    /// Where it is paid: of the issuer only. It is shown to the parties and never mirrored.
    pub bank: Option<Bank>,
    /// In which language and form its documents are, as `de-AT`.
    pub locale: Option<String>,
}

impl Party {
    /// A party of which nothing is known but its name.
    #[must_use]
    pub const fn named(name: String) -> Self {
        Self { name, address: None, tax_id: None, bank: None, locale: None }
    }
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street, house, floor: up to four lines.
    pub lines: Vec<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// The state or province.
    pub region: Option<String>,
    /// The country (ISO 3166-1, two letters).
    pub country: Option<Country>,
}

/// Not a language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a locale: a language, with a script and a region where they matter, such as en, pt-BR or zh-Hant-TW, is accepted"
)]
pub struct BadLocale;

/// A language tag (BCP 47) of a language, a script and a region, in the usual letters: `zh-hant-tw` is `zh-Hant-TW`.
///
/// # Errors
/// When it has other parts, or none.
pub fn locale(text: &str) -> Result<String, BadLocale> {
    let alphabetic = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let mut parts = text.split('-').peekable();
    let language = parts.next().filter(|part| matches!(part.len(), 2 | 3) && alphabetic(part)).ok_or(BadLocale)?;
    let mut tag = language.to_ascii_lowercase();
    if let Some(script) = parts.next_if(|part| part.len() == 4 && alphabetic(part)) {
        let (first, rest) = script.split_at(1);
        tag = format!("{tag}-{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase());
    }
    let is_region = |part: &&str| match part.len() {
        2 => alphabetic(part),
        3 => part.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    if let Some(region) = parts.next_if(is_region) {
        tag = format!("{tag}-{}", region.to_ascii_uppercase());
    }
    if parts.next().is_some() { Err(BadLocale) } else { Ok(tag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_written_in_the_usual_letters() {
        for (text, expected) in [
            ("en", "en"),
            ("DE-at", "de-AT"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("sr-latn", "sr-Latn"),
            ("gsw-CH", "gsw-CH"),
        ] {
            assert_eq!(locale(text).as_deref(), Ok(expected));
        }
        for bad in ["", "e", "english", "de_DE", "de-", "de-DE-x", "de-DE-1996", "de-1", "x-klingon", "de-Latn-Latn"] {
            assert_eq!(locale(bad), Err(BadLocale), "{bad}");
        }
    }
}
