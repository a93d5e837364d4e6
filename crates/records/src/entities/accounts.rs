//! Logins, keys, replays and the audit.

/// Logins; only hashes of their tokens.
pub mod sessions {
    use chainbill_domain::{
        Timestamp,
        id::{SessionId, UserId},
    };
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<SessionId>,
        pub user_id: Text<UserId>,
        pub token_hash: String,
        pub csrf_hash: Option<String>,
        pub user_agent: Option<String>,
        pub address: Option<String>,
        pub created_at: Timestamp,
        pub expires_at: Timestamp,
        pub last_seen_at: Option<Timestamp>,
        pub revoked_at: Option<Timestamp>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Keys of programs; only their hashes.
pub mod api_keys {
    use chainbill_domain::{Timestamp, id::UserId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: Text<UserId>,
        pub name: String,
        pub prefix: String,
        pub key_hash: String,
        #[sea_orm(column_type = "Text")]
        pub scopes: String,
        pub created_at: Timestamp,
        pub expires_at: Option<Timestamp>,
        pub revoked_at: Option<Timestamp>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Answers of writes, for replays.
pub mod idempotency_keys {
    use chainbill_domain::Timestamp;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub idem_key: String,
        pub fingerprint: String,
        pub status: Option<i64>,
        #[sea_orm(column_type = "Text", nullable)]
        pub answer: Option<String>,
        pub created_at: Timestamp,
        pub expires_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who did what.
pub mod audit_entries {
    use chainbill_domain::{Timestamp, id::UserId};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub at: Timestamp,
        pub actor_id: Option<Text<UserId>>,
        pub action: String,
        pub subject_model: String,
        pub subject_id: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub before_doc: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub after_doc: Option<String>,
        pub request_id: Option<String>,
        pub address: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Keys that all processes share: each is made by the first that needs it.
pub mod shared_keys {
    use chainbill_domain::Timestamp;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shared_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub value: String,
        pub created_at: Timestamp,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
