//! People.

use chainbill_domain::{
    Timestamp,
    id::UserId,
    money::Currency,
    states::{Role, UserStatus},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<UserId>,
    pub version: i64,
    pub email: String,
    pub name: String,
    pub role: Text<Role>,
    pub status: Text<UserStatus>,
    pub title: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub bio: Option<String>,
    pub location: Option<String>,
    pub hourly_rate_minor: Option<i64>,
    pub hourly_rate_currency: Option<Text<Currency>>,
    pub wallet_address: Option<String>,
    pub available: bool,
    pub verified_at: Option<Timestamp>,
    pub password_hash: Option<String>,
    pub time_zone: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Skills of people, inside their documents.
pub mod user_skills {
    use chainbill_domain::{
        id::{SkillId, UserId},
        states::SkillLevel,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_skills")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub skill_id: Text<SkillId>,
        pub name: String,
        pub level: Text<SkillLevel>,
        pub years: i64,
        pub verified_level: Option<Text<SkillLevel>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
