//! Use cases on a primary of their own, with people.

use chainbill_app::{
    Actor, App, Context, MoneyView, NewInvoice, NewLine, NewPayment, Registration, Secret, Settings, UserView,
};
use chainbill_domain::states::Role;
use chainbill_testkit::{EMBEDDED, Fresh, primaries};

/// Runs a story on every primary.
pub async fn on_every_primary(story: impl AsyncFn(&App)) {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let app = App::new(fresh.records().await, Settings::default());
        story(&app).await;
        app.records().close().await;
        fresh.remove().await;
    }
}

pub fn registration(name: &str, role: &str) -> Registration {
    Registration {
        email: format!("{name}@example.org"),
        password: Secret::new("correct horse battery".to_owned()),
        name: name.to_owned(),
        role: role.to_owned(),
    }
}

pub fn stranger(address: &str, key: &str) -> Context {
    Context { address: Some(address.to_owned()), idempotency_key: Some(key.to_owned()), ..Context::default() }
}

fn known(user: &UserView) -> Context {
    let actor = Actor { user_id: user.id.parse().unwrap(), role: user.role, session: None, csrf_hash: None };
    Context { actor: Some(actor), ..Context::default() }
}

/// Registers a user; returns the context of its requests and its profile.
pub async fn new_user(app: &App, name: &str, role: &str) -> (Context, UserView) {
    let user = app.register(&Context::default(), registration(name, role)).await.unwrap().into_new().unwrap();
    (known(&user), user)
}

pub async fn operator(app: &App) -> Context {
    let password = Secret::new("correct horse battery".to_owned());
    let outcome = app.create_admin("root@example.org", "Root", password).await.unwrap();
    let chainbill_app::AdminOutcome::Created(user_id) = outcome else { panic!("there is one already") };
    let role = chainbill_domain::states::Role::Admin;
    Context { actor: Some(Actor { user_id, role, session: None, csrf_hash: None }), ..Context::default() }
}

pub fn euros(amount: &str) -> MoneyView {
    MoneyView { amount: amount.to_owned(), currency: "EUR".to_owned() }
}

/// An invoice of 100 euros that is to be drafted.
pub fn new_invoice(client: &UserView, series: Option<&str>) -> NewInvoice {
    let line = NewLine {
        description: "Audit".to_owned(),
        quantity: "1".to_owned(),
        unit_price: euros("100.00"),
        ..NewLine::default()
    };
    NewInvoice {
        client_id: client.id.clone(),
        series: series.map(str::to_owned),
        title: "Work".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![line],
        ..NewInvoice::default()
    }
}

/// A draft of 100 euros.
pub async fn draft_invoice(app: &App, freelancer: &Context, client: &UserView) -> String {
    app.create_invoice(freelancer, new_invoice(client, None)).await.unwrap().into_new().unwrap().id
}

/// The same caller as an operator.
pub fn as_operator(context: &Context) -> Context {
    let user_id = context.actor().unwrap().user_id;
    let actor = Actor { user_id, role: Role::Admin, session: None, csrf_hash: None };
    Context { actor: Some(actor), ..context.clone() }
}

/// A sent invoice of 100 euros, paid with `amount` into escrow.
pub async fn paid_invoice(app: &App, freelancer: &Context, client: (&Context, &UserView), amount: &str) -> String {
    let id = draft_invoice(app, freelancer, client.1).await;
    app.send_invoice(freelancer, &id).await.unwrap();
    let payment =
        NewPayment { amount: euros(amount), method: "CARD".to_owned(), external_ref: id.clone(), received_at: None };
    let operator = Context { idempotency_key: Some(id.clone()), ..as_operator(client.0) };
    app.pay_invoice(&operator, &id, payment).await.unwrap();
    id
}
