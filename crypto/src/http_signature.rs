//! HTTP Message Signatures (RFC 9421), verified for one profile: an Ed25519 key signs method, path, query and body of a
//! request, once, now.
//!
//! The profile: the signature covers `@method`, `@path`, `content-digest` (RFC 9530), `@query` if the request has a query
//! and `idempotency-key` if it has that header; it may cover `@authority`, `@target-uri` and any other header. Components
//! have no parameters. `created`, `keyid` and `nonce` are required, `alg` is `ed25519` if it is there at all, `expires`
//! counts if it is there, and any other parameter is merely signed along.
//!
//! A nonce is good once: [`VerifiedSignature::nonce`] has to be kept, together with the id of the key, for as long as
//! `created` can be within [`MAX_AGE_SECONDS`]. That is for the caller, who has a database.

mod base;
mod content_digest;
mod error;
mod keys;

use ed25519_dalek::{Signature, VerifyingKey};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::path::excerpt;
use sfv::{Dictionary, InnerList, ListEntry, Parser, Version};

pub use error::SignatureError;
pub use keys::{PublicKeyError, parse_public_key, thumbprint};

/// How old a signature may be, in seconds.
pub const MAX_AGE_SECONDS: i64 = 300;

/// How far ahead of ours the clock of who signs may be, in seconds.
pub const MAX_SKEW_SECONDS: i64 = 30;

/// Longest value of a header that is looked at, in bytes, several lines of the same name taken together.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Most components that a signature may cover.
pub const MAX_COMPONENTS: usize = 32;

/// Most characters of a nonce.
pub const MAX_NONCE_CHARACTERS: usize = 128;

/// A request, as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// For example `POST`.
    pub method: &'a str,
    /// As received, percent-encoding and all.
    pub path: &'a str,
    /// As received, without the question mark. `None` if there was no question mark.
    pub query: Option<&'a str>,
    /// Scheme and authority that clients use, for example `https://vault.example.com`, without a path. Signatures that
    /// cover `@authority` or `@target-uri` are refused where this is not known.
    pub origin: Option<&'a str>,
    /// Every line, in order.
    pub headers: &'a [(String, Vec<u8>)],
    /// The very bytes; empty if there were none.
    pub body: &'a [u8],
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// Which key it was made with.
    pub key_id: String,
    /// When it was made, as who signed says; at most [`MAX_AGE_SECONDS`] ago.
    pub created: Timestamp,
    /// 1 to [`MAX_NONCE_CHARACTERS`] characters of visible ASCII and spaces, to be accepted once for this key.
    pub nonce: String,
    /// The components that are signed, in their order.
    pub covered: Vec<String>,
}

/// Verifies the signature on a request. `known` gives the Ed25519 public key for an id, of whoever the request says it comes
/// from.
///
/// A request may carry several signatures (a proxy may add its own): the one by a known key counts, the others are not
/// looked at. Two by known keys are refused, so that there is never a question which of them was meant.
///
/// # Errors
/// [`SignatureError`]; its text says what would be right and can be shown to who sent the request.
pub fn verify(
    message: &Message<'_>,
    known: impl Fn(&str) -> Option<[u8; 32]>,
    now: Timestamp,
) -> Result<VerifiedSignature, SignatureError> {
    let inputs = dictionary(message, "signature-input")?;
    let (label, input, key_id, key) = chosen(&inputs, known)?;
    let (created, nonce) = parameters(input, now)?;
    let covered = base::covered(input)?;
    base::check_required(message, &covered)?;
    content_digest::check(message)?;
    let base = base::signature_base(message, input, &covered)?;
    let signatures = dictionary(message, "signature")?;
    check_signature(&signatures, label, &key, base.as_bytes())?;
    Ok(VerifiedSignature {
        key_id: key_id.to_owned(),
        created,
        nonce: nonce.to_owned(),
        covered: covered.iter().map(|&name| name.to_owned()).collect(),
    })
}

/// The value of a structured header, all its lines together.
fn dictionary(message: &Message<'_>, name: &'static str) -> Result<Dictionary, SignatureError> {
    let text = base::header(message, name)?.ok_or(SignatureError::NoHeader(name))?;
    Parser::new(&text)
        .with_version(Version::Rfc8941)
        .parse()
        .map_err(|error| SignatureError::Malformed {
            header: name,
            why: error.to_string(),
        })
}

