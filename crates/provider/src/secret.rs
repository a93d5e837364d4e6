//! Secrets: shown nowhere, kept in no document, and never copied.

/// A secret that is not usable. No variant holds any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The secret key is none.
    #[error("is no secret key of Stripe: sk_test_…, sk_live_…, rk_test_… or rk_live_… is accepted")]
    SecretKey,
    /// A publishable key: it is for browsers, and may do nothing here.
    #[error("is a publishable key: the secret key (sk_… or rk_…) is needed")]
    Publishable,
    /// There is no webhook secret.
    #[error("is empty: without a secret, anyone could confirm payments")]
    NoWebhookSecret,
    /// One of the webhook secrets is none.
    #[error("holds a text that is no signing secret: whsec_… is accepted, several separated by commas")]
    WebhookSecret,
}

/// The secret key that requests are authorised by.
pub struct SecretKey(String);

impl SecretKey {
    /// Checks a key.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim();
        if text.starts_with("pk_") {
            return Err(InvalidSecret::Publishable);
        }
        let is_key = text.starts_with("sk_") || text.starts_with("rk_");
        if !is_key || !is_token(text) {
            return Err(InvalidSecret::SecretKey);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether real money moves by it; none when the key does not say.
    pub(crate) fn is_live(&self) -> Option<bool> {
        match self.0.split('_').nth(1) {
            Some("live") => Some(true),
            Some("test") => Some(false),
            _ => None,
        }
    }

    /// The key. The caller answers for where it goes.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// The secrets that webhooks are signed by: one, or during a rotation several.
pub struct WebhookSecrets(Vec<String>);

impl WebhookSecrets {
    /// Reads signing secrets that are separated by commas.
    ///
    /// # Errors
    /// When there is none, or one is none.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let secrets: Vec<&str> = text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).collect();
        if secrets.is_empty() {
            return Err(InvalidSecret::NoWebhookSecret);
        }
        if secrets.iter().any(|secret| !secret.starts_with("whsec_") || !is_token(secret)) {
            return Err(InvalidSecret::WebhookSecret);
        }
        Ok(Self(secrets.into_iter().map(str::to_owned).collect()))
    }

    /// Them. The caller answers for where they go.
    pub(crate) fn reveal(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Shorter ones could be guessed.
const SHORTEST: usize = 16;

fn is_token(text: &str) -> bool {
    (SHORTEST..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Fails to compile when the type has the trait: `_` then stands for two implementations, which is ambiguous.
macro_rules! assert_never {
    ($type:ty: $($trait:path),+) => {
        $(const _: fn() = || {
            struct Implemented;
            trait Never<A> {
                fn check() {}
            }
            impl<T: ?Sized> Never<()> for T {}
            impl<T: ?Sized + $trait> Never<Implemented> for T {}
            let _ = <$type as Never<_>>::check;
        };)+
    };
}
pub(crate) use assert_never;

assert_never!(SecretKey: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
assert_never!(WebhookSecrets: std::fmt::Debug, serde::Serialize, Clone);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let mode = |text| SecretKey::new(text).map(|key| key.is_live());
        assert_eq!(mode("sk_test_0123456789abcdef"), Ok(Some(false)));
        assert_eq!(mode(" rk_live_0123456789abcdef\n"), Ok(Some(true)));
        assert_eq!(mode("sk_org_0123456789abcdef"), Ok(None));
        assert_eq!(mode("pk_live_0123456789abcdef"), Err(InvalidSecret::Publishable));
        for bad in ["", "sk_test_", "whsec_0123456789abcdef", "sk_test_0123456789\r\nX: y"] {
            assert_eq!(mode(bad), Err(InvalidSecret::SecretKey), "{bad}");
        }
    }

    #[test]
    fn webhook_secrets_are_mandatory_and_may_be_several() {
        let count = |text| WebhookSecrets::parse(text).map(|secrets| secrets.reveal().count());
        assert_eq!(count("whsec_0123456789abcdef"), Ok(1));
        assert_eq!(count("whsec_0123456789abcdef, whsec_fedcba9876543210,"), Ok(2));
        assert_eq!(count(" , "), Err(InvalidSecret::NoWebhookSecret));
        for bad in ["secret", "whsec_", "whsec_0123456789abcdef,x", "whsec_0123456789 abcdef"] {
            assert_eq!(count(bad), Err(InvalidSecret::WebhookSecret), "{bad}");
        }
    }
}
