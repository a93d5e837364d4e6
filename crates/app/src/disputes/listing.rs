//! Reading disputes: one, and lists of them.

use chainbill_domain::{
    dispute::Dispute,
    id::DisputeId,
    states::{DisputeStatus, Role},
};
use chainbill_records::{
    OddRow,
    repo::disputes::{self, List, Of},
};
use serde::Deserialize;

use super::{MISSING, voting::Elector};
use crate::{App, AppError, Context, DisputeView, Page, PageRequest, Sight};

/// Which disputes.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DisputeFilter {
    /// As what: `party` (those you are a party of, and all to operators) when absent, `voter` (those on which you can vote now), or
    /// `voted` (those on which you have voted).
    pub role: Option<String>,
    /// Only those in this state: OPEN, VOTING, RESOLVED, EXECUTED, WITHDRAWN or SETTLED.
    pub status: Option<String>,
    /// With `true` only those that wait for an operator's decision.
    pub awaits_decision: Option<bool>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// One dispute: to its parties and to operators all of it, to those who may vote on it or have what a voter needs.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others.
    pub async fn dispute(&self, context: &Context, id: &str) -> Result<DisputeView, AppError> {
        let actor = context.actor()?;
        let id: DisputeId = id.parse().map_err(|_| MISSING)?;
        let dispute = disputes::find(&self.records, id).await?.ok_or(MISSING)?;
        let sight = match actor.role {
            Role::Admin => Sight::Operator,
            _ if dispute.has_party(actor.user_id) => Sight::Party(actor.user_id),
            _ if dispute.vote_of(actor.user_id).is_some() || self.may_vote(context, &dispute).await? => {
                Sight::Voter(actor.user_id)
            }
            _ => return Err(MISSING),
        };
        Ok(DisputeView::of(&dispute, sight))
    }

    async fn may_vote(&self, context: &Context, dispute: &Dispute) -> Result<bool, AppError> {
        let now = self.now();
        if dispute.status != DisputeStatus::Voting || dispute.deadline().is_none_or(|(_, at)| at <= now) {
            return Ok(false);
        }
        let elector = Elector::of(&self.records, context).await?;
        elector.is_admitted(self, dispute).await
    }

    /// Disputes, newest first.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn disputes(&self, context: &Context, filter: &DisputeFilter) -> Result<Page<DisputeView>, AppError> {
        let viewer = context.actor()?.viewer();
        let status = filter.status.as_deref().map(str::parse::<DisputeStatus>).transpose();
        let status = status.map_err(|error| AppError::field("/status", error))?;
        let awaits_decision = filter.awaits_decision.unwrap_or(false);
        let name = format!("disputes?{:?}&{:?}&{awaits_decision}", filter.role, filter.status);
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let most = u64::from(limit) + 1;
        let list = |of| List { of, status, awaits_decision, after: after.as_deref(), limit: most };
        let (rows, sight) = match filter.role.as_deref() {
            None | Some("party") => {
                let sight = if viewer.role == Role::Admin { Sight::Operator } else { Sight::Party(viewer.user_id) };
                (disputes::list(&self.records, list(Of::Party(&viewer))).await?, sight)
            }
            Some("voted") => {
                let of = Of::VotedBy(viewer.user_id);
                (disputes::list(&self.records, list(of)).await?, Sight::Voter(viewer.user_id))
            }
            Some("voter") => {
                let of = Of::OpenTo(viewer.user_id, self.records.now());
                (self.open_to_vote(context, list(of)).await?, Sight::Voter(viewer.user_id))
            }
            Some(_) => return Err(AppError::field("/role", "is not accepted: one of party, voter, voted is")),
        };
        let view = |dispute: Dispute| Ok(DisputeView::of(&dispute, sight));
        Ok(Page::of_readable(&name, rows, limit, |dispute| dispute.id.to_string(), view))
    }

    /// Disputes on which the actor may vote, at most as many as the list wants: none to those who may vote on none.
    async fn open_to_vote(&self, context: &Context, list: List<'_>) -> Result<Vec<Result<Dispute, OddRow>>, AppError> {
        let (now, terms) = (self.records.now(), self.settings.disputes.voters);
        let elector = Elector::of(&self.records, context).await?;
        if terms.admit(&elector.alone(), now).is_err() {
            return Ok(Vec::new());
        }
        let (mut after, mut found) = (list.after.map(str::to_owned), Vec::new());
        loop {
            let rows = disputes::list(&self.records, List { after: after.as_deref(), ..list }).await?;
            let is_last = (rows.len() as u64) < list.limit;
            for row in rows {
                after = Some(row.as_ref().map_or_else(|odd| odd.id.clone(), |dispute| dispute.id.to_string()));
                let is_open = match &row {
                    Ok(dispute) => elector.is_admitted(self, dispute).await?,
                    // What of it is shared, and with whom, stays hidden.
                    Err(_) => false,
                };
                if is_open {
                    found.push(row);
                }
                if found.len() as u64 == list.limit {
                    return Ok(found);
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }
}
