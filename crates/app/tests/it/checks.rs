//! Every invariant holds, and finds what breaks it.

use std::collections::BTreeSet;

use chainbill_app::{
    App, Context, INVARIANTS, MergeSkill, NewApplication, NewCreditNote, NewDisputeRequest, NewInvoice, NewLink,
    NewMilestone, NewPayout, NewProject, NewQuote, NewRefund, NewReview, NewSeries, NewUserSkill, NewVerification,
    OfferSettlement, ReleaseInvoice, SubmitWork, UserView,
};
use chainbill_testkit::sea_orm::ConnectionTrait as _;

use crate::world::{as_operator, euros, new_invoice, new_user, on_every_primary, paid_invoice};

/// An invariant and a statement that breaks it. `{part}`, `{full}` and `{out}` are invoices of 100 euros, paid with 40, 100 and 100;
/// 30 euros of the full one are credited, and 10 of those refunded; 60 of the one that is out are released, and the rest is in review.
const BREAKING: &[(&str, &str)] = &[
    (
        "transfers-balance",
        "UPDATE ledger_postings SET amount_minor = 4001 WHERE invoice_id = '{part}' AND kind = 'PAYMENT' AND position = 1",
    ),
    (
        "currencies-balance",
        "UPDATE ledger_postings SET currency = 'USD' WHERE invoice_id = '{part}' AND kind = 'PAYMENT' AND position = 1",
    ),
    (
        // Money that became a claim: the transfer sums to zero, and neither book does.
        "books-balance",
        "UPDATE ledger_postings SET account_kind = 'ESCROW' WHERE invoice_id = '{part}' AND account_kind = 'SETTLED'",
    ),
    ("paid-is-payments", "UPDATE invoices SET paid_minor = 3999 WHERE id = '{part}'"),
    ("paid-is-payments", "DELETE FROM payment_allocations WHERE invoice_id = '{part}'"),
    ("paid-is-payments", "UPDATE payments SET state = 'ANNOUNCED' WHERE external_ref = '{part}'"),
    (
        "paid-is-payments",
        "INSERT INTO payment_reversals SELECT id, 'why', NULL, created_at FROM payments WHERE external_ref = '{part}'",
    ),
    ("payments-are-for-invoices", "UPDATE payments SET currency = 'USD' WHERE external_ref = '{part}'"),
    ("payments-are-for-invoices", "UPDATE payments SET receiver_id = payer_id WHERE external_ref = '{part}'"),
    ("payments-are-for-invoices", "UPDATE payments SET amount_minor = 3999 WHERE external_ref = '{part}'"),
    ("payments-are-for-invoices", "UPDATE payment_allocations SET invoice_id = 'none' WHERE invoice_id = '{part}'"),
    ("payments-are-for-invoices", "DELETE FROM payments WHERE external_ref = '{part}'"),
    ("payments-are-posted", "DELETE FROM ledger_postings WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "UPDATE ledger_postings SET currency = 'USD' WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "UPDATE ledger_postings SET kind = 'REVERSAL' WHERE payment_id IS NOT NULL"),
    (
        // It stands there twice.
        "payments-are-posted",
        "INSERT INTO ledger_postings SELECT * FROM kept_ledger_postings WHERE invoice_id = '{part}'",
    ),
    (
        // Two wrong payments whose sums are right.
        "payments-are-posted",
        "UPDATE payments SET id = CASE external_ref WHEN '{part}' THEN 'a' ELSE 'b' END",
    ),
    ("payments-are-posted", "DELETE FROM payments WHERE external_ref = '{full}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET kind = 'UNKNOWN' WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET account_kind = 'UNKNOWN' WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET payment_id = NULL WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET account_method = NULL WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET credit_note_id = NULL"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET refund_id = NULL"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET account_client_id = NULL"),
    ("invoices-are-their-postings", "UPDATE ledger_postings SET invoice_id = '{full}' WHERE invoice_id = '{part}'"),
    (
        "invoices-are-their-postings",
        "UPDATE ledger_postings SET account_kind = 'AVAILABLE' WHERE invoice_id = '{part}' AND account_kind = 'ESCROW'",
    ),
    ("invoices-are-their-postings", "DELETE FROM ledger_postings WHERE invoice_id = '{part}' AND kind = 'BILLING'"),
    ("invoices-are-their-postings", "UPDATE invoices SET refunded_minor = 1 WHERE id = '{full}'"),
    ("invoices-are-their-postings", "UPDATE invoices SET released_minor = 1 WHERE id = '{full}'"),
    ("invoices-are-their-postings", "UPDATE invoices SET external_minor = 1 WHERE id = '{full}'"),
    ("invoices-are-their-postings", "UPDATE invoices SET credited_minor = 1 WHERE id = '{full}'"),
    ("escrows-are-of-invoices", "UPDATE ledger_postings SET invoice_id = 'none' WHERE invoice_id = '{part}'"),
    ("escrows-are-of-invoices", "UPDATE ledger_postings SET currency = 'USD' WHERE invoice_id = '{part}'"),
    ("escrows-are-of-invoices", "DELETE FROM invoices WHERE id = '{part}'"),
    ("credits-are-their-postings", "UPDATE client_credits SET balance_minor = 1"),
    ("credits-are-their-postings", "DELETE FROM client_credits"),
    ("credited-is-credit-notes", "DELETE FROM credit_notes"),
    ("credited-is-credit-notes", "UPDATE credit_notes SET refunded_minor = 1"),
    ("credit-note-numbers-have-no-gaps", "UPDATE credit_notes SET number_seq = 2"),
    ("credit-note-numbers-have-no-gaps", "UPDATE number_counters SET next_seq = 7 WHERE kind = 'CREDIT_NOTE'"),
    ("refunds-are-posted", "UPDATE refunds SET amount_minor = 1"),
    ("refunds-are-posted", "UPDATE refunds SET status = 'REQUESTED'"),
    ("states-agree-with-money", "UPDATE invoices SET escrow = 'RELEASED' WHERE id = '{full}'"),
    ("states-agree-with-money", "UPDATE invoices SET escrow = 'PARTIALLY_FUNDED' WHERE id = '{full}'"),
    ("states-agree-with-money", "UPDATE invoices SET status = 'REFUNDED' WHERE id = '{full}'"),
    ("frozen-content-verifies", "UPDATE invoice_lines SET description = 'Gift' WHERE invoice_id = '{part}'"),
    ("frozen-content-verifies", "UPDATE invoices SET canonical_hash = NULL WHERE id = '{part}'"),
    ("frozen-content-verifies", "UPDATE invoices SET canonical_version = 1 WHERE id = '{part}'"),
    ("totals-add-up", "UPDATE invoices SET total_minor = 1 WHERE id = '{part}'"),
    ("totals-add-up", "DELETE FROM invoice_lines WHERE invoice_id = '{part}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_seq = 7 WHERE id = '{full}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_seq = 1 WHERE id = '{full}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_seq = 3 WHERE id = '{series}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_year = 2001 WHERE id = '{series}'"),
    ("credit-note-numbers-have-no-gaps", "UPDATE credit_notes SET number_year = 2001"),
    ("credit-note-numbers-have-no-gaps", "DELETE FROM number_counters WHERE kind = 'CREDIT_NOTE'"),
    ("numbers-have-no-gaps", "UPDATE number_counters SET first_seq = 3"),
    ("counters-are-ahead", "UPDATE invoice_counters SET next_seq = 2"),
    ("counters-are-ahead", "UPDATE number_counters SET next_seq = 9"),
    ("counters-are-ahead", "UPDATE invoices SET series = 'built-in' WHERE id = '{series}'"),
    ("counters-are-ahead", "DELETE FROM number_counters"),
    ("quote-numbers-have-no-gaps", "UPDATE quotes SET number_seq = 2"),
    ("quote-numbers-have-no-gaps", "DELETE FROM number_counters WHERE kind = 'QUOTE'"),
    ("states-agree-with-money", "UPDATE invoices SET status = 'PAID' WHERE id = '{part}'"),
    ("states-agree-with-money", "UPDATE invoices SET payment_status = 'UNPAID' WHERE id = '{part}'"),
    ("tokens-are-unique", "UPDATE invoices SET token_id = 'same'"),
    ("anchors-are-of-paid-invoices", "UPDATE invoices SET anchor_status = 'QUEUED' WHERE id = '{part}'"),
    ("anchors-are-of-paid-invoices", "UPDATE invoices SET anchor_status = 'CONFIRMED' WHERE id = '{full}'"),
    ("anchors-are-of-paid-invoices", "UPDATE invoices SET token_id = '7' WHERE id = '{full}'"),
    ("anchors-are-of-paid-invoices", "UPDATE invoices SET tx_hash = '0xfeed' WHERE id = '{full}'"),
    ("anchors-are-their-mints", "UPDATE invoices SET anchor_status = 'QUEUED' WHERE id = '{full}'"),
    (
        "anchors-are-their-mints",
        "INSERT INTO mints (id, version, invoice_id, status, canonical_hash, canonical_form, builds, \
         created_at, updated_at) SELECT 'm', 1, id, 'QUEUED', canonical_hash, 'form', 0, created_at, \
         updated_at FROM invoices WHERE id = '{full}'",
    ),
    (
        "transactions-are-of-their-chain",
        "INSERT INTO mints (id, version, invoice_id, status, token_id, canonical_hash, canonical_form, chain, \
         tx_hash, signed_bytes, builds, created_at, updated_at) SELECT 'm', 1, id, 'SUBMITTED', '7', \
         canonical_hash, 'form', 'local:key', '0xfeed', '00', 1, created_at, updated_at FROM invoices WHERE \
         id = '{full}'",
    ),
    ("parties-exist", "DELETE FROM users WHERE role = 'CLIENT'"),
    ("children-have-parents", "UPDATE invoice_lines SET invoice_id = 'none'"),
    ("children-have-parents", "UPDATE project_milestones SET project_id = 'none'"),
    ("proposals-agree-with-projects", "UPDATE proposals SET open_freelancer_id = freelancer_id"),
    ("proposals-agree-with-projects", "UPDATE proposals SET status = 'OPEN', open_freelancer_id = freelancer_id"),
    ("proposals-agree-with-projects", "UPDATE projects SET freelancer_id = client_id"),
    ("proposals-agree-with-projects", "INSERT INTO proposals SELECT * FROM kept_proposals"),
    ("proposals-agree-with-projects", "DELETE FROM projects"),
    ("projects-agree-with-their-states", "UPDATE projects SET freelancer_id = NULL"),
    ("projects-agree-with-their-states", "UPDATE projects SET status = 'COMPLETED'"),
    ("projects-agree-with-their-states", "UPDATE projects SET budget_currency = 'USD'"),
    ("projects-agree-with-their-states", "UPDATE project_milestones SET status = 'PROPOSED'"),
    ("milestones-are-funded-once", "UPDATE invoices SET funds_milestone_id = NULL"),
    ("milestones-are-funded-once", "UPDATE invoices SET milestone_id = 'none' WHERE milestone_id IS NOT NULL"),
    ("milestones-are-funded-once", "UPDATE project_milestones SET amount_minor = 1"),
    ("milestones-are-funded-once", "UPDATE projects SET client_id = freelancer_id"),
    (
        "nothing-is-billed-on-cancelled",
        "UPDATE projects SET status = 'CANCELLED', cancelled_at = '2020-01-01 00:00:00.000'",
    ),
    ("events-are-sequenced", "UPDATE events SET position = 1 WHERE invoice_id = '{part}' AND kind = 'INVOICE_CREATED'"),
    ("events-are-sequenced", "INSERT INTO event_consumers VALUES ('early', 5, NULL, 0, '2026-01-01')"),
    ("invoices-are-their-postings", "UPDATE invoices SET fee_minor = 1 WHERE id = '{out}'"),
    ("available-is-its-postings", "UPDATE available_balances SET balance_minor = 1"),
    ("available-is-its-postings", "DELETE FROM available_balances"),
    ("available-is-its-postings", "INSERT INTO available_balances SELECT 'none', currency, -1 FROM available_balances"),
    ("payouts-are-posted", "UPDATE payouts SET amount_minor = 1"),
    ("payouts-are-posted", "UPDATE payouts SET status = 'PAID'"),
    ("payouts-are-posted", "UPDATE payouts SET status = 'CANCELLED'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET payout_id = NULL"),
    ("fees-follow-their-terms", "UPDATE invoices SET fee_bp = 100 WHERE id = '{out}'"),
    ("fees-follow-their-terms", "UPDATE invoices SET fee_minor = 1 WHERE id = '{part}'"),
    ("submitted-work-waits", "UPDATE invoices SET release_at = NULL WHERE id = '{out}'"),
    ("submitted-work-waits", "UPDATE invoices SET work_submitted_at = NULL WHERE id = '{out}'"),
    ("submitted-work-waits", "UPDATE invoices SET release_at = created_at WHERE id = '{part}'"),
    ("one-active-dispute", "UPDATE disputes SET active_invoice_id = NULL"),
    ("disputes-freeze-money", "UPDATE invoices SET escrow = 'HELD' WHERE escrow = 'DISPUTED'"),
    ("disputes-freeze-money", "UPDATE invoices SET escrow = 'DISPUTED' WHERE id = '{full}'"),
    ("disputes-freeze-money", "UPDATE disputes SET held_minor = held_minor + 1 WHERE status = 'OPEN'"),
    ("disputes-freeze-money", "UPDATE disputes SET active_invoice_id = 'none' WHERE status = 'OPEN'"),
    ("disputes-split-what-was-held", "UPDATE disputes SET for_client_minor = held_minor + 1 WHERE status = 'OPEN'"),
    ("disputes-split-what-was-held", "UPDATE disputes SET to_client_minor = NULL WHERE status = 'SETTLED'"),
    ("disputes-split-what-was-held", "UPDATE disputes SET to_client_minor = 1 WHERE status = 'OPEN'"),
    (
        "disputes-move-what-was-held",
        "UPDATE disputes SET to_client_minor = to_client_minor - 1 WHERE status = 'SETTLED'",
    ),
    ("disputes-move-what-was-held", "UPDATE disputes SET ended_at = created_at WHERE status = 'SETTLED'"),
    (
        "disputes-move-what-was-held",
        "DELETE FROM ledger_postings WHERE kind = 'RELEASE' AND invoice_id IN (SELECT invoice_id FROM disputes)",
    ),
    (
        // The money moved twice.
        "disputes-move-what-was-held",
        "INSERT INTO ledger_postings SELECT * FROM kept_ledger_postings WHERE kind = 'RELEASE'",
    ),
    ("voters-are-no-parties", "UPDATE disputes SET opened_by = 'none' WHERE status = 'OPEN'"),
    ("voters-are-no-parties", "UPDATE disputes SET client_id = freelancer_id WHERE status = 'OPEN'"),
    ("voters-are-no-parties", "UPDATE dispute_evidence SET given_by = 'none'"),
    ("voters-are-no-parties", "UPDATE dispute_votes SET voter_id = (SELECT MAX(client_id) FROM disputes)"),
    ("votes-decide-with-a-quorum", "INSERT INTO dispute_votes SELECT * FROM kept_dispute_votes"),
    ("votes-decide-with-a-quorum", "UPDATE disputes SET resolved_by = 'VOTE', outcome = 'FOR', quorum = 3"),
    ("reviews-are-of-completed-projects", "UPDATE projects SET status = 'IN_PROGRESS'"),
    ("reviews-are-of-completed-projects", "UPDATE reviews SET reviewee_id = reviewer_id"),
    ("reviews-are-of-completed-projects", "UPDATE reviews SET timeliness = 6"),
    ("reviews-are-of-completed-projects", "UPDATE reviews SET visible_at = NULL WHERE quality = 4"),
    ("reviews-are-of-completed-projects", "INSERT INTO reviews SELECT * FROM kept_reviews"),
    ("reputations-are-of-users", "UPDATE reputations SET user_id = 'none'"),
    ("reputations-are-of-users", "UPDATE reputations SET score = 101"),
    ("reputations-are-of-users", "UPDATE reputations SET score = score - 1"),
    ("reputations-are-of-users", "INSERT INTO reputations SELECT * FROM kept_reputations"),
    ("skills-are-in-the-catalogue", "UPDATE user_skills SET skill_id = 'none'"),
    ("skills-are-in-the-catalogue", "DELETE FROM skills"),
    ("skills-are-in-the-catalogue", "INSERT INTO user_skills SELECT * FROM kept_user_skills"),
    ("skills-are-in-the-catalogue", "INSERT INTO project_skills SELECT * FROM kept_project_skills"),
    ("skills-are-in-the-catalogue", "UPDATE skill_aliases SET name_key = 'rust'"),
    ("skills-are-in-the-catalogue", "UPDATE skill_aliases SET skill_id = 'none'"),
    ("verified-skills-have-evidence", "UPDATE skill_verifications SET status = 'REJECTED'"),
    ("verified-skills-have-evidence", "DELETE FROM skill_verifications"),
];

