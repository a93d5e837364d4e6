//! Whether an invoice is what was notarised: its row, hashed again, against the chain's own answer.

use std::{sync::Arc, time::Duration};

use chainbill_chain::{Chain, ChainError, Notarised};
use chainbill_domain::{
    id::InvoiceId,
    invoice::{Invoice, canonical, differences, form, hash_of},
    mint::Mint,
    states::{AnchorStatus, MintStatus},
};
use chainbill_records::repo::{invoices, mints};
use serde_json::Value as Json;

use crate::{AnchorCheckResult, AnchorCheckView, App, AppError, Context, NotarisedView, moment};

/// How long the chain is waited for.
const DEADLINE: Duration = Duration::from_secs(5);

impl App {
    /// Compares an invoice with what was notarised of it. The chain is asked, within a deadline.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties and operators; [`AppError::ChainAway`] when the chain does not answer in time.
    pub async fn verify_invoice(&self, context: &Context, id: &str) -> Result<AnchorCheckView, AppError> {
        let viewer = context.actor()?.viewer();
        let missing = || AppError::NotFound("invoice");
        let id: InvoiceId = id.parse().map_err(|_| missing())?;
        let invoice = invoices::find(&self.records, &viewer, id).await?.ok_or_else(missing)?;
        let mint = mints::of_invoice(&self.records, id).await?;
        let checked_at = moment(self.now());
        let mint = match mint {
            Some(mint) if mint.status == MintStatus::Confirmed => mint,
            mint => return Ok(AnchorCheckView::without_token(&invoice, mint.as_ref(), checked_at)),
        };
        let asked = tokio::time::timeout(DEADLINE, self.ask_chain(&mint)).await;
        let found = asked.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
        let (network, found) = found.map_err(AppError::ChainAway)?;
        Ok(compared(&invoice, &mint, network, found, checked_at))
    }

    /// What the chain holds of a token, if this is the chain that the token is on.
    async fn ask_chain(&self, mint: &Mint) -> Result<(&'static str, Option<Notarised>), String> {
        let chain: &Arc<dyn Chain> = self.chain.as_ref().ok_or("none is set up (APTOS_NETWORK)")?;
        let text = |error: ChainError| error.to_string();
        let identity = chain.identity().await.map_err(text)?;
        let (Some(token), Some(submission)) = (mint.token, &mint.submission) else {
            return Err(format!("the notarisation {} has no token", mint.id));
        };
        if submission.chain != identity {
            return Err(format!("the token is on {}, this is {identity}", submission.chain));
        }
        Ok((chain.network(), chain.token(token).await.map_err(text)?))
    }
}

fn compared(
    invoice: &Invoice,
    mint: &Mint,
    network: &str,
    found: Option<Notarised>,
    checked_at: String,
) -> AnchorCheckView {
    let now = form(invoice).ok();
    let hash = now.as_ref().map(hash_of);
    let mut fields = Vec::new();
    let mut differs = |field: &str, is_so: bool| {
        if is_so {
            fields.push(field.to_owned());
        }
    };
    differs("/anchorStatus", invoice.anchor_status != AnchorStatus::Confirmed);
    let token = mint.token.map(|token| token.to_string());
    differs("/tokenId", invoice.token_id != token || found.is_none());
    if let Some(found) = &found {
        differs("/canonicalHash", invoice.canonical_hash.as_ref() != Some(&found.what.hash));
        differs("/txHash", invoice.tx_hash.as_ref() != Some(&found.transaction));
        differs("/reference", found.what.reference != mint.id.to_string());
        if hash.as_ref() != Some(&found.what.hash) {
            fields.extend(changed(now.as_ref(), &mint.form, &found.what.hash));
        }
    }
    AnchorCheckView {
        invoice_id: invoice.id.to_string(),
        result: if fields.is_empty() { AnchorCheckResult::Match } else { AnchorCheckResult::Mismatch },
        anchor_status: invoice.anchor_status,
        network: Some(network.to_owned()),
        canonical_hash: hash,
        fields,
        notarised: found.map(|found| NotarisedView {
            token_id: found.what.token.to_string(),
            tx_hash: found.transaction,
            canonical_hash: found.what.hash,
            reference: found.what.reference,
            at: moment(found.at),
        }),
        checked_at,
    }
}

/// The fields that were changed since they were notarised. The form that was kept is evidence if it has the notarised hash; without
/// it, only that something was changed is known.
fn changed(now: Option<&Json>, kept: &str, notarised: &str) -> Vec<String> {
    let kept: Option<Json> = serde_json::from_str(kept).ok();
    match (now, kept) {
        (Some(now), Some(kept)) if hash_of(&kept) == notarised && canonical(&kept) != canonical(now) => {
            differences(&kept, now).into_iter().map(|pointer| format!("/content{pointer}")).collect()
        }
        _ => vec!["/content".to_owned()],
    }
}
