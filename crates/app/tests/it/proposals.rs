//! Proposals asked for at once: one binds.

use chainbill_app::{
    App, AppError, Context, NewApplication, NewInvoice, NewMilestone, NewProject, StartProject, UserView,
};

use crate::world::{euros, new_invoice, new_user, on_every_primary};

const AT_ONCE: usize = 64;

async fn offered(app: &App, client: &Context) -> String {
    let new = NewProject {
        title: "Work".to_owned(),
        description: "Of some kind".to_owned(),
        budget: None,
        deadline: None,
        skills: Vec::new(),
    };
    app.create_project(client, new).await.unwrap().into_new().unwrap().id
}

fn application() -> NewApplication {
    NewApplication { message: "Ready".to_owned(), amount: None, hourly_rate: None }
}

/// Asks for something so many times at once; how often it was done. All others are refused for the state.
async fn at_once<T, F: Future<Output = Result<T, AppError>>>(asked: impl Fn(usize) -> F) -> usize {
    let all = futures::future::join_all((0..AT_ONCE).map(|place| patiently(&asked, place))).await;
    let mut done = 0;
    for result in all {
        match result {
            Ok(_) => done += 1,
            Err(AppError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    done
}

/// A primary that has too many of the same at once asks to come again, as the API's 503 does.
async fn patiently<T, F: Future<Output = Result<T, AppError>>>(
    asked: impl Fn(usize) -> F,
    place: usize,
) -> Result<T, AppError> {
    for _ in 0..50 {
        match asked(place).await {
            Err(error)
                if matches!(
                    error.trouble(),
                    chainbill_app::Trouble::Contention | chainbill_app::Trouble::Overloaded
                ) => {}
            result => return result,
        }
    }
    asked(place).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_applications_by_one_freelancer_one_is_open() {
    on_every_primary(async |app| {
        let (client, _) = new_user(app, "carla", "CLIENT").await;
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let project = &offered(app, &client).await;
        let freelancer = &freelancer;
        assert_eq!(at_once(|_| app.apply(freelancer, project, application())).await, 1, "{}", app.engine());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_accepted_applications_one_starts_the_project() {
    on_every_primary(async |app| {
        let (client, _) = new_user(app, "carla", "CLIENT").await;
        let project = &offered(app, &client).await;
        let mut applications = Vec::new();
        let mut people: Vec<UserView> = Vec::new();
        for place in 0..AT_ONCE {
            let (freelancer, user) = new_user(app, &format!("femi{place}"), "FREELANCER").await;
            let made = app.apply(&freelancer, project, application()).await.unwrap().into_new().unwrap();
            applications.push(made.id);
            people.push(user);
        }
        let (applications, people, client) = (&applications, &people, &client);
        let accepted = at_once(async |place: usize| {
            // Half of them by the proposal, half by the project.
            if place.is_multiple_of(2) {
                return app.accept_proposal(client, &applications[place]).await.map(drop);
            }
            let start = StartProject { freelancer_id: people[place].id.clone() };
            app.start_project(client, project, start).await.map(drop)
        });
        assert_eq!(accepted.await, 1, "{}", app.engine());
        let counted = async |status: &str| {
            let filter = chainbill_app::ProposalFilter {
                status: Some(status.to_owned()),
                limit: Some(100),
                ..chainbill_app::ProposalFilter::default()
            };
            app.project_proposals(client, project, &filter).await.unwrap().data.len()
        };
        assert_eq!((counted("ACCEPTED").await, counted("CLOSED").await), (1, AT_ONCE - 1));
        assert_eq!(app.project(client, project).await.unwrap().status.word(), "IN_PROGRESS");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_invoices_for_a_milestone_one_funds_it() {
    on_every_primary(async |app| {
        let (client, user) = new_user(app, "carla", "CLIENT").await;
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let project = offered(app, &client).await;
        let milestone = NewMilestone {
            title: "Design".to_owned(),
            description: None,
            amount: euros("100.00"),
            deadline: None,
            replaces: None,
        };
        let planned = app.add_milestone(&client, &project, milestone).await.unwrap().into_new().unwrap();
        let applied = app.apply(&freelancer, &project, application()).await.unwrap().into_new().unwrap();
        app.accept_proposal(&client, &applied.id).await.unwrap();
        let new = NewInvoice {
            project_id: Some(project),
            milestone_id: Some(planned.milestones[0].id.clone()),
            ..new_invoice(&user, None)
        };
        let (freelancer, new) = (&freelancer, &new);
        assert_eq!(at_once(|_| app.create_invoice(freelancer, new.clone())).await, 1, "{}", app.engine());
    })
    .await;
}
