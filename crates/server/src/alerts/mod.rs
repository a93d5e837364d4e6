//! Alarms: what an operator must hear of, to the log by the synchronisation itself, and here to a webhook and by e-mail.
//! Each condition is told once when it begins and once when it ends.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chainbill_domain::{Clock as _, Random, SystemClock, SystemRandom, id::EventId};
use chainbill_sync::{ModelStatus, Status};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::settings::{Hidden, Settings};

/// Something that began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    /// One of [`Conditions::known`].
    condition: &'static str,
    /// Whether it began; otherwise it ended.
    begins: bool,
    summary: String,
    data: Value,
}

/// The conditions that last.
#[derive(Debug)]
pub(crate) struct Conditions {
    lasting: BTreeSet<&'static str>,
    /// How old the oldest change may be.
    late_after: Duration,
}

impl Conditions {
    pub fn new(late_after: Duration) -> Self {
        Self { lasting: BTreeSet::new(), late_after }
    }

    /// Whether each condition lasts; none where it cannot be told at the moment.
    fn known(&self, status: &Status) -> [(&'static str, Option<bool>); 7] {
        let of_models = |says: fn(&ModelStatus) -> Option<bool>| {
            let all: Vec<Option<bool>> = status.models.iter().map(says).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                all.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        };
        let late = status.oldest_seconds.map(|oldest| oldest >= self.late_after.as_secs_f64());
        [
            ("sync.unreachable", Some(!status.primary_reachable || !status.mirror_reachable)),
            ("sync.stalled", status.stalled),
            ("sync.late", late),
            ("sync.faulted", of_models(|model| model.state.map(|state| state == "FAULTED"))),
            ("sync.parked", status.parked.map(|count| count > 0)),
            ("sync.drift", of_models(|model| model.drift)),
            ("sync.quarantined", status.quarantined.map(|count| count > 0)),
        ]
    }

    /// What has begun and what has ended since the last look. What cannot be told at the moment stays as it was.
    pub fn look(&mut self, status: &Status) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (condition, lasts) in self.known(status) {
            let changed = match lasts {
                Some(true) => self.lasting.insert(condition),
                Some(false) => self.lasting.remove(condition),
                None => false,
            };
            if changed {
                alerts.push(Alert::new(condition, lasts == Some(true), status));
            }
        }
        alerts
    }
}

impl Alert {
    fn new(condition: &'static str, begins: bool, status: &Status) -> Self {
        let word = if begins { "began" } else { "ended" };
        let reason = status.reason.as_deref().unwrap_or("everything is in step");
        let data = json!({
            "status": status.status, "reason": status.reason, "backlog": status.backlog,
            "oldestSeconds": status.oldest_seconds, "parked": status.parked, "quarantined": status.quarantined,
            "trouble": status.trouble,
        });
        Self { condition, begins, summary: format!("{condition} {word}: {reason}"), data }
    }
}

/// Where alarms go.
#[derive(Clone, Default)]
pub(crate) struct Alerts {
    ways: Vec<Way>,
}

#[derive(Clone)]
enum Way {
    Webhook(Arc<Webhook>),
    Mail(Arc<Mail>),
}

struct Webhook {
    client: reqwest::Client,
    url: Hidden,
    key: Option<Vec<u8>>,
}

struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
}

/// Pauses before the tries after the first.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
const PATIENCE: Duration = Duration::from_secs(10);

impl Alerts {
    /// The ways that the settings open.
    ///
    /// # Errors
    /// When an address is none; the text holds no password.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let webhook = settings.alert_webhook_url.clone().map(|url| webhook(settings, url)).transpose()?;
        let mail = settings.alert_email_to.as_deref().map(|to| mail(settings, to)).transpose()?;
        let webhook = webhook.map(|webhook| Way::Webhook(Arc::new(webhook)));
        let mail = mail.map(|mail| Way::Mail(Arc::new(mail)));
        Ok(Self { ways: webhook.into_iter().chain(mail).collect() })
    }

    /// Tells it in the log, and everywhere else in the background; a way that does not work is tried again a few times and
    /// then logged.
    pub fn raise(&self, alert: Alert) {
        match alert.begins {
            true => tracing::error!("Sync alarm: {}", alert.summary),
            false => tracing::info!("Sync alarm: {}", alert.summary),
        }
        for way in self.ways.clone() {
            tokio::spawn(way.tell(alert.clone()));
        }
    }
}

impl Way {
    async fn tell(self, alert: Alert) {
        let id = EventId::new(SystemClock.now(), (&SystemRandom as &dyn Random).bytes()).to_string();
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            let (name, sent) = match &self {
                Self::Webhook(webhook) => ("webhook", webhook.post(&id, &alert).await),
                Self::Mail(mail) => ("e-mail", mail.send(&alert).await),
            };
            let Err(error) = sent else { return };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tracing::error!("Sync could not send an alarm by {name}: {error:#}"),
            }
        }
    }
}

fn webhook(settings: &Settings, url: Hidden) -> anyhow::Result<Webhook> {
    // Somebody may have installed a provider before; then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build()?;
    let key = settings.alert_webhook_secret.as_ref().map(|Hidden(secret)| {
        let coded = secret.strip_prefix("whsec_").and_then(|coded| STANDARD.decode(coded).ok());
        coded.unwrap_or_else(|| secret.clone().into_bytes())
    });
    Ok(Webhook { client, url, key })
}

