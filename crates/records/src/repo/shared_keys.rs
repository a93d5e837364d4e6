//! Keys that all processes share: each is made by the first that needs it.

use sea_orm::EntityTrait as _;

use crate::{
    Records, RecordsError,
    entities::shared_keys::{Entity, Model},
};

/// The key of this name. Where there is none yet, this value becomes it, unless another process is faster.
///
/// # Errors
/// When the primary does not answer.
pub async fn find_or_add(
    records: &Records,
    name: &str,
    value: impl FnOnce() -> String,
) -> Result<String, RecordsError> {
    let known = || Entity::find_by_id(name).one(records);
    if let Some(known) = known().await? {
        return Ok(known.value);
    }
    let value = value();
    let mut unit = records.begin().await?;
    let row = Model { name: name.to_owned(), value: value.clone(), created_at: unit.now() };
    match unit.add::<Entity>(row).await {
        Ok(()) => {
            unit.commit().await?;
            Ok(value)
        }
        Err(RecordsError::Duplicate(_)) => {
            unit.rollback().await?;
            let gone = || RecordsError::Corrupt(format!("the shared key {name} came and went"));
            known().await?.map(|known| known.value).ok_or_else(gone)
        }
        Err(error) => Err(error),
    }
}
