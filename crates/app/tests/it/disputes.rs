//! Disputes: every outcome, every refused vote, many at once, on every primary.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chainbill_app::{
    AnswerDispute, App, AppError, AppealDispute, CastVote, Context, DecideDispute, DisputeFilter, DisputeView,
    INVARIANTS, NewCreditNote, NewDisputeRequest, NewLink, OfferSettlement, PartyFilter, Reason, RefundInvoice,
    ReleaseInvoice, Settings, SubmitWork, UserView,
    jobs::{JobRunner, kinds},
};
use chainbill_testkit::{EMBEDDED, Fresh, ManualClock, primaries};

use crate::{
    voters::{Voter, voters},
    world::{as_operator, euros, new_user, paid_invoice},
};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// Runs a story on every primary, with a clock that stands until it is turned.
async fn story(story: impl AsyncFn(&App, &ManualClock, &People)) {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap()));
        let app = App::new(fresh.records_at(clock.clone()).await, Settings::default());
        let people = People::of(&app).await;
        Box::pin(story(&app, &clock, &people)).await;
        for invariant in INVARIANTS {
            assert_eq!(app.violations(invariant).await.unwrap(), Vec::<String>::new(), "{}", invariant.name);
        }
        app.records().close().await;
        fresh.remove().await;
    }
}

pub struct People {
    pub client: Context,
    pub client_view: UserView,
    pub freelancer: Context,
    pub operator: Context,
}

impl People {
    pub async fn of(app: &App) -> Self {
        let (client, client_view) = new_user(app, "carla", "CLIENT").await;
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let operator = as_operator(&new_user(app, "olga", "FREELANCER").await.0);
        Self { client, client_view, freelancer, operator }
    }
}

pub fn keyed(context: &Context, key: &str) -> Context {
    Context { idempotency_key: Some(key.to_owned()), ..context.clone() }
}

pub fn request(invoice: &str) -> NewDisputeRequest {
    let link = NewLink { url: "https://example.org/thread".to_owned(), note: "What was agreed".to_owned() };
    NewDisputeRequest {
        invoice_id: invoice.to_owned(),
        reason: "Late".to_owned(),
        description: "Nothing came".to_owned(),
        to_client_on_for: euros("80.00"),
        to_client_on_against: euros("10.00"),
        evidence: vec![link],
    }
}

/// A dispute over 100 euros that the client opened.
pub async fn opened(app: &App, people: &People) -> DisputeView {
    let invoice = paid_invoice(app, &people.freelancer, (&people.client, &people.client_view), "100.00").await;
    app.open_dispute(&people.client, request(&invoice)).await.unwrap().into_new().unwrap()
}

pub fn answer() -> AnswerDispute {
    AnswerDispute { text: "It came on Monday".to_owned(), evidence: Vec::new() }
}

/// The same, answered by the freelancer.
pub async fn voting(app: &App, people: &People) -> String {
    let id = opened(app, people).await.id;
    app.answer_dispute(&people.freelancer, &id, answer()).await.unwrap();
    id
}

pub fn ballot(choice: &str) -> CastVote {
    CastVote { choice: choice.to_owned(), comment: Some("I read both".to_owned()) }
}

async fn vote(app: &App, id: &str, choices: &[&str], by: &[Context]) {
    for (choice, voter) in choices.iter().zip(by) {
        app.vote_on_dispute(voter, id, ballot(choice)).await.unwrap();
    }
}

fn amount(euros: &str) -> Option<chainbill_app::MoneyView> {
    Some(crate::world::euros(euros))
}

async fn pass(app: &App, clock: &ManualClock, days: u32) {
    clock.forward(DAY * days);
    JobRunner::new(app.clone(), kinds(), "worker".to_owned()).run_due().await.unwrap();
}

/// How a dispute stands for an operator: status, outcome, who decided, what goes to the client.
async fn stands(app: &App, people: &People, id: &str) -> (String, String, String, String) {
    let dispute = app.dispute(&people.operator, id).await.unwrap();
    let word = |word: Option<String>| word.unwrap_or_default();
    (
        dispute.status.to_string(),
        word(dispute.outcome.map(|it| it.to_string())),
        word(dispute.resolved_by.map(|it| it.to_string())),
        word(dispute.split.map(|split| split.to_client.amount)),
    )
}

fn is(words: [&str; 4]) -> (String, String, String, String) {
    let [a, b, c, d] = words.map(str::to_owned);
    (a, b, c, d)
}

