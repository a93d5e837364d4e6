//! Two relays on the same databases, of which one ends in the middle.

use chainbill_domain::models::{INVOICES, USERS};
use chainbill_mirror::{Content, Guard, Outcome, Write};
use chainbill_sync::Replicator;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

#[test]
fn a_relay_that_ends_in_the_middle_is_replaced_and_its_late_writes_harm_nothing() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let other = Replicator::new(database.beside(&world.records).await, database.mirror().await, quick());
        let (ending, staying) = (world.sync.start(), other.start());
        world.live().await;
        let user = world.save_user("early").await;
        world.invoices(50).await;
        world.drained().await;
        let early: Vec<(_, Vec<Write>)> =
            [(&USERS, world.documents(&USERS).await), (&INVOICES, world.documents(&INVOICES).await)]
                .map(|(model, documents)| (model, documents.into_values().map(write).collect()))
                .into();

        let user = world.rename(&user, "later").await;
        world.invoices(500).await;
        // Dropped, its tasks end wherever they are: no lease is given back and none is renewed.
        drop(ending);
        world.invoices(500).await;
        world.rename(&user, "last").await;
        world.drained().await;
        world.assert_equal().await;

        for (model, writes) in early {
            let outcomes = world.mirror.apply(model, Guard::Newer, &writes, world.records.now()).await.unwrap();
            assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stale), "{}: {outcomes:?}", model.name);
        }
        world.assert_equal().await;
        staying.stop().await;
    });
}

/// What a relay had in its hands when this document was current.
fn write(stored: chainbill_mirror::Stored) -> Write {
    Write {
        id: stored.stamp.id,
        version: stored.stamp.version.unwrap(),
        content: Content::Document { body: stored.body, digest: stored.stamp.digest.unwrap() },
        fresh: false,
    }
}
