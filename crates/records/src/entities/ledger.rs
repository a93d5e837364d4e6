//! The ledger, and the numbers of invoices.

/// The ledger: append-only, every transfer sums to zero.
pub mod ledger_postings {
    use chainbill_domain::{
        Timestamp,
        id::{CreditNoteId, InvoiceId, PaymentId, PayoutId, RefundId, UserId},
        money::Currency,
        states::{AccountKind, PaymentMethod, TransferKind},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// `kind` and the ids that follow it say what the transfer is for, `account_kind` and its ids whose account the posting is
    /// of: an escrow is the invoice's.
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
        pub credit_note_id: Option<Text<CreditNoteId>>,
        pub refund_id: Option<Text<RefundId>>,
        pub payout_id: Option<Text<PayoutId>>,
        pub account_kind: Text<AccountKind>,
        pub account_user_id: Option<Text<UserId>>,
        pub account_client_id: Option<Text<UserId>>,
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
