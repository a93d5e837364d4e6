//! What is answered: the API's own form of things. Stored answers are these, so that a replay is the same to the letter.

use chainbill_domain::{
    Timestamp,
    money::{Money, WrittenMoney},
    states::{
        AnchorStatus, EscrowStatus, InvoiceStatus, PaymentMethod, PaymentStatus, ProjectStatus, Role, SkillLevel,
        UserStatus,
    },
    zone::Zone,
};
use chainbill_records::{
    Text,
    entities::{invoice_lines, invoices, payments, project_skills, projects, skills, user_skills, users},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::validate::written;

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Money in the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// The address; only to the person and to operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the person is called.
    pub name: String,
    /// CLIENT, FREELANCER or ADMIN.
    #[schema(value_type = String)]
    pub role: Role,
    /// ACTIVE, SUSPENDED or CLOSED.
    #[schema(value_type = String)]
    pub status: UserStatus,
    /// One line on what the person does.
    pub title: Option<String>,
    /// More on it.
    pub bio: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// For how much.
    pub hourly_rate: Option<MoneyView>,
    /// Address on the chain.
    pub wallet_address: Option<String>,
    /// The IANA time zone that days of the person's bills follow; only to the person and to operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether the person takes work.
    pub available: bool,
    /// Skills.
    pub skills: Vec<UserSkillView>,
    /// When the account was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A skill of a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSkillView {
    /// The skill in the catalogue.
    pub skill_id: String,
    /// Its name.
    pub name: String,
    /// BEGINNER, INTERMEDIATE, ADVANCED or EXPERT.
    #[schema(value_type = String)]
    pub level: SkillLevel,
    /// Years of practice.
    pub years: i64,
}

