//! The observation window: since when this process can judge what is pending. It begins with the process, when a database answers
//! again, and when the process takes over as the leader. The age of what was pending by then describes the past, and is no sign of
//! a stall.

use std::time::Duration;

use chainbill_domain::Timestamp;

use crate::time::age;

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    /// The source of truth.
    Primary,
    /// Its mirror.
    Mirror,
}

/// The time during which both databases have answered.
#[derive(Debug)]
pub(crate) struct ObservationWindow {
    since: Timestamp,
    away: [bool; 2],
}

impl ObservationWindow {
    /// Begins now.
    pub const fn new(now: Timestamp) -> Self {
        Self { since: now, away: [false; 2] }
    }

    /// Records whether a database has answered.
    pub fn note(&mut self, database: Database, answers: bool, now: Timestamp) {
        let away = &mut self.away[database as usize];
        if *away && answers {
            self.since = now;
        }
        *away = !answers;
    }

    /// Begins again.
    pub const fn restart(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// Its length; zero while a database does not answer.
    pub fn length(&mut self, now: Timestamp) -> Duration {
        // A beginning in the future is of a clock that has jumped back since.
        self.since = self.since.min(now);
        if self.away.contains(&true) { Duration::ZERO } else { age(now, self.since) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(seconds * 1000).unwrap()
    }

    fn length(window: &mut ObservationWindow, seconds: i64) -> u64 {
        window.length(at(seconds)).as_secs()
    }

    #[test]
    fn the_window_begins_with_the_process_and_when_a_database_returns() {
        let mut window = ObservationWindow::new(at(100));
        window.note(Database::Mirror, true, at(101));
        assert_eq!(length(&mut window, 110), 10, "a first answer is no return");
        window.note(Database::Mirror, false, at(120));
        window.note(Database::Primary, true, at(120));
        assert_eq!(length(&mut window, 130), 0, "there is no window meanwhile");
        window.note(Database::Mirror, true, at(140));
        assert_eq!(length(&mut window, 143), 3);
        window.note(Database::Primary, false, at(150));
        window.note(Database::Primary, true, at(160));
        assert_eq!(length(&mut window, 165), 5);
    }

    #[test]
    fn a_clock_that_jumps_back_restarts_the_window() {
        let mut window = ObservationWindow::new(at(10_000));
        assert_eq!((length(&mut window, 100), length(&mut window, 107)), (0, 7));
    }
}
