//! `chainbill admin create`, and the first start's operator.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::{AdminOutcome, App, Secret};
use chainbill_domain::{Random, SystemRandom};
use serde_json::json;

use super::{Went, migrate::up_to_date};
use crate::{open, output::Output, settings::Settings};

/// What became of the operator.
pub(crate) struct Made {
    pub outcome: AdminOutcome,
    /// The password, when it was made here.
    pub password: Option<String>,
}

/// Makes the operator that the settings describe, with a password of our own where they have none.
pub(crate) async fn make(app: &App, settings: &Settings, name: &str) -> anyhow::Result<Made> {
    let made = settings.admin_password.is_none().then(|| {
        let random: &dyn Random = &SystemRandom;
        URL_SAFE_NO_PAD.encode(random.bytes::<18>())
    });
    let password = made.clone().map(Secret::new).or_else(|| settings.password()).unwrap_or_else(|| Secret::new(""));
    let outcome = app.create_admin(&settings.admin_email, name, password).await.map_err(told)?;
    Ok(Made { outcome, password: made.filter(|_| matches!(outcome, AdminOutcome::Created(_))) })
}

/// A refusal with the fields that it is about.
fn told(error: chainbill_app::AppError) -> anyhow::Error {
    match error {
        chainbill_app::AppError::Validation(errors) => {
            let all: Vec<String> = errors
                .iter()
                .map(|error| format!("{} {}", error.pointer.trim_start_matches('/'), error.detail))
                .collect();
            anyhow::anyhow!(all.join("; "))
        }
        error => error.into(),
    }
}

pub(super) async fn create(settings: &Settings, out: Output, name: &str) -> anyhow::Result<Went> {
    let records = open::primary(settings).await?;
    up_to_date(&records).await?;
    let app = App::new(records.clone(), settings.app());
    let made = make(&app, settings, name).await?;
    open::close(&records, None).await;
    let created = matches!(made.outcome, AdminOutcome::Created(_));
    let answer = json!({"created": created, "email": settings.admin_email, "password": made.password});
    out.result(&answer, || match (created, &made.password) {
        (false, _) => format!("{} has an account already; nothing was changed", settings.admin_email),
        (true, Some(password)) => format!(
            "operator {} with the password {password}\nIt is shown this once: keep it now.",
            settings.admin_email
        ),
        (true, None) => format!("operator {} with the password of ADMIN_PASSWORD", settings.admin_email),
    })?;
    Ok(Went::fine_if(created))
}
