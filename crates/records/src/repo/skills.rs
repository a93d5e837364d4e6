//! The skill catalogue.

use chainbill_domain::{id::SkillId, text};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::{
    OddRow, RecordsError, Text, Unit, each,
    entities::skills::{Column, Entity, Model},
};

/// An entry of the catalogue.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: SkillId) -> Result<Option<Model>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?)
}

/// The catalogue, newest first, after the id of an earlier page.
///
/// # Errors
/// When the primary does not answer.
pub async fn page(
    db: &impl ConnectionTrait,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Result<Model, OddRow>>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    each(db, query, Column::Id).await
}

/// The keys of all names in the catalogue, with the stored ids of their entries.
///
/// # Errors
/// When the primary does not answer.
pub async fn keys(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, RecordsError> {
    Ok(Entity::find().select_only().columns([Column::NameKey, Column::Id]).into_tuple().all(db).await?)
}

/// The entries of these names. One that is missing is added as `new` makes it.
///
/// # Errors
/// [`RecordsError::Raced`] when another unit adds one of them at this moment.
pub async fn named(
    unit: &mut Unit,
    names: &[String],
    new: impl Fn(&Unit, &str) -> Model,
) -> Result<Vec<Model>, RecordsError> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let known = Entity::find().filter(Column::NameKey.eq(text::name_key(name))).one(&*unit).await?;
        found.push(match known {
            Some(row) => row,
            None => {
                let row = new(unit, name);
                unit.insert::<Entity>(row).await.map_err(RecordsError::raced)?
            }
        });
    }
    Ok(found)
}