const TABLES: &[&str] = &[
    "users",
    "projects",
    "project_milestones",
    "proposals",
    "invoices",
    "invoice_lines",
    "invoice_counters",
    "number_counters",
    "quotes",
    "payments",
    "payment_allocations",
    "payment_reversals",
    "client_credits",
    "credit_notes",
    "refunds",
    "available_balances",
    "payouts",
    "mints",
    "ledger_postings",
    "disputes",
    "dispute_votes",
    "dispute_evidence",
    "project_skills",
    "reviews",
    "reputations",
    "skills",
    "skill_aliases",
    "skill_verifications",
    "user_skills",
    "events",
    "event_consumers",
];

/// An invoice whose number is the fourth and the first of a yearly series.
async fn in_a_series(app: &App, freelancer: &Context, client: &UserView) -> String {
    let new = NewSeries {
        kind: None,
        name: "Yearly".to_owned(),
        pattern: "Y{YY}-{SEQ:2}".to_owned(),
        yearly_restart: true,
        start: Some(4),
        default: false,
    };
    let series = app.create_series(freelancer, new).await.unwrap().into_new().unwrap().id;
    let draft = app.create_invoice(freelancer, new_invoice(client, Some(&series))).await.unwrap().into_new().unwrap();
    app.send_invoice(freelancer, &draft.id).await.unwrap().into_new().unwrap().id
}

