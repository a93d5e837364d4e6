//! Logins: opaque tokens that can be revoked. Only their hashes are kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_domain::{event::EventData, id::UserId, states::UserStatus, text};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{
        sessions as table,
        users::{Entity as Users, Model as UserRow},
    },
    repo::{
        accounts::{self, Account, Identity},
        sessions, users,
    },
    retry,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::{
    Actor, App, AppError, Context, Secret, UserView, accounts::locked_user, context::MOST_TOKEN, hashes::sha256_hex,
    password_rules, views::moment,
};

/// What a user logs in with.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// The e-mail address.
    pub email: String,
    /// The password.
    #[schema(value_type = String)]
    pub password: Secret,
}

/// A login.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedIn {
    /// Goes into `Authorization: Bearer`. Shown once.
    pub token: String,
    /// Goes into `X-CSRF-Token` by browsers that hold the token in a cookie. Shown once.
    pub csrf_token: String,
    /// When it ends.
    pub expires_at: String,
    /// Who logged in; null when this release cannot read all of the profile.
    pub user: Option<UserView>,
}

impl App {
    /// Logs a user in.
    ///
    /// # Errors
    /// [`AppError::WrongCredentials`] without saying what was wrong; [`AppError::Crowded`].
    pub async fn login(&self, context: &Context, credentials: Credentials) -> Result<LoggedIn, AppError> {
        let account = match text::email(&credentials.email) {
            Ok(email) => Account::of_email(&self.records, &email).await?,
            Err(_) => None,
        };
        let matched = self.matching_form(context, &credentials.password, account.as_ref()).await?;
        let identity = match (&account, matched) {
            (Some(account), Some(_)) => Some(account.understood()?).filter(|who| who.status == UserStatus::Active),
            _ => None,
        };
        let Some(identity) = identity else {
            let known = account.as_ref().map(Account::id);
            retry(self.records.random(), || self.note_refused(context, known)).await?;
            return Err(AppError::WrongCredentials);
        };
        let login = retry(self.records.random(), || self.open_session(context, identity)).await?;
        if matched.is_some_and(|form| form > 0) {
            match self.hash_anew(context, identity.id, &credentials.password).await {
                // The login stands; the next one hashes it anew.
                Err(AppError::Crowded(_)) => {}
                other => other?,
            }
        }
        self.logins.notify_waiters();
        Ok(login)
    }

    /// Which of the password's forms the account has. As much work is done without an account, so that time tells nothing.
    pub(crate) async fn matching_form(
        &self,
        context: &Context,
        password: &Secret,
        account: Option<&Account>,
    ) -> Result<Option<usize>, AppError> {
        let hash = account.and_then(|account| account.password_hash.clone());
        let passwords = self.passwords.asked_by(context);
        for (place, form) in password_rules::forms(password).into_iter().enumerate() {
            if passwords.matches(form, hash.clone()).await? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Hashes a password in the form of today that was hashed in another. Another change of the account goes before: the
    /// next login does it then.
    async fn hash_anew(&self, context: &Context, id: UserId, password: &Secret) -> Result<(), AppError> {
        let salt = self.records.random().bytes();
        let hash = self.passwords.asked_by(context).hash(password_rules::prepared(password), salt).await?;
        let saved = retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let before = locked_user(&unit, id).await?;
            let after = UserRow { password_hash: Some(hash.clone()), ..before.clone() };
            unit.update::<Users>(&before, after).await?;
            unit.commit().await?;
            Ok(())
        });
        match saved.await {
            Err(AppError::Records(RecordsError::Changed { .. } | RecordsError::Unreadable(_))) => Ok(()),
            other => other,
        }
    }

    /// Writes down a refused login: of which account, where there is one. An unknown address is not written down, for
    /// people type passwords there; and the same work is done for it, so that time tells nothing.
    async fn note_refused(&self, context: &Context, known: Option<&str>) -> Result<(), AppError> {
        let mut unit = self.records.begin().await?;
        let subject = known.unwrap_or("unknown").to_owned();
        self.audit::<()>(&mut unit, context, "session.refuse", ("users", subject), (None, None)).await?;
        unit.commit().await?;
        Ok(())
    }

