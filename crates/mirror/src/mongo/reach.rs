//! Reachability: while the server is known to be unreachable, requests that a person waits for fail at once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{client::Lazy, read};
use crate::{limits::within, port::MirrorError};

/// An unreachable server is probed about this often.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// The result of the last probe. Only probes decide: a server that refuses writes, or is slow with one query, may answer others.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The error of the last probe; `None` after an answer.
    error: Option<String>,
    /// Whether probes are being repeated.
    is_probed: bool,
}

impl Reach {
    /// An error, at once, while the server is known to be unreachable.
    pub fn known(&self) -> Result<(), MirrorError> {
        match &self.lock().error {
            Some(why) => Err(MirrorError::Unavailable(format!("known to be unreachable: {why}"))),
            None => Ok(()),
        }
    }

    /// Probes the server.
    pub async fn ping(&self, client: &Lazy, deadline: Duration) -> Result<(), MirrorError> {
        let answer = within(deadline, "ping", async { read::fact(client.database().await?, "ping").await }).await;
        self.lock().error = match &answer {
            Err(MirrorError::Unavailable(why)) => Some(why.clone()),
            _ => None,
        };
        answer.map(drop)
    }

    /// Probes the server in the background until it answers.
    pub fn watch(self: &Arc<Self>, client: &Arc<Lazy>, deadline: Duration) {
        if std::mem::replace(&mut self.lock().is_probed, true) {
            return;
        }
        let (reach, client) = (Arc::downgrade(self), Arc::downgrade(client));
        tokio::spawn(async move {
            // The task ends with the mirror that it probes for.
            while let (Some(reach), Some(client)) = (reach.upgrade(), client.upgrade()) {
                if !matches!(reach.ping(&client, deadline).await, Err(MirrorError::Unavailable(_))) {
                    reach.lock().is_probed = false;
                    return;
                }
                drop((reach, client));
                tokio::time::sleep(PROBE_EVERY).await;
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
