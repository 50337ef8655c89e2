//! Accesses through shares. Whoever shares gives away what they may read themselves, at the moment of the access: the
//! decision is about them, whoever it is that asks.

use oneclaw_core::ids::VaultId;
use oneclaw_core::path::SecretPath;
use oneclaw_core::request::{Fact, Permission};
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::NewEvent;
use serde_json::json;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Refusal, Result, ServiceError};
use super::super::events::EventExt;
use super::subject::Subject;
use super::{Gate, Grant, unasked};

/// Keys of agents, of whatever sort, are not shared.
const AGENT_KEY: &str = "share/key-of-an-agent";

impl Gate {
    /// Decides whether `sharer` may read at `path`, from the address and at the time of `context`, which are those of
    /// whoever makes or uses the share. `facts` tell the plugins that it is a share, and whose.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a vault that is not the sharer's organisation's, [`ServiceError::Denied`] for a
    /// refusal, which is recorded as `refusal`: there it says why, and not to the caller if `told` is given instead.
    pub async fn admit_share(
        &self,
        context: &RequestContext,
        sharer: &Caller,
        (vault, path): (VaultId, &SecretPath),
        facts: &[Fact],
        refusal: NewEvent,
        told: Option<&str>,
    ) -> Result<Grant<ReadSecret>> {
        let (vault, revision) = self.vault(sharer, vault).await?;
        let facts = [facts, &self.facts.of_client(context.client)].concat();
        let subject = Subject {
            context,
            caller: sharer,
            vault: &vault,
            path,
            permission: Permission::Read,
            facts: &facts,
        };
        let weighed = if vault.is_system {
            Err((AGENT_KEY.to_owned(), unasked(&subject, AGENT_KEY)?))
        } else {
            self.weigh(&subject, subject.request(), revision).await?
        };
        match weighed {
            Ok((permit, evidence)) => Ok(Grant {
                permit,
                vault,
                evidence,
            }),
            Err((code, evidence)) => {
                let refusal = refusal.and_resting_on(evidence);
                let refused = self.refuse_share(refusal, &code).await?;
                Err(match (refused, told) {
                    (ServiceError::Denied(refusal), Some(told)) => ServiceError::Denied(Refusal {
                        code: told.to_owned(),
                        ..refusal
                    }),
                    (refused, _) => refused,
                })
            }
        }
    }

    /// Turns down the making or the use of a share, and records it as `refusal`, to which the code is added.
    ///
    /// # Errors
    /// When the refusal cannot be recorded.
    pub async fn refuse_share(&self, refusal: NewEvent, code: &str) -> Result<ServiceError> {
        let refusal = refusal.and_details(&json!({"decision": "deny", "code": code}));
        let decision = refusal.id;
        self.store.record(refusal).await?;
        Ok(ServiceError::Denied(Refusal {
            decision,
            code: code.to_owned(),
        }))
    }
}
