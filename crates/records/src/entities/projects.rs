//! Pieces of work.

use chainbill_domain::{
    Timestamp,
    id::{ProjectId, UserId},
    money::Currency,
    states::ProjectStatus,
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "projects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<ProjectId>,
    pub version: i64,
    pub client_id: Text<UserId>,
    pub freelancer_id: Option<Text<UserId>>,
    pub title: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    pub status: Text<ProjectStatus>,
    pub budget_minor: Option<i64>,
    pub budget_currency: Option<Text<Currency>>,
    pub deadline: Option<String>,
    pub return_reason: Option<String>,
    pub submitted_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub cancelled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Skills that a project asks for, inside its document.
pub mod project_skills {
    use chainbill_domain::id::{ProjectId, SkillId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "project_skills")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: Text<ProjectId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub skill_id: Text<SkillId>,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Milestones of a project, inside its document.
pub mod project_milestones {
    use chainbill_domain::{
        Timestamp,
        id::{MilestoneId, ProjectId, UserId},
        money::Currency,
        states::MilestoneStatus,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "project_milestones")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: Text<ProjectId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub id: Text<MilestoneId>,
        pub title: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub description: Option<String>,
        pub amount_minor: i64,
        pub currency: Text<Currency>,
        pub deadline: Option<String>,
        pub status: Text<MilestoneStatus>,
        pub proposed_by: Option<Text<UserId>>,
        pub replaces: Option<Text<MilestoneId>>,
        pub return_reason: Option<String>,
        pub submitted_at: Option<Timestamp>,
        pub accepted_at: Option<Timestamp>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
