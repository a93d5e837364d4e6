use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{
    id::Id,
    states::{Role, VoteChoice},
};

fn id<K>(place: u8) -> Id<K> {
    Id::new(Timestamp::default(), [place; 10])
}

fn held(minor: i64) -> Money {
    Money { minor, currency: "EUR".parse().expect("a currency") }
}

fn at(days: i64) -> Occasion {
    moment(TimeDelta::days(days))
}

fn moment(after: TimeDelta) -> Occasion {
    Occasion { at: Timestamp::default() + after, event_id: id(9) }
}

fn opened(plan: Plan) -> Dispute {
    let new = NewDispute {
        id: id(1),
        invoice_id: id(2),
        parties: Counterparties { freelancer: id(3), client: id(4) },
        opened_by: id(4),
        claim: Claim { reason: "Late".to_owned(), description: "Nothing came".to_owned() },
        plan,
        evidence: Vec::new(),
    };
    Dispute::open(new, &Terms::default(), at(0)).state
}

fn plan(minor: i64) -> Plan {
    Plan::of(held(minor), minor, 0).expect("it differs")
}

fn voting(minor: i64, choices: &[VoteChoice]) -> Dispute {
    let answered = opened(plan(minor)).answer("It came".to_owned(), Vec::new(), &Terms::default(), at(1));
    let mut dispute = answered.expect("it is open").next;
    for (place, choice) in (10..).zip(choices) {
        let vote = Vote { voter: id(place), choice: *choice, comment: None, at: at(2).at };
        dispute = dispute.vote(vote, at(2)).expect("it is voted on").next;
    }
    dispute
}

/// Lets all deadlines pass that have come by a moment; what is to be done with the money, each time.
fn passed(mut dispute: Dispute, occasion: Occasion) -> (Dispute, Vec<i64>) {
    let mut moved = Vec::new();
    loop {
        dispute = match dispute.clone().pass_deadline(&Terms::default(), occasion) {
            None => return (dispute, moved),
            Some(Passed::Step(step)) => step.next,
            Some(Passed::Execution(step)) => {
                moved.push(step.next.to_client.expect("it is decided"));
                step.next
            }
        };
    }
}

#[test]
fn silence_is_for_the_opener_and_the_money_waits_out_the_appeal() {
    let (open, _) = passed(opened(plan(100)), at(4));
    assert_eq!(open.status, DisputeStatus::Open);
    let (resolved, _) = passed(open, at(5));
    assert_eq!((resolved.outcome, resolved.to_client), (Some(DisputeOutcome::For), Some(100)));
    assert_eq!(resolved.deadline(), Some((Deadline::Execution, at(8).at)));
    let (waits, moved) = passed(resolved, moment(TimeDelta::days(8) - TimeDelta::milliseconds(1)));
    assert!(moved.is_empty());
    let (executed, moved) = passed(waits, at(8));
    assert_eq!((executed.status, moved), (DisputeStatus::Executed, vec![100]));
}

#[test]
fn votes_decide_with_a_quorum_and_an_operator_or_the_half_without_one() {
    use VoteChoice::{Against, For};
    for (choices, outcome, to_client) in [
        (&[For, For, Against][..], DisputeOutcome::For, Some(101)),
        (&[Against, For, Against], DisputeOutcome::Against, Some(0)),
        (&[For, For, Against, Against], DisputeOutcome::Tied, None),
        (&[For, For], DisputeOutcome::NoQuorum, None),
        (&[], DisputeOutcome::NoQuorum, None),
    ] {
        let (resolved, _) = passed(voting(101, choices), at(8));
        assert_eq!((resolved.outcome, resolved.to_client), (Some(outcome), to_client));
        assert_eq!(resolved.awaits_decision(), to_client.is_none());
        // 101 are 51 and 50.
        let (executed, moved) = passed(resolved, at(60));
        assert_eq!((executed.status, moved), (DisputeStatus::Executed, vec![to_client.unwrap_or(51)]));
    }
}

#[test]
fn a_clock_that_jumps_leads_through_all_deadlines_in_their_order() {
    let (executed, moved) = passed(voting(100, &[]), at(365));
    assert_eq!(moved, [50]);
    let days = |at: Option<Timestamp>| at.map(|at| (at - Timestamp::default()).num_days());
    let Deadlines { answer, vote, decision, appeal } = executed.until;
    assert_eq!([answer, vote, decision, appeal].map(days), [Some(5), Some(8), Some(15), Some(18)]);
    assert_eq!((days(executed.resolved_at), days(executed.ended_at)), (Some(15), Some(365)));
}

#[test]
fn an_appeal_is_decided_once_or_the_first_decision_stands() {
    let (resolved, _) = passed(opened(plan(100)), at(5));
    let terms = Terms::default();
    let appealed = resolved.appeal(id(3), "I was ill".to_owned(), &terms, at(6)).expect("in time").next;
    assert_eq!(appealed.clone().appeal(id(4), String::new(), &terms, at(6)).expect_err("once").current, "RESOLVED");
    let decision = Decision { by: id(8), to_client: 30, reason: "Some came".to_owned() };
    let decided = appealed.clone().decide(decision.clone(), &terms, at(7)).expect("it is asked").next;
    assert_eq!((decided.outcome, decided.to_client), (Some(DisputeOutcome::Split), Some(30)));
    let again = decided.clone().decide(decision, &terms, at(7)).expect_err("it was decided");
    assert!(again.allowed.is_empty(), "the money is to move: {again}");
    assert_eq!(passed(decided, at(7)).1, [30]);
    assert!(passed(appealed.clone(), at(12)).1.is_empty());
    assert_eq!(passed(appealed, at(13)).1, [100], "the first decision stands");
}

