//! Currencies of ISO 4217: those in use, for new values, and those that have left, so that what was written in them stays
//! readable.
//!
//! Codes and minor units are those of the standard's lists one and three (amendment 180, 2026). List three gives no minor
//! units; for currencies that had none in use they are those of OpenJDK's `currency.properties`, which has kept them from the
//! standard's earlier editions.

use std::{fmt, str::FromStr};

/// A currency that is or was in ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Not a currency that money can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCurrency {
    /// No code of the standard.
    #[error("is not a currency: an ISO 4217 code such as USD, EUR or JPY is accepted")]
    Unknown,
    /// A code that new values are not written in.
    #[error("is {0}, which is not in use: an ISO 4217 code in use such as USD, EUR or JPY is accepted")]
    NotInUse(Currency),
}

/// Currencies in use without minor units.
const NO_MINOR: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
/// Currencies in use with thousandths.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";
/// Currencies in use with hundredths.
const HUNDREDTHS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
    CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR \
    IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN \
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL \
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

/// Units of account and funds with four decimals.
const FUNDS_TEN_THOUSANDTHS: &str = "CLF UYW";
/// Units of account and funds with hundredths.
const FUNDS_HUNDREDTHS: &str = "BOV CHE CHW COU MXV USN XAD";
/// Currencies that have left and had no minor units.
const LEFT_NO_MINOR: &str = "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL";
/// Currencies that have left and had hundredths.
const LEFT_HUNDREDTHS: &str = "AFA ALK ANG AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEC BEL BGJ BGK BGL BGN BOP BRB BRC BRE \
    BRN BRR BUK CHC CSD CSJ CSK CUC CYP DDM DEM ECS ECV EEK ESA ESB FIM FRF GEK GHC GHP GNE GNS GQE GWE GWP HRD HRK IEP \
    ILP ILR ISJ LAJ LSM LTL LTT LUC LUL LVL LVR MLF MRO MTL MTP MVQ MXP MZE MZM NIC NLG PEH PEI PES PLZ RHD ROK ROL RUR \
    SDD SDP SIT SKK SLL SRG STD SUR TJR TMM UAK UGS UGW USS UYN UYP VEB VEF VNC XEU YDD YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC \
    ZWD ZWL ZWN ZWR";

const IN_USE: [(&str, u8); 3] = [(HUNDREDTHS, 2), (NO_MINOR, 0), (THOUSANDTHS, 3)];
const READ_ONLY: [(&str, u8); 4] =
    [(LEFT_HUNDREDTHS, 2), (LEFT_NO_MINOR, 0), (FUNDS_HUNDREDTHS, 2), (FUNDS_TEN_THOUSANDTHS, 4)];

/// Every code's minor units and whether it is in use, by its three letters: amounts are written and read all the time, and a
/// search through the lists would be most of it.
static KNOWN: [u8; CODES] = known();
const LETTERS: usize = 26;
const CODES: usize = LETTERS * LETTERS * LETTERS;
/// Beside the minor units of a known code.
const IS_KNOWN: u8 = 0x80;
/// Beside the minor units of a code in use.
const IS_IN_USE: u8 = 0x40;

const fn known() -> [u8; CODES] {
    let mut table = [0; CODES];
    let mut place = 0;
    while place < READ_ONLY.len() {
        enter(&mut table, READ_ONLY[place].0.as_bytes(), IS_KNOWN | READ_ONLY[place].1);
        place += 1;
    }
    let mut place = 0;
    while place < IN_USE.len() {
        enter(&mut table, IN_USE[place].0.as_bytes(), IS_KNOWN | IS_IN_USE | IN_USE[place].1);
        place += 1;
    }
    table
}

/// Enters the codes of a list, which are three letters each with a space between.
const fn enter(table: &mut [u8; CODES], list: &[u8], entry: u8) {
    let mut at = 0;
    while at < list.len() {
        if let Some(place) = place([list[at], list[at + 1], list[at + 2]]) {
            table[place] = entry;
        }
        at += 4;
    }
}

/// The place of three capital letters.
const fn place(code: [u8; 3]) -> Option<usize> {
    let [a, b, c] = code;
    if !(a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_uppercase()) {
        return None;
    }
    Some(((a - b'A') as usize * LETTERS + (b - b'A') as usize) * LETTERS + (c - b'A') as usize)
}

/// The entry of a code; 0 when there is none.
const fn entry(code: [u8; 3]) -> u8 {
    match place(code) {
        Some(place) => KNOWN[place],
        None => 0,
    }
}

impl Currency {
    /// The three-letter code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made from three ASCII letters")
    }

    /// Digits after the decimal point: 0, 2, 3 or 4.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        u32::from(entry(self.0) & !(IS_KNOWN | IS_IN_USE))
    }

    /// Whether new values may be written in it.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        entry(self.0) & IS_IN_USE != 0
    }

    /// The currency of a new value.
    ///
    /// # Errors
    /// When there is none of this code, and when it is not in use.
    pub fn for_new(text: &str) -> Result<Self, UnknownCurrency> {
        match text.parse::<Self>()? {
            currency if currency.is_in_use() => Ok(currency),
            currency => Err(UnknownCurrency::NotInUse(currency)),
        }
    }

    /// Every currency that is accepted for new values.
    pub fn all() -> impl Iterator<Item = Self> {
        [NO_MINOR, THOUSANDTHS, HUNDREDTHS]
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
            .filter_map(|code| code.parse().ok())
    }
}

/// Reads a code that is or was of the standard; [`Currency::for_new`] is for new values.
impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        match text.as_bytes() {
            &[a, b, c] if entry([a, b, c]) != 0 => Ok(Self([a, b, c])),
            _ => Err(UnknownCurrency::Unknown),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_left_is_read_and_not_written_anew() {
        for (code, exponent) in [("BGN", 2), ("HRK", 2), ("ITL", 0), ("ESP", 0), ("CLF", 4), ("ANG", 2), ("ZWL", 2)] {
            let read: Currency = code.parse().expect("it stands in the table");
            assert_eq!((read.exponent(), read.is_in_use()), (exponent, false), "{code}");
            assert_eq!(Currency::for_new(code), Err(UnknownCurrency::NotInUse(read)));
        }
        assert_eq!(Currency::for_new("EUR").map(|euro| euro.exponent()), Ok(2));
        for unknown in ["", "XXX", "eur", "EURO", "QQQ", "E R", "É"] {
            assert_eq!(unknown.parse::<Currency>(), Err(UnknownCurrency::Unknown), "{unknown}");
        }
    }

    #[test]
    fn a_code_stands_in_one_list_only() {
        let lists = IN_USE.iter().chain(&READ_ONLY).flat_map(|(list, _)| list.split_ascii_whitespace());
        let mut codes: Vec<&str> = lists.collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(codes.iter().all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
    }
}
