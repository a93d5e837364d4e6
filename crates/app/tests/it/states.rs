//! Every state of an invoice, every action on it, every role: as docs/domain.md says, to the letter.

use chainbill_app::{
    App, AppError, Context, DeclineInvoice, InvoiceView, Movement, NewCreditNote, NewPayment, PatchInvoice, Reason,
    RefundInvoice, ReleaseInvoice, SubmitWork, UserView,
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};

use crate::world::{as_operator, draft_invoice, euros, new_user, on_every_primary};

/// The parties of all invoices here, each with a key for whatever is asked.
struct People {
    client: Context,
    client_view: UserView,
    freelancer: Context,
    operator: Context,
    stranger: Context,
}

impl People {
    fn with_key(context: &Context, key: &str) -> Context {
        Context { idempotency_key: Some(key.to_owned()), ..context.clone() }
    }
}

const STATES: &[&str] = &[
    "DRAFT",
    "SENT",
    "SENT, credited in part",
    "SENT, part held",
    "SENT, part received directly",
    "PAID, held",
    "PAID, held, with a token",
    "PAID, held, to be notarised",
    "PAID, in review",
    "PAID, in dispute",
    "PAID, released in part",
    "RELEASED, received directly",
    "RELEASED, out of escrow",
    "VOID",
    "VOID, credited whole",
    "REFUNDED",
];

const ACTIONS: &[&str] = &[
    "edit",
    "send",
    "decline",
    "pay 100",
    "pay 150",
    "void",
    "credit 20",
    "credit all",
    "refund all",
    "reverse",
    "submit-work",
    "return-work",
    "approve",
    "release 30",
    "release all",
];

/// An invoice of 100 euros in a state, and the payment that it has, if it has one.
async fn invoice(app: &App, people: &People, state: &str, place: usize) -> (String, Option<String>) {
    let id = draft_invoice(app, &people.freelancer, &people.client_view).await;
    let key = |context: &Context, what: &str| People::with_key(context, &format!("{what}-{place}-{id}"));
    if state == "DRAFT" {
        return (id, None);
    }
    app.send_invoice(&key(&people.freelancer, "send"), &id).await.unwrap();
    let pay = async |who: &Context, amount: &str| {
        let payment = payment(amount, &format!("{place}-{id}"));
        Some(app.pay_invoice(&key(who, "pay"), &id, payment).await.unwrap().into_new().unwrap().id)
    };
    let credit = async |amount: Option<&str>| {
        let note = NewCreditNote { amount: amount.map(euros), reason: "Less".to_owned() };
        app.credit_invoice(&key(&people.freelancer, "note"), &id, note).await.unwrap();
    };
    let run = async |sql: String| {
        app.records().execute_unprepared(&sql).await.unwrap();
    };
    let payment = match state {
        "SENT, credited in part" => {
            credit(Some("30.00")).await;
            None
        }
        "SENT, part held" => pay(&people.operator, "40.00").await,
        "SENT, part received directly" => pay(&people.freelancer, "40.00").await,
        "PAID, held" => pay(&people.operator, "100.00").await,
        "PAID, held, with a token" => {
            let payment = pay(&people.operator, "100.00").await;
            run(format!("UPDATE invoices SET anchor_status = 'CONFIRMED' WHERE id = '{id}'")).await;
            payment
        }
        "PAID, held, to be notarised" => {
            let payment = pay(&people.operator, "100.00").await;
            run(format!("UPDATE invoices SET anchor_status = 'QUEUED' WHERE id = '{id}'")).await;
            payment
        }
        "RELEASED, received directly" => pay(&people.freelancer, "100.00").await,
        "RELEASED, out of escrow" => {
            let payment = pay(&people.operator, "100.00").await;
            Box::pin(app.release_invoice(&key(&people.client, "release"), &id, released(None))).await.unwrap();
            payment
        }
        "PAID, released in part" => {
            let payment = pay(&people.operator, "100.00").await;
            Box::pin(app.release_invoice(&key(&people.client, "release"), &id, released(Some("40.00")))).await.unwrap();
            payment
        }
        "PAID, in review" => {
            let payment = pay(&people.operator, "100.00").await;
            Box::pin(app.submit_work(&key(&people.freelancer, "submit"), &id, SubmitWork::default())).await.unwrap();
            payment
        }
        "PAID, in dispute" => {
            let payment = pay(&people.operator, "100.00").await;
            run(format!("UPDATE invoices SET escrow = 'DISPUTED' WHERE id = '{id}'")).await;
            payment
        }
        "VOID" => {
            app.void_invoice(&key(&people.freelancer, "void"), &id).await.unwrap();
            None
        }
        "VOID, credited whole" => {
            credit(None).await;
            None
        }
        "REFUNDED" => {
            let payment = pay(&people.operator, "100.00").await;
            credit(None).await;
            payment
        }
        _ => None,
    };
    (id, payment)
}