impl UserView {
    /// A person as the person sees it; `private` fields for the person and for operators.
    #[must_use]
    pub fn of(row: users::Model, skills: Vec<user_skills::Model>, private: bool) -> Self {
        let rate = row.hourly_rate_minor.zip(row.hourly_rate_currency);
        Self {
            id: row.id.to_string(),
            version: row.version,
            email: private.then_some(row.email),
            name: row.name,
            role: row.role.0,
            status: row.status.0,
            title: row.title,
            bio: row.bio,
            location: row.location,
            hourly_rate: rate.map(|(minor, Text(currency))| Money { minor, currency }.into()),
            wallet_address: row.wallet_address,
            time_zone: private.then(|| Zone::stored(row.time_zone.as_deref()).to_string()),
            available: row.available,
            skills: skills.into_iter().map(UserSkillView::from).collect(),
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

impl From<user_skills::Model> for UserSkillView {
    fn from(row: user_skills::Model) -> Self {
        Self { skill_id: row.skill_id.to_string(), name: row.name, level: row.level.0, years: row.years }
    }
}

/// A skill of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Its field.
    pub category: String,
    /// What it is.
    pub description: Option<String>,
    /// Whether an operator looked at it.
    pub verified: bool,
}

impl From<skills::Model> for SkillView {
    fn from(row: skills::Model) -> Self {
        Self {
            id: row.id.to_string(),
            version: row.version,
            name: row.name,
            category: row.category,
            description: row.description,
            verified: row.verified,
        }
    }
}

/// A piece of work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Who offers it.
    pub client_id: String,
    /// Who does it.
    pub freelancer_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// What it is.
    pub description: String,
    /// OPEN, IN_PROGRESS, COMPLETED or CANCELLED.
    #[schema(value_type = String)]
    pub status: ProjectStatus,
    /// For how much.
    pub budget: Option<MoneyView>,
    /// Until when.
    pub deadline: Option<String>,
    /// Skills that it asks for.
    pub skills: Vec<ProjectSkillView>,
    /// When it was completed.
    pub completed_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A skill that a project asks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSkillView {
    /// The skill in the catalogue.
    pub skill_id: String,
    /// Its name.
    pub name: String,
}

impl ProjectView {
    /// A project with its skills.
    #[must_use]
    pub fn of(row: projects::Model, skills: Vec<project_skills::Model>) -> Self {
        let budget = row.budget_minor.zip(row.budget_currency);
        let skill =
            |row: project_skills::Model| ProjectSkillView { skill_id: row.skill_id.to_string(), name: row.name };
        Self {
            id: row.id.to_string(),
            version: row.version,
            client_id: row.client_id.to_string(),
            freelancer_id: row.freelancer_id.map(|id| id.to_string()),
            title: row.title,
            description: row.description,
            status: row.status.0,
            budget: budget.map(|(minor, Text(currency))| Money { minor, currency }.into()),
            deadline: row.deadline,
            skills: skills.into_iter().map(skill).collect(),
            completed_at: row.completed_at.map(moment),
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

/// A bill.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Its number, from sending on.
    pub number: Option<String>,
    /// What it is for.
    pub project_id: Option<String>,
    /// Who bills.
    pub freelancer_id: String,
    /// Who is billed.
    pub client_id: String,
    /// What it is called.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// DRAFT, SENT, PAID, RELEASED, VOID or REFUNDED.
    #[schema(value_type = String)]
    pub status: InvoiceStatus,
    /// UNPAID, PARTIAL, PAID or OVERPAID.
    #[schema(value_type = String)]
    pub payment_status: PaymentStatus,
    /// Where the money stands.
    #[schema(value_type = String)]
    pub escrow: EscrowStatus,
    /// Where the notarisation stands.
    #[schema(value_type = String)]
    pub anchor_status: AnchorStatus,
    /// Whether it is past due and not paid.
    pub overdue: bool,
    /// Its lines.
    pub lines: Vec<LineView>,
    /// Sum of the lines.
    pub subtotal: MoneyView,
    /// What is taken off.
    pub discount: MoneyView,
    /// Tax.
    pub tax: MoneyView,
    /// What it comes to.
    pub total: MoneyView,
    /// What is paid.
    pub paid: MoneyView,
    /// Until when it is to be paid.
    pub due_date: Option<String>,
    /// SHA-256 of its canonical form, from sending on.
    pub canonical_hash: Option<String>,
    /// Its token on the chain.
    pub token_id: Option<String>,
    /// The transaction that made the token.
    pub tx_hash: Option<String>,
    /// When it was sent.
    pub sent_at: Option<String>,
    /// When it was paid in full.
    pub paid_at: Option<String>,
    /// When the money went to the freelancer.
    pub released_at: Option<String>,
    /// When it was voided.
    pub voided_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A line of a bill.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// What was done.
    pub description: String,
    /// How much of it.
    pub quantity: String,
    /// Price of one.
    pub unit_price: MoneyView,
    /// Tax in percent.
    pub tax_rate: String,
    /// Quantity times price.
    pub amount: MoneyView,
}

impl InvoiceView {
    /// A bill with its lines, on a day of its issuer's (`YYYY-MM-DD`).
    #[must_use]
    pub fn of(row: invoices::Model, lines: Vec<invoice_lines::Model>, today: &str) -> Self {
        let Text(currency) = row.currency;
        let money = |minor| MoneyView::from(Money { minor, currency });
        let line = |line: invoice_lines::Model| LineView {
            description: line.description,
            quantity: written(line.quantity_milli, 3),
            unit_price: money(line.unit_price_minor),
            tax_rate: written(line.tax_rate_bp, 2),
            amount: money(line.amount_minor),
        };
        let overdue = row.status.0 == InvoiceStatus::Sent && row.due_date.as_deref().is_some_and(|due| due < today);
        Self {
            id: row.id.to_string(),
            version: row.version,
            number: row.number,
            project_id: row.project_id.map(|id| id.to_string()),
            freelancer_id: row.freelancer_id.to_string(),
            client_id: row.client_id.to_string(),
            title: row.title,
            notes: row.notes,
            status: row.status.0,
            payment_status: row.payment_status.0,
            escrow: row.escrow.0,
            anchor_status: row.anchor_status.0,
            overdue,
            lines: lines.into_iter().map(line).collect(),
            subtotal: money(row.subtotal_minor),
            discount: money(row.discount_minor),
            tax: money(row.tax_minor),
            total: money(row.total_minor),
            paid: money(row.paid_minor),
            due_date: row.due_date,
            canonical_hash: row.canonical_hash,
            token_id: row.token_id,
            tx_hash: row.tx_hash,
            sent_at: row.sent_at.map(moment),
            paid_at: row.paid_at.map(moment),
            released_at: row.released_at.map(moment),
            voided_at: row.voided_at.map(moment),
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

/// Money that arrived, with the bill that it made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id.
    pub id: String,
    /// How much.
    pub amount: MoneyView,
    /// BANK_TRANSFER, CARD, CRYPTO or OTHER.
    #[schema(value_type = String)]
    pub method: PaymentMethod,
    /// What the bank or the chain calls it.
    pub external_ref: String,
    /// When it arrived.
    pub received_at: String,
    /// The bill after it.
    pub invoice: InvoiceView,
}

impl PaymentView {
    /// A payment with its bill.
    #[must_use]
    pub fn of(row: payments::Model, invoice: InvoiceView) -> Self {
        let Text(currency) = row.currency;
        Self {
            id: row.id.to_string(),
            amount: Money { minor: row.amount_minor, currency }.into(),
            method: row.method.0,
            external_ref: row.external_ref,
            received_at: moment(row.received_at),
            invoice,
        }
    }
}
