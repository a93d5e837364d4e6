//! Certificates and inclusion proofs: what is said of a whole model at a cut, and that one entity was part of it. A proof
//! is checked with nothing but itself.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::{
    Digest, Model, Revision,
    document::digest_at,
    merkle::{Step, climb, leaf, turns},
    models, wire,
};

/// The name of the format; another one is another format.
pub const FORMAT: &str = "chainbill-proof-3";
/// The format of proofs and certificates from before there were revisions. They hold for ever.
pub const WITHOUT_REVISION: &str = "chainbill-proof-2";

/// That all rows of a model had this root at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// The model.
    pub model: String,
    /// The moment of the primary, RFC 3339 with milliseconds.
    pub cut: String,
    /// Number of rows.
    pub count: u64,
    /// Which encoder made the digests.
    pub encoder_version: u32,
    /// The revision of the model that its documents were of; none in certificates from before there were revisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Merkle root over ids, versions and digests in the order of ids, hexadecimal.
    pub root: String,
    /// The hash of the model's certificate before this one.
    pub previous: Option<String>,
    /// SHA-256 over all of the above, hexadecimal.
    pub hash: String,
}

impl Certificate {
    /// A certificate that names its predecessor.
    #[must_use]
    pub fn new(model: &'static Model, cut: String, count: u64, root: Digest, previous: Option<String>) -> Self {
        let mut certificate = Self {
            model: model.name.to_owned(),
            cut,
            count,
            encoder_version: crate::document::ENCODER_VERSION,
            revision: Some(model.revision().to_hex()),
            root: root.to_hex(),
            previous,
            hash: String::new(),
        };
        certificate.hash = certificate.computed_hash();
        certificate
    }

    /// The format of this certificate and of the proofs from it.
    #[must_use]
    pub fn format(&self) -> &'static str {
        if self.revision.is_some() { FORMAT } else { WITHOUT_REVISION }
    }

    /// The hash that belongs to the fields: SHA-256 over each, length-prefixed.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        let (count, encoder) = (self.count.to_string(), self.encoder_version.to_string());
        let previous = self.previous.as_deref().unwrap_or("");
        let mut hash = Sha256::new();
        let before = [self.format(), &self.model, &self.cut, &count, &encoder];
        for text in before.into_iter().chain(self.revision.as_deref()).chain([self.root.as_str(), previous]) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// A step of the path in its written form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WrittenStep {
    /// `left` or `right`: where the sibling stands.
    pub side: Side,
    /// The sibling's hash, hexadecimal.
    pub hash: String,
}

/// A side of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// That an entity was among the rows of a certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proof {
    /// [`FORMAT`], or [`WITHOUT_REVISION`] where the certificate names none.
    pub format: String,
    /// The model.
    pub model: String,
    /// The entity.
    pub id: String,
    /// Its version at the cut.
    pub version: i64,
    /// The digest of its document at the cut, hexadecimal.
    pub digest: String,
    /// The document itself, where the entity has not changed since the cut; moments as `{"$date": milliseconds}`.
    pub document: Option<Json>,
    /// Its place among the rows, from 0.
    pub index: u64,
    /// From the leaf to the root.
    pub path: Vec<WrittenStep>,
    /// What the path leads to.
    pub certificate: Certificate,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not this format.
    #[error(
        "the format is {0:?}; {FORMAT:?} is accepted, and {WITHOUT_REVISION:?} where the certificate names no revision"
    )]
    Format(String),
    /// A digest is no digest, or the model is unknown.
    #[error("{0} is not readable")]
    Unreadable(&'static str),
    /// The document is not the one that was certified.
    #[error("the document does not have the digest that was certified: a field was changed")]
    Document,
    /// The path leads elsewhere.
    #[error(
        "the path does not lead to the certificate's root: the entity was not among the certified rows at that version"
    )]
    Path,
    /// The path belongs to another place.
    #[error("the path's turns are not those of place {index} among {count}")]
    Place {
        /// The place that the proof names.
        index: u64,
        /// The certificate's number of rows.
        count: u64,
    },
    /// The certificate was changed.
    #[error("the certificate does not have its hash: it was changed")]
    Certificate,
    /// A certificate of the chain was changed.
    #[error("certificate {0} of the chain does not have its hash: it was changed")]
    Link(String),
    /// The trusted certificate is another, and nothing leads from it to the proof's.
    #[error("the trusted certificate {trusted} does not lead to the proof's certificate {own}")]
    Untrusted {
        /// The hash that is trusted.
        trusted: String,
        /// The hash of the proof's certificate.
        own: String,
    },
    /// The chain does not hold the proof's certificate.
    #[error("the chain does not hold the proof's certificate {0}")]
    Absent(String),
    /// The certificate is of another model, or of an encoder that is not known yet.
    #[error("the certificate is of another model or of a later encoder")]
    Elsewhere,
}

