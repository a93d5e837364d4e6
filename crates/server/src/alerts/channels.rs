//! The channels of alarms: each has a queue of its own, so that alarms arrive in their order.

use std::time::Duration;

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chainbill_domain::{Clock as _, Random, SystemClock, SystemRandom, id::EventId};
use chainbill_web::PublicUrls;
use hmac::{Hmac, KeyInit as _, Mac as _};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::mpsc;

use super::Alert;
use crate::settings::{Hidden, Settings};

/// The channels that alarms are sent to.
#[derive(Clone, Default)]
pub(crate) struct Alerts {
    channels: Vec<(&'static str, mpsc::Sender<Alert>)>,
}

enum Channel {
    Webhook(Webhook),
    Mail(Box<Mail>),
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
    /// Where the status is read.
    status_url: String,
}

/// Pauses before the tries after the first.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
const TIMEOUT: Duration = Duration::from_secs(10);
/// Alarms that may wait for a failed channel.
const MOST_WAITING: usize = 100;

impl Alerts {
    /// The channels of the settings.
    ///
    /// # Errors
    /// When an address is none; the text holds no password.
    pub fn new(settings: &Settings, urls: &PublicUrls) -> anyhow::Result<Self> {
        let webhook = settings.alert_webhook_url.clone().map(|url| webhook(settings, url)).transpose()?;
        let mail = settings.alert_email_to.as_deref().map(|to| mail(settings, urls, to)).transpose()?;
        let channels = webhook.map(Channel::Webhook).into_iter().chain(mail.map(|mail| Channel::Mail(Box::new(mail))));
        Ok(Self { channels: channels.map(Channel::open).collect() })
    }

    /// Logs it, and sends it to every channel in the background, in the order in which alarms are raised. A failed channel is
    /// retried a few times and then logged.
    pub fn raise(&self, alert: &Alert) {
        match alert.begins {
            true => tracing::error!("Sync alarm: {}", alert.summary),
            false => tracing::info!("Sync alarm: {}", alert.summary),
        }
        for (name, channel) in &self.channels {
            if channel.try_send(alert.clone()).is_err() {
                tracing::error!("Sync could not send an alarm by {name}: {MOST_WAITING} wait for it already");
            }
        }
    }
}

impl Channel {
    const fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Mail(_) => "e-mail",
        }
    }

    /// Sends alarms from now on, until the last sender is dropped.
    fn open(self) -> (&'static str, mpsc::Sender<Alert>) {
        let (raise, mut raised) = mpsc::channel::<Alert>(MOST_WAITING);
        let name = self.name();
        tokio::spawn(async move {
            while let Some(alert) = raised.recv().await {
                self.send(&alert).await;
            }
        });
        (name, raise)
    }

    async fn send(&self, alert: &Alert) {
        let id = EventId::new(alert.at, (&SystemRandom as &dyn Random).bytes()).to_string();
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            let sent = match self {
                Self::Webhook(webhook) => webhook.post(&id, alert).await,
                Self::Mail(mail) => mail.send(alert).await,
            };
            let Err(error) = sent else { return };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tracing::error!("Sync could not send an alarm by {}: {error:#}", self.name()),
            }
        }
    }
}

fn webhook(settings: &Settings, url: Hidden) -> anyhow::Result<Webhook> {
    // A provider that is installed already is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build()?;
    let key = settings.alert_webhook_secret.as_ref().map(|Hidden(secret)| {
        let coded = secret.strip_prefix("whsec_").and_then(|coded| STANDARD.decode(coded).ok());
        coded.unwrap_or_else(|| secret.clone().into_bytes())
    });
    Ok(Webhook { client, url, key })
}

impl Webhook {
    /// Posts it, signed as Standard Webhooks specifies: HMAC-SHA-256 over id, timestamp and body.
    async fn post(&self, id: &str, alert: &Alert) -> anyhow::Result<()> {
        let body = json!({
            "type": alert.condition, "state": if alert.begins { "began" } else { "ended" },
            "timestamp": chainbill_app::moment(alert.at), "summary": alert.summary, "data": alert.data,
        })
        .to_string();
        let moment = SystemClock.now().timestamp().to_string();
        let mut request = self.client.post(&self.url.0).header("content-type", "application/json");
        if let Some(key) = &self.key {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).context("ALERT_WEBHOOK_SECRET is not accepted")?;
            mac.update(format!("{id}.{moment}.{body}").as_bytes());
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            request = request.header("webhook-signature", format!("v1,{signature}"));
        }
        let request = request.header("webhook-id", id).header("webhook-timestamp", moment).body(body);
        // The URL may hold a token: no error shows it.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        anyhow::ensure!(response.status().is_success(), "it answered {}", response.status());
        Ok(())
    }
}

fn mail(settings: &Settings, urls: &PublicUrls, to: &str) -> anyhow::Result<Mail> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = settings.smtp_url.as_ref().map_or("", |Hidden(url)| url.as_str());
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|_| anyhow::anyhow!("SMTP_URL is not accepted: smtps://user:password@host or smtp://host:port is"))?;
    Ok(Mail {
        transport: builder.timeout(Some(TIMEOUT)).build(),
        from: settings.alert_email_from.parse().context("ALERT_EMAIL_FROM is no e-mail address")?,
        to: to.parse().context("ALERT_EMAIL_TO is no e-mail address")?,
        status_url: format!("{}/api/sync/status", urls.api),
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
            .body(format!("{}\n\n{:#}\n\nStatus: {}\n", alert.summary, alert.data, self.status_url))?;
        self.transport.send(message).await?;
        Ok(())
    }
}
