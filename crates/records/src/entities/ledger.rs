//! Payments, the ledger, and the numbers of invoices.

/// Money that arrived; one row per external event.
pub mod payments {
    use chainbill_domain::{
        Timestamp,
        id::{InvoiceId, PaymentId, UserId},
        money::Currency,
        states::PaymentMethod,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<PaymentId>,
        pub invoice_id: Text<InvoiceId>,
        pub payer_id: Text<UserId>,
        pub external_ref: String,
        pub method: Text<PaymentMethod>,
        pub amount_minor: i64,
        pub currency: Text<Currency>,
        pub received_at: Timestamp,
        pub recorded_by: Text<UserId>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The ledger: append-only, every transfer sums to zero.
pub mod ledger_postings {
    use chainbill_domain::{
        Timestamp,
        id::{InvoiceId, PaymentId, UserId},
        money::Currency,
        states::{AccountKind, PaymentMethod, TransferKind},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// `kind`, `invoice_id` and `payment_id` say what the transfer is for, `account_kind` and what follows it whose account
    /// the posting is of: an escrow is the invoice's.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_postings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub transfer_id: String,
        pub position: i64,
        pub kind: Text<TransferKind>,
        pub invoice_id: Option<Text<InvoiceId>>,
        pub payment_id: Option<Text<PaymentId>>,
        pub account_kind: Text<AccountKind>,
        pub account_user_id: Option<Text<UserId>>,
        pub account_method: Option<Text<PaymentMethod>>,
        pub amount_minor: i64,
        pub currency: Text<Currency>,
        pub note: Option<String>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The next invoice number of each issuer.
pub mod invoice_counters {
    use chainbill_domain::id::UserId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoice_counters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub freelancer_id: Text<UserId>,
        pub next_seq: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
