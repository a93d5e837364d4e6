//! The skill catalogue, and skills of people.

use chainbill_domain::{id::SkillId, states::SkillLevel, text};
use chainbill_records::{
    RecordsError, Text, Unit, each,
    entities::{skills, user_skills},
    retry,
    sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, Page, PageRequest, SkillView, UserView,
    accounts::{locked_user, skills_of},
    idempotency::Begun,
    validate::Check,
};

/// A new entry of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSkill {
    /// Its name; names that differ in case or blanks only are the same.
    pub name: String,
    /// Its field.
    pub category: String,
    /// What it is.
    pub description: Option<String>,
}

/// A skill that a person claims.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUserSkill {
    /// Its name; the catalogue gets an entry when it has none.
    pub name: String,
    /// BEGINNER, INTERMEDIATE, ADVANCED or EXPERT.
    pub level: String,
    /// Years of practice, 0 to 80.
    pub years: i64,
}

/// Most skills of one person.
const MOST_SKILLS: usize = 50;

impl App {
    /// Adds an entry to the catalogue.
    ///
    /// # Errors
    /// [`AppError::Validation`]; a known name is a refused field.
    pub async fn create_skill(&self, context: &Context, new: NewSkill) -> Result<Done<SkillView>, AppError> {
        context.actor()?;
        let mut check = Check::default();
        let name = check.field("/name", text::skill(&new.name));
        let category = check.field("/category", text::name(&new.category, 100));
        let description = text::some(new.description.as_deref()).map(|text| text::free(text, 2000));
        let description = check.optional("/description", description);
        let (name, category) = check.finish(name.zip(category))?;
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "skill.create", &new).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let row = self.skill(&unit, &name, &category, description.clone());
            let row = match unit.insert::<skills::Entity>(row).await {
                Err(RecordsError::Duplicate(_)) => return Err(AppError::field("/name", "is in the catalogue already")),
                row => row?,
            };
            let view = SkillView::from(row);
            self.audit(&mut unit, context, "skill.create", ("skills", view.id.clone()), (None, Some(&view))).await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    fn skill(&self, unit: &Unit, name: &str, category: &str, description: Option<String>) -> skills::Model {
        skills::Model {
            id: Text(self.new_id()),
            version: 0,
            name: name.to_owned(),
            name_key: text::name_key(name),
            category: category.to_owned(),
            description,
            verified: false,
            created_at: unit.now(),
            updated_at: unit.now(),
        }
    }

    /// The catalogue.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`].
    pub async fn skills(&self, context: &Context, page: &PageRequest) -> Result<Page<SkillView>, AppError> {
        context.actor()?;
        let (limit, after) = (page.limit()?, page.after("skills")?);
        let mut query = skills::Entity::find().order_by_desc(skills::Column::Id).limit(u64::from(limit) + 1);
        if let Some(after) = after {
            query = query.filter(skills::Column::Id.lt(after));
        }
        let rows = each(self.records.db(), query, skills::Column::Id).await?;
        Ok(Page::of_readable("skills", rows, limit, |row| row.id.to_string(), |row| Ok(SkillView::from(row))))
    }

    /// One entry of the catalogue.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn skill_view(&self, context: &Context, id: &str) -> Result<SkillView, AppError> {
        context.actor()?;
        let id: SkillId = id.parse().map_err(|_| AppError::NotFound("skill"))?;
        let row = skills::Entity::find_by_id(Text(id)).one(self.records.db()).await?;
        row.map(SkillView::from).ok_or(AppError::NotFound("skill"))
    }

    /// The catalogue's entries of these names, made where they are missing.
    pub(crate) async fn skills_named(&self, unit: &mut Unit, names: &[String]) -> Result<Vec<skills::Model>, AppError> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let key = text::name_key(name);
            let known = skills::Entity::find().filter(skills::Column::NameKey.eq(key)).one(unit.db()).await?;
            found.push(match known {
                Some(row) => row,
                None => {
                    let row = self.skill(unit, name, "Other", None);
                    match unit.insert::<skills::Entity>(row).await {
                        // Somebody else named it first at this moment: the whole unit runs again and finds that entry.
                        Err(RecordsError::Duplicate(text)) => {
                            return Err(RecordsError::Again(DbErr::Custom(text)).into());
                        }
                        row => row?,
                    }
                }
            });
        }
        Ok(found)
    }

    /// Adds a skill to a person, or changes level and years of one that is there.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others.
    pub async fn put_user_skill(
        &self,
        context: &Context,
        user_id: &str,
        new: NewUserSkill,
    ) -> Result<Done<UserView>, AppError> {
        let id = self.own_or_admin(context, user_id)?;
        let mut check = Check::default();
        let name = check.field("/name", text::skill(&new.name));
        let level = check.field("/level", new.level.parse::<SkillLevel>());
        check.refuse_unless((0..=80).contains(&new.years), "/years", "0 to 80 are accepted");
        let (name, level) = check.finish(name.zip(level))?;
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "user-skill.put", &(id, &new)).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let user = locked_user(&unit, id).await?;
            context.expects(user.version)?;
            let skill = self.skills_named(&mut unit, std::slice::from_ref(&name)).await?.remove(0);
            let mut skills = skills_of(unit.db(), id).await?;
            let row = user_skills::Model {
                user_id: Text(id),
                position: i64::try_from(skills.len()).unwrap_or(i64::MAX),
                skill_id: skill.id,
                name: skill.name,
                level: Text(level),
                years: new.years,
            };
            if let Some(known) = skills.iter_mut().find(|known| known.skill_id == row.skill_id) {
                *known = user_skills::Model { position: known.position, ..row };
            } else if skills.len() < MOST_SKILLS {
                skills.push(row);
            } else {
                return Err(AppError::field("/name", format!("would be one more than {MOST_SKILLS} skills")));
            }
            let row = unit.update_with::<user_skills::Entity>(&user, user.clone(), skills.clone()).await?;
            let view = UserView::of(row, skills, true);
            self.audit(&mut unit, context, "user-skill.put", ("users", view.id.clone()), (None, Some(&view))).await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    /// Takes a skill from a person.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others, and when the person has it not.
    pub async fn remove_user_skill(
        &self,
        context: &Context,
        user_id: &str,
        skill_id: &str,
    ) -> Result<Done<UserView>, AppError> {
        let id = self.own_or_admin(context, user_id)?;
        let skill: SkillId = skill_id.parse().map_err(|_| AppError::NotFound("skill"))?;
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let user = locked_user(&unit, id).await?;
            context.expects(user.version)?;
            let mut skills = skills_of(unit.db(), id).await?;
            let before = skills.len();
            skills.retain(|known| known.skill_id.0 != skill);
            if skills.len() == before {
                return Err(AppError::NotFound("skill"));
            }
            for (position, skill) in skills.iter_mut().enumerate() {
                skill.position = i64::try_from(position).unwrap_or(i64::MAX);
            }
            let row = unit.update_with::<user_skills::Entity>(&user, user.clone(), skills.clone()).await?;
            let view = UserView::of(row, skills, true);
            self.audit(&mut unit, context, "user-skill.remove", ("users", view.id.clone()), (None, Some(&view)))
                .await?;
            self.finish(unit, &Context::default(), view).await
        })
        .await
    }
}
