//! Private files: an embedded database holds personal data and the hashes of passwords.

use std::{io, path::Path};

/// Makes a folder of ours where there is none.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    make_folder(path)
}

/// Makes an empty file of ours where there is none. SQLite gives the files beside a database the permissions of the
/// database, so these are private too.
pub(crate) fn file(path: &Path) -> io::Result<()> {
    if path.exists() { Ok(()) } else { make_file(path) }
}

/// Whether others than the owner may read or write a file that was there before.
#[cfg(unix)]
pub(crate) fn is_shared(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_shared(_: &Path) -> bool {
    false
}

#[cfg(unix)]
fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // The mode above is cut by the umask, which may take too much.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

#[cfg(unix)]
fn make_file(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    // Another process may make it at this moment: then it is there, which is all that is wanted.
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn make_file(path: &Path) -> io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path).map(|_| ())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_is_the_owners_alone_and_what_is_there_stays() {
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("a/b");
        folder(&inner).unwrap();
        file(&inner.join("x.db")).unwrap();
        assert_eq!((mode(&inner), mode(&inner.join("x.db"))), (0o700, 0o600));
        let shared = outer.path().join("shared.db");
        std::fs::write(&shared, "kept").unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o640)).unwrap();
        file(&shared).unwrap();
        assert!(is_shared(&shared) && !is_shared(&inner.join("x.db")));
        assert_eq!((mode(&shared), std::fs::read_to_string(&shared).unwrap()), (0o640, "kept".to_owned()));
    }
}
