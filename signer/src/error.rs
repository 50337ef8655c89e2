//! Why there is no signature or no key. No message quotes key material.

use oneclaw_core::transaction::Address;
use oneclaw_crypto::envelope::EnvelopeError;
use oneclaw_crypto::random::RandomError;

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The permit does not cover this key or has expired, or the stored key does not open.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What is stored is no key.
    #[error("the stored signing key cannot be used: it {0}")]
    Key(#[from] KeyError),
    /// The decision was made for another account.
    #[error("the key belongs to {actual}, but the decision was made for {decided}")]
    OtherSender {
        /// Of the key.
        actual: Address,
        /// Of the request.
        decided: Address,
    },
    /// A field with which this cannot be encoded.
    #[error("`{field}` {must}")]
    Field {
        /// Its name in the request.
        field: &'static str,
        /// What would be right.
        must: &'static str,
    },
    /// The signature algorithm failed.
    #[error("the signature could not be made")]
    Algorithm,
    /// What was encoded is not what was decided. It is dropped.
    #[error("the signed bytes differ from what was decided in `{0}`; they were dropped")]
    Differs(&'static str),
}

/// Why text is no signing key. Reads well behind the name of a field.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the form that was asked for.
    #[error("must be 64 hexadecimal digits, with or without `0x` in front")]
    NotHex,
    /// Not the form that was asked for.
    #[error("must be 32 bytes in base64: 43 characters, and `=` if padded")]
    NotBase64,
    /// Zero, or not below the order of the group.
    #[error("is not a private key of secp256k1: it must lie between 1 and the order of the group")]
    OutOfRange,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}