impl From<Step> for WrittenStep {
    fn from(step: Step) -> Self {
        Self { side: if step.left { Side::Left } else { Side::Right }, hash: step.hash.to_hex() }
    }
}

impl Proof {
    /// Checks everything that can be checked without a database.
    ///
    /// # Errors
    /// What is broken.
    pub fn check(&self) -> Result<(), Broken> {
        if self.format != self.certificate.format() {
            return Err(Broken::Format(self.format.clone()));
        }
        let model = models::named(&self.model).ok_or(Broken::Unreadable("the model"))?;
        let revision = match &self.certificate.revision {
            Some(text) => Some(Revision::from_hex(text).ok_or(Broken::Unreadable("the certificate's revision"))?),
            None => None,
        };
        let certified = Digest::from_hex(&self.digest).ok_or(Broken::Unreadable("the digest"))?;
        if let Some(document) = &self.document {
            let Json::Object(object) = document else { return Err(Broken::Unreadable("the document")) };
            let body = wire::from_json(object.clone());
            if digest_at(model.name, revision, &self.id, self.version, &body) != certified {
                return Err(Broken::Document);
            }
        }
        let steps: Vec<Step> =
            self.path.iter().map(step).collect::<Option<_>>().ok_or(Broken::Unreadable("the path"))?;
        if climb(leaf(&self.id, self.version, certified), &steps).to_hex() != self.certificate.root {
            return Err(Broken::Path);
        }
        if self.certificate.computed_hash() != self.certificate.hash {
            return Err(Broken::Certificate);
        }
        let Certificate { count, .. } = self.certificate;
        if turns(self.index, count) != Some(steps.iter().map(|step| step.left).collect()) {
            return Err(Broken::Place { index: self.index, count });
        }
        let here = self.certificate.model == self.model
            && self.certificate.encoder_version <= crate::document::ENCODER_VERSION;
        if here { Ok(()) } else { Err(Broken::Elsewhere) }
    }

    /// Checks against what the asker knows from elsewhere: the hash of a certificate that is trusted, and a chain of
    /// certificates. A trusted certificate vouches for its model's earlier ones, because each names the hash of the one before
    /// it; the chain must then hold those in between. Without a trusted hash nothing tells who made the certificate.
    ///
    /// # Errors
    /// What is broken.
    pub fn check_against(&self, trusted: Option<&str>, chain: &[Certificate]) -> Result<(), Broken> {
        self.check()?;
        if let Some(changed) = chain.iter().find(|link| link.computed_hash() != link.hash) {
            return Err(Broken::Link(changed.hash.clone()));
        }
        let own = &self.certificate.hash;
        match trusted {
            Some(trusted) if leads(chain, trusted, own) => Ok(()),
            Some(trusted) => Err(Broken::Untrusted { trusted: trusted.to_owned(), own: own.clone() }),
            None if chain.is_empty() || chain.iter().any(|link| link.hash == *own) => Ok(()),
            None => Err(Broken::Absent(own.clone())),
        }
    }
}

/// Whether following predecessors leads from one certificate to another. It ends: each step uses a certificate up, and the
/// chain has so many.
fn leads(chain: &[Certificate], from: &str, to: &str) -> bool {
    let mut at = from;
    for _ in 0..=chain.len() {
        if at == to {
            return true;
        }
        let link = chain.iter().find(|link| link.hash == at);
        let Some(previous) = link.and_then(|link| link.previous.as_deref()) else { return false };
        at = previous;
    }
    false
}

