//! Accounts: registration, profiles, operators.

use chainbill_domain::{
    event::EventData,
    id::UserId,
    states::{Role, UserStatus},
    text,
    zone::Zone,
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::users as table,
    repo::{
        accounts::{self, Account},
        users,
    },
    retry,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, MoneyView, Page, PageRequest, Secret, UserView,
    context::{Expected, expect_version},
    password_rules,
    validate::{Check, given, present},
};

/// A new account.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// An e-mail address.
    pub email: String,
    /// 10 to 128 characters.
    #[schema(value_type = String)]
    pub password: Secret,
    /// The user's name.
    pub name: String,
    /// CLIENT or FREELANCER.
    pub role: String,
}

/// What changes in a profile; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchProfile {
    /// The user's name.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// One line on what the user does.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub title: Option<Option<String>>,
    /// More on it.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub bio: Option<Option<String>>,
    /// Where.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub location: Option<Option<String>>,
    /// For how much.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub hourly_rate: Option<Option<MoneyView>>,
    /// The IANA time zone that days, what is overdue and the years of numbers of one's invoices follow; UTC when null.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Option<String>>,
    /// Whether the user takes work.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub available: Option<bool>,
}

/// The result of making an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminOutcome {
    /// There is a new one.
    Created(UserId),
    /// There was one already.
    Exists,
}

struct NewAccount {
    email: String,
    name: String,
    role: Role,
    password_hash: String,
}

impl App {
    /// Makes an account.
    ///
    /// # Errors
    /// [`AppError::Validation`]; a taken address is a refused field.
    pub async fn register(&self, context: &Context, new: Registration) -> Result<Done<UserView>, AppError> {
        let mut check = Check::default();
        let email = check.field("/email", text::email(&new.email));
        let name = check.field("/name", text::name(&new.name, 200));
        password_rules::check(&mut check, &new.password, &[&new.email, &new.name]);
        let role = match new.role.parse() {
            Ok(role @ (Role::Client | Role::Freelancer)) => Some(role),
            _ => {
                check.refuse("/role", "is not accepted: CLIENT or FREELANCER is");
                None
            }
        };
        let (email, name, role) =
            check.finish(email.zip(name).zip(role).map(|((email, name), role)| (email, name, role)))?;
        // The password stays out of what the key stands for: a fast digest of it must not lie about.
        let fingerprint = (email.clone(), name.clone(), role);
        let password = password_rules::prepared(&new.password);
        let passwords = self.passwords.asked_by(context);
        let password_hash = passwords.hash(password, self.records().random().bytes()).await?;
        let context = &Context { speaks_for: Some(email.clone()), ..context.clone() };
        let account = &NewAccount { email, name, role, password_hash };
        let done = self
            .command(context, "register", &fingerprint, |mut command| async move {
                let row = match command.unit.insert::<table::Entity>(self.user(&command.unit, account)).await {
                    Err(RecordsError::Duplicate(_)) => {
                        return Err(AppError::field("/email", "belongs to an account already"));
                    }
                    row => row?,
                };
                self.record(&mut command.unit, EventData::UserRegistered { user: row.id.0 });
                command.created(UserView::of(row, Vec::new(), true)).await
            })
            .await?;
        if done.is_replayed() && !self.has_password(context, &account.email, &new.password).await? {
            return Err(AppError::IdempotencyMismatch);
        }
        Ok(done)
    }

    /// Whether the account of this address has this password: a replay with another one would look as if it had been set.
    async fn has_password(&self, context: &Context, email: &str, password: &Secret) -> Result<bool, AppError> {
        let account = Account::of_email(&self.records, email).await?;
        Ok(self.matching_form(context, password, account.as_ref()).await?.is_some())
    }

    fn user(&self, unit: &Unit, account: &NewAccount) -> table::Model {
        table::Model {
            id: Text(self.new_id()),
            version: 0,
            email: account.email.clone(),
            name: account.name.clone(),
            role: Text(account.role),
            status: Text(UserStatus::Active),
            title: None,
            bio: None,
            location: None,
            hourly_rate_minor: None,
            hourly_rate_currency: None,
            wallet_address: None,
            available: true,
            verified_at: None,
            password_hash: Some(account.password_hash.clone()),
            time_zone: None,
            created_at: unit.now(),
            updated_at: unit.now(),
        }
    }

