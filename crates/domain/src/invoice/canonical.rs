//! What is frozen when an invoice is sent: its number, and the hash of its canonical form.
//!
//! The form has a version, which the invoice keeps: a later release verifies what an earlier one has sent. A version never
//! changes; what is frozen beside it later makes the next one.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{InvoiceState, Line, MILLION, TaxTotal};
use crate::party::{Address, Bank, Parties, Party, TaxId};

/// The version of the canonical form in which invoices are frozen now.
pub const CANONICAL_VERSION: i64 = 2;
/// That of invoices which were frozen before versions were kept.
const FIRST_VERSION: i64 = 1;

/// What is frozen when an invoice is sent: the invoice under its number.
#[derive(Debug, Clone, Copy)]
pub struct Frozen<'a> {
    invoice: &'a InvoiceState,
    number: &'a str,
}

/// Why the hash of a sent invoice does not prove its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It has a number and no hash, or a hash and no number.
    #[error("has no hash beside its number")]
    Incomplete,
    /// A newer release has frozen it.
    #[error("is frozen in version {0} of the canonical form, which this release does not know")]
    Version(i64),
    /// Something changed since it was sent.
    #[error("hashes to {0}, which is not the hash that was frozen")]
    Differs(String),
}

/// Verifies that the frozen content of an invoice is what it was when it was sent, under the version of that time. A draft has
/// nothing frozen.
///
/// # Errors
/// When it is not, or cannot be verified.
pub fn verify(invoice: &InvoiceState) -> Result<(), Unverified> {
    let (number, hash) = match (&invoice.number, &invoice.canonical_hash) {
        (None, None) => return Ok(()),
        (Some(number), Some(hash)) => (number, hash),
        _ => return Err(Unverified::Incomplete),
    };
    let found = hash_of(&form_of(invoice, number)?);
    if found == *hash { Ok(()) } else { Err(Unverified::Differs(found)) }
}

/// The canonical form of a sent invoice as it is now, under the version that it was frozen in.
///
/// # Errors
/// When it has no number, or a newer release has frozen it.
pub fn form(invoice: &InvoiceState) -> Result<Json, Unverified> {
    form_of(invoice, invoice.number.as_deref().ok_or(Unverified::Incomplete)?)
}

fn form_of(invoice: &InvoiceState, number: &str) -> Result<Json, Unverified> {
    let frozen = Frozen::of(invoice, number);
    match invoice.canonical_version.unwrap_or(FIRST_VERSION) {
        FIRST_VERSION => Ok(frozen.first()),
        CANONICAL_VERSION => Ok(frozen.second()),
        other => Err(Unverified::Version(other)),
    }
}

/// SHA-256 of the canonical JSON of a form, hexadecimal.
#[must_use]
pub fn hash_of(form: &Json) -> String {
    hex::encode(Sha256::digest(canonical(form)))
}

impl<'a> Frozen<'a> {
    /// What is frozen of an invoice under its number.
    #[must_use]
    pub const fn of(invoice: &'a InvoiceState, number: &'a str) -> Self {
        Self { invoice, number }
    }

    /// SHA-256 of the invoice's canonical JSON (RFC 8785: sorted names, no blanks) in the present version, hexadecimal. Amounts
    /// are texts, for not every 64-bit number is a JSON number everywhere.
    #[must_use]
    pub fn canonical_hash(&self) -> String {
        hash_of(&self.second())
    }

    /// Version 1, which has no field for its version: quantities in thousandths, rates in hundredths of a percent.
    fn first(&self) -> Json {
        let Self { invoice, number } = self;
        // What such an invoice cannot hold has no place in its form: it stands beside it, so that the hash differs.
        let beside = |rest: i64| if rest == 0 { String::new() } else { format!(".{rest}") };
        let line = |line: &Line| {
            json!({
                "description": line.description,
                "quantityMilli": format!("{}{}", line.quantity_micro / 1000, beside(line.quantity_micro % 1000)),
                "taxRateBp": format!("{}{}", line.tax_rate_ppm / 100, beside(line.tax_rate_ppm % 100)),
                "unitPriceMinor": format!("{}{}", line.unit_price.minor, beside(line.unit_price.micro)),
            })
        };
        let (content, totals) = (&invoice.content, invoice.content.totals);
        json!({
            "clientId": invoice.client_id.to_string(),
            "currency": invoice.currency.to_string(),
            "discountMinor": totals.discount.to_string(),
            "dueDate": content.due_date,
            "freelancerId": invoice.freelancer_id.to_string(),
            "id": invoice.id.to_string(),
            "lines": content.lines.iter().map(line).collect::<Vec<_>>(),
            "number": number,
            "taxMinor": totals.tax.to_string(),
            "totalMinor": totals.total.to_string(),
        })
    }

