//! The skill catalogue, and skills of users.

use chainbill_domain::{
    id::{SkillId, UserId},
    skill::UserSkill,
    states::{Role, SkillLevel},
    text,
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{skills as table, user_skills, users::Model as UserRow},
    repo::{
        skills::{self, List, WithAliases},
        users, verifications,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, CategoryView, Context, Done, MergedSkillView, Page, PageRequest, SkillView, UserView,
    accounts::locked_user,
    command::{Command, Outcome},
    context::{Expected, OK, expect_version},
    validate::{Check, given, present},
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

/// A skill that a user claims.
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

/// What changes in an entry of the catalogue; what is absent stays, a null description is emptied.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchSkill {
    /// Its name. The one that it had stays another name of it.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Its field.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub category: Option<String>,
    /// What it is.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Whether an operator looked at it.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub verified: Option<bool>,
}

/// Which entry another one becomes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MergeSkill {
    /// The id of the entry that stays.
    pub into: String,
}

/// Which entries of the catalogue.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SkillFilter {
    /// Only of this category.
    pub category: Option<String>,
    /// Only those that an operator looked at, or did not look at.
    pub verified: Option<bool>,
    /// Only the one with this name, or with this other name.
    pub name: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Most skills of one user.
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
        let (name, category, description) = (&name, &category, &description);
        self.command(context, "skill.create", &new, |mut command| async move {
            refuse_alias(&command, name).await?;
            let row = self.skill(&command.unit, name, category, description.clone());
            match command.unit.insert::<table::Entity>(row).await {
                Err(RecordsError::Duplicate(_)) => Err(AppError::field("/name", TAKEN)),
                row => command.created(SkillView::of((row?, Vec::new()))).await,
            }
        })
        .await
    }

    fn skill(&self, unit: &Unit, name: &str, category: &str, description: Option<String>) -> table::Model {
        table::Model {
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
    pub async fn skills(&self, context: &Context, filter: &SkillFilter) -> Result<Page<SkillView>, AppError> {
        context.actor()?;
        let page = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let list = format!("skills?{:?}", (&filter.category, filter.verified, &filter.name));
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let category = filter.category.as_deref();
        let rows = match &filter.name {
            Some(name) => {
                let name = text::skill(name).map_err(|error| AppError::field("/name", error))?;
                let fits = |(row, _): &WithAliases| {
                    let is_after = after.as_ref().is_none_or(|after| row.id.to_string() < *after);
                    is_after
                        && category.is_none_or(|category| row.category == category)
                        && filter.verified.is_none_or(|verified| row.verified == verified)
                };
                skills::of_name(&self.records, &name).await?.filter(fits).map(Ok).into_iter().collect()
            }
            None => {
                let (verified, limit) = (filter.verified, u64::from(limit) + 1);
                skills::page(&self.records, List { category, verified, after: after.as_deref(), limit }).await?
            }
        };
        Ok(Page::of_readable(&list, rows, limit, |(row, _)| row.id.to_string(), |row| Ok(SkillView::of(row))))
    }

    /// The categories of the catalogue with the number of their entries.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`].
    pub async fn skill_categories(&self, context: &Context) -> Result<Vec<CategoryView>, AppError> {
        context.actor()?;
        let rows = skills::categories(&self.records).await?;
        Ok(rows.into_iter().map(|(category, skills)| CategoryView { category, skills }).collect())
    }

    /// Changes an entry of the catalogue (operators), and its name at all who have it.
    ///
    /// # Errors
    /// [`AppError::Stale`] when it has changed; a known name is a refused field.
    pub async fn patch_skill(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchSkill,
    ) -> Result<Done<SkillView>, AppError> {
        context.actor_as(Role::Admin, OPERATORS)?;
        let id: SkillId = id.parse().map_err(|_| AppError::NotFound("skill"))?;
        let mut check = Check::default();
        let name = check.optional("/name", patch.name.as_deref().map(text::skill));
        let category = check.optional("/category", patch.category.as_deref().map(|text| text::name(text, 100)));
        let description = patch.description.as_ref().map(|text| {
            let text = text::some(text.as_deref()).map(|text| text::free(text, 2000));
            check.optional("/description", text)
        });
        check.finish(Some(()))?;
        let change = |before: &table::Model| {
            let mut after = before.clone();
            if let Some(name) = &name {
                (after.name, after.name_key) = (name.clone(), text::name_key(name));
            }
            if let Some(category) = &category {
                after.category.clone_from(category);
            }
            if let Some(description) = &description {
                after.description.clone_from(description);
            }
            after.verified = patch.verified.unwrap_or(after.verified);
            after
        };
        let change = &change;
        self.change(context, "skill.patch", |mut command| async move {
            let before = skills::lock(&command.unit, id).await?.ok_or(AppError::NotFound("skill"))?;
            expect_version(expected, before.0.version)?;
            let after = change(&before.0);
            let old = SkillView::of(before.clone());
            if after == before.0 {
                return Ok(command.unchanged(old));
            }
            if after.name_key != before.0.name_key && !before.1.iter().any(|alias| alias.name_key == after.name_key) {
                refuse_alias(&command, &after.name).await?;
            }
            let (is_renamed, name) = (after.name != before.0.name, after.name.clone());
            let saved = match skills::update(&mut command.unit, before, after).await {
                Err(RecordsError::Duplicate(_)) => return Err(AppError::field("/name", TAKEN)),
                saved => saved?,
            };
            if is_renamed {
                skills::move_holders(&mut command.unit, id, (id, &name)).await?;
            }
            command.changed(Some(old), SkillView::of(saved)).await
        })
        .await
    }

    /// Makes an entry of the catalogue another one (operators): users, projects and evidence go with it, and its names stay other
    /// names of the one that it became.
    ///
    /// # Errors
    /// [`AppError::Stale`] when it has changed.
    pub async fn merge_skill(
        &self,
        context: &Context,
        id: &str,
        merge: MergeSkill,
    ) -> Result<Done<MergedSkillView>, AppError> {
        context.actor_as(Role::Admin, OPERATORS)?;
        let id: SkillId = id.parse().map_err(|_| AppError::NotFound("skill"))?;
        let into: SkillId = merge.into.parse().map_err(|error| AppError::field("/into", error))?;
        if into == id {
            return Err(AppError::field("/into", "is the same skill"));
        }
        self.command(context, "skill.merge", &(id, &merge), |mut command| async move {
            // In the order of their ids, as everyone locks several.
            let (first, second) = (id.min(into), id.max(into));
            let first = skills::lock(&command.unit, first).await?;
            let second = skills::lock(&command.unit, second).await?;
            let (from, kept) = if id < into { (first, second) } else { (second, first) };
            let from = from.ok_or(AppError::NotFound("skill"))?;
            let kept = kept.ok_or_else(|| AppError::field("/into", "is no skill of the catalogue"))?;
            command.context.expects(from.0.version)?;
            let (old, name) = (SkillView::of(from.clone()), kept.0.name.clone());
            let moved = skills::move_holders(&mut command.unit, id, (into, &name)).await?;
            verifications::move_all(&mut command.unit, id, into).await?;
            let saved = skills::merge(&mut command.unit, from, kept).await?;
            let view = MergedSkillView { skill: SkillView::of(saved), users: moved.users, projects: moved.projects };
            command.note_about(("skills", id.to_string()), (Some(&old), Some(&view.skill))).await?;
            Ok(command.answer(OK, view))
        })
        .await
    }

    /// One entry of the catalogue.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn skill_view(&self, context: &Context, id: &str) -> Result<SkillView, AppError> {
        context.actor()?;
        let id: SkillId = id.parse().map_err(|_| AppError::NotFound("skill"))?;
        let row = skills::find(&self.records, id).await?;
        row.map(SkillView::of).ok_or(AppError::NotFound("skill"))
    }

    /// Adds a skill to a user, or changes level and years of one that is there.
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
        let (name, years) = (std::slice::from_ref(&name), new.years);
        self.command(context, "user-skill.put", &(id, &new), |mut command| async move {
            let user = locked_user(&command.unit, id).await?;
            context.expects(user.version)?;
            let skill = command.skills_named(name).await?.remove(0);
            let mut skills = command.locked_skills(id).await?;
            if let Some(known) = skills.iter_mut().find(|known| known.skill_id == skill.id.0) {
                (known.level, known.years) = (level, years);
            } else if skills.len() < MOST_SKILLS {
                let Text(skill_id) = skill.id;
                skills.push(UserSkill { skill_id, name: skill.name, level, years, verified_level: None });
            } else {
                return Err(AppError::field("/name", format!("would be one more than {MOST_SKILLS} skills")));
            }
            command.change_skills(user, skills).await
        })
        .await
    }

    /// Takes a skill from a user.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others, and when the user does not have it.
    pub async fn remove_user_skill(
        &self,
        context: &Context,
        user_id: &str,
        skill_id: &str,
    ) -> Result<Done<UserView>, AppError> {
        let id = self.own_or_admin(context, user_id)?;
        let skill: SkillId = skill_id.parse().map_err(|_| AppError::NotFound("skill"))?;
        self.change(context, "user-skill.remove", |command| async move {
            let user = locked_user(&command.unit, id).await?;
            context.expects(user.version)?;
            let mut skills = command.locked_skills(id).await?;
            let before = skills.len();
            skills.retain(|known| known.skill_id != skill);
            if skills.len() == before {
                return Err(AppError::NotFound("skill"));
            }
            command.change_skills(user, skills).await
        })
        .await
    }
}

