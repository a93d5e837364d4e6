//! Disputes over held money.

use chainbill_domain::{
    Timestamp,
    id::{DisputeId, InvoiceId, UserId},
    states::{DisputeOutcome, DisputeStatus},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "disputes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<DisputeId>,
    pub version: i64,
    pub invoice_id: Text<InvoiceId>,
    pub opened_by: Text<UserId>,
    pub reason: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    pub status: Text<DisputeStatus>,
    pub outcome: Option<Text<DisputeOutcome>>,
    #[sea_orm(column_type = "Text", nullable)]
    pub plan: Option<String>,
    pub resolved_at: Option<Timestamp>,
    pub active_invoice_id: Option<Text<InvoiceId>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Votes on a dispute, inside its document.
pub mod dispute_votes {
    use chainbill_domain::{
        Timestamp,
        id::{DisputeId, UserId},
        states::VoteChoice,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dispute_votes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub dispute_id: Text<DisputeId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub voter_id: Text<UserId>,
        pub choice: Text<VoteChoice>,
        #[sea_orm(column_type = "Text", nullable)]
        pub comment: Option<String>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
