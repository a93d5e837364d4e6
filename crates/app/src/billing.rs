//! Billing profiles: what a user's invoices say of the user, and what they begin with.

use chainbill_domain::{
    id::UserId,
    invoice::InvoiceState,
    money::Currency,
    party::{Address, Bank, BillingProfile, Country, Parties, TaxId, bic, iban, locale},
    states::{Rounding, TaxIdKind},
    text,
    zone::Zone,
};
use chainbill_records::{
    Unit,
    entities::users as users_table,
    repo::{billing, users},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done,
    accounts::locked_user,
    context::{Expected, OK, expect_version},
    validate::Check,
    views::{AddressView, BankView, BillingProfileView, TaxIdView},
};

/// A billing profile as it shall be: what is absent is empty, but the time zone, which stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PutBillingProfile {
    /// The name in law; the account's name when absent.
    pub legal_name: Option<String>,
    /// Where you are seated.
    pub address: Option<AddressView>,
    /// Under which number the tax office knows you.
    pub tax_id: Option<TaxIdView>,
    /// Where you are paid. Parties of your sent invoices see it, and no one else.
    pub bank: Option<BankView>,
    /// The currency of invoices that name none.
    pub default_currency: Option<String>,
    /// Days from sending to the due day of invoices that name none, 0 to 365.
    pub payment_terms_days: Option<i64>,
    /// A language tag such as `de-AT`.
    pub locale: Option<String>,
    /// The IANA time zone that days of your invoices follow; the account's own setting, which stays when absent.
    pub time_zone: Option<String>,
    /// Where tax is rounded on your new invoices, PER_RATE or PER_LINE; PER_RATE when absent.
    pub rounding: Option<String>,
}

impl App {
    /// The caller's billing profile; an empty one where none is saved.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn billing_profile(&self, context: &Context) -> Result<BillingProfileView, AppError> {
        let id = context.actor()?.user_id;
        let profile = billing::find(&self.records, id).await?;
        let zone = users::zones(&self.records, &[id]).await?.remove(&id).unwrap_or_default();
        Ok(BillingProfileView::of(id, profile, zone))
    }

    /// Saves the caller's billing profile. Invoices that are sent keep the one of their sending.
    ///
    /// # Errors
    /// [`AppError::Validation`], [`AppError::Stale`] when it has changed.
    pub async fn put_billing_profile(
        &self,
        context: &Context,
        expected: Expected<'_>,
        new: PutBillingProfile,
    ) -> Result<Done<BillingProfileView>, AppError> {
        let id = context.actor()?.user_id;
        let (profile, zone) = &checked(&new)?;
        self.change(context, "billing-profile.put", |mut command| async move {
            let user = locked_user(&command.unit, id).await?;
            let known = billing::lock(&command.unit, id).await?;
            expect_version(expected, known.version)?;
            let zone_before = Zone::stored(user.time_zone.as_deref());
            let zone = zone.unwrap_or(zone_before);
            let wanted = BillingProfile { version: known.version, ..profile.clone() };
            let before = BillingProfileView::of(id, known.clone(), zone_before);
            if wanted == known && zone == zone_before {
                return Ok(command.unchanged(before));
            }
            let saved = billing::save(&mut command.unit, id, wanted).await?;
            if zone != zone_before {
                let moved = users_table::Model { time_zone: Some(zone.to_string()), ..user.clone() };
                command.unit.update::<users_table::Entity>(&user, moved).await?;
            }
            let after = BillingProfileView::of(id, saved, zone);
            let subject = ("billing_profiles", after.user_id.clone());
            let change = (before.masked(), after.masked());
            let change = (Some(&change.0), Some(&change.1));
            self.audit(&mut command.unit, context, "billing-profile.put", subject, change).await?;
            Ok(command.answer(OK, after))
        })
        .await
    }

    /// What a user's invoices begin with.
    pub(crate) async fn profile_of(&self, user: UserId) -> Result<BillingProfile, AppError> {
        Ok(billing::find(&self.records, user).await?)
    }
}