const OPERATORS: &str = "only operators change the catalogue";
const TAKEN: &str = "is in the catalogue already";

/// A name that is another name of an entry is no new one.
async fn refuse_alias(command: &Command<'_>, name: &str) -> Result<(), AppError> {
    match skills::lock_alias(&command.unit, name).await? {
        Some(skill) => Err(AppError::field("/name", format!("is another name of the skill {skill}"))),
        None => Ok(()),
    }
}

impl<'a> Command<'a> {
    /// The catalogue's entries of these names, added where they are missing.
    pub async fn skills_named(&mut self, names: &[String]) -> Result<Vec<table::Model>, AppError> {
        let app = self.app;
        let new = |unit: &Unit, name: &str| app.skill(unit, name, "Other", None);
        Ok(skills::named(&mut self.unit, names, new).await?)
    }

    /// The skills of a user who is under lock.
    pub async fn locked_skills(&self, user: UserId) -> Result<Vec<UserSkill>, AppError> {
        Ok(users::lock_skills(&self.unit, user).await?.into_iter().map(users::user_skill).collect())
    }

    /// Saves the skills of a user who is under lock.
    pub async fn save_skills(&mut self, user: &UserRow, skills: Vec<UserSkill>) -> Result<UserView, AppError> {
        let rows = users::skill_rows(user.id.0, skills);
        let row = self.unit.update_with::<user_skills::Entity>(user, user.clone(), rows.clone()).await?;
        Ok(UserView::of(row, rows, true))
    }

    async fn change_skills(mut self, user: UserRow, skills: Vec<UserSkill>) -> Result<Outcome<'a, UserView>, AppError> {
        let view = self.save_skills(&user, skills).await?;
        self.changed(None, view).await
    }
}
