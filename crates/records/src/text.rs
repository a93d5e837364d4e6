//! Typed values in text columns: ids, roles, states, currencies.

use std::{
    fmt::{self, Debug, Display},
    ops::Deref,
    str::FromStr,
    sync::Arc,
};

use sea_orm::{
    ColIdx, DbErr, IntoActiveValue, QueryResult, TryFromU64, TryGetError, TryGetable,
    sea_query::{ArrayType, ColumnType, Nullable, StringLen, Value, ValueType, ValueTypeErr},
};

use crate::unreadable::Unknown;

/// A `T` that is stored as its text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<T>(pub T);

/// What a type needs to stand in a text column.
pub trait Textual: FromStr + Display + Debug + Clone + PartialEq + Send + Sync + 'static {}
impl<T: FromStr + Display + Debug + Clone + PartialEq + Send + Sync + 'static> Textual for T {}

impl<T> Deref for Text<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Debug> Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Textual> From<Text<T>> for Value {
    fn from(text: Text<T>) -> Self {
        Value::from(text.0.to_string())
    }
}

impl<T: Textual> TryGetable for Text<T> {
    fn try_get_by<I: ColIdx>(result: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let text = String::try_get_by(result, index)?;
        parse(&text).map_err(|()| {
            let column = index.as_str().unwrap_or("").to_owned();
            let kind = std::any::type_name::<T>();
            let source = Arc::new(Unknown { column, text, kind });
            TryGetError::DbErr(DbErr::TryIntoErr { from: "text", into: kind, source })
        })
    }
}

impl<T: Textual> ValueType for Text<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let text = <String as ValueType>::try_from(value)?;
        parse(&text).map_err(|()| ValueTypeErr)
    }

    fn type_name() -> String {
        "Text".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::String(StringLen::None)
    }
}

impl<T: Textual> Nullable for Text<T> {
    fn null() -> Value {
        <String as Nullable>::null()
    }
}

impl<T: Textual> IntoActiveValue<Text<T>> for Text<T> {
    fn into_active_value(self) -> sea_orm::ActiveValue<Self> {
        sea_orm::ActiveValue::Set(self)
    }
}

impl<T: Textual> TryFromU64 for Text<T> {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("Text"))
    }
}

fn parse<T: Textual>(text: &str) -> Result<Text<T>, ()> {
    text.parse().map(Text).map_err(|_| ())
}
