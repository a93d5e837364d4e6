//! Events as they are stored: what outlives releases.

use super::{Event, EventData};
use crate::{
    Timestamp,
    document::{Document, Value},
    id::{InvoiceId, ProjectId, UserId},
    money::Money,
    wire,
};

impl EventData {
    fn references(&self) -> References {
        let of = |user: UserId| References { user: Some(user), ..References::default() };
        match self.clone() {
            Self::UserRegistered { user } => of(user),
            Self::UserLogin { user, user_agent, address } => {
                let details = [("userAgent", user_agent), ("address", address)];
                let details = details.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
                References { details, ..of(user) }
            }
            Self::ProjectCreated { client, project } => References { project: Some(project), ..of(client) },
            Self::InvoiceCreated { freelancer, invoice, project, total } => {
                References { invoice: Some(invoice), project, amount: Some(total), ..of(freelancer) }
            }
            Self::InvoiceDeclined { client, freelancer, invoice, project, total } => References {
                receiver: Some(freelancer),
                invoice: Some(invoice),
                project,
                amount: Some(total),
                ..of(client)
            },
            Self::InvoiceReminded { freelancer, client, invoice, project, total, offset_days } => References {
                receiver: Some(client),
                invoice: Some(invoice),
                project,
                amount: Some(total),
                details: vec![("offsetDays", offset_days.to_string())],
                ..of(freelancer)
            },
            Self::QuoteAccepted { client, freelancer, quote, project, total }
            | Self::QuoteDeclined { client, freelancer, quote, project, total } => References {
                receiver: Some(freelancer),
                project,
                amount: Some(total),
                details: vec![("quoteId", quote.to_string())],
                ..of(client)
            },
            Self::PaymentReceived { payer, receiver, invoice, project, amount } => References {
                receiver: Some(receiver),
                invoice: Some(invoice),
                project,
                amount: Some(amount),
                ..of(payer)
            },
            Self::PaymentAnnounced { payer, receiver, invoice, amount }
            | Self::PaymentRejected { payer, receiver, invoice, amount }
            | Self::PaymentReversed { payer, receiver, invoice, amount } => {
                References { receiver: Some(receiver), invoice, amount: Some(amount), ..of(payer) }
            }
            Self::CreditNoteIssued { freelancer, client, invoice, amount } => {
                References { receiver: Some(client), invoice: Some(invoice), amount: Some(amount), ..of(freelancer) }
            }
            Self::RefundMade { freelancer, client, invoice, amount } => {
                References { receiver: Some(client), invoice, amount: Some(amount), ..of(freelancer) }
            }
            Self::FileUploaded { owner, invoice, filename } => {
                References { invoice, details: vec![("filename", filename)], ..of(owner) }
            }
            Self::NftMinted { freelancer, invoice, token } => {
                References { invoice: Some(invoice), details: vec![("tokenId", token)], ..of(freelancer) }
            }
            Self::MintSubmitted { freelancer, invoice, token, transaction } => References {
                invoice: Some(invoice),
                details: vec![("tokenId", token), ("transaction", transaction)],
                ..of(freelancer)
            },
            Self::MintFailed { freelancer, invoice, cause } => {
                References { invoice: Some(invoice), details: vec![("cause", cause)], ..of(freelancer) }
            }
            Self::ReviewGiven { reviewer, reviewee, project } => {
                References { receiver: Some(reviewee), project: Some(project), ..of(reviewer) }
            }
            Self::Invoice { step: _, actor, other, invoice, project, amount } => {
                References { receiver: Some(other), invoice: Some(invoice), project, amount: Some(amount), ..of(actor) }
            }
            Self::Project { step: _, actor, other, project, amount } => {
                References { receiver: other, project: Some(project), amount, ..of(actor) }
            }
            Self::Dispute { step: _, actor, other, dispute, invoice, amount } => References {
                receiver: Some(other),
                invoice: Some(invoice),
                amount: Some(amount),
                details: vec![("disputeId", dispute.to_string())],
                ..of(actor)
            },
            Self::Payout { step: _, user, payout, amount } => {
                References { amount: Some(amount), details: vec![("payoutId", payout.to_string())], ..of(user) }
            }
        }
    }
}

