//! Compares the final state with the answers to clients.

mod facts;
mod history;
mod rules;
mod settled;

use std::path::Path;

use chainbill_testkit::ForeignDocuments;

pub use self::settled::settled;
use self::{facts::Facts, history::History};
use crate::load::Load;

/// The findings.
#[derive(Default)]
pub struct Found {
    /// Lost acknowledged writes, deletes included: a line for each.
    pub lost: Vec<String>,
    /// Writes applied more often than intended.
    pub doubled: Vec<String>,
    /// Impossible answers.
    pub wrong: Vec<String>,
    /// Acknowledged deletes.
    pub deletes: u64,
    /// Acknowledged writes to rows with concurrent writers.
    pub contended: u64,
    /// Unanswered writes.
    pub unanswered: u64,
}

/// Reads the final state and judges it by the oracle file alone.
pub async fn judge(load: &Load, base: &str, mirror: &ForeignDocuments, oracle: &Path) -> anyhow::Result<Found> {
    let facts = Facts::ask(load, base, mirror).await?;
    let text = std::fs::read_to_string(oracle)?;
    Ok(judged(&History::read(&text), &facts))
}

fn judged(history: &History<'_>, facts: &Facts) -> Found {
    let mut found = Found {
        wrong: history.wrong.iter().map(|line| (*line).to_owned()).collect(),
        deletes: history.acknowledged(&["delete"]),
        contended: history.contended(),
        unanswered: history.unanswered(),
        ..Found::default()
    };
    for rule in rules::ALL {
        rule(history, facts, &mut found);
    }
    found
}

#[cfg(test)]
mod tests;
