//! `chainbill proof check`.

use std::path::Path;

use anyhow::Context as _;
use chainbill_domain::proof::Proof;
use serde_json::json;

use super::Went;
use crate::output::Output;

pub(super) fn check(out: Output, file: &Path) -> anyhow::Result<Went> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let proof: Proof = serde_json::from_str(&text).with_context(|| format!("{} holds no proof", file.display()))?;
    let result = proof.check();
    let certificate = &proof.certificate;
    let cause = result.as_ref().err().map(ToString::to_string);
    let answer = json!({
        "holds": result.is_ok(), "cause": cause, "model": certificate.model, "id": proof.id,
        "version": proof.version, "cut": certificate.cut, "certificate": certificate.hash,
    });
    out.result(&answer, || match &cause {
        None => format!(
            "holds: {} {} stood at version {} at {}, under certificate {}",
            certificate.model, proof.id, proof.version, certificate.cut, certificate.hash
        ),
        Some(cause) => format!("does not hold: {cause}"),
    })?;
    Ok(Went::fine_if(result.is_ok()))
}