fn released(amount: Option<&str>) -> ReleaseInvoice {
    ReleaseInvoice { amount: amount.map(euros) }
}

fn payment(amount: &str, external_ref: &str) -> NewPayment {
    NewPayment {
        amount: euros(amount),
        method: "CARD".to_owned(),
        external_ref: external_ref.to_owned(),
        received_at: None,
    }
}

/// An action on held money.
async fn held(app: &App, context: &Context, action: &str, id: &str) -> Result<InvoiceView, AppError> {
    let done = match action {
        "submit-work" => Box::pin(app.submit_work(context, id, SubmitWork::default())).await,
        "return-work" => Box::pin(app.return_work(context, id, Reason { reason: "Not done".to_owned() })).await,
        "approve" => Box::pin(app.approve_work(context, id)).await,
        "release 30" => Box::pin(app.release_invoice(context, id, released(Some("30.00")))).await,
        _ => Box::pin(app.release_invoice(context, id, released(None))).await,
    };
    Ok(done?.into_new().unwrap())
}

/// The result of an action for a user, by whose context it is done or a dry run.
async fn outcome(app: &App, context: &Context, action: &str, (id, paid): (&str, Option<&str>)) -> String {
    let none = Movement::default;
    let moved = |invoice: InvoiceView| Movement { postings: invoice.postings, dry_run: context.dry_run };
    let (invoice, movement) = match action {
        "edit" => match app.patch_invoice(context, id, None, PatchInvoice::default()).await {
            Ok(done) => (done.into_new(), none()),
            Err(error) => return refusal(&error),
        },
        "decline" => {
            let reason = DeclineInvoice { reason: "Not ordered".to_owned() };
            match app.decline_invoice(context, id, reason).await {
                Ok(done) => (done.into_new(), none()),
                Err(error) => return refusal(&error),
            }
        }
        "send" | "void" => {
            let done = if action == "send" {
                app.send_invoice(context, id).await
            } else {
                app.void_invoice(context, id).await
            };
            match done {
                Ok(done) => {
                    let invoice = done.into_new().unwrap();
                    (Some(invoice.clone()), moved(invoice))
                }
                Err(error) => return refusal(&error),
            }
        }
        "submit-work" | "return-work" | "approve" | "release 30" | "release all" => {
            match Box::pin(held(app, context, action, id)).await {
                Ok(invoice) => (Some(invoice.clone()), moved(invoice)),
                Err(error) => return refusal(&error),
            }
        }
        "pay 100" | "pay 150" => {
            let amount = format!("{}.00", &action[4..]);
            match app.pay_invoice(context, id, payment(&amount, &format!("another-{id}"))).await {
                Ok(done) => {
                    let payment = done.into_new().unwrap();
                    (payment.invoice, payment.movement)
                }
                Err(error) => return refusal(&error),
            }
        }
        "credit 20" | "credit all" => {
            let amount = (action == "credit 20").then(|| euros("20.00"));
            let note = NewCreditNote { amount, reason: "Less".to_owned() };
            match app.credit_invoice(context, id, note).await {
                Ok(done) => {
                    let note = done.into_new().unwrap();
                    (note.invoice, note.movement)
                }
                Err(error) => return refusal(&error),
            }
        }
        "refund all" => {
            let refund = RefundInvoice {
                amount: None,
                method: "CARD".to_owned(),
                external_ref: None,
                reason: "Cancelled".to_owned(),
            };
            match app.refund_invoice(context, id, refund).await {
                Ok(done) => {
                    let refunded = done.into_new().unwrap();
                    (refunded.credit_note.invoice, refunded.movement)
                }
                Err(error) => return refusal(&error),
            }
        }
        "reverse" => {
            let Some(payment) = paid else { return "–".to_owned() };
            match app.reverse_payment(context, payment, Reason { reason: "By mistake".to_owned() }).await {
                Ok(done) => {
                    let payment = done.into_new().unwrap();
                    (payment.invoice, payment.movement)
                }
                Err(error) => return refusal(&error),
            }
        }
        other => unreachable!("{other}"),
    };
    let invoice = invoice.expect("one invoice is shown");
    let kinds: Vec<&str> = movement.postings.iter().map(|transfer| transfer.kind.word()).collect();
    let kinds = if kinds.is_empty() { "nothing moves".to_owned() } else { kinds.join(", ") };
    format!("→ {} {}: {kinds}", invoice.status, invoice.payment_status)
}

