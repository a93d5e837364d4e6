//! Series of numbers, and their counters.

/// An issuer's own series.
pub mod number_series {
    use chainbill_domain::{
        Timestamp,
        id::{SeriesId, UserId},
        numbering::Pattern,
        states::NumberKind,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "number_series")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<SeriesId>,
        pub version: i64,
        pub issuer_id: Text<UserId>,
        pub kind: Text<NumberKind>,
        pub name: String,
        pub pattern: Text<Pattern>,
        pub yearly: bool,
        pub start_seq: i64,
        pub used: bool,
        pub default_of: Option<String>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The next place of each sequence but those of built-in series of invoices.
pub mod number_counters {
    use chainbill_domain::{id::UserId, numbering::Series, states::NumberKind};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "number_counters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub issuer_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: Text<NumberKind>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub series: Text<Series>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i64,
        pub first_seq: i64,
        pub next_seq: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
