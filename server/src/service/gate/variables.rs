//! Reads of many variables in one request: each is decided by itself and has its own permit.

use oneclaw_core::path::SecretPath;
use oneclaw_policy_host::{Permit, ReadSecret};
use oneclaw_store::{PolicyRevision, Vault};
use serde_json::Value;

use super::super::caller::{Caller, RequestContext};
use super::super::error::Result;
use super::Gate;

impl Gate {
    /// Permits for those of `paths` that the caller may read, and which plugins said so. Whoever opens anything with them
    /// records it first, once for all of them; what may not be read is left out, not an error.
    ///
    /// # Errors
    /// What the database says.
    pub async fn permits_to_read(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: &Vault,
        revision: PolicyRevision,
        paths: Vec<SecretPath>,
    ) -> Result<(Vec<Option<Permit<ReadSecret>>>, Value)> {
        let (mut permits, plugins) = self
            .decide_each(context, caller, vault, revision, paths)
            .await?;
        if vault.is_system {
            // The keys of agents are no variables.
            permits.iter_mut().for_each(|permit| *permit = None);
        }
        Ok((permits, plugins))
    }
}
