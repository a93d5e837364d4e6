//! Payouts.

use chainbill_domain::{
    payout::Payout,
    states::{PaymentMethod, PayoutStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, Movement, moment};

/// Money that leaves the platform for its user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayoutView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Whose money it is.
    pub user_id: String,
    /// How much.
    pub amount: MoneyView,
    /// How it goes.
    #[schema(value_type = String)]
    pub method: PaymentMethod,
    /// Where it goes to.
    pub destination: String,
    /// REQUESTED, PAID, REJECTED or CANCELLED.
    #[schema(value_type = String)]
    pub status: PayoutStatus,
    /// What the bank or the chain calls it, once it is paid.
    pub external_ref: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When it was carried out, refused or taken back.
    pub decided_at: Option<String>,
    /// When it was asked for.
    pub created_at: String,
    /// What it has moved just now, or would move.
    #[serde(flatten)]
    pub movement: Movement,
}

impl PayoutView {
    /// A payout as it is shown.
    #[must_use]
    pub fn of(payout: Payout) -> Self {
        Self {
            id: payout.id.to_string(),
            version: payout.version,
            user_id: payout.user_id.to_string(),
            amount: payout.amount.into(),
            method: payout.method,
            destination: payout.destination,
            status: payout.status,
            external_ref: payout.external_ref,
            reason: payout.reason,
            decided_at: payout.decided_at.map(moment),
            created_at: moment(payout.created_at),
            movement: Movement::default(),
        }
    }
}
