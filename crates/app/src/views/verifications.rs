//! Verifications of skills.

use chainbill_domain::{
    skill::Verification,
    states::{SkillLevel, VerificationStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;

/// Evidence of a user's skill.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerificationView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Whose skill.
    pub user_id: String,
    /// The skill in the catalogue.
    pub skill_id: String,
    /// The level that it is evidence of.
    #[schema(value_type = String)]
    pub level: SkillLevel,
    /// Addresses.
    pub links: Vec<String>,
    /// In words.
    pub text: Option<String>,
    /// PENDING, VERIFIED or REJECTED.
    #[schema(value_type = String)]
    pub status: VerificationStatus,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// When it was submitted.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl VerificationView {
    /// A verification as it is shown.
    #[must_use]
    pub fn of(verification: Verification) -> Self {
        Self {
            id: verification.id.to_string(),
            version: verification.version,
            user_id: verification.user_id.to_string(),
            skill_id: verification.skill_id.to_string(),
            level: verification.level,
            links: verification.evidence.links,
            text: verification.evidence.text,
            status: verification.status,
            reason: verification.reason,
            decided_at: verification.decided_at.map(moment),
            created_at: moment(verification.created_at),
            updated_at: moment(verification.updated_at),
        }
    }

    pub(crate) fn key(&self) -> String {
        self.id.clone()
    }
}
