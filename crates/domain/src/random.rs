//! Randomness as an argument: ids, tokens and jitter come from a [`Random`] that the caller owns.

/// Where random bytes come from: the operating system in production, a seeded sequence in tests.
pub trait Random: Send + Sync + 'static {
    /// Fills the slice with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// An array of unpredictable bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("an operating system without random numbers cannot keep secrets");
    }
}