/// Releases 60 of 100 euros, submits work for the rest, and asks for 20 to be paid out.
async fn released(app: &App, freelancer: &Context, client: &Context, invoice: &str) {
    let key = |context: &Context, key: &str| Context { idempotency_key: Some(key.to_owned()), ..context.clone() };
    let part = ReleaseInvoice { amount: Some(euros("60.00")) };
    app.release_invoice(&key(client, "release"), invoice, part).await.unwrap();
    app.submit_work(&key(freelancer, "submit"), invoice, SubmitWork::default()).await.unwrap();
    let (method, destination) = ("CARD".to_owned(), "4242".to_owned());
    let payout = NewPayout { amount: euros("20.00"), method, destination };
    app.request_payout(&key(freelancer, "payout"), payout).await.unwrap();
}

async fn sent_quote(app: &App, freelancer: &Context, client: &UserView) {
    let new = NewQuote { invoice: new_invoice(client, None), valid_until: None, due_in_days: None, series: None };
    let draft = app.create_quote(freelancer, new).await.unwrap().into_new().unwrap();
    app.send_quote(freelancer, &draft.id).await.unwrap();
}

/// A project in progress whose only milestone a sent invoice funds.
async fn contracted(app: &App, freelancer: &Context, (client, user): (&Context, &UserView)) {
    let new = NewProject {
        title: "Work".to_owned(),
        description: "Of some kind".to_owned(),
        budget: Some(euros("100.00")),
        deadline: None,
        skills: Vec::new(),
    };
    let project = app.create_project(client, new).await.unwrap().into_new().unwrap().id;
    let milestone = NewMilestone {
        title: "Audit".to_owned(),
        description: None,
        amount: euros("100.00"),
        deadline: None,
        replaces: None,
    };
    let planned = app.add_milestone(client, &project, milestone).await.unwrap().into_new().unwrap();
    let application = NewApplication { message: "Ready".to_owned(), amount: None, hourly_rate: None };
    let application = app.apply(freelancer, &project, application).await.unwrap().into_new().unwrap();
    app.accept_proposal(client, &application.id).await.unwrap();
    let new = NewInvoice {
        project_id: Some(project),
        milestone_id: Some(planned.milestones[0].id.clone()),
        ..new_invoice(user, None)
    };
    let draft = app.create_invoice(freelancer, new).await.unwrap().into_new().unwrap();
    app.send_invoice(freelancer, &draft.id).await.unwrap();
}

