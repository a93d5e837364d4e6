//! Other names of the catalogue's entries, the verified level of a user's skill, and the evidence that it was verified by.

use sea_orm::{DatabaseTransaction, DbErr};

use crate::dialect::Dialect;

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0028_skills"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "user_skills", "verified_level", "VARCHAR(16) NULL").await?;
        super::run(db, SKILLS).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["skill_verifications", "skill_aliases"]).await?;
        for (table, index) in INDEXES {
            let on = if super::of(db).await? == Dialect::Sqlite { String::new() } else { format!(" ON {table}") };
            super::drop(db, &format!("DROP INDEX {index}{on}")).await?;
        }
        super::drop(db, "ALTER TABLE user_skills DROP COLUMN verified_level").await
    }
}

/// Indexes of tables that stay.
const INDEXES: [(&str, &str); 3] =
    [("skills", "skills_category"), ("project_skills", "project_skills_skill"), ("user_skills", "user_skills_skill")];

const SKILLS: &[&str] = &[
    "CREATE INDEX user_skills_skill ON user_skills (skill_id, user_id)",
    "CREATE INDEX project_skills_skill ON project_skills (skill_id, project_id)",
    "CREATE INDEX skills_category ON skills (category, id)",
    "CREATE TABLE IF NOT EXISTS skill_aliases (
        skill_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        name VARCHAR(100) NOT NULL,
        name_key VARCHAR(100) NOT NULL,
        PRIMARY KEY (skill_id, position),
        CONSTRAINT skill_aliases_name_key UNIQUE (name_key)
    ){options}",
    "CREATE TABLE IF NOT EXISTS skill_verifications (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        user_id VARCHAR(36) NOT NULL,
        skill_id VARCHAR(36) NOT NULL,
        level VARCHAR(16) NOT NULL,
        links {long} NOT NULL,
        evidence {long} NULL,
        status VARCHAR(16) NOT NULL,
        reason VARCHAR(1000) NULL,
        decided_by VARCHAR(36) NULL,
        decided_at {time} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT skill_verifications_decided CHECK ((status = 'PENDING' AND decided_at IS NULL) OR (status <> 'PENDING' AND \
     decided_at IS NOT NULL))
    ){options}",
    "CREATE INDEX skill_verifications_user ON skill_verifications (user_id, id)",
    "CREATE INDEX skill_verifications_skill ON skill_verifications (skill_id, id)",
    "CREATE INDEX skill_verifications_status ON skill_verifications (status, id)",
];
