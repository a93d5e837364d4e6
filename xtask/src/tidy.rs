//! Checks of a clean tree.

use crate::{
    order,
    shell::{cargo, is_there, say},
};

pub fn tidy() -> anyhow::Result<()> {
    order::check()?;
    cargo(&["fmt", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    if !is_there("cargo-deny") {
        // An unoptimised build of the tool takes a fraction of the time and is fast enough.
        cargo(&["install", "--locked", "--debug", "cargo-deny"], &[])?;
    }
    cargo(&["deny", "check", "bans", "licenses", "sources"], &[])?;
    // The list of advisories is not reachable from every machine; a known hole is a failure where it is.
    if let Err(error) = cargo(&["deny", "fetch", "db"], &[]) {
        say(&format!("NOT CHECKED: advisories, because their database cannot be fetched ({error})"));
        return Ok(());
    }
    cargo(&["deny", "check", "advisories"], &[])
}
