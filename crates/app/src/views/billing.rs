//! Billing profiles, and the parties of an invoice.

use chainbill_domain::{
    id::UserId,
    party::{Address, Bank, BillingProfile, Parties, Party, TaxId},
    states::Rounding,
    zone::Zone,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a user's invoices say of the user, and what they begin with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillingProfileView {
    /// Whose it is.
    pub user_id: String,
    /// Rises with every change; the ETag. 0 before it is saved.
    pub version: i64,
    /// The name in law, where it is not the account's.
    pub legal_name: Option<String>,
    /// Where the user is seated.
    pub address: Option<AddressView>,
    /// Under which number the tax office knows the user.
    pub tax_id: Option<TaxIdView>,
    /// Where the user is paid.
    pub bank: Option<BankView>,
    /// The currency of invoices that name none.
    pub default_currency: Option<String>,
    /// Days from sending to the due day of invoices that name none.
    pub payment_terms_days: Option<i64>,
    /// The language and form of documents.
    pub locale: Option<String>,
    /// The IANA time zone that days of invoices follow.
    pub time_zone: String,
    /// Where tax is rounded on new invoices: PER_RATE or PER_LINE.
    #[schema(value_type = String)]
    pub rounding: Rounding,
}

/// A postal address.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AddressView {
    /// Street, house, floor: up to four lines.
    pub lines: Vec<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// The state or province.
    pub region: Option<String>,
    /// The country: two letters of ISO 3166-1.
    pub country: Option<String>,
}

/// A tax id.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaxIdView {
    /// VAT, EIN or OTHER.
    pub kind: String,
    /// The number. VAT ids are normalised, and checked by their country's pattern.
    pub value: String,
}

/// Where a user is paid: an IBAN, or a text.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BankView {
    /// Whose account it is.
    pub account_holder: Option<String>,
    /// The account's number, whose check digits must fit.
    pub iban: Option<String>,
    /// The bank's code.
    pub bic: Option<String>,
    /// What a payer needs to know where there is no IBAN.
    pub text: Option<String>,
}

/// Details of accounts belong in no log.
impl std::fmt::Debug for BankView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BankView(…)")
    }
}

/// The parties of an invoice as they were when it was sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartiesView {
    /// Who issues it.
    pub issuer: PartyView,
    /// Who pays it.
    pub client: PartyView,
}

/// A party of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyView {
    /// The name in law, or the account's.
    pub name: String,
    /// Where the party is seated.
    pub address: Option<AddressView>,
    /// Under which number the tax office knows the party.
    pub tax_id: Option<TaxIdView>,
    /// The language and form of the party's documents.
    pub locale: Option<String>,
    /// Where the issuer is paid; when one invoice is read, and by its parties only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank: Option<BankView>,
}

impl BillingProfileView {
    /// The profile of a user, whose time zone is the account's.
    #[must_use]
    pub fn of(user: UserId, profile: BillingProfile, zone: Zone) -> Self {
        Self {
            user_id: user.to_string(),
            version: profile.version,
            legal_name: profile.legal_name,
            address: profile.address.map(AddressView::from),
            tax_id: profile.tax_id.map(TaxIdView::from),
            bank: profile.bank.map(BankView::from),
            default_currency: profile.currency.map(|currency| currency.to_string()),
            payment_terms_days: profile.payment_days,
            locale: profile.locale,
            time_zone: zone.to_string(),
            rounding: profile.rounding,
        }
    }

    /// The same for the audit: of bank details the last four characters of the IBAN, by which a change is recognised.
    #[must_use]
    pub fn masked(&self) -> Self {
        let last = |iban: &String| format!("…{}", iban.get(iban.len().saturating_sub(4)..).unwrap_or(""));
        let mask = |bank: &BankView| BankView { iban: bank.iban.as_ref().map(last), ..BankView::default() };
        Self { bank: self.bank.as_ref().map(mask), ..self.clone() }
    }
}

impl From<Address> for AddressView {
    fn from(address: Address) -> Self {
        let Address { lines, postal_code, city, region, country } = address;
        Self { lines, postal_code, city, region, country: country.map(|country| country.to_string()) }
    }
}

impl From<TaxId> for TaxIdView {
    fn from(id: TaxId) -> Self {
        Self { kind: id.kind.to_string(), value: id.value }
    }
}

impl From<Bank> for BankView {
    fn from(bank: Bank) -> Self {
        let Bank { account_holder, iban, bic, text } = bank;
        Self { account_holder, iban, bic, text }
    }
}

impl From<Parties> for PartiesView {
    /// Without bank details: [`Self::with_bank`] adds them for those who may see them.
    fn from(parties: Parties) -> Self {
        Self { issuer: parties.issuer.into(), client: parties.client.into() }
    }
}

impl From<Party> for PartyView {
    fn from(party: Party) -> Self {
        Self {
            name: party.name,
            address: party.address.map(AddressView::from),
            tax_id: party.tax_id.map(TaxIdView::from),
            locale: party.locale,
            bank: None,
        }
    }
}

impl PartiesView {
    /// The parties with where the issuer is paid.
    #[must_use]
    pub fn with_bank(self, bank: Option<Bank>) -> Self {
        Self { issuer: PartyView { bank: bank.map(BankView::from), ..self.issuer }, ..self }
    }
}
