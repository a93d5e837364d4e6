//! People who may vote on disputes, and those who lack something.

use chainbill_app::{Actor, App, Context};
use chainbill_domain::{
    Timestamp,
    id::{Id, UserId},
    states::{Role, UserStatus},
};
use chainbill_records::{
    Text,
    entities::{reputations, users},
};
use chrono::TimeDelta;

/// What a voter has.
#[derive(Clone)]
pub struct Voter {
    pub age_days: i64,
    pub verified: bool,
    pub reputation: Option<i64>,
    pub wallet: Option<String>,
    pub address: String,
}

impl Voter {
    /// One who has all that is needed, at an address of the voter's own.
    pub fn good(place: usize) -> Self {
        let address = format!("198.51.{}.{}", place / 250, place % 250 + 1);
        Self { age_days: 31, verified: true, reputation: Some(50), wallet: None, address }
    }
}

fn id<K>(app: &App) -> Id<K> {
    Id::new(app.now(), app.records().random().bytes())
}

/// Saves users as voters; the contexts of their requests.
pub async fn voters(app: &App, voters: &[Voter]) -> Vec<Context> {
    let mut contexts = Vec::new();
    let mut unit = app.records().begin().await.unwrap();
    for voter in voters {
        let user: UserId = id(app);
        let since: Timestamp = app.now() - TimeDelta::days(voter.age_days);
        let row = users::Model {
            id: Text(user),
            version: 0,
            email: format!("{user}@example.org"),
            name: "Vera".to_owned(),
            role: Text(Role::Freelancer),
            status: Text(UserStatus::Active),
            title: None,
            bio: None,
            location: None,
            hourly_rate_minor: None,
            hourly_rate_currency: None,
            wallet_address: voter.wallet.clone(),
            available: true,
            verified_at: voter.verified.then_some(since),
            password_hash: None,
            time_zone: None,
            created_at: since,
            updated_at: since,
        };
        unit.insert::<users::Entity>(row).await.unwrap();
        if let Some(score) = voter.reputation {
            let row = reputations::Model {
                id: Text(id(app)),
                version: 0,
                user_id: Text(user),
                score,
                average_rating_centi: 400,
                review_count: 1,
                on_time_bp: 10_000,
                completed_projects: 1,
                disputes_lost: 0,
                released_invoices: 0,
                reviews_part_bp: 0,
                on_time_part_bp: 0,
                volume_part_bp: 0,
                disputes_part_bp: 0,
                created_at: since,
                updated_at: since,
            };
            unit.insert::<reputations::Entity>(row).await.unwrap();
        }
        let actor = Actor { user_id: user, role: Role::Freelancer, session: None, csrf_hash: None };
        contexts.push(Context { actor: Some(actor), address: Some(voter.address.clone()), ..Context::default() });
    }
    unit.commit().await.unwrap();
    contexts
}