#[test]
fn nothing_is_allowed_past_a_deadline_that_the_machine_has_not_passed_yet() {
    let late = opened(plan(100)).answer(String::new(), Vec::new(), &Terms::default(), at(5)).expect_err("it is over");
    assert_eq!((late.to_string().as_str(), late.allowed.len()), ("a dispute that is OPEN cannot be answered", 0));
    let vote = Vote { voter: id(20), choice: VoteChoice::For, comment: None, at: at(8).at };
    assert!(voting(100, &[]).vote(vote, at(8)).is_err());
}

#[test]
fn who_lacks_something_may_not_vote_and_hears_what() {
    let dispute = voting(100, &[VoteChoice::For]);
    let (terms, now) = (VoterTerms { reputation: 50, account: TimeDelta::days(30) }, at(40).at);
    let good = Candidate {
        user: id(30),
        role: Role::Freelancer,
        is_verified: true,
        since: at(9).at,
        reputation: Some(50),
        shares_address: false,
        shares_wallet: false,
    };
    assert_eq!(dispute.admit(&good, &terms, now), Ok(()));
    for (candidate, why) in [
        (Candidate { user: id(3), ..good }, Ineligible::Party),
        (Candidate { user: id(4), is_verified: false, ..good }, Ineligible::Party),
        (Candidate { role: Role::Admin, ..good }, Ineligible::Operator),
        (Candidate { is_verified: false, ..good }, Ineligible::Unverified),
        (Candidate { since: at(10).at, ..good }, Ineligible::Young),
        (Candidate { reputation: Some(49), ..good }, Ineligible::Reputation),
        (Candidate { reputation: None, ..good }, Ineligible::Reputation),
        (Candidate { shares_address: true, ..good }, Ineligible::Address),
        (Candidate { shares_wallet: true, ..good }, Ineligible::Wallet),
    ] {
        assert_eq!(dispute.admit(&candidate, &terms, now), Err(why));
    }
}

/// One of everything that can happen; the days that pass before it.
type Asked = (u8, i64, u8, i64);

/// What was asked, where it is an action, and what came of it.
fn act(dispute: &Dispute, (kind, _, who, share): Asked, occasion: Occasion) -> (Action, Result<Dispute, Refusal>) {
    let (terms, text) = (Terms::default(), String::new());
    let party = if who % 2 == 0 { dispute.opened_by } else { dispute.other() };
    let to_client = share % (dispute.plan.held.minor + 1);
    let this = dispute.clone();
    let next = |change: Result<Transition<Dispute>, Refusal>| change.map(|change| change.next);
    match kind {
        0 => (Action::AddEvidence, next(this.add_evidence(Vec::new(), occasion))),
        1 => (Action::Answer, next(this.answer(text, Vec::new(), &terms, occasion))),
        2 => (Action::Decide, next(this.decide(Decision { by: id(8), to_client, reason: text }, &terms, occasion))),
        3 => (Action::Appeal, next(this.appeal(party, text, &terms, occasion))),
        4 => (Action::Withdraw, next(this.withdraw(occasion))),
        5 => (Action::Offer, next(this.offer(party, to_client, occasion))),
        6 => (Action::Accept, next(this.accept(party, occasion))),
        _ => {
            let choice = if share % 2 == 0 { VoteChoice::For } else { VoteChoice::Against };
            let vote = Vote { voter: id(100 + who), choice, comment: None, at: occasion.at };
            (Action::Vote, next(this.vote(vote, occasion)))
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_actions_and_deadlines_ends_in_one_outcome_whose_split_is_what_was_held(
        minor in 1_i64..1000,
        on_for in 0_i64..1000,
        all in prop::collection::vec((0_u8..12, 0_i64..4, 0_u8..100, 0_i64..1000), 0..40),
        is_prompt in any::<bool>(),
    ) {
        let on_for = on_for % (minor + 1);
        let on_against = if on_for == 0 { minor } else { 0 };
        let mut dispute = opened(Plan::of(held(minor), on_for, on_against).expect("it differs"));
        let (mut days, mut moved, mut appeals) = (0, Vec::new(), 0);
        for asked in all {
            days += asked.1;
            if is_prompt {
                let (next, new) = passed(dispute, at(days));
                dispute = next;
                moved.extend(new);
            }
            let was_settled = dispute.status == DisputeStatus::Settled;
            let (action, result) = act(&dispute, asked, at(days));
            prop_assert_eq!(result.is_ok(), dispute.allowed(at(days).at).contains(&action), "{:?} {:?}", action, &dispute);
            if result.is_ok() && action == Action::Appeal {
                appeals += 1;
            }
            dispute = result.unwrap_or(dispute);
            if dispute.status == DisputeStatus::Settled && !was_settled {
                moved.push(dispute.to_client.expect("it was agreed"));
            }
            prop_assert_eq!(dispute.status.is_active(), dispute.deadline().is_some());
        }
        let (ended, new) = passed(dispute, at(days + 100));
        moved.extend(new);
        prop_assert!(appeals <= 1);
        prop_assert_eq!(ended.ended_at.is_some(), true);
        match ended.status {
            DisputeStatus::Withdrawn => prop_assert!(moved.is_empty()),
            DisputeStatus::Executed | DisputeStatus::Settled => {
                prop_assert_eq!(moved.len(), 1, "the money moved once");
                prop_assert_eq!(ended.to_client, Some(moved[0]));
                prop_assert!((0..=minor).contains(&moved[0]));
            }
            status => prop_assert!(false, "it ends as {}", status),
        }
        prop_assert!(ended.allowed(at(days + 100).at).is_empty());
        prop_assert!(ended.pass_deadline(&Terms::default(), at(days + 200)).is_none());
    }
}
