//! Limits on guessing: passwords, keys, confirmations.
//!
//! A token bucket per key. An attempt takes a token before the guess is looked at, and success gives it back, so that
//! parallel guesses cannot slip through between a look and a count, and honest callers are never slowed down.

use std::sync::Mutex;
use std::time::Duration;

use oneclaw_core::clock::Timestamp;
use quick_cache::sync::Cache;

use super::error::{Result, ServiceError};

/// Keys remembered at a time. An attacker with more addresses than this pushes out old entries, no more.
const REMEMBERED_KEYS: usize = 50_000;

/// One kind of guess.
#[derive(Debug)]
pub struct Throttle {
    buckets: Cache<String, std::sync::Arc<Mutex<Bucket>>>,
    burst: f64,
    refill_ms: f64,
    enabled: bool,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// A token that was taken; drop it to leave it taken.
#[derive(Debug)]
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    key: String,
}

impl Throttle {
    fn new(enabled: bool, burst: u32, refill: Duration) -> Self {
        Self {
            buckets: Cache::new(REMEMBERED_KEYS),
            burst: f64::from(burst),
            refill_ms: refill.as_secs_f64() * 1000.0,
            enabled,
        }
    }

    /// Takes a token for a guess.
    ///
    /// # Errors
    /// [`ServiceError::TooManyRequests`] when there is none left, with the time until there is.
    pub fn attempt(&self, key: &str, now: Timestamp) -> Result<Attempt<'_>> {
        let attempt = Attempt {
            throttle: self,
            key: key.to_owned(),
        };
        if !self.enabled {
            return Ok(attempt);
        }
        let fresh = || {
            std::sync::Arc::new(Mutex::new(Bucket {
                tokens: self.burst,
                at: now,
            }))
        };
        let bucket = self
            .buckets
            .get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(fresh()))
            .unwrap_or_else(|never| match never {});
        let mut bucket = bucket
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds between two requests"
        )]
        let elapsed = now.as_millis().saturating_sub(bucket.at.as_millis()).max(0) as f64;
        bucket.tokens = (bucket.tokens + elapsed / self.refill_ms).min(self.burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(attempt);
        }
        let wait_ms = (1.0 - bucket.tokens) * self.refill_ms;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and at most one refill interval"
        )]
        let retry_after_seconds = (wait_ms / 1000.0).ceil().max(1.0) as u64;
        Err(ServiceError::TooManyRequests {
            retry_after_seconds,
        })
    }
}

impl Attempt<'_> {
    /// The guess was right: gives the token back.
    pub fn succeeded(self) {
        if let Some(bucket) = self.throttle.buckets.get(&self.key) {
            let mut bucket = bucket
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            bucket.tokens = (bucket.tokens + 1.0).min(self.throttle.burst);
        }
    }
}

/// All limits on guessing. The numbers are arbitrary: generous for humans and hopeless for guessing.
#[derive(Debug)]
pub struct Throttles {
    /// Wrong passwords per account: 10 at once, then one in 30 s.
    pub login_by_email: Throttle,
    /// Wrong passwords per address: 30 at once, then one in 2 s.
    pub login_by_address: Throttle,
    /// Wrong keys per address: 60 at once, then one a second. Right keys do not count, so that a fleet behind one
    /// address can start all at once.
    pub exchange_by_address: Throttle,
    /// Accounts made per address: 10 at once, then one in 60 s.
    pub signup_by_address: Throttle,
    /// Wrong confirmations per account: 5 at once, then one in 60 s.
    pub confirm_by_user: Throttle,
    /// Wrong codes of a second factor per account: 5 at once, then one in 60 s.
    pub code_by_user: Throttle,
    /// Invitations per organisation: 50 at once, then one in 60 s. Each is a mail to a stranger.
    pub invitations_by_org: Throttle,
    /// Logins begun by programs, per address: 20 at once, then one in 10 s.
    pub device_login_by_address: Throttle,
    /// Codes of such logins that nothing waits under, per address: 20 at once, then one in 10 s.
    pub device_code_by_address: Throttle,
}

impl Throttles {
    /// `enabled: false` switches all of them off.
    pub fn new(enabled: bool) -> Self {
        let throttle = |burst, seconds| Throttle::new(enabled, burst, Duration::from_secs(seconds));
        Self {
            login_by_email: throttle(10, 30),
            login_by_address: throttle(30, 2),
            exchange_by_address: throttle(60, 1),
            signup_by_address: throttle(10, 60),
            confirm_by_user: throttle(5, 60),
            code_by_user: throttle(5, 60),
            invitations_by_org: throttle(50, 60),
            device_login_by_address: throttle(20, 10),
            device_code_by_address: throttle(20, 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_guesses_run_out_and_right_ones_do_not_count() {
        let throttle = Throttle::new(true, 2, Duration::from_secs(10));
        let start = Timestamp::from_millis(0);
        for _ in 0..50 {
            throttle.attempt("a", start).unwrap().succeeded();
        }
        drop(throttle.attempt("a", start).unwrap());
        drop(throttle.attempt("a", start).unwrap());
        let error = throttle.attempt("a", start.plus_seconds(3)).unwrap_err();
        assert!(matches!(
            error,
            ServiceError::TooManyRequests {
                retry_after_seconds: 7
            }
        ));
        drop(throttle.attempt("b", start).unwrap());
        drop(throttle.attempt("a", start.plus_seconds(10)).unwrap());
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let throttle = Throttle::new(true, 1, Duration::from_secs(10));
        drop(
            throttle
                .attempt("a", Timestamp::from_millis(100_000))
                .unwrap(),
        );
        assert!(throttle.attempt("a", Timestamp::from_millis(0)).is_err());
    }
}
