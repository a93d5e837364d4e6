//! Disputes over held money.

use chainbill_domain::{
    Timestamp,
    id::{DisputeId, InvoiceId, UserId},
    money::Currency,
    states::{DisputeOutcome, DisputeResolver, DisputeStatus},
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
    pub client_id: Text<UserId>,
    pub freelancer_id: Text<UserId>,
    pub opened_by: Text<UserId>,
    pub reason: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    pub held_minor: i64,
    pub currency: Text<Currency>,
    pub for_client_minor: i64,
    pub against_client_minor: i64,
    pub status: Text<DisputeStatus>,
    #[sea_orm(column_type = "Text", nullable)]
    pub answer: Option<String>,
    pub answered_at: Option<Timestamp>,
    pub quorum: Option<i64>,
    pub outcome: Option<Text<DisputeOutcome>>,
    pub resolved_by: Option<Text<DisputeResolver>>,
    pub resolved_at: Option<Timestamp>,
    pub to_client_minor: Option<i64>,
    pub decided_by: Option<Text<UserId>>,
    #[sea_orm(column_type = "Text", nullable)]
    pub decision_reason: Option<String>,
    pub appealed_by: Option<Text<UserId>>,
    #[sea_orm(column_type = "Text", nullable)]
    pub appeal_reason: Option<String>,
    pub appealed_at: Option<Timestamp>,
    pub appeal_decided_at: Option<Timestamp>,
    pub offered_by: Option<Text<UserId>>,
    pub offered_minor: Option<i64>,
    pub offered_at: Option<Timestamp>,
    pub answer_until: Option<Timestamp>,
    pub vote_until: Option<Timestamp>,
    pub decision_until: Option<Timestamp>,
    pub appeal_until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub changes: i64,
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

/// Links that the parties give, inside its document.
pub mod dispute_evidence {
    use chainbill_domain::{
        Timestamp,
        id::{DisputeId, UserId},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dispute_evidence")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub dispute_id: Text<DisputeId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub given_by: Text<UserId>,
        pub url: String,
        pub note: String,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
