//! The caller of a use case, and its answer.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use chainbill_domain::{
    dispute::Terms,
    freshness::Token,
    id::{SessionId, UserId},
    invoice::EscrowTerms,
    states::Role,
    visibility::Viewer,
};

use crate::{AppError, hashes::sha256_hex};

/// An authenticated user.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
    /// By which login.
    pub session: Option<SessionId>,
    /// Hash of the token that a browser must repeat in a header.
    pub csrf_hash: Option<String>,
}

impl Actor {
    /// The actor as who wants to see something.
    #[must_use]
    pub const fn viewer(&self) -> Viewer {
        Viewer { user_id: self.user_id, role: self.role }
    }
}

/// The circumstances of a request.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Who asks.
    pub actor: Option<Actor>,
    /// The request's id, for the audit.
    pub request_id: Option<String>,
    /// The caller's key against doing it twice.
    pub idempotency_key: Option<String>,
    /// Where from.
    pub address: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// The versions at which a change is wanted (`If-Match`); any when absent.
    pub expected: Option<Vec<i64>>,
    /// The address of the account that is to be made, where the caller has none yet.
    pub speaks_for: Option<String>,
    /// Whether a money action is only to show what it would do.
    pub dry_run: bool,
}

/// A request that only reads, with the token of its login. The login is checked by the statement that reads.
#[derive(Debug, Clone)]
pub struct Reader {
    token_hash: String,
}

impl Reader {
    /// A request with this token.
    ///
    /// # Errors
    /// When it is none that was ever given.
    pub fn of(token: &str) -> Result<Self, AppError> {
        let could_be = !token.is_empty() && token.len() <= MOST_TOKEN;
        could_be.then(|| Self { token_hash: sha256_hex(token) }).ok_or(AppError::Unauthenticated)
    }

    /// The token's hash, as logins are found by it.
    pub(crate) fn token_hash(&self) -> &str {
        &self.token_hash
    }
}

/// Most bytes of a token; ours have fewer.
pub(crate) const MOST_TOKEN: usize = 100;

/// The network that counts as one asker: an IPv4 address, or the /64 that a single IPv6 subscriber has to himself.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

impl Context {
    /// The network that asks; none for the program itself.
    pub(crate) fn network(&self) -> Option<IpAddr> {
        Some(network_of(self.address.as_ref()?.parse().ok()?))
    }

    /// Whose idempotency keys these are. Callers without an account choose keys without knowing of each other, so their keys
    /// are those of their address and of the account that is to be made.
    pub(crate) fn owner(&self) -> String {
        if let Some(actor) = &self.actor {
            return actor.user_id.to_string();
        }
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let stranger = sha256_hex(format!("{}\n{}", part(&self.address), part(&self.speaks_for)));
        format!("anonymous-{}", &stranger[..26])
    }

    /// The same, for a change at one of these versions only.
    #[must_use]
    pub fn at(self, versions: Option<Vec<i64>>) -> Self {
        Self { expected: versions, ..self }
    }

    /// The same, for an action that is only to show what it would do.
    #[must_use]
    pub fn dry(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    /// Money moves for a user who is known, and once per key: a key is needed where something is done.
    pub(crate) fn needs_key(&self) -> Result<(), AppError> {
        self.actor()?;
        if self.idempotency_key.is_none() && !self.dry_run { Err(AppError::IdempotencyRequired) } else { Ok(()) }
    }

    /// Whether the change is wanted at the present version. Every action that changes a versioned thing asks, once it holds the
    /// lock and knows that the actor may change it.
    pub(crate) fn expects(&self, present: i64) -> Result<(), AppError> {
        expect_version(self.expected.as_deref(), present)
    }

    /// Who asks.
    ///
    /// # Errors
    /// When the caller is not authenticated.
    pub fn actor(&self) -> Result<&Actor, AppError> {
        self.actor.as_ref().ok_or(AppError::Unauthenticated)
    }

    /// Who asks, who must have the role.
    ///
    /// # Errors
    /// When the caller is not authenticated, or the role is another.
    pub fn actor_as(&self, role: Role, otherwise: &'static str) -> Result<&Actor, AppError> {
        let actor = self.actor()?;
        if actor.role == role { Ok(actor) } else { Err(AppError::Forbidden(otherwise)) }
    }
}

/// The versions at which a change is wanted; any when absent.
pub type Expected<'a> = Option<&'a [i64]>;

pub(crate) fn expect_version(expected: Expected<'_>, present: i64) -> Result<(), AppError> {
    match expected {
        Some(expected) if !expected.contains(&present) => Err(AppError::Stale(present)),
        _ => Ok(()),
    }
}

/// The status of an answer to something new (RFC 9110).
pub(crate) const CREATED: u16 = 201;
/// The status of every other answer.
pub(crate) const OK: u16 = 200;

/// An answer to a command.
#[derive(Debug, Clone)]
pub struct Done<T> {
    /// The answer.
    pub answer: Answered<T>,
    /// Its status over HTTP.
    pub status: u16,
    /// What was saved, for reads that must see it.
    pub token: Token,
}

/// An answer, new or from before.
#[derive(Debug, Clone)]
pub enum Answered<T> {
    /// The command was carried out now.
    New(T),
    /// It was carried out by an earlier request with the same key, and this was that request's answer.
    Replayed(Stored),
}

/// The answer of an earlier request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes: JSON.
    pub body: String,
    /// Its entity tag, without quotes.
    pub tag: Option<String>,
}

impl<T> Done<T> {
    /// Whether it is the answer of an earlier request.
    #[must_use]
    pub const fn is_replayed(&self) -> bool {
        matches!(self.answer, Answered::Replayed(_))
    }

    /// The answer of a command that was carried out now.
    #[must_use]
    pub fn into_new(self) -> Option<T> {
        match self.answer {
            Answered::New(value) => Some(value),
            Answered::Replayed(_) => None,
        }
    }
}

/// What an operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a login lasts.
    pub session: Duration,
    /// How long answers are kept for replays.
    pub replay: Duration,
    /// How long events are kept that every consumer has taken.
    pub keep_events: Duration,
    /// The rules of escrow of invoices that are sent from now on.
    pub escrow: EscrowTerms,
    /// How long the steps of disputes take, and who votes.
    pub disputes: Terms,
    /// How long after a project's completion its reviews are written, and hidden while only one is there.
    pub hide_reviews: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            session: DAY,
            replay: DAY,
            keep_events: 90 * DAY,
            escrow: EscrowTerms::default(),
            disputes: Terms::default(),
            hide_reviews: 14 * DAY,
        }
    }
}
