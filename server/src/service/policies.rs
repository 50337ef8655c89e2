//! Access policies: checked in full when they are written, so that a slip never widens access.

use jiff::tz::TimeZone;
use oneclaw_core::api::{CreatePolicyRequest, Policy, PolicyList, UpdatePolicyRequest};
use oneclaw_core::audience::Audience;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::Conditions;
use oneclaw_core::ids::{PolicyId, VaultId};
use oneclaw_core::path::excerpt;
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::request::Permission;
use oneclaw_core::template;
use oneclaw_crypto::random;
use oneclaw_store::Vault;
use serde_json::{Map, Value, json};

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check, time};

/// Most policies of one principal in one vault: bounds the work of one decision.
const MAX_POLICIES_PER_PRINCIPAL: i64 = 5_000;

/// Most policies in one vault for every agent, and for those of one selector: each of their members has them all.
const MAX_POLICIES_PER_GROUP: i64 = 1_000;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such policy");

/// Fields that are stored and returned.
const EXTRAS: [&str; 4] = [
    "attribute_conditions",
    "consensus_trigger",
    "tx_conditions",
    "policy_schema_version",
];

impl Services {
    /// `POST /v1/vaults/{vault_id}/policies`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::NotFound`] for an unknown vault or principal.
    pub async fn create_policy(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        request: CreatePolicyRequest,
    ) -> Result<Policy> {
        let vault = self.managed_vault(caller, vault).await?;
        let audience = audience(&request.principal_type, &request.principal_id)?;
        self.in_organisation(caller, &audience).await?;
        let policy = new_policy(caller.principal(), context.at, &vault, audience, request)?;
        self.room_for_policies(vault.id, &policy.audience, 1)
            .await?;
        let event = event(context, caller, "policy.create", &policy);
        self.store.create_policy(&policy, event).await?;
        Ok(wire(&policy))
    }

    /// `GET /v1/vaults/{vault_id}/policies`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller manages the vault.
    pub async fn list_policies(&self, caller: &Caller, vault: VaultId) -> Result<PolicyList> {
        let vault = self.managed_vault(caller, vault).await?;
        let policies = self.store.policies(vault.id).await?;
        Ok(PolicyList {
            policies: policies.iter().map(wire).collect(),
        })
    }

    /// `PUT /v1/vaults/{vault_id}/policies/{policy_id}`
    ///
    /// # Errors
    /// Names the field at fault.
    pub async fn update_policy(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        id: PolicyId,
        request: UpdatePolicyRequest,
    ) -> Result<Policy> {
        let vault = self.managed_vault(caller, vault).await?;
        let mut policy = self.store.policy(vault.id, id).await?.ok_or(UNKNOWN)?;
        if let Some(words) = &request.permissions {
            policy.permissions = permissions(words)?;
        }
        if let Some(value) = request.conditions {
            policy.conditions = conditions(value)?;
        }
        if let Some(text) = request.expires_at {
            policy.expires_at = time::parse_option("expires_at", text.as_deref())?;
        }
        if request.effect.is_some() {
            policy.allow = effect(request.effect.as_deref())?;
        }
        if request.priority.is_some() {
            policy.priority = priority(request.priority)?;
        }
        let changes = [
            request.attribute_conditions,
            request.consensus_trigger,
            request.tx_conditions,
            request
                .policy_schema_version
                .map(|version| Some(json!(version))),
        ];
        if let Some(extras) = policy.extras.as_object_mut() {
            for (name, change) in EXTRAS.into_iter().zip(changes) {
                match change {
                    None => {}
                    Some(None) => drop(extras.remove(name)),
                    Some(Some(value)) => {
                        check::document(name, &value)?;
                        extras.insert(name.to_owned(), value);
                    }
                }
            }
        }
        let event = event(context, caller, "policy.update", &policy);
        self.store.update_policy(&policy, event).await?;
        Ok(wire(&policy))
    }