/// A completed project with both reviews, and what they make of the reputations.
async fn reviewed(app: &App, freelancer: &Context, client: &Context) {
    let new = NewProject {
        title: "Work".to_owned(),
        description: "Of some kind".to_owned(),
        budget: None,
        deadline: None,
        skills: vec!["Rust".to_owned()],
    };
    let project = app.create_project(client, new).await.unwrap().into_new().unwrap().id;
    let application = NewApplication { message: "Ready".to_owned(), amount: None, hourly_rate: None };
    let application = app.apply(freelancer, &project, application).await.unwrap().into_new().unwrap();
    app.accept_proposal(client, &application.id).await.unwrap();
    app.submit_project(freelancer, &project).await.unwrap();
    app.complete_project(client, &project).await.unwrap();
    for (by, score) in [(freelancer, 4), (client, 5)] {
        let review = NewReview {
            quality: score,
            communication: score,
            timeliness: score,
            professionalism: score,
            comment: None,
        };
        app.give_review(by, &project, review).await.unwrap();
    }
    app.recompute_reputations(|_| {}).await.unwrap();
}

/// A skill with another name, verified.
async fn verified(app: &App, freelancer: &Context) {
    let user = freelancer.actor().unwrap().user_id.to_string();
    let rust = |name: &str| NewUserSkill { name: name.to_owned(), level: "EXPERT".to_owned(), years: 3 };
    app.put_user_skill(freelancer, &user, rust("Rust")).await.unwrap();
    let known = app.put_user_skill(freelancer, &user, rust("Rustlang")).await.unwrap().into_new().unwrap();
    let ids: Vec<String> = known.skills.iter().map(|skill| skill.skill_id.clone()).collect();
    let operator = as_operator(freelancer);
    app.merge_skill(&operator, &ids[1], MergeSkill { into: ids[0].clone() }).await.unwrap();
    let evidence = NewVerification { links: Vec::new(), text: Some("Mine".to_owned()) };
    let pending = app.submit_verification(freelancer, &user, &ids[0], evidence).await.unwrap().into_new().unwrap();
    app.verify_skill(&operator, &pending.id).await.unwrap();
}

