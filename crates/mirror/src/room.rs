//! Whether there is room: a full disk takes writes that change nothing, and refuses those that bring something.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use chainbill_domain::Digest;

/// The name under which it is kept beside the documents.
pub(crate) const ROOM: &str = "room";
/// Digests in it: 64 KB of text.
const DIGESTS: u64 = 1024;

/// Text that no store makes small or has already: whoever takes it has room for a document.
pub(crate) fn filling() -> String {
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
    fn it_is_large_and_another_each_time() {
        let (one, other) = (super::filling(), super::filling());
        assert_eq!(one.len(), 64 << 10);
        assert_ne!(one, other);
    }
}
