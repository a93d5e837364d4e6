//! A fake Stripe: a world with state behind Stripe's API, on a port of this machine.
//!
//! It answers as Stripe documents (Checkout Sessions, Refunds, idempotency keys, errors), and refuses what Stripe would refuse. A test plays
//! the payer ([`FakeStripe::pay`]), the bank ([`FakeStripe::transfer_arrives`]) and the network ([`Fault`]), and has webhooks
//! delivered as it likes ([`Delivery`]).

mod api;
mod faults;
mod http;
mod keys;
mod webhooks;
mod world;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use chainbill_domain::Clock;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    faults::Fault,
    webhooks::{Delivery, Event},
};
use self::{keys::Keys, world::World};

/// The secret key that it accepts.
pub const SECRET_KEY: &str = "sk_test_chainbill_0123456789";
/// The secret that it signs webhooks with.
pub const WEBHOOK_SECRET: &str = "whsec_chainbill_0123456789";

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The pairs of the query, or of the body.
    pub form: Vec<(String, String)>,
    /// The idempotency key.
    pub key: Option<String>,
    /// The version of the API.
    pub version: Option<String>,
    authorization: Option<String>,
}

/// The fake. It ends with this value.
pub struct FakeStripe {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    world: World,
    keys: Keys,
    faults: VecDeque<Fault>,
    requests: Vec<Request>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        state.world.pass_to(self.clock.now());
        state
    }
}

impl FakeStripe {
    /// Listens. Its time is this clock's.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { clock, state: Mutex::default() });
        let theirs = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(faults::serve(stream, theirs.clone()));
            }
        });
        Self { address, shared, accepting }
    }

    /// Its base address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests meet these faults, one each, in this order.
    pub fn meet(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().faults.extend(faults);
    }

    /// Forgets idempotency keys, as after a day.
    pub fn forget_keys(&self) {
        self.shared.state().keys = Keys::default();
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// A checkout, payment or refund by its id.
    #[must_use]
    pub fn object(&self, id: &str) -> Option<Value> {
        self.shared.state().world.object(id)
    }

    /// All checkouts with this reference, the oldest first.
    #[must_use]
    pub fn checkouts_of(&self, reference: &str) -> Vec<Value> {
        self.shared.state().world.sessions_of(reference)
    }

    /// All refunds of a payment, the oldest first.
    #[must_use]
    pub fn refunds_of(&self, payment: &str) -> Vec<Value> {
        self.shared.state().world.refunds_of(payment)
    }

    /// A payer pays a checkout by card. Answers the payment's id.
    pub fn pay(&self, checkout: &str) -> String {
        self.shared.state().world.pay(checkout, true)
    }

    /// A payer finishes a checkout with a bank transfer, which takes days. Answers the payment's id.
    pub fn promise(&self, checkout: &str) -> String {
        self.shared.state().world.pay(checkout, false)
    }

    /// The transfer of a finished checkout arrives.
    pub fn transfer_arrives(&self, checkout: &str) {
        self.shared.state().world.transfer_ends(checkout, true);
    }

    /// The transfer of a finished checkout does not arrive.
    pub fn transfer_fails(&self, checkout: &str) {
        self.shared.state().world.transfer_ends(checkout, false);
    }

    /// An operator refunds units of a payment in the dashboard. Answers the refund's id.
    pub fn refund_in_dashboard(&self, payment: &str, units: i64) -> String {
        self.shared.state().world.refund(payment, units, None).unwrap()
    }

    /// A refund fails after it succeeded, as at a closed card.
    pub fn refund_fails(&self, refund: &str) {
        self.shared.state().world.refund_fails(refund);
    }

    /// The payer's bank disputes a payment.
    pub fn dispute(&self, payment: &str) {
        self.shared.state().world.dispute(payment);
    }

    /// Records an event of a kind that has no meaning for payments.
    pub fn unrelated_event(&self) {
        self.shared.state().world.record("customer.created", serde_json::json!({"id": "cus_1", "object": "customer"}));
    }

    /// All events so far, the oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.shared.state().world.events().to_vec()
    }

    /// The newest event of a kind, ready to be delivered.
    #[must_use]
    pub fn delivery(&self, kind: &str) -> Delivery {
        let event = self.events().into_iter().rev().find(|event| event.kind == kind);
        self.deliver(&event.unwrap_or_else(|| panic!("there is no {kind}")))
    }

    /// An event, ready to be delivered: signed now, with the usual secret.
    #[must_use]
    pub fn deliver(&self, event: &Event) -> Delivery {
        Delivery::of(event, self.shared.clock.now())
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
