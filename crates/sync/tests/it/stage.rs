//! What longer stories need besides a world: databases that outlive it, and looks at both sides that do not end a test.

use std::sync::Arc;

use chainbill_domain::models::{INVOICES, USERS};
use chainbill_mirror::Mirror;
use chainbill_records::{ModelState, entities::users};
use chainbill_sync::{Order, RepairPolicy, Replicator, RunReport, Settings, compare::Level};
use chainbill_testkit::{Fresh, pairs};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Runs a story on every pair of databases, from before anything is opened.
pub fn on_every_database(story: impl AsyncFn(&Fresh)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for (primary, secondary) in pairs() {
            let database = Fresh::make(&primary, &secondary).await;
            story(&database).await;
            database.remove().await;
        }
    });
}

impl World {
    /// A world before an observed mirror.
    pub async fn open_before(database: &Fresh, settings: Settings, mirror: Arc<dyn Mirror>) -> Self {
        let records = database.records().await;
        let sync = Replicator::new(database.beside(&records).await, mirror.clone(), settings);
        Self { records, mirror, sync }
    }

    /// Compares the users deeply and treats drift by the given policy.
    pub async fn deep(&self, policy: RepairPolicy) -> RunReport {
        let order = Order::new("verify", Level::Deep, policy);
        self.sync.run(&USERS, order, &|_| {}, &CancellationToken::new()).await.unwrap()
    }

    /// Whether both sides hold the same users and invoices now.
    pub async fn is_equal(&self) -> bool {
        for model in [&USERS, &INVOICES] {
            let (rows, documents) = (self.rows(model).await, self.documents(model).await);
            let same = rows.len() == documents.len()
                && rows.iter().all(|(id, row)| {
                    documents.get(id).is_some_and(|found| {
                        found.body == row.body
                            && (found.stamp.version, found.stamp.digest) == (Some(row.version), Some(row.digest))
                    })
                });
            if !same {
                return false;
            }
        }
        true
    }

    /// Waits until users and invoices are backfilled, have caught up, and are compared where documents existed before.
    pub async fn live(&self) {
        self.eventually("users and bills are live", async || {
            let copies = self.records.backfill_states().await.unwrap();
            let live = |name: &str| copies.iter().any(|copy| copy.model == name && copy.state == ModelState::Live);
            let tidied = async |name| self.records.fact(&format!("purge-{name}")).await.unwrap().is_none();
            live(USERS.name) && live(INVOICES.name) && tidied(USERS.name).await && tidied(INVOICES.name).await
        })
        .await;
    }

    /// Changes a user's name through the saving path.
    pub async fn rename(&self, user: &users::Model, name: &str) -> users::Model {
        let mut unit = self.records.begin().await.unwrap();
        let after = users::Model { name: name.to_owned(), ..user.clone() };
        let after = unit.update::<users::Entity>(user, after).await.unwrap();
        unit.commit().await.unwrap();
        after
    }

    /// Removes a user through the saving path.
    pub async fn remove_user(&self, user: &users::Model) {
        let mut unit = self.records.begin().await.unwrap();
        unit.delete::<users::Entity>(user).await.unwrap();
        unit.commit().await.unwrap();
    }
}
