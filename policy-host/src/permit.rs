//! Permits: the only key to the code that opens secrets.

use std::fmt;
use std::marker::PhantomData;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::Principal;
use oneclaw_core::request::{AccessRequest, Permission};

use crate::error::PermitError;

mod sealed {
    pub trait Sealed {}
}

/// Something that needs a permit. Nobody else can add one.
pub trait Action: sealed::Sealed + 'static {
    /// The permission that was asked for.
    const PERMISSION: Permission;
}

/// An action that stores a value.
pub trait MaySeal: Action {}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident: $permission:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl sealed::Sealed for $name {}

            impl Action for $name {
                const PERMISSION: Permission = Permission::$permission;
            }
        )*
    };
}

actions! {
    /// Obtain a value.
    ReadSecret: Read;
    /// Store a new version.
    WriteSecret: Write;
    /// Delete every version.
    DeleteSecret: Delete;
    /// Replace the value by a generated one.
    RotateSecret: Rotate;
}

impl MaySeal for WriteSecret {}
impl MaySeal for RotateSecret {}

/// Proof that one request was allowed. Made by [`crate::DecidedAccess::into_permit`] and by nothing else, for one
/// action, bound to the digest of what was decided, and good for a short time.
///
/// It cannot be made up, not even out of another one:
///
/// ```compile_fail,E0451
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// fn forge(real: Permit<ReadSecret>, request_digest: [u8; 32]) -> Permit<ReadSecret> {
///     Permit { request_digest, ..real }
/// }
/// ```
///
/// It cannot be had for nothing:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// fn needs<T: Default>() {}
/// needs::<Permit<ReadSecret>>();
/// ```
///
/// It cannot be copied:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// fn needs<T: Clone>() {}
/// needs::<Permit<ReadSecret>>();
/// ```
///
/// It cannot be read from anywhere:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::{Permit, ReadSecret};
/// fn needs<T: serde::de::DeserializeOwned>() {}
/// needs::<Permit<ReadSecret>>();
/// ```
///
/// One for writing does not open anything:
///
/// ```compile_fail,E0308
/// use oneclaw_policy_host::{Permit, ReadSecret, WriteSecret};
/// fn open(_: &Permit<ReadSecret>) {}
/// fn store(permit: &Permit<WriteSecret>) {
///     open(permit);
/// }
/// ```
///
/// One for deleting does not store anything:
///
/// ```compile_fail,E0277
/// use oneclaw_policy_host::{DeleteSecret, MaySeal, Permit};
/// fn seal<A: MaySeal>(_: &Permit<A>) {}
/// fn delete(permit: &Permit<DeleteSecret>) {
///     seal(permit);
/// }
/// ```
///
/// Nobody can add an action of their own:
///
/// ```compile_fail,E0277
/// use oneclaw_core::request::Permission;
/// use oneclaw_policy_host::Action;
/// struct Anything;
/// impl Action for Anything {
///     const PERMISSION: Permission = Permission::Read;
/// }
/// ```
///
/// What is left compiles:
///
/// ```
/// use oneclaw_policy_host::{MaySeal, Permit, ReadSecret, RotateSecret, WriteSecret};
/// fn open(_: &Permit<ReadSecret>) {}
/// fn seal<A: MaySeal>(_: &Permit<A>) {}
/// fn all(read: Permit<ReadSecret>, write: Permit<WriteSecret>, rotate: Permit<RotateSecret>) {
///     open(&read);
///     seal(&write);
///     seal(&rotate);
/// }
/// ```
#[must_use = "a permit is the proof that something was allowed"]
pub struct Permit<A: Action> {
    request_digest: [u8; 32],
    org: OrgId,
    vault: VaultId,
    path: SecretPath,
    principal: Principal,
    expires_at: Timestamp,
    action: PhantomData<fn() -> A>,
}

impl<A: Action> fmt::Debug for Permit<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("permission", &A::PERMISSION)
            .field("org", &self.org)
            .field("vault", &self.vault)
            .field("path", &self.path)
            .field("principal", &self.principal)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl<A: Action> Permit<A> {
    /// INVARIANT: called by `DecidedAccess::into_permit` alone, with the request that was allowed.
    pub(crate) fn mint(
        request: AccessRequest,
        request_digest: [u8; 32],
        expires_at: Timestamp,
    ) -> Self {
        Self {
            request_digest,
            org: request.org,
            vault: request.vault,
            path: request.path,
            principal: request.principal,
            expires_at,
            action: PhantomData,
        }
    }

    /// SHA-256 of the canonical bytes of the request that was allowed.
    #[must_use]
    pub fn request_digest(&self) -> [u8; 32] {
        self.request_digest
    }

    /// From this instant on it covers nothing.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Who was allowed.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.principal
    }

    /// Checks that this is what was allowed, and in time. Whoever takes a permit calls this with what it is about to
    /// touch.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn covers(
        &self,
        org: OrgId,
        vault: VaultId,
        path: &SecretPath,
        now: Timestamp,
    ) -> Result<(), PermitError> {
        if now >= self.expires_at {
            return Err(PermitError::Expired);
        }
        if org != self.org {
            return Err(PermitError::OtherOrganisation);
        }
        if vault != self.vault {
            return Err(PermitError::OtherVault);
        }
        if *path != self.path {
            return Err(PermitError::OtherPath);
        }
        Ok(())
    }
}