    /// Version 2: all that is frozen.
    fn second(&self) -> Json {
        let Self { invoice, number } = self;
        let (content, pricing, totals) = (&invoice.content, invoice.content.pricing, invoice.content.totals);
        json!({
            "clientId": invoice.client_id.to_string(),
            "currency": invoice.currency.to_string(),
            "depositMinor": totals.deposit.to_string(),
            "discountMinor": totals.discount.to_string(),
            "discountPpm": pricing.discount.and_then(|discount| discount.ppm()).map(|ppm| ppm.to_string()),
            "dueDate": content.due_date,
            "freelancerId": invoice.freelancer_id.to_string(),
            "id": invoice.id.to_string(),
            "lines": content.lines.iter().map(line).collect::<Vec<_>>(),
            "notes": content.notes,
            "number": number,
            "parties": invoice.parties.as_ref().map(parties),
            "pricesIncludeTax": pricing.prices_include_tax,
            "projectId": invoice.project_id.map(|id| id.to_string()),
            "rounding": pricing.rounding.word(),
            "sentAt": invoice.sent_at.map(|at| at.timestamp_millis().to_string()),
            "subtotalMinor": totals.subtotal.to_string(),
            "taxMinor": totals.tax.to_string(),
            "taxes": content.taxes.iter().map(tax).collect::<Vec<_>>(),
            "title": content.title,
            "totalMinor": totals.total.to_string(),
            "version": CANONICAL_VERSION,
            "withholdingMinor": totals.withholding.to_string(),
            "withholdingPpm": pricing.withholding_ppm.to_string(),
        })
    }
}

fn line(line: &Line) -> Json {
    let price = i128::from(line.unit_price.minor) * i128::from(MILLION) + i128::from(line.unit_price.micro);
    json!({
        "description": line.description,
        "discountMinor": line.discount_minor().unwrap_or_default().to_string(),
        "discountPpm": line.discount.and_then(|discount| discount.ppm()).map(|ppm| ppm.to_string()),
        "amountMinor": line.amount().unwrap_or_default().to_string(),
        "quantityMicro": line.quantity_micro.to_string(),
        "taxCategory": line.tax_category.word(),
        "taxRatePpm": line.tax_rate_ppm.to_string(),
        "taxReason": line.tax_reason,
        "unit": line.unit,
        // In millionths of a minor unit.
        "unitPriceMicro": price.to_string(),
    })
}

fn parties(parties: &Parties) -> Json {
    json!({ "client": party(&parties.client), "issuer": party(&parties.issuer) })
}

fn party(party: &Party) -> Json {
    let address = |address: &Address| {
        json!({
            "city": address.city,
            "country": address.country.map(|country| country.to_string()),
            "lines": address.lines,
            "postalCode": address.postal_code,
            "region": address.region,
        })
    };
    let bank = |bank: &Bank| json!({ "accountHolder": bank.account_holder, "bic": bank.bic, "iban": bank.iban, "text": bank.text });
    let tax_id = |id: &TaxId| json!({ "kind": id.kind.word(), "value": id.value });
    json!({
        "address": party.address.as_ref().map(address),
        "bank": party.bank.as_ref().map(bank),
        "locale": party.locale,
        "name": party.name,
        "taxId": party.tax_id.as_ref().map(tax_id),
    })
}

fn tax(tax: &TaxTotal) -> Json {
    json!({
        "category": tax.category.word(),
        "grossMinor": tax.gross.to_string(),
        "netMinor": tax.net.to_string(),
        "ratePpm": tax.rate_ppm.to_string(),
        "taxMinor": tax.tax.to_string(),
    })
}

