//! Signatures on what the server sends to webhooks: HMAC-SHA256 (RFC 2104) over the time and the body, so that a recorded
//! delivery cannot be passed on later as a fresh one.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of the header `X-Oneclaw-Signature`: `t=<seconds since 1970>`, and for each secret
/// `,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>`. There is more than one secret while a new one takes over.
#[must_use]
pub fn sign<'a>(
    secrets: impl IntoIterator<Item = &'a [u8]>,
    unix_seconds: i64,
    body: &str,
) -> String {
    let mut header = format!("t={unix_seconds}");
    for secret in secrets {
        // HMAC takes keys of any length (RFC 2104 §2).
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret) else {
            continue;
        };
        mac.update(format!("{unix_seconds}.").as_bytes());
        mac.update(body.as_bytes());
        let _ = write!(header, ",v1={}", hex::encode(mac.finalize().into_bytes()));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `hmac.new(b"whsec_test", b"1795435200.{}", "sha256")` of Python's standard library.
    const EXPECTED: &str = "d9922efa58a757f4d71052533078adda9276cb56d226670f0be170fdfc1b8679";

    #[test]
    fn the_signature_is_the_one_that_others_work_out() {
        assert_eq!(
            sign([b"whsec_test".as_slice()], 1_795_435_200, "{}"),
            format!("t=1795435200,v1={EXPECTED}")
        );
        let both = sign(
            [b"another".as_slice(), b"whsec_test".as_slice()],
            1_795_435_200,
            "{}",
        );
        assert!(both.ends_with(&format!(",v1={EXPECTED}")), "{both}");
        assert_eq!(both.matches(",v1=").count(), 2);
    }

    #[test]
    fn time_body_and_secret_all_count() {
        let signed = |secret: &str, at, body| sign([secret.as_bytes()], at, body);
        let base = signed("secret", 1, "body");
        assert_ne!(base, signed("secret", 2, "body"));
        assert_ne!(base, signed("secret", 1, "Body"));
        assert_ne!(base, signed("Secret", 1, "body"));
    }
}
