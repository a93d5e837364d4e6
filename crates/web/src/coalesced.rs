//! Reads that unauthenticated clients may cause at any rate: concurrent ones are coalesced into one.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// The deadline of a caller.
const DEADLINE: Duration = Duration::from_millis(800);

/// A read that its callers share. It runs within the first caller's future.
pub(crate) struct SharedRead<T> {
    last: Mutex<Option<(Instant, T)>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for SharedRead<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None), turn: tokio::sync::Mutex::new(()) }
    }
}

impl<T: Clone> SharedRead<T> {
    /// The value, at most `most_age` old at the call. With an age of zero the read begins after the call, so that it
    /// shows every write that was finished before. Past the deadline the last known value, if there is one.
    pub async fn get(&self, most_age: Duration, make: impl Future<Output = T>) -> Option<T> {
        let asked = Instant::now();
        let young = |known: &(Instant, T)| known.0 + most_age >= asked;
        if let Some((_, value)) = self.last().filter(young) {
            return Some(value);
        }
        let work = async {
            let _turn = self.turn.lock().await;
            if let Some((_, value)) = self.last().filter(young) {
                return value;
            }
            let began = Instant::now();
            let value = make.await;
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((began, value.clone()));
            value
        };
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(value) => Some(value),
            Err(_) => self.last().map(|(_, value)| value),
        }
    }

    fn last(&self) -> Option<(Instant, T)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A read that may take long, such as a count: one runs at a time, in a task of its own that outlives its callers. A database
/// that hangs therefore occupies one connection, not one per caller.
pub(crate) struct BackgroundRead<T> {
    known: watch::Sender<Option<(Instant, T)>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<T> Default for BackgroundRead<T> {
    fn default() -> Self {
        Self { known: watch::Sender::new(None), turn: Arc::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> BackgroundRead<T> {
    /// The value, at most `most_age` old at the call where it comes within the deadline, else the last known value, if there
    /// is one.
    pub async fn get(&self, most_age: Duration, make: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let asked = Instant::now();
        let young = |known: &Option<(Instant, T)>| known.as_ref().is_some_and(|(at, _)| *at + most_age >= asked);
        let mut known = self.known.subscribe();
        if !young(&known.borrow())
            && let Ok(turn) = self.turn.clone().try_lock_owned()
        {
            let sender = self.known.clone();
            tokio::spawn(async move {
                let _turn = turn;
                let began = Instant::now();
                let value = make.await;
                sender.send_replace(Some((began, value)));
            });
        }
        // The sender lives as long as this.
        let _ = tokio::time::timeout(DEADLINE, known.wait_for(young)).await;
        known.borrow().as_ref().map(|(_, value)| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn a_flood_shares_few_reads_and_each_begins_after_its_call() {
        let (reading, made) = (SharedRead::default(), AtomicU32::new(0));
        let make = async || {
            tokio::time::sleep(Duration::from_millis(50)).await;
            made.fetch_add(1, SeqCst) + 1
        };
        let many = (0..1000).map(|_| reading.get(Duration::ZERO, make()));
        let got = futures::future::join_all(many).await;
        let few = made.load(SeqCst);
        assert!(got.iter().all(Option::is_some) && (1..=2).contains(&few), "{few} reads for a thousand calls");
        let age = Duration::from_secs(60);
        assert_eq!(reading.get(age, make()).await, Some(few), "where age is allowed it is kept");
        assert_eq!(
            reading.get(Duration::ZERO, make()).await,
            Some(few + 1),
            "an older one may miss what was just done"
        );
    }

    #[tokio::test]
    async fn a_hanging_read_returns_the_last_known_value_in_time() {
        let reading = SharedRead::default();
        let started = Instant::now();
        assert_eq!(reading.get(Duration::ZERO, std::future::pending::<u32>()).await, None);
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(reading.get(Duration::ZERO, async { 7 }).await, Some(7));
        assert_eq!(reading.get(Duration::ZERO, std::future::pending()).await, Some(7));
    }

    #[tokio::test]
    async fn a_hanging_count_runs_once_for_all_callers() {
        let (counting, begun) = (BackgroundRead::<u32>::default(), Arc::new(AtomicU32::new(0)));
        let hang = || {
            let begun = begun.clone();
            async move {
                begun.fetch_add(1, SeqCst);
                std::future::pending().await
            }
        };
        let many = (0..100).map(|_| counting.get(Duration::ZERO, hang()));
        let got = futures::future::join_all(many).await;
        assert!(got.iter().all(Option::is_none), "no caller has a value");
        assert_eq!(begun.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn a_count_outlives_its_caller() {
        let counting = Arc::new(BackgroundRead::default());
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let first = counting.get(Duration::ZERO, async move {
            // A message or a dropped sender: both let it continue.
            let _ = gone.await;
            7
        });
        assert_eq!(first.await, None);
        drop(go);
        let mut known = counting.known.subscribe();
        known.wait_for(Option::is_some).await.unwrap();
        assert_eq!(counting.get(Duration::from_secs(60), async { 8 }).await, Some(7));
    }
}
