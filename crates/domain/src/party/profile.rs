//! What a user's invoices say of the user: the billing profile.

use super::{Address, Bank, Party, TaxId};
use crate::{money::Currency, states::Rounding};

/// A billing profile. Who has saved none has an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingProfile {
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The name in law, where it is not the account's.
    pub legal_name: Option<String>,
    /// Where the user is seated.
    pub address: Option<Address>,
    /// Under which number the tax office knows the user.
    pub tax_id: Option<TaxId>,
    /// Where the user is paid.
    pub bank: Option<Bank>,
    /// The currency of invoices that name none.
    pub currency: Option<Currency>,
    /// Days from sending to the due day of invoices that name none.
    pub payment_days: Option<i64>,
    /// The language and form of the user's documents.
    pub locale: Option<String>,
    /// Where tax is rounded on invoices that say nothing else.
    pub rounding: Rounding,
}

impl Default for BillingProfile {
    fn default() -> Self {
        Self {
            version: 0,
            legal_name: None,
            address: None,
            tax_id: None,
            bank: None,
            currency: None,
            payment_days: None,
            locale: None,
            rounding: Rounding::PerRate,
        }
    }
}

impl BillingProfile {
    /// The user as the client of an invoice. `name` is the account's.
    #[must_use]
    pub fn client(self, name: String) -> Party {
        let Self { legal_name, address, tax_id, locale, .. } = self;
        Party { name: legal_name.unwrap_or(name), address, tax_id, bank: None, locale }
    }

    /// The user as the issuer of an invoice, with where to pay.
    #[must_use]
    pub fn issuer(mut self, name: String) -> Party {
        let bank = self.bank.take();
        Party { bank, ..self.client(name) }
    }
}
