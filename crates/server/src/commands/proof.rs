//! `chainbill proof check`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chainbill_domain::proof::{Certificate, Proof};
use serde_json::{Value, json};

use super::Went;
use crate::output::Output;

pub(super) fn check(out: Output, file: &Path, trusted: Option<&str>, chain: &[PathBuf]) -> anyhow::Result<Went> {
    let proof: Proof =
        serde_json::from_value(read(file)?).with_context(|| format!("{} holds no proof", file.display()))?;
    let mut links = Vec::new();
    for file in chain {
        links.extend(certificates(file)?);
    }
    let trusted = trusted.map(|hash| hash.trim().to_ascii_lowercase());
    let result = proof.check_against(trusted.as_deref(), &links);
    let (proven, not_proven) = if result.is_ok() { meaning(&proof, trusted.as_deref()) } else { Default::default() };
    let certificate = &proof.certificate;
    let cause = result.as_ref().err().map(ToString::to_string);
    let answer = json!({
        "holds": result.is_ok(), "cause": cause, "model": certificate.model, "id": proof.id,
        "version": proof.version, "cut": certificate.cut, "certificate": certificate.hash,
        "trusted": result.is_ok() && trusted.is_some(), "proven": proven, "notProven": not_proven,
    });
    out.result(&answer, || match &cause {
        None => {
            let line =
                |word: &str, all: &[String]| all.iter().map(|one| format!("{word}: {one}\n")).collect::<String>();
            format!("holds\n{}{}", line("proven", &proven), line("NOT proven", &not_proven))
        }
        Some(cause) => format!("does not hold: {cause}"),
    })?;
    Ok(Went::fine_if(result.is_ok()))
}

/// What a proof that holds proves, and what it does not.
fn meaning(proof: &Proof, trusted: Option<&str>) -> (Vec<String>, Vec<String>) {
    let Certificate { model, cut, count, hash, .. } = &proof.certificate;
    let Proof { id, version, index, .. } = proof;
    let mut proven = vec![format!(
        "{model} {id} stood at version {version} as of {cut}, at place {index} of {count}, under certificate {hash}"
    )];
    let mut not_proven = Vec::new();
    match proof.document {
        Some(_) => proven.push("the document in the proof is that version, field by field".to_owned()),
        None => not_proven.push("what its fields were: the proof holds no document".to_owned()),
    }
    match trusted {
        Some(trusted) if trusted == hash => proven.push("its certificate is the one that you trust".to_owned()),
        Some(trusted) => proven.push(format!("its certificate came before {trusted}, which you trust")),
        None => not_proven.push(
            "who made the certificate: anybody can make a consistent proof of anything; give the hash of one that you \
             trust with --certificate"
                .to_owned(),
        ),
    }
    not_proven.push("what became of it after that moment".to_owned());
    (proven, not_proven)
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no JSON", file.display()))
}

/// A page of the API, or a bare list.
fn certificates(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let mut value = read(file)?;
    let list = if value.is_object() { value["data"].take() } else { value };
    serde_json::from_value(list).with_context(|| format!("{} holds no list of certificates", file.display()))
}
