//! What callers ask of proposals.

use chainbill_domain::{money::Currency, proposal::Terms, text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AppError, MoneyView,
    validate::{Check, given, present},
};

/// A freelancer's application.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApplication {
    /// The text to the client, 1 to 10000 characters.
    pub message: String,
    /// The price of the whole work, in the project's currency.
    pub amount: Option<MoneyView>,
    /// The price of an hour.
    pub hourly_rate: Option<MoneyView>,
}

/// A client's invitation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvitation {
    /// Whom it invites: a freelancer.
    pub freelancer_id: String,
    /// The text to the freelancer, 1 to 10000 characters.
    pub message: String,
    /// The price of the whole work, in the project's currency.
    pub amount: Option<MoneyView>,
    /// The price of an hour.
    pub hourly_rate: Option<MoneyView>,
}

/// What changes in a proposal; what is absent stays, null empties. Its author consents to the project as it is now.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchProposal {
    /// The text to the other side.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    /// The price of the whole work.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub amount: Option<Option<MoneyView>>,
    /// The price of an hour.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub hourly_rate: Option<Option<MoneyView>>,
}

/// The applicant who is bound.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartProject {
    /// A freelancer with an open application.
    pub freelancer_id: String,
}

/// Which proposals.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProposalFilter {
    /// Only those of this kind: APPLICATION or INVITATION.
    pub kind: Option<String>,
    /// Only those in this state: OPEN, ACCEPTED, DECLINED, WITHDRAWN or CLOSED.
    pub status: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// The terms of a proposal, checked.
pub(super) fn checked(
    message: &str,
    amount: Option<&MoneyView>,
    hourly_rate: Option<&MoneyView>,
    kept: Option<&Terms>,
) -> Result<Terms, AppError> {
    let mut check = Check::default();
    let message = check.field("/message", text::free(message, 10_000));
    check.refuse_unless(message.as_deref() != Some(""), "/message", "is empty: 1 to 10000 characters are accepted");
    let mut money = |pointer: &str, view: Option<&MoneyView>, kept: Option<Currency>| {
        let view = view?;
        // What stays may be in a currency that has gone out of use since.
        let money = check.money(pointer, &view.clone().into(), kept.filter(|kept| kept.to_string() == view.currency));
        let at = format!("{pointer}/amount");
        check.refuse_unless(money.is_none_or(|it| it.minor > 0), &at, "is 0: an amount above 0 is accepted");
        money
    };
    let amount = money("/amount", amount, kept.and_then(|it| it.amount).map(|it| it.currency));
    let hourly_rate = money("/hourlyRate", hourly_rate, kept.and_then(|it| it.hourly_rate).map(|it| it.currency));
    check.finish(message.map(|message| Terms { message, amount, hourly_rate }))
}
