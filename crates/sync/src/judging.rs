//! Since when this process can judge what waits: since its own start, since a database has answered again, or since it took
//! over the duties of another. What was old by then says something of the past, not of a synchronisation that stands still.

use std::time::Duration;

use chainbill_domain::Timestamp;

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The source of truth.
    Primary,
    /// The other.
    Mirror,
}

/// What this process has seen of both.
#[derive(Debug)]
pub(crate) struct Judging {
    since: Timestamp,
    away: [bool; 2],
}

impl Judging {
    /// From its start on.
    pub const fn new(now: Timestamp) -> Self {
        Self { since: now, away: [false; 2] }
    }

    /// A database answers, or does not.
    pub fn note(&mut self, side: Side, answers: bool, now: Timestamp) {
        let away = &mut self.away[side as usize];
        if *away && answers {
            self.since = now;
        }
        *away = !answers;
    }

    /// It begins anew.
    pub const fn begin(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// How long it has been able to judge; nothing while a database is away.
    pub fn lasts(&mut self, now: Timestamp) -> Duration {
        // A beginning in the future is of a clock that jumped.
        self.since = self.since.min(now);
        if self.away.contains(&true) { Duration::ZERO } else { crate::keeper::age(now, self.since) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(seconds * 1000).unwrap()
    }

    fn lasts(judging: &mut Judging, seconds: i64) -> u64 {
        judging.lasts(at(seconds)).as_secs()
    }

    #[test]
    fn a_process_judges_from_its_start_and_from_a_databases_return() {
        let mut judging = Judging::new(at(100));
        judging.note(Side::Mirror, true, at(101));
        assert_eq!(lasts(&mut judging, 110), 10, "a first answer is no return");
        judging.note(Side::Mirror, false, at(120));
        judging.note(Side::Primary, true, at(120));
        assert_eq!(lasts(&mut judging, 130), 0, "nothing is judged meanwhile");
        judging.note(Side::Mirror, true, at(140));
        assert_eq!(lasts(&mut judging, 143), 3);
        judging.note(Side::Primary, false, at(150));
        judging.note(Side::Primary, true, at(160));
        assert_eq!(lasts(&mut judging, 165), 5);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_forbid_judging_for_ever() {
        let mut judging = Judging::new(at(10_000));
        assert_eq!((lasts(&mut judging, 100), lasts(&mut judging, 107)), (0, 7));
    }
}