    /// Makes an operator, from the command line or the first start. An account that has the address is left alone.
    ///
    /// # Errors
    /// When the address or the password is refused.
    pub async fn create_admin(&self, email: &str, name: &str, password: Secret) -> Result<AdminOutcome, AppError> {
        let mut check = Check::default();
        let email = check.field("/email", text::email(email));
        if let Some(email) = &email
            && Account::of_email(&self.records, email).await?.is_some()
        {
            return Ok(AdminOutcome::Exists);
        }
        password_rules::check(&mut check, &password, &[name, email.as_deref().unwrap_or("")]);
        let name = check.field("/name", text::name(name, 200));
        let (email, name) = check.finish(email.zip(name))?;
        let password = password_rules::prepared(&password);
        let password_hash = self.passwords.hash(password, self.records().random().bytes()).await?;
        let account = NewAccount { email, name, role: Role::Admin, password_hash };
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let row = match unit.insert::<table::Entity>(self.user(&unit, &account)).await {
                Err(RecordsError::Duplicate(_)) => return Ok(AdminOutcome::Exists),
                row => row?,
            };
            let id = row.id.0;
            let view = UserView::of(row, Vec::new(), true);
            let context = Context::default();
            self.audit(&mut unit, &context, "admin.create", ("users", view.id.clone()), (None, Some(&view))).await?;
            unit.commit().await?;
            Ok(AdminOutcome::Created(id))
        })
        .await
    }

    /// Whether there is an operator.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn has_admin(&self) -> Result<bool, AppError> {
        Ok(accounts::has_operator(&self.records).await?)
    }

    /// A user: all of it to the user and to operators, the public part to every authenticated user.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn user_view(&self, context: &Context, id: &str) -> Result<UserView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: UserId = id.parse().map_err(|_| AppError::NotFound("user"))?;
        let user = users::find(&self.records, id).await?.filter(|user| viewer.sees_user(id, user.status.0));
        let user = user.ok_or(AppError::NotFound("user"))?;
        let skills = users::skills(&self.records, id).await?;
        Ok(UserView::of(user, skills, viewer.sees_private(id)))
    }

    /// All users, for operators.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others.
    pub async fn users(&self, context: &Context, page: &PageRequest) -> Result<Page<UserView>, AppError> {
        context.actor_as(Role::Admin, "only operators list people")?;
        let (limit, after) = (page.limit()?, page.after("users")?);
        let rows = users::page(&self.records, after.as_deref(), u64::from(limit) + 1).await?;
        let view = |(user, skills)| Ok(UserView::of(user, skills, true));
        Ok(Page::of_readable("users", rows, limit, |(user, _)| user.id.to_string(), view))
    }

    /// Changes a profile: the caller's own, or any profile for operators.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others, [`AppError::Stale`] when it has changed.
    pub async fn patch_profile(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchProfile,
    ) -> Result<Done<UserView>, AppError> {
        let id = self.own_or_admin(context, id)?;
        let mut check = Check::default();
        let name = check.optional("/name", patch.name.as_deref().map(|name| text::name(name, 200)));
        let mut free = |pointer: &str, field: Option<Option<String>>, most| {
            field.map(|text| text::some(text.as_deref()).and_then(|text| check.field(pointer, text::free(text, most))))
        };
        let title = free("/title", patch.title, 200);
        let bio = free("/bio", patch.bio, 10_000);
        let location = free("/location", patch.location, 200);
        let zone = patch
            .time_zone
            .map(|zone| text::some(zone.as_deref()).and_then(|zone| check.field("/timeZone", zone.parse::<Zone>())));
        let rate = patch.hourly_rate.map(|rate| rate.and_then(|rate| check.money("/hourlyRate", &rate.into(), None)));
        check.finish(Some(()))?;
        let change = |before: &table::Model| {
            let mut after = before.clone();
            if let Some(name) = &name {
                after.name.clone_from(name);
            }
            title.clone_into_if(&mut after.title);
            bio.clone_into_if(&mut after.bio);
            location.clone_into_if(&mut after.location);
            if let Some(zone) = zone {
                after.time_zone = zone.map(|zone| zone.to_string());
            }
            if let Some(rate) = rate {
                after.hourly_rate_minor = rate.map(|rate| rate.minor);
                after.hourly_rate_currency = rate.map(|rate| Text(rate.currency));
            }
            if let Some(available) = patch.available {
                after.available = available;
            }
            after
        };
        let change = &change;
        self.change(context, "user.patch", |mut command| async move {
            let before = locked_user(&command.unit, id).await?;
            expect_version(expected, before.version)?;
            let after = change(&before);
            let skills = users::skills(&command.unit, id).await?;
            let old = UserView::of(before.clone(), skills.clone(), true);
            if after == before {
                return Ok(command.unchanged(old));
            }
            let row = command.unit.update::<table::Entity>(&before, after).await?;
            command.changed(Some(old), UserView::of(row, skills, true)).await
        })
        .await
    }

    pub(crate) fn own_or_admin(&self, context: &Context, id: &str) -> Result<UserId, AppError> {
        let viewer = context.actor()?.viewer();
        let id: UserId = id.parse().map_err(|_| AppError::NotFound("user"))?;
        if viewer.sees_private(id) { Ok(id) } else { Err(AppError::NotFound("user")) }
    }
}

/// Sets a nullable field when the patch names it.
trait CloneIntoIf {
    fn clone_into_if(&self, field: &mut Option<String>);
}

impl CloneIntoIf for Option<Option<String>> {
    fn clone_into_if(&self, field: &mut Option<String>) {
        if let Some(value) = self {
            field.clone_from(value);
        }
    }
}

pub(crate) async fn locked_user(unit: &Unit, id: UserId) -> Result<table::Model, AppError> {
    users::lock(unit, id).await?.ok_or(AppError::NotFound("user"))
}
