//! Events: facts of the business that consumers count, pass on or act on. An event is typed per kind; it is saved in the
//! transaction of its cause, so it exists if and only if that was committed.
//!
//! Stored events outlive releases. A stored event ([`EventRecord`]) therefore names its kind by text: a release passes on
//! what it does not know, and only a consumer that acts on a kind reads it back ([`Event::try_from`]).

mod record;
mod steps;

pub use self::{
    record::{EventRecord, UnknownEvent},
    steps::{DisputeStep, InvoiceStep, PayoutStep, ProjectStep},
};
use crate::{
    Timestamp,
    id::{DisputeId, EventId, InvoiceId, PayoutId, ProjectId, QuoteId, UserId},
    money::Money,
};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its own id; writing it twice keeps one.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub data: EventData,
}

/// What happened, with what each kind says of it. Never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventData {
    /// An account was made.
    UserRegistered {
        /// The account.
        user: UserId,
    },
    /// A person logged in.
    UserLogin {
        /// The account.
        user: UserId,
        /// The program that asked, as it names itself.
        user_agent: Option<String>,
        /// The address that asked.
        address: Option<String>,
    },
    /// A project was made.
    ProjectCreated {
        /// Its client.
        client: UserId,
        /// The project.
        project: ProjectId,
    },
    /// An invoice was drafted.
    InvoiceCreated {
        /// Its issuer.
        freelancer: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The project that it is for.
        project: Option<ProjectId>,
        /// What it amounts to.
        total: Money,
    },
    /// A client declined an invoice.
    InvoiceDeclined {
        /// The client.
        client: UserId,
        /// Its issuer.
        freelancer: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The project that it is for.
        project: Option<ProjectId>,
        /// What it amounts to.
        total: Money,
    },
    /// A client was reminded of an invoice.
    InvoiceReminded {
        /// Its issuer.
        freelancer: UserId,
        /// The client.
        client: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The project that it is for.
        project: Option<ProjectId>,
        /// What it amounts to.
        total: Money,
        /// So many days after the due day; negative before it.
        offset_days: i64,
    },
    /// A client accepted a quote.
    QuoteAccepted {
        /// The client.
        client: UserId,
        /// Its issuer.
        freelancer: UserId,
        /// The quote.
        quote: QuoteId,
        /// The project that it is for.
        project: Option<ProjectId>,
        /// What it amounts to.
        total: Money,
    },
    /// A client declined a quote.
    QuoteDeclined {
        /// The client.
        client: UserId,
        /// Its issuer.
        freelancer: UserId,
        /// The quote.
        quote: QuoteId,
        /// The project that it is for.
        project: Option<ProjectId>,
        /// What it amounts to.
        total: Money,
    },
    /// Money arrived for an invoice.
    PaymentReceived {
        /// The paying party.
        payer: UserId,
        /// The party that it is for.
        receiver: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The project that the invoice is for.
        project: Option<ProjectId>,
        /// What arrived.
        amount: Money,
    },
    /// A payer said that a payment was made.
    PaymentAnnounced {
        /// The paying party.
        payer: UserId,
        /// The party that it is for.
        receiver: UserId,
        /// The invoice, or the first of several.
        invoice: Option<InvoiceId>,
        /// How much.
        amount: Money,
    },
    /// An announced payment did not come.
    PaymentRejected {
        /// The paying party.
        payer: UserId,
        /// The party that it is for.
        receiver: UserId,
        /// The invoice, or the first of several.
        invoice: Option<InvoiceId>,
        /// How much.
        amount: Money,
    },
    /// A confirmed payment was undone by its counter-record.
    PaymentReversed {
        /// The paying party.
        payer: UserId,
        /// The party that it is for.
        receiver: UserId,
        /// The invoice, or the first of several.
        invoice: Option<InvoiceId>,
        /// How much.
        amount: Money,
    },
    /// A credit note lowered an invoice's claim.
    CreditNoteIssued {
        /// The invoice's issuer.
        freelancer: UserId,
        /// The invoice's client.
        client: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// By how much.
        amount: Money,
    },
    /// A client's credit went back to the client.
    RefundMade {
        /// The freelancer whose client it is.
        freelancer: UserId,
        /// The client.
        client: UserId,
        /// The invoice that it is about.
        invoice: Option<InvoiceId>,
        /// How much.
        amount: Money,
    },
    /// A file was sealed and stored.
    FileUploaded {
        /// Its owner.
        owner: UserId,
        /// The invoice that it belongs to.
        invoice: Option<InvoiceId>,
        /// Its name.
        filename: String,
    },
    /// An invoice became a token on the chain.
    NftMinted {
        /// The invoice's issuer.
        freelancer: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The token.
        token: String,
    },
    /// The token of an invoice was signed and stored, to be sent to the chain.
    MintSubmitted {
        /// The invoice's issuer.
        freelancer: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The token.
        token: String,
        /// Its transaction on the chain.
        transaction: String,
    },
    /// An invoice did not become a token; nothing is on the chain.
    MintFailed {
        /// The invoice's issuer.
        freelancer: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// Why.
        cause: String,
    },
    /// A step of an invoice's life, of its work or of its held money.
    Invoice {
        /// Which.
        step: InvoiceStep,
        /// The acting party; of what a clock does, the party that it does it for.
        actor: UserId,
        /// The other party.
        other: UserId,
        /// The invoice.
        invoice: InvoiceId,
        /// The project that it is for.
        project: Option<ProjectId>,
        /// How much it is about.
        amount: Money,
    },
    /// A step of a project.
    Project {
        /// Which.
        step: ProjectStep,
        /// The acting party.
        actor: UserId,
        /// The other party, where there is one.
        other: Option<UserId>,
        /// The project.
        project: ProjectId,
        /// How much it is about, where an amount is agreed.
        amount: Option<Money>,
    },
    /// A step of a dispute.
    Dispute {
        /// Which.
        step: DisputeStep,
        /// The acting party; of what a clock or an operator does, the opener.
        actor: UserId,
        /// The other party.
        other: UserId,
        /// The dispute.
        dispute: DisputeId,
        /// The disputed invoice.
        invoice: InvoiceId,
        /// What is held.
        amount: Money,
    },
    /// One party of a completed project reviewed the other.
    ReviewGiven {
        /// Who reviewed.
        reviewer: UserId,
        /// Who was reviewed.
        reviewee: UserId,
        /// The project.
        project: ProjectId,
    },
    /// A step of a payout.
    Payout {
        /// Which.
        step: PayoutStep,
        /// Whose money it is.
        user: UserId,
        /// The payout.
        payout: PayoutId,
        /// How much.
        amount: Money,
    },
}

