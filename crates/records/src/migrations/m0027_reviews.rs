//! Since when a review is visible, and the components of a reputation. Reviews that are there have been visible all the time.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0027_reviews"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "reviews", "visible_at", "{time} NULL").await?;
        super::run(db, &["UPDATE reviews SET visible_at = created_at WHERE visible_at IS NULL"]).await?;
        for column in COMPONENTS {
            super::add_column(db, "reputations", column, "BIGINT NOT NULL DEFAULT 0").await?;
        }
        Ok(())
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        for column in COMPONENTS.iter().rev() {
            super::drop(db, &format!("ALTER TABLE reputations DROP COLUMN {column}")).await?;
        }
        super::drop(db, "ALTER TABLE reviews DROP COLUMN visible_at").await
    }
}

/// Each in ten-thousandths, but the number of invoices.
const COMPONENTS: &[&str] =
    &["released_invoices", "reviews_part_bp", "on_time_part_bp", "volume_part_bp", "disputes_part_bp"];
