use proptest::prelude::*;

use super::*;
use crate::id::{Id, MilestoneId};

fn id<K>(place: u8) -> Id<K> {
    Id::new(Timestamp::default(), [place; 10])
}

const CLIENT: u8 = 2;
const FREELANCER: u8 = 9;

fn occasion() -> Occasion {
    Occasion { at: Timestamp::default(), event_id: id(3) }
}

fn money(minor: i64, currency: &str) -> Money {
    Money { minor, currency: currency.parse().expect("a currency") }
}

fn offer() -> Project {
    let content = Content {
        title: "Work".to_owned(),
        description: "Of some kind".to_owned(),
        budget: None,
        deadline: None,
        skills: Vec::new(),
    };
    Project::offer(id(1), id(CLIENT), content, occasion()).state
}

fn terms(currency: &str) -> MilestoneTerms {
    MilestoneTerms { title: "Part".to_owned(), description: None, amount: money(100, currency), deadline: None }
}

fn started(project: Project) -> Project {
    project.start(id(FREELANCER), id(CLIENT), None, occasion()).expect("it is on offer").next
}

type Changed = Result<Transition<Project>, ProjectError>;

fn act(project: Project, action: Action) -> Changed {
    match action {
        Action::Edit => {
            let content = Content { title: "Other".to_owned(), ..project.content.clone() };
            project.edit(content)
        }
        Action::Plan => {
            let place = u8::try_from(project.milestones.len()).expect("few") + 20;
            project.plan(id(place), terms("EUR"), id(CLIENT), None)
        }
        Action::Start => project.start(id(FREELANCER), id(CLIENT), None, occasion()).map_err(Into::into),
        Action::Submit => project.submit(occasion()),
        Action::Return => project.return_work("Not yet".to_owned(), occasion()).map_err(Into::into),
        Action::Complete => project.complete(occasion()).map_err(Into::into),
        Action::Cancel => project.cancel(id(CLIENT), occasion()).map_err(Into::into),
    }
}

fn act_of(project: Project, milestone: MilestoneId, action: MilestoneAction) -> Changed {
    match action {
        MilestoneAction::Edit => project.edit_milestone(milestone, terms("EUR")),
        MilestoneAction::Delete => project.remove_milestone(milestone),
        MilestoneAction::Submit => project.submit_milestone(milestone, occasion()),
        MilestoneAction::Accept => project.accept_milestone(milestone, occasion()),
        MilestoneAction::Return => project.return_milestone(milestone, "Not yet".to_owned(), occasion()),
    }
}

const ACTIONS: [Action; 7] =
    [Action::Edit, Action::Plan, Action::Start, Action::Submit, Action::Return, Action::Complete, Action::Cancel];

const OF_MILESTONE: [MilestoneAction; 5] = [
    MilestoneAction::Edit,
    MilestoneAction::Delete,
    MilestoneAction::Submit,
    MilestoneAction::Accept,
    MilestoneAction::Return,
];

#[test]
fn a_refusal_says_what_is_allowed() {
    let Err(ProjectError::Refused(refusal)) = act(started(offer()), Action::Edit) else { panic!("it is taken") };
    assert_eq!(refusal.to_string(), "a project that is IN_PROGRESS cannot be edited");
    assert_eq!((refusal.current, refusal.allowed), ("IN_PROGRESS", vec!["milestones", "submit", "cancel"]));
}

#[test]
fn the_work_of_a_project_is_submitted_after_that_of_its_milestones() {
    let planned = offer().plan(id(20), terms("EUR"), id(CLIENT), None).expect("it is on offer").next;
    let project = started(planned);
    let error = project.clone().submit(occasion()).expect_err("the milestone is not submitted");
    assert!(matches!(error, ProjectError::Unfinished { status: MilestoneStatus::Planned, .. }), "{error}");
    let project = project.submit_milestone(id(20), occasion()).expect("it is planned").next;
    let project = project.return_milestone(id(20), "Tests are missing".to_owned(), occasion()).expect("submitted").next;
    assert_eq!(project.milestones[0].return_reason.as_deref(), Some("Tests are missing"));
    let project = project.submit_milestone(id(20), occasion()).expect("it is planned again").next;
    let project = project.submit(occasion()).expect("all is submitted").next;
    let project = project.complete(occasion()).expect("it is submitted").next;
    assert_eq!(project.milestones[0].status, MilestoneStatus::Accepted);
}

