//! The skill catalogue, and skills of users.

use chainbill_domain::{id::SkillId, states::SkillLevel, text};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{skills as table, user_skills, users::Model as UserRow},
    repo::{skills, users},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, Page, PageRequest, SkillView, UserView,
    accounts::locked_user,
    command::{Command, Outcome},
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
            let row = self.skill(&command.unit, name, category, description.clone());
            match command.unit.insert::<table::Entity>(row).await {
                Err(RecordsError::Duplicate(_)) => Err(AppError::field("/name", "is in the catalogue already")),
                row => command.created(SkillView::from(row?)).await,
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
    pub async fn skills(&self, context: &Context, page: &PageRequest) -> Result<Page<SkillView>, AppError> {
        context.actor()?;
        let (limit, after) = (page.limit()?, page.after("skills")?);
        let rows = skills::page(&self.records, after.as_deref(), u64::from(limit) + 1).await?;
        Ok(Page::of_readable("skills", rows, limit, |row| row.id.to_string(), |row| Ok(SkillView::from(row))))
    }

    /// One entry of the catalogue.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn skill_view(&self, context: &Context, id: &str) -> Result<SkillView, AppError> {
        context.actor()?;
        let id: SkillId = id.parse().map_err(|_| AppError::NotFound("skill"))?;
        let row = skills::find(&self.records, id).await?;
        row.map(SkillView::from).ok_or(AppError::NotFound("skill"))
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
            let mut skills = users::skills(&command.unit, id).await?;
            let row = user_skills::Model {
                user_id: Text(id),
                position: i64::try_from(skills.len()).unwrap_or(i64::MAX),
                skill_id: skill.id,
                name: skill.name,
                level: Text(level),
                years,
            };
            if let Some(known) = skills.iter_mut().find(|known| known.skill_id == row.skill_id) {
                *known = user_skills::Model { position: known.position, ..row };
            } else if skills.len() < MOST_SKILLS {
                skills.push(row);
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
            let mut skills = users::skills(&command.unit, id).await?;
            let before = skills.len();
            skills.retain(|known| known.skill_id.0 != skill);
            if skills.len() == before {
                return Err(AppError::NotFound("skill"));
            }
            for (position, skill) in skills.iter_mut().enumerate() {
                skill.position = i64::try_from(position).unwrap_or(i64::MAX);
            }
            command.change_skills(user, skills).await
        })
        .await
    }
}

impl<'a> Command<'a> {
    /// The catalogue's entries of these names, added where they are missing.
    pub async fn skills_named(&mut self, names: &[String]) -> Result<Vec<table::Model>, AppError> {
        let app = self.app;
        let new = |unit: &Unit, name: &str| app.skill(unit, name, "Other", None);
        Ok(skills::named(&mut self.unit, names, new).await?)
    }

    async fn change_skills(
        mut self,
        user: UserRow,
        skills: Vec<user_skills::Model>,
    ) -> Result<Outcome<'a, UserView>, AppError> {
        let row = self.unit.update_with::<user_skills::Entity>(&user, user.clone(), skills.clone()).await?;
        self.changed(None, UserView::of(row, skills, true)).await
    }
}
