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

/// Other names of entries, inside their documents.
pub mod skill_aliases {
    use chainbill_domain::id::SkillId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "skill_aliases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub skill_id: Text<SkillId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub name: String,
        pub name_key: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Evidence of users' skills.
pub mod skill_verifications {
    use chainbill_domain::{
        Timestamp,
        id::{SkillId, SkillVerificationId, UserId},
        states::{SkillLevel, VerificationStatus},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "skill_verifications")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<SkillVerificationId>,
        pub version: i64,
        pub user_id: Text<UserId>,
        pub skill_id: Text<SkillId>,
        pub level: Text<SkillLevel>,
        #[sea_orm(column_type = "Text")]
        pub links: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub evidence: Option<String>,
        pub status: Text<VerificationStatus>,
        pub reason: Option<String>,
        pub decided_by: Option<Text<UserId>>,
        pub decided_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
