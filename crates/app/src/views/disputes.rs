//! Disputes, as parties, voters and operators see them.

use chainbill_domain::{
    dispute::{Deadline, Dispute, Evidence, Tally, Vote},
    id::UserId,
    states::{DisputeOutcome, DisputeResolver, DisputeStatus, Role, VoteChoice},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, Identified, MoneyView, Movement, moment};

/// Who looks at a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// A party of it.
    Party(UserId),
    /// An operator.
    Operator,
    /// A user who may vote on it, or has.
    Voter(UserId),
}

/// A dispute over the held money of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeView {
    /// Its id.
    pub id: String,
    /// Rises with every change but votes; the ETag.
    pub version: i64,
    /// OPEN, VOTING, RESOLVED, EXECUTED, WITHDRAWN or SETTLED.
    #[schema(value_type = String)]
    pub status: DisputeStatus,
    /// The invoice; not to voters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<String>,
    /// The client; not to voters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The freelancer; not to voters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freelancer_id: Option<String>,
    /// The side that opened it: CLIENT or FREELANCER.
    #[schema(value_type = String)]
    pub opened_by: Role,
    /// The opener's claim in a line.
    pub reason: String,
    /// The opener's claim in full.
    pub description: String,
    /// What was held at opening.
    pub held: MoneyView,
    /// Who gets what of it.
    pub plan: PlanView,
    /// Links that the parties gave.
    pub evidence: Vec<EvidenceView>,
    /// What the other party answered.
    pub answer: Option<String>,
    /// When.
    pub answered_at: Option<String>,
    /// How many votes decide.
    pub quorum: Option<i64>,
    /// Your own vote.
    pub my_vote: Option<VoteView>,
    /// What the votes came to; null until the vote is closed.
    pub tally: Option<TallyView>,
    /// The votes; null until the vote is closed.
    pub votes: Option<Vec<VoteView>>,
    /// FOR, AGAINST, TIED, NO_QUORUM or SPLIT.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<DisputeOutcome>,
    /// NO_ANSWER, VOTE, OPERATOR or DEADLINE.
    #[schema(value_type = Option<String>)]
    pub resolved_by: Option<DisputeResolver>,
    /// When it was decided, or left to an operator.
    pub resolved_at: Option<String>,
    /// Who gets what, as decided or agreed; null while it is undecided.
    pub split: Option<SplitView>,
    /// Why an operator decided so.
    pub decision_reason: Option<String>,
    /// The appeal.
    pub appeal: Option<AppealView>,
    /// The split that a party offers; not to voters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferView>,
    /// What the clock does next, and when; null once it has ended.
    pub deadline: Option<DeadlineView>,
    /// When it was executed, withdrawn or settled.
    pub ended_at: Option<String>,
    /// When it was opened.
    pub created_at: String,
    /// When it last changed, votes aside.
    pub updated_at: String,
    /// What this request has posted, or would post.
    #[serde(flatten)]
    pub movement: Movement,
}

/// Who gets what on either outcome.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// When it is decided for the opener.
    pub on_for: SplitView,
    /// When it is decided against the opener.
    pub on_against: SplitView,
}

/// Who gets what of the held money.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SplitView {
    /// Back to the client.
    pub to_client: MoneyView,
    /// To the freelancer, before the platform's fee.
    pub to_freelancer: MoneyView,
}

/// A link.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceView {
    /// The side that gave it: CLIENT or FREELANCER.
    #[schema(value_type = String)]
    pub by: Role,
    /// Its address.
    pub url: String,
    /// What it shows.
    pub note: String,
    /// When it was given.
    pub at: String,
}

/// A vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoteView {
    /// FOR or AGAINST the opener.
    #[schema(value_type = String)]
    pub choice: VoteChoice,
    /// Why.
    pub comment: Option<String>,
    /// Who; to operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voter_id: Option<String>,
    /// When.
    pub at: String,
}

/// What the votes came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TallyView {
    /// For the opener.
    #[serde(rename = "for")]
    pub on_for: i64,
    /// Against the opener.
    #[serde(rename = "against")]
    pub on_against: i64,
}

/// An appeal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppealView {
    /// The side that appealed: CLIENT or FREELANCER.
    #[schema(value_type = String)]
    pub by: Role,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// When it was decided, or the first decision came to stand.
    pub decided_at: Option<String>,
}

/// A split that a party offers to the other.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferView {
    /// The side that offers it: CLIENT or FREELANCER.
    #[schema(value_type = String)]
    pub by: Role,
    /// Who gets what.
    #[serde(flatten)]
    pub split: SplitView,
    /// When.
    pub at: String,
}

