//! Happenings that analytics keeps. They live in the second database only; on the way there they wait in the outbox, so
//! a committed happening is never lost.

use crate::{
    Timestamp,
    document::{Document, Value},
    id::{EventId, InvoiceId, ProjectId, UserId},
    money::Money,
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// An account was made.
    UserRegistered,
    /// Somebody logged in.
    UserLogin,
    /// A project was made.
    ProjectCreated,
    /// An invoice was drafted.
    InvoiceCreated,
    /// Money arrived for an invoice.
    PaymentReceived,
    /// A file was sealed and stored.
    FileUploaded,
    /// An invoice became a token on the chain.
    NftMinted,
    /// A dispute was opened.
    DisputeOpened,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::UserRegistered,
        Self::UserLogin,
        Self::ProjectCreated,
        Self::InvoiceCreated,
        Self::PaymentReceived,
        Self::FileUploaded,
        Self::NftMinted,
        Self::DisputeOpened,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserRegistered => "USER_REGISTERED",
            Self::UserLogin => "USER_LOGIN",
            Self::ProjectCreated => "PROJECT_CREATED",
            Self::InvoiceCreated => "INVOICE_CREATED",
            Self::PaymentReceived => "PAYMENT_RECEIVED",
            Self::FileUploaded => "FILE_UPLOADED",
            Self::NftMinted => "NFT_MINTED",
            Self::DisputeOpened => "DISPUTE_OPENED",
        }
    }
}

/// One happening.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its own id; writing it twice keeps one.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// Whose doing it was.
    pub user_id: Option<UserId>,
    /// Who received the money that moved.
    pub receiver_id: Option<UserId>,
    /// The invoice it is about.
    pub invoice_id: Option<InvoiceId>,
    /// The project it is about.
    pub project_id: Option<ProjectId>,
    /// Money that moved.
    pub amount: Option<Money>,
    /// Short further facts (user agent, address, file name). Never a secret.
    pub details: Vec<(&'static str, String)>,
}

impl Event {
    /// A happening with no references yet.
    #[must_use]
    pub fn new(id: EventId, kind: EventKind, at: Timestamp) -> Self {
        Self {
            id,
            kind,
            at,
            user_id: None,
            receiver_id: None,
            invoice_id: None,
            project_id: None,
            amount: None,
            details: Vec::new(),
        }
    }

    /// The document's fields without its id. Fields: `event`, `at`, `userId`, `receiverId`, `invoiceId`, `projectId`,
    /// `amount` (`minor`, `currency`), `details`.
    #[must_use]
    pub fn document(&self) -> Document {
        let optional = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        let mut document = Document::default();
        document.push("event", Value::Text(self.kind.name().to_owned()));
        document.push("at", Value::Time(self.at.timestamp_millis()));
        document.push("userId", optional(self.user_id.map(|id| id.to_string())));
        document.push("receiverId", optional(self.receiver_id.map(|id| id.to_string())));
        document.push("invoiceId", optional(self.invoice_id.map(|id| id.to_string())));
        document.push("projectId", optional(self.project_id.map(|id| id.to_string())));
        let amount = self.amount.map_or(Value::Null, |money| {
            Value::Map(Document(vec![
                ("minor".into(), Value::Int(money.minor)),
                ("currency".into(), Value::Text(money.currency.to_string())),
            ]))
        });
        document.push("amount", amount);
        let details = self.details.iter().map(|(name, text)| ((*name).into(), Value::Text(text.clone()))).collect();
        document.push("details", Value::Map(Document(details)));
        document
    }
}
