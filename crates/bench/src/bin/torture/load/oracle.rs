//! The clients' log of intended writes and answers, which alone decides what is lost and what is doubled.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// A write's state at its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The request follows. Until an answer, the write's outcome is unknown.
    Meant,
    /// Acknowledged.
    Acknowledged,
    /// Refused for good.
    Refused,
    /// An impossible answer.
    Wrong,
}

impl Word {
    /// All.
    pub const ALL: [Self; 4] = [Self::Meant, Self::Acknowledged, Self::Refused, Self::Wrong];

    /// Its spelling.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Meant => "meant",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::Wrong => "wrong",
        }
    }
}

/// The clients' log.
pub struct Oracle {
    file: Mutex<File>,
    acknowledged: AtomicU64,
}

impl Oracle {
    /// Starts empty.
    pub fn new(file: File) -> Self {
        Self { file: Mutex::new(file), acknowledged: AtomicU64::new(0) }
    }

    /// Count of acknowledged writes.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// Writes a line: the word, the write's key (kind, subject, number) and the answer.
    pub fn note(&self, word: Word, key: &str, answer: &str) -> anyhow::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{} {key} {answer}", word.text())?;
        if word == Word::Acknowledged {
            self.acknowledged.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}
