//! Certificates and inclusion proofs: what is said of a whole model at a cut, and that one entity was part of it. A proof
//! is checked with nothing but itself.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::{
    Digest, Model,
    document::digest,
    merkle::{Step, climb, leaf},
    models, wire,
};

/// The name of the format; another one is another format.
pub const FORMAT: &str = "chainbill-proof-1";

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
    /// Merkle root over the digests in the order of ids, hexadecimal.
    pub root: String,
    /// The hash of the model's certificate before this one.
    pub previous: Option<String>,
    /// SHA-256 over all of the above, hexadecimal.
    pub hash: String,
}

impl Certificate {
    /// A certificate that names its predecessor.
    #[must_use]
    pub fn new(model: &Model, cut: String, count: u64, root: Digest, previous: Option<String>) -> Self {
        let mut certificate = Self {
            model: model.name.to_owned(),
            cut,
            count,
            encoder_version: crate::document::ENCODER_VERSION,
            root: root.to_hex(),
            previous,
            hash: String::new(),
        };
        certificate.hash = certificate.computed_hash();
        certificate
    }

    /// The hash that belongs to the fields: SHA-256 over each, length-prefixed.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        let (count, encoder) = (self.count.to_string(), self.encoder_version.to_string());
        let previous = self.previous.as_deref().unwrap_or("");
        let mut hash = Sha256::new();
        for text in [FORMAT, &self.model, &self.cut, &count, &encoder, &self.root, previous] {
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
    /// [`FORMAT`].
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
    #[error("the format is {0:?}; {FORMAT:?} is accepted")]
    Format(String),
    /// A digest is no digest, or the model is unknown.
    #[error("{0} is not readable")]
    Unreadable(&'static str),
    /// The document is not the one that was certified.
    #[error("the document does not have the digest that was certified: a field was changed")]
    Document,
    /// The path leads elsewhere.
    #[error("the path does not lead to the certificate's root: the entity was not among the certified rows")]
    Path,
    /// The certificate was changed.
    #[error("the certificate does not have its hash: it was changed")]
    Certificate,
    /// The certificate is of another model or encoder.
    #[error("the certificate is of another model or encoder")]
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
        if self.format != FORMAT {
            return Err(Broken::Format(self.format.clone()));
        }
        let model = models::named(&self.model).ok_or(Broken::Unreadable("the model"))?;
        let certified = Digest::from_hex(&self.digest).ok_or(Broken::Unreadable("the digest"))?;
        if let Some(document) = &self.document {
            let Json::Object(object) = document else { return Err(Broken::Unreadable("the document")) };
            let body = wire::from_json(object.clone());
            if digest(model, &self.id, self.version, &body) != certified {
                return Err(Broken::Document);
            }
        }
        let steps: Vec<Step> =
            self.path.iter().map(step).collect::<Option<_>>().ok_or(Broken::Unreadable("the path"))?;
        if climb(leaf(certified), &steps).to_hex() != self.certificate.root {
            return Err(Broken::Path);
        }
        if self.certificate.computed_hash() != self.certificate.hash {
            return Err(Broken::Certificate);
        }
        let here = self.certificate.model == self.model
            && self.certificate.encoder_version == crate::document::ENCODER_VERSION
            && self.index < self.certificate.count;
        if here { Ok(()) } else { Err(Broken::Elsewhere) }
    }
}

fn step(written: &WrittenStep) -> Option<Step> {
    Some(Step { hash: Digest::from_hex(&written.hash)?, left: written.side == Side::Left })
}
