//! Billing profiles.

use std::collections::HashMap;

use chainbill_domain::{
    id::UserId,
    party::{Address, Bank, BillingProfile, TaxId},
};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::{
    RecordsError, Text, Unit,
    entities::billing_profiles::{Column, Entity, Model},
};

/// The profiles of users; who has saved none has an empty one.
///
/// # Errors
/// When the primary does not answer.
pub async fn of(db: &impl ConnectionTrait, users: &[UserId]) -> Result<HashMap<UserId, BillingProfile>, RecordsError> {
    let rows = Entity::find().filter(Column::UserId.is_in(users.iter().copied().map(Text))).all(db).await?;
    let mut all: HashMap<UserId, BillingProfile> = rows.into_iter().map(|row| (row.user_id.0, profile(row))).collect();
    for user in users {
        all.entry(*user).or_default();
    }
    Ok(all)
}

/// The profile of a user.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, user: UserId) -> Result<BillingProfile, RecordsError> {
    Ok(Entity::find_by_id(Text(user)).one(db).await?.map(profile).unwrap_or_default())
}

/// The profile of a user under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, user: UserId) -> Result<BillingProfile, RecordsError> {
    Ok(Entity::find_by_id(Text(user)).lock_exclusive().one(unit).await?.map(profile).unwrap_or_default())
}

/// Saves a profile in the place of the one at the version that it was read at; the profile at its new version.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer at that version, [`RecordsError::Raced`] when another unit saves the user's
/// first profile at this moment.
pub async fn save(unit: &mut Unit, user: UserId, profile: BillingProfile) -> Result<BillingProfile, RecordsError> {
    let known = profile.version;
    let saved = BillingProfile { version: known + 1, ..profile };
    let new = row(unit, user, &saved);
    if known == 0 {
        unit.add::<Entity>(new).await.map_err(RecordsError::raced)?;
        return Ok(saved);
    }
    let same = Entity::delete_many().filter(Column::UserId.eq(Text(user))).filter(Column::Version.eq(known));
    if same.exec(&*unit).await?.rows_affected != 1 {
        return Err(RecordsError::Changed { model: "billing_profiles", id: user.to_string() });
    }
    unit.add::<Entity>(new).await?;
    Ok(saved)
}

fn row(unit: &Unit, user: UserId, profile: &BillingProfile) -> Model {
    let (address, bank) = (profile.address.clone().unwrap_or_default(), profile.bank.clone().unwrap_or_default());
    Model {
        user_id: Text(user),
        version: profile.version,
        legal_name: profile.legal_name.clone(),
        address_lines: Some(address.lines.join("\n")).filter(|lines| !lines.is_empty()),
        postal_code: address.postal_code,
        city: address.city,
        region: address.region,
        country: address.country.map(Text),
        tax_id_kind: profile.tax_id.as_ref().map(|id| Text(id.kind)),
        tax_id: profile.tax_id.as_ref().map(|id| id.value.clone()),
        account_holder: bank.account_holder,
        iban: bank.iban,
        bic: bank.bic,
        bank_text: bank.text,
        currency: profile.currency.map(Text),
        payment_days: profile.payment_days,
        locale: profile.locale.clone(),
        rounding: Text(profile.rounding),
        updated_at: unit.now(),
    }
}

fn profile(row: Model) -> BillingProfile {
    let lines = row.address_lines.map(|lines| lines.lines().map(str::to_owned).collect()).unwrap_or_default();
    let address = Address {
        lines,
        postal_code: row.postal_code,
        city: row.city,
        region: row.region,
        country: row.country.map(|country| country.0),
    };
    let bank = Bank { account_holder: row.account_holder, iban: row.iban, bic: row.bic, text: row.bank_text };
    let tax_id = row.tax_id_kind.zip(row.tax_id).map(|(kind, value)| TaxId { kind: kind.0, value });
    BillingProfile {
        version: row.version,
        legal_name: row.legal_name,
        address: Some(address).filter(|address| *address != Address::default()),
        tax_id,
        bank: Some(bank).filter(|bank| *bank != Bank::default()),
        currency: row.currency.map(|currency| currency.0),
        payment_days: row.payment_days,
        locale: row.locale,
        rounding: row.rounding.0,
    }
}
