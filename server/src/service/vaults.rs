//! Vaults.

use oneclaw_core::api::{AgentKeysVault, CreateVaultRequest, Vault, VaultList};
use oneclaw_core::ids::{PolicyId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_core::request::Permission;
use oneclaw_crypto::random;
use oneclaw_store::Policy;
use serde_json::{Value, json};

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check, time};

const UNKNOWN: ServiceError = ServiceError::NotFound("no such vault");

impl Services {
    /// `POST /v1/vaults`. The caller owns the vault. A vault made by an agent is opened to the human behind the agent.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] for an agent that is bound to vaults.
    pub async fn create_vault(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &CreateVaultRequest,
    ) -> Result<Vault> {
        if caller
            .agent()
            .is_some_and(|session| !session.agent.vault_ids.is_empty())
        {
            return Err(ServiceError::Forbidden(
                "this agent is bound to its vaults and cannot make others".to_owned(),
            ));
        }
        if !matches!(
            request.mpc_custody,
            None | Some(Value::Null | Value::Bool(false))
        ) {
            return Err(ServiceError::field(
                "mpc_custody",
                "is not supported; leave it out",
            ));
        }
        let vault = self.new_vault(
            context,
            caller,
            &request.name,
            request.description.as_deref(),
        )?;
        let id = vault.id;
        let human = caller.agent().and_then(|session| session.agent.created_by);
        let policy = human.map(|human| Policy {
            id: PolicyId::from_uuid(random::new_id()),
            vault_id: id,
            org_id: vault.org_id,
            pattern: "**".to_owned(),
            audience: Principal::User(human).into(),
            permissions: vec![Permission::Read, Permission::Write, Permission::Delete],
            conditions: json!({}),
            allow: true,
            priority: 0,
            expires_at: None,
            created_by: caller.principal(),
            created_at: context.at,
            extras: json!({}),
        });
        let event = events::by_caller(context, caller, "vault.create", "vault", id)
            .in_vault(id)
            .with_details(json!({"name": vault.name}));
        self.store
            .create_vault(&vault, policy.as_ref(), event)
            .await?;
        Ok(wire(&vault))
    }

    /// A vault of the caller's, with a key of its own, not stored yet.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn new_vault(
        &self,
        context: &RequestContext,
        caller: &Caller,
        name: &str,
        description: Option<&str>,
    ) -> Result<oneclaw_store::Vault> {
        let id = VaultId::from_uuid(random::new_id());
        let (_, wrapped_key) = self.keys.new_vault_key(caller.org(), id)?;
        Ok(oneclaw_store::Vault {
            id,
            org_id: caller.org(),
            name: check::name("name", name)?,
            description: check::description("description", description.unwrap_or(""))?,
            created_by: caller.principal(),
            wrapped_key,
            is_system: false,
            created_at: context.at,
        })
    }

    /// `GET /v1/vaults`
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_vaults(&self, caller: &Caller) -> Result<VaultList> {
        let vaults = if caller.is_admin() {
            self.store.vaults(caller.org()).await?
        } else {
            self.store
                .vaults_visible_to(caller.org(), caller.principal())
                .await?
        };
        let visible = vaults
            .iter()
            .filter(|v| !v.is_system && !caller.is_bound_away_from(v.id));
        Ok(VaultList {
            vaults: visible.map(wire).collect(),
        })
    }

    /// `GET /v1/vaults/{vault_id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for what the caller may not see.
    pub async fn vault(&self, caller: &Caller, id: VaultId) -> Result<Vault> {
        let vault = self.store.vault(caller.org(), id).await?.ok_or(UNKNOWN)?;
        if caller.is_bound_away_from(id) {
            return Err(UNKNOWN);
        }
        if caller.is_admin() || vault.created_by == caller.principal() {
            return Ok(wire(&vault));
        }
        let granted = self
            .store
            .vaults_visible_to(caller.org(), caller.principal())
            .await?;
        if granted.iter().any(|v| v.id == id) {
            Ok(wire(&vault))
        } else {
            Err(UNKNOWN)
        }
    }

    /// `DELETE /v1/vaults/{vault_id}`: the vault with its secrets and policies.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller manages the vault.
    pub async fn delete_vault(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: VaultId,
    ) -> Result<()> {
        let vault = self.managed_vault(caller, id).await?;
        if vault.is_system {
            return Err(ServiceError::Forbidden(
                "the vault of the agents' keys cannot be deleted".to_owned(),
            ));
        }
        let event = events::by_caller(context, caller, "vault.delete", "vault", id)
            .in_vault(id)
            .with_details(json!({"name": vault.name}));
        Ok(self.store.delete_vault(id, event).await?)
    }

    /// `GET /v1/org/agent-keys-vault`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] until there is an agent.
    pub async fn agent_keys_vault(&self, caller: &Caller) -> Result<AgentKeysVault> {
        let org = caller.human()?.org_id;
        let vault = self.store.system_vault(org).await?;
        let vault = vault.ok_or(ServiceError::NotFound(
            "there is no agent yet, and so no vault for keys",
        ))?;
        Ok(AgentKeysVault {
            vault_id: vault.id.to_string(),
        })
    }

    /// A vault that the caller may administer: its creator, or an owner or admin of the organisation.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] or [`ServiceError::Forbidden`].
    pub async fn managed_vault(
        &self,
        caller: &Caller,
        id: VaultId,
    ) -> Result<oneclaw_store::Vault> {
        let vault = self.store.vault(caller.org(), id).await?.ok_or(UNKNOWN)?;
        let is_creator = vault.created_by == caller.principal()
            && (!vault.is_system || matches!(caller.principal(), Principal::User(_)));
        if caller.is_bound_away_from(id) || !(caller.is_admin() || is_creator) {
            return Err(ServiceError::Forbidden(
                "only the vault's creator and owners or admins of the organisation may do this"
                    .to_owned(),
            ));
        }
        Ok(vault)
    }
}

fn wire(vault: &oneclaw_store::Vault) -> Vault {
    Vault {
        id: vault.id.to_string(),
        name: vault.name.clone(),
        description: vault.description.clone(),
        created_by: vault.created_by.uuid().to_string(),
        created_by_type: vault.created_by.kind().as_str().to_owned(),
        created_at: time::format(vault.created_at),
        org_id: vault.org_id.to_string(),
        cmek_enabled: false,
    }
}
