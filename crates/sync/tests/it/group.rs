//! A primary of two servers in Group Replication that both take writes, behind a proxy that leads each connection to the
//! next one: most reads of what was just committed elsewhere come too early, and no setting of ours forbids it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chainbill_domain::models::USERS;
use chainbill_records::{
    Connections, Expected, Topology,
    connect::{ConnectSettings, connect},
    entities::users,
};
use chainbill_sync::{Order, Outcome, RepairPolicy, Replicator, compare::Level};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{EMBEDDED, Fresh, Proxy, address, open, server, with_database};
use tokio_util::sync::CancellationToken;

use crate::world::{World, quick};

/// The group as a test's own database on it. It is left there: to drop it at one member while another still applies what
/// was written to it would end the group, which is made anew with each start.
struct Group {
    database: Fresh,
    /// One member, past the proxy.
    one: String,
    /// The other.
    other: String,
    _proxy: Proxy,
}

impl Group {
    async fn open() -> Option<Self> {
        let urls = server("MYSQL_GROUP_TEST_URLS")?;
        let urls: Vec<&str> = urls.split(',').collect();
        let mirror = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
        let mut database = Fresh::make(urls[0], &mirror).await;
        let name = database.primary.rsplit('/').next().unwrap().to_owned();
        let proxy = Proxy::among(urls.iter().map(|url| address(url)).collect()).await;
        database.primary = proxy.instead_of(&database.primary);
        let (one, other) = (with_database(urls[0], &name), with_database(urls[1], &name));
        there(&other).await;
        Some(Self { database, one, other, _proxy: proxy })
    }
}

/// A world as the program opens it: it knows what stands behind the address.
async fn known(database: &Fresh) -> World {
    let (records, mirror) = (database.records().await, database.mirror().await);
    let beside = database.beside(&records).await;
    let topology = Topology::recognise(&beside, Expected::Auto).await.unwrap();
    assert_eq!(topology, Topology::Group { several_writers: true, online: Some(2) });
    assert_eq!(topology.to_string(), "Group Replication with several writers, 2 servers online");
    let sync = Replicator::new(beside.within(topology), mirror.clone(), quick());
    World { records, mirror, sync }
}

/// Waits until a member shows a database that was created on another one.
async fn there(url: &str) {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..1200 {
        looks.tick().await;
        if let Ok(connected) = connect(&ConnectSettings::of(url)).await {
            return connected.db.close().await.unwrap();
        }
    }
    panic!("after a minute {url} is not there");
}

/// Runs a story while no other one has the group: a member that is held up is behind in every database.
fn run(story: impl Future<Output = ()>) {
    static GROUP: Mutex<()> = Mutex::new(());
    let _alone = GROUP.lock().unwrap_or_else(PoisonError::into_inner);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(story);
}

/// Keeps a member from applying the others' commits to the users and all later ones. It still serves reads.
async fn hold_up(member: &Connections) -> impl Future<Output = ()> + use<> {
    let holding = member.begin().await.unwrap();
    holding.execute_unprepared("LOCK TABLES users READ").await.unwrap();
    async move {
        holding.execute_unprepared("UNLOCK TABLES").await.unwrap();
        holding.rollback().await.unwrap();
    }
}

async fn wrong(world: &World) -> Vec<String> {
    let (rows, documents) = (world.rows(&USERS).await, world.documents(&USERS).await);
    let right = |(id, row): &(&String, &chainbill_domain::document::Encoded)| {
        documents.get(*id).is_some_and(|found| found.body == row.body && found.stamp.version == Some(row.version))
    };
    let mut wrong: Vec<String> = rows.iter().filter(|row| !right(row)).map(|(id, _)| id.clone()).collect();
    wrong.extend(documents.into_keys().filter(|id| !rows.contains_key(id)));
    wrong
}

#[test]
fn two_writers_behind_a_proxy_leave_no_wrong_copy_and_nothing_is_repaired() {
    run(async {
        let Some(group) = Group::open().await else { return };
        let world = known(&group.database).await;
        let running = world.sync.start();
        world.live().await;
        let mut people: Vec<users::Model> = Vec::new();
        for number in 0..200 {
            people.push(world.save_user(&format!("user {number}")).await);
        }
        settled(&world, &group).await;
        running.stop().await;
    });
}

#[test]
fn a_member_that_is_seconds_behind_makes_changes_wait_and_comparisons_find_nothing() {
    run(async {
        let Some(group) = Group::open().await else { return };
        let world = known(&group.database).await;
        let running = world.sync.start();
        world.live().await;
        // Written at one member, read at both.
        let one = World::open(&Fresh::existing(&group.one, &group.database.secondary), quick()).await;
        let other = open(&group.other).await.db;
        let mut people: Vec<users::Model> = Vec::new();
        for number in 0..50 {
            people.push(one.save_user(&format!("user {number}")).await);
        }
        for round in 0..3 {
            let goes_on = hold_up(&other).await;
            let mut alive = Vec::new();
            for (place, user) in people.iter().enumerate() {
                match (place + round) % 5 {
                    0 => one.remove_user(user).await,
                    _ => alive.push(one.rename(user, &format!("round {round}")).await),
                }
            }
            for number in 0..10 {
                alive.push(one.save_user(&format!("user {round} {number}")).await);
            }
            people = alive;
            for level in [Level::Fast, Level::Deep] {
                let order = Order::new("verify", level, RepairPolicy::Repair);
                let report = world.sync.run(&USERS, order, &|_| {}, &CancellationToken::new()).await.unwrap();
                assert_eq!(report.comparison.drifting(), 0, "{}", report.line());
            }
            goes_on.await;
        }
        settled(&world, &group).await;
        other.close().await.unwrap();
        running.stop().await;
    });
}

/// Everything comes to be equal, by itself and without a repair.
async fn settled(world: &World, group: &Group) {
    let there = World::open(&Fresh::existing(&group.one, &group.database.secondary), quick()).await;
    there.eventually("no copy is wrong", async || wrong(&there).await.is_empty()).await;
    let repairs = there.records.evidence(None, None, None, 100).await.unwrap();
    assert!(repairs.is_empty(), "{repairs:?}");
    let order = Order::new("verify", Level::Deep, RepairPolicy::Report);
    let report = world.sync.run(&USERS, order, &|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((report.outcome, report.comparison.drifting()), (Outcome::Equal, 0), "{}", report.line());
}