/// What the kinds refer to, as it is stored.
#[derive(Default)]
struct References {
    user: Option<UserId>,
    receiver: Option<UserId>,
    invoice: Option<InvoiceId>,
    project: Option<ProjectId>,
    amount: Option<Money>,
    details: Vec<(&'static str, String)>,
}

/// An event as it is stored, by this or another release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its own id.
    pub id: String,
    /// The name of its kind.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The acting party.
    pub user_id: Option<String>,
    /// The party that received the money.
    pub receiver_id: Option<String>,
    /// The invoice that it is about.
    pub invoice_id: Option<String>,
    /// The project that it is about.
    pub project_id: Option<String>,
    /// The minor units of the money that moved,
    pub amount_minor: Option<i64>,
    /// and its currency.
    pub currency: Option<String>,
    /// Short further facts: a JSON object.
    pub details: String,
}

impl From<&Event> for EventRecord {
    fn from(event: &Event) -> Self {
        let References { user, receiver, invoice, project, amount, details } = event.data.references();
        let details = details.into_iter().map(|(name, text)| (name.into(), Value::Text(text))).collect();
        Self {
            id: event.id.to_string(),
            kind: event.data.kind().to_owned(),
            at: event.at,
            user_id: user.map(|id| id.to_string()),
            receiver_id: receiver.map(|id| id.to_string()),
            invoice_id: invoice.map(|id| id.to_string()),
            project_id: project.map(|id| id.to_string()),
            amount_minor: amount.map(|money| money.minor),
            currency: amount.map(|money| money.currency.to_string()),
            details: wire::to_json(&Document(details)).to_string(),
        }
    }
}

impl EventRecord {
    /// The fields of the mirrored document, without its id: `event`, `at`, `userId`, `receiverId`, `invoiceId`, `projectId`,
    /// `amount` (`minor`, `currency`), `details`. Details that are no JSON object, as only a hand writes them, are passed on
    /// as the text that they are.
    #[must_use]
    pub fn document(&self) -> Document {
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let amount = match (self.amount_minor, &self.currency) {
            (Some(minor), Some(currency)) => Value::Map(Document(vec![
                ("minor".into(), Value::Int(minor)),
                ("currency".into(), Value::Text(currency.clone())),
            ])),
            _ => Value::Null,
        };
        let details = match self.details() {
            Some(details) => Value::Map(wire::from_json(details)),
            None => Value::Text(self.details.clone()),
        };
        Document(vec![
            ("event".into(), Value::Text(self.kind.clone())),
            ("at".into(), Value::Time(self.at.timestamp_millis())),
            ("userId".into(), optional(&self.user_id)),
            ("receiverId".into(), optional(&self.receiver_id)),
            ("invoiceId".into(), optional(&self.invoice_id)),
            ("projectId".into(), optional(&self.project_id)),
            ("amount".into(), amount),
            ("details".into(), details),
        ])
    }

    fn details(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_str(&self.details).ok()
    }
}

/// A stored event that this release cannot act on: its kind is not known here, or lacks what the kind has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event {id} of kind {kind} cannot be read by this release")]
pub struct UnknownEvent {
    /// Its id.
    pub id: String,
    /// The name of its kind.
    pub kind: String,
}

impl TryFrom<&EventRecord> for Event {
    type Error = UnknownEvent;

    fn try_from(record: &EventRecord) -> Result<Self, UnknownEvent> {
        let read = || Some(Self { id: record.id.parse().ok()?, at: record.at, data: record.data()? });
        read().ok_or_else(|| UnknownEvent { id: record.id.clone(), kind: record.kind.clone() })
    }
}

