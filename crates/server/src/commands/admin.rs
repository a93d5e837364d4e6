//! `chainbill admin create`, and the first start's operator.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::{AdminOutcome, App, Secret};
use chainbill_domain::{Random, SystemRandom};
use serde_json::json;

use super::{Went, migrate::up_to_date};
use crate::{
    first_password::{self, Kept},
    open,
    output::Output,
    settings::Settings,
};

/// The created operator.
pub(crate) struct Made {
    pub outcome: AdminOutcome,
    /// The generated password with the file that keeps it.
    pub kept: Option<Kept>,
}

/// Creates the operator of the settings, with a generated password where they have none.
pub(crate) async fn make(app: &App, settings: &Settings, name: &str) -> anyhow::Result<Made> {
    if let Some(password) = settings.password() {
        let outcome = app.create_admin(&settings.admin_email, name, password).await.map_err(described)?;
        return Ok(Made { outcome, kept: None });
    }
    let random: &dyn Random = &SystemRandom;
    let password = URL_SAFE_NO_PAD.encode(random.bytes::<18>());
    // Before the account: an account whose password is lost could never be used.
    let kept = first_password::keep(&settings.data_dir, &settings.admin_email, &password)
        .with_context(|| format!("DATA_DIR {} cannot keep the password", settings.data_dir.display()))?;
    let made =
        app.create_admin(&settings.admin_email, name, Secret::new(kept.password.clone())).await.map_err(described);
    let is_new = matches!(made, Ok(AdminOutcome::Created(_)));
    if !is_new && !kept.is_known {
        std::fs::remove_file(&kept.path)
            .with_context(|| format!("{} is of no use and cannot be removed", kept.path.display()))?;
    }
    Ok(Made { outcome: made?, kept: Some(kept).filter(|_| is_new) })
}

/// The text that shows a generated password.
pub(crate) fn shown(email: &str, kept: &Kept) -> String {
    format!("Operator {email}, password {}\nIt stays in {} until its first use.", kept.password, kept.path.display())
}

/// A refusal with the fields that it is about.
fn described(error: chainbill_app::AppError) -> anyhow::Error {
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
    let records = open::patient(settings).await?;
    up_to_date(&records).await?;
    let app = App::new(records.clone(), settings.app());
    let made = make(&app, settings, name).await?;
    open::close(&records, None).await;
    let created = matches!(made.outcome, AdminOutcome::Created(_));
    let kept = made.kept.as_ref();
    let (password, file) = (kept.map(|kept| &kept.password), kept.map(|kept| kept.path.display().to_string()));
    let answer = json!({"created": created, "email": settings.admin_email, "password": password, "passwordFile": file});
    out.result(&answer, || match (created, kept) {
        (false, _) => format!("{} has an account already; nothing was changed", settings.admin_email),
        (true, Some(kept)) => shown(&settings.admin_email, kept),
        (true, None) => format!("operator {} with the password of ADMIN_PASSWORD", settings.admin_email),
    })?;
    Ok(Went::fine_if(created))
}
