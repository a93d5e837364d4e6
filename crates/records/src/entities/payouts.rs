//! Money that leaves the platform for its user, and what is at users' disposal.

use chainbill_domain::{
    Timestamp,
    id::{PayoutId, UserId},
    money::Currency,
    states::{PaymentMethod, PayoutStatus},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payouts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<PayoutId>,
    pub version: i64,
    pub user_id: Text<UserId>,
    pub amount_minor: i64,
    pub currency: Text<Currency>,
    pub method: Text<PaymentMethod>,
    pub destination: String,
    pub status: Text<PayoutStatus>,
    pub external_ref: Option<String>,
    pub reason: Option<String>,
    pub decided_by: Option<Text<UserId>>,
    pub decided_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is at users' disposal: the sum of the postings of their accounts.
pub mod available_balances {
    use chainbill_domain::{id::UserId, money::Currency};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "available_balances")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub currency: Text<Currency>,
        pub balance_minor: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
