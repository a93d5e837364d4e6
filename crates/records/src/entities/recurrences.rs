//! Recurring invoices, and the reminders of invoices.

use chainbill_domain::{
    Timestamp,
    id::{RecurrenceId, UserId},
    schedule::Day,
    states::{Period, RecurrenceMode, RecurrenceStatus},
};
use sea_orm::entity::prelude::*;

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recurrences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Text<RecurrenceId>,
    pub version: i64,
    pub freelancer_id: Text<UserId>,
    pub client_id: Text<UserId>,
    #[sea_orm(column_type = "Text")]
    pub template: String,
    pub due_in_days: Option<i64>,
    pub mode: Text<RecurrenceMode>,
    pub every_count: i64,
    pub period: Text<Period>,
    pub start_day: Text<Day>,
    pub day_of_month: Option<i64>,
    pub local_time: String,
    pub end_day: Option<Text<Day>>,
    pub end_count: Option<i64>,
    pub status: Text<RecurrenceStatus>,
    pub paused_because: Option<String>,
    pub next_place: i64,
    pub made: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Which invoice an occurrence made.
pub mod recurrence_occurrences {
    use chainbill_domain::{
        Timestamp,
        id::{InvoiceId, RecurrenceId},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recurrence_occurrences")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub recurrence_id: Text<RecurrenceId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: String,
        pub invoice_id: Text<InvoiceId>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// On which days around the due day an issuer has clients reminded.
pub mod reminder_rules {
    use chainbill_domain::{Timestamp, id::UserId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "reminder_rules")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub issuer_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub offset_days: i64,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which reminders there were.
pub mod reminders {
    use chainbill_domain::{Timestamp, id::InvoiceId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "reminders")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub invoice_id: Text<InvoiceId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub offset_days: i64,
        pub due_date: String,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
