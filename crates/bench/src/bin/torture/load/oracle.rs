//! The file in which clients note what they meant and what they were told. It alone decides what is lost and what is doubled.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// What a client has to say of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// It is going to ask for it. Until it is told anything else, the write may be done or not.
    Meant,
    /// It was told that it is done.
    Told,
    /// It was told that it is not done and never will be.
    Refused,
    /// It was told what cannot be.
    Wrong,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 4] = [Self::Meant, Self::Told, Self::Refused, Self::Wrong];

    /// As it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Meant => "meant",
            Self::Told => "told",
            Self::Refused => "refused",
            Self::Wrong => "wrong",
        }
    }
}

/// What clients meant and what they were told.
pub struct Oracle {
    file: Mutex<File>,
    told: AtomicU64,
}

impl Oracle {
    /// An empty one.
    pub fn new(file: File) -> Self {
        Self { file: Mutex::new(file), told: AtomicU64::new(0) }
    }

    /// How many writes were acknowledged.
    pub fn told(&self) -> u64 {
        self.told.load(SeqCst)
    }

    /// A line: the word, the write's key (what, whose, the how manieth), and what was said.
    pub fn note(&self, word: Word, key: &str, answer: &str) -> anyhow::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{} {key} {answer}", word.text())?;
        if word == Word::Told {
            self.told.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}
