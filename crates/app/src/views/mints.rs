//! Notarisations, and what their verification finds.

use chainbill_domain::{
    invoice::Invoice,
    mint::Mint,
    states::{AnchorStatus, MintStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, moment};

/// The notarisation of a paid invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MintView {
    /// Its id, and the opaque reference on the chain.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// The invoice.
    pub invoice_id: String,
    /// QUEUED, SUBMITTED, CONFIRMED, FAILED or CANCELLED.
    #[schema(value_type = String)]
    pub status: MintStatus,
    /// The network: `local`, `devnet`, `testnet` or `mainnet`; none before it is submitted.
    pub network: Option<String>,
    /// The network with the key or account that signed.
    pub chain: Option<String>,
    /// The token's id, in decimal digits.
    pub token_id: Option<String>,
    /// Its transaction on the chain; that of the local notary begins with `local:`.
    pub tx_hash: Option<String>,
    /// The canonical hash that is notarised.
    pub canonical_hash: String,
    /// How many submissions were built: more than one where one expired, or it was retried.
    pub builds: i64,
    /// When the submission expires.
    pub expires_at: Option<String>,
    /// The chain's receipt.
    pub receipt: Option<ReceiptView>,
    /// Why it failed.
    pub error: Option<String>,
    /// When the invoice was queued first.
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

/// The chain's receipt.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptView {
    /// The place on the chain: a ledger version, or a sequence number of the local notary.
    pub position: u64,
    /// The chain's digest of that place.
    pub digest: String,
    /// When the chain took it.
    pub at: String,
    /// The units of gas that it took; none where there is no gas.
    pub gas_used: Option<u64>,
}

impl MintView {
    /// A notarisation as it is shown.
    #[must_use]
    pub fn of(mint: Mint) -> Self {
        let submission = mint.submission.as_ref();
        Self {
            id: mint.id.to_string(),
            version: mint.version,
            invoice_id: mint.invoice_id.to_string(),
            status: mint.status,
            network: submission.map(|it| it.chain.split(':').next().unwrap_or_default().to_owned()),
            chain: submission.map(|it| it.chain.clone()),
            token_id: mint.token.map(|token| token.to_string()),
            tx_hash: submission.map(|it| it.transaction.clone()),
            canonical_hash: mint.hash,
            builds: mint.builds,
            expires_at: submission.map(|it| moment(it.expires_at)),
            receipt: mint.receipt.map(|receipt| ReceiptView {
                position: receipt.position,
                digest: receipt.digest,
                at: moment(receipt.at),
                gas_used: receipt.gas_used,
            }),
            error: mint.error,
            created_at: moment(mint.created_at),
            updated_at: moment(mint.updated_at),
        }
    }
}

/// What a verification has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorCheckResult {
    /// The invoice is what was notarised.
    Match,
    /// It is not; `fields` names what differs.
    Mismatch,
    /// Nothing of it is on a chain.
    NotAnchored,
}

/// An invoice compared with what was notarised of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnchorCheckView {
    /// The invoice.
    pub invoice_id: String,
    /// `match`, `mismatch` or `not_anchored`.
    pub result: AnchorCheckResult,
    /// Where its notarisation stands.
    #[schema(value_type = String)]
    pub anchor_status: AnchorStatus,
    /// The network that was asked; `local` is the log in the data folder.
    pub network: Option<String>,
    /// The canonical hash of the invoice as it is now.
    pub canonical_hash: Option<String>,
    /// What differs, as pointers: `/content/…` into the invoice's canonical form, and `/anchorStatus`, `/tokenId`, `/txHash`,
    /// `/canonicalHash` and `/reference`.
    pub fields: Vec<String>,
    /// What the chain holds.
    pub notarised: Option<NotarisedView>,
    /// When it was compared.
    pub checked_at: String,
}

/// What the chain holds of a token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotarisedView {
    /// The token's id.
    pub token_id: String,
    /// The transaction that made it.
    pub tx_hash: String,
    /// The hash that was notarised.
    pub canonical_hash: String,
    /// The opaque reference.
    pub reference: String,
    /// When the chain took it.
    pub at: String,
}

impl AnchorCheckView {
    /// Of an invoice without a confirmed notarisation. One that claims a token has been changed.
    pub(crate) fn without_token(invoice: &Invoice, mint: Option<&Mint>, checked_at: String) -> Self {
        let named = |field: &str, is_so: bool| is_so.then(|| field.to_owned());
        let expected = mint.map_or(AnchorStatus::None.word(), |mint| match mint.status {
            MintStatus::Cancelled => AnchorStatus::None.word(),
            status => status.word(),
        });
        let fields: Vec<String> = [
            named("/anchorStatus", invoice.anchor_status.word() != expected),
            named("/tokenId", invoice.token_id.is_some()),
            named("/txHash", invoice.tx_hash.is_some()),
        ]
        .into_iter()
        .flatten()
        .collect();
        Self {
            invoice_id: invoice.id.to_string(),
            result: if fields.is_empty() { AnchorCheckResult::NotAnchored } else { AnchorCheckResult::Mismatch },
            anchor_status: invoice.anchor_status,
            network: None,
            canonical_hash: None,
            fields,
            notarised: None,
            checked_at,
        }
    }
}

/// It is computed for the one who asks, and has no version.
impl Answer for AnchorCheckView {
    fn tag(&self) -> Option<String> {
        None
    }
}
