//! Alarms: what an operator must hear of, to the log by the synchronisation itself, and here to a webhook and by e-mail.
//! Each condition is told once when it begins and once when it ends.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chainbill_domain::{Clock as _, Random, SystemClock, SystemRandom, id::EventId};
use chainbill_sync::Status;
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
    /// `sync.stalled`, `sync.faulted`, `sync.unreachable`, `sync.parked`, `sync.drift`, `sync.quarantined`.
    condition: &'static str,
    /// Whether it began; otherwise it ended.
    begins: bool,
    summary: String,
    data: Value,
}

/// The conditions that last.
#[derive(Debug, Default)]
pub(crate) struct Conditions(BTreeSet<&'static str>);

impl Conditions {
    /// What has begun and what has ended since the last look.
    pub fn look(&mut self, status: &Status) -> Vec<Alert> {
        let mut now = BTreeSet::new();
        match status.status {
            "stalled" => drop(now.insert("sync.stalled")),
            "faulted" => drop(now.insert("sync.faulted")),
            "unreachable" => drop(now.insert("sync.unreachable")),
            _ => {}
        }
        for (condition, lasts) in [
            ("sync.parked", status.parked.unwrap_or(0) > 0),
            ("sync.drift", status.models.iter().any(|model| model.drift)),
            ("sync.quarantined", status.quarantined.unwrap_or(0) > 0),
        ] {
            if lasts {
                now.insert(condition);
            }
        }
        let data = json!({
            "status": status.status, "reason": status.reason, "backlog": status.backlog,
            "oldestSeconds": status.oldest_seconds, "parked": status.parked, "quarantined": status.quarantined, "trouble": status.trouble,
        });
        let alert = |condition: &'static str, begins: bool| {
            let reason = status.reason.clone().unwrap_or_else(|| "everything is in step".to_owned());
            let word = if begins { "began" } else { "ended" };
            Alert { condition, begins, summary: format!("{condition} {word}: {reason}"), data: data.clone() }
        };
        let begun = now.difference(&self.0).map(|condition| alert(condition, true));
        let ended = self.0.difference(&now).map(|condition| alert(condition, false));
        let alerts = begun.chain(ended).collect();
        self.0 = now;
        alerts
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

    /// Tells it everywhere, in the background; a way that does not work is tried again a few times and then logged.
    pub fn raise(&self, alert: Alert) {
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
