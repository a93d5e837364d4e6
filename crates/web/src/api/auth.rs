//! Registration and logins.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use chainbill_app::{Credentials, LoggedIn, Registration, UserView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, tagged};
use crate::{
    State,
    extract::{COOKIE, Strict, Who},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(login)).routes(routes!(logout)).routes(routes!(me))
}

/// Make an account.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = Registration, responses(
    (status = 201, body = UserView), (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
async fn register(Shared(state): Shared<State>, Who(context): Who, Strict(new): Strict<Registration>) -> Answer {
    let user = state.app.register(&context, new).await?;
    Ok(created(&state, "/api/users", &user.value.id, &user).await)
}

/// Log in. The token goes into `Authorization: Bearer`; browsers get it as a cookie too, and then repeat `csrfToken` in
/// `X-CSRF-Token` on everything that changes something.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Credentials, responses(
    (status = 200, body = LoggedIn), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
async fn login(Shared(state): Shared<State>, Who(context): Who, Strict(credentials): Strict<Credentials>) -> Answer {
    let login = state.app.login(&context, credentials).await?;
    let secure = if state.secure_cookies { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/{secure}", login.token);
    let mut response = Json(login).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// End the login.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", responses(
    (status = 204), (status = 401, body = ProblemBody)))]
async fn logout(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    state.app.logout(&context).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let over = HeaderValue::from_static("chainbill_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    response.headers_mut().insert(header::SET_COOKIE, over);
    Ok(response)
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", responses(
    (status = 200, body = UserView), (status = 401, body = ProblemBody)))]
async fn me(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    let id = context.actor()?.user_id.to_string();
    Ok(tagged(StatusCode::OK, &state.app.user_view(&context, &id).await?))
}
