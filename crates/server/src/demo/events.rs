//! Events of the last weeks, as recorded by the application.

use chainbill_domain::{
    Timestamp,
    dispute::Dispute,
    event::{DisputeStep, Event, EventData},
    id::{InvoiceId, UserId},
    invoice::InvoiceState,
    payment::Payment,
};
use chainbill_records::entities::{projects, users};
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

    pub(super) fn of_project(&mut self, row: &projects::Model) -> Option<Event> {
        let data = EventData::ProjectCreated { client: row.client_id.0, project: row.id.0 };
        self.event(row.created_at, data)
    }

    pub(super) fn of_invoice(&mut self, made: &InvoiceState) -> Option<Event> {
        let data = EventData::InvoiceCreated {
            freelancer: made.freelancer_id,
            invoice: made.id,
            project: made.project_id,
            total: made.total(),
        };
        self.event(made.created_at, data)
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

    pub(super) fn of_dispute(&mut self, dispute: &Dispute) -> Option<Event> {
        let data = EventData::Dispute {
            step: DisputeStep::Opened,
            actor: dispute.opened_by,
            other: dispute.other(),
            dispute: dispute.id,
            invoice: dispute.invoice_id,
            amount: dispute.plan.held,
        };
        self.event(dispute.created_at, data)
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
