//! Verification of skills: a user submits evidence, an operator decides.

use chainbill_domain::{
    id::{SkillId, SkillVerificationId, UserId},
    skill::{Evidence, Verification},
    states::{Role, VerificationStatus},
    text,
    transition::Transition,
};
use chainbill_records::repo::verifications::{self, List};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, Page, PageRequest, Reason, VerificationView,
    accounts::locked_user,
    command::{Command, Outcome},
    validate::Check,
};

/// Evidence of a skill: links, a text, or both.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewVerification {
    /// Addresses of work, certificates, profiles: at most ten, https or http.
    #[serde(default)]
    pub links: Vec<String>,
    /// In words, at most 5000 characters.
    pub text: Option<String>,
}

/// Which verifications.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerificationFilter {
    /// Only in this state.
    pub status: Option<String>,
    /// Only of this user.
    pub user_id: Option<String>,
    /// Only of this skill.
    pub skill_id: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const MOST_LINKS: usize = 10;
const OPERATORS: &str = "only operators verify skills";

impl NewVerification {
    fn checked(&self) -> Result<Evidence, AppError> {
        let mut check = Check::default();
        check.refuse_unless(self.links.len() <= MOST_LINKS, "/links", "at most 10 are accepted");
        let is_address = |link: &String| {
            let plain = link.len() <= 2000 && link.bytes().all(|byte| byte.is_ascii_graphic());
            let host = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
            plain && host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric()))
        };
        for (place, _) in self.links.iter().enumerate().filter(|(_, link)| !is_address(link)) {
            check.refuse(
                format!("/links/{place}"),
                "is not accepted: an https or http address of at most 2,000 characters is",
            );
        }
        let text = text::some(self.text.as_deref()).map(|text| text::free(text, 5_000));
        let text = check.optional("/text", text).filter(|text| !text.is_empty());
        check.refuse_unless(!self.links.is_empty() || text.is_some(), "", "links or a text are needed");
        check.finish(Some(Evidence { links: self.links.clone(), text }))
    }
}

impl App {
    /// Submits evidence of one's own skill, at the level that one claims.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others, and for a skill that one does not have; [`AppError::Conflict`] while evidence waits.
    pub async fn submit_verification(
        &self,
        context: &Context,
        user_id: &str,
        skill_id: &str,
        new: NewVerification,
    ) -> Result<Done<VerificationView>, AppError> {
        let user = self.own_or_admin(context, user_id)?;
        let skill: SkillId = skill_id.parse().map_err(|_| AppError::NotFound("skill"))?;
        if context.actor()?.user_id != user {
            return Err(AppError::Forbidden("only the user submits evidence of a skill"));
        }
        let evidence = &new.checked()?;
        self.command(context, "skill.submit", &(user, skill, &new), |mut command| async move {
            locked_user(&command.unit, user).await?;
            let known = command.locked_skills(user).await?.into_iter().find(|known| known.skill_id == skill);
            let level = known.ok_or(AppError::NotFound("skill"))?.level;
            if let Some(waits) = verifications::lock_pending(&command.unit, user, skill).await? {
                let current = VerificationStatus::Pending.word().to_owned();
                let detail = format!("evidence of the skill waits for an operator: {waits}");
                return Err(AppError::Conflict { current, allowed: Vec::new(), detail });
            }
            let now = command.unit.now();
            let new = Verification {
                id: command.app.new_id(),
                version: 0,
                user_id: user,
                skill_id: skill,
                level,
                evidence: evidence.clone(),
                status: VerificationStatus::Pending,
                reason: None,
                decided_by: None,
                decided_at: None,
                created_at: now,
                updated_at: now,
            };
            let saved = verifications::insert(&mut command.unit, new).await?;
            command.created(VerificationView::of(saved)).await
        })
        .await
    }

