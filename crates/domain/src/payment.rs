//! Payments: money of a client for a freelancer. The holder of the money confirms it: the freelancer who received it, an
//! operator, or a provider. A payer can only announce one. A confirmed payment is never edited: a counter-record reverses it.
//!
//! A payment settles invoices by its allocations. What exceeds them is the client's credit with the freelancer.

use crate::{
    Timestamp,
    event::EventData,
    id::{InvoiceId, PaymentId, UserId},
    ledger::{Counterparties, Source, Transfer},
    money::Money,
    states::{Custody, PaymentChannel, PaymentMethod, PaymentState, Role},
    transition::{Created, Occasion, Refusal, Transition},
};

/// A part of a payment, for an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// How much of the payment, in minor units.
    pub minor: i64,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// Whose money it is.
    pub payer_id: UserId,
    /// For whom it is.
    pub receiver_id: UserId,
    /// Who has the money; none before that is confirmed.
    pub channel: Option<PaymentChannel>,
    /// Where it stands.
    pub state: PaymentState,
    /// The name that the bank or the chain gives it.
    pub external_ref: String,
    /// How it arrived.
    pub method: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// What it is for: as it is wished until it is confirmed, as it was settled from then on.
    pub allocations: Vec<Allocation>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The user who announced or recorded it; none for a provider.
    pub recorded_by: Option<UserId>,
    /// The user who confirmed or rejected it; none for a provider.
    pub decided_by: Option<UserId>,
    /// When that was.
    pub decided_at: Option<Timestamp>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// Its counter-record.
    pub reversal: Option<Reversal>,
    /// When it was announced or recorded.
    pub created_at: Timestamp,
}

/// The counter-record of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// Why.
    pub reason: String,
    /// The user who reversed it; none for a provider.
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

/// Money that came, or that its payer says will come.
#[derive(Debug, Clone)]
pub struct Received {
    /// The name that the bank or the chain gives it.
    pub external_ref: String,
    /// How it arrived.
    pub method: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// When it arrived; at the moment of recording when that is not known.
    pub received_at: Option<Timestamp>,
}

/// What can be asked of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Say that the money came.
    Confirm,
    /// Say that it did not.
    Reject,
    /// Undo a confirmation by a counter-record.
    Reverse,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Confirm => ("confirmed", "confirm"),
        Action::Reject => ("rejected", "reject"),
        Action::Reverse => ("reversed", "reverse"),
    }
}

impl PaymentChannel {
    /// The channel by which a user can say that money came: a freelancer has received it, an operator has it in custody. A
    /// client can only announce.
    #[must_use]
    pub const fn of(role: Role) -> Option<Self> {
        match role {
            Role::Freelancer => Some(Self::Direct),
            Role::Admin => Some(Self::Platform),
            Role::Client => None,
        }
    }

    /// The channel of a payment out of the client's credit.
    #[must_use]
    pub const fn of_credit(custody: Custody) -> Self {
        match custody {
            Custody::Platform => Self::Credit,
            Custody::Freelancer => Self::CreditExternal,
        }
    }

    /// Who holds money of this channel.
    #[must_use]
    pub const fn custody(self) -> Custody {
        match self {
            Self::Platform | Self::Stripe | Self::Credit => Custody::Platform,
            Self::Direct | Self::CreditExternal => Custody::Freelancer,
        }
    }

    /// Whether the money comes of the client's credit.
    #[must_use]
    pub const fn is_credit(self) -> bool {
        matches!(self, Self::Credit | Self::CreditExternal)
    }
}

