//! Every state of a dispute, every action on it, every role: as docs/domain.md says, to the letter.

use chainbill_app::{App, AppError, AppealDispute, Context, DecideDispute, NewEvidence, NewLink, OfferSettlement};
use chainbill_testkit::sea_orm::ConnectionTrait as _;

use crate::{
    disputes::{People, answer, ballot, keyed, opened},
    voters::{Voter, voters},
    world::{euros, on_every_primary},
};

const STATES: &[(&str, &str)] = &[
    ("OPEN", "status = 'OPEN'"),
    ("OPEN, past its deadline", "status = 'OPEN', answer_until = created_at"),
    ("VOTING", "status = 'VOTING', vote_until = answer_until, quorum = 3"),
    ("VOTING, past its deadline", "status = 'VOTING', vote_until = created_at, quorum = 3"),
    ("RESOLVED, to be decided", "status = 'RESOLVED', outcome = 'TIED', decision_until = answer_until"),
    (
        "RESOLVED",
        "status = 'RESOLVED', outcome = 'FOR', to_client_minor = for_client_minor, appeal_until = answer_until",
    ),
    (
        "RESOLVED, appealed",
        "status = 'RESOLVED', outcome = 'FOR', to_client_minor = for_client_minor, appealed_by = opened_by, appealed_at = \
         created_at, decision_until = answer_until",
    ),
    (
        "RESOLVED, the appeal decided",
        "status = 'RESOLVED', outcome = 'FOR', to_client_minor = for_client_minor, appealed_by = opened_by, appealed_at = \
         created_at, appeal_decided_at = created_at",
    ),
    ("EXECUTED", "status = 'EXECUTED', to_client_minor = 0, active_invoice_id = NULL"),
    ("WITHDRAWN", "status = 'WITHDRAWN', active_invoice_id = NULL"),
    ("SETTLED", "status = 'SETTLED', to_client_minor = 0, active_invoice_id = NULL"),
];

const ACTIONS: &[&str] =
    &["evidence", "answer", "votes", "decide", "appeal", "withdraw", "settlement", "settlement/accept"];

/// What an action comes to in a dry run.
async fn outcome(app: &App, who: &Context, action: &str, id: &str) -> String {
    let link = NewLink { url: "https://example.org/more".to_owned(), note: "More".to_owned() };
    let why = || "why".to_owned();
    let done = match action {
        "evidence" => app.add_evidence(who, id, NewEvidence { evidence: vec![link] }).await,
        "answer" => app.answer_dispute(who, id, answer()).await,
        "votes" => app.vote_on_dispute(who, id, ballot("FOR")).await,
        "decide" => {
            let decision = DecideDispute { outcome: Some("FOR".to_owned()), to_client: None, reason: why() };
            app.decide_dispute(who, id, decision).await
        }
        "appeal" => app.appeal_dispute(who, id, AppealDispute { reason: why() }).await,
        "withdraw" => app.withdraw_dispute(who, id).await,
        "settlement" => app.offer_settlement(who, id, OfferSettlement { to_client: euros("5.00") }).await,
        "settlement/accept" => app.accept_settlement(who, id, OfferSettlement { to_client: euros("50.00") }).await,
        other => unreachable!("{other}"),
    };
    match done {
        Ok(done) => format!("→ {}", done.into_new().unwrap().status),
        Err(AppError::Conflict { allowed, .. }) if allowed.is_empty() => "409".to_owned(),
        Err(AppError::Conflict { allowed, .. }) => format!("409: {}", allowed.join(", ")),
        Err(AppError::Forbidden(_) | AppError::Ineligible(_)) => "403".to_owned(),
        Err(AppError::NotFound(_)) => "404".to_owned(),
        Err(other) => panic!("{other}"),
    }
}

/// The table as it is. The client has opened the dispute, and offers a split.
async fn table(app: &App) -> Vec<String> {
    let people = People::of(app).await;
    let good = Voter::good(1);
    let strange = Voter { verified: false, ..Voter::good(2) };
    let outsiders = voters(app, &[strange, good]).await;
    let id = opened(app, &people).await.id;
    let offer = OfferSettlement { to_client: euros("50.00") };
    app.offer_settlement(&keyed(&people.client, "offer"), &id, offer).await.unwrap();
    let run = async |sql: String| {
        app.records().execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    run("CREATE TABLE kept_disputes AS SELECT * FROM disputes".to_owned()).await;
    let mut rows = Vec::new();
    for (state, set) in STATES {
        run(format!("UPDATE disputes SET {set} WHERE id = '{id}'")).await;
        for action in ACTIONS {
            let mut row = format!("| {state} | {action} |");
            for who in [&outsiders[0], &outsiders[1], &people.client, &people.freelancer, &people.operator] {
                let tried = Box::pin(outcome(app, &who.clone().dry(true), action, &id)).await;
                row.push_str(&format!(" {tried} |"));
            }
            rows.push(row);
        }
        run(format!("DELETE FROM disputes WHERE id = '{id}'")).await;
        run("INSERT INTO disputes SELECT * FROM kept_disputes".to_owned()).await;
    }
    rows
}

#[tokio::test]
async fn every_state_of_a_dispute_action_and_role_come_to_what_is_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/domain.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("## A dispute: states, actions, roles").nth(1).unwrap_or("");
    let section = section.split("\n## ").next().unwrap_or("");
    let written: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| ")).filter(|line| !line.starts_with("| State")).collect();
    on_every_primary(async |app| {
        let table = table(app).await;
        assert_eq!(written, table, "docs/domain.md is to be brought up to date:\n{}\n", table.join("\n"));
    })
    .await;
}
