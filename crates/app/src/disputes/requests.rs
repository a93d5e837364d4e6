//! What callers ask of disputes, and how it is judged.

use chainbill_domain::{
    Timestamp,
    dispute::{Claim, Evidence, Link, Plan},
    id::UserId,
    money::Money,
    states::{DisputeOutcome, VoteChoice},
    text,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AppError, MoneyView, validate::Check};

/// Most characters of a long text.
const LONG: usize = 10_000;
/// Most characters of a reason or a comment.
const SHORT: usize = 1000;
/// Most characters of a note.
const NOTE: usize = 500;

/// A new dispute.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDisputeRequest {
    /// The invoice whose held money is disputed.
    pub invoice_id: String,
    /// The claim in a line, 1 to 200 characters.
    pub reason: String,
    /// The claim in full, 1 to 10000 characters.
    pub description: String,
    /// What of the held money goes to the client when it is decided for you; the rest goes to the freelancer.
    pub to_client_on_for: MoneyView,
    /// What of it goes to the client when it is decided against you.
    pub to_client_on_against: MoneyView,
    /// Links, at most 10.
    #[serde(default)]
    pub evidence: Vec<NewLink>,
}

/// A link that is to be evidence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLink {
    /// An http or https address of at most 1000 ASCII characters.
    pub url: String,
    /// What it shows, 1 to 500 characters.
    pub note: String,
}

/// More links.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEvidence {
    /// The links; each party gives at most 10 in a dispute.
    pub evidence: Vec<NewLink>,
}

/// The other party's answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerDispute {
    /// The answer, 1 to 10000 characters.
    pub text: String,
    /// Links, at most 10.
    #[serde(default)]
    pub evidence: Vec<NewLink>,
}

/// A vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CastVote {
    /// FOR or AGAINST the opener.
    pub choice: String,
    /// Why, up to 1000 characters. The parties read it once the vote is closed.
    #[serde(default)]
    pub comment: Option<String>,
}

/// An operator's decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideDispute {
    /// FOR or AGAINST the opener, by the plan. Either this or `toClient`.
    #[serde(default)]
    pub outcome: Option<String>,
    /// What of the held money goes to the client; the rest goes to the freelancer.
    #[serde(default)]
    pub to_client: Option<MoneyView>,
    /// Why, 1 to 1000 characters.
    pub reason: String,
}

/// An appeal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppealDispute {
    /// Why, 1 to 1000 characters.
    pub reason: String,
}

/// An offer to settle.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferSettlement {
    /// What of the held money goes to the client; the rest goes to the freelancer. Where anything goes back, what is still due of the
    /// invoice is taken off with it.
    pub to_client: MoneyView,
}

/// A text that is not empty.
fn needed(check: &mut Check, pointer: &str, text: &str, most: usize) -> Option<String> {
    let text = check.field(pointer, text::free(text, most))?;
    if text.is_empty() {
        check.refuse(pointer, format!("is empty: 1 to {most} characters are accepted"));
        return None;
    }
    Some(text)
}

/// An amount to the client of what is held.
fn share(check: &mut Check, pointer: &str, amount: &MoneyView, held: Money) -> Option<i64> {
    let money = check.money(pointer, &amount.clone().into(), Some(held.currency))?;
    check.field(format!("{pointer}/amount"), Plan::share(held, money.minor))
}

/// Links of a party, who may give so many more.
fn links(check: &mut Check, links: &[NewLink], by: UserId, at: Timestamp, left: usize) -> Vec<Evidence> {
    if links.len() > left {
        check.refuse("/evidence", format!("has {} links: at most {left} more are accepted of you", links.len()));
        return Vec::new();
    }
    let mut evidence = Vec::with_capacity(links.len());
    for (place, link) in links.iter().enumerate() {
        let url = check.field(format!("/evidence/{place}/url"), link.url.parse::<Link>());
        let note = check.field(format!("/evidence/{place}/note"), text::line(&link.note, NOTE));
        if let Some((link, note)) = url.zip(note) {
            evidence.push(Evidence { by, link, note, at });
        }
    }
    evidence
}

