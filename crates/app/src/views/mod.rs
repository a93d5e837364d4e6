//! What is answered: the API's own form of things.

mod billing;
mod disputes;
mod invoices;
mod ledger;
mod mints;
mod payments;
mod payouts;
mod projects;
mod quotes;
mod recurrences;
mod reviews;
mod series;
mod users;
mod verifications;

use chainbill_domain::{
    Timestamp,
    money::{Money, WrittenMoney},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    billing::{AddressView, BankView, BillingProfileView, PartiesView, PartyView, TaxIdView},
    disputes::{
        AppealView, DeadlineView, DisputeView, EvidenceView, OfferView, PlanView, Sight, SplitView, TallyView, VoteView,
    },
    invoices::{InvoiceView, LineDiscountView, LineView, TaxView},
    ledger::{
        AccountView, AccountsView, BookView, KindView, Movement, PostingView, StatementEntry, TransferView,
        TrialBalance,
    },
    mints::{AnchorCheckResult, AnchorCheckView, MintView, NotarisedView, ReceiptView},
    payments::{
        AllocationView, CheckoutView, CreditNoteView, CreditView, PaymentView, RefundView, RefundedInvoice,
        ReversalView,
    },
    payouts::PayoutView,
    projects::{MilestoneView, ProjectSkillView, ProjectView, ProposalView},
    quotes::QuoteView,
    recurrences::{OccurrenceView, RecurrenceView, ScheduleView},
    reviews::{
        ComponentView, DisputeFacts, FactsView, ProjectFacts, ReputationView, ReviewFacts, ReviewView, VolumeFacts,
    },
    series::SeriesView,
    users::{CategoryView, MergedSkillView, SkillView, UserSkillView, UserView},
    verifications::VerificationView,
};

/// An answer to a command.
pub trait Answer: Serialize {
    /// The entity tag, without quotes, where it has one: the version, and what the clock derives, so that a reader who has the
    /// thing as it was before gets it anew.
    fn tag(&self) -> Option<String>;
}

/// An answer that shows one thing: what its audit entry is about.
pub trait Identified: Answer {
    /// The table of the thing.
    const MODEL: &'static str;
    /// Its id.
    fn id(&self) -> &str;
}

impl Answer for MergedSkillView {
    fn tag(&self) -> Option<String> {
        self.skill.tag()
    }
}

impl Answer for bool {
    fn tag(&self) -> Option<String> {
        None
    }
}

impl Answer for () {
    fn tag(&self) -> Option<String> {
        None
    }
}

macro_rules! versioned {
    ($($view:ident: $model:literal;)*) => {$(
        impl Answer for $view {
            fn tag(&self) -> Option<String> {
                Some(self.version.to_string())
            }
        }

        impl Identified for $view {
            const MODEL: &'static str = $model;
            fn id(&self) -> &str {
                &self.id
            }
        }
    )*};
}

versioned! {
    UserView: "users";
    SkillView: "skills";
    ProjectView: "projects";
    ProposalView: "proposals";
    SeriesView: "number_series";
    PayoutView: "payouts";
    MintView: "mints";
    RecurrenceView: "recurrences";
    ReviewView: "reviews";
    VerificationView: "skill_verifications";
}

impl Answer for BillingProfileView {
    fn tag(&self) -> Option<String> {
        Some(self.version.to_string())
    }
}

impl Answer for InvoiceView {
    fn tag(&self) -> Option<String> {
        let derived = if self.overdue { "-overdue" } else { "" };
        Some(format!("{}{derived}", self.version))
    }
}

impl Identified for InvoiceView {
    const MODEL: &'static str = "invoices";
    fn id(&self) -> &str {
        &self.id
    }
}

macro_rules! recorded {
    ($($view:ident: $model:literal;)*) => {$(
        /// It has no version: it is never edited.
        impl Answer for $view {
            fn tag(&self) -> Option<String> {
                None
            }
        }

        impl Identified for $view {
            const MODEL: &'static str = $model;
            fn id(&self) -> &str {
                &self.id
            }
        }
    )*};
}

recorded! {
    PaymentView: "payments";
    CheckoutView: "checkouts";
    CreditNoteView: "credit_notes";
    RefundView: "refunds";
    RefundedInvoice: "credit_notes";
}

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Money in the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyView {
    /// A decimal number with all decimals of the currency.
    pub amount: String,
    /// The ISO 4217 code.
    pub currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        let WrittenMoney { amount, currency } = money.into();
        Self { amount, currency }
    }
}

impl From<MoneyView> for WrittenMoney {
    fn from(view: MoneyView) -> Self {
        Self { amount: view.amount, currency: view.currency }
    }
}