/// RFC 8785 for values without floats: names sorted by UTF-16 code units, the shortest escapes, no blanks.
#[must_use]
pub fn canonical(value: &Json) -> String {
    match value {
        Json::Object(object) => {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
            let fields: Vec<String> = names
                .into_iter()
                .map(|name| format!("{}:{}", Json::String(name.clone()), canonical(&object[name])))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Timestamp,
        id::Id,
        invoice::{Content, Discount, Heading, Invoice, NewDraft, Pricing, UnitPrice},
        states::{InvoiceStatus, Rounding, TaxCategory, TaxIdKind},
        transition::Occasion,
    };

    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        let value = json!({ "\u{20ac}": 1, "\r": 2, "a": [true, null, "\u{0f}\n\"\\"], "1": {} });
        assert_eq!(canonical(&value), "{\"\\r\":2,\"1\":{},\"a\":[true,null,\"\\u000f\\n\\\"\\\\\"],\"\u{20ac}\":1}");
    }

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn line(quantity_micro: i64, minor: i64, tax_rate_ppm: i64) -> Line {
        Line {
            description: "Audit \u{1f600} \"x\"".to_owned(),
            unit: None,
            quantity_micro,
            unit_price: UnitPrice::of_minor(minor),
            discount: None,
            tax_category: TaxCategory::Standard,
            tax_rate_ppm,
            tax_reason: None,
        }
    }

    fn state(lines: Vec<Line>, pricing: Pricing) -> InvoiceState {
        let heading = Heading {
            title: "Work".to_owned(),
            notes: Some("Thanks".to_owned()),
            due_date: Some("2026-12-31".to_owned()),
        };
        let new = NewDraft {
            id: id(1),
            freelancer_id: id(2),
            client_id: id(3),
            series: None,
            project_id: Some(id(4)),
            milestone_id: None,
            currency: "EUR".parse().expect("a currency"),
            content: Content::of(heading, lines, pricing).expect("it has a total"),
        };
        let occasion = Occasion { at: Timestamp::default(), event_id: id(7) };
        let mut state = Invoice::draft(new, occasion).state.into_state();
        state.number = Some("INV-2026-000001".to_owned());
        state.status = InvoiceStatus::Sent;
        state.sent_at = Some(Timestamp::default());
        state
    }

    fn simple() -> InvoiceState {
        let pricing = Pricing { discount: Some(Discount::Amount(100)), ..Pricing::default() };
        state(vec![line(1_500_000, 9999, 190_000), line(1_000_000, 500, 70_000)], pricing)
    }

    /// All that version 2 can hold.
    fn full() -> InvoiceState {
        let audit = Line {
            unit: Some("hour".to_owned()),
            unit_price: UnitPrice { minor: 9333, micro: 300_000 },
            discount: Some(Discount::Percent(100_000)),
            ..line(7_500_000, 0, 88_750)
        };
        let lesson = Line {
            tax_category: TaxCategory::Exempt,
            tax_reason: Some("Article 132".to_owned()),
            discount: Some(Discount::Amount(50)),
            ..line(-1_000_000, 500, 0)
        };
        let pricing = Pricing {
            prices_include_tax: true,
            rounding: Rounding::PerLine,
            discount: Some(Discount::Percent(50_000)),
            withholding_ppm: 150_000,
            deposit: 1000,
        };
        let issuer = Party {
            address: Some(Address {
                lines: vec!["Hauptstra\u{df}e 1".to_owned()],
                postal_code: Some("10115".to_owned()),
                city: Some("Berlin".to_owned()),
                region: None,
                country: "DE".parse().ok(),
            }),
            tax_id: TaxId::parse(TaxIdKind::Vat, "DE123456789").ok(),
            bank: Some(Bank {
                iban: Some("DE89370400440532013000".to_owned()),
                bic: Some("COBADEFF".to_owned()),
                ..Bank::default()
            }),
            locale: Some("de-DE".to_owned()),
            ..Party::named("Femi e.K.".to_owned())
        };
        let parties = Parties { issuer, client: Party::named("Carla".to_owned()) };
        let mut state = state(vec![audit, lesson], pricing);
        state.parties = Some(parties);
        state.canonical_version = Some(CANONICAL_VERSION);
        state
    }

    fn frozen(mut state: InvoiceState) -> InvoiceState {
        state.canonical_hash = Some(Frozen::of(&state, "INV-2026-000001").canonical_hash());
        state.canonical_version = Some(CANONICAL_VERSION);
        state
    }

    /// The form that releases hashed before versions were kept, and its hash; both are of such a release.
    const FIRST: (&str, &str) = (
        r#"{"clientId":"00000000-0000-7303-8303-030303030303","currency":"EUR","discountMinor":"100","dueDate":"2026-12-31","freelancerId":"00000000-0000-7202-8202-020202020202","id":"00000000-0000-7101-8101-010101010101","lines":[{"description":"Audit 😀 \"x\"","quantityMilli":"1500","taxRateBp":"1900","unitPriceMinor":"9999"},{"description":"Audit 😀 \"x\"","quantityMilli":"1000","taxRateBp":"700","unitPriceMinor":"500"}],"number":"INV-2026-000001","taxMinor":"2866","totalMinor":"18265"}"#,
        "b4b9b5436fb3b3dea0377f0bd3b09eabdd4561e9f10a08d28495811a4dccc0ec",
    );
    const SECOND: (&str, &str) = (
        r#"{"clientId":"00000000-0000-7303-8303-030303030303","currency":"EUR","depositMinor":"1000","discountMinor":"3128","discountPpm":"50000","dueDate":"2026-12-31","freelancerId":"00000000-0000-7202-8202-020202020202","id":"00000000-0000-7101-8101-010101010101","lines":[{"amountMinor":"63000","description":"Audit 😀 \"x\"","discountMinor":"7000","discountPpm":"100000","quantityMicro":"7500000","taxCategory":"STANDARD","taxRatePpm":"88750","taxReason":null,"unit":"hour","unitPriceMicro":"9333300000"},{"amountMinor":"-450","description":"Audit 😀 \"x\"","discountMinor":"-50","discountPpm":null,"quantityMicro":"-1000000","taxCategory":"EXEMPT","taxRatePpm":"0","taxReason":"Article 132","unit":null,"unitPriceMicro":"500000000"}],"notes":"Thanks","number":"INV-2026-000001","parties":{"client":{"address":null,"bank":null,"locale":null,"name":"Carla","taxId":null},"issuer":{"address":{"city":"Berlin","country":"DE","lines":["Hauptstraße 1"],"postalCode":"10115","region":null},"bank":{"accountHolder":null,"bic":"COBADEFF","iban":"DE89370400440532013000","text":null},"locale":"de-DE","name":"Femi e.K.","taxId":{"kind":"VAT","value":"DE123456789"}}},"pricesIncludeTax":true,"projectId":"00000000-0000-7404-8404-040404040404","rounding":"PER_LINE","sentAt":"0","subtotalMinor":"62550","taxMinor":"4879","taxes":[{"category":"EXEMPT","grossMinor":"-427","netMinor":"-427","ratePpm":"0","taxMinor":"0"},{"category":"STANDARD","grossMinor":"59849","netMinor":"54970","ratePpm":"88750","taxMinor":"4879"}],"title":"Work","totalMinor":"59422","version":2,"withholdingMinor":"8181","withholdingPpm":"150000"}"#,
        "6b6cccc7f77e00aab51c183070ba436dd4db4c28819103fcdafb0f0af7c695ae",
    );

    #[test]
    fn the_forms_are_what_they_were() {
        let (simple, full) = (simple(), full());
        let first = canonical(&Frozen::of(&simple, "INV-2026-000001").first());
        assert_eq!((first.as_str(), hex::encode(Sha256::digest(&first)).as_str()), FIRST);
        let second = canonical(&Frozen::of(&full, "INV-2026-000001").second());
        assert_eq!((second.as_str(), hex::encode(Sha256::digest(&second)).as_str()), SECOND);
    }

    #[test]
    fn an_invoice_verifies_under_its_own_version() {
        let old = InvoiceState { canonical_hash: Some(FIRST.1.to_owned()), ..simple() };
        assert_eq!(verify(&old), Ok(()));
        assert_eq!(verify(&InvoiceState { canonical_version: Some(1), ..old.clone() }), Ok(()));
        let as_second = InvoiceState { canonical_version: Some(2), ..old.clone() };
        assert!(matches!(verify(&as_second), Err(Unverified::Differs(_))));
        assert_eq!(verify(&InvoiceState { canonical_version: Some(3), ..old.clone() }), Err(Unverified::Version(3)));
        assert_eq!(verify(&InvoiceState { canonical_hash: None, ..old.clone() }), Err(Unverified::Incomplete));
        assert_eq!(verify(&InvoiceState { canonical_hash: None, number: None, ..old.clone() }), Ok(()));
        let mut finer = old;
        finer.content.lines[0].unit_price.micro = 1;
        assert!(matches!(verify(&finer), Err(Unverified::Differs(_))));
        assert_eq!(verify(&frozen(full())), Ok(()));
    }

    /// Changes one thing that is frozen.
    fn change(state: &mut InvoiceState, place: usize, by: i64) {
        let content = &mut state.content;
        let line = &mut content.lines[usize::from(by % 2 == 0)];
        match place {
            0 => state.id = id(9),
            1 => state.freelancer_id = id(9),
            2 => state.client_id = id(9),
            3 => state.project_id = None,
            4 => state.currency = "USD".parse().expect("a currency"),
            5 => state.sent_at = Timestamp::from_timestamp_millis(by),
            6 => state.number = Some(format!("INV-2026-{by:06}x")),
            7 => content.title.push('x'),
            8 => content.notes = None,
            9 => content.due_date = None,
            10 => content.pricing.prices_include_tax = !content.pricing.prices_include_tax,
            11 => content.pricing.rounding = Rounding::PerRate,
            12 => content.pricing.discount = Some(Discount::Percent(50_000 + by)),
            13 => content.pricing.withholding_ppm += by,
            14 => content.totals.subtotal += by,
            15 => content.totals.discount += by,
            16 => content.totals.tax += by,
            17 => content.totals.total += by,
            18 => content.totals.withholding += by,
            19 => content.totals.deposit += by,
            20 => content.taxes[0].net += by,
            21 => content.taxes[0].tax += by,
            22 => content.taxes[0].rate_ppm += by,
            23 => drop(content.lines.pop()),
            24 => content.lines.reverse(),
            25 => line.description.push('x'),
            26 => line.unit = Some("mile".to_owned()),
            27 => line.quantity_micro += by,
            28 => line.unit_price.minor += by,
            29 => line.unit_price.micro += by,
            30 => line.tax_rate_ppm += by,
            31 => line.tax_category = TaxCategory::ReverseCharge,
            32 => line.tax_reason = Some("Other".to_owned()),
            33 => line.discount = Some(Discount::Percent(by)),
            34 => state.parties = None,
            other => change_party(state.parties.as_mut().expect("it has parties"), other),
        }
    }

    fn change_party(parties: &mut Parties, place: usize) {
        let other = || Some("other".to_owned());
        let issuer = &mut parties.issuer;
        let (address, bank) =
            (issuer.address.as_mut().expect("there is one"), issuer.bank.as_mut().expect("there is one"));
        match place {
            35 => address.lines.push("2".to_owned()),
            36 => address.postal_code = None,
            37 => address.city = other(),
            38 => address.region = other(),
            39 => address.country = "AT".parse().ok(),
            40 => bank.account_holder = other(),
            41 => bank.iban = other(),
            42 => bank.bic = None,
            43 => bank.text = other(),
            44 => issuer.locale = None,
            45 => issuer.tax_id = None,
            46 => issuer.name.push('x'),
            _ => parties.client.name.push('x'),
        }
    }

    proptest! {
        #[test]
        fn every_change_of_what_is_frozen_changes_the_hash(place in 0_usize..48, by in 1_i64..1000) {
            let mut changed = frozen(full());
            change(&mut changed, place, by);
            prop_assert!(matches!(verify(&changed), Err(Unverified::Differs(_))), "{}", place);
        }
    }
}
