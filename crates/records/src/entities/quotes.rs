//! Quotes.

use chainbill_domain::{
    Timestamp,
    id::{InvoiceId, ProjectId, QuoteId, UserId},
    money::Currency,
    numbering::Series,
    states::QuoteStatus,
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quotes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<QuoteId>,
    pub version: i64,
    pub freelancer_id: Text<UserId>,
    pub client_id: Text<UserId>,
    pub project_id: Option<Text<ProjectId>>,
    pub title: String,
    #[sea_orm(column_type = "Text")]
    pub invoice: String,
    pub currency: Text<Currency>,
    pub total_minor: i64,
    pub due_in_days: Option<i64>,
    pub valid_until: Option<String>,
    pub status: Text<QuoteStatus>,
    pub series: Option<Text<Series>>,
    pub number: Option<String>,
    pub number_seq: Option<i64>,
    pub number_year: Option<i64>,
    pub invoice_id: Option<Text<InvoiceId>>,
    pub decline_reason: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
