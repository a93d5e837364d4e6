//! Applications for projects, and invitations to them.

use chainbill_domain::{
    Timestamp,
    id::{ProjectId, ProposalId, UserId},
    money::Currency,
    states::{ProposalKind, ProposalStatus},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "proposals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<ProposalId>,
    pub version: i64,
    pub project_id: Text<ProjectId>,
    pub project_version: i64,
    pub client_id: Text<UserId>,
    pub freelancer_id: Text<UserId>,
    /// The freelancer while the proposal is open: one per project.
    pub open_freelancer_id: Option<Text<UserId>>,
    pub kind: Text<ProposalKind>,
    #[sea_orm(column_type = "Text")]
    pub message: String,
    pub amount_minor: Option<i64>,
    pub amount_currency: Option<Text<Currency>>,
    pub rate_minor: Option<i64>,
    pub rate_currency: Option<Text<Currency>>,
    pub status: Text<ProposalStatus>,
    pub decline_reason: Option<String>,
    pub decided_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
