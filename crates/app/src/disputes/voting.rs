//! Votes: who may cast one, and casting it.

use chainbill_domain::{
    Timestamp,
    dispute::{Action, Candidate, Dispute, Vote},
    id::UserId,
    states::Role,
};
use chainbill_records::{
    Records,
    entities::users as table,
    repo::{
        users,
        voters::{self, Shared},
    },
};
use chrono::TimeDelta;

use super::{CastVote, MISSING};
use crate::{Actor, App, AppError, Context, DisputeView, Done, Sight};

/// How far back network addresses are compared.
const ADDRESSES_OF: TimeDelta = TimeDelta::days(90);

/// A user who wants to vote, with the network addresses of late.
pub(super) struct Elector {
    user: table::Model,
    role: Role,
    reputation: Option<i64>,
    addresses: Vec<String>,
    since: Timestamp,
}

impl Elector {
    /// What is known of who asks, with the address that the request comes from.
    pub async fn of(records: &Records, context: &Context) -> Result<Self, AppError> {
        let Actor { user_id: user, role, .. } = *context.actor()?;
        let row = users::find(records, user).await?.ok_or(AppError::Unauthenticated)?;
        let since = records.now() - ADDRESSES_OF;
        let mut addresses = voters::addresses(records, user, since).await?;
        addresses.extend(context.address.clone());
        let reputation = voters::reputation(records, user).await?;
        Ok(Self { user: row, role, reputation, addresses, since })
    }

    /// The users with whom nothing may be shared: the parties of a dispute and its other voters.
    pub fn others(&self, dispute: &Dispute) -> Vec<UserId> {
        let voters = dispute.votes.iter().map(|vote| vote.voter).filter(|voter| *voter != self.user.id.0);
        voters.chain([dispute.parties.client, dispute.parties.freelancer]).collect()
    }

    /// The addresses of late, and since when.
    pub fn addresses(&self) -> (&[String], Timestamp) {
        (&self.addresses, self.since)
    }

    /// The wallet.
    pub fn wallet(&self) -> Option<&str> {
        self.user.wallet_address.as_deref()
    }

    /// The same user as a candidate for a vote.
    pub fn sharing(&self, shared: Shared) -> Candidate {
        Candidate { shares_address: shared.address, shares_wallet: shared.wallet, ..self.alone() }
    }

    /// Whether the user may vote on a dispute, which was read without a lock.
    pub async fn is_admitted(&self, app: &App, dispute: &Dispute) -> Result<bool, AppError> {
        let shared = voters::shared(&app.records, &self.others(dispute), self.addresses(), self.wallet()).await?;
        let (terms, now) = (app.settings.disputes.voters, app.now());
        Ok(dispute.admit(&self.sharing(shared), &terms, now).is_ok())
    }

    /// The same user, before others are looked at.
    pub fn alone(&self) -> Candidate {
        Candidate {
            user: self.user.id.0,
            role: self.role,
            is_verified: self.user.verified_at.is_some(),
            since: self.user.created_at,
            reputation: self.reputation,
            shares_address: false,
            shares_wallet: false,
        }
    }
}

impl App {
    /// Votes on a dispute, as a user who is no party. The vote is final.
    ///
    /// # Errors
    /// [`AppError::Ineligible`] with the reason, [`AppError::Conflict`] when it is not voted on or the user has voted.
    pub async fn vote_on_dispute(
        &self,
        context: &Context,
        id: &str,
        vote: CastVote,
    ) -> Result<Done<DisputeView>, AppError> {
        let Actor { user_id: voter, role, .. } = *context.actor()?;
        let (asked, elector) = (&vote, &Elector::of(&self.records, context).await?);
        self.command(context, "dispute.vote", &(id, asked), |command| async move {
            let dispute = command.locked_dispute(id).await?;
            let occasion = command.occasion();
            let is_seen = role == Role::Admin || dispute.has_party(voter) || dispute.vote_of(voter).is_some();
            if !is_seen && dispute.allows(Action::Vote, occasion.at).is_err() {
                return Err(MISSING);
            }
            // Who has voted until now is locked; who votes next sees this vote.
            let others = elector.others(&dispute);
            let shared = voters::shared(&command.unit, &others, elector.addresses(), elector.wallet()).await?;
            dispute.admit(&elector.sharing(shared), &command.app.settings.disputes.voters, occasion.at)?;
            if dispute.vote_of(voter).is_some() {
                let detail = "you have voted on this dispute already: a vote is final".to_owned();
                return Err(AppError::Conflict { current: dispute.status.to_string(), allowed: Vec::new(), detail });
            }
            let (choice, comment) = asked.checked()?;
            let change = dispute.vote(Vote { voter, choice, comment, at: occasion.at }, occasion)?;
            command.change_dispute(change, Sight::Voter(voter)).await
        })
        .await
    }
}
