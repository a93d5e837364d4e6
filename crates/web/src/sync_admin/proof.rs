//! Certificates and proofs as the API returns them: field by field what `chainbill proof check` reads.

use chainbill_domain::proof::{Certificate, Proof, Side, WrittenStep};
use serde::Serialize;
use utoipa::ToSchema;

/// That all rows of a model had this Merkle root at this moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateView {
    /// The model.
    pub model: String,
    /// The moment of the primary.
    pub cut: String,
    /// Number of rows.
    pub count: u64,
    /// The version of the encoder that made the digests.
    pub encoder_version: u32,
    /// The revision of the model's description; absent in certificates that were issued before revisions existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Merkle root over ids, versions and digests in the order of ids.
    pub root: String,
    /// The hash of the model's previous certificate.
    pub previous: Option<String>,
    /// SHA-256 over all of the above.
    pub hash: String,
}

impl From<Certificate> for CertificateView {
    fn from(certificate: Certificate) -> Self {
        let Certificate { model, cut, count, encoder_version, revision, root, previous, hash } = certificate;
        Self { model, cut, count, encoder_version, revision, root, previous, hash }
    }
}

/// A step of the path from a leaf to the root.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofStep {
    /// Where the sibling is: `left` or `right`.
    pub side: &'static str,
    /// The sibling's hash.
    pub hash: String,
}

impl From<WrittenStep> for ProofStep {
    fn from(step: WrittenStep) -> Self {
        let side = match step.side {
            Side::Left => "left",
            Side::Right => "right",
        };
        Self { side, hash: step.hash }
    }
}

/// That an entity was among the rows of a certificate.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofView {
    /// The name of the format.
    pub format: String,
    /// The model.
    pub model: String,
    /// The entity.
    pub id: String,
    /// Its version at the cut.
    pub version: i64,
    /// The digest of its document at the cut.
    pub digest: String,
    /// The document itself, where the entity has not changed since the cut; moments as `{"$date": milliseconds}`.
    pub document: Option<serde_json::Value>,
    /// Its place among the rows, from 0.
    pub index: u64,
    /// From the leaf to the root.
    pub path: Vec<ProofStep>,
    /// The certificate that the path leads to.
    pub certificate: CertificateView,
}

impl From<Proof> for ProofView {
    fn from(proof: Proof) -> Self {
        let Proof { format, model, id, version, digest, document, index, path, certificate } = proof;
        let path = path.into_iter().map(ProofStep::from).collect();
        Self { format, model, id, version, digest, document, index, path, certificate: certificate.into() }
    }
}

#[cfg(test)]
mod tests {
    use chainbill_domain::{Digest, models::INVOICES};
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn a_proof_is_returned_as_the_command_line_reads_it() {
        let root = Digest::of(b"root");
        let certificate = Certificate::new(&INVOICES, "2026-11-24T12:00:00.000Z".to_owned(), 2, root, None);
        let proof = Proof {
            format: certificate.format().to_owned(),
            model: "invoices".to_owned(),
            id: "1".to_owned(),
            version: 3,
            digest: root.to_hex(),
            document: Some(json!({"title": "Audit"})),
            index: 1,
            path: vec![WrittenStep { side: Side::Left, hash: root.to_hex() }],
            certificate: Certificate { revision: None, ..certificate },
        };
        assert_eq!(to_value(ProofView::from(proof.clone())).unwrap(), to_value(proof).unwrap());
    }
}
