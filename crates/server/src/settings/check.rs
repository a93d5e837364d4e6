//! Checks across settings, and checks of secrets that never show them.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::message::Mailbox;

use super::{Hidden, Settings};

impl Settings {
    /// Checks the settings as a whole.
    ///
    /// # Errors
    /// With the setting's name, what is wrong, and what is accepted. No secret is part of it.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(Hidden(url)) = &self.database_url {
            primary(url)?;
        }
        if let Some(Hidden(uri)) = &self.mongodb_uri {
            scheme("MONGODB_URI", uri, &["mongodb", "mongodb+srv"])?;
            authority("MONGODB_URI", uri)?;
        }
        if let Some(Hidden(password)) = &self.admin_password {
            let length = password.chars().count();
            ensure!((10..=128).contains(&length), "ADMIN_PASSWORD has {length} characters: 10 to 128 are accepted");
        }
        if let Err(error) = chainbill_domain::text::email(&self.admin_email) {
            bail!("ADMIN_EMAIL {error}");
        }
        if let Some(Hidden(token)) = &self.metrics_token {
            let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
            ensure!(
                token.len() >= 16 && visible,
                "METRICS_TOKEN is not accepted: 16 or more visible ASCII characters are"
            );
        }
        let mut models = BTreeSet::new();
        for (model, _) in &self.sync_every {
            ensure!(models.insert(model), "SYNC_EVERY names {model} twice: each model once is accepted");
        }
        crate::test_mode::check(self)?;
        crate::provider::settings(self)?;
        crate::chain::check(self)?;
        self.check_alarms()
    }

    fn check_alarms(&self) -> anyhow::Result<()> {
        if let Some(Hidden(url)) = &self.alert_webhook_url {
            scheme("ALERT_WEBHOOK_URL", url, &["https", "http"])?;
        }
        if let Some(Hidden(secret)) = &self.alert_webhook_secret {
            let key = secret.strip_prefix("whsec_").and_then(|coded| STANDARD.decode(coded).ok());
            let is_key = key.is_some_and(|key| !key.is_empty());
            ensure!(is_key, "ALERT_WEBHOOK_SECRET is no key: whsec_ and base64 is accepted");
        }
        mailbox("ALERT_EMAIL_FROM", &self.alert_email_from)?;
        if let Some(to) = &self.alert_email_to {
            mailbox("ALERT_EMAIL_TO", to)?;
            ensure!(self.smtp_url.is_some(), "ALERT_EMAIL_TO needs SMTP_URL, the mail server: it is not set");
        }
        if let Some(Hidden(url)) = &self.smtp_url {
            scheme("SMTP_URL", url, &["smtps", "smtp"])?;
            authority("SMTP_URL", url)?;
        }
        Ok(())
    }
}

fn primary(url: &str) -> anyhow::Result<()> {
    let scheme = scheme("DATABASE_URL", url, &["mysql", "mariadb", "sqlite"])?;
    if scheme == "sqlite" {
        return Ok(chainbill_records::connect::check_address(url)?);
    }
    // Before the options are parsed: a password that is not encoded may contain the look of one.
    let (host, path) = authority("DATABASE_URL", url)?;
    chainbill_records::connect::check_address(url)?;
    let port = host.rsplit_once(']').map_or(host, |(_, rest)| rest).split_once(':').map(|(_, port)| port);
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    ensure!(is_port, "DATABASE_URL has a port that is none: a whole number from 1 to 65535 is accepted");
    let database = path.split(['?', '#']).next().unwrap_or("").trim_matches('/');
    ensure!(
        !database.is_empty(),
        "DATABASE_URL names no database: mysql://user:password@host:3306/database is accepted"
    );
    Ok(())
}

fn scheme<'a>(name: &str, url: &'a str, accepted: &[&str]) -> anyhow::Result<&'a str> {
    // A text without `://` may be a secret: it is not shown.
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let all: Vec<String> = accepted.iter().map(|scheme| format!("{scheme}://")).collect();
    let shown =
        if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) { scheme } else { "…" };
    ensure!(accepted.contains(&scheme), "{name} begins with {shown:?}: {} are accepted", all.join(", "));
    Ok(scheme)
}

/// The host with its port, and the rest. Special characters that end the authority early belong to a password that is not encoded:
/// a parser would take a part of it for the host, and show it in an error.
fn authority<'a>(name: &str, url: &'a str) -> anyhow::Result<(&'a str, &'a str)> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let ends_early = !authority.contains('@') && path.contains('@');
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if ends_early || authority.matches('@').count() > 1 || !is_plain(authority) || !is_encoded(authority) {
        bail!(
            "{name} has a user name or password with special characters: percent-encoded ones are accepted, such as %2F \
             for /, %23 for #, %3F for ?, %40 for @, %25 for %, %20 for a blank"
        );
    }
    let host = authority.rsplit('@').next().unwrap_or("");
    ensure!(!host.is_empty(), "{name} names no host: user:password@host is accepted");
    Ok((host, path))
}

/// Whether every percent sign begins two hexadecimal digits.
fn is_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

fn mailbox(name: &str, text: &str) -> anyhow::Result<()> {
    ensure!(
        text.parse::<Mailbox>().is_ok(),
        "{name} is {text:?}: an e-mail address is accepted, such as ops@example.org"
    );
    Ok(())
}
