//! The notary's files: its key, its lock and its log.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chainbill_domain::Random;
use ed25519_dalek::SigningKey;

use super::Fault;
use crate::ChainError;

/// How long the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(5);

/// The folder of a notary.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn key(&self) -> PathBuf {
        self.0.join("key")
    }

    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    /// Excludes other processes, and other tasks of this one, until the file is closed.
    ///
    /// # Errors
    /// [`ChainError::Busy`] when another one holds it for too long.
    pub fn lock(&self) -> Result<File, ChainError> {
        let path = self.0.join("lock");
        let named = || ChainError::io(format!("{} cannot be locked", path.display()));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(named())?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(BETWEEN),
                Err(TryLockError::WouldBlock) => return Err(ChainError::Busy),
                Err(TryLockError::Error(error)) => return Err(named()(error)),
            }
        }
    }

    /// The key; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read_key(&self) -> Result<Option<SigningKey>, ChainError> {
        let path = self.key();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(ChainError::io(format!("{} cannot be read", path.display())))?,
        };
        let mut seed = [0; 32];
        hex::decode_to_slice(text.trim(), &mut seed)
            .map_err(|_| Fault::Key(format!("{} holds no key: 64 hexadecimal digits", path.display())))?;
        Ok(Some(SigningKey::from_bytes(&seed)))
    }

    /// The key, made at first use. Call it under the lock.
    ///
    /// # Errors
    /// When there is a log without its key.
    pub fn key_or_new(&self, random: &dyn Random) -> Result<SigningKey, ChainError> {
        if let Some(key) = self.read_key()? {
            return Ok(key);
        }
        if fs::metadata(self.log()).is_ok_and(|log| log.len() > 0) {
            return Err(Fault::Key(format!("there is a log without its key: restore {}", self.key().display())).into());
        }
        let key = SigningKey::from_bytes(&random.bytes());
        let (path, temporary) = (self.key(), self.0.join("key.new"));
        let write = || {
            let _ = fs::remove_file(&temporary);
            let mut file = private(&temporary)?;
            file.write_all(format!("{}\n", hex::encode(key.to_bytes())).as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            self.sync()
        };
        write().map_err(ChainError::io(format!("{} cannot be written", path.display())))?;
        Ok(key)
    }

    /// Makes the names of files durable.
    pub fn sync(&self) -> std::io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// The log, for reading; none when there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_log(&self) -> Result<Option<File>, ChainError> {
        match File::open(self.log()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some).map_err(ChainError::io(format!("{} cannot be opened", self.log().display()))),
        }
    }

    /// The log, for reading and writing, made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn log_for_writing(&self) -> Result<File, ChainError> {
        let (path, is_new) = (self.log(), !self.log().exists());
        let named = || ChainError::io(format!("{} cannot be written", path.display()));
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(named())?;
        if is_new {
            self.sync().map_err(named())?;
        }
        Ok(file)
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&self) -> Result<(), ChainError> {
        fs::create_dir_all(&self.0).map_err(ChainError::io(format!("{} cannot be made", self.0.display())))
    }
}

/// A new file that only its owner may read.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