/// The parties of an invoice as they are now, and the due day that the issuer's terms give it where it names none.
pub(crate) async fn parties_now(
    unit: &Unit,
    invoice: &InvoiceState,
    today: &str,
) -> Result<(Parties, Option<String>), AppError> {
    let (issuer, client) = (invoice.freelancer_id, invoice.client_id);
    let mut profiles = billing::of(unit, &[issuer, client]).await?;
    let name = async |id: UserId| match users::find(unit, id).await? {
        Some(user) => Ok::<_, AppError>(user.name),
        None => Err(AppError::NotFound("user")),
    };
    let names = (name(issuer).await?, name(client).await?);
    let mut profile = |id: UserId| profiles.remove(&id).unwrap_or_default();
    let of_issuer = profile(issuer);
    let due = of_issuer.payment_days.and_then(|days| text::days_after(today, days));
    Ok((Parties { issuer: of_issuer.issuer(names.0), client: profile(client).client(names.1) }, due))
}

fn checked(new: &PutBillingProfile) -> Result<(BillingProfile, Option<Zone>), AppError> {
    let mut check = Check::default();
    let legal_name =
        check.optional("/legalName", text::some(new.legal_name.as_deref()).map(|name| text::name(name, 200)));
    let address = new.address.as_ref().map(|address| checked_address(&mut check, address));
    let tax_id = new.tax_id.as_ref().and_then(|id| checked_tax_id(&mut check, id));
    let bank = new.bank.as_ref().map(|bank| checked_bank(&mut check, bank));
    let currency = text::some(new.default_currency.as_deref()).map(Currency::for_new);
    let currency = check.optional("/defaultCurrency", currency);
    let days_fit = new.payment_terms_days.is_none_or(|days| (0..=365).contains(&days));
    check.refuse_unless(days_fit, "/paymentTermsDays", "0 to 365 days are accepted");
    let locale = check.optional("/locale", text::some(new.locale.as_deref()).map(locale));
    let zone = check.optional("/timeZone", text::some(new.time_zone.as_deref()).map(str::parse::<Zone>));
    let rounding = check.optional("/rounding", text::some(new.rounding.as_deref()).map(str::parse::<Rounding>));
    let profile = BillingProfile {
        version: 0,
        legal_name,
        address: address.filter(|address| *address != Address::default()),
        tax_id,
        bank: bank.filter(|bank| *bank != Bank::default()),
        currency,
        payment_days: new.payment_terms_days,
        locale,
        rounding: rounding.unwrap_or(Rounding::PerRate),
    };
    check.finish(Some((profile, zone)))
}

/// A text of one line, where there is one.
fn short(check: &mut Check, pointer: &str, text: Option<&str>, most: usize) -> Option<String> {
    check.optional(pointer, text::some(text).map(|text| text::line(text, most)))
}

fn checked_address(check: &mut Check, new: &AddressView) -> Address {
    check.refuse_unless(new.lines.len() <= 4, "/address/lines", "at most 4 lines are accepted");
    let line =
        |(place, line): (usize, &String)| short(check, &format!("/address/lines/{place}"), Some(line.as_str()), 100);
    let lines = new.lines.iter().enumerate().filter_map(line).collect();
    Address {
        lines,
        postal_code: short(check, "/address/postalCode", new.postal_code.as_deref(), 20),
        city: short(check, "/address/city", new.city.as_deref(), 100),
        region: short(check, "/address/region", new.region.as_deref(), 100),
        country: check.optional("/address/country", text::some(new.country.as_deref()).map(str::parse::<Country>)),
    }
}

fn checked_tax_id(check: &mut Check, new: &TaxIdView) -> Option<TaxId> {
    let kind = check.field("/taxId/kind", new.kind.parse::<TaxIdKind>())?;
    check.field("/taxId/value", TaxId::parse(kind, &new.value))
}

fn checked_bank(check: &mut Check, new: &BankView) -> Bank {
    let bank = Bank {
        account_holder: short(check, "/bank/accountHolder", new.account_holder.as_deref(), 200),
        iban: check.optional("/bank/iban", text::some(new.iban.as_deref()).map(iban)),
        bic: check.optional("/bank/bic", text::some(new.bic.as_deref()).map(bic)),
        text: check.optional("/bank/text", text::some(new.text.as_deref()).map(|text| text::free(text, 1000))),
    };
    let is_asked = [&new.account_holder, &new.bic].iter().any(|field| text::some(field.as_deref()).is_some());
    let leads_there = [&new.iban, &new.text].iter().any(|field| text::some(field.as_deref()).is_some());
    check.refuse_unless(!is_asked || leads_there, "/bank", "an IBAN, or a text that says how to pay, is missing");
    bank
}
