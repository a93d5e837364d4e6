//! What is frozen when an invoice is sent: its number, and the hash of its canonical form.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{InvoiceState, Line, Totals};

/// What is frozen when an invoice is sent.
#[derive(Debug, Clone)]
pub struct Frozen<'a> {
    /// The invoice.
    pub id: String,
    /// Its number.
    pub number: String,
    /// The issuer.
    pub freelancer_id: String,
    /// The client.
    pub client_id: String,
    /// The currency.
    pub currency: String,
    /// The lines.
    pub lines: &'a [Line],
    /// What it comes to.
    pub totals: Totals,
    /// When it is due.
    pub due_date: Option<String>,
}

impl<'s> Frozen<'s> {
    /// What is frozen of an invoice under its number.
    #[must_use]
    pub fn of(invoice: &'s InvoiceState, number: &str) -> Self {
        Self {
            id: invoice.id.to_string(),
            number: number.to_owned(),
            freelancer_id: invoice.freelancer_id.to_string(),
            client_id: invoice.client_id.to_string(),
            currency: invoice.currency.to_string(),
            lines: &invoice.content.lines,
            totals: invoice.content.totals,
            due_date: invoice.content.due_date.clone(),
        }
    }
}

impl Frozen<'_> {
    /// SHA-256 of the invoice's canonical JSON (RFC 8785: sorted names, no blanks), hexadecimal. Amounts are texts, for not
    /// every 64-bit number is a JSON number everywhere.
    #[must_use]
    pub fn canonical_hash(&self) -> String {
        hex::encode(Sha256::digest(canonical(&self.json())))
    }

    fn json(&self) -> Json {
        let line = |line: &Line| {
            json!({
                "description": line.description,
                "quantityMilli": line.quantity_milli.to_string(),
                "taxRateBp": line.tax_rate_bp.to_string(),
                "unitPriceMinor": line.unit_price_minor.to_string(),
            })
        };
        json!({
            "clientId": self.client_id,
            "currency": self.currency,
            "discountMinor": self.totals.discount.to_string(),
            "dueDate": self.due_date,
            "freelancerId": self.freelancer_id,
            "id": self.id,
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
            "number": self.number,
            "taxMinor": self.totals.tax.to_string(),
            "totalMinor": self.totals.total.to_string(),
        })
    }
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
    use super::*;

    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        let value = json!({ "\u{20ac}": 1, "\r": 2, "a": [true, null, "\u{0f}\n\"\\"], "1": {} });
        assert_eq!(canonical(&value), "{\"\\r\":2,\"1\":{},\"a\":[true,null,\"\\u000f\\n\\\"\\\\\"],\"\u{20ac}\":1}");
    }
}
