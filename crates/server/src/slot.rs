//! A lease owner's name that outlives the process: its successor in the same folder takes its leases over at once instead of
//! waiting for their end.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

use chainbill_domain::{Random, SystemRandom};

/// Processes of one folder that can have names of their own.
const MOST: u32 = 64;

/// A name, held while its file is locked: the system releases the lock when the process ends, in whichever way.
pub(crate) struct Slot {
    pub name: String,
    _locked: File,
}

impl Slot {
    /// Acquires the first free name. None where files cannot be locked or written: the process then has a random name, and its
    /// leases expire.
    pub fn take(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).ok()?;
        for number in 0..MOST {
            let path = folder.join(format!("relay-{number}.lock"));
            let mut options = OpenOptions::new();
            options.create(true).read(true).write(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path).ok()?;
            match file.try_lock() {
                Ok(()) => return Some(Self { name: settle(&mut file)?, _locked: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    tracing::debug!("Sync goes by a random name: files cannot be locked here ({error})");
                    return None;
                }
            }
        }
        None
    }
}

/// The name in the file, or a new one. A folder that was copied to another host must not bring the name along.
fn settle(file: &mut File) -> Option<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    if let Some((name, known)) = text.trim().split_once(' ')
        && known == host
        && name.len() == 16
    {
        return Some(name.to_owned());
    }
    let random: &dyn Random = &SystemRandom;
    let name = hex::encode(random.bytes::<8>());
    file.set_len(0).ok()?;
    file.rewind().ok()?;
    write!(file, "{name} {host}").ok()?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outlives_its_process_and_is_never_shared() {
        let folder = tempfile::tempdir().unwrap();
        let first = Slot::take(folder.path()).unwrap();
        let second = Slot::take(folder.path()).unwrap();
        assert_ne!(first.name, second.name);
        let name = first.name.clone();
        drop(first);
        assert_eq!(Slot::take(folder.path()).unwrap().name, name);
    }

    #[test]
    fn a_folder_from_another_host_brings_no_name_along() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("relay-0.lock"), "0123456789abcdef elsewhere.example").unwrap();
        assert_ne!(Slot::take(folder.path()).unwrap().name, "0123456789abcdef");
    }
}
