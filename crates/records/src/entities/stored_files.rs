//! Sealed files.

use chainbill_domain::{
    Timestamp,
    id::{InvoiceId, StoredFileId, UserId},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stored_files")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<StoredFileId>,
    pub version: i64,
    pub owner_id: Text<UserId>,
    pub invoice_id: Option<Text<InvoiceId>>,
    pub filename: String,
    pub content_type: String,
    pub file_size: i64,
    pub ipfs_hash: String,
    pub metadata_hash: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub encrypted_base64: Option<String>,
    pub key_version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
