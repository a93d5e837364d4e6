//! Notarising on a chain that loses answers, lets submissions expire and refuses: one token per invoice, whatever it answers.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chainbill_app::{
    AnchorCheckResult, App, AppError, Context, MintFilter, MintView, Reason, UserView,
    jobs::{JobRunner, kinds},
};
use chainbill_chain::{Chain, ChainError, Notarisation, Notarised, Status};
use chainbill_domain::{
    Timestamp,
    mint::{Receipt, Submission, TokenId},
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};

use crate::world::{as_operator, new_user, on_every_primary, paid_invoice};

/// What the chain does with a submission.
#[derive(Debug, Clone, Copy)]
enum Act {
    Take,
    TakeAndLoseTheAnswer,
    Lose,
    Later,
    Expire,
    Refuse,
}

#[derive(Default)]
struct World {
    script: VecDeque<Act>,
    prepared: BTreeMap<String, Notarisation>,
    taken: BTreeMap<String, Notarised>,
    expired: BTreeSet<String>,
    submits: u32,
}

/// A chain in memory that follows a script; after its end it takes everything.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<World>>);

impl Scripted {
    fn of(script: &[Act]) -> Self {
        let world = World { script: script.iter().copied().collect(), ..World::default() };
        Self(Arc::new(Mutex::new(world)))
    }

    fn tokens(&self) -> Vec<TokenId> {
        self.0.lock().unwrap().taken.values().map(|it| it.what.token).collect()
    }

    fn submits(&self) -> u32 {
        self.0.lock().unwrap().submits
    }
}

#[async_trait]
impl Chain for Scripted {
    fn network(&self) -> &'static str {
        "testnet"
    }

    async fn identity(&self) -> Result<String, ChainError> {
        Ok("testnet:0x1".to_owned())
    }

    async fn prepare(&self, what: &Notarisation) -> Result<Submission, ChainError> {
        let mut world = self.0.lock().unwrap();
        let transaction = format!("0x{:064x}", world.prepared.len());
        world.prepared.insert(transaction.clone(), what.clone());
        let bytes = transaction.clone().into_bytes();
        Ok(Submission { chain: "testnet:0x1".to_owned(), transaction, bytes, expires_at: Timestamp::UNIX_EPOCH })
    }

    async fn submit(&self, submission: &Submission) -> Result<(), ChainError> {
        let mut world = self.0.lock().unwrap();
        let id = submission.transaction.clone();
        world.submits += 1;
        if world.taken.contains_key(&id) {
            return Ok(());
        }
        let act = world.script.pop_front().unwrap_or(Act::Take);
        if matches!(act, Act::Take | Act::TakeAndLoseTheAnswer) {
            let what = world.prepared[&id].clone();
            world.taken.insert(id.clone(), Notarised { what, transaction: id.clone(), at: Timestamp::UNIX_EPOCH });
        }
        match act {
            Act::Take => Ok(()),
            Act::TakeAndLoseTheAnswer | Act::Lose => Err(ChainError::Ambiguous("the answer is lost".to_owned())),
            Act::Later => Err(ChainError::Busy),
            Act::Refuse => Err(ChainError::Refused("no gas for it".to_owned())),
            Act::Expire => {
                world.expired.insert(id);
                Err(ChainError::Ambiguous("the answer is lost".to_owned()))
            }
        }
    }

    async fn status(&self, submission: &Submission) -> Result<Status, ChainError> {
        let world = self.0.lock().unwrap();
        if world.taken.contains_key(&submission.transaction) {
            let (digest, at) = ("d".to_owned(), Timestamp::UNIX_EPOCH);
            return Ok(Status::Confirmed(Receipt { position: 1, digest, at, gas_used: Some(7) }));
        }
        Ok(if world.expired.contains(&submission.transaction) { Status::Expired } else { Status::Unknown })
    }

    async fn token(&self, token: TokenId) -> Result<Option<Notarised>, ChainError> {
        Ok(self.0.lock().unwrap().taken.values().find(|it| it.what.token == token).cloned())
    }

    async fn probe(&self) -> Result<(), ChainError> {
        Ok(())
    }
}

struct People {
    freelancer: Context,
    client: Context,
    user: UserView,
    operator: Context,
}

async fn people(app: &App) -> People {
    let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
    let (client, user) = new_user(app, "carla", "CLIENT").await;
    let operator = as_operator(&client);
    People { freelancer, client, user, operator }
}

