//! Every state of a project, every action on it, every role: as docs/domain.md says, to the letter.

use chainbill_app::{
    App, AppError, CancelProject, Context, DeclineInvoice, NewApplication, NewInvitation, NewInvoice, NewMilestone,
    NewPayment, NewProject, PatchProject, Reason, StartProject, UserView,
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};

use crate::world::{as_operator, euros, new_invoice, new_user, on_every_primary};

/// Everybody here. The applicant has an open application while the project is on offer, the freelancer an open invitation.
struct People {
    stranger: Context,
    stranger_id: String,
    applicant: Context,
    applicant_id: String,
    client: Context,
    client_view: UserView,
    freelancer: Context,
    freelancer_id: String,
    operator: Context,
}

/// A project in a state, with what actions name.
struct Case {
    project: String,
    milestone: String,
    application: String,
}

const STATES: &[&str] = &[
    "OPEN",
    "IN_PROGRESS, milestone proposed",
    "IN_PROGRESS, milestone planned",
    "IN_PROGRESS, milestone submitted",
    "IN_PROGRESS, milestone submitted, money held",
    "SUBMITTED",
    "COMPLETED",
    "CANCELLED",
];

const ACTIONS: &[&str] = &[
    "edit",
    "apply",
    "invite",
    "accept the application",
    "decline the application",
    "withdraw the application",
    "start with the applicant",
    "add a milestone",
    "submit the milestone",
    "accept the milestone",
    "return the milestone",
    "submit",
    "return",
    "complete",
    "cancel",
    "cancel, refund",
];

fn milestone(title: &str) -> NewMilestone {
    let (title, amount) = (title.to_owned(), euros("100.00"));
    NewMilestone { title, description: None, amount, deadline: None, replaces: None }
}

fn application() -> NewApplication {
    NewApplication { message: "Ready".to_owned(), amount: None, hourly_rate: None }
}

fn invitation(who: &str) -> NewInvitation {
    let (freelancer_id, message) = (who.to_owned(), "We need you".to_owned());
    NewInvitation { freelancer_id, message, amount: None, hourly_rate: None }
}

fn keyed(context: &Context, key: &str) -> Context {
    Context { idempotency_key: Some(key.to_owned()), ..context.clone() }
}

/// The project's first milestone is paid into escrow.
async fn fund(app: &App, people: &People, case: &Case) {
    let new = NewInvoice {
        project_id: Some(case.project.clone()),
        milestone_id: Some(case.milestone.clone()),
        ..new_invoice(&people.client_view, None)
    };
    let invoice = app.create_invoice(&people.freelancer, new).await.unwrap().into_new().unwrap().id;
    app.send_invoice(&people.freelancer, &invoice).await.unwrap();
    let payment = NewPayment {
        amount: euros("100.00"),
        method: "CARD".to_owned(),
        external_ref: invoice.clone(),
        received_at: None,
    };
    app.pay_invoice(&keyed(&people.operator, &invoice), &invoice, payment).await.unwrap();
}

async fn case(app: &App, people: &People, state: &str) -> Case {
    let new = NewProject {
        title: "Work".to_owned(),
        description: "Of some kind".to_owned(),
        budget: Some(euros("500.00")),
        deadline: None,
        skills: Vec::new(),
    };
    let (client, freelancer) = (&people.client, &people.freelancer);
    let id = app.create_project(client, new).await.unwrap().into_new().unwrap().id;
    let proposed = state.ends_with("proposed");
    let add = async |who: &Context| {
        let project = app.add_milestone(who, &id, milestone("Design")).await.unwrap().into_new().unwrap();
        project.milestones[0].id.clone()
    };
    let mut part = String::new();
    if !proposed {
        part = add(client).await;
    }
    let applied = app.apply(&people.applicant, &id, application()).await.unwrap().into_new().unwrap();
    let invited = app.invite(client, &id, invitation(&people.freelancer_id)).await.unwrap().into_new().unwrap();
    let mut case = Case { project: id.clone(), milestone: part, application: applied.id };
    if state == "OPEN" {
        return case;
    }
    app.accept_proposal(freelancer, &invited.id).await.unwrap();
    if proposed {
        case.milestone = add(freelancer).await;
        return case;
    }
    if state == "CANCELLED" {
        app.cancel_project(client, &id, CancelProject::default()).await.unwrap();
    }
    if state.ends_with("planned") || state == "CANCELLED" {
        return case;
    }
    if state.ends_with("held") {
        fund(app, people, &case).await;
    }
    app.submit_milestone(freelancer, (&id, &case.milestone)).await.unwrap();
    if state == "SUBMITTED" || state == "COMPLETED" {
        app.submit_project(freelancer, &id).await.unwrap();
    }
    if state == "COMPLETED" {
        app.complete_project(client, &id).await.unwrap();
    }
    case
}