/// What the clock does next.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadlineView {
    /// What ends: ANSWER, VOTE, DECISION or EXECUTION.
    pub of: String,
    /// When.
    pub at: String,
}

impl DisputeView {
    /// A dispute as it is seen. Nobody sees votes of others before the vote is closed.
    #[must_use]
    pub fn of(dispute: &Dispute, sight: Sight) -> Self {
        let side = |user: UserId| if user == dispute.parties.client { Role::Client } else { Role::Freelancer };
        let split = |to_client: i64| SplitView {
            to_client: dispute.money(to_client).into(),
            to_freelancer: dispute.money(dispute.plan.held.minor - to_client).into(),
        };
        let is_voter = matches!(sight, Sight::Voter(_));
        let to_parties = |id: String| (!is_voter).then_some(id);
        let shown = dispute.is_tallied();
        let evidence = |it: &Evidence| EvidenceView {
            by: side(it.by),
            url: it.link.as_str().to_owned(),
            note: it.note.clone(),
            at: moment(it.at),
        };
        Self {
            id: dispute.id.to_string(),
            version: dispute.changes,
            status: dispute.status,
            invoice_id: to_parties(dispute.invoice_id.to_string()),
            client_id: to_parties(dispute.parties.client.to_string()),
            freelancer_id: to_parties(dispute.parties.freelancer.to_string()),
            opened_by: side(dispute.opened_by),
            reason: dispute.claim.reason.clone(),
            description: dispute.claim.description.clone(),
            held: dispute.plan.held.into(),
            plan: PlanView { on_for: split(dispute.plan.on_for), on_against: split(dispute.plan.on_against) },
            evidence: dispute.evidence.iter().map(evidence).collect(),
            answer: dispute.answer.as_ref().map(|(text, _)| text.clone()),
            answered_at: dispute.answer.as_ref().map(|(_, at)| moment(*at)),
            quorum: dispute.quorum,
            my_vote: own_vote(dispute, sight),
            tally: shown.then(|| TallyView::of(&dispute.votes)),
            votes: shown.then(|| dispute.votes.iter().map(|vote| VoteView::of(vote, sight)).collect()),
            outcome: dispute.outcome,
            resolved_by: dispute.resolved_by,
            resolved_at: dispute.resolved_at.map(moment),
            split: dispute.to_client.map(split),
            decision_reason: dispute.decision.as_ref().map(|(_, reason)| reason.clone()),
            appeal: dispute.appeal.as_ref().map(|appeal| AppealView {
                by: side(appeal.by),
                reason: appeal.reason.clone(),
                at: moment(appeal.at),
                decided_at: appeal.decided_at.map(moment),
            }),
            offer: dispute.offer.filter(|_| !is_voter).map(|offer| OfferView {
                by: side(offer.by),
                split: split(offer.to_client),
                at: moment(offer.at),
            }),
            deadline: dispute.deadline().map(|(of, at)| DeadlineView { of: word(of).to_owned(), at: moment(at) }),
            ended_at: dispute.ended_at.map(moment),
            created_at: moment(dispute.created_at),
            updated_at: moment(dispute.shown_change()),
            movement: Movement::default(),
        }
    }
}

fn own_vote(dispute: &Dispute, sight: Sight) -> Option<VoteView> {
    let Sight::Voter(user) = sight else { return None };
    dispute.vote_of(user).map(|vote| VoteView::of(vote, sight))
}

const fn word(deadline: Deadline) -> &'static str {
    match deadline {
        Deadline::Answer => "ANSWER",
        Deadline::Vote => "VOTE",
        Deadline::Decision => "DECISION",
        Deadline::Execution => "EXECUTION",
    }
}

impl TallyView {
    fn of(votes: &[Vote]) -> Self {
        let Tally { on_for, on_against } = Tally::of(votes);
        Self { on_for, on_against }
    }
}

impl VoteView {
    fn of(vote: &Vote, sight: Sight) -> Self {
        Self {
            choice: vote.choice,
            comment: vote.comment.clone(),
            voter_id: (sight == Sight::Operator).then(|| vote.voter.to_string()),
            at: moment(vote.at),
        }
    }
}

/// The tag of a voter's view differs once the voter has voted.
impl Answer for DisputeView {
    fn tag(&self) -> Option<String> {
        let voted = if self.my_vote.is_some() { "-voted" } else { "" };
        Some(format!("{}{voted}", self.version))
    }
}

impl Identified for DisputeView {
    const MODEL: &'static str = "disputes";
    fn id(&self) -> &str {
        &self.id
    }
}
