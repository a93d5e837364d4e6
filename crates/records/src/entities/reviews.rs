//! Opinions of the parties.

use chainbill_domain::{
    Timestamp,
    id::{ProjectId, ReviewId, UserId},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reviews")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<ReviewId>,
    pub version: i64,
    pub project_id: Text<ProjectId>,
    pub reviewer_id: Text<UserId>,
    pub reviewee_id: Text<UserId>,
    pub quality: i64,
    pub communication: i64,
    pub timeliness: i64,
    pub professionalism: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub comment: Option<String>,
    pub visible_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
