//! How a paid invoice becomes a token: queued with the payment that pays it, submitted, confirmed or given up.
//!
//! While nothing may be on the chain a reversal of the payment takes it off the queue. From its submission on the payment stays.

use serde_json::Value as Json;

use super::{Invoice, InvoiceState};
use crate::{
    event::EventData,
    mint::TokenId,
    states::{AnchorStatus, InvoiceStatus},
    transition::{Occasion, Refusal, Transition},
};

/// What can be asked of its notarisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Submit,
    Confirm,
    Fail,
    Queue,
}

const fn names(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Submit => ("submitted", "submit"),
        Step::Confirm => ("confirmed", "confirm"),
        Step::Fail => ("failed", "fail"),
        Step::Queue => ("retried", "retry"),
    }
}

impl InvoiceState {
    /// Whether a token may say that it is paid: all that was due was paid, even if it was given back later.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        matches!(self.status, InvoiceStatus::Paid | InvoiceStatus::Released | InvoiceStatus::Refunded)
    }

    /// Whether its payment can be reversed as far as the chain is concerned: nothing of it is there.
    #[must_use]
    pub const fn is_unanchored(&self) -> bool {
        matches!(self.anchor_status, AnchorStatus::None | AnchorStatus::Queued | AnchorStatus::Failed)
    }
}

impl Transition<Invoice> {
    /// The same change, which queues the invoice for its notarisation where it pays the invoice.
    pub fn queued_when_paid(mut self) -> Self {
        let (before, next) = (&self.before.0, &mut self.next.0);
        let is_kept = matches!(next.status, InvoiceStatus::Paid | InvoiceStatus::Released);
        let pays = is_kept && !before.is_paid() && next.canonical_hash.is_some();
        if pays && next.anchor_status == AnchorStatus::None {
            next.anchor_status = AnchorStatus::Queued;
        }
        self
    }
}

impl Invoice {
    /// Its submission is stored: from now on it may be on the chain.
    ///
    /// # Errors
    /// When it is not queued.
    pub fn anchor_submitted(
        self,
        token: TokenId,
        transaction: &str,
        occasion: Occasion,
    ) -> Result<Transition<Self>, Refusal> {
        let event = occasion.event(EventData::MintSubmitted {
            freelancer: self.freelancer_id,
            invoice: self.id,
            token: token.to_string(),
            transaction: transaction.to_owned(),
        });
        let submitted = self.anchored(Step::Submit, AnchorStatus::Submitted)?;
        Ok(submitted.reporting(event))
    }

    /// It is on the chain.
    ///
    /// # Errors
    /// When no submission is on its way.
    pub fn anchor_confirmed(
        self,
        token: TokenId,
        transaction: &str,
        occasion: Occasion,
    ) -> Result<Transition<Self>, Refusal> {
        let event = occasion.event(EventData::NftMinted {
            freelancer: self.freelancer_id,
            invoice: self.id,
            token: token.to_string(),
        });
        let mut confirmed = self.anchored(Step::Confirm, AnchorStatus::Confirmed)?;
        confirmed.next.0.token_id = Some(token.to_string());
        confirmed.next.0.tx_hash = Some(transaction.to_owned());
        Ok(confirmed.reporting(event))
    }

    /// It is given up; nothing is on the chain.
    ///
    /// # Errors
    /// When it is neither queued nor submitted.
    pub fn anchor_failed(self, cause: &str, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        let event = occasion.event(EventData::MintFailed {
            freelancer: self.freelancer_id,
            invoice: self.id,
            cause: cause.chars().take(200).collect(),
        });
        let failed = self.anchored(Step::Fail, AnchorStatus::Failed)?;
        Ok(failed.reporting(event))
    }

    /// It is queued once more.
    ///
    /// # Errors
    /// When its notarisation has not failed.
    pub fn anchor_requeued(self) -> Result<Transition<Self>, Refusal> {
        self.anchored(Step::Queue, AnchorStatus::Queued)
    }

    fn anchored(self, step: Step, status: AnchorStatus) -> Result<Transition<Self>, Refusal> {
        let allowed = match self.anchor_status {
            AnchorStatus::None | AnchorStatus::Confirmed => Vec::new(),
            AnchorStatus::Queued => vec![Step::Submit, Step::Fail],
            AnchorStatus::Submitted => vec![Step::Confirm, Step::Fail],
            AnchorStatus::Failed => vec![Step::Queue],
        };
        Refusal::unless_allowed("a notarisation", self.anchor_status.word(), step, allowed, names)?;
        let next = Self(InvoiceState { anchor_status: status, ..self.0.clone() });
        Ok(Transition::quiet(self, next))
    }
}

/// Where two canonical forms differ, as JSON pointers in the order of their names. What one lacks is one difference.
#[must_use]
pub fn differences(one: &Json, other: &Json) -> Vec<String> {
    let mut found = Vec::new();
    differ(one, other, "", &mut found);
    found
}

fn differ(one: &Json, other: &Json, pointer: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let null = Json::Null;
                let (one, other) = (one.get(name).unwrap_or(&null), other.get(name).unwrap_or(&null));
                differ(one, other, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        (Json::Array(one), Json::Array(other)) => {
            for place in 0..one.len().max(other.len()) {
                let pointer = format!("{pointer}/{place}");
                match (one.get(place), other.get(place)) {
                    (Some(one), Some(other)) => differ(one, other, &pointer, found),
                    _ => found.push(pointer),
                }
            }
        }
        _ if one == other => {}
        _ => found.push(pointer.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_every_field_and_no_other() {
        let one = json!({"a": 1, "b": {"c/d": [1, {"e": null}], "f": "x"}, "g": []});
        assert_eq!(differences(&one, &one), Vec::<String>::new());
        let other = json!({"a": 1, "b": {"c/d": [1, {"e": 2}, 3], "f": "y"}, "g": [], "h": true});
        assert_eq!(differences(&one, &other), ["/b/c~1d/1/e", "/b/c~1d/2", "/b/f", "/h"]);
        assert_eq!(differences(&other, &one), ["/b/c~1d/1/e", "/b/c~1d/2", "/b/f", "/h"]);
        assert_eq!(differences(&json!([]), &json!({})), [""]);
    }
}