impl Payment {
    /// A payment that its payer announces, or that is recorded to be confirmed at once.
    #[must_use]
    pub fn announce(
        id: PaymentId,
        parties: Counterparties,
        received: Received,
        allocations: Vec<Allocation>,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            payer_id: parties.client,
            receiver_id: parties.freelancer,
            channel: None,
            state: PaymentState::Announced,
            external_ref: received.external_ref,
            method: received.method,
            amount: received.amount,
            allocations,
            received_at: received.received_at.unwrap_or(at),
            recorded_by: by,
            decided_by: None,
            decided_at: None,
            reason: None,
            reversal: None,
            created_at: at,
        }
    }

    /// The announcement as something new, with its event.
    pub fn announced(self, occasion: Occasion) -> Created<Self> {
        let event = occasion.event(EventData::PaymentAnnounced {
            payer: self.payer_id,
            receiver: self.receiver_id,
            invoice: self.allocations.first().map(|part| part.invoice_id),
            amount: self.amount,
        });
        Created { state: self, events: vec![event] }
    }

    /// Who pays, and who is paid.
    #[must_use]
    pub const fn between(&self) -> Counterparties {
        Counterparties { freelancer: self.receiver_id, client: self.payer_id }
    }

    /// Where the money comes from, once that is confirmed.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        self.channel.map(|channel| source(channel, self.method))
    }

    /// What exceeds its allocations.
    #[must_use]
    pub fn excess(&self) -> Money {
        let used: i64 = self.allocations.iter().map(|part| part.minor).sum();
        Money { minor: self.amount.minor - used, ..self.amount }
    }

    /// What its state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        match self.state {
            PaymentState::Announced => vec![Action::Confirm, Action::Reject],
            PaymentState::Confirmed => vec![Action::Reverse],
            PaymentState::Rejected | PaymentState::Reversed => Vec::new(),
        }
    }

    /// Whether its state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("a payment", self.state.word(), action, self.allowed(), names)
    }

    /// Confirms it, with what it settles of each invoice. What exceeds that becomes the client's credit.
    ///
    /// # Errors
    /// When it is not announced.
    pub fn confirm(
        self,
        channel: PaymentChannel,
        settled: Vec<Allocation>,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Confirm)?;
        let mut next = self.clone();
        next.state = PaymentState::Confirmed;
        next.channel = Some(channel);
        next.allocations = settled;
        next.decided_by = by;
        next.decided_at = Some(at);
        let transfers = next.excess_transfer(channel).into_iter().collect();
        Ok(Transition { before: self, next, transfers, events: Vec::new() })
    }

    /// Rejects it: the money did not come.
    ///
    /// # Errors
    /// When it is not announced.
    pub fn reject(
        self,
        reason: Option<String>,
        by: Option<UserId>,
        occasion: Occasion,
    ) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Reject)?;
        let mut next = self.clone();
        next.state = PaymentState::Rejected;
        next.decided_by = by;
        next.decided_at = Some(occasion.at);
        next.reason = reason;
        let event = occasion.event(EventData::PaymentRejected {
            payer: self.payer_id,
            receiver: self.receiver_id,
            invoice: self.allocations.first().map(|part| part.invoice_id),
            amount: self.amount,
        });
        Ok(Transition::quiet(self, next).reporting(event))
    }

    /// Reverses it by a counter-record. Its invoices give the money back by [`crate::invoice::Invoice::unsettle`].
    ///
    /// # Errors
    /// When it is not confirmed.
    pub fn reverse(self, reason: String, by: Option<UserId>, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Reverse)?;
        let mut next = self.clone();
        next.state = PaymentState::Reversed;
        next.reversal = Some(Reversal { reason, by, at: occasion.at });
        let excess = self.channel.and_then(|channel| self.excess_transfer(channel));
        let transfers = excess.map(|transfer| transfer.reversed(self.id)).into_iter().collect();
        let event = occasion.event(EventData::PaymentReversed {
            payer: self.payer_id,
            receiver: self.receiver_id,
            invoice: self.allocations.first().map(|part| part.invoice_id),
            amount: self.amount,
        });
        Ok(Transition { before: self, next, transfers, events: vec![event] })
    }

    /// The move of what exceeds its allocations; none where nothing does. A payment out of credit exceeds nothing.
    fn excess_transfer(&self, channel: PaymentChannel) -> Option<Transfer> {
        Transfer::excess(self.id, self.between(), self.method, channel.custody(), self.excess()).ok()
    }
}

/// Where the money of a channel comes from.
#[must_use]
pub const fn source(channel: PaymentChannel, method: PaymentMethod) -> Source {
    if channel.is_credit() { Source::Credit(channel.custody()) } else { Source::World(method, channel.custody()) }
}
