//! Settling: the money of a payment that is confirmed goes to its invoices, and what exceeds them to the client's credit.

use chainbill_domain::{
    id::UserId,
    invoice::{Action, CannotSettle, Invoice},
    payment::{self, Allocation, Payment},
    states::{PaymentChannel, PaymentState, Role},
    visibility::Viewer,
};
use chainbill_records::{
    RecordsError,
    repo::{credits, invoices, payments},
};

use crate::{AppError, InvoiceView, PaymentView, command::Command};

/// What a payment's invoices take of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A new payment: every invoice has to await payment.
    Awaiting,
    /// Money that came whatever became of its invoices: what one does not take is credit.
    Whatever,
}

impl Command<'_> {
    /// The invoices of a payment under lock, in the order of their ids, if they are between its parties. What belongs to a
    /// payment is seen by who sees the payment.
    pub(crate) async fn locked(&self, payment: &Payment) -> Result<Vec<(Allocation, Invoice)>, AppError> {
        let everything = Viewer { user_id: payment.receiver_id, role: Role::Admin };
        let mut parts = payment.allocations.clone();
        parts.sort_by_key(|part| part.invoice_id);
        let mut locked = Vec::with_capacity(parts.len());
        for part in parts {
            let invoice = invoices::lock(&self.unit, &everything, part.invoice_id).await?;
            match invoice {
                Some(invoice) if invoice.between() == payment.between() => locked.push((part, invoice)),
                _ => return Err(AppError::NotFound("invoice")),
            }
        }
        Ok(locked)
    }

    /// Confirms an announced payment, which is saved already or not: its invoices take what they are to take, and what exceeds
    /// that becomes the client's credit.
    pub(crate) async fn confirm(
        &mut self,
        announced: Payment,
        locked: Vec<(Allocation, Invoice)>,
        channel: PaymentChannel,
        (by, takes): (Option<UserId>, Takes),
    ) -> Result<(Payment, Option<InvoiceView>), AppError> {
        announced.allows(payment::Action::Confirm)?;
        let source = payment::source(channel, announced.method);
        let (mut settled, mut invoice, is_one) = (Vec::new(), None, locked.len() == 1);
        for (part, before) in locked {
            let due = if before.allows(Action::Pay).is_ok() { before.due().minor.max(0) } else { 0 };
            let minor = part.minor.min(due);
            if minor == 0 {
                if takes == Takes::Awaiting {
                    before.allows(Action::Pay)?;
                }
                continue;
            }
            let amount = before.money(minor);
            let change = before.settle(announced.id, source, amount, self.occasion())?;
            let view = self.save_invoice(change).await?;
            invoice = is_one.then_some(view);
            settled.push(Allocation { minor, ..part });
        }
        let confirmed = announced.confirm(channel, settled, by, self.unit.now())?;
        let excess = confirmed.next.excess();
        for transfer in confirmed.transfers {
            self.post(transfer).await?;
            credits::give(&mut self.unit, confirmed.next.between(), channel.custody(), excess).await?;
        }
        Ok((confirmed.next, invoice))
    }

    /// The view of a payment that was saved, with its audit entry.
    pub(crate) async fn recorded(
        &mut self,
        before: Option<Payment>,
        after: Payment,
        invoice: Option<InvoiceView>,
    ) -> Result<PaymentView, AppError> {
        // What leaves its invoices as they are is in their history all the same.
        let is_quiet = matches!(after.state, PaymentState::Announced | PaymentState::Rejected);
        let before = before.map(|payment| PaymentView::of(payment, None));
        let after = PaymentView::of(after, None);
        self.note(before.as_ref(), Some(&after)).await?;
        for part in after.allocations.iter().filter(|_| is_quiet) {
            self.note_about(("invoices", part.invoice_id.clone()), (before.as_ref(), Some(&after))).await?;
        }
        Ok(PaymentView { invoice, movement: self.movement(), ..after })
    }

    /// Saves a new payment.
    pub(crate) async fn add_payment(&mut self, payment: &Payment) -> Result<(), AppError> {
        match payments::add(&mut self.unit, payment).await {
            Err(RecordsError::Duplicate(_)) => Err(known(&payment.external_ref)),
            result => Ok(result?),
        }
    }
}

/// The refusal of a payment whose reference is in use.
pub(crate) fn known(external_ref: &str) -> AppError {
    AppError::Conflict {
        current: "RECORDED".to_owned(),
        allowed: Vec::new(),
        detail: format!("the payment {external_ref} is recorded already"),
    }
}

impl From<CannotSettle> for AppError {
    fn from(error: CannotSettle) -> Self {
        let detail = error.to_string();
        match error {
            CannotSettle::Refused(refusal) => refusal.into(),
            CannotSettle::Currency(..) => Self::field("/amount/currency", detail),
            CannotSettle::NotPositive | CannotSettle::TooMuch(_) => Self::field("/amount/amount", detail),
        }
    }
}

/// The refusal of an action that another way is open for.
pub(crate) fn refused(current: &str, allowed: &[&str], detail: impl Into<String>) -> AppError {
    AppError::Conflict {
        current: current.to_owned(),
        allowed: allowed.iter().map(|&action| action.to_owned()).collect(),
        detail: detail.into(),
    }
}
