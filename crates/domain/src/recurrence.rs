//! Recurring invoices: a template, its schedule, and the place that it has come to.

use chrono::NaiveDate;

use crate::{
    Timestamp,
    id::{RecurrenceId, UserId},
    schedule::Schedule,
    states::{RecurrenceMode, RecurrenceStatus},
    transition::Refusal,
    zone::Zone,
};

/// A recurring invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// Its id.
    pub id: RecurrenceId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The issuer.
    pub freelancer_id: UserId,
    /// Who pays the invoices.
    pub client_id: UserId,
    /// What is drafted: what a caller would ask for, as JSON.
    pub template: String,
    /// After how many days each invoice is due; never when absent.
    pub due_in_days: Option<u32>,
    /// Whether each invoice is sent, or left as a draft.
    pub mode: RecurrenceMode,
    /// When.
    pub schedule: Schedule,
    /// Where it stands.
    pub status: RecurrenceStatus,
    /// Why it was paused, where no person did.
    pub paused_because: Option<String>,
    /// The place of the next occurrence.
    pub next: u32,
    /// How many invoices it has made.
    pub made: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An occurrence that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Its day at the issuer's.
    pub day: NaiveDate,
    /// Its moment.
    pub at: Timestamp,
}

/// What can be asked of a recurring invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change it.
    Edit,
    /// Stop it for a while.
    Pause,
    /// Let it go on.
    Resume,
    /// Stop it for good.
    End,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Pause => ("paused", "pause"),
        Action::Resume => ("resumed", "resume"),
        Action::End => ("ended", "end"),
    }
}

/// Occurrences that are made up after a downtime; earlier ones are left out.
pub const MOST_MADE_UP: u32 = 100;

impl Recurrence {
    /// The next occurrence in its issuer's zone; none where it is paused or over.
    #[must_use]
    pub fn occurrence(&self, zone: Zone) -> Option<Occurrence> {
        let day = self.schedule.day(self.next).filter(|_| self.status == RecurrenceStatus::Active)?;
        Some(Occurrence { day, at: zone.moment(day, self.schedule.at) })
    }

    /// What the present state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        match self.status {
            RecurrenceStatus::Active => vec![Action::Edit, Action::Pause, Action::End],
            RecurrenceStatus::Paused => vec![Action::Edit, Action::Resume, Action::End],
            RecurrenceStatus::Ended => Vec::new(),
        }
    }

    /// Whether the present state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("a recurring invoice", self.status.word(), action, self.allowed(), names)
    }

    /// The occurrence has made its invoice: the next one is to come, or none.
    #[must_use]
    pub fn advanced(mut self) -> Self {
        self.made = self.made.saturating_add(1);
        self.next = self.next.saturating_add(1);
        self.ended_if_over()
    }

    /// Leaves out what is longer ago than can be made up, on a day of the issuer's: the last [`MOST_MADE_UP`] occurrences stay.
    #[must_use]
    pub fn caught_up(mut self, today: NaiveDate) -> Self {
        let after = today.succ_opt().and_then(|day| self.schedule.first_from(day));
        // A schedule that is over by today has its last occurrences left, which are few: it ends by itself.
        if let Some(after) = after {
            self.next = self.next.max(after.saturating_sub(MOST_MADE_UP));
        }
        self
    }

    /// Stops for a while, for a reason where no person did it.
    ///
    /// # Errors
    /// When it is not active.
    pub fn pause(self, because: Option<String>) -> Result<Self, Refusal> {
        self.allows(Action::Pause)?;
        Ok(Self { status: RecurrenceStatus::Paused, paused_because: because, ..self })
    }

    /// Goes on with the first occurrence of today or later; those of the pause are left out.
    ///
    /// # Errors
    /// When it is not paused.
    pub fn resume(mut self, today: NaiveDate) -> Result<Self, Refusal> {
        self.allows(Action::Resume)?;
        let (status, next) = match self.schedule.first_from(today) {
            Some(first) => (RecurrenceStatus::Active, self.next.max(first)),
            None => (RecurrenceStatus::Ended, self.next),
        };
        (self.status, self.next, self.paused_because) = (status, next, None);
        Ok(self.ended_if_over())
    }

    /// Stops for good.
    ///
    /// # Errors
    /// When it is over.
    pub fn end(self) -> Result<Self, Refusal> {
        self.allows(Action::End)?;
        Ok(Self { status: RecurrenceStatus::Ended, paused_because: None, ..self })
    }

    /// Over, where no occurrence is left.
    #[must_use]
    pub fn ended_if_over(self) -> Self {
        let over = self.status == RecurrenceStatus::Active && self.schedule.day(self.next).is_none();
        if over { Self { status: RecurrenceStatus::Ended, ..self } } else { self }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveTime;

    use super::*;
    use crate::{id::Id, schedule::End, states::Period};

    fn daily(end: End) -> Recurrence {
        let start = "2026-11-01".parse().expect("a day");
        let at = NaiveTime::from_hms_opt(9, 0, 0).expect("a time");
        Recurrence {
            id: Id::new(Timestamp::default(), [1; 10]),
            version: 0,
            freelancer_id: Id::new(Timestamp::default(), [2; 10]),
            client_id: Id::new(Timestamp::default(), [3; 10]),
            template: "{}".to_owned(),
            due_in_days: None,
            mode: RecurrenceMode::Draft,
            schedule: Schedule { every: 1, period: Period::Day, start, day_of_month: None, at, end },
            status: RecurrenceStatus::Active,
            paused_because: None,
            next: 0,
            made: 0,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn it_ends_with_its_last_occurrence() {
        let once = daily(End::After(1));
        assert_eq!(once.occurrence(Zone::default()).map(|it| it.day.to_string()), Some("2026-11-01".to_owned()));
        let over = once.advanced();
        assert_eq!((over.status, over.made, over.occurrence(Zone::default())), (RecurrenceStatus::Ended, 1, None));
        assert_eq!(over.pause(None).expect_err("it is over").allowed, Vec::<&str>::new());
    }

    #[test]
    fn a_pause_leaves_out_what_falls_into_it() {
        let paused = daily(End::Never).advanced().pause(Some("why".to_owned())).expect("it is active");
        assert_eq!(paused.occurrence(Zone::default()), None);
        let resumed = paused.resume("2026-11-20".parse().expect("a day")).expect("it is paused");
        assert_eq!((resumed.next, resumed.paused_because.clone()), (19, None));
        let late = daily(End::After(3)).pause(None).expect("it is active").resume("2027-01-01".parse().expect("a day"));
        assert_eq!(late.expect("it is paused").status, RecurrenceStatus::Ended);
    }

    #[test]
    fn what_is_made_up_is_bounded() {
        let today = "2027-11-01".parse().expect("a day");
        assert_eq!(daily(End::Never).caught_up(today).next, 366 - MOST_MADE_UP);
        assert_eq!(daily(End::Never).caught_up("2026-11-05".parse().expect("a day")).next, 0);
    }
}
