//! Users and skills.

use chainbill_domain::{
    money::Money,
    states::{Role, SkillLevel, UserStatus},
    zone::Zone,
};
use chainbill_records::{
    Text,
    entities::{user_skills, users},
    repo::{skills::WithAliases, users::user_skill},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, moment};

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// The address; only to the person and to operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the person is called.
    pub name: String,
    /// CLIENT, FREELANCER or ADMIN.
    #[schema(value_type = String)]
    pub role: Role,
    /// ACTIVE, SUSPENDED or CLOSED.
    #[schema(value_type = String)]
    pub status: UserStatus,
    /// One line on what the person does.
    pub title: Option<String>,
    /// More on it.
    pub bio: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// For how much.
    pub hourly_rate: Option<MoneyView>,
    /// Address on the chain.
    pub wallet_address: Option<String>,
    /// The IANA time zone that days of the user's invoices follow; only to the person and to operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether the person takes work.
    pub available: bool,
    /// Whether an operator has verified the person.
    #[serde(default)]
    pub verified: bool,
    /// Skills.
    pub skills: Vec<UserSkillView>,
    /// When the account was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A skill of a user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSkillView {
    /// The skill in the catalogue.
    pub skill_id: String,
    /// Its name.
    pub name: String,
    /// BEGINNER, INTERMEDIATE, ADVANCED or EXPERT.
    #[schema(value_type = String)]
    pub level: SkillLevel,
    /// Years of practice.
    pub years: i64,
    /// Whether an operator has verified this level, or a higher one.
    pub verified: bool,
    /// The level that an operator has verified.
    #[schema(value_type = Option<String>)]
    pub verified_level: Option<SkillLevel>,
}

impl UserView {
    /// A user with skills; `private` fields are for the user and for operators.
    #[must_use]
    pub fn of(row: users::Model, skills: Vec<user_skills::Model>, private: bool) -> Self {
        let rate = row.hourly_rate_minor.zip(row.hourly_rate_currency);
        Self {
            id: row.id.to_string(),
            version: row.version,
            email: private.then_some(row.email),
            name: row.name,
            role: row.role.0,
            status: row.status.0,
            title: row.title,
            bio: row.bio,
            location: row.location,
            hourly_rate: rate.map(|(minor, Text(currency))| Money { minor, currency }.into()),
            wallet_address: row.wallet_address,
            time_zone: private.then(|| Zone::stored(row.time_zone.as_deref()).to_string()),
            available: row.available,
            verified: row.verified_at.is_some(),
            skills: skills.into_iter().map(UserSkillView::from).collect(),
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

impl From<user_skills::Model> for UserSkillView {
    fn from(row: user_skills::Model) -> Self {
        let skill = user_skill(row);
        Self {
            skill_id: skill.skill_id.to_string(),
            verified: skill.is_verified(),
            name: skill.name,
            level: skill.level,
            years: skill.years,
            verified_level: skill.verified_level,
        }
    }
}

/// A skill of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Its field.
    pub category: String,
    /// What it is.
    pub description: Option<String>,
    /// Whether an operator looked at it.
    pub verified: bool,
    /// Names of entries that became this one, and names that it had.
    pub aliases: Vec<String>,
}

/// A category of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryView {
    /// Its name.
    pub category: String,
    /// How many skills are in it.
    pub skills: i64,
}

/// The entry that another one became.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergedSkillView {
    /// The entry.
    pub skill: SkillView,
    /// How many users had the other one.
    pub users: u64,
    /// How many projects asked for the other one.
    pub projects: u64,
}

impl SkillView {
    /// An entry as it is shown.
    #[must_use]
    pub fn of((row, aliases): WithAliases) -> Self {
        Self {
            id: row.id.to_string(),
            version: row.version,
            name: row.name,
            category: row.category,
            description: row.description,
            verified: row.verified,
            aliases: aliases.into_iter().map(|alias| alias.name).collect(),
        }
    }
}
