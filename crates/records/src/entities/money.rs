//! Payments, what they are for, and what became of them.

/// Money of a client for a freelancer.
pub mod payments {
    use chainbill_domain::{
        Timestamp,
        id::{PaymentId, UserId},
        money::Currency,
        states::{PaymentChannel, PaymentMethod, PaymentState},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<PaymentId>,
        pub payer_id: Text<UserId>,
        pub receiver_id: Text<UserId>,
        pub channel: Option<Text<PaymentChannel>>,
        pub state: Text<PaymentState>,
        pub external_ref: String,
        pub method: Text<PaymentMethod>,
        pub amount_minor: i64,
        pub currency: Text<Currency>,
        pub received_at: Timestamp,
        pub recorded_by: Option<Text<UserId>>,
        pub decided_by: Option<Text<UserId>>,
        pub decided_at: Option<Timestamp>,
        pub reason: Option<String>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a payment is for: a part of an invoice each.
pub mod payment_allocations {
    use chainbill_domain::id::{InvoiceId, PaymentId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_allocations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub payment_id: Text<PaymentId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub invoice_id: Text<InvoiceId>,
        pub amount_minor: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// References in use: one external event makes one payment. The scope is the payer while a payment is announced, and its
/// channel from then on.
pub mod payment_references {
    use chainbill_domain::id::{PaymentId, UserId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_references")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub receiver_id: Text<UserId>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub scope: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub external_ref: String,
        pub payment_id: Text<PaymentId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Counter-records of payments.
pub mod payment_reversals {
    use chainbill_domain::{
        Timestamp,
        id::{PaymentId, UserId},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_reversals")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub payment_id: Text<PaymentId>,
        pub reason: String,
        pub reversed_by: Option<Text<UserId>>,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Visits of clients at a payment provider.
pub mod checkouts {
    use chainbill_domain::{
        Timestamp,
        id::{CheckoutId, InvoiceId, PaymentId, UserId},
        money::Currency,
        states::CheckoutStatus,
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "checkouts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<CheckoutId>,
        pub invoice_id: Text<InvoiceId>,
        pub invoice_number: String,
        pub client_id: Text<UserId>,
        pub freelancer_id: Text<UserId>,
        pub currency: Text<Currency>,
        pub amount_minor: i64,
        pub status: Text<CheckoutStatus>,
        pub provider_id: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub url: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub success_url: String,
        #[sea_orm(column_type = "Text")]
        pub cancel_url: String,
        pub payment_id: Option<Text<PaymentId>>,
        pub expires_at: Timestamp,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Events that a payment provider has reported: each is acted on once.
pub mod provider_events {
    use chainbill_domain::Timestamp;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "provider_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub kind: String,
        pub result: String,
        pub received_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
