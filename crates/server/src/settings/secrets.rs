//! Settings that hold secrets. They come from the environment and from `.env` only: a command line is visible to every user of the
//! machine and stays in the shell's history.

use std::{ffi::OsString, fmt::Write as _};

use anyhow::bail;

use super::Settings;

/// A text that may hold a secret: it has no readable `Debug`.
#[derive(Clone)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Their names and help texts.
pub const SECRETS: &[(&str, &str)] = &[
    (
        "DATABASE_URL",
        "The primary: mysql://user:password@host:3306/database for MySQL 8.0 or later and MariaDB 10.6 or later,\n\
         or sqlite://path. Without it, an embedded database in DATA_DIR. Special characters of the password are\n\
         percent-encoded: %2F for /, %23 for #, %40 for @.",
    ),
    ("MONGODB_URI", "The mirror: mongodb://… or mongodb+srv://… (Atlas). Without it, an embedded one in DATA_DIR."),
    (
        "ADMIN_PASSWORD",
        "The first operator's password, 10 to 128 characters. Without it one is generated, printed, and kept in a\n\
         file in DATA_DIR until its first use.",
    ),
    ("METRICS_TOKEN", "The bearer token that /metrics requires, 16 or more characters; /metrics is public without it."),
    ("ALERT_WEBHOOK_URL", "Where alarms are posted as JSON (Standard Webhooks): https://…; none without it."),
    ("ALERT_WEBHOOK_SECRET", "The key that alarms are signed with: whsec_ and base64."),
    (
        "STRIPE_SECRET_KEY",
        "The secret key of Stripe (sk_… or rk_…): clients can pay invoices there; needs STRIPE_WEBHOOK_SECRET.",
    ),
    (
        "STRIPE_WEBHOOK_SECRET",
        "The secrets that Stripe signs its events to /api/webhooks/stripe with: whsec_…, several separated by commas.",
    ),
    ("SMTP_URL", "The mail server: smtps://user:password@host, smtp://user:password@host:587?tls=required."),
];

/// The part of the help that explains them.
#[must_use]
pub fn secrets_help() -> String {
    let mut text = "Secrets, from the environment and .env only:\n".to_owned();
    for (name, explained) in SECRETS {
        // Writing into a String cannot fail.
        let _ = write!(text, "  [env: {name}]\n          {}\n\n", explained.replace('\n', "\n          "));
    }
    text
}

impl Settings {
    /// Fills in the secrets.
    ///
    /// # Errors
    /// When one is no text.
    pub fn take_secrets(&mut self, read: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<()> {
        for (name, _) in SECRETS {
            let Some(value) = read(name) else { continue };
            let Ok(text) = value.into_string() else { bail!("{name} is not UTF-8: text is accepted") };
            let place = match *name {
                "DATABASE_URL" => &mut self.database_url,
                "MONGODB_URI" => &mut self.mongodb_uri,
                "ADMIN_PASSWORD" => &mut self.admin_password,
                "METRICS_TOKEN" => &mut self.metrics_token,
                "ALERT_WEBHOOK_URL" => &mut self.alert_webhook_url,
                "ALERT_WEBHOOK_SECRET" => &mut self.alert_webhook_secret,
                "STRIPE_SECRET_KEY" => &mut self.stripe_secret_key,
                "STRIPE_WEBHOOK_SECRET" => &mut self.stripe_webhook_secret,
                "SMTP_URL" => &mut self.smtp_url,
                other => bail!("{other} has no place in the settings"),
            };
            *place = Some(Hidden(text));
        }
        Ok(())
    }

    /// All secrets that are set, for taking them out of texts.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        let all = [
            &self.database_url,
            &self.mongodb_uri,
            &self.admin_password,
            &self.metrics_token,
            &self.alert_webhook_url,
            &self.alert_webhook_secret,
            &self.stripe_secret_key,
            &self.stripe_webhook_secret,
            &self.smtp_url,
        ];
        all.into_iter().flatten().map(|Hidden(text)| text.as_str()).collect()
    }
}
