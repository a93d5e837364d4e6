//! Argon2id in memory that is used again. Each hash needs 19 MiB; an allocator that is asked for them on one thread after the
//! other keeps as much for every thread.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};

use crate::AppError;

/// Memory of hashes that are not being computed, the last used first. Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<Vec<Block>>>>);

/// OWASP's first recommendation for argon2id: 19 MiB, two passes, one lane.
fn params() -> Params {
    Params::new(19 * 1024, 2, 1, None).expect("the recommended parameters are valid")
}

fn broken(what: &str, error: impl std::fmt::Display) -> AppError {
    AppError::Hashing(format!("{what}: {error}"))
}

impl Memory {
    /// The hash of a password with this salt, as text.
    pub fn hash(&self, password: &[u8], salt: &[u8]) -> Result<String, AppError> {
        let params = params();
        let text = ParamsString::try_from(&params).map_err(|error| broken("a password hash", error))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let output = self.compute(&argon2, password, salt, Params::DEFAULT_OUTPUT_LEN)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: text,
            salt: Some(Salt::new(salt).map_err(|error| broken("a salt", error))?),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    /// Whether a password belongs to a stored hash, whatever parameters that was made with.
    pub fn matches(&self, password: &[u8], stored: &str) -> Result<bool, AppError> {
        let read = |error: String| broken("a stored hash", error);
        let stored = PasswordHash::new(stored).map_err(|error| read(error.to_string()))?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|error| read(error.to_string()))?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from);
        let version = version.map_err(|error| read(error.to_string()))?;
        let params = Params::try_from(&stored).map_err(|error| read(error.to_string()))?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(read("it has no salt or no digest".to_owned()));
        };
        let argon2 = Argon2::new(algorithm, version, params);
        // Outputs are compared in constant time.
        Ok(self.compute(&argon2, password, salt, expected.len())? == *expected)
    }

    fn compute(&self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], length: usize) -> Result<Output, AppError> {
        let mut blocks = self.kept().pop().unwrap_or_default();
        let needed = argon2.params().block_count();
        if blocks.len() < needed {
            blocks.resize(needed, Block::default());
        }
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..length];
        let computed = argon2.hash_password_into_with_memory(password, salt, output, &mut blocks[..needed]);
        self.kept().push(blocks);
        computed.map_err(|error| broken("a password hash", error))?;
        Output::new(output).map_err(|error| broken("a password hash", error))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier as _;

    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard_and_memory_is_used_again() {
        let memory = Memory::default();
        let hash = memory.hash(b"correct horse battery", &[7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{hash}");
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse battery", &parsed).is_ok());
        assert!(memory.matches(b"correct horse battery", &hash).unwrap());
        assert!(!memory.matches(b"correct horse batterY", &hash).unwrap());
        assert_eq!(memory.kept().len(), 1);
        // One of other parameters, from the command line tool of the reference implementation.
        let other = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(memory.matches(b"password", other).unwrap());
        assert!(memory.matches(b"password", "$argon2id$v=19").is_err());
    }
}