    /// Verifications: one's own, all for operators, newest first.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn verifications(
        &self,
        context: &Context,
        filter: &VerificationFilter,
    ) -> Result<Page<VerificationView>, AppError> {
        let viewer = context.actor()?.viewer();
        let page = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let list = format!("verifications?{:?}", (&filter.status, &filter.user_id, &filter.skill_id));
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let mut check = Check::default();
        let status = check.optional("/status", filter.status.as_deref().map(str::parse::<VerificationStatus>));
        let user = check.optional("/userId", filter.user_id.as_deref().map(str::parse::<UserId>));
        let skill = check.optional("/skillId", filter.skill_id.as_deref().map(str::parse::<SkillId>));
        check.finish(Some(()))?;
        let user = match viewer.role {
            Role::Admin => user,
            // Another user's are not there.
            Role::Client | Role::Freelancer if user.is_some_and(|user| user != viewer.user_id) => {
                return Ok(Page::of(&list, Vec::new(), limit, VerificationView::key, |view| view));
            }
            Role::Client | Role::Freelancer => Some(viewer.user_id),
        };
        let which = List { user, skill, status, after: after.as_deref(), limit: u64::from(limit) + 1 };
        let rows = verifications::list(&self.records, which).await?;
        Ok(Page::of_readable(&list, rows, limit, |row| row.id.to_string(), |row| Ok(VerificationView::of(row))))
    }

    /// One verification.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its user and operators.
    pub async fn verification(&self, context: &Context, id: &str) -> Result<VerificationView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: SkillVerificationId = id.parse().map_err(|_| AppError::NotFound("verification"))?;
        let found = verifications::find(&self.records, id).await?.filter(|it| viewer.sees_private(it.user_id));
        found.map(VerificationView::of).ok_or(AppError::NotFound("verification"))
    }

    /// Accepts evidence (operators): the user's skill is verified at its level.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided, or the user does not have the skill any more.
    pub async fn verify_skill(&self, context: &Context, id: &str) -> Result<Done<VerificationView>, AppError> {
        self.command(context, "skill.verify", &id, |mut command| async move {
            let pending = command.decided_verification(id).await?;
            let (operator, now) = (command.actor()?, command.unit.now());
            let change = pending.verify(operator, now)?;
            let (user, verified) = (change.next.user_id, &change.next);
            let row = locked_user(&command.unit, user).await?;
            let mut skills = command.locked_skills(user).await?;
            let Some(skill) = skills.iter_mut().find(|skill| skill.skill_id == verified.skill_id) else {
                let (current, detail) = ("REMOVED".to_owned(), "the user does not have the skill any more".to_owned());
                return Err(AppError::Conflict { current, allowed: vec!["reject".to_owned()], detail });
            };
            skill.verified_level = skill.verified_level.max(Some(verified.level));
            command.save_skills(&row, skills).await?;
            command.decide(change).await
        })
        .await
    }

    /// Refuses evidence, with a reason (operators).
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided.
    pub async fn reject_skill(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<VerificationView>, AppError> {
        let said = text::line(&reason.reason, 1000).map_err(|error| AppError::field("/reason", error))?;
        let said = &said;
        self.command(context, "skill.reject", &(id, &reason), |command| async move {
            let pending = command.decided_verification(id).await?;
            let (operator, now) = (command.actor()?, command.unit.now());
            command.decide(pending.reject(operator, said.clone(), now)?).await
        })
        .await
    }
}

impl<'a> Command<'a> {
    /// A verification under lock, for an operator who knows its version.
    async fn decided_verification(&self, id: &str) -> Result<Verification, AppError> {
        let viewer = self.context.actor()?.viewer();
        let id: SkillVerificationId = id.parse().map_err(|_| AppError::NotFound("verification"))?;
        let found = verifications::lock(&self.unit, id).await?.filter(|it| viewer.sees_private(it.user_id));
        let found = found.ok_or(AppError::NotFound("verification"))?;
        if viewer.role != Role::Admin {
            return Err(AppError::Forbidden(OPERATORS));
        }
        self.context.expects(found.version)?;
        Ok(found)
    }

    async fn decide(mut self, change: Transition<Verification>) -> Result<Outcome<'a, VerificationView>, AppError> {
        let saved = verifications::update(&mut self.unit, &change.before, change.next).await?;
        self.changed(Some(VerificationView::of(change.before)), VerificationView::of(saved)).await
    }
}