impl EventRecord {
    fn data(&self) -> Option<EventData> {
        let user = || self.user_id.as_deref()?.parse().ok();
        let receiver = || self.receiver_id.as_deref()?.parse().ok();
        let invoice = || self.invoice_id.as_deref()?.parse().ok();
        let project = || self.project_id.as_deref()?.parse().ok();
        let amount = || Some(Money { minor: self.amount_minor?, currency: self.currency.as_deref()?.parse().ok()? });
        let details = self.details()?;
        let detail = |name: &str| Some(details.get(name)?.as_str()?.to_owned());
        Some(match self.kind.as_str() {
            "USER_REGISTERED" => EventData::UserRegistered { user: user()? },
            "USER_LOGIN" => {
                EventData::UserLogin { user: user()?, user_agent: detail("userAgent"), address: detail("address") }
            }
            "PROJECT_CREATED" => EventData::ProjectCreated { client: user()?, project: project()? },
            "INVOICE_CREATED" => EventData::InvoiceCreated {
                freelancer: user()?,
                invoice: invoice()?,
                project: project(),
                total: amount()?,
            },
            "INVOICE_DECLINED" => EventData::InvoiceDeclined {
                client: user()?,
                freelancer: self.receiver_id.as_deref()?.parse().ok()?,
                invoice: invoice()?,
                project: project(),
                total: amount()?,
            },
            "INVOICE_REMINDED" => EventData::InvoiceReminded {
                freelancer: user()?,
                client: self.receiver_id.as_deref()?.parse().ok()?,
                invoice: invoice()?,
                project: project(),
                total: amount()?,
                offset_days: detail("offsetDays")?.parse().ok()?,
            },
            "QUOTE_ACCEPTED" => EventData::QuoteAccepted {
                client: user()?,
                freelancer: self.receiver_id.as_deref()?.parse().ok()?,
                quote: detail("quoteId")?.parse().ok()?,
                project: project(),
                total: amount()?,
            },
            "QUOTE_DECLINED" => EventData::QuoteDeclined {
                client: user()?,
                freelancer: self.receiver_id.as_deref()?.parse().ok()?,
                quote: detail("quoteId")?.parse().ok()?,
                project: project(),
                total: amount()?,
            },
            "PAYMENT_RECEIVED" => EventData::PaymentReceived {
                payer: user()?,
                receiver: receiver()?,
                invoice: invoice()?,
                project: project(),
                amount: amount()?,
            },
            "PAYMENT_ANNOUNCED" => EventData::PaymentAnnounced {
                payer: user()?,
                receiver: receiver()?,
                invoice: invoice(),
                amount: amount()?,
            },
            "PAYMENT_REJECTED" => EventData::PaymentRejected {
                payer: user()?,
                receiver: receiver()?,
                invoice: invoice(),
                amount: amount()?,
            },
            "PAYMENT_REVERSED" => EventData::PaymentReversed {
                payer: user()?,
                receiver: receiver()?,
                invoice: invoice(),
                amount: amount()?,
            },
            "CREDIT_NOTE_ISSUED" => EventData::CreditNoteIssued {
                freelancer: user()?,
                client: receiver()?,
                invoice: invoice()?,
                amount: amount()?,
            },
            "REFUND_MADE" => EventData::RefundMade {
                freelancer: user()?,
                client: receiver()?,
                invoice: invoice(),
                amount: amount()?,
            },
            "FILE_UPLOADED" => {
                EventData::FileUploaded { owner: user()?, invoice: invoice(), filename: detail("filename")? }
            }
            "NFT_MINTED" => {
                EventData::NftMinted { freelancer: user()?, invoice: invoice()?, token: detail("tokenId")? }
            }
            "NFT_SUBMITTED" => EventData::MintSubmitted {
                freelancer: user()?,
                invoice: invoice()?,
                token: detail("tokenId")?,
                transaction: detail("transaction")?,
            },
            "NFT_FAILED" => EventData::MintFailed { freelancer: user()?, invoice: invoice()?, cause: detail("cause")? },
            "REVIEW_GIVEN" => EventData::ReviewGiven { reviewer: user()?, reviewee: receiver()?, project: project()? },
            kind => return self.step(kind),
        })
    }

    fn step(&self, kind: &str) -> Option<EventData> {
        let user = || self.user_id.as_deref()?.parse().ok();
        let receiver = || self.receiver_id.as_deref()?.parse().ok();
        let invoice = || self.invoice_id.as_deref()?.parse().ok();
        let project = || self.project_id.as_deref()?.parse().ok();
        let amount = || Some(Money { minor: self.amount_minor?, currency: self.currency.as_deref()?.parse().ok()? });
        let details = self.details()?;
        let detail = |name: &str| Some(details.get(name)?.as_str()?.to_owned());
        if let Ok(step) = kind.parse() {
            let (actor, other, invoice) = (user()?, receiver()?, invoice()?);
            return Some(EventData::Invoice { step, actor, other, invoice, project: project(), amount: amount()? });
        }
        if let Ok(step) = kind.parse() {
            let (actor, other, project) = (user()?, receiver(), project()?);
            return Some(EventData::Project { step, actor, other, project, amount: amount() });
        }
        if let Ok(step) = kind.parse() {
            let dispute = detail("disputeId")?.parse().ok()?;
            let (actor, other, invoice) = (user()?, receiver()?, invoice()?);
            return Some(EventData::Dispute { step, actor, other, dispute, invoice, amount: amount()? });
        }
        let (step, payout) = (kind.parse().ok()?, detail("payoutId")?.parse().ok()?);
        Some(EventData::Payout { step, user: user()?, payout, amount: amount()? })
    }
}
