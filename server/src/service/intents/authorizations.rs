//! Authorisations of EIP-7702 that a caller wants in a transaction, checked field by field.

use oneclaw_core::api::AuthorizationEntry;
use oneclaw_core::transaction::{Address, AuthorizationSignature};

use super::super::error::{Result, ServiceError};
use super::request::{TransactionWish, address, word};

/// Most authorisations in one transaction.
const MAX_AUTHORIZATIONS: usize = 16;

/// An authorisation, with what is still to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationWish {
    /// `None`: the chain of the transaction.
    pub chain_id: Option<u64>,
    /// Whose code.
    pub address: Address,
    /// `None`: the sender's next but one.
    pub nonce: Option<u64>,
    /// `None`: by the sender.
    pub signature: Option<AuthorizationSignature>,
}

/// The authorisations that were asked for.
///
/// # Errors
/// Names the field at fault.
pub fn authorizations(entries: &[AuthorizationEntry]) -> Result<Vec<AuthorizationWish>> {
    if entries.len() > MAX_AUTHORIZATIONS {
        return Err(ServiceError::field(
            "authorization_list",
            format!("has more than {MAX_AUTHORIZATIONS} entries"),
        ));
    }
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let field = |name: &str| format!("authorization_list[{index}].{name}");
            let signature = match (entry.y_parity, &entry.r, &entry.s) {
                (None, None, None) => None,
                (Some(y_parity @ 0..=1), Some(r), Some(s)) => Some(AuthorizationSignature {
                    y_parity,
                    r: word(&field("r"), r)?,
                    s: word(&field("s"), s)?,
                }),
                _ => {
                    return Err(ServiceError::field(
                        field("y_parity"),
                        "must be 0 or 1, and goes with `r` and `s`; leave out all three to have the sender sign",
                    ));
                }
            };
            if signature.is_some() && entry.nonce.is_none() {
                return Err(ServiceError::field(
                    field("nonce"),
                    "is missing; a signed authorisation has one",
                ));
            }
            if entry.nonce == Some(u64::MAX) {
                return Err(ServiceError::field(
                    field("nonce"),
                    "must be below 2^64 - 1 (EIP-2681)",
                ));
            }
            Ok(AuthorizationWish {
                chain_id: entry.chain_id,
                address: address(&field("address"), &entry.address)?,
                nonce: entry.nonce,
                signature,
            })
        })
        .collect()
}

/// What the sender signs itself is for this transaction: for its chain, and with the nonce behind its own, which counts
/// up before authorisations are looked at (EIP-7702).
///
/// # Errors
/// Names the field.
pub fn own_authorizations(wish: &TransactionWish, chain_id: u64) -> Result<()> {
    for (index, own) in wish.authorizations.iter().enumerate() {
        if own.signature.is_some() {
            continue;
        }
        let field = |name: &str| format!("authorization_list[{index}].{name}");
        if own.chain_id.is_some_and(|id| id != chain_id) {
            return Err(ServiceError::field(
                field("chain_id"),
                format!(
                    "must be {chain_id}, as of the transaction, for the sender to sign; or leave it out"
                ),
            ));
        }
        let follows = wish.nonce.and_then(|nonce| nonce.checked_add(1));
        if own.nonce.is_some() && own.nonce != follows {
            return Err(ServiceError::field(
                field("nonce"),
                "must be one more than the `nonce` of the transaction for the sender to sign; or leave it out",
            ));
        }
    }
    Ok(())
}
