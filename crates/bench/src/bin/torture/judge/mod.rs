//! What is there in the end, held against what clients were told.

mod facts;
mod history;
mod rules;
mod settled;

use std::path::Path;

use chainbill_testkit::ForeignDocuments;

pub use self::settled::settled;
use self::{facts::Facts, history::History};
use crate::load::Load;

/// What was found.
#[derive(Default)]
pub struct Found {
    /// Acknowledged writes that are not there, and what is there though it was taken away: a line for each.
    pub lost: Vec<String>,
    /// What happened twice, or more often than anybody meant it.
    pub doubled: Vec<String>,
    /// What clients were told that cannot be.
    pub wrong: Vec<String>,
    /// Acknowledged deletes.
    pub deletes: u64,
    /// Acknowledged writes of rows that others wrote to at the same time.
    pub contended: u64,
    /// Writes of which their clients never heard anything.
    pub unheard: u64,
}

/// Asks for what is there and judges it by the oracle's file alone.
pub async fn judge(load: &Load, base: &str, copies: &ForeignDocuments, oracle: &Path) -> anyhow::Result<Found> {
    let facts = Facts::ask(load, base, copies).await?;
    let text = std::fs::read_to_string(oracle)?;
    Ok(judged(&History::read(&text), &facts))
}

fn judged(history: &History<'_>, facts: &Facts) -> Found {
    let mut found = Found {
        wrong: history.wrong.iter().map(|line| (*line).to_owned()).collect(),
        deletes: history.told(&["delete"]),
        contended: history.contended(),
        unheard: history.unheard(),
        ..Found::default()
    };
    for rule in rules::ALL {
        rule(history, facts, &mut found);
    }
    found
}

#[cfg(test)]
mod tests;
