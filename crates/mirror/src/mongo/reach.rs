//! Whether the server is known to be away: then nobody who waits for an answer is kept waiting for that again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{client::Lazy, read};
use crate::{limits::within, port::MirrorError};

/// A server that is away is asked about this often whether it is back.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What the last small round trips have shown. Nothing else says that a server is away: one that refuses writes, or is slow
/// to answer one question, may answer others.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Why nobody answers, since the last time that somebody did.
    away: Option<String>,
    /// Whether somebody asks again and again.
    is_asked: bool,
}

impl Reach {
    /// An error at once while the server is known to be away.
    pub fn known(&self) -> Result<(), MirrorError> {
        match &self.lock().away {
            Some(why) => Err(MirrorError::Unavailable(format!("known to be away: {why}"))),
            None => Ok(()),
        }
    }

    /// A small round trip.
    pub async fn ping(&self, client: &Lazy, deadline: Duration) -> Result<(), MirrorError> {
        let answer = within(deadline, "ping", async { read::fact(client.database().await?, "ping").await }).await;
        self.lock().away = match &answer {
            Err(MirrorError::Unavailable(why)) => Some(why.clone()),
            _ => None,
        };
        answer.map(drop)
    }

    /// Asks, beside whatever goes on, whether anybody is there, until somebody is.
    pub fn find_out(self: &Arc<Self>, client: &Arc<Lazy>, deadline: Duration) {
        if std::mem::replace(&mut self.lock().is_asked, true) {
            return;
        }
        let (reach, client) = (Arc::downgrade(self), Arc::downgrade(client));
        tokio::spawn(async move {
            // It ends with those whom it asks for.
            while let (Some(reach), Some(client)) = (reach.upgrade(), client.upgrade()) {
                if !matches!(reach.ping(&client, deadline).await, Err(MirrorError::Unavailable(_))) {
                    reach.lock().is_asked = false;
                    return;
                }
                drop((reach, client));
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