impl People {
    async fn paid(&self, app: &App) -> String {
        Box::pin(paid_invoice(app, &self.freelancer, (&self.client, &self.user), "100.00")).await
    }

    async fn mint(&self, app: &App, invoice: &str) -> MintView {
        let page = app.mints(&self.operator, &MintFilter { limit: Some(100), ..MintFilter::default() }).await.unwrap();
        page.data.into_iter().find(|mint| mint.invoice_id == invoice).unwrap()
    }
}

async fn run(app: &App, sql: &str) -> Vec<String> {
    let records = app.records();
    if !sql.starts_with("SELECT") {
        records.execute_unprepared(sql).await.unwrap();
        return Vec::new();
    }
    let rows = records.query_all_raw(Statement::from_string(records.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Runs jobs, without their pauses, until no invoice waits for its notarisation.
async fn worked(app: &App) {
    let runner = JobRunner::new(app.clone(), kinds(), "test".to_owned());
    for _ in 0..100 {
        runner.run_due().await.unwrap();
        if run(app, "SELECT id FROM jobs WHERE kind = 'mint'").await.is_empty() {
            return;
        }
        run(app, "UPDATE jobs SET run_at = created_at WHERE kind = 'mint'").await;
    }
    panic!("jobs are left");
}

async fn broken(app: &App) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for invariant in chainbill_app::INVARIANTS {
        if !app.violations(invariant).await.unwrap().is_empty() {
            broken.push(invariant.name);
        }
    }
    broken
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_the_transaction_and_never_by_another_token() {
    use Act::{Expire, Later, Lose, Take, TakeAndLoseTheAnswer};
    on_every_primary(async |app| {
        let people = people(app).await;
        for (script, submits, builds) in [
            (&[Take][..], 1, 1),
            (&[TakeAndLoseTheAnswer], 1, 1),
            (&[Lose, Later, Lose, Take], 4, 1),
            (&[Expire, Take], 2, 2),
            (&[Lose, Expire, TakeAndLoseTheAnswer], 3, 2),
        ] {
            let chain = Scripted::of(script);
            let app = &app.clone().with_chain(Some(Arc::new(chain.clone())));
            let id = people.paid(app).await;
            worked(app).await;
            let mint = people.mint(app, &id).await;
            assert_eq!((mint.status.word(), mint.builds), ("CONFIRMED", builds), "{script:?}: {mint:?}");
            assert_eq!(chain.submits(), submits, "{script:?}");
            assert_eq!(chain.tokens().iter().map(ToString::to_string).collect::<Vec<_>>(), [mint.token_id.unwrap()]);
            let invoice = app.invoice(&people.client, &id).await.unwrap();
            assert_eq!((invoice.anchor_status.word(), &invoice.tx_hash), ("CONFIRMED", &mint.tx_hash));
            let found = app.verify_invoice(&people.client, &id).await.unwrap();
            assert_eq!(found.result, AnchorCheckResult::Match, "{found:?}");
            let sql = format!("SELECT kind FROM events WHERE invoice_id = '{id}' AND kind LIKE 'NFT%' ORDER BY kind");
            assert_eq!(run(app, &sql).await, ["NFT_MINTED", "NFT_SUBMITTED"]);
        }
        assert_eq!(broken(app).await, Vec::<&str>::new());
    })
    .await;
}

#[tokio::test]
async fn many_invoices_on_a_chain_that_loses_answers_have_one_token_each() {
    on_every_primary(async |app| {
        let people = people(app).await;
        let every = [Act::Take, Act::TakeAndLoseTheAnswer, Act::Take, Act::Lose, Act::Expire, Act::Take, Act::Later];
        let script: Vec<Act> = every.into_iter().cycle().take(60).collect();
        let chain = Scripted::of(&script);
        let app = &app.clone().with_chain(Some(Arc::new(chain.clone())));
        let mut invoices = Vec::new();
        for _ in 0..20 {
            invoices.push(people.paid(app).await);
        }
        // Two workers, and each is given up in the middle of what it does, as by a kill.
        for _ in 0..6 {
            let runs = [0, 1].map(|place| JobRunner::new(app.clone(), kinds(), format!("worker-{place}")));
            let [one, two] = runs.each_ref().map(JobRunner::run_due);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(30), async { tokio::join!(one, two) }).await;
            run(app, "UPDATE jobs SET run_at = created_at WHERE kind = 'mint'").await;
        }
        worked(app).await;
        let tokens: BTreeSet<TokenId> = chain.tokens().into_iter().collect();
        assert_eq!((chain.tokens().len(), tokens.len()), (20, 20), "none doubled, none missing");
        for id in &invoices {
            assert_eq!(app.invoice(&people.client, id).await.unwrap().anchor_status.word(), "CONFIRMED");
        }
        assert_eq!(broken(app).await, Vec::<&str>::new());
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_has_failed_and_is_reversed_or_retried_with_another_token() {
    on_every_primary(async |app| {
        let people = people(app).await;
        let key = |context: &Context, key: &str| Context { idempotency_key: Some(key.to_owned()), ..context.clone() };
        let chain = Scripted::of(&[Act::Refuse, Act::Refuse]);
        let app = &app.clone().with_chain(Some(Arc::new(chain.clone())));
        let [retried, reversed] = [people.paid(app).await, people.paid(app).await];
        worked(app).await;
        let failed = people.mint(app, &retried).await;
        assert_eq!((failed.status.word(), failed.error.as_deref()), ("FAILED", Some("no gas for it")));
        let sql = format!("SELECT kind FROM events WHERE invoice_id = '{retried}' AND kind LIKE 'NFT%' ORDER BY kind");
        assert_eq!(run(app, &sql).await, ["NFT_FAILED", "NFT_SUBMITTED"]);
        assert!(matches!(app.retry_mint(&people.client, &failed.id).await, Err(AppError::Forbidden(_))));
        assert_eq!(broken(app).await, Vec::<&str>::new());

        let queued = app.retry_mint(&people.operator, &failed.id).await.unwrap().into_new().unwrap();
        assert_eq!((queued.status.word(), queued.token_id), ("QUEUED", None));
        assert_eq!(app.invoice(&people.client, &retried).await.unwrap().anchor_status.word(), "QUEUED");
        worked(app).await;
        let confirmed = people.mint(app, &retried).await;
        assert_eq!((confirmed.status.word(), confirmed.error), ("CONFIRMED", None));
        assert_ne!(confirmed.token_id, failed.token_id);
        let again = app.retry_mint(&people.operator, &failed.id).await;
        assert!(matches!(again, Err(AppError::Conflict { current, .. }) if current == "CONFIRMED"));

        let payments = format!("SELECT payment_id FROM payment_allocations WHERE invoice_id = '{reversed}'");
        let payment = run(app, &payments).await.remove(0);
        let reason = Reason { reason: "Bounced".to_owned() };
        Box::pin(app.reverse_payment(&key(&people.operator, "back"), &payment, reason)).await.unwrap();
        assert_eq!(app.invoice(&people.client, &reversed).await.unwrap().anchor_status.word(), "NONE");
        assert_eq!(people.mint(app, &reversed).await.status.word(), "CANCELLED");
        assert_eq!(broken(app).await, Vec::<&str>::new());
    })
    .await;
}

#[tokio::test]
async fn what_was_changed_before_it_is_notarised_is_not_notarised() {
    on_every_primary(async |app| {
        let people = people(app).await;
        let chain = Scripted::default();
        let app = &app.clone().with_chain(Some(Arc::new(chain.clone())));
        let id = people.paid(app).await;
        run(app, &format!("UPDATE invoices SET title = 'Gift' WHERE id = '{id}'")).await;
        worked(app).await;
        let mint = people.mint(app, &id).await;
        assert_eq!(mint.status.word(), "FAILED");
        assert!(mint.error.unwrap().contains("hashes to"));
        assert_eq!((chain.submits(), chain.tokens().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn another_notary_is_not_asked_of_what_it_does_not_have() {
    on_every_primary(async |app| {
        let people = people(app).await;
        let minting = app.clone().with_chain(Some(Arc::new(Scripted::default())));
        let id = people.paid(&minting).await;
        worked(&minting).await;
        let asked = app.verify_invoice(&people.client, &id).await;
        assert!(matches!(asked, Err(AppError::ChainAway(_))), "without a chain nothing is claimed: {asked:?}");
        let folder = tempfile::tempdir().unwrap();
        let random = Arc::new(chainbill_domain::SystemRandom);
        let clock = Arc::new(chainbill_domain::SystemClock);
        let notary = chainbill_chain::LocalNotary::new(folder.path(), clock, random);
        let elsewhere = app.clone().with_chain(Some(Arc::new(notary)));
        let asked = elsewhere.verify_invoice(&people.client, &id).await;
        assert!(matches!(asked, Err(AppError::ChainAway(_))), "{asked:?}");
    })
    .await;
}
