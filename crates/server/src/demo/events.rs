//! Events of the last weeks, as the application would have tracked them.

use chainbill_domain::{
    Timestamp,
    event::{Event, EventKind},
    id::{InvoiceId, ProjectId, UserId},
    invoice::InvoiceState,
    money::Money,
    payment::Payment,
};
use chainbill_records::entities::{disputes, projects, users};
use chrono::Duration;

use super::{EVENT_DAYS, Maker};

const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
];

/// An event with all that it may be about.
#[derive(Default)]
struct About {
    receiver: Option<UserId>,
    invoice: Option<InvoiceId>,
    project: Option<ProjectId>,
    amount: Option<Money>,
}

impl Maker<'_> {
    /// An event; none when analytics would not keep it any more.
    fn event(&mut self, kind: EventKind, at: Timestamp, user: UserId, about: About) -> Option<Event> {
        if at < self.plan.end - Duration::days(EVENT_DAYS) {
            return None;
        }
        let mut event = Event::new(self.id(at), kind, at);
        event.user_id = Some(user);
        event.receiver_id = about.receiver;
        event.invoice_id = about.invoice;
        event.project_id = about.project;
        event.amount = about.amount;
        Some(event)
    }

    /// The registration of a person, and some logins.
    pub(super) fn of_person(&mut self, row: &users::Model) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.event(EventKind::UserRegistered, row.created_at, row.id.0, About::default()).into_iter().collect();
        for _ in 0..self.dice.below(4) {
            let ago = Duration::milliseconds(self.dice.below(EVENT_DAYS * 86_400_000));
            let at = (self.plan.end - Duration::milliseconds(1) - ago).max(row.created_at);
            let (browser, host) = (*self.dice.one(BROWSERS), self.dice.between(1, 254));
            if let Some(mut login) = self.event(EventKind::UserLogin, at, row.id.0, About::default()) {
                // Addresses of documents (RFC 5737): they are nobody's.
                let address = format!("203.0.113.{host}");
                login.details.extend([("userAgent", browser.to_owned()), ("address", address)]);
                events.push(login);
            }
        }
        events
    }

    pub(super) fn of_project(&mut self, row: &projects::Model) -> Option<Event> {
        let about = About { project: Some(row.id.0), ..About::default() };
        self.event(EventKind::ProjectCreated, row.created_at, row.client_id.0, about)
    }

    pub(super) fn of_invoice(&mut self, made: &InvoiceState) -> Option<Event> {
        let about = About { invoice: Some(made.id), project: made.project_id, ..About::default() };
        self.event(EventKind::InvoiceCreated, made.created_at, made.freelancer_id, about)
    }

    pub(super) fn of_payment(&mut self, invoice: &InvoiceState, payment: &Payment) -> Option<Event> {
        let about = About {
            receiver: Some(invoice.freelancer_id),
            invoice: Some(invoice.id),
            project: invoice.project_id,
            amount: Some(payment.amount),
        };
        self.event(EventKind::PaymentReceived, payment.received_at, payment.payer_id, about)
    }

    pub(super) fn of_dispute(&mut self, row: &disputes::Model) -> Option<Event> {
        let about = About { invoice: Some(row.invoice_id.0), ..About::default() };
        self.event(EventKind::DisputeOpened, row.created_at, row.opened_by.0, about)
    }

    pub(super) fn of_file(
        &mut self,
        owner: UserId,
        invoice: Option<InvoiceId>,
        at: Timestamp,
        name: &str,
    ) -> Option<Event> {
        let mut event = self.event(EventKind::FileUploaded, at, owner, About { invoice, ..About::default() })?;
        event.details.push(("filename", name.to_owned()));
        Some(event)
    }
}
