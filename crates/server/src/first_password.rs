//! A generated password of an operator stays in a private file until its first use; the first login removes the file.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use chainbill_app::App;
use chainbill_domain::Digest;
use tokio_util::sync::CancellationToken;

use crate::private;

/// A password that waits for its first use.
pub(crate) struct Kept {
    /// Where it is kept.
    pub path: PathBuf,
    /// What it is: the one that was there before, where there was one.
    pub password: String,
    /// Whether it was there before.
    pub is_known: bool,
}

const BEGIN: &str = "operator-password-";

/// Keeps a password for the operator of this address, or finds the one that is kept already: two processes that start
/// together, and one that was killed half-way, end with one password.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn keep(folder: &Path, email: &str, password: &str) -> io::Result<Kept> {
    private::folder(folder)?;
    let name = &Digest::of(email.as_bytes()).to_hex()[..16];
    let path = folder.join(format!("{BEGIN}{name}.txt"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            file.write_all(format!("{email}\n{password}\n").as_bytes())?;
            file.sync_all()?;
            Ok(Kept { path, password: password.to_owned(), is_known: false })
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(&path) {
            Some((_, known)) => Ok(Kept { path, password: known, is_known: true }),
            // A process was killed before it was written completely.
            None => {
                fs::remove_file(&path)?;
                keep(folder, email, password)
            }
        },
        Err(error) => Err(error),
    }
}

/// The address and the password in a file.
fn read(path: &Path) -> Option<(String, String)> {
    let text = fs::read_to_string(path).ok()?;
    let (email, rest) = text.split_once('\n')?;
    Some((email.to_owned(), rest.strip_suffix('\n')?.to_owned()))
}

/// Files that wait in a folder: each with its operator's address.
fn waiting(folder: &Path) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(BEGIN));
    files.filter(ours).filter_map(|path| Some((path.clone(), read(&path)?.0))).collect()
}

/// How often logins through other processes are checked.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Removes each file when its operator has logged in, until asked to stop.
pub(crate) async fn forget_when_used(app: App, folder: PathBuf, stop: CancellationToken) {
    loop {
        // Registered before the check: a login between check and wait must not be missed.
        let login = app.next_login();
        tokio::pin!(login);
        // The first poll registers it.
        let _ = futures::poll!(login.as_mut());
        for (path, email) in waiting(&folder) {
            match app.has_logged_in(&email).await {
                Ok(true) => match fs::remove_file(&path) {
                    Ok(()) => tracing::info!("{} is removed: its password has been used", path.display()),
                    Err(error) => tracing::warn!("{} holds a password and cannot be removed: {error}", path.display()),
                },
                Ok(false) => {}
                Err(error) => tracing::debug!("whether {email} has logged in is not known: {error}"),
            }
        }
        tokio::select! {
            () = login => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_password_is_kept_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let first = keep(folder.path(), "root@example.org", "one").unwrap();
        assert_eq!(fs::metadata(&first.path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = keep(folder.path(), "root@example.org", "two").unwrap();
        assert_eq!((again.password.as_str(), again.is_known, &again.path), ("one", true, &first.path));
        let other = keep(folder.path(), "other@example.org", "three").unwrap();
        assert_eq!((other.password.as_str(), other.is_known), ("three", false));
        assert_eq!(waiting(folder.path()).len(), 2);
        fs::write(&first.path, "root@exa").unwrap();
        assert_eq!(keep(folder.path(), "root@example.org", "four").unwrap().password, "four", "it was half written");
    }
}
