//! The skill catalogue.

use chainbill_domain::{Timestamp, id::SkillId};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "skills")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<SkillId>,
    pub version: i64,
    pub name: String,
    pub name_key: String,
    pub category: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    pub verified: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
