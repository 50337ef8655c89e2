//! The permit to sign: the only key to the code that makes signatures.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, SecretId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::transaction::TransactionRequest;

use crate::error::PermitError;

/// Proof that one request was allowed, and that request itself. Made by [`crate::DecidedTransaction::into_permit`] and by
/// nothing else, and good for a short time. What is signed is encoded from the request in here, so that nothing else can
/// be signed than what was decided on.
///
/// It cannot be made up, not even out of another one:
///
/// ```compile_fail,E0451
/// use oneclaw_policy_host::SigningPermit;
/// fn forge(real: SigningPermit, request_digest: [u8; 32]) -> SigningPermit {
///     SigningPermit { request_digest, ..real }
/// }
/// ```
///
/// It cannot be minted by others:
///
/// ```compile_fail,E0624
/// use oneclaw_core::{clock::Timestamp, transaction::TransactionRequest};
/// use oneclaw_policy_host::SigningPermit;
/// fn forge(request: TransactionRequest) -> SigningPermit {
///     SigningPermit::mint(request, [0; 32], Timestamp::from_millis(0))
/// }
/// ```
///
/// It cannot be had for nothing:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::SigningPermit;
/// fn needs<T: Default>() {}
/// needs::<SigningPermit>();
/// ```
///
/// It cannot be copied:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::SigningPermit;
/// fn needs<T: Clone>() {}
/// needs::<SigningPermit>();
/// ```
///
/// It cannot be read from anywhere:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::SigningPermit;
/// fn needs<T: serde::de::DeserializeOwned>() {}
/// needs::<SigningPermit>();
/// ```
///
/// The request in it cannot be altered:
///
/// ```compile_fail,E0594
/// use oneclaw_policy_host::SigningPermit;
/// fn alter(permit: &mut SigningPermit) {
///     permit.request().chain = None;
/// }
/// ```
///
/// ```compile_fail,E0616
/// use oneclaw_policy_host::SigningPermit;
/// fn alter(permit: &mut SigningPermit) {
///     permit.request.chain = None;
/// }
/// ```
///
/// ```compile_fail,E0599
/// use oneclaw_policy_host::SigningPermit;
/// fn alter(permit: &mut SigningPermit) {
///     permit.request_mut().chain = None;
/// }
/// ```
///
/// It opens no secret:
///
/// ```compile_fail,E0308
/// use oneclaw_policy_host::{Permit, ReadSecret, SigningPermit};
/// fn open(_: &Permit<ReadSecret>) {}
/// fn read(permit: &SigningPermit) {
///     open(permit);
/// }
/// ```
///
/// And no permit for a secret signs anything:
///
/// ```compile_fail,E0308
/// use oneclaw_policy_host::{Permit, ReadSecret, SigningPermit};
/// fn sign(_: &SigningPermit) {}
/// fn read(permit: &Permit<ReadSecret>) {
///     sign(permit);
/// }
/// ```
///
/// What is left compiles:
///
/// ```
/// use oneclaw_core::transaction::Chain;
/// use oneclaw_policy_host::SigningPermit;
/// fn sign(permit: SigningPermit) -> Option<Chain> {
///     permit.request().chain.clone()
/// }
/// ```
#[must_use = "a permit is the proof that something was allowed"]
pub struct SigningPermit {
    request: TransactionRequest,
    request_digest: [u8; 32],
    expires_at: Timestamp,
}

impl fmt::Debug for SigningPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningPermit")
            .field("kind", &self.request.intent.kind())
            .field("org", &self.request.org)
            .field("principal", &self.request.principal)
            .field("key", &self.request.key)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl SigningPermit {
    /// INVARIANT: called by `DecidedTransaction::into_permit` alone, with the request that was allowed.
    pub(crate) fn mint(
        request: TransactionRequest,
        request_digest: [u8; 32],
        expires_at: Timestamp,
    ) -> Self {
        Self {
            request,
            request_digest,
            expires_at,
        }
    }

    /// What was allowed, and what is to be signed. Its budgets are empty.
    #[must_use]
    pub fn request(&self) -> &TransactionRequest {
        &self.request
    }

    /// SHA-256 of the canonical bytes of the request.
    #[must_use]
    pub fn request_digest(&self) -> [u8; 32] {
        self.request_digest
    }

    /// From this instant on it covers nothing.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Checks that this is the key that may sign, and in time. Whoever takes a permit calls this with the key that it is
    /// about to open.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn covers(
        &self,
        org: OrgId,
        secret: SecretId,
        vault: VaultId,
        path: &SecretPath,
        version: i64,
        now: Timestamp,
    ) -> Result<(), PermitError> {
        let key = &self.request.key;
        let checks = [
            (now < self.expires_at, PermitError::Expired),
            (org == self.request.org, PermitError::OtherOrganisation),
            (vault == key.vault, PermitError::OtherVault),
            (*path == key.path, PermitError::OtherPath),
            (secret == key.secret, PermitError::OtherSecret),
            (version == key.version, PermitError::OtherVersion),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}
