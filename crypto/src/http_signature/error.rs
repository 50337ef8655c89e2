//! What can be wrong with a signature, in sentences for those who made it.

use super::{MAX_AGE_SECONDS, MAX_COMPONENTS, MAX_HEADER_BYTES, MAX_SKEW_SECONDS};

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header that every signed request has.
    #[error("the request has no `{0}` header")]
    NoHeader(&'static str),
    /// Not what RFC 8941 says.
    #[error("header `{header}` is not a dictionary of structured fields (RFC 8941): {why}")]
    Malformed {
        /// Its name.
        header: &'static str,
        /// What the parser says.
        why: String,
    },
    /// Bytes that cannot be signed.
    #[error("header `{0}` has characters other than visible ASCII, spaces and tabs")]
    NotText(String),
    /// A header that is too long.
    #[error("header `{0}` is longer than {MAX_HEADER_BYTES} bytes")]
    TooLong(String),
    /// A parameter that every signature has.
    #[error(
        "`Signature-Input` has no parameter `{0}`; `created`, `keyid` and `nonce` are required"
    )]
    NoParameter(&'static str),
    /// A parameter of the wrong form.
    #[error("parameter `{name}` of `Signature-Input` must {must}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What would be right.
        must: &'static str,
    },
    /// A key that is not registered.
    #[error("no key `{0}` is registered; register its public half, or correct `keyid`")]
    UnknownKey(String),
    /// More than one signature that could be meant.
    #[error("more than one signature is by a registered key; send one")]
    Several,
    /// Too long ago.
    #[error("it was created more than {MAX_AGE_SECONDS} seconds ago; sign the request anew")]
    TooOld,
    /// Not yet.
    #[error(
        "`created` is more than {MAX_SKEW_SECONDS} seconds in the future; set the clock of the machine that signs"
    )]
    FromTheFuture,
    /// By its own words.
    #[error("it has expired (`expires`); sign the request anew")]
    Expired,
    /// A component that has to be signed.
    #[error(
        "it does not cover `{0}`; cover `@method`, `@path`, `content-digest`, `@query` if there is a query, \
         and `idempotency-key` if there is that header"
    )]
    NotCovered(&'static str),
    /// A component that is no plain name.
    #[error("every component it covers must be a name in double quotes")]
    NotAName,
    /// A component with parameters such as `;bs` or `;req`.
    #[error("component `{0}` has parameters; cover it without any")]
    ComponentParameters(String),
    /// A component twice.
    #[error("component `{0}` is covered twice; name it once")]
    Twice(String),
    /// A component that begins with `@`.
    #[error(
        "component `{0}` cannot be checked here; of those that begin with `@`, cover `@method`, `@path`, `@query`, \
         `@authority` or `@target-uri`"
    )]
    UnknownComponent(String),
    /// A component that is not the name of a header.
    #[error("component `{0}` is not the name of a header in lower case")]
    NotAHeader(String),
    /// A header that is covered but not there.
    #[error("it covers header `{0}`, which the request does not have")]
    HeaderNotSent(String),
    /// More components than anybody needs.
    #[error("it covers more than {MAX_COMPONENTS} components")]
    TooManyComponents,
    /// No digest that can be checked.
    #[error("`Content-Digest` has neither `sha-256` nor `sha-512` (RFC 9530)")]
    NoDigest,
    /// A digest of something else.
    #[error("`Content-Digest` is not the `{0}` digest of the body that was received")]
    OtherBody(&'static str),
    /// `Signature` lacks what `Signature-Input` announces.
    #[error("`Signature-Input` has `{0}`, but `Signature` has not")]
    NoSignature(String),
    /// Not 64 bytes.
    #[error("`{0}` in `Signature` is not an Ed25519 signature: 64 bytes in base64 between colons")]
    NotASignature(String),
    /// The wrong key, or something was changed.
    #[error(
        "it does not fit this request and this key: something that it covers was changed after signing, or it was made \
         with another key"
    )]
    DoesNotHold,
}
