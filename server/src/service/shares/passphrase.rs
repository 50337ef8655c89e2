//! Passphrases of shares: hashed like passwords, and guessed at a bounded rate that is counted in the database, so that
//! neither a restart nor another node gives new guesses.

use oneclaw_core::clock::Timestamp;
use oneclaw_crypto::password;
use oneclaw_store::Share;
use secrecy::SecretString;

use super::super::Services;
use super::super::error::{Result, ServiceError};

/// Wrong guesses at one share, all guessers together. Arbitrary: room for slips, none for a dictionary.
const MOST_GUESSES: i64 = 10;
/// The time in which they count, in milliseconds: 10 minutes from the first of them.
const GUESSES_WITHIN_MS: i64 = 10 * 60 * 1000;

impl Services {
    /// Checks and hashes the passphrase of a new share.
    ///
    /// # Errors
    /// Names the field.
    pub(super) async fn hash_passphrase(&self, passphrase: &str) -> Result<String> {
        check_passphrase(passphrase)?;
        self.hash_password(SecretString::from(passphrase.to_owned()))
            .await
    }

    /// Whether this is the passphrase of the share, if it has one. The guess is taken before it is looked at and given
    /// back if it was right, so that parallel guesses cannot slip through.
    ///
    /// # Errors
    /// [`ServiceError::TooManyRequests`] when there were too many wrong ones.
    pub(super) async fn is_passphrase(
        &self,
        share: &Share,
        given: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let (Some(hash), given) = (share.passphrase_hash.clone(), given) else {
            return Ok(true);
        };
        let Some(given) = given.filter(|given| check_passphrase(given).is_ok()) else {
            return Ok(false);
        };
        // The slot comes first: those who wait for one hold no guess, so that a crowd that knows the passphrase does not
        // use the guesses up.
        let _slot = self.password_slot().await?;
        let limited = self.config.rate_limits;
        if limited {
            let until = self
                .store
                .take_share_guess(share.id, MOST_GUESSES, GUESSES_WITHIN_MS, now)
                .await?;
            if let Some(until) = until {
                return Err(too_many(until, now));
            }
        }
        let given = SecretString::from(given.to_owned());
        let is_right = tokio::task::spawn_blocking(move || password::verify(&given, &hash))
            .await
            .map_err(|e| ServiceError::Internal(e.to_string()))?;
        if limited && is_right {
            self.store.give_share_guess_back(share.id).await?;
        }
        Ok(is_right)
    }
}

/// 429 until then.
pub(super) fn too_many(until: Timestamp, now: Timestamp) -> ServiceError {
    let wait_ms = until.as_millis().saturating_sub(now.as_millis());
    ServiceError::TooManyRequests {
        retry_after_seconds: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000).max(1),
    }
}

/// That it can be a passphrase at all.
///
/// # Errors
/// Names the field.
pub(super) fn check_passphrase(passphrase: &str) -> Result<()> {
    let limit = password::MAX_PASSWORD_BYTES;
    if passphrase.is_empty() {
        return Err(ServiceError::field(
            "passphrase",
            "must not be empty; leave it out for a share without one",
        ));
    }
    if passphrase.len() > limit {
        let message = format!("has {} bytes; the limit is {limit}", passphrase.len());
        return Err(ServiceError::field("passphrase", message));
    }
    Ok(())
}