impl NewDisputeRequest {
    /// The claim, the plan over what is held, and the links of the opener.
    pub(super) fn checked(
        &self,
        held: Money,
        by: UserId,
        at: Timestamp,
        most: usize,
    ) -> Result<(Claim, Plan, Vec<Evidence>), AppError> {
        let mut check = Check::default();
        let reason = check.field("/reason", text::line(&self.reason, 200));
        let description = needed(&mut check, "/description", &self.description, LONG);
        let on_for = share(&mut check, "/toClientOnFor", &self.to_client_on_for, held);
        let on_against = share(&mut check, "/toClientOnAgainst", &self.to_client_on_against, held);
        let plan = on_for.zip(on_against);
        let plan = plan.and_then(|(on_for, on_against)| {
            check.field("/toClientOnAgainst/amount", Plan::of(held, on_for, on_against))
        });
        let evidence = links(&mut check, &self.evidence, by, at, most);
        let claim = reason.zip(description).map(|(reason, description)| Claim { reason, description });
        let (claim, plan) = check.finish(claim.zip(plan))?;
        Ok((claim, plan, evidence))
    }
}

impl NewEvidence {
    pub(super) fn checked(&self, by: UserId, at: Timestamp, left: usize) -> Result<Vec<Evidence>, AppError> {
        let mut check = Check::default();
        check.refuse_unless(!self.evidence.is_empty(), "/evidence", "is empty: 1 link or more is accepted");
        let evidence = links(&mut check, &self.evidence, by, at, left);
        check.finish(Some(evidence))
    }
}

impl AnswerDispute {
    pub(super) fn checked(&self, by: UserId, at: Timestamp, left: usize) -> Result<(String, Vec<Evidence>), AppError> {
        let mut check = Check::default();
        let text = needed(&mut check, "/text", &self.text, LONG);
        let evidence = links(&mut check, &self.evidence, by, at, left);
        check.finish(text.map(|text| (text, evidence)))
    }
}

impl CastVote {
    pub(super) fn checked(&self) -> Result<(VoteChoice, Option<String>), AppError> {
        let mut check = Check::default();
        let choice = check.field("/choice", self.choice.parse::<VoteChoice>());
        let comment = text::some(self.comment.as_deref()).map(|comment| text::free(comment, SHORT));
        let comment = check.optional("/comment", comment);
        check.finish(choice.map(|choice| (choice, comment)))
    }
}

impl DecideDispute {
    /// What goes to the client, and why.
    pub(super) fn checked(&self, plan: &Plan) -> Result<(i64, String), AppError> {
        let mut check = Check::default();
        let reason = needed(&mut check, "/reason", &self.reason, SHORT);
        let to_client = match (&self.outcome, &self.to_client) {
            (Some(outcome), None) => {
                let planned = outcome.parse::<DisputeOutcome>().ok().and_then(|outcome| plan.to_client(outcome));
                check.field("/outcome", planned.ok_or("is not accepted: one of FOR, AGAINST is"))
            }
            (None, Some(amount)) => share(&mut check, "/toClient", amount, plan.held),
            _ => {
                check.refuse("/outcome", "either outcome or toClient is accepted");
                None
            }
        };
        check.finish(to_client.zip(reason))
    }
}

impl AppealDispute {
    pub(super) fn checked(&self) -> Result<String, AppError> {
        let mut check = Check::default();
        let reason = needed(&mut check, "/reason", &self.reason, SHORT);
        check.finish(reason)
    }
}

impl OfferSettlement {
    pub(super) fn checked(&self, held: Money) -> Result<i64, AppError> {
        let mut check = Check::default();
        let to_client = share(&mut check, "/toClient", &self.to_client, held);
        check.finish(to_client)
    }
}
