//! Passwords of humans: Argon2id (RFC 9106) with 19 MiB, two passes, one lane.
//!
//! Hashing takes tens of milliseconds of one core: call it where blocking is allowed, and bound how many run at once.

mod strength;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};

use crate::random::{self, RandomError};

pub use strength::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS, PasswordProblem, check_strength};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The dearest parameters that [`verify`] accepts in a stored hash: four times ours in memory, room to raise ours later.
/// A hash that asks for more did not come from here, and computing it would be an attack on the server.
const MAX_MEMORY_KIB: u32 = 4 * MEMORY_KIB;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 4;

/// A hash that no password has, with the parameters of all others: verify against it when the account is unknown, so that
/// the answer takes as long as for a known one. The salt and the hash are random bytes.
pub const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$6PSfgsfXqM4hVAsayK+0hA$i0+Mobc1eo6p9QZufa0Ye4MAdDfpLYNmmfT1L5uLWwg";

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// No salt could be drawn.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Longer than [`MAX_PASSWORD_BYTES`].
    #[error("a password may have at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// Too little memory, in practice.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Hashes a password with a fresh salt, into a PHC string.
///
/// # Errors
/// If the password is longer than [`MAX_PASSWORD_BYTES`], or there is no randomness or memory.
pub fn hash(password: &SecretString) -> Result<String, PasswordError> {
    let password = password.expose_secret().as_bytes();
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::TooLong);
    }
    let salt: [u8; 16] = random::bytes()?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|e| PasswordError::Hash(e.to_string()))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password, &salt)
        .map(|hash| hash.to_string())
        .map_err(|e| PasswordError::Hash(e.to_string()))
}

/// Whether a password has this hash. Anything that is not an Argon2id hash with sane parameters matches no password.
#[must_use]
pub fn verify(password: &SecretString, hash: &str) -> bool {
    let password = password.expose_secret().as_bytes();
    if password.len() > MAX_PASSWORD_BYTES {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash) else {
        return false;
    };
    let Ok(params) = Params::try_from(&parsed) else {
        return false;
    };
    let sane = parsed.algorithm.as_str() == "argon2id"
        && params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_PASSES
        && params.p_cost() <= MAX_LANES;
    sane && Argon2::default().verify_password(password, &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_password_matches_its_own_hash_and_nothing_else() {
        let hash = hash(&secret("Tr0ub4dor&Horse")).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(&secret("Tr0ub4dor&Horse"), &hash));
        for other in ["", "tr0ub4dor&horse", "Tr0ub4dor&Horse "] {
            assert!(!verify(&secret(other), &hash), "{other}");
        }
    }

    #[test]
    fn the_same_password_is_hashed_differently_each_time() {
        let password = secret("Tr0ub4dor&Horse");
        assert_ne!(hash(&password).unwrap(), hash(&password).unwrap());
    }

    #[test]
    fn the_dummy_costs_what_a_real_hash_costs() {
        let real = hash(&secret("x")).unwrap();
        let cost = |h: &str| {
            let parsed = PasswordHash::new(h).unwrap();
            let params = Params::try_from(&parsed).unwrap();
            (
                parsed.algorithm.to_string(),
                parsed.version,
                params.m_cost(),
                params.t_cost(),
                params.p_cost(),
                parsed.salt.map(|s| s.len()),
                parsed.hash.map(|h| h.len()),
            )
        };
        assert_eq!(cost(DUMMY_HASH), cost(&real));
        assert!(!verify(&secret(""), DUMMY_HASH));
    }

    #[test]
    fn hashes_from_elsewhere_match_nothing() {
        let good = hash(&secret("x")).unwrap();
        for bad in [
            "",
            "x",
            "$argon2id$",
            &good.replace("argon2id", "argon2i"),
            &good.replace("m=19456", "m=4194304"),
            &good.replace("t=2", "t=4000000"),
        ] {
            assert!(!verify(&secret("x"), bad), "{bad}");
        }
    }

    #[test]
    fn endless_passwords_are_not_hashed() {
        let long = secret(&"x".repeat(MAX_PASSWORD_BYTES + 1));
        assert!(matches!(hash(&long), Err(PasswordError::TooLong)));
        assert!(!verify(&long, DUMMY_HASH));
    }
}
