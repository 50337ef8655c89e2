//! Codes that change with time (RFC 6238): SHA-1, six digits, 30 seconds, one step of tolerance either way.

use std::fmt;

use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use crate::random::{self, RandomError};

/// Bytes of a secret: as many as SHA-1 gives (RFC 4226 §4 R6).
pub const SECRET_BYTES: usize = 20;
/// Digits of a code.
pub const DIGITS: u8 = 6;
/// How long a code is the current one, in seconds.
pub const STEP_SECONDS: u64 = 30;

/// The name under which the human's device shows the code.
const ISSUER: &str = "oneclaw";

/// Why there is no second factor.
#[derive(Debug, thiserror::Error)]
pub enum TotpError {
    /// The stored secret is too short to be one.
    #[error("the secret of a second factor is malformed")]
    Secret,
    /// No randomness to make one.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The secret that the server shares with a human's device.
pub struct SharedSecret {
    bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(redacted)")
    }
}

impl SharedSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn generate() -> Result<Self, TotpError> {
        Ok(Self {
            bytes: Zeroizing::new(random::bytes::<SECRET_BYTES>()?.to_vec()),
        })
    }

    /// One that was stored.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes }
    }

    /// For storage, sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// For typing in: base32 without padding (RFC 4648 §6).
    ///
    /// # Errors
    /// [`TotpError::Secret`].
    pub fn to_base32(&self) -> Result<Zeroizing<String>, TotpError> {
        let secret = totp_rs::Secret::from(self.bytes.as_slice());
        Ok(Zeroizing::new(secret.to_base32()))
    }

    /// For scanning: an `otpauth://` address with the name of the account.
    ///
    /// # Errors
    /// [`TotpError::Secret`].
    pub fn to_uri(&self, account: &str) -> Result<Zeroizing<String>, TotpError> {
        // A colon would end the issuer's part of the label.
        let account = percent_encoded(&account.replace(':', "_"));
        let secret = self.to_base32()?;
        Ok(Zeroizing::new(format!(
            "otpauth://totp/{ISSUER}:{account}?secret={}&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            secret.as_str()
        )))
    }

    /// The step that a code belongs to, if it is the code of this moment, of the step before or of the one after. A step must
    /// be accepted once: the caller remembers the last one (RFC 6238 §5.2).
    ///
    /// # Errors
    /// [`TotpError::Secret`].
    pub fn step_of(&self, code: &str, unix_seconds: i64) -> Result<Option<i64>, TotpError> {
        let totp = self.totp()?;
        let Ok(now) = u64::try_from(unix_seconds) else {
            return Ok(None);
        };
        if code.len() != usize::from(DIGITS) || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(None);
        }
        let step = totp.check(code, now);
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }

    fn totp(&self) -> Result<Totp, TotpError> {
        self.builder().build().map_err(|_| TotpError::Secret)
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(1)
            .with_step_duration(STEP_SECONDS)
            .with_secret(totp_rs::Secret::from(self.bytes.as_slice()))
    }
}

/// As RFC 3986 §2.1 has it for whatever is not unreserved.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, with the last six of its eight digits.
    const KNOWN: [(i64, &str); 4] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (20_000_000_000, "353130"),
    ];

    fn known() -> SharedSecret {
        SharedSecret::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (at, code) in KNOWN {
            assert_eq!(known().step_of(code, at).unwrap(), Some(at / 30));
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_late_and_no_longer() {
        for (at, code) in KNOWN {
            let step = Some(at / 30);
            let start = at / 30 * 30;
            for now in [start - 30, start - 1, start, start + 29, start + 59] {
                assert_eq!(known().step_of(code, now).unwrap(), step, "{now}");
            }
            for now in [start - 31, start + 60] {
                assert_ne!(known().step_of(code, now).unwrap(), step, "{now}");
            }
        }
    }

    #[test]
    fn what_is_not_six_digits_is_no_code() {
        for code in [
            "", "28708", "2870820", "28708a", "287 082", "２87082", "-87082",
        ] {
            assert_eq!(known().step_of(code, 59).unwrap(), None, "{code}");
        }
        assert_eq!(known().step_of("287082", -59).unwrap(), None);
    }

    #[test]
    fn the_address_for_scanning_says_everything_a_device_needs() {
        let uri = known().to_uri("a:b@example.com").unwrap();
        assert!(
            uri.starts_with("otpauth://totp/oneclaw:a_b%40example.com?"),
            "{}",
            *uri
        );
        assert!(
            uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            "{}",
            *uri
        );
        assert!(uri.contains("issuer=oneclaw"), "{}", *uri);
    }

    #[test]
    fn a_fresh_secret_is_new_and_debug_output_does_not_show_it() {
        let (one, two) = (
            SharedSecret::generate().unwrap(),
            SharedSecret::generate().unwrap(),
        );
        assert_ne!(one.as_bytes(), two.as_bytes());
        assert_eq!(one.to_base32().unwrap().len(), 32);
        assert_eq!(format!("{one:?}"), "SharedSecret(redacted)");
        let short = SharedSecret::from_bytes(Zeroizing::new(vec![1; 5]));
        assert!(short.step_of("123456", 59).is_err());
    }
}
