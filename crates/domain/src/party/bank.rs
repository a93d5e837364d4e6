//! Bank details. They are written into invoices for their parties, and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a party is paid. Its debug form leaves everything out: details of accounts belong in no log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bank {
    /// Whose account it is.
    pub account_holder: Option<String>,
    /// The account's number (ISO 13616), without blanks.
    pub iban: Option<String>,
    /// The bank's code (ISO 9362).
    pub bic: Option<String>,
    /// What a payer needs to know where there is no IBAN.
    pub text: Option<String>,
}

impl fmt::Debug for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bank(…)")
    }
}

/// Why bank details are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBank {
    /// Not an IBAN.
    #[error("is not an IBAN: two letters, two digits and up to 30 letters and digits are accepted")]
    Iban,
    /// Too long or too short for its country.
    #[error("has {0} characters: an IBAN of {2} has {1}")]
    IbanLength(usize, usize, Prefix),
    /// Its check digits say that it is mistyped.
    #[error("is mistyped: its check digits do not fit")]
    IbanChecksum,
    /// Not a BIC.
    #[error("is not a BIC: 8 or 11 letters and digits such as DEUTDEFF are accepted")]
    Bic,
}

/// The two letters of an IBAN's country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix([u8; 2]);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

/// Lengths by country, as SWIFT's registry gives them. Others are judged by their check digits alone.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 \
    ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 \
    LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 \
    SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// An IBAN without its blanks, in capital letters, whose length and check digits fit.
///
/// # Errors
/// When they do not.
pub fn iban(text: &str) -> Result<String, BadBank> {
    let iban: String = text.chars().filter(|character| *character != ' ').collect::<String>().to_ascii_uppercase();
    let bytes = iban.as_bytes();
    let good = bytes.iter().all(u8::is_ascii_alphanumeric)
        && (15..=34).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit);
    if !good {
        return Err(BadBank::Iban);
    }
    let known = LENGTHS.split_ascii_whitespace().find_map(|entry| entry.strip_prefix(&iban[..2]));
    if let Some(length) = known.and_then(|length| length.parse::<usize>().ok()).filter(|length| *length != bytes.len())
    {
        return Err(BadBank::IbanLength(bytes.len(), length, Prefix([bytes[0], bytes[1]])));
    }
    // ISO 7064: the number that begins with its fifth character, A as 10 and Z as 35, leaves 1 when divided by 97.
    let rest = bytes[4..].iter().chain(&bytes[..4]).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    if rest == 1 { Ok(iban) } else { Err(BadBank::IbanChecksum) }
}

/// A BIC in capital letters.
///
/// # Errors
/// When it is none.
pub fn bic(text: &str) -> Result<String, BadBank> {
    let bic: String = text.chars().filter(|character| *character != ' ').collect::<String>().to_ascii_uppercase();
    let bytes = bic.as_bytes();
    let good = matches!(bytes.len(), 8 | 11)
        && bytes[..6].iter().all(u8::is_ascii_uppercase)
        && bytes[6..].iter().all(u8::is_ascii_alphanumeric);
    if good { Ok(bic) } else { Err(BadBank::Bic) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "DE89370400440532013000";

    #[test]
    fn ibans_are_checked_by_length_and_digits() {
        assert_eq!(iban("de89 3704 0044 0532 0130 00").as_deref(), Ok(GOOD));
        for good in [
            "GB82WEST12345698765432",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "BR1800360305000010009795493C1",
        ] {
            assert_eq!(iban(good).as_deref(), Ok(good));
        }
        assert_eq!(
            iban("DE8937040044053201300").map_err(|error| error.to_string()),
            Err("has 21 characters: an IBAN of DE has 22".into())
        );
        assert_eq!(iban("DE89370400440532013001"), Err(BadBank::IbanChecksum));
        for bad in
            ["", "DE", "1234567890123456", "DE89-3704", "DÉ89370400440532013000", "D\u{ff25}89370400440532013000"]
        {
            assert_eq!(iban(bad), Err(BadBank::Iban), "{bad}");
        }
    }

    #[test]
    fn bics_have_eight_or_eleven_characters() {
        for (text, expected) in [("deutdeff", "DEUTDEFF"), ("DEUT DE FF 500", "DEUTDEFF500")] {
            assert_eq!(bic(text).as_deref(), Ok(expected));
        }
        for bad in ["", "DEUTDEF", "DEUTDEFF5", "DEU1DEFF", "DEUTDEFF50é"] {
            assert_eq!(bic(bad), Err(BadBank::Bic), "{bad}");
        }
    }

    #[test]
    fn details_of_accounts_have_no_debug_form() {
        let bank = Bank { iban: Some(GOOD.to_owned()), ..Bank::default() };
        assert!(!format!("{bank:?}").contains("DE89"));
    }

    proptest! {
        #[test]
        fn no_single_mistyped_digit_passes(place in 2_usize..22, digit in 0_u8..10) {
            let mut bytes = GOOD.as_bytes().to_vec();
            prop_assume!(bytes[place] != b'0' + digit);
            bytes[place] = b'0' + digit;
            prop_assert_eq!(iban(std::str::from_utf8(&bytes).expect("ASCII")), Err(BadBank::IbanChecksum));
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,40}") {
            let _ = (iban(&text), bic(&text));
        }
    }
}
