//! Alarms for operators: in the log, by a webhook and by e-mail. Each condition is reported once when it begins and once when it
//! ends.

mod channels;
mod texts;

use std::{collections::BTreeSet, time::Duration};

use chainbill_domain::Timestamp;
use chainbill_sync::{ModelStatus, Status};
use serde_json::{Value, json};

pub(crate) use channels::Alerts;

/// Something that began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    /// One of [`Conditions::known`].
    condition: &'static str,
    /// Whether it began; otherwise it ended.
    begins: bool,
    /// When that was seen.
    at: Timestamp,
    summary: String,
    data: Value,
}

/// The conditions that last.
#[derive(Debug)]
pub(crate) struct Conditions {
    lasting: BTreeSet<&'static str>,
    /// How old the oldest change may be.
    late_after: Duration,
}

impl Conditions {
    pub fn new(late_after: Duration) -> Self {
        Self { lasting: BTreeSet::new(), late_after }
    }

    /// Whether each condition holds; none where it is unknown at the moment.
    fn known(&self, status: &Status) -> [(&'static str, Option<bool>); 7] {
        let of_models = |says: fn(&ModelStatus) -> Option<bool>| {
            let all: Vec<Option<bool>> = status.models.iter().map(says).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                all.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        };
        // The age from before this process observed the queue is no evidence of a delay.
        let judged = status.judging_seconds.unwrap_or(f64::INFINITY);
        let late = status.oldest_seconds.map(|oldest| oldest.min(judged) >= self.late_after.as_secs_f64());
        [
            ("sync.unreachable", Some(!status.primary_reachable || !status.mirror_reachable)),
            ("sync.stalled", status.stalled),
            ("sync.late", late),
            ("sync.faulted", of_models(|model| model.state.map(|state| state == "FAULTED"))),
            ("sync.parked", status.parked.map(|count| count > 0)),
            ("sync.drift", of_models(|model| model.drift)),
            ("sync.quarantined", status.quarantined.map(|count| count > 0)),
        ]
    }

    /// The conditions that have begun or ended since the last evaluation. Unknown ones stay as they were.
    pub fn evaluate(&mut self, status: &Status, at: Timestamp) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (condition, lasts) in self.known(status) {
            let changed = match lasts {
                Some(true) => self.lasting.insert(condition),
                Some(false) => self.lasting.remove(condition),
                None => false,
            };
            if changed {
                alerts.push(Alert::new(condition, lasts == Some(true), at, status));
            }
        }
        alerts
    }
}

