//! Registration and logins.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use chainbill_app::{Answer as AppAnswer, App, AppError, Credentials, LoggedIn, Registration, UserView};
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, tagged};
use crate::{
    State,
    extract::{COOKIE, Principal, StrictJson, Unauthenticated, tokens},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(login)).routes(routes!(logout)).routes(routes!(me))
}

/// Create an account.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = Registration, responses(
    (status = 201, body = UserView), (status = 422, body = ProblemBody), (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn register(
    Shared(state): Shared<State>,
    Unauthenticated(context): Unauthenticated,
    StrictJson(new): StrictJson<Registration>,
) -> Answer {
    let user = state.app.register(&context, new).await?;
    Ok(created(&state, "/api/users", |it| &it.id, &user).await)
}

/// Log in. The token goes into `Authorization: Bearer`; browsers get it as a cookie too, and then repeat `csrfToken` in
/// `X-CSRF-Token` on everything that changes something.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Credentials, responses(
    (status = 200, body = LoggedIn), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn login(
    Shared(state): Shared<State>,
    Unauthenticated(context): Unauthenticated,
    StrictJson(credentials): StrictJson<Credentials>,
) -> Answer {
    let login = state.app.login(&context, credentials).await?;
    let secure = if state.secure_cookies { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=StrictJson; Path=/{secure}", login.token);
    let mut response = Json(login).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Log out: the session of the bearer token, that of the cookie, or both. It succeeds without a session too.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", responses((status = 204)))]
async fn logout(Shared(state): Shared<State>, headers: HeaderMap) -> Answer {
    for token in tokens(&headers) {
        state.app.logout(&token).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let over = HeaderValue::from_static("chainbill_session=; HttpOnly; SameSite=StrictJson; Path=/; Max-Age=0");
    response.headers_mut().insert(header::SET_COOKIE, over);
    Ok(response)
}

/// The logged-in user.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    #[serde(flatten)]
    user: UserView,
    /// Goes into `X-CSRF-Token` by browsers that hold the token in a cookie: for those that have lost the login's answer.
    csrf_token: String,
}

impl AppAnswer for Me {
    fn tag(&self) -> Option<String> {
        self.user.tag()
    }
}

/// Who is logged in, and the `csrfToken` of the login.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", responses(
    (status = 200, body = Me), (status = 401, body = ProblemBody)))]
async fn me(Shared(state): Shared<State>, Principal(context): Principal, headers: HeaderMap) -> Answer {
    let id = context.actor()?.user_id.to_string();
    let token = tokens(&headers).into_iter().next().ok_or(AppError::Unauthenticated)?;
    let user = state.app.user_view(&context, &id).await?;
    Ok(tagged(StatusCode::OK, &Me { user, csrf_token: App::csrf_token(&token) }))
}
