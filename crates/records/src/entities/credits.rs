//! Credit notes, clients' credit, and refunds.

/// What clients have paid freelancers beyond what was owed.
pub mod client_credits {
    use chainbill_domain::{id::UserId, money::Currency, states::Custody};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "client_credits")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub freelancer_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub client_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub custody: Text<Custody>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub currency: Text<Currency>,
        pub balance_minor: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Documents that lower what an invoice claims.
pub mod credit_notes {
    use chainbill_domain::{
        Timestamp,
        id::{CreditNoteId, InvoiceId, UserId},
        money::Currency,
        numbering::Series,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "credit_notes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<CreditNoteId>,
        pub invoice_id: Text<InvoiceId>,
        pub freelancer_id: Text<UserId>,
        pub client_id: Text<UserId>,
        pub number: String,
        pub number_seq: i64,
        pub series: Text<Series>,
        pub number_year: Option<i64>,
        pub currency: Text<Currency>,
        pub amount_minor: i64,
        pub tax_minor: i64,
        pub refunded_minor: i64,
        pub reason: String,
        pub issued_by: Text<UserId>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Money of clients' credit that goes back.
pub mod refunds {
    use chainbill_domain::{
        Timestamp,
        id::{InvoiceId, PaymentId, RefundId, UserId},
        money::Currency,
        states::{Custody, PaymentMethod, RefundStatus},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refunds")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<RefundId>,
        pub freelancer_id: Text<UserId>,
        pub client_id: Text<UserId>,
        pub custody: Text<Custody>,
        pub currency: Text<Currency>,
        pub amount_minor: i64,
        pub method: Text<PaymentMethod>,
        pub external_ref: Option<String>,
        pub status: Text<RefundStatus>,
        pub payment_id: Option<Text<PaymentId>>,
        pub invoice_id: Option<Text<InvoiceId>>,
        pub reason: Option<String>,
        pub requested_by: Text<UserId>,
        pub decided_at: Option<Timestamp>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
