//! Trust in pooled connections. When one answers "read-only" after a switch-over, or does not answer, the connections
//! that were opened or used at the same time are closed without a probe of each.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The shortest pause between replacements, for when every server refuses.
const PAUSE: Duration = Duration::from_secs(1);

/// Shared by all connections to one server.
#[derive(Debug, Default)]
pub(crate) struct Trust(Mutex<Since>);

#[derive(Debug, Default, Clone, Copy)]
struct Since {
    opened: Option<Instant>,
    used: Option<Instant>,
}

impl Trust {
    /// Whether a connection that was opened and last used then may be handed out.
    pub fn holds(&self, opened: Instant, used: Instant) -> bool {
        let since = *self.since();
        since.opened.is_none_or(|bound| opened >= bound) && since.used.is_none_or(|bound| used >= bound)
    }

    /// A connection led to a server that takes no writes: those opened before now may lead there too.
    pub fn moved(&self, now: Instant) {
        let mut since = self.since();
        if since.opened.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE) {
            since.opened = Some(now);
        }
    }

    /// A connection that has rested did not answer when it was asked at `asked`: what has rested as long may be cut off too.
    pub fn silent(&self, asked: Instant) {
        let mut since = self.since();
        since.used = since.used.max(Some(asked));
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Since> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_opened_before_a_switch_over_or_rested_through_a_silence_is_not_believed() {
        let (trust, start) = (Trust::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(trust.holds(at(0), at(0)));
        trust.moved(at(10));
        assert!(!trust.holds(at(9), at(20)), "it leads to the old server however often it is used");
        assert!(trust.holds(at(10), at(10)));
        trust.moved(at(10) + PAUSE / 2);
        assert!(
            trust.holds(at(10), at(10)),
            "a cluster that refuses everywhere does not cost a connection per question"
        );
        trust.silent(at(30));
        assert!(!trust.holds(at(20), at(29)));
        assert!(trust.holds(at(20), at(31)), "one that was used since is alive");
    }
}