    async fn open_session(&self, context: &Context, user: Identity) -> Result<LoggedIn, AppError> {
        let token = URL_SAFE_NO_PAD.encode(self.records.random().bytes::<32>());
        let csrf_token = Self::csrf_token(&token);
        let mut unit = self.records.begin().await?;
        let expires_at = unit.now() + self.settings.session;
        let cut = |text: &Option<String>, most| text.as_ref().map(|text| text.chars().take(most).collect::<String>());
        let session = table::Model {
            id: Text(self.new_id()),
            user_id: Text(user.id),
            token_hash: sha256_hex(&token),
            csrf_hash: Some(sha256_hex(&csrf_token)),
            user_agent: cut(&context.user_agent, 300),
            address: cut(&context.address, 64),
            created_at: unit.now(),
            expires_at,
            last_seen_at: None,
            revoked_at: None,
        };
        let session_id = session.id.to_string();
        unit.add::<table::Entity>(session).await?;
        let (user_agent, address) = (cut(&context.user_agent, 300), cut(&context.address, 64));
        self.record(&mut unit, EventData::UserLogin { user: user.id, user_agent, address });
        let as_user = Context {
            actor: Some(Actor { user_id: user.id, role: user.role, session: None, csrf_hash: None }),
            ..context.clone()
        };
        self.audit::<()>(&mut unit, &as_user, "session.open", ("sessions", session_id), (None, None)).await?;
        let user = self.profile(&unit, user.id).await?;
        unit.commit().await?;
        Ok(LoggedIn { token, csrf_token, expires_at: moment(expires_at), user })
    }

    /// The profile of the user who logs in; none when this release cannot read all of it, which prevents no login.
    async fn profile(&self, unit: &Unit, id: UserId) -> Result<Option<UserView>, AppError> {
        let read = async {
            let row = users::find(unit, id).await?.ok_or(AppError::NotFound("user"))?;
            Ok(UserView::of(row, users::skills(unit, id).await?, true))
        };
        match read.await {
            Ok(view) => Ok(Some(view)),
            Err(AppError::Records(RecordsError::Unreadable(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The user of a token; none when it is unknown, expired or revoked, or its account is locked.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Actor>, AppError> {
        if token.is_empty() || token.len() > MOST_TOKEN {
            return Ok(None);
        }
        let found = sessions::active(&self.records, &sha256_hex(token)).await?;
        Ok(found.filter(|user| user.status == UserStatus::Active).map(|user| Actor {
            user_id: user.user,
            role: user.role,
            session: Some(user.session),
            csrf_hash: Some(sha256_hex(Self::csrf_token(token))),
        }))
    }

    /// Whether a browser's token is the one of its login.
    #[must_use]
    pub fn csrf_matches(actor: &Actor, token: &str) -> bool {
        actor.csrf_hash.as_deref() == Some(sha256_hex(token).as_str())
    }

    /// The value of `X-CSRF-Token`. It is derived from the session's token, which another origin's page can neither
    /// read nor guess: a browser that has lost it requests it again, and all its tabs have the same.
    #[must_use]
    pub fn csrf_token(token: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("chainbill csrf\n{token}")))
    }

    /// Ends the login of a token, if there is one.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn logout(&self, token: &str) -> Result<(), AppError> {
        Ok(sessions::revoke(&self.records, &sha256_hex(token)).await?)
    }

    /// Whether the account of this address has ever been logged in to.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn has_logged_in(&self, email: &str) -> Result<bool, AppError> {
        Ok(accounts::has_logged_in(&self.records, email).await?)
    }

    /// Ends with the next login of this process.
    pub async fn next_login(&self) {
        self.logins.notified().await;
    }
}