impl EventData {
    /// The stored name of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::UserRegistered { .. } => "USER_REGISTERED",
            Self::UserLogin { .. } => "USER_LOGIN",
            Self::ProjectCreated { .. } => "PROJECT_CREATED",
            Self::InvoiceCreated { .. } => "INVOICE_CREATED",
            Self::InvoiceDeclined { .. } => "INVOICE_DECLINED",
            Self::InvoiceReminded { .. } => "INVOICE_REMINDED",
            Self::QuoteAccepted { .. } => "QUOTE_ACCEPTED",
            Self::QuoteDeclined { .. } => "QUOTE_DECLINED",
            Self::PaymentReceived { .. } => "PAYMENT_RECEIVED",
            Self::PaymentAnnounced { .. } => "PAYMENT_ANNOUNCED",
            Self::PaymentRejected { .. } => "PAYMENT_REJECTED",
            Self::PaymentReversed { .. } => "PAYMENT_REVERSED",
            Self::CreditNoteIssued { .. } => "CREDIT_NOTE_ISSUED",
            Self::RefundMade { .. } => "REFUND_MADE",
            Self::FileUploaded { .. } => "FILE_UPLOADED",
            Self::NftMinted { .. } => "NFT_MINTED",
            Self::MintSubmitted { .. } => "NFT_SUBMITTED",
            Self::MintFailed { .. } => "NFT_FAILED",
            Self::ReviewGiven { .. } => "REVIEW_GIVEN",
            Self::Invoice { step, .. } => step.word(),
            Self::Project { step, .. } => step.word(),
            Self::Dispute { step, .. } => step.word(),
            Self::Payout { step, .. } => step.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::{document::Value, wire};

    fn id<K>(number: u8) -> Id<K> {
        Id::new(Timestamp::UNIX_EPOCH, [number; 10])
    }