impl Webhook {
    /// Posts it, signed as Standard Webhooks says: HMAC-SHA-256 over id, moment and body.
    async fn post(&self, id: &str, alert: &Alert) -> anyhow::Result<()> {
        let now = SystemClock.now();
        let body = json!({
            "type": alert.condition, "state": if alert.begins { "began" } else { "ended" },
            "timestamp": chainbill_app::moment(now), "summary": alert.summary, "data": alert.data,
        })
        .to_string();
        let moment = now.timestamp().to_string();
        let mut request = self.client.post(&self.url.0).header("content-type", "application/json");
        if let Some(key) = &self.key {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).context("ALERT_WEBHOOK_SECRET is not accepted")?;
            mac.update(format!("{id}.{moment}.{body}").as_bytes());
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            request = request.header("webhook-signature", format!("v1,{signature}"));
        }
        let request = request.header("webhook-id", id).header("webhook-timestamp", moment).body(body);
        // The address may hold a token: no error repeats it.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        anyhow::ensure!(response.status().is_success(), "it answered {}", response.status());
        Ok(())
    }
}

fn mail(settings: &Settings, to: &str) -> anyhow::Result<Mail> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = settings.smtp_url.as_ref().map_or("", |Hidden(url)| url.as_str());
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|_| anyhow::anyhow!("SMTP_URL is not accepted: smtps://user:password@host or smtp://host:port is"))?;
    Ok(Mail {
        transport: builder.timeout(Some(PATIENCE)).build(),
        from: settings.alert_email_from.parse().context("ALERT_EMAIL_FROM is no e-mail address")?,
        to: to.parse().context("ALERT_EMAIL_TO is no e-mail address")?,
    })
}

impl Mail {
    async fn send(&self, alert: &Alert) -> anyhow::Result<()> {
        let subject = format!("ChainBill: {} {}", alert.condition, if alert.begins { "began" } else { "ended" });
        let message = Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{}\n\n{:#}\n", alert.summary, alert.data))?;
        self.transport.send(message).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_secs(60);

    fn model(state: Option<&'static str>, drift: Option<bool>) -> ModelStatus {
        ModelStatus {
            model: "users",
            state,
            reason: None,
            hint: None,
            mysql_count: None,
            mongodb_count: None,
            backlog: None,
            oldest_seconds: None,
            parked: None,
            copied: 0,
            total: 0,
            rate: 0,
            last_run: None,
            last_result: None,
            last_verified: None,
            last_verification: None,
            drift,
            every_seconds: 60,
        }
    }

    fn healthy() -> Status {
        Status {
            status: "healthy",
            reason: None,
            engine: "embedded",
            primary_reachable: true,
            mirror_reachable: true,
            backlog: Some(0),
            oldest_seconds: Some(0.0),
            parked: Some(0),
            quarantined: Some(0),
            stalled: Some(false),
            lag_seconds: Some(0.0),
            lag_ms: Some(3),
            rate: Some(0),
            heartbeat_seconds: Some(1.0),
            applied: Some(1),
            failures: Some(0),
            trouble: None,
            models: vec![model(Some("LIVE"), Some(false))],
        }
    }

    /// Nothing but who is away is known while the primary is.
    fn primary_away() -> Status {
        Status {
            primary_reachable: false,
            backlog: None,
            oldest_seconds: None,
            parked: None,
            quarantined: None,
            stalled: None,
            models: vec![model(None, None)],
            ..healthy()
        }
    }

    fn told(conditions: &mut Conditions, status: &Status) -> Vec<(&'static str, bool)> {
        conditions.look(status).iter().map(|alert| (alert.condition, alert.begins)).collect()
    }

    #[test]
    fn each_condition_is_told_when_it_begins_and_when_it_ends() {
        let faulted = vec![model(Some("FAULTED"), Some(false))];
        let drifting = vec![model(Some("LIVE"), Some(true))];
        for (condition, status) in [
            ("sync.unreachable", Status { mirror_reachable: false, stalled: None, ..healthy() }),
            ("sync.stalled", Status { stalled: Some(true), ..healthy() }),
            ("sync.late", Status { oldest_seconds: Some(61.0), ..healthy() }),
            ("sync.faulted", Status { models: faulted, ..healthy() }),
            ("sync.parked", Status { parked: Some(1), ..healthy() }),
            ("sync.drift", Status { models: drifting, ..healthy() }),
            ("sync.quarantined", Status { quarantined: Some(1), ..healthy() }),
        ] {
            let mut conditions = Conditions::new(LATE);
            assert_eq!(told(&mut conditions, &healthy()), []);
            assert_eq!(told(&mut conditions, &status), [(condition, true)]);
            assert_eq!(told(&mut conditions, &status), [], "told once");
            assert_eq!(told(&mut conditions, &healthy()), [(condition, false)]);
        }
    }

    #[test]
    fn what_cannot_be_told_has_neither_begun_nor_ended() {
        let mut conditions = Conditions::new(LATE);
        let bad = Status {
            parked: Some(2),
            quarantined: Some(1),
            stalled: Some(true),
            models: vec![model(Some("FAULTED"), Some(true))],
            ..healthy()
        };
        assert_eq!(told(&mut conditions, &bad).len(), 5);
        assert_eq!(told(&mut conditions, &primary_away()), [("sync.unreachable", true)]);
        assert_eq!(told(&mut conditions, &bad), [("sync.unreachable", false)], "the others have lasted");
        assert_eq!(told(&mut conditions, &healthy()).len(), 5);
    }
}
