//! Values that leave through a share.

use oneclaw_core::api::Sensitive;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::path::SecretPath;
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::{Secret, SecretVersion, ShareAccess, ShareOutcome};

use super::super::Services;
use super::super::error::{Result, ServiceError};
use super::super::gate::Grant;
use super::read::EXPIRED;

/// What became of a read through a share.
pub enum SharedRead {
    /// The value, and how many accesses of the share this makes.
    Opened(Sensitive, i64),
    /// The share has run out or ended in the meantime; nothing was recorded.
    ShareOver,
    /// The secret has been read as often as it may; nothing was recorded.
    SecretOver,
}

impl Services {
    /// The version that a share of this path gives at this moment, or why there is none.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::service) async fn version_to_share(
        &self,
        grant: &Grant<ReadSecret>,
        path: &SecretPath,
        now: Timestamp,
    ) -> Result<std::result::Result<(Secret, SecretVersion), ServiceError>> {
        let found = self.store.latest_readable(grant.vault.id, path).await?;
        Ok(match found {
            Some((_, version)) if version.expires_at.is_some_and(|at| at <= now) => Err(EXPIRED),
            Some(found) => Ok(found),
            None => Err(self.why_unreadable(grant, path).await?),
        })
    }

    /// Counts and records the access, and only then opens the value.
    ///
    /// # Errors
    /// What the database says; the value stays closed then.
    pub(in crate::service) async fn read_shared(
        &self,
        grant: &Grant<ReadSecret>,
        access: &ShareAccess,
        (secret, version): (&Secret, &SecretVersion),
        now: Timestamp,
    ) -> Result<SharedRead> {
        match self.store.commit_share_access(access).await? {
            ShareOutcome::Counted(count) => {
                let value = self.unseal(grant, secret, version, now)?;
                Ok(SharedRead::Opened(value, count))
            }
            ShareOutcome::ShareOver => Ok(SharedRead::ShareOver),
            ShareOutcome::SecretOver => Ok(SharedRead::SecretOver),
        }
    }
}