fn refusal(error: &AppError) -> String {
    match error {
        AppError::Conflict { allowed, .. } if allowed.is_empty() => "409".to_owned(),
        AppError::Conflict { allowed, .. } => format!("409: {}", allowed.join(", ")),
        AppError::Forbidden(_) => "403".to_owned(),
        AppError::NotFound(_) => "404".to_owned(),
        AppError::Validation(_) => "422".to_owned(),
        other => panic!("{other}"),
    }
}

/// Carries out on another invoice in the state what a dry run allowed, which must come to the same. The events that it writes.
async fn done(app: &App, people: &People, who: &Context, (state, action, tried): (&str, &str, &str)) -> String {
    let (id, payment) = Box::pin(invoice(app, people, state, usize::MAX)).await;
    let before = events(app, &id).await;
    let context = People::with_key(who, &format!("do-{id}"));
    let came = Box::pin(outcome(app, &context, action, (&id, payment.as_deref()))).await;
    assert_eq!(came, tried, "{state}, {action}: what is done is what the dry run showed");
    let mut new = events(app, &id).await;
    for event in before {
        let place = new.iter().position(|other| *other == event).expect("events stay");
        new.remove(place);
    }
    if new.is_empty() { String::new() } else { format!("; {}", new.join(", ")) }
}

/// The kinds of an invoice's events, by name.
async fn events(app: &App, invoice: &str) -> Vec<String> {
    let sql = format!("SELECT kind FROM events WHERE invoice_id = '{invoice}' ORDER BY kind");
    let records = app.records();
    let rows = records.query_all_raw(Statement::from_string(records.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// The table as it is.
async fn table(app: &App) -> Vec<String> {
    let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
    let (client, user) = new_user(app, "carla", "CLIENT").await;
    let (stranger, _) = new_user(app, "mallory", "FREELANCER").await;
    let operator = as_operator(&stranger);
    let people = People { client, client_view: user, freelancer, operator, stranger };
    let mut rows = Vec::new();
    for (place, state) in STATES.iter().enumerate() {
        let (id, payment) = Box::pin(invoice(app, &people, state, place)).await;
        for action in ACTIONS {
            let mut row = format!("| {state} | {action} |");
            for who in [&people.stranger, &people.client, &people.freelancer, &people.operator] {
                let dry = who.clone().dry(true);
                let tried = Box::pin(outcome(app, &dry, action, (&id, payment.as_deref()))).await;
                let events = if tried.starts_with('→') {
                    Box::pin(done(app, &people, who, (state, action, &tried))).await
                } else {
                    String::new()
                };
                row.push_str(&format!(" {tried}{events} |"));
            }
            rows.push(row);
        }
    }
    rows
}

#[tokio::test]
async fn every_state_action_and_role_come_to_what_is_written() {
    let text = include_str!("../../../../docs/domain.md");
    let written: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "| State | Action | Stranger | Client | Freelancer | Operator |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    on_every_primary(async |app| {
        let found = table(app).await;
        assert_eq!(found, written, "docs/domain.md is to be brought up to date:\n{}\n", found.join("\n"));
    })
    .await;
}