    /// `DELETE /v1/vaults/{vault_id}/policies/{policy_id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] or [`ServiceError::Forbidden`].
    pub async fn delete_policy(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        id: PolicyId,
    ) -> Result<()> {
        let vault = self.managed_vault(caller, vault).await?;
        let policy = self.store.policy(vault.id, id).await?.ok_or(UNKNOWN)?;
        let event = event(context, caller, "policy.delete", &policy);
        Ok(self.store.delete_policy(vault.id, id, event).await?)
    }

    /// Refuses what would be more policies than an audience may have in a vault.
    pub(super) async fn room_for_policies(
        &self,
        vault: VaultId,
        audience: &Audience,
        more: i64,
    ) -> Result<()> {
        let most = match audience {
            Audience::One(_) => MAX_POLICIES_PER_PRINCIPAL,
            Audience::EveryAgent | Audience::Labelled(_) => MAX_POLICIES_PER_GROUP,
        };
        let there = self.store.count_policies(vault, audience).await?;
        if there.saturating_add(more) > most {
            return Err(ServiceError::Conflict(format!(
                "`{audience}` has at most {most} policies in a vault"
            )));
        }
        Ok(())
    }

    /// Refuses a principal of another organisation. Who is selected by labels, or as every agent, is always of this one.
    pub(super) async fn in_organisation(&self, caller: &Caller, audience: &Audience) -> Result<()> {
        let is_known = match audience {
            Audience::One(Principal::User(id)) => self
                .store
                .user(*id)
                .await?
                .is_some_and(|user| user.org_id == caller.org()),
            Audience::One(Principal::Agent(id)) => {
                self.store.agent(caller.org(), *id).await?.is_some()
            }
            Audience::EveryAgent | Audience::Labelled(_) => true,
        };
        is_known.then_some(()).ok_or(ServiceError::NotFound(
            "`principal_id` names nobody in this organisation",
        ))
    }
}

/// Whom a policy is to be about.
pub(super) fn audience(kind: &str, id: &str) -> Result<Audience> {
    let kind = match kind {
        "user" => PrincipalKind::User,
        "agent" => PrincipalKind::Agent,
        other => {
            return Err(ServiceError::field(
                "principal_type",
                format!("`{}` is not `user` or `agent`", excerpt(other)),
            ));
        }
    };
    Audience::parse(kind, id).map_err(|e| ServiceError::field("principal_id", e))
}

/// A policy as it is asked for, checked in full.
pub(super) fn new_policy(
    created_by: Principal,
    created_at: Timestamp,
    vault: &Vault,
    audience: Audience,
    request: CreatePolicyRequest,
) -> Result<oneclaw_store::Policy> {
    let pattern = request.secret_path_pattern;
    template::check(&pattern).map_err(|e| ServiceError::field("secret_path_pattern", e))?;
    if template::has_places(&pattern) && audience.kind() == PrincipalKind::User {
        return Err(ServiceError::field(
            "secret_path_pattern",
            "has a place in braces, which stands for something of an agent, and the policy is for a user",
        ));
    }
    let extras = [
        request.attribute_conditions,
        request.consensus_trigger,
        request.tx_conditions,
        Some(json!(request.policy_schema_version.unwrap_or(2))),
    ];
    let mut stored = Map::new();
    for (name, value) in EXTRAS.into_iter().zip(extras) {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            check::document(name, &value)?;
            stored.insert(name.to_owned(), value);
        }
    }
    Ok(oneclaw_store::Policy {
        id: PolicyId::from_uuid(random::new_id()),
        vault_id: vault.id,
        org_id: vault.org_id,
        pattern,
        audience,
        permissions: permissions(&request.permissions)?,
        conditions: conditions(request.conditions)?,
        allow: effect(request.effect.as_deref())?,
        priority: priority(request.priority)?,
        expires_at: time::parse_option("expires_at", request.expires_at.as_deref())?,
        created_by,
        created_at,
        extras: Value::Object(stored),
    })
}

