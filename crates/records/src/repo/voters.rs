//! What is known of users who want to vote on disputes: their reputation, and what they share with others.

use chainbill_domain::{
    Timestamp,
    id::{Id, UserId},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Func},
};

use crate::{
    RecordsError, Text,
    dialect::moment,
    entities::{audit_entries, reputations, sessions, users},
};

/// The reputation of a user, 0 to 100; none where nothing is known.
///
/// # Errors
/// When the primary does not answer.
pub async fn reputation(db: &impl ConnectionTrait, user: UserId) -> Result<Option<i64>, RecordsError> {
    let score = reputations::Entity::find()
        .select_only()
        .column(reputations::Column::Score)
        .filter(reputations::Column::UserId.eq(Text(user)))
        .into_tuple()
        .one(db)
        .await?;
    Ok(score)
}

/// The network addresses of a user's logins and changes since a moment, the registration among them.
///
/// # Errors
/// When the primary does not answer.
pub async fn addresses(db: &impl ConnectionTrait, user: UserId, since: Timestamp) -> Result<Vec<String>, RecordsError> {
    let logins = sessions::Entity::find()
        .select_only()
        .column(sessions::Column::Address)
        .distinct()
        .filter(used(db, &[user], since))
        .filter(sessions::Column::Address.is_not_null());
    let mut found: Vec<String> = logins.into_tuple().all(db).await?;
    let changes = audit_entries::Entity::find()
        .select_only()
        .column(audit_entries::Column::Address)
        .distinct()
        .filter(changed(&[user], since))
        .filter(audit_entries::Column::Address.is_not_null());
    found.extend(changes.into_tuple::<String>().all(db).await?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What a user shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// A network address that one of them has used too.
    pub address: bool,
    /// The wallet of one of them.
    pub wallet: bool,
}

/// What these users share with one who has used these addresses and has this wallet.
///
/// # Errors
/// When the primary does not answer.
pub async fn shared(
    db: &impl ConnectionTrait,
    others: &[UserId],
    (addresses, since): (&[String], Timestamp),
    wallet: Option<&str>,
) -> Result<Shared, RecordsError> {
    let address = !addresses.is_empty() && share_address(db, others, addresses, since).await?;
    let wallet = match wallet {
        Some(wallet) => share_wallet(db, others, wallet).await?,
        None => false,
    };
    Ok(Shared { address, wallet })
}

async fn share_address(
    db: &impl ConnectionTrait,
    others: &[UserId],
    addresses: &[String],
    since: Timestamp,
) -> Result<bool, RecordsError> {
    let by_login = sessions::Entity::find()
        .select_only()
        .column(sessions::Column::Address)
        .filter(used(db, others, since))
        .filter(sessions::Column::Address.is_in(addresses))
        .limit(1);
    if by_login.into_tuple::<String>().one(db).await?.is_some() {
        return Ok(true);
    }
    let by_change = audit_entries::Entity::find()
        .select_only()
        .column(audit_entries::Column::Address)
        .filter(changed(others, since))
        .filter(audit_entries::Column::Address.is_in(addresses))
        .limit(1);
    Ok(by_change.into_tuple::<String>().one(db).await?.is_some())
}

/// Wallets are unique as they are written; the same one can be written in other letters.
async fn share_wallet(db: &impl ConnectionTrait, others: &[UserId], wallet: &str) -> Result<bool, RecordsError> {
    let same = users::Entity::find()
        .select_only()
        .column(users::Column::Id)
        .filter(users::Column::Id.is_in(others.iter().copied().map(Text)))
        .filter(Expr::expr(Func::lower(Expr::col(users::Column::WalletAddress))).eq(wallet.to_lowercase()))
        .limit(1);
    Ok(same.into_tuple::<String>().one(db).await?.is_some())
}

/// Logins that began or were used since a moment.
fn used(db: &impl ConnectionTrait, of: &[UserId], since: Timestamp) -> Condition {
    let since = moment(db.get_database_backend(), since);
    let recent = Condition::any()
        .add(sessions::Column::CreatedAt.gte(since.clone()))
        .add(sessions::Column::LastSeenAt.gte(since));
    Condition::all().add(sessions::Column::UserId.is_in(of.iter().copied().map(Text))).add(recent)
}

/// Changes since a moment, as their ids say, which begin with it; and registrations, which have no actor yet.
fn changed(of: &[UserId], since: Timestamp) -> Condition {
    let since = Id::<()>::new(since, [0; 10]).to_string();
    let ids = || of.iter().copied();
    let registered = Condition::all()
        .add(audit_entries::Column::SubjectModel.eq("users"))
        .add(audit_entries::Column::SubjectId.is_in(ids().map(|id| id.to_string())))
        .add(audit_entries::Column::Action.eq("register"));
    let acted = Condition::all().add(audit_entries::Column::ActorId.is_in(ids().map(Text)));
    let any = Condition::any().add(acted.add(audit_entries::Column::Id.gte(since.clone())));
    any.add(registered.add(audit_entries::Column::Id.gte(since)))
}
