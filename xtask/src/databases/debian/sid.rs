//! Packages: those of the machine's own release, and a Debian sid in a folder for the rest.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use super::Place;
use crate::shell::{is_there, run, say};

/// Packages from sid.
const PACKAGES: &[&str] = &["mysql-server-core", "mysql-client", "postgresql-18-documentdb"];
/// Marker of a complete installation.
const READY: &str = "chainbill-ready";

/// Debian sid in a folder, with its packages.
pub(super) fn sid(place: &Place) -> anyhow::Result<()> {
    let sid = place.sid();
    need_root()?;
    let log = place.log("sid");
    if !sid.join(READY).exists() {
        if !is_there("debootstrap") {
            apt(place, &["debootstrap"])?;
        }
        say("making a Debian sid in a folder, for MySQL and PostgreSQL");
        if sid.exists() && !sid.join("usr/bin/apt-get").exists() {
            fs::remove_dir_all(&sid)?;
        }
        if !sid.exists() {
            let mut strap = Command::new("debootstrap");
            strap.args(["--variant=minbase", "--include=ca-certificates", "sid"]).arg(&sid).arg(archive());
            run(&log, &mut strap)?;
        }
    }
    for (mount, arguments) in [("proc", ["--bind", "/proc"]), ("dev", ["--bind", "/dev"])] {
        let target = sid.join(mount);
        if !is_mounted(&target) {
            run(&log, Command::new("mount").args(arguments).arg(&target))?;
        }
    }
    if sid.join(READY).exists() {
        return Ok(());
    }
    // Packages must not start services.
    let policy = sid.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
    // An archive mirror may be past its validity date; its signature is still checked.
    fs::write(sid.join("etc/apt/apt.conf.d/90chainbill"), "Acquire::Check-Valid-Until \"false\";\n")?;
    say(&format!("installing {} in it", PACKAGES.join(", ")));
    run(&log, place.in_sid(None, "apt-get").args(["update", "--quiet"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    run(&log, place.in_sid(None, "apt-get").args(install).args(PACKAGES))?;
    fs::write(sid.join(READY), "")?;
    Ok(())
}

/// The machine's own package archive.
fn archive() -> String {
    const OTHERWISE: &str = "http://deb.debian.org/debian";
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    files.extend(fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path()));
    let words = |path: &PathBuf| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"));
        lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let urls = files.iter().flat_map(words);
    urls.into_iter()
        .find(|word| word.trim_end_matches('/').ends_with("/debian"))
        .unwrap_or_else(|| OTHERWISE.to_owned())
}

fn need_root() -> anyhow::Result<()> {
    let id = Command::new("id").arg("-u").output().context("id cannot be run")?;
    if id.stdout.trim_ascii() == b"0" {
        return Ok(());
    }
    bail!(
        "only root can install it from Debian's packages here; its *_TEST_URL variable names a server, or docker brings one"
    )
}

/// Installs packages of the machine's own release.
pub(super) fn apt(place: &Place, packages: &[&str]) -> anyhow::Result<()> {
    need_root()?;
    if !is_there("apt-get") {
        bail!("this machine has neither docker nor apt-get");
    }
    say(&format!("installing {}", packages.join(", ")));
    let log = place.log("apt");
    run(&log, Command::new("apt-get").args(["update", "--quiet"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&log, &mut install)
}

/// Unmounts the folder's mounts for running servers.
pub(super) fn unmount(place: &Place) -> anyhow::Result<()> {
    for mount in ["proc", "dev"] {
        let target = place.sid().join(mount);
        if is_mounted(&target) {
            run(&place.log("sid"), Command::new("umount").arg(&target))?;
        }
    }
    Ok(())
}

fn is_mounted(target: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1) == target.to_str())
}
