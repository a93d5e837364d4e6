//! Computed standings.

use chainbill_domain::{
    Timestamp,
    id::{ReputationId, UserId},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reputations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<ReputationId>,
    pub version: i64,
    pub user_id: Text<UserId>,
    pub score: i64,
    pub average_rating_centi: i64,
    pub review_count: i64,
    pub on_time_bp: i64,
    pub completed_projects: i64,
    pub disputes_lost: i64,
    pub released_invoices: i64,
    pub reviews_part_bp: i64,
    pub on_time_part_bp: i64,
    pub volume_part_bp: i64,
    pub disputes_part_bp: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
