//! A bulkhead: statements on one table never take all connections. A statement on a locked or slow table waits without
//! a connection, and the rest of the service has the others.
//!
//! Statements of transactions have places of their own: the holder of a connection must never wait for a statement that
//! has a place and waits for a connection. A transaction that has been at a table needs no place there any more: it may hold the
//! rows that those who have the places wait for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places that a statement takes while it runs.
pub(crate) type Places = Vec<OwnedSemaphorePermit>;

/// The context of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// A single statement: half of the connections for each table.
    Nothing,
    /// A transaction: three eighths of the connections for each table.
    Transaction,
}

/// How many statements may run on each table at once.
#[derive(Debug)]
pub(crate) struct Tables {
    connections: usize,
    places: Mutex<HashMap<Box<str>, [Arc<Semaphore>; 2]>>,
}

impl Tables {
    /// For so many connections.
    pub fn of(connections: usize) -> Self {
        Self { connections, places: Mutex::default() }
    }

    /// Places at tables; none when they are not free in time.
    pub async fn places(&self, tables: &[&str], within: Within, patience: Duration) -> Option<Places> {
        let mut places = Vec::with_capacity(tables.len());
        let all = async {
            // In the order of names, so that two never wait for each other.
            for table in tables {
                places.push(self.table(table, within).acquire_owned().await.ok()?);
            }
            Some(())
        };
        tokio::time::timeout(patience, all).await.ok().flatten()?;
        Some(places)
    }

    fn table(&self, name: &str, within: Within) -> Arc<Semaphore> {
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = known.get(name) {
            return places[within as usize].clone();
        }
        let share = |eighths: usize| Arc::new(Semaphore::new((self.connections * eighths / 8).max(1)));
        let places = [share(4), share(3)];
        let place = places[within as usize].clone();
        known.insert(name.into(), places);
        place
    }
}

/// The tables that a statement of ours names, in the order of their names.
pub(crate) fn tables_of(sql: &str) -> Vec<&str> {
    let mut tables: Vec<&str> = named(sql).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// The words after FROM, JOIN, INTO and UPDATE.
fn named(sql: &str) -> impl Iterator<Item = &str> {
    let mut words =
        sql.split(|sign: char| sign.is_whitespace() || matches!(sign, '(' | ')' | ',')).filter(|word| !word.is_empty());
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            if ["FROM", "JOIN", "INTO", "UPDATE"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
                break words.next();
            }
        }
    })
    .map(|word| word.trim_matches('`'))
    .filter(|word| {
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !word.eq_ignore_ascii_case("SELECT")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statements_tables_are_found() {
        for (sql, expected) in [
            ("SELECT `reviews`.`id` FROM `reviews` WHERE 1", vec!["reviews"]),
            ("SELECT 1 FROM a JOIN b ON 1 LEFT JOIN `c` ON 1", vec!["a", "b", "c"]),
            ("INSERT INTO `invoice_lines` (`id`) VALUES (?)", vec!["invoice_lines"]),
            ("UPDATE sync_leases SET owner=? WHERE name=?", vec!["sync_leases"]),
            ("DELETE FROM facts WHERE name=?", vec!["facts"]),
            (
                "SELECT 0,id FROM users WHERE id IN (?) UNION ALL SELECT 1,id FROM user_skills",
                vec!["users", "user_skills"],
            ),
            ("SELECT x FROM (SELECT 1 FROM t) q", vec!["t"]),
            ("SELECT 1", vec![]),
            ("SELECT id FROM users WHERE id=? FOR UPDATE", vec!["users"]),
        ] {
            assert_eq!(named(sql).collect::<Vec<_>>(), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn one_tables_readers_leave_places_for_the_others() {
        let (tables, soon) = (Tables::of(16), Duration::from_millis(10));
        let place = async |sql| tables.places(&tables_of(sql), Within::Nothing, soon).await;
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(place("SELECT 1 FROM reviews").await.expect("a place"));
        }
        assert!(place("SELECT 1 FROM reviews").await.is_none());
        assert!(place("SELECT 1 FROM users JOIN reviews ON 1").await.is_none());
        assert!(place("SELECT 1 FROM users").await.is_some(), "what was taken for another table is given back");
        let transactions = tables.places(&["reviews"], Within::Transaction, soon).await;
        assert!(transactions.is_some(), "transactions have places of their own");
        held.pop();
        assert!(place("SELECT 1 FROM reviews").await.is_some());
    }
}