async fn act(app: &App, people: &People, who: &Context, action: &str, case: &Case) -> Result<(), AppError> {
    let id = case.project.as_str();
    let (part, own) = ((id, case.milestone.as_str()), case.application.as_str());
    let reason = || Reason { reason: "Not yet".to_owned() };
    match action {
        "edit" => {
            let patch = PatchProject { title: Some("Other work".to_owned()), ..PatchProject::default() };
            app.patch_project(who, id, None, patch).await.map(drop)
        }
        "apply" => app.apply(who, id, application()).await.map(drop),
        "invite" => app.invite(who, id, invitation(&people.stranger_id)).await.map(drop),
        "accept the application" => app.accept_proposal(who, own).await.map(drop),
        "decline the application" => {
            let reason = DeclineInvoice { reason: "Not now".to_owned() };
            app.decline_proposal(who, own, reason).await.map(drop)
        }
        "withdraw the application" => app.withdraw_proposal(who, own).await.map(drop),
        "start with the applicant" => {
            let start = StartProject { freelancer_id: people.applicant_id.clone() };
            app.start_project(who, id, start).await.map(drop)
        }
        "add a milestone" => app.add_milestone(who, id, milestone("Build")).await.map(drop),
        "submit the milestone" => app.submit_milestone(who, part).await.map(drop),
        "accept the milestone" => {
            app.accept_milestone(&keyed(who, &format!("accept-{}", part.1)), part).await.map(drop)
        }
        "return the milestone" => app.return_milestone(who, part, reason()).await.map(drop),
        "submit" => app.submit_project(who, id).await.map(drop),
        "return" => app.return_project(who, id, reason()).await.map(drop),
        "complete" => app.complete_project(who, id).await.map(drop),
        "cancel" => app.cancel_project(who, id, CancelProject::default()).await.map(drop),
        "cancel, refund" => {
            let plan = CancelProject { held_money: Some("REFUND".to_owned()) };
            app.cancel_project(&keyed(who, &format!("cancel-{id}")), id, plan).await.map(drop)
        }
        other => unreachable!("{other}"),
    }
}

fn refusal(error: &AppError) -> String {
    match error {
        AppError::Conflict { allowed, .. } if allowed.is_empty() => "409".to_owned(),
        AppError::Conflict { allowed, .. } => format!("409: {}", allowed.join(", ")),
        AppError::Forbidden(_) => "403".to_owned(),
        AppError::NotFound(_) => "404".to_owned(),
        other => panic!("{other}"),
    }
}

async fn texts(app: &App, sql: String) -> Vec<String> {
    let records = app.records();
    let rows = records.query_all_raw(Statement::from_string(records.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn events(app: &App, project: &str) -> Vec<String> {
    let kinds = "SELECT kind FROM events WHERE project_id = '{}' AND (kind LIKE 'PROJECT%' OR kind LIKE 'MILESTONE%') ORDER BY id";
    texts(app, kinds.replace("{}", project)).await
}

/// The table as it is.
async fn table(app: &App) -> Vec<String> {
    let (stranger, strange) = new_user(app, "mallory", "FREELANCER").await;
    let (applicant, applying) = new_user(app, "ada", "FREELANCER").await;
    let (client, client_view) = new_user(app, "carla", "CLIENT").await;
    let (freelancer, working) = new_user(app, "femi", "FREELANCER").await;
    let (other, _) = new_user(app, "root", "CLIENT").await;
    let (stranger_id, applicant_id, freelancer_id) = (strange.id, applying.id, working.id);
    let operator = as_operator(&other);
    let people = People {
        stranger,
        stranger_id,
        applicant,
        applicant_id,
        client,
        client_view,
        freelancer,
        freelancer_id,
        operator,
    };
    let mut rows = Vec::new();
    for state in STATES {
        let mut at = case(app, &people, state).await;
        for action in ACTIONS {
            let mut row = format!("| {state} | {action} |");
            for who in [&people.stranger, &people.applicant, &people.client, &people.freelancer, &people.operator] {
                let before = events(app, &at.project).await;
                let outcome = match Box::pin(act(app, &people, who, action, &at)).await {
                    Err(error) => refusal(&error),
                    Ok(()) => {
                        let sql = format!("SELECT status FROM projects WHERE id = '{}'", at.project);
                        let status = texts(app, sql).await.remove(0);
                        let new = events(app, &at.project).await.split_off(before.len());
                        at = case(app, &people, state).await;
                        if new.is_empty() {
                            format!("→ {status}")
                        } else {
                            format!("→ {status}; {}", new.join(", "))
                        }
                    }
                };
                row.push_str(&format!(" {outcome} |"));
            }
            rows.push(row);
        }
    }
    rows
}

#[tokio::test]
async fn every_state_action_and_role_of_a_project_come_to_what_is_written() {
    let text = include_str!("../../../../docs/domain.md");
    let written: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "| State | Action | Stranger | Applicant | Client | Freelancer | Operator |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    on_every_primary(async |app| {
        let found = table(app).await;
        assert_eq!(found, written, "docs/domain.md is to be brought up to date:\n{}\n", found.join("\n"));
    })
    .await;
}