type Chosen<'a> = (&'a str, &'a InnerList, &'a str, [u8; 32]);

/// The one signature that counts: its label, what it covers, its key.
fn chosen(
    inputs: &Dictionary,
    known: impl Fn(&str) -> Option<[u8; 32]>,
) -> Result<Chosen<'_>, SignatureError> {
    let mut found = None;
    let mut stranger = None;
    for (label, entry) in inputs {
        let ListEntry::InnerList(input) = entry else {
            return Err(SignatureError::Malformed {
                header: "signature-input",
                why: format!("`{}` is not a list in parentheses", excerpt(label.as_str())),
            });
        };
        let Some(key_id) = text_parameter(input, "keyid")? else {
            continue;
        };
        match known(key_id) {
            Some(_) if found.is_some() => return Err(SignatureError::Several),
            Some(key) => found = Some((label.as_str(), input, key_id, key)),
            None => stranger = Some(key_id),
        }
    }
    found.ok_or_else(|| {
        stranger.map_or(SignatureError::NoParameter("keyid"), |key_id| {
            SignatureError::UnknownKey(excerpt(key_id))
        })
    })
}

fn text_parameter<'a>(
    input: &'a InnerList,
    name: &'static str,
) -> Result<Option<&'a str>, SignatureError> {
    let Some(value) = input.params.get(name) else {
        return Ok(None);
    };
    let text = value.as_string().ok_or(SignatureError::Parameter {
        name,
        must: "be text in double quotes",
    })?;
    Ok(Some(text.as_str()))
}

fn time_parameter(
    input: &InnerList,
    name: &'static str,
) -> Result<Option<Timestamp>, SignatureError> {
    let Some(value) = input.params.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_integer().ok_or(SignatureError::Parameter {
        name,
        must: "be whole seconds since 1970, without quotes",
    })?;
    // Fifteen digits of seconds are eighteen of milliseconds: no overflow.
    Ok(Some(
        Timestamp::from_millis(0).plus_seconds(i64::from(seconds)),
    ))
}

/// `created` and `nonce`, after a look at all that is said about time and algorithm.
fn parameters(input: &InnerList, now: Timestamp) -> Result<(Timestamp, &str), SignatureError> {
    if text_parameter(input, "alg")?.is_some_and(|alg| alg != "ed25519") {
        return Err(SignatureError::Parameter {
            name: "alg",
            must: "be `ed25519`, or be left out",
        });
    }
    let created =
        time_parameter(input, "created")?.ok_or(SignatureError::NoParameter("created"))?;
    if created > now.plus_seconds(MAX_SKEW_SECONDS) {
        return Err(SignatureError::FromTheFuture);
    }
    if now > created.plus_seconds(MAX_AGE_SECONDS) {
        return Err(SignatureError::TooOld);
    }
    if time_parameter(input, "expires")?.is_some_and(|expires| now > expires) {
        return Err(SignatureError::Expired);
    }
    let nonce = text_parameter(input, "nonce")?.ok_or(SignatureError::NoParameter("nonce"))?;
    if nonce.is_empty() || nonce.len() > MAX_NONCE_CHARACTERS {
        return Err(SignatureError::Parameter {
            name: "nonce",
            must: "have 1 to 128 characters",
        });
    }
    Ok((created, nonce))
}

fn check_signature(
    signatures: &Dictionary,
    label: &str,
    key: &[u8; 32],
    base: &[u8],
) -> Result<(), SignatureError> {
    let bytes = match signatures.get(label) {
        Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence(),
        Some(ListEntry::InnerList(_)) => None,
        None => return Err(SignatureError::NoSignature(excerpt(label))),
    };
    let signature = bytes
        .and_then(|bytes| Signature::from_slice(bytes).ok())
        .ok_or_else(|| SignatureError::NotASignature(excerpt(label)))?;
    // Strict: no small-order points and one encoding for each signature (RFC 8032 §5.1.7 leaves both open).
    VerifyingKey::from_bytes(key)
        .and_then(|key| key.verify_strict(base, &signature))
        .map_err(|_| SignatureError::DoesNotHold)
}

#[cfg(test)]
mod tests;
