//! What the outbox costs a commit: the same rows with and without their entry, in turns.

use std::time::Instant;

use chainbill_domain::{
    id::Id,
    states::{Role, UserStatus},
};
use chainbill_records::{
    Records, Text,
    entities::users,
    sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _, TransactionTrait as _},
};

use crate::rate;

/// Commits per second.
pub(crate) struct Cost {
    pub with: f64,
    pub without: f64,
}

impl Cost {
    pub fn percent(&self) -> f64 {
        (1.0 - self.with / self.without) * 100.0
    }
}

const TURNS: usize = 6;
const COMMITS: u64 = 1500;
const WRITERS: u64 = 8;

pub(crate) async fn outbox_cost(records: &Records) -> anyhow::Result<Cost> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.push(turn(records, false).await?);
        with.push(turn(records, true).await?);
    }
    // The median: a flush of the server's in one turn says nothing about the outbox.
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        f64::midpoint(rates[(rates.len() - 1) / 2], rates[rates.len() / 2])
    };
    Ok(Cost { with: median(with), without: median(without) })
}

async fn turn(records: &Records, outbox: bool) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let records = records.clone();
        writers.spawn(async move {
            for _ in 0..COMMITS / WRITERS {
                if outbox {
                    let mut unit = records.begin().await?;
                    unit.insert::<users::Entity>(user(&records)).await?;
                    unit.commit().await?;
                } else {
                    let tx = records.db().begin().await?;
                    let row = users::Model { version: 1, ..user(&records) };
                    // The statement that the saving path sends, and no reading back.
                    users::Entity::insert_many([row.into_active_model().reset_all()])
                        .exec_without_returning(&tx)
                        .await?;
                    tx.commit().await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(one) = writers.join_next().await {
        one??;
    }
    Ok(rate(COMMITS, started.elapsed().as_secs_f64()))
}

/// A person, as a registration saves one.
pub(crate) fn user(records: &Records) -> users::Model {
    let now = records.now();
    let id: Id<_> = Id::new(now, records.random().bytes());
    users::Model {
        id: Text(id),
        version: 0,
        email: format!("{id}@example.org"),
        name: "Ada Lovelace".to_owned(),
        role: Text(Role::Freelancer),
        status: Text(UserStatus::Active),
        title: Some("Independent blockchain developer".to_owned()),
        bio: Some(
            "I am a blockchain developer with 9 years of practice. Lately: a wallet for a bakery chain.".to_owned(),
        ),
        location: Some("Berlin, Germany".to_owned()),
        hourly_rate_minor: Some(9_000),
        hourly_rate_currency: "EUR".parse().ok().map(Text),
        wallet_address: None,
        available: true,
        password_hash: None,
        created_at: now,
        updated_at: now,
    }
}
