//! Logins: opaque tokens that can be taken back. Only their hashes are kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_domain::{event::EventKind, id::UserId, states::UserStatus, text};
use chainbill_records::{
    Text,
    entities::{audit_entries, sessions, users},
    retry,
    sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::{Actor, App, AppError, Context, Secret, UserView, accounts::skills_of, command::sha256_hex, views::moment};

/// Who somebody says to be.
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
    /// Who logged in.
    pub user: UserView,
}

impl App {
    /// Logs somebody in.
    ///
    /// # Errors
    /// [`AppError::WrongPassword`] without saying which of the two was wrong; [`AppError::Crowded`].
    pub async fn login(&self, context: &Context, credentials: Credentials) -> Result<LoggedIn, AppError> {
        let row = match text::email(&credentials.email) {
            Ok(email) => users::Entity::find().filter(users::Column::Email.eq(email)).one(self.records.db()).await?,
            Err(_) => None,
        };
        let hash = row.as_ref().and_then(|row| row.password_hash.clone());
        let matches = self.passwords.asked_by(context).matches(credentials.password, hash).await?;
        let known = row.as_ref().map(|row| row.id);
        let Some(user) = row.filter(|row| matches && row.status.0 == UserStatus::Active) else {
            retry(self.records.random(), || self.note_refused(context, known)).await?;
            return Err(AppError::WrongPassword);
        };
        let login = retry(self.records.random(), || self.open_session(context, &user)).await?;
        self.logins.notify_waiters();
        Ok(login)
    }

    /// Writes down a refused login: of which account, where there is one. An unknown address is not written down, for
    /// people type passwords there; and the same work is done for it, so that time tells nothing.
    async fn note_refused(&self, context: &Context, known: Option<Text<UserId>>) -> Result<(), AppError> {
        let mut unit = self.records.begin().await?;
        let subject = known.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
        self.audit::<()>(&mut unit, context, "session.refuse", ("users", subject), (None, None)).await?;
        unit.commit().await?;
        Ok(())
    }

    async fn open_session(&self, context: &Context, user: &users::Model) -> Result<LoggedIn, AppError> {
        let token = URL_SAFE_NO_PAD.encode(self.records.random().bytes::<32>());
        let csrf_token = Self::csrf_token(&token);
        let mut unit = self.records.begin().await?;
        let expires_at = unit.now() + self.settings.session;
        let cut = |text: &Option<String>, most| text.as_ref().map(|text| text.chars().take(most).collect::<String>());
        let session = sessions::Model {
            id: Text(self.new_id()),
            user_id: user.id,
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
        unit.add::<sessions::Entity>(session).await?;
        let mut event = self.event(&unit, EventKind::UserLogin);
        event.user_id = Some(user.id.0);
        let details = [("userAgent", cut(&context.user_agent, 300)), ("address", cut(&context.address, 64))];
        event.details.extend(details.into_iter().filter_map(|(name, text)| Some((name, text?))));
        unit.event(&event);
        let as_user = Context {
            actor: Some(Actor { user_id: user.id.0, role: user.role.0, session: None, csrf_hash: None }),
            ..context.clone()
        };
        self.audit::<()>(&mut unit, &as_user, "session.open", ("sessions", session_id), (None, None)).await?;
        let skills = skills_of(unit.db(), user.id.0).await?;
        unit.commit().await?;
        let user = UserView::of(user.clone(), skills, true);
        Ok(LoggedIn { token, csrf_token, expires_at: moment(expires_at), user })
    }

    /// Who holds a token; nobody when it is unknown, over, taken back, or its account is locked.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Actor>, AppError> {
        if token.is_empty() || token.len() > 100 {
            return Ok(None);
        }
        let db = self.records.db();
        let session = sessions::Entity::find()
            .filter(sessions::Column::TokenHash.eq(sha256_hex(token)))
            .filter(sessions::Column::RevokedAt.is_null())
            .filter(sessions::Column::ExpiresAt.gt(self.records.now()))
            .one(db)
            .await?;
        let Some(session) = session else { return Ok(None) };
        let user = users::Entity::find_by_id(session.user_id).one(db).await?;
        let user = user.filter(|user| user.status.0 == UserStatus::Active);
        Ok(user.map(|user| Actor {
            user_id: user.id.0,
            role: user.role.0,
            session: Some(session.id.0),
            csrf_hash: Some(sha256_hex(Self::csrf_token(token))),
        }))
    }

    /// Whether a browser's token is the one of its login.
    #[must_use]
    pub fn csrf_matches(actor: &Actor, token: &str) -> bool {
        actor.csrf_hash.as_deref() == Some(sha256_hex(token).as_str())
    }

    /// What a browser repeats in `X-CSRF-Token`. It follows from the session's token, which a stranger's page neither sees nor
    /// guesses: a browser that has lost it asks for it again, and all its tabs have the same.
    #[must_use]
    pub fn csrf_token(token: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("chainbill csrf\n{token}")))
    }

    /// Ends the login of a token, if there is one.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn logout(&self, token: &str) -> Result<(), AppError> {
        sessions::Entity::update_many()
            .col_expr(sessions::Column::RevokedAt, Expr::val(self.records.now()))
            .filter(sessions::Column::TokenHash.eq(sha256_hex(token)))
            .filter(sessions::Column::RevokedAt.is_null())
            .exec(self.records.db())
            .await?;
        Ok(())
    }

    /// Whether somebody has ever logged in under this address.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn has_logged_in(&self, email: &str) -> Result<bool, AppError> {
        let db = self.records.db();
        let Some(user) = users::Entity::find().filter(users::Column::Email.eq(email)).one(db).await? else {
            return Ok(false);
        };
        let opened = audit_entries::Entity::find()
            .filter(audit_entries::Column::ActorId.eq(user.id))
            .filter(audit_entries::Column::Action.eq("session.open"))
            .one(db)
            .await?;
        Ok(opened.is_some())
    }

    /// Ends with the next login of this process.
    pub async fn next_login(&self) {
        self.logins.notified().await;
    }
}