impl Alert {
    fn new(condition: &'static str, begins: bool, at: Timestamp, status: &Status) -> Self {
        let text = if begins { texts::began(condition, status) } else { texts::ended(status) };
        let word = if begins { "began" } else { "ended" };
        let data = json!({
            "status": status.status, "reason": status.reason, "backlog": status.backlog,
            "oldestSeconds": status.oldest_seconds, "parked": status.parked, "quarantined": status.quarantined,
            "trouble": status.trouble,
        });
        Self { condition, begins, at, summary: format!("{condition} {word}: {text}"), data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_secs(60);

    fn model(state: Option<&'static str>, drift: Option<bool>) -> ModelStatus {
        ModelStatus {
            model: "users",
            state,
            reason: None,
            hint: None,
            waiting_for: None,
            mysql_count: None,
            mongodb_count: None,
            backlog: None,
            oldest_seconds: None,
            parked: None,
            quarantined: None,
            revision: None,
            copied: 0,
            total: 0,
            rate: 0,
            last_run: None,
            last_result: None,
            last_verified: None,
            last_verification: None,
            drift,
            every_seconds: 60,
        }
    }

    fn healthy() -> Status {
        Status {
            status: "healthy",
            reason: None,
            engine: "embedded",
            topology: "embedded".to_owned(),
            primary_reachable: true,
            mirror_reachable: true,
            backlog: Some(0),
            oldest_seconds: Some(0.0),
            parked: Some(0),
            quarantined: Some(0),
            stalled: Some(false),
            lag_seconds: Some(0.0),
            lag_ms: Some(3),
            rate: Some(0),
            heartbeat_seconds: Some(1.0),
            applied: Some(1),
            failures: Some(0),
            trouble: None,
            judging_seconds: Some(3600.0),
            events: None,
            models: vec![model(Some("LIVE"), Some(false))],
        }
    }

    /// Nothing but who is away is known while the primary is.
    fn primary_away() -> Status {
        Status {
            primary_reachable: false,
            backlog: None,
            oldest_seconds: None,
            parked: None,
            quarantined: None,
            stalled: None,
            models: vec![model(None, None)],
            ..healthy()
        }
    }

    fn reported(conditions: &mut Conditions, status: &Status) -> Vec<(&'static str, bool)> {
        conditions.evaluate(status, Timestamp::UNIX_EPOCH).iter().map(|alert| (alert.condition, alert.begins)).collect()
    }

    #[test]
    fn each_condition_is_told_when_it_begins_and_when_it_ends() {
        let faulted = vec![model(Some("FAULTED"), Some(false))];
        let drifting = vec![model(Some("LIVE"), Some(true))];
        for (condition, status) in [
            ("sync.unreachable", Status { mirror_reachable: false, stalled: None, ..healthy() }),
            ("sync.stalled", Status { stalled: Some(true), ..healthy() }),
            ("sync.late", Status { oldest_seconds: Some(61.0), ..healthy() }),
            ("sync.faulted", Status { models: faulted, ..healthy() }),
            ("sync.parked", Status { parked: Some(1), ..healthy() }),
            ("sync.drift", Status { models: drifting, ..healthy() }),
            ("sync.quarantined", Status { quarantined: Some(1), ..healthy() }),
        ] {
            let mut conditions = Conditions::new(LATE);
            assert_eq!(reported(&mut conditions, &healthy()), []);
            assert_eq!(reported(&mut conditions, &status), [(condition, true)]);
            assert_eq!(reported(&mut conditions, &status), [], "reported once");
            assert_eq!(reported(&mut conditions, &healthy()), [(condition, false)]);
        }
    }

    #[test]
    fn what_cannot_be_told_has_neither_begun_nor_ended() {
        let mut conditions = Conditions::new(LATE);
        let bad = Status {
            parked: Some(2),
            quarantined: Some(1),
            stalled: Some(true),
            models: vec![model(Some("FAULTED"), Some(true))],
            ..healthy()
        };
        assert_eq!(reported(&mut conditions, &bad).len(), 5);
        assert_eq!(reported(&mut conditions, &primary_away()), [("sync.unreachable", true)]);
        assert_eq!(reported(&mut conditions, &bad), [("sync.unreachable", false)], "the others have lasted");
        assert_eq!(reported(&mut conditions, &healthy()).len(), 5);
    }

    fn named(name: &'static str, change: impl Fn(&mut ModelStatus)) -> ModelStatus {
        let mut model = ModelStatus { model: name, ..model(Some("LIVE"), Some(false)) };
        change(&mut model);
        model
    }

    fn said(status: &Status) -> Vec<String> {
        let mut conditions = Conditions::new(LATE);
        conditions.evaluate(status, Timestamp::UNIX_EPOCH).into_iter().map(|alert| alert.summary).collect()
    }

    #[test]
    fn each_alarm_says_what_it_is_about_and_names_every_model() {
        let models = vec![
            named("users", |model| (model.drift, model.quarantined) = (Some(true), Some(1))),
            named("projects", |model| model.parked = Some(2)),
            named("invoices", |model| (model.drift, model.state) = (Some(true), Some("FAULTED"))),
        ];
        let bad = Status {
            models,
            parked: Some(2),
            quarantined: Some(1),
            reason: Some("the reason of something else".to_owned()),
            ..healthy()
        };
        assert_eq!(
            said(&bad),
            [
                "sync.faulted began: invoices: unknown",
                "sync.parked began: 2 dead letters: 2 of projects",
                "sync.drift began: found different: users, invoices",
                "sync.quarantined began: 1 documents are quarantined: 1 of users",
            ]
        );
    }

    #[test]
    fn what_ended_does_not_say_that_all_is_well_while_something_else_lasts() {
        let mut conditions = Conditions::new(LATE);
        let both = Status { parked: Some(1), quarantined: Some(1), ..healthy() };
        conditions.evaluate(&both, Timestamp::UNIX_EPOCH);
        let one = Status { quarantined: Some(1), status: "behind", reason: Some("1 is wrong".to_owned()), ..healthy() };
        let ended = conditions.evaluate(&one, Timestamp::UNIX_EPOCH).pop().unwrap();
        assert_eq!(ended.summary, "sync.parked ended: behind still: 1 is wrong");
        let ended = conditions.evaluate(&healthy(), Timestamp::UNIX_EPOCH).pop().unwrap();
        assert_eq!(ended.summary, "sync.quarantined ended: everything is synchronised");
    }

    #[test]
    fn what_was_old_before_anybody_judged_is_not_late() {
        let backlog = |judging| Status { oldest_seconds: Some(600.0), judging_seconds: judging, ..healthy() };
        assert_eq!(said(&backlog(Some(3.0))), Vec::<String>::new(), "it has just come back");
        assert_eq!(said(&backlog(Some(61.0))), ["sync.late began: the oldest change waits for 600.0 s"]);
    }
}
