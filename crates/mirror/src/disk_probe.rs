//! The disk probe: a full disk takes writes that change nothing and refuses those that need space, so a probe must be new data.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use chainbill_domain::Digest;

/// The key under which it is stored beside the documents.
pub(crate) const DISK_PROBE: &str = "room";
/// The number of digests in a probe: 64 KB of text.
const DIGESTS: u64 = 1024;

/// Text that no storage engine can compress or has stored already: a server that takes it has space for a document.
pub(crate) fn incompressible() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let own = u64::from(std::process::id()) << 32;
    let first = NEXT.fetch_add(DIGESTS, Relaxed);
    (first..first + DIGESTS).fold(String::with_capacity(64 << 10), |mut text, number| {
        let _ = write!(text, "{}", Digest::of(&(own + number).to_be_bytes()).to_hex());
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_probe_is_large_and_never_repeats() {
        let (one, other) = (super::incompressible(), super::incompressible());
        assert_eq!(one.len(), 64 << 10);
        assert_ne!(one, other);
    }
}
