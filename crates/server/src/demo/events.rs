//! Events of the last weeks, as recorded by the application.

use chainbill_domain::{
    Timestamp,
    dispute::Dispute,
    event::{DisputeStep, Event, EventData, InvoiceStep, ProjectStep},
    id::{InvoiceId, UserId},
    invoice::InvoiceState,
    payment::Payment,
    project::ProjectState,
    states::DisputeStatus,
};
use chainbill_records::entities::{reviews, users};
use chrono::Duration;

use super::{EVENT_DAYS, Maker};

const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
];

impl Maker<'_> {
    /// An event; none past analytics' retention.
    fn event(&mut self, at: Timestamp, data: EventData) -> Option<Event> {
        let is_kept = at >= self.plan.end - Duration::days(EVENT_DAYS);
        is_kept.then(|| Event { id: self.id(at), at, data })
    }

    /// A user's registration and logins.
    pub(super) fn of_person(&mut self, row: &users::Model) -> Vec<Event> {
        let user = row.id.0;
        let mut events: Vec<Event> =
            self.event(row.created_at, EventData::UserRegistered { user }).into_iter().collect();
        for _ in 0..self.dice.below(4) {
            let ago = Duration::milliseconds(self.dice.below(EVENT_DAYS * 86_400_000));
            let at = (self.plan.end - Duration::milliseconds(1) - ago).max(row.created_at);
            let (browser, host) = (*self.dice.one(BROWSERS), self.dice.between(1, 254));
            // Documentation addresses (RFC 5737).
            let (user_agent, address) = (Some(browser.to_owned()), Some(format!("203.0.113.{host}")));
            events.extend(self.event(at, EventData::UserLogin { user, user_agent, address }));
        }
        events
    }

    /// The steps of a project, as far as it has come.
    pub(super) fn of_project(&mut self, project: &ProjectState) -> Vec<Event> {
        let (client, amount) = (project.client_id, project.content.budget);
        let created = EventData::ProjectCreated { client, project: project.id };
        let mut events: Vec<Event> = self.event(project.created_at, created).into_iter().collect();
        let freelancer = project.freelancer_id.unwrap_or(client);
        for (step, at, actor, other) in [
            (ProjectStep::Submitted, project.submitted_at, freelancer, Some(client)),
            (ProjectStep::Completed, project.completed_at, client, project.freelancer_id),
            (ProjectStep::Cancelled, project.cancelled_at, client, project.freelancer_id),
        ] {
            let data = EventData::Project { step, actor, other, project: project.id, amount };
            events.extend(at.and_then(|at| self.event(at, data)));
        }
        events
    }

    pub(super) fn of_review(&mut self, row: &reviews::Model) -> Option<Event> {
        let (reviewer, reviewee, project) = (row.reviewer_id.0, row.reviewee_id.0, row.project_id.0);
        self.event(row.created_at, EventData::ReviewGiven { reviewer, reviewee, project })
    }

    /// The steps of an invoice, as far as it has come.
    pub(super) fn of_invoice(&mut self, made: &InvoiceState) -> Vec<Event> {
        let (freelancer, client, invoice, project) = (made.freelancer_id, made.client_id, made.id, made.project_id);
        let created = EventData::InvoiceCreated { freelancer, invoice, project, total: made.total() };
        let mut events: Vec<Event> = self.event(made.created_at, created).into_iter().collect();
        let submitted = made.work.submitted.as_ref().map(|work| work.at);
        for (step, at, actor, other, amount) in [
            (InvoiceStep::Sent, made.sent_at, freelancer, client, made.total()),
            (InvoiceStep::Voided, made.voided_at, freelancer, client, made.total()),
            (InvoiceStep::WorkSubmitted, submitted, freelancer, client, made.held()),
            (InvoiceStep::Released, made.released_at, client, freelancer, made.paid()),
        ] {
            let data = EventData::Invoice { step, actor, other, invoice, project, amount };
            events.extend(at.and_then(|at| self.event(at, data)));
        }
        events
    }

    pub(super) fn of_payment(&mut self, invoice: &InvoiceState, payment: &Payment) -> Option<Event> {
        let data = EventData::PaymentReceived {
            payer: payment.payer_id,
            receiver: invoice.freelancer_id,
            invoice: invoice.id,
            project: invoice.project_id,
            amount: payment.amount,
        };
        self.event(payment.received_at, data)
    }

    /// The steps of a dispute, as far as it has come.
    pub(super) fn of_dispute(&mut self, dispute: &Dispute) -> Vec<Event> {
        let end = match dispute.status {
            DisputeStatus::Withdrawn => DisputeStep::Withdrawn,
            DisputeStatus::Settled => DisputeStep::Settled,
            _ => DisputeStep::Executed,
        };
        let (opener, other) = (dispute.opened_by, dispute.other());
        let mut events = Vec::new();
        for (step, at, actor, other) in [
            (DisputeStep::Opened, Some(dispute.created_at), opener, other),
            (DisputeStep::Answered, dispute.answer.as_ref().map(|answer| answer.1), other, opener),
            (DisputeStep::Resolved, dispute.resolved_at, opener, other),
            (end, dispute.ended_at, opener, other),
        ] {
            let (dispute, invoice, amount) = (dispute.id, dispute.invoice_id, dispute.plan.held);
            let data = EventData::Dispute { step, actor, other, dispute, invoice, amount };
            events.extend(at.and_then(|at| self.event(at, data)));
        }
        events
    }

    pub(super) fn of_file(
        &mut self,
        owner: UserId,
        invoice: Option<InvoiceId>,
        at: Timestamp,
        name: &str,
    ) -> Option<Event> {
        self.event(at, EventData::FileUploaded { owner, invoice, filename: name.to_owned() })
    }
}