fn step(written: &WrittenStep) -> Option<Step> {
    Some(Step { hash: Digest::from_hex(&written.hash)?, left: written.side == Side::Left })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        merkle::{path, root},
        models::USERS,
    };

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn digest_of(place: u8) -> Digest {
        Digest(Sha256::digest([place]).into())
    }

    fn certificate(root: Digest, previous: Option<String>) -> Certificate {
        Certificate::new(&USERS, "2026-11-24T12:00:00.000Z".to_owned(), 5, root, previous)
    }

    /// A proof of the second of five rows.
    fn proof() -> Proof {
        let leaves: Vec<Digest> = (0..5).map(|place| leaf(ID, 1, digest_of(place))).collect();
        Proof {
            format: FORMAT.to_owned(),
            model: USERS.name.to_owned(),
            id: ID.to_owned(),
            version: 1,
            digest: digest_of(1).to_hex(),
            document: None,
            index: 1,
            path: path(&leaves, 1).into_iter().map(Into::into).collect(),
            certificate: certificate(root(&leaves), Some("before".to_owned())),
        }
    }

    #[test]
    fn a_proof_holds_at_its_own_place_only() {
        assert_eq!(proof().check(), Ok(()));
        for index in [0, 2, 4, 5, u64::MAX] {
            assert_eq!(Proof { index, ..proof() }.check(), Err(Broken::Place { index, count: 5 }));
        }
        let mut huge = proof();
        huge.certificate.count = u64::MAX;
        huge.certificate.hash = huge.certificate.computed_hash();
        assert!(matches!(huge.check(), Err(Broken::Place { .. })), "no count makes it panic");
        assert_eq!(Proof { digest: digest_of(2).to_hex(), ..proof() }.check(), Err(Broken::Path));
    }

    #[test]
    fn without_a_document_too_a_proof_is_of_its_own_id_and_version_only() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8058".to_owned();
        assert_eq!(Proof { id, ..proof() }.check(), Err(Broken::Path));
        assert_eq!(Proof { version: 99, ..proof() }.check(), Err(Broken::Path));
    }

    #[test]
    fn a_trusted_certificate_vouches_for_itself_and_for_those_before_it() {
        let proof = proof();
        let own = proof.certificate.hash.clone();
        let next = certificate(digest_of(8), Some(own.clone()));
        let last = certificate(digest_of(9), Some(next.hash.clone()));
        let chain = [last.clone(), next.clone(), proof.certificate.clone()];
        assert_eq!(proof.check_against(Some(&own), &[]), Ok(()));
        assert_eq!(proof.check_against(Some(&last.hash), &chain), Ok(()));
        assert_eq!(proof.check_against(None, &chain), Ok(()));
        let untrusted = |trusted: &str| Err(Broken::Untrusted { trusted: trusted.to_owned(), own: own.clone() });
        assert_eq!(
            proof.check_against(Some(&last.hash), std::slice::from_ref(&last)),
            untrusted(&last.hash),
            "a link is missing"
        );
        assert_eq!(
            proof.check_against(Some("before"), &chain),
            untrusted("before"),
            "an earlier one cannot know a later"
        );
        assert_eq!(proof.check_against(None, &[last.clone(), next.clone()]), Err(Broken::Absent(own.clone())));
    }

    #[test]
    fn a_chain_that_was_changed_is_found() {
        let proof = proof();
        let mut forged = certificate(digest_of(9), None);
        forged.previous = Some(proof.certificate.hash.clone());
        let chain = [forged.clone(), proof.certificate.clone()];
        assert_eq!(proof.check_against(Some(&forged.hash), &chain), Err(Broken::Link(forged.hash)));
    }

    /// A proof with its document as releases from before there were revisions made it, computed by hand.
    fn old_proof() -> Proof {
        serde_json::from_str(include_str!("proof_without_revision.json")).unwrap()
    }

    #[test]
    fn a_proof_from_before_there_were_revisions_still_holds() {
        assert_eq!(old_proof().check(), Ok(()));
        let mut changed = old_proof();
        changed.document.as_mut().unwrap()["name"] = "Ruby".into();
        assert_eq!(changed.check(), Err(Broken::Document));
        let text = serde_json::to_value(old_proof()).unwrap();
        assert_eq!(text, serde_json::from_str::<Json>(include_str!("proof_without_revision.json")).unwrap());
    }

    #[test]
    fn certificates_of_both_formats_stand_in_one_chain() {
        let (proof, old) = (proof(), old_proof());
        let next = certificate(digest_of(8), Some(old.certificate.hash.clone()));
        assert_eq!(old.check_against(Some(&next.hash), &[next.clone(), old.certificate.clone()]), Ok(()));
        assert_eq!(proof.certificate.revision, Some(USERS.revision().to_hex()));
    }

    #[test]
    fn a_revision_can_be_neither_changed_nor_taken_away_nor_added() {
        let with = |revision: Option<&str>, proof: Proof| {
            let mut proof = proof;
            proof.certificate.revision = revision.map(str::to_owned);
            proof.format = proof.certificate.format().to_owned();
            proof.check()
        };
        assert_eq!(with(Some("00112233445566ff"), proof()), Err(Broken::Certificate));
        assert_eq!(with(None, proof()), Err(Broken::Certificate));
        assert_eq!(with(Some("nonsense"), proof()), Err(Broken::Unreadable("the certificate's revision")));
        assert_eq!(with(Some("00112233445566ff"), Proof { document: None, ..old_proof() }), Err(Broken::Certificate));
        let format = FORMAT.to_owned();
        assert_eq!(Proof { format: format.clone(), ..old_proof() }.check(), Err(Broken::Format(format)));
    }

    #[test]
    fn a_forger_who_makes_everything_anew_is_caught_by_a_trusted_hash_alone() {
        let trusted = proof().certificate.hash;
        let leaves: Vec<Digest> = (0..5).map(|place| leaf(ID, 1, digest_of(place + 100))).collect();
        let forged = Proof {
            digest: digest_of(101).to_hex(),
            path: path(&leaves, 1).into_iter().map(Into::into).collect(),
            certificate: certificate(root(&leaves), Some("before".to_owned())),
            ..proof()
        };
        assert_eq!(forged.check_against(None, &[]), Ok(()));
        assert!(matches!(forged.check_against(Some(&trusted), &[]), Err(Broken::Untrusted { .. })));
    }
}
