//! Variables of a whole organisation: they lie in a vault of their own, and hold in the vaults that they are linked to.

use oneclaw_core::api::{CreateEnvVarRequest, EnvVar as Answer, EnvVarList, UpdateEnvVarRequest};
use oneclaw_core::ids::{EnvVarId, OrgId, VaultId};
use oneclaw_crypto::random;
use oneclaw_store::{StoreError, Vault};
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::{EnvVarQuery, UNKNOWN, environments_of, event, wire};

/// The name of that vault.
const VAULT_NAME: &str = "Shared environment variables";
/// Most vaults that a new variable is linked to at once.
const MAX_LINKS: usize = 100;

impl Services {
    /// `GET /v1/org/env-vars`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller is an owner or admin.
    pub async fn shared_env_vars(
        &self,
        context: &RequestContext,
        caller: &Caller,
        query: &EnvVarQuery,
    ) -> Result<EnvVarList> {
        let org = administered(caller)?;
        let query = query.checked()?;
        let Some(shared) = self.store.shared_env_vault(org).await? else {
            return Ok(EnvVarList {
                env_vars: Vec::new(),
            });
        };
        let links = self.store.env_links(shared.id).await?;
        self.listed(context, caller, shared.id, &query, &links)
            .await
    }

    /// `POST /v1/org/env-vars`: the first one makes the vault that they lie in, which belongs to whoever makes it.
    ///
    /// # Errors
    /// As [`Services::create_env_var`]; [`ServiceError::NotFound`] for an unknown vault in `vault_ids`.
    pub async fn create_shared_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &CreateEnvVarRequest,
    ) -> Result<Answer> {
        administered(caller)?;
        let mut vaults = Vec::new();
        let wanted = request.vault_ids.as_deref().unwrap_or_default();
        if wanted.len() > MAX_LINKS {
            let message = format!("names more than {MAX_LINKS} vaults");
            return Err(ServiceError::field("vault_ids", message));
        }
        for id in wanted {
            let id = id
                .parse()
                .map_err(|e| ServiceError::field("vault_ids", e))?;
            vaults.push(self.linkable(caller, id).await?);
        }
        let shared = self.shared_vault(context, caller).await?;
        let var = self
            .insert_env_var(context, caller, shared.id, request)
            .await?;
        for vault in &vaults {
            self.link(context, caller, (&[var.id], &var.name), *vault)
                .await?;
        }
        let value = (!var.sensitive).then(|| request.value.clone());
        Ok(wire(&var, environments_of(&var), value, &vaults))
    }

    /// `PATCH /v1/org/env-vars/{key}`
    ///
    /// # Errors
    /// As [`Services::update_env_var`].
    pub async fn update_shared_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        (key, query): (&str, &EnvVarQuery),
        request: UpdateEnvVarRequest,
    ) -> Result<Answer> {
        let shared = self.known_shared_vault(caller).await?;
        let before = self.named(shared.id, key).await?;
        let mut answer = self
            .update_env_var(context, caller, shared.id, (key, query), request)
            .await?;
        // What was split off for one environment holds where it did before.
        let links = self.store.env_links(shared.id).await?;
        let id: EnvVarId = answer
            .id
            .parse()
            .map_err(|_| ServiceError::Internal("a variable without an id".to_owned()))?;
        let mut vaults: Vec<VaultId> = before
            .iter()
            .filter_map(|var| links.get(&var.id))
            .flatten()
            .copied()
            .collect();
        vaults.sort_unstable();
        vaults.dedup();
        if !links.contains_key(&id) {
            for vault in &vaults {
                self.link(context, caller, (&[id], &answer.key), *vault)
                    .await?;
            }
        }
        answer.vault_ids = vaults.iter().map(ToString::to_string).collect();
        Ok(answer)
    }

    /// `DELETE /v1/org/env-vars/{key}`, with its links.
    ///
    /// # Errors
    /// As [`Services::delete_env_var`].
    pub async fn delete_shared_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
        query: &EnvVarQuery,
    ) -> Result<()> {
        let shared = self.known_shared_vault(caller).await?;
        self.delete_env_var(context, caller, shared.id, key, query)
            .await
    }

    /// `POST /v1/org/env-vars/{key}/link`: in every environment and for every branch that the key has.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for an unknown variable or vault; [`ServiceError::Forbidden`] unless the caller is an owner
    /// or admin.
    pub async fn link_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
        vault: &str,
    ) -> Result<()> {
        let (ids, name, vault) = self.to_be_linked(caller, key, vault).await?;
        self.link(context, caller, (&ids, &name), vault).await
    }

    /// `POST /v1/org/env-vars/{key}/unlink`
    ///
    /// # Errors
    /// As [`Services::link_env_var`]; [`ServiceError::NotFound`] if there is no link.
    pub async fn unlink_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
        vault: &str,
    ) -> Result<()> {
        let (ids, name, vault) = self.to_be_linked(caller, key, vault).await?;
        let unlink = ("env_var.unlink", name.as_str());
        let event = event(context, caller, vault, unlink, json!({}));
        match self.store.unlink_env_vars(&ids, vault, event).await? {
            0 => Err(ServiceError::NotFound("the variable is not linked there")),
            _ => Ok(()),
        }
    }

    async fn link(
        &self,
        context: &RequestContext,
        caller: &Caller,
        (ids, name): (&[EnvVarId], &str),
        vault: VaultId,
    ) -> Result<()> {
        let event = event(context, caller, vault, ("env_var.link", name), json!({}));
        Ok(self.store.link_env_vars(ids, vault, event).await?)
    }

    async fn to_be_linked(
        &self,
        caller: &Caller,
        key: &str,
        vault: &str,
    ) -> Result<(Vec<EnvVarId>, String, VaultId)> {
        let shared = self.known_shared_vault(caller).await?;
        let vault = vault
            .parse()
            .map_err(|e| ServiceError::field("vault_id", e))?;
        let vault = self.linkable(caller, vault).await?;
        let vars = self.named(shared.id, key).await?;
        let name = vars.first().map(|var| var.name.clone()).ok_or(UNKNOWN)?;
        Ok((vars.iter().map(|var| var.id).collect(), name, vault))
    }

    /// A vault of the organisation that variables can be linked to.
    async fn linkable(&self, caller: &Caller, vault: VaultId) -> Result<VaultId> {
        let found = self.store.vault(caller.org(), vault).await?;
        let found = found.filter(|vault| !vault.is_system);
        let found = found.ok_or(ServiceError::NotFound("no such vault to link to"))?;
        Ok(found.id)
    }

    async fn known_shared_vault(&self, caller: &Caller) -> Result<Vault> {
        let org = administered(caller)?;
        self.store.shared_env_vault(org).await?.ok_or(UNKNOWN)
    }

    /// The vault of shared variables, made if there is none.
    async fn shared_vault(&self, context: &RequestContext, caller: &Caller) -> Result<Vault> {
        let org = caller.org();
        if let Some(vault) = self.store.shared_env_vault(org).await? {
            return Ok(vault);
        }
        let id = VaultId::from_uuid(random::new_id());
        let (_, wrapped_key) = self.keys.new_vault_key(org, id)?;
        let vault = Vault {
            id,
            org_id: org,
            name: VAULT_NAME.to_owned(),
            description:
                "What the variables of the organisation lie in; who may read here may use them."
                    .to_owned(),
            created_by: caller.principal(),
            wrapped_key,
            is_system: false,
            created_at: context.at,
        };
        let event = events::by_caller(context, caller, "vault.create", "vault", id)
            .in_vault(id)
            .with_details(json!({"name": vault.name}));
        match self.store.create_shared_env_vault(&vault, event).await {
            Ok(()) => Ok(vault),
            // Somebody else was faster.
            Err(StoreError::Conflict("vault")) => {
                self.store.shared_env_vault(org).await?.ok_or(UNKNOWN)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The organisation, for its owners and admins.
fn administered(caller: &Caller) -> Result<OrgId> {
    let user = caller.human()?;
    if caller.is_admin() {
        return Ok(user.org_id);
    }
    Err(ServiceError::Forbidden(
        "only owners and admins manage the variables of the organisation".to_owned(),
    ))
}
