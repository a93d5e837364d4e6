//! A bug of our own costs the entity that it stumbles over, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use chainbill_domain::{Model, Timestamp, Value, models::USERS};
use chainbill_mirror::{Content, Guard, Mirror, MirrorError, Outcome, Write};
use chainbill_testkit::{Between, Writing};

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

const BLOCK: &str = "the block";

/// Panics three times over nothing, and always over one user.
struct Stumbling {
    times: AtomicUsize,
    mended: AtomicBool,
}

#[async_trait::async_trait]
impl Writing for Stumbling {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        let block = Value::Text(BLOCK.to_owned());
        let is_block = |write: &Write| matches!(&write.content, Content::Document { body, .. } if body.get("name") == Some(&block));
        let broken = !self.mended.load(SeqCst);
        assert!(!(broken && writes.iter().any(is_block)), "stumbled over {BLOCK}");
        let early = model.name == USERS.name && self.times.fetch_add(1, SeqCst) < 3;
        assert!(!early, "stumbled over nothing");
        inner.apply(model, guard, writes, at).await
    }
}

#[test]
fn what_we_stumble_over_is_parked_and_everything_else_arrives() {
    on_every_database(async |database| {
        let stumbling = Stumbling { times: AtomicUsize::new(0), mended: AtomicBool::new(false) };
        let between: Arc<Between<Stumbling>> = Between::before(database.mirror().await, stumbling);
        let world = World::open_before(database, quick(), between.clone()).await;
        let running = world.sync.start();
        world.live().await;
        for n in 0..12 {
            world.save_user(&format!("user {n}")).await;
        }
        let block = world.save_user(BLOCK).await;
        for n in 12..24 {
            world.save_user(&format!("user {n}")).await;
        }
        world.drained().await;
        assert_eq!(world.documents(&USERS).await.len(), 24);
        let parked = world.sync.failures(None, 10).await.unwrap();
        let parked: Vec<_> = parked.iter().map(|parked| (parked.entry.entity_id.as_str(), &*parked.cause)).collect();
        assert_eq!(parked, [(block.id.to_string().as_str(), "a bug of ChainBill: stumbled over the block")]);

        between.writing.mended.store(true, SeqCst);
        assert!(world.sync.retry_failure(USERS.name, &block.id.to_string()).await.unwrap());
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}
