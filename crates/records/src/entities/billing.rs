//! What users' invoices say of them.

/// A user's billing profile; its user has at most one. It is not mirrored: bank details stay in the primary.
pub mod billing_profiles {
    use chainbill_domain::{
        Timestamp,
        id::UserId,
        money::Currency,
        party::Country,
        states::{Rounding, TaxIdKind},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// The lines of the address are one text, each on a line of its own.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "billing_profiles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Text<UserId>,
        pub version: i64,
        pub legal_name: Option<String>,
        pub address_lines: Option<String>,
        pub postal_code: Option<String>,
        pub city: Option<String>,
        pub region: Option<String>,
        pub country: Option<Text<Country>>,
        pub tax_id_kind: Option<Text<TaxIdKind>>,
        pub tax_id: Option<String>,
        pub account_holder: Option<String>,
        pub iban: Option<String>,
        pub bic: Option<String>,
        pub bank_text: Option<String>,
        pub currency: Option<Text<Currency>>,
        pub payment_days: Option<i64>,
        pub locale: Option<String>,
        pub rounding: Text<Rounding>,
        pub updated_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