/// What the invoice of a dispute says of its money: escrow, and what credit notes gave back.
async fn money(app: &App, people: &People, id: &str) -> (String, Vec<String>) {
    let dispute = app.dispute(&people.operator, id).await.unwrap();
    let invoice = app.invoice(&people.client, &dispute.invoice_id.unwrap()).await.unwrap();
    let notes = app.credit_notes(&people.client, &PartyFilter::default()).await.unwrap().data;
    let of_it = notes.into_iter().filter(|note| note.invoice_id == invoice.id);
    (invoice.escrow.to_string(), of_it.map(|note| note.refunded.amount).collect())
}

#[tokio::test]
async fn disputes_are_decided_by_votes_silence_operators_and_halves() {
    story(async |app, clock, people| {
        let electors = voters(app, &(0..4).map(Voter::good).collect::<Vec<_>>()).await;
        let silent = opened(app, people).await.id;
        let (on_for, against) = (voting(app, people).await, voting(app, people).await);
        let (tied, few) = (voting(app, people).await, voting(app, people).await);
        vote(app, &on_for, &["FOR", "AGAINST", "FOR"], &electors).await;
        vote(app, &against, &["AGAINST", "AGAINST", "FOR", "AGAINST"], &electors).await;
        vote(app, &tied, &["AGAINST", "AGAINST", "FOR", "FOR"], &electors).await;
        vote(app, &few, &["FOR", "FOR"], &electors).await;
        pass(app, clock, 5).await;
        assert_eq!(stands(app, people, &silent).await, is(["RESOLVED", "FOR", "NO_ANSWER", "80.00"]));
        assert_eq!(stands(app, people, &on_for).await, is(["VOTING", "", "", ""]));
        pass(app, clock, 2).await;
        assert_eq!(stands(app, people, &on_for).await, is(["RESOLVED", "FOR", "VOTE", "80.00"]));
        assert_eq!(stands(app, people, &against).await, is(["RESOLVED", "AGAINST", "VOTE", "10.00"]));
        assert_eq!(stands(app, people, &tied).await, is(["RESOLVED", "TIED", "VOTE", ""]));
        assert_eq!(stands(app, people, &few).await, is(["RESOLVED", "NO_QUORUM", "VOTE", ""]));
        assert_eq!(money(app, people, &on_for).await, ("DISPUTED".to_owned(), Vec::new()), "the appeal is waited out");
        let waiting = DisputeFilter { awaits_decision: Some(true), ..DisputeFilter::default() };
        assert_eq!(app.disputes(&people.operator, &waiting).await.unwrap().data.len(), 2);
        let decision =
            DecideDispute { outcome: None, to_client: amount("33.33"), reason: "A third was missing".to_owned() };
        app.decide_dispute(&people.operator, &tied, decision).await.unwrap();
        let why = AppealDispute { reason: "The delivery was overlooked".to_owned() };
        app.appeal_dispute(&people.client, &against, why.clone()).await.unwrap();
        app.appeal_dispute(&people.freelancer, &on_for, why).await.unwrap();
        let again = DecideDispute { outcome: Some("FOR".to_owned()), to_client: None, reason: "It was".to_owned() };
        app.decide_dispute(&people.operator, &against, again).await.unwrap();
        pass(app, clock, 0).await;
        assert_eq!(stands(app, people, &against).await, is(["EXECUTED", "FOR", "OPERATOR", "80.00"]));
        assert_eq!(money(app, people, &against).await, ("RELEASED".to_owned(), vec!["80.00".to_owned()]));
        pass(app, clock, 3).await;
        assert_eq!(stands(app, people, &silent).await, is(["EXECUTED", "FOR", "NO_ANSWER", "80.00"]));
        assert_eq!(stands(app, people, &tied).await, is(["EXECUTED", "SPLIT", "OPERATOR", "33.33"]));
        assert_eq!(stands(app, people, &on_for).await.0, "RESOLVED", "an operator has not answered the appeal");
        pass(app, clock, 30).await;
        assert_eq!(stands(app, people, &on_for).await, is(["EXECUTED", "FOR", "VOTE", "80.00"]));
        assert_eq!(stands(app, people, &few).await, is(["EXECUTED", "SPLIT", "DEADLINE", "50.00"]));
        for id in [&silent, &on_for, &against, &tied, &few] {
            let (escrow, notes) = money(app, people, id).await;
            assert_eq!((escrow.as_str(), notes.len()), ("RELEASED", 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_dispute_is_withdrawn_or_settled_and_frozen_money_moves_by_nothing_else() {
    story(async |app, clock, people| {
        let dispute = opened(app, people).await;
        let (id, invoice) = (&dispute.id, dispute.invoice_id.clone().unwrap());
        let names_it = |error: AppError| match error {
            AppError::Conflict { current, detail, .. } => {
                assert!(current == "DISPUTED" && detail.contains(id.as_str()), "{current}: {detail}");
            }
            other => panic!("{other}"),
        };
        let (client, freelancer) = (keyed(&people.client, "c"), keyed(&people.freelancer, "f"));
        names_it(app.release_invoice(&client, &invoice, ReleaseInvoice::default()).await.unwrap_err());
        names_it(app.submit_work(&freelancer, &invoice, SubmitWork::default()).await.unwrap_err());
        let note = NewCreditNote { amount: amount("1.00"), reason: "Less".to_owned() };
        names_it(app.credit_invoice(&freelancer, &invoice, note).await.unwrap_err());
        let back = RefundInvoice {
            amount: None,
            method: "CARD".to_owned(),
            external_ref: None,
            reason: "Cancelled".to_owned(),
        };
        names_it(app.refund_invoice(&freelancer, &invoice, back).await.unwrap_err());
        let filter = chainbill_app::PaymentFilter { invoice_id: Some(invoice.clone()), ..Default::default() };
        let payment = app.payments(&people.client, &filter).await.unwrap().data.remove(0).id;
        let why = Reason { reason: "By mistake".to_owned() };
        names_it(app.reverse_payment(&keyed(&people.operator, "o"), &payment, why).await.unwrap_err());
        names_it(app.open_dispute(&people.freelancer, request(&invoice)).await.unwrap_err());

        app.withdraw_dispute(&people.client, id).await.unwrap();
        assert_eq!(money(app, people, id).await, ("HELD".to_owned(), Vec::new()));
        let again = app.open_dispute(&people.freelancer, request(&invoice)).await.unwrap().into_new().unwrap();
        let offer = OfferSettlement { to_client: euros("25.00") };
        app.offer_settlement(&people.client, &again.id, offer).await.unwrap();
        let split = |amount: &str| OfferSettlement { to_client: euros(amount) };
        let own = app.accept_settlement(&keyed(&people.client, "own"), &again.id, split("25.00")).await.unwrap_err();
        assert!(matches!(own, AppError::Forbidden(_)), "{own}");
        let dry = app.accept_settlement(&people.freelancer.clone().dry(true), &again.id, split("25.00")).await.unwrap();
        assert_eq!(dry.into_new().unwrap().movement.postings.len(), 3, "released, credited and given back");
        let other = app.accept_settlement(&keyed(&people.freelancer, "other"), &again.id, split("24.00")).await;
        assert!(matches!(other, Err(AppError::Conflict { .. })), "what is accepted is what was seen: {other:?}");
        let settled =
            app.accept_settlement(&keyed(&people.freelancer, "yes"), &again.id, split("25.00")).await.unwrap();
        assert_eq!(settled.into_new().unwrap().status.to_string(), "SETTLED");
        assert_eq!(money(app, people, &again.id).await, ("RELEASED".to_owned(), vec!["25.00".to_owned()]));
        pass(app, clock, 60).await;
        assert_eq!(stands(app, people, id).await.0, "WITHDRAWN");
        assert_eq!(stands(app, people, &again.id).await, is(["SETTLED", "", "", "25.00"]));
    })
    .await;
}

#[tokio::test]
async fn a_vote_is_refused_with_its_reason_and_hidden_until_it_is_closed() {
    story(async |app, clock, people| {
        let id = voting(app, people).await;
        let kinds_of_voters = [
            Voter { verified: false, ..Voter::good(1) },
            Voter { age_days: 30, ..Voter::good(2) },
            Voter { reputation: Some(49), ..Voter::good(3) },
            Voter { reputation: None, ..Voter::good(4) },
            Voter { wallet: Some("0xabc".to_owned()), ..Voter::good(5) },
            Voter { wallet: Some("0xABC".to_owned()), ..Voter::good(6) },
            // The address of the first of these two.
            Voter::good(5),
        ];
        let they = voters(app, &kinds_of_voters).await;
        let refused = async |who: &Context| match app.vote_on_dispute(who, &id, ballot("FOR")).await {
            Err(AppError::Ineligible(why)) => why.code(),
            Err(AppError::Conflict { .. }) => "conflict",
            other => panic!("{other:?}"),
        };
        let open_to = async |who: &Context| {
            let filter = DisputeFilter { role: Some("voter".to_owned()), ..DisputeFilter::default() };
            app.disputes(who, &filter).await.unwrap().data
        };
        for (who, code) in they.iter().zip([
            "voter-not-verified",
            "voter-account-too-young",
            "voter-reputation-too-low",
            "voter-reputation-too-low",
        ]) {
            assert_eq!((refused(who).await, open_to(who).await.len()), (code, 0));
            assert!(app.dispute(who, &id).await.is_err(), "who may not vote does not see it");
        }
        assert_eq!(refused(&people.client).await, "voter-is-party");
        assert_eq!(refused(&people.operator).await, "voter-is-operator");
        let shown = open_to(&they[4]).await.remove(0);
        assert_eq!((shown.invoice_id.as_ref(), shown.held.amount.as_str()), (None, "100.00"));
        let mine = app.vote_on_dispute(&they[4], &id, ballot("FOR")).await.unwrap().into_new().unwrap();
        assert_eq!((mine.my_vote.is_some(), mine.tally.is_none(), mine.votes.is_none()), (true, true, true));
        assert_eq!(refused(&they[5]).await, "voter-shares-wallet");
        assert_eq!(refused(&they[6]).await, "voter-shares-address");
        assert_eq!(refused(&they[4]).await, "conflict", "a vote is final");
        assert_eq!(open_to(&they[4]).await.len(), 0);
        let before = app.dispute(&people.client, &id).await.unwrap();
        let good = voters(app, &[Voter::good(20), Voter::good(21)]).await;
        vote(app, &id, &["FOR", "AGAINST"], &good).await;
        for who in [&people.client, &people.freelancer, &people.operator] {
            let seen = app.dispute(who, &id).await.unwrap();
            assert!(seen.tally.is_none() && seen.votes.is_none() && seen.my_vote.is_none());
            assert_eq!(
                (seen.version, &seen.updated_at),
                (before.version, &before.updated_at),
                "nor how many there are"
            );
        }
        pass(app, clock, 7).await;
        for who in [&people.client, &good[1]] {
            let seen = app.dispute(who, &id).await.unwrap();
            let tally = seen.tally.unwrap();
            assert_eq!((tally.on_for, tally.on_against, seen.votes.as_ref().unwrap().len()), (2, 1, 3));
            assert!(seen.votes.unwrap().iter().all(|vote| vote.voter_id.is_none()));
        }
    })
    .await;
}

#[tokio::test]
async fn sixty_four_votes_at_once_are_counted_and_of_one_voter_one() {
    story(async |app, clock, people| {
        let many = voters(app, &(0..64).map(Voter::good).collect::<Vec<_>>()).await;
        let id = voting(app, people).await;
        let choice = |place: usize| if place.is_multiple_of(4) { "AGAINST" } else { "FOR" };
        let votes = many.iter().enumerate().map(async |(place, who)| {
            // A busy database asks to come again.
            loop {
                match app.vote_on_dispute(who, &id, ballot(choice(place))).await {
                    Ok(_) => return,
                    Err(AppError::Records(_)) => tokio::task::yield_now().await,
                    Err(other) => panic!("{other}"),
                }
            }
        });
        futures::future::join_all(votes).await;
        let once = voting(app, people).await;
        let tries = (0..64).map(|_| app.vote_on_dispute(&many[0], &once, ballot("FOR")));
        let came = futures::future::join_all(tries).await;
        assert_eq!(came.iter().filter(|it| it.is_ok()).count(), 1);
        pass(app, clock, 7).await;
        let tally = app.dispute(&people.client, &id).await.unwrap().tally.unwrap();
        assert_eq!((tally.on_for, tally.on_against), (48, 16));
        let tally = app.dispute(&people.client, &once).await.unwrap().tally.unwrap();
        assert_eq!((tally.on_for, tally.on_against), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_dispute_and_an_automatic_release_in_one_moment_have_one_outcome() {
    story(async |app, clock, people| {
        let mut outcomes = BTreeSet::new();
        for _ in 0..8 {
            let invoice = paid_invoice(app, &people.freelancer, (&people.client, &people.client_view), "100.00").await;
            app.submit_work(&keyed(&people.freelancer, &invoice), &invoice, SubmitWork::default()).await.unwrap();
            clock.forward(DAY * 14);
            let runner = JobRunner::new(app.clone(), kinds(), "worker".to_owned());
            let (_, opening) =
                futures::future::join(runner.run_due(), app.open_dispute(&people.client, request(&invoice))).await;
            // A job that met the other's lock is due again later.
            clock.forward(Duration::from_secs(120));
            runner.run_due().await.unwrap();
            let escrow = app.invoice(&people.client, &invoice).await.unwrap().escrow.to_string();
            assert_eq!(escrow, if opening.is_ok() { "DISPUTED" } else { "RELEASED" }, "exactly one of both");
            outcomes.insert(escrow);
        }
        assert!(!outcomes.is_empty());
    })
    .await;
}