    fn every_kind() -> Vec<EventData> {
        let amount = Money { minor: 1_050, currency: "EUR".parse().unwrap() };
        let mut kinds = vec![
            EventData::UserRegistered { user: id(1) },
            EventData::UserLogin { user: id(1), user_agent: Some("a \"quoted\" 😀".to_owned()), address: None },
            EventData::ProjectCreated { client: id(1), project: id(2) },
            EventData::InvoiceCreated { freelancer: id(1), invoice: id(3), project: None, total: amount },
            EventData::InvoiceDeclined {
                client: id(1),
                freelancer: id(4),
                invoice: id(3),
                project: None,
                total: amount,
            },
            EventData::InvoiceReminded {
                freelancer: id(1),
                client: id(4),
                invoice: id(3),
                project: None,
                total: amount,
                offset_days: -3,
            },
            EventData::QuoteAccepted { client: id(1), freelancer: id(4), quote: id(5), project: None, total: amount },
            EventData::QuoteDeclined { client: id(1), freelancer: id(4), quote: id(5), project: None, total: amount },
            EventData::PaymentReceived { payer: id(1), receiver: id(4), invoice: id(3), project: Some(id(2)), amount },
            EventData::PaymentAnnounced { payer: id(1), receiver: id(4), invoice: Some(id(3)), amount },
            EventData::PaymentRejected { payer: id(1), receiver: id(4), invoice: None, amount },
            EventData::PaymentReversed { payer: id(1), receiver: id(4), invoice: Some(id(3)), amount },
            EventData::CreditNoteIssued { freelancer: id(4), client: id(1), invoice: id(3), amount },
            EventData::RefundMade { freelancer: id(4), client: id(1), invoice: None, amount },
            EventData::FileUploaded { owner: id(1), invoice: Some(id(3)), filename: "$date".to_owned() },
            EventData::NftMinted { freelancer: id(1), invoice: id(3), token: "0x7".to_owned() },
            EventData::MintSubmitted {
                freelancer: id(1),
                invoice: id(3),
                token: "7".to_owned(),
                transaction: "local:0".to_owned(),
            },
            EventData::MintFailed { freelancer: id(1), invoice: id(3), cause: "the token 7 exists".to_owned() },
            EventData::ReviewGiven { reviewer: id(1), reviewee: id(4), project: id(2) },
        ];
        let (actor, other) = (id(1), id(4));
        kinds.extend(InvoiceStep::ALL.iter().map(|&step| EventData::Invoice {
            step,
            actor,
            other,
            invoice: id(3),
            project: Some(id(2)),
            amount,
        }));
        kinds.extend(ProjectStep::ALL.iter().map(|&step| EventData::Project {
            step,
            actor,
            other: None,
            project: id(2),
            amount: Some(amount),
        }));
        kinds.extend(DisputeStep::ALL.iter().map(|&step| EventData::Dispute {
            step,
            actor,
            other,
            dispute: id(6),
            invoice: id(3),
            amount,
        }));
        kinds.extend(PayoutStep::ALL.iter().map(|&step| EventData::Payout {
            step,
            user: actor,
            payout: id(7),
            amount,
        }));
        kinds
    }

    #[test]
    fn every_kind_comes_back_from_its_record() {
        let mut kinds: Vec<&str> = every_kind().iter().map(EventData::kind).collect();
        kinds.sort_unstable();
        assert!(kinds.is_sorted_by(|one, next| one < next), "no two kinds have one name: {kinds:?}");
        for data in every_kind() {
            let event = Event { id: id(9), at: Timestamp::UNIX_EPOCH, data };
            assert_eq!(Event::try_from(&EventRecord::from(&event)), Ok(event));
        }
    }

    #[test]
    fn a_document_has_all_fields_in_their_order() {
        let data = every_kind().swap_remove(8);
        let record = EventRecord::from(&Event { id: id(9), at: Timestamp::UNIX_EPOCH, data });
        let [user, receiver, invoice, project] = [1, 4, 3, 2].map(|number| id::<()>(number).to_string());
        assert_eq!(
            wire::to_json(&record.document()).to_string(),
            format!(r#"{{"event":"PAYMENT_RECEIVED","at":{{"$date":0}},"userId":"{user}","receiverId":"{receiver}","#)
                + &format!(
                    r#""invoiceId":"{invoice}","projectId":"{project}","amount":{{"minor":1050,"currency":"EUR"}},"#
                )
                + r#""details":{}}"#
        );
        let login =
            EventRecord::from(&Event { id: id(9), at: Timestamp::UNIX_EPOCH, data: every_kind().swap_remove(1) });
        let json = wire::to_json(&login.document());
        assert_eq!((&json["amount"], &json["invoiceId"]), (&serde_json::Value::Null, &serde_json::Value::Null));
        assert_eq!(json["details"], serde_json::json!({"userAgent": "a \"quoted\" 😀"}));
    }

    #[test]
    fn what_another_release_wrote_is_passed_on_and_not_acted_on() {
        let event = Event { id: id(9), at: Timestamp::UNIX_EPOCH, data: every_kind().swap_remove(0) };
        let known = EventRecord::from(&event);
        let newer = EventRecord { kind: "MOON_LANDED".to_owned(), ..known.clone() };
        let lacking = EventRecord { user_id: None, ..known.clone() };
        for record in [newer, lacking] {
            assert!(Event::try_from(&record).is_err(), "{record:?}");
            assert_eq!(record.document().get("event"), Some(&Value::Text(record.kind.clone())));
        }
        let odd = EventRecord { details: "no JSON".to_owned(), ..known };
        assert_eq!(odd.document().get("details"), Some(&Value::Text("no JSON".to_owned())));
    }
}
