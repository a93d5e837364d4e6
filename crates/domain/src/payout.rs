//! Payouts: money at a user's disposal leaves the platform. A user asks for one, an operator carries it out.

use crate::{
    Timestamp,
    event::{Event, EventData, PayoutStep},
    id::{PayoutId, UserId},
    ledger::{Transfer, Unbalanced},
    money::Money,
    states::{PaymentMethod, PayoutStatus},
    transition::{Created, Occasion, Refusal, Transition},
};

/// A payout. Its money is set aside from its request on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Its id.
    pub id: PayoutId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// Whose money it is.
    pub user_id: UserId,
    /// How much.
    pub amount: Money,
    /// How it goes.
    pub method: PaymentMethod,
    /// Where it goes to: an account, a card, an address, as the user names it.
    pub destination: String,
    /// Where it stands.
    pub status: PayoutStatus,
    /// The name that the bank or the chain gives it, once it is paid.
    pub external_ref: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Who carried it out, refused it or took it back.
    pub decided_by: Option<UserId>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be asked of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Report that its money has left.
    Confirm,
    /// Refuse it.
    Reject,
    /// Take it back.
    Cancel,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Confirm => ("confirmed", "confirm"),
        Action::Reject => ("rejected", "reject"),
        Action::Cancel => ("cancelled", "cancel"),
    }
}

/// Why a payout is not made or decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotPayOut {
    /// It is of nothing, or of less.
    #[error("is not more than 0")]
    NotPositive,
    /// It is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<Unbalanced> for CannotPayOut {
    fn from(_: Unbalanced) -> Self {
        Self::NotPositive
    }
}

impl Payout {
    /// Asks for it: its money is set aside.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn requested(self, occasion: Occasion) -> Result<(Created<Self>, Transfer), CannotPayOut> {
        let transfer = Transfer::payout_requested(self.id, self.user_id, self.amount)?;
        let event = self.event(PayoutStep::Requested, occasion);
        Ok((Created { state: self, events: vec![event] }, transfer))
    }

    /// Its money has left the platform, under this name.
    ///
    /// # Errors
    /// When it is decided already.
    pub fn confirm(
        self,
        by: UserId,
        external_ref: String,
        occasion: Occasion,
    ) -> Result<Transition<Self>, CannotPayOut> {
        self.allows(Action::Confirm)?;
        let transfer = Transfer::payout_paid(self.id, self.method, self.amount)?;
        let next = Self { external_ref: Some(external_ref), ..self.decided(PayoutStatus::Paid, by, occasion) };
        Ok(self.moved(next, transfer, PayoutStep::Paid, occasion))
    }

    /// Refuses it: its money is at its user's disposal again.
    ///
    /// # Errors
    /// When it is decided already.
    pub fn reject(self, by: UserId, reason: String, occasion: Occasion) -> Result<Transition<Self>, CannotPayOut> {
        self.allows(Action::Reject)?;
        let transfer = Transfer::payout_rejected(self.id, self.user_id, self.amount)?;
        let next = Self { reason: Some(reason), ..self.decided(PayoutStatus::Rejected, by, occasion) };
        Ok(self.moved(next, transfer, PayoutStep::Rejected, occasion))
    }

    /// Takes it back: its money is at its user's disposal again.
    ///
    /// # Errors
    /// When it is decided already.
    pub fn cancel(self, occasion: Occasion) -> Result<Transition<Self>, CannotPayOut> {
        self.allows(Action::Cancel)?;
        let transfer = Transfer::payout_rejected(self.id, self.user_id, self.amount)?;
        let next = self.decided(PayoutStatus::Cancelled, self.user_id, occasion);
        Ok(self.moved(next, transfer, PayoutStep::Rejected, occasion))
    }

    fn allows(&self, action: Action) -> Result<(), Refusal> {
        let allowed = match self.status {
            PayoutStatus::Requested => vec![Action::Confirm, Action::Reject, Action::Cancel],
            PayoutStatus::Paid | PayoutStatus::Rejected | PayoutStatus::Cancelled => Vec::new(),
        };
        Refusal::unless_allowed("a payout", self.status.word(), action, allowed, names)
    }

    fn decided(&self, status: PayoutStatus, by: UserId, occasion: Occasion) -> Self {
        Self { status, decided_by: Some(by), decided_at: Some(occasion.at), ..self.clone() }
    }

    fn moved(self, next: Self, transfer: Transfer, step: PayoutStep, occasion: Occasion) -> Transition<Self> {
        let event = next.event(step, occasion);
        Transition { before: self, next, transfers: vec![transfer], events: vec![event] }
    }

    fn event(&self, step: PayoutStep, occasion: Occasion) -> Event {
        occasion.event(EventData::Payout { step, user: self.user_id, payout: self.id, amount: self.amount })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::Id, ledger::Owner};

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn occasion() -> Occasion {
        Occasion { at: Timestamp::default(), event_id: id(7) }
    }

    fn payout(minor: i64) -> Payout {
        Payout {
            id: id(1),
            version: 0,
            user_id: id(2),
            amount: Money { minor, currency: "EUR".parse().expect("a currency") },
            method: PaymentMethod::BankTransfer,
            destination: "DE89 3704 0044 0532 0130 00".to_owned(),
            status: PayoutStatus::Requested,
            external_ref: None,
            reason: None,
            decided_by: None,
            decided_at: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_payout_is_decided_once_and_its_money_goes_or_comes_back() {
        let (created, request) = payout(100).requested(occasion()).expect("more than nothing");
        let waits = created.state;
        let decided = [
            waits.clone().confirm(id(3), "bank-1".to_owned(), occasion()).expect("it waits"),
            waits.clone().reject(id(3), "No such account".to_owned(), occasion()).expect("it waits"),
            waits.cancel(occasion()).expect("it waits"),
        ];
        for (change, back) in decided.into_iter().zip([0, 100, 100]) {
            let all = request.postings().iter().chain(change.transfers[0].postings());
            let sum = |owner| all.clone().filter(|it| it.account.owner == owner).map(|it| it.minor).sum::<i64>();
            assert_eq!((sum(Owner::Payouts), sum(Owner::Available(id(2)))), (0, back - 100));
            let status = change.next.status.word();
            let refused = change.next.cancel(occasion()).expect_err("it is decided");
            assert_eq!(refused.to_string(), format!("a payout that is {status} cannot be cancelled"));
        }
        assert_eq!(payout(0).requested(occasion()).map(drop), Err(CannotPayOut::NotPositive));
    }
}
