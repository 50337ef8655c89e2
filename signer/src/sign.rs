//! From a permit and a sealed key to a signature.

use alloy::consensus::SignableTransaction;
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{eip191_hash_message, keccak256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::transaction::{
    B256, Intent, TransactionIntent, TransactionRequest, TypedDataIntent,
};
use oneclaw_crypto::envelope::{Sealed, SecretRef, VaultKey, open_for_signing};
use oneclaw_policy_host::SigningPermit;

use crate::{SignError, check, encode, key};

/// A key as it is stored, and what opens it.
#[derive(Debug, Clone, Copy)]
pub struct SealedKey<'a> {
    /// Of the vault that the key is in.
    pub vault_key: &'a VaultKey,
    /// Where it stands there. The permit must be for this place.
    pub at: SecretRef<'a>,
    /// The stored value: a key as [`crate::generate`] makes it.
    pub sealed: &'a Sealed,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// A transaction, ready to be sent.
    Transaction {
        /// EIP-2718 encoding; for type 0, RLP.
        raw: Vec<u8>,
        /// Keccak-256 of it: the transaction's hash.
        hash: B256,
    },
    /// Anything else.
    Signature {
        /// `r ‖ s ‖ v`, with `v` 27 or 28 and `s` in the lower half (EIP-2).
        bytes: [u8; 65],
        /// The 32 bytes that were signed: the hash of EIP-191 or EIP-712, or the digest itself.
        hash: B256,
    },
}

/// Signs what the permit allows, with the key that it names. The permit is used up.
///
/// What is signed is encoded from the request inside the permit. There is no other parameter that could say what to sign:
///
/// ```compile_fail,E0061
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_core::transaction::TransactionRequest;
/// use oneclaw_policy_host::SigningPermit;
/// use oneclaw_signer::{SealedKey, sign};
/// fn other(permit: SigningPermit, key: SealedKey<'_>, now: Timestamp, other: &TransactionRequest) {
///     let _ = sign(permit, key, now, other);
/// }
/// ```
///
/// a request without a permit is not signed:
///
/// ```compile_fail,E0308
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_core::transaction::TransactionRequest;
/// use oneclaw_signer::{SealedKey, sign};
/// fn without(request: TransactionRequest, key: SealedKey<'_>, now: Timestamp) {
///     let _ = sign(request, key, now);
/// }
/// ```
///
/// nor is one whose field is swapped between decision and signature:
///
/// ```compile_fail,E0596
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_core::transaction::{Address, Intent};
/// use oneclaw_policy_host::SigningPermit;
/// use oneclaw_signer::{SealedKey, sign};
/// fn swapped(permit: SigningPermit, key: SealedKey<'_>, now: Timestamp, thief: Address) {
///     if let Intent::Transaction(intent) = &mut permit.request().intent {
///         intent.to = Some(thief);
///     }
///     let _ = sign(permit, key, now);
/// }
/// ```
///
/// and one permit gives one signature:
///
/// ```compile_fail,E0382
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_policy_host::SigningPermit;
/// use oneclaw_signer::{SealedKey, sign};
/// fn twice(permit: SigningPermit, key: SealedKey<'_>, now: Timestamp) {
///     let _ = sign(permit, key, now);
///     let _ = sign(permit, key, now);
/// }
/// ```
///
/// What is left compiles:
///
/// ```
/// use oneclaw_core::clock::Timestamp;
/// use oneclaw_policy_host::SigningPermit;
/// use oneclaw_signer::{SealedKey, sign};
/// fn once(permit: SigningPermit, key: SealedKey<'_>, now: Timestamp) {
///     let _ = sign(permit, key, now);
/// }
/// ```
///
/// # Errors
/// If the permit is for another key or has expired, the key does not open, is no key or is that of another account than the
/// decision was made for, or the request cannot be encoded (a field that its type has no place for, no chain).
/// [`SignError::Differs`] would be a fault of this server: the signed bytes are decoded and compared before anybody sees
/// them.
pub fn sign(
    permit: SigningPermit,
    key: SealedKey<'_>,
    now: Timestamp,
) -> Result<Signed, SignError> {
    open_for_signing(&permit, key.vault_key, key.at, key.sealed, now, |value| {
        signed(permit.request(), &key::signer(value)?)
    })?
}

fn signed(request: &TransactionRequest, signer: &PrivateKeySigner) -> Result<Signed, SignError> {
    if signer.address() != request.sender {
        return Err(SignError::OtherSender {
            actual: signer.address(),
            decided: request.sender,
        });
    }
    match &request.intent {
        Intent::Transaction(intent) => transaction(request, intent, signer),
        Intent::TypedData(data) => hash(request, signer, typed_data_hash(data)),
        Intent::Message(message) => hash(request, signer, eip191_hash_message(message)),
        Intent::Digest(digest) => hash(request, signer, *digest),
    }
}

/// EIP-712: `keccak256(0x19 0x01 ‖ domainSeparator ‖ hashStruct(message))`.
fn typed_data_hash(data: &TypedDataIntent) -> B256 {
    let parts: [&[u8]; 3] = [
        &[0x19, 0x01],
        data.domain_separator.as_slice(),
        data.struct_hash.as_slice(),
    ];
    keccak256(parts.concat())
}

fn transaction(
    request: &TransactionRequest,
    intent: &TransactionIntent,
    signer: &PrivateKeySigner,
) -> Result<Signed, SignError> {
    let chain_id = encode::chain_id(request)?;
    let unsigned = encode::transaction(intent, chain_id, signer)?;
    let signature = signer
        .sign_hash_sync(&unsigned.signature_hash())
        .map_err(|_| SignError::Algorithm)?;
    let raw = unsigned.into_envelope(signature).encoded_2718();
    let hash = check::transaction(&raw, intent, chain_id, request.sender)?;
    Ok(Signed::Transaction { raw, hash })
}

fn hash(
    request: &TransactionRequest,
    signer: &PrivateKeySigner,
    hash: B256,
) -> Result<Signed, SignError> {
    let signature = signer
        .sign_hash_sync(&hash)
        .map_err(|_| SignError::Algorithm)?;
    check::signature(&signature, &hash, request.sender)?;
    Ok(Signed::Signature {
        bytes: signature.as_bytes(),
        hash,
    })
}

#[cfg(test)]
mod tests;