async fn run(app: &App, sql: &str) {
    app.records().execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn broken(app: &App) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    for invariant in INVARIANTS {
        if !app.violations(invariant).await.unwrap().is_empty() {
            broken.insert(invariant.name);
        }
    }
    broken
}

/// Rebuilds the tables without the constraints that would refuse most of the broken rows; the rows stay.
async fn lay_open(app: &App) {
    for table in TABLES {
        run(app, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        run(app, &format!("DROP TABLE {table}")).await;
        run(app, &format!("CREATE TABLE {table} AS SELECT * FROM kept_{table}")).await;
    }
}

async fn restore(app: &App) {
    for table in TABLES {
        run(app, &format!("DELETE FROM {table}")).await;
        run(app, &format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
    }
}

/// Credits 30 euros of a paid invoice, of which an operator gives 10 back.
async fn credited(app: &App, freelancer: &Context, client: &UserView, invoice: &str) {
    let key = |context: &Context, key: &str| Context { idempotency_key: Some(key.to_owned()), ..context.clone() };
    let note = NewCreditNote { amount: Some(euros("30.00")), reason: "Less work".to_owned() };
    app.credit_invoice(&key(freelancer, "note"), invoice, note).await.unwrap();
    let refund = NewRefund {
        freelancer_id: Some(freelancer.actor().unwrap().user_id.to_string()),
        client_id: Some(client.id.clone()),
        custody: "PLATFORM".to_owned(),
        amount: euros("10.00"),
        method: "CARD".to_owned(),
        external_ref: Some("back".to_owned()),
        payment_id: None,
        reason: None,
    };
    app.refund_credit(&key(&as_operator(freelancer), "refund"), refund).await.unwrap();
}

/// An open dispute with a vote, and one that was settled: the client gets 25 of 100 euros.
async fn disputed(app: &App, freelancer: &Context, client: (&Context, &UserView)) {
    let open = async || {
        let invoice = paid_invoice(app, freelancer, client, "100.00").await;
        let link = NewLink { url: "https://example.org/thread".to_owned(), note: "What was agreed".to_owned() };
        let new = NewDisputeRequest {
            invoice_id: invoice,
            reason: "Late".to_owned(),
            description: "Nothing came".to_owned(),
            to_client_on_for: euros("100.00"),
            to_client_on_against: euros("0.00"),
            evidence: vec![link],
        };
        app.open_dispute(client.0, new).await.unwrap().into_new().unwrap().id
    };
    let voted = open().await;
    let vote = format!(
        "INSERT INTO dispute_votes (dispute_id, position, voter_id, choice, created_at) SELECT id, 0, 'voter', 'FOR', created_at \
         FROM disputes WHERE id = '{voted}'"
    );
    run(app, &vote).await;
    let settled = open().await;
    app.offer_settlement(client.0, &settled, OfferSettlement { to_client: euros("25.00") }).await.unwrap();
    let accepts = Context { idempotency_key: Some(settled.clone()), ..freelancer.clone() };
    app.accept_settlement(&accepts, &settled, OfferSettlement { to_client: euros("25.00") }).await.unwrap();
}

#[tokio::test]
async fn every_invariant_holds_and_finds_what_breaks_it() {
    let named: BTreeSet<&str> = BREAKING.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, INVARIANTS.iter().map(|invariant| invariant.name).collect(), "each is broken here");
    on_every_primary(async |app| {
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let (client, user) = new_user(app, "carla", "CLIENT").await;
        let part = paid_invoice(app, &freelancer, (&client, &user), "40.00").await;
        let full = paid_invoice(app, &freelancer, (&client, &user), "100.00").await;
        credited(app, &freelancer, &user, &full).await;
        let out = paid_invoice(app, &freelancer, (&client, &user), "100.00").await;
        Box::pin(released(app, &freelancer, &client, &out)).await;
        let series = in_a_series(app, &freelancer, &user).await;
        sent_quote(app, &freelancer, &user).await;
        let (other, _) = new_user(app, "ada", "FREELANCER").await;
        contracted(app, &other, (&client, &user)).await;
        disputed(app, &freelancer, (&client, &user)).await;
        reviewed(app, &freelancer, &client).await;
        verified(app, &freelancer).await;
        lay_open(app).await;
        assert_eq!(broken(app).await, BTreeSet::new());
        for (name, sql) in BREAKING {
            let ids = [("{part}", &part), ("{full}", &full), ("{out}", &out), ("{series}", &series)];
            run(app, &ids.iter().fold((*sql).to_owned(), |sql, (name, id)| sql.replace(name, id))).await;
            let found = broken(app).await;
            assert!(found.contains(name), "{name} does not find it: {sql}, only {found:?} on {}", app.engine());
            restore(app).await;
        }
        assert_eq!(broken(app).await, BTreeSet::new());
    })
    .await;
}
