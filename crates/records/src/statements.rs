//! The ORM's way to the primary, for queries of this crate: outside of a transaction through [`Records`], and inside through
//! [`Unit`]. The trait cannot be named where the ORM is no dependency (`deny.toml` says where it may be), so use cases read
//! through [`crate::repo`] and save through [`Unit`] only.

use std::pin::Pin;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use crate::{Records, Unit};

type Answered<'a, T> = Pin<Box<dyn Future<Output = Result<T, DbErr>> + Send + 'a>>;

/// Passes statements on as they are: a second boxed future for each of them would be one more allocation.
macro_rules! through {
    ($($kind:ident: $field:ident;)*) => {$(
        impl ConnectionTrait for $kind {
            fn get_database_backend(&self) -> DbBackend {
                self.$field().get_database_backend()
            }

            fn execute_raw<'s, 'a>(&'s self, statement: Statement) -> Answered<'a, ExecResult>
            where
                's: 'a,
                Self: 'a,
            {
                self.$field().execute_raw(statement)
            }

            fn execute_unprepared<'s, 't, 'a>(&'s self, sql: &'t str) -> Answered<'a, ExecResult>
            where
                's: 'a,
                't: 'a,
                Self: 'a,
            {
                self.$field().execute_unprepared(sql)
            }

            fn query_one_raw<'s, 'a>(&'s self, statement: Statement) -> Answered<'a, Option<QueryResult>>
            where
                's: 'a,
                Self: 'a,
            {
                self.$field().query_one_raw(statement)
            }

            fn query_all_raw<'s, 'a>(&'s self, statement: Statement) -> Answered<'a, Vec<QueryResult>>
            where
                's: 'a,
                Self: 'a,
            {
                self.$field().query_all_raw(statement)
            }
        }
    )*};
}

through! {
    Records: db;
    Unit: db;
}