#[test]
fn a_milestone_is_changed_by_consent_once_the_project_is_in_progress() {
    let project = started(offer().plan(id(20), terms("EUR"), id(CLIENT), None).expect("it is on offer").next);
    let dearer = MilestoneTerms { amount: money(150, "EUR"), ..terms("EUR") };
    let proposed = project.plan(id(21), dearer, id(FREELANCER), Some(id(20))).expect("it is in progress").next;
    assert_eq!(proposed.milestones[1].proposed_by, Some(id(FREELANCER)));
    let agreed = proposed.clone().accept_milestone(id(21), occasion()).expect("it is proposed").next;
    let ids: Vec<MilestoneId> = agreed.milestones.iter().map(|it| it.id).collect();
    assert_eq!((ids, agreed.milestones[0].status), (vec![id(21)], MilestoneStatus::Planned));
    // What was submitted meanwhile is not replaced.
    let submitted = proposed.submit_milestone(id(20), occasion()).expect("it is planned").next;
    submitted.accept_milestone(id(21), occasion()).expect_err("the work is submitted");
}

#[test]
fn a_project_is_in_one_currency() {
    let planned = offer().plan(id(20), terms("EUR"), id(CLIENT), None).expect("it is on offer").next;
    let other = planned.clone().plan(id(21), terms("USD"), id(CLIENT), None).expect_err("another currency");
    assert!(matches!(other, ProjectError::Currency { .. }));
    let budget = Content { budget: Some(money(5, "USD")), ..planned.content.clone() };
    planned.clone().edit(budget).expect_err("another currency");
    // The only milestone of a project without a budget may change its own.
    let moved = planned.edit_milestone(id(20), terms("USD")).expect("nothing else is in euros").next;
    assert_eq!(moved.currency(), Some("USD".parse().expect("a currency")));
}

proptest! {
    #[test]
    fn whatever_is_asked_in_whatever_order_states_agree(
        asked in prop::collection::vec((0_usize..12, any::<prop::sample::Index>()), 0..24),
    ) {
        let mut project = offer();
        for (place, which) in asked {
            let before = project.clone();
            let (allowed, result) = match (ACTIONS.get(place), project.milestones.len()) {
                (Some(&action), _) => (before.allowed().contains(&action), act(project, action)),
                (None, 0) => continue,
                (None, count) => {
                    let (milestone, action) = (&before.milestones[which.index(count)], OF_MILESTONE[place - 7]);
                    (before.allowed_of(milestone).contains(&action), act_of(project, milestone.id, action))
                }
            };
            match result {
                Ok(change) => {
                    prop_assert!(allowed);
                    prop_assert!(change.before == before && change.transfers.is_empty());
                    project = change.next;
                }
                Err(ProjectError::Unfinished { status, .. }) => {
                    prop_assert!(allowed && before.milestones.iter().any(|it| it.status == status));
                    project = before;
                }
                Err(error) => {
                    prop_assert!(!allowed, "{}", error);
                    project = before;
                }
            }
            agrees(&project)?;
        }
    }
}

fn agrees(project: &Project) -> Result<(), TestCaseError> {
    use ProjectStatus as Is;
    let taken = matches!(project.status, Is::InProgress | Is::Submitted | Is::Completed);
    prop_assert!(!taken || project.freelancer_id.is_some());
    prop_assert!(project.status != Is::Open || project.freelancer_id.is_none());
    prop_assert_eq!(project.completed_at.is_some(), project.status == Is::Completed);
    prop_assert_eq!(project.cancelled_at.is_some(), project.status == Is::Cancelled);
    for milestone in &project.milestones {
        prop_assert_eq!(milestone.proposed_by.is_some(), milestone.status == MilestoneStatus::Proposed);
        prop_assert_eq!(milestone.accepted_at.is_some(), milestone.status == MilestoneStatus::Accepted);
        prop_assert!(project.status != Is::Completed || milestone.status == MilestoneStatus::Accepted);
        prop_assert!(project.status != Is::Open || milestone.status == MilestoneStatus::Planned);
    }
    Ok(())
}
