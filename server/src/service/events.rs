//! Audit events, filled in the same way everywhere.

use oneclaw_core::ids::{EventId, OrgId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_crypto::random;
use oneclaw_store::NewEvent;
use serde_json::{Value, json};

use super::caller::{Caller, RequestContext};
use super::gate::Evidence;

/// An event of a caller's own organisation.
pub fn by_caller(
    context: &RequestContext,
    caller: &Caller,
    action: &str,
    resource_type: &str,
    resource_id: impl ToString,
) -> NewEvent {
    by_principal(
        context,
        caller.org(),
        caller.principal(),
        action,
        resource_type,
        resource_id,
    )
}

/// An event of a principal that is not (yet) a caller, such as one that signs in.
pub fn by_principal(
    context: &RequestContext,
    org: OrgId,
    principal: Principal,
    action: &str,
    resource_type: &str,
    resource_id: impl ToString,
) -> NewEvent {
    NewEvent {
        actor_type: principal.kind().as_str().to_owned(),
        actor_id: principal.uuid().to_string(),
        ..by_nobody(context, org, action, resource_type, resource_id)
    }
}

/// An event of somebody who showed no credential.
pub fn by_nobody(
    context: &RequestContext,
    org: OrgId,
    action: &str,
    resource_type: &str,
    resource_id: impl ToString,
) -> NewEvent {
    NewEvent {
        id: EventId::from_uuid(random::new_id()),
        org_id: org,
        action: action.to_owned(),
        actor_type: "anonymous".to_owned(),
        actor_id: String::new(),
        resource_type: resource_type.to_owned(),
        resource_id: resource_id.to_string(),
        vault_id: None,
        details: json!({}),
        ip: Some(context.client),
        at: context.at,
        decision: None,
    }
}

/// Adds to an event.
pub trait EventExt {
    /// Names the vault that the event is about.
    fn in_vault(self, vault: VaultId) -> Self;
    /// Sets what else there is to know. Never a secret.
    fn with_details(self, details: Value) -> Self;
    /// Adds the members of an object to what else there is to know.
    fn and_details(self, more: &Value) -> Self;
    /// Sets what the decision rested on, and stores its record with the event.
    fn resting_on(self, evidence: Evidence) -> Self;
    /// The same, added to what is known already.
    fn and_resting_on(self, evidence: Evidence) -> Self;
}

impl EventExt for NewEvent {
    fn in_vault(mut self, vault: VaultId) -> Self {
        self.vault_id = Some(vault);
        self
    }

    fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    fn and_details(mut self, more: &Value) -> Self {
        if let (Some(details), Some(more)) = (self.details.as_object_mut(), more.as_object()) {
            for (key, value) in more {
                details.insert(key.clone(), value.clone());
            }
        }
        self
    }

    fn resting_on(mut self, evidence: Evidence) -> Self {
        (self.details, self.decision) = evidence.into_parts();
        self
    }

    fn and_resting_on(mut self, evidence: Evidence) -> Self {
        let (details, decision) = evidence.into_parts();
        self.decision = decision;
        self.and_details(&details)
    }
}
