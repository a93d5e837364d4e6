//! Notarisations of invoices.

use chainbill_domain::{
    Timestamp,
    id::{InvoiceId, MintId},
    mint::TokenId,
    states::MintStatus,
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<MintId>,
    pub version: i64,
    pub invoice_id: Text<InvoiceId>,
    pub status: Text<MintStatus>,
    pub token_id: Option<Text<TokenId>>,
    pub canonical_hash: String,
    #[sea_orm(column_type = "Text")]
    pub canonical_form: String,
    pub chain: Option<String>,
    pub tx_hash: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub signed_bytes: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub builds: i64,
    pub position: Option<i64>,
    pub digest: Option<String>,
    pub gas_used: Option<i64>,
    pub confirmed_at: Option<Timestamp>,
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