/// A policy that is not stored: what decisions would be with it.
///
/// # Errors
/// Names the field at fault.
pub(super) fn draft(
    vault: &Vault,
    by: Principal,
    at: Timestamp,
    request: CreatePolicyRequest,
) -> Result<oneclaw_store::Policy> {
    let audience = audience(&request.principal_type, &request.principal_id)?;
    new_policy(by, at, vault, audience, request)
}

fn permissions(words: &[String]) -> Result<Vec<Permission>> {
    let mut permissions = Vec::new();
    for word in words {
        match Permission::ALL.into_iter().find(|p| p.as_str() == word) {
            Some(permission) if !permissions.contains(&permission) => permissions.push(permission),
            Some(_) => {}
            None => {
                return Err(ServiceError::field(
                    "permissions",
                    format!("`{}` is not read, write, delete or rotate", excerpt(word)),
                ));
            }
        }
    }
    if permissions.is_empty() {
        return Err(ServiceError::field("permissions", "must not be empty"));
    }
    Ok(permissions)
}

/// Checks conditions and gives back what is to be stored.
fn conditions(value: Option<Value>) -> Result<Value> {
    let value = value
        .filter(|value| !value.is_null())
        .unwrap_or_else(|| json!({}));
    check::document("conditions", &value)?;
    let parsed = Conditions::parse(&value)?;
    if let Some(window) = parsed.time_window
        && TimeZone::get(&window.zone).is_err()
    {
        return Err(ServiceError::field(
            "conditions.time_window.timezone",
            format!(
                "`{}` is not an IANA time zone, such as `Europe/Berlin`",
                excerpt(&window.zone)
            ),
        ));
    }
    Ok(value)
}

fn effect(word: Option<&str>) -> Result<bool> {
    match word {
        None | Some("allow") => Ok(true),
        Some("deny") => Ok(false),
        Some(other) => Err(ServiceError::field(
            "effect",
            format!("`{}` is not `allow` or `deny`", excerpt(other)),
        )),
    }
}

fn priority(number: Option<i64>) -> Result<u32> {
    let number = number.unwrap_or(0);
    u32::try_from(number)
        .ok()
        .filter(|n| i32::try_from(*n).is_ok())
        .ok_or_else(|| ServiceError::field("priority", format!("must be from 0 to {}", i32::MAX)))
}

pub(super) fn event(
    context: &RequestContext,
    caller: &Caller,
    action: &str,
    policy: &oneclaw_store::Policy,
) -> oneclaw_store::NewEvent {
    events::by_caller(context, caller, action, "policy", policy.id)
        .in_vault(policy.vault_id)
        .with_details(json!({
            "pattern": policy.pattern,
            "principal_type": policy.audience.kind().as_str(),
            "principal_id": policy.audience.to_string(),
            "permissions": policy.permissions,
            "effect": if policy.allow { "allow" } else { "deny" },
            "priority": policy.priority,
            "conditions": policy.conditions,
            "expires_at": time::format_option(policy.expires_at),
        }))
}

fn wire(policy: &oneclaw_store::Policy) -> Policy {
    let extra = |name: &str| policy.extras.get(name).cloned();
    Policy {
        id: policy.id.to_string(),
        vault_id: policy.vault_id.to_string(),
        secret_path_pattern: policy.pattern.clone(),
        principal_type: policy.audience.kind().as_str().to_owned(),
        principal_id: policy.audience.to_string(),
        permissions: policy
            .permissions
            .iter()
            .map(|p| p.as_str().to_owned())
            .collect(),
        conditions: policy.conditions.clone(),
        expires_at: time::format_option(policy.expires_at),
        created_by: policy.created_by.uuid().to_string(),
        created_by_type: policy.created_by.kind().as_str().to_owned(),
        created_at: time::format(policy.created_at),
        effect: if policy.allow { "allow" } else { "deny" }.to_owned(),
        priority: i64::from(policy.priority),
        attribute_conditions: extra("attribute_conditions"),
        consensus_trigger: extra("consensus_trigger"),
        tx_conditions: extra("tx_conditions"),
        policy_schema_version: extra("policy_schema_version")
            .and_then(|v| v.as_i64())
            .unwrap_or(2),
    }
}
