//! Invoices.

use chainbill_domain::{
    Timestamp,
    id::{InvoiceId, MilestoneId, ProjectId, UserId},
    money::Currency,
    numbering::Series,
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Rounding},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<InvoiceId>,
    pub version: i64,
    pub number: Option<String>,
    pub number_seq: Option<i64>,
    pub series: Option<Text<Series>>,
    pub number_year: Option<i64>,
    pub project_id: Option<Text<ProjectId>>,
    pub milestone_id: Option<Text<MilestoneId>>,
    pub funds_milestone_id: Option<Text<MilestoneId>>,
    pub freelancer_id: Text<UserId>,
    pub client_id: Text<UserId>,
    pub freelancer_name: Option<String>,
    pub client_name: Option<String>,
    pub title: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub notes: Option<String>,
    pub status: Text<InvoiceStatus>,
    pub payment_status: Text<PaymentStatus>,
    pub escrow: Text<EscrowStatus>,
    pub anchor_status: Text<AnchorStatus>,
    pub currency: Text<Currency>,
    pub prices_include_tax: bool,
    pub rounding: Text<Rounding>,
    pub subtotal_minor: i64,
    pub discount_minor: i64,
    pub discount_ppm: Option<i64>,
    pub tax_minor: i64,
    pub total_minor: i64,
    pub withholding_ppm: i64,
    pub withholding_minor: i64,
    pub deposit_minor: i64,
    pub paid_minor: i64,
    pub refunded_minor: i64,
    pub released_minor: i64,
    pub external_minor: i64,
    pub fee_minor: i64,
    pub credited_minor: i64,
    pub due_date: Option<String>,
    pub canonical_hash: Option<String>,
    pub canonical_version: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub parties: Option<String>,
    pub token_id: Option<String>,
    pub tx_hash: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub paid_at: Option<Timestamp>,
    pub released_at: Option<Timestamp>,
    pub voided_at: Option<Timestamp>,
    pub declined_at: Option<Timestamp>,
    #[sea_orm(column_type = "Text", nullable)]
    pub decline_reason: Option<String>,
    pub fee_bp: i64,
    pub release_days: i64,
    pub work_submitted_at: Option<Timestamp>,
    #[sea_orm(column_type = "Text", nullable)]
    pub work_note: Option<String>,
    pub release_at: Option<Timestamp>,
    pub work_returned_at: Option<Timestamp>,
    #[sea_orm(column_type = "Text", nullable)]
    pub work_return_reason: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Lines of an invoice, inside its document.
pub mod invoice_lines {
    use chainbill_domain::{id::InvoiceId, money::Currency, states::TaxCategory};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoice_lines")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub invoice_id: Text<InvoiceId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub description: String,
        pub unit: Option<String>,
        pub quantity_micro: i64,
        pub unit_price_minor: i64,
        pub unit_price_micro: i64,
        pub currency: Text<Currency>,
        pub discount_minor: i64,
        pub discount_ppm: Option<i64>,
        pub tax_category: Text<TaxCategory>,
        pub tax_rate_ppm: i64,
        pub tax_reason: Option<String>,
        pub amount_minor: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
