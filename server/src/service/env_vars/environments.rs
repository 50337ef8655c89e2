//! The environments of a vault.

use oneclaw_core::api::{self, CreateEnvironmentRequest, EnvironmentList};
use oneclaw_core::ids::{EnvVarId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_crypto::random;
use oneclaw_policy_host::{DeleteSecret, WriteSecret};
use oneclaw_store::{EnvVar, EnvVarChange, Environment, StoreError, Vault};
use serde_json::json;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::{Services, check, time};
use super::{BUILT_IN, MAX_ENVIRONMENTS, MAX_VARS, check_slug, in_the_way, path_of};

const UNKNOWN: ServiceError = ServiceError::NotFound("the vault has no such environment");

impl Services {
    /// `GET /v1/vaults/{vault_id}/environments`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a vault that the caller may not see.
    pub async fn list_environments(
        &self,
        caller: &Caller,
        vault: VaultId,
    ) -> Result<EnvironmentList> {
        let seen = self.vault(caller, vault).await?;
        let own = self.store.environments(vault).await?;
        let built_in = BUILT_IN.iter().map(|slug| api::Environment {
            id: (*slug).to_owned(),
            slug: (*slug).to_owned(),
            description: None,
            is_builtin: true,
            copied_from: None,
            is_detached: false,
            created_at: seen.created_at.clone(),
        });
        Ok(EnvironmentList {
            environments: built_in.chain(own.iter().map(wire)).collect(),
        })
    }

    /// `POST /v1/vaults/{vault_id}/environments`: begins with copies of what the caller may read in `copy_from`.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] for a name that is taken; the refusal of the gate, which is asked
    /// for write in the new environment.
    pub async fn create_environment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        request: &CreateEnvironmentRequest,
    ) -> Result<api::Environment> {
        let slug = request.slug.as_str();
        check_slug("slug", slug)?;
        if BUILT_IN.contains(&slug) {
            return Err(taken(slug));
        }
        let description = request
            .description
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| check::description("description", text))
            .transpose()?;
        let copied_from = request
            .copy_from
            .clone()
            .filter(|source| !source.is_empty());
        if let Some(source) = &copied_from {
            check_slug("copy_from", source)?;
        }
        let grant = self
            .gate
            .admit::<WriteSecret>(context, caller, vault, &place_of(slug)?)
            .await?;
        let copies = match &copied_from {
            Some(source) => {
                self.copies(context, caller, &grant.vault, source, slug)
                    .await?
            }
            None => Vec::new(),
        };
        let environment = Environment {
            id: random::new_id().to_string(),
            slug: slug.to_owned(),
            description,
            copied_from,
            created_at: context.at,
        };
        let event = events::by_caller(context, caller, "environment.create", "environment", slug)
            .in_vault(vault)
            .with_details(json!({
                "copied_from": environment.copied_from, "copies": copies.len(),
            }))
            .and_resting_on(grant.evidence.clone());
        let stored = self
            .store
            .create_environment(
                vault,
                &environment,
                MAX_ENVIRONMENTS,
                (&copies, MAX_VARS),
                event,
            )
            .await;
        match stored {
            Err(StoreError::Conflict("environment")) => Err(taken(slug)),
            Err(error) => Err(in_the_way(error)),
            Ok(()) => Ok(wire(&environment)),
        }
    }

    /// Copies of the variables of an environment, each read and sealed anew with a permit of its own.
    async fn copies(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: &Vault,
        source: &str,
        slug: &str,
    ) -> Result<Vec<EnvVarChange>> {
        self.environments_exist(vault.id, &[source.to_owned()])
            .await
            .map_err(|error| match error {
                ServiceError::Invalid { .. } => ServiceError::field(
                    "copy_from",
                    format!("the vault has no environment `{source}`"),
                ),
                other => other,
            })?;
        let (known, revision) = self
            .gate
            .vault_for_listing(context, caller, vault.id)
            .await?;
        let vars = self.store.env_vars_in(vault.id, source).await?;
        let (readable, plugins) = self
            .readable_vars(context, caller, (&known, revision), vars)
            .await?;
        let event = events::by_caller(context, caller, "env_var.read", "environment", source)
            .in_vault(vault.id)
            .with_details(json!({"copies": readable.len(), "to": slug, "plugins": plugins}));
        self.store.record(event).await?;
        let mut copies = Vec::with_capacity(readable.len());
        for found in readable {
            let Some(value) = found.open(self, &known, context)? else {
                continue;
            };
            let path = path_of(slug, &found.var.name)?;
            let grant = self
                .gate
                .admit::<WriteSecret>(context, caller, vault.id, &path)
                .await?;
            let sealed =
                self.seal_variable(&grant.permit, &known, (slug, &path), &value, context.at)?;
            copies.push(EnvVarChange::Insert(EnvVar {
                id: EnvVarId::from_uuid(random::new_id()),
                version: 1,
                created_by: caller.principal(),
                created_at: context.at,
                updated_at: context.at,
                values: vec![sealed],
                ..found.var
            }));
        }
        Ok(copies)
    }

    /// `DELETE /v1/vaults/{vault_id}/environments/{slug}`, with the values in it.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] for one that every vault has; [`ServiceError::NotFound`]; the refusal of the gate, which is
    /// asked for delete in the environment and of each variable.
    pub async fn delete_environment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        slug: &str,
    ) -> Result<()> {
        check_slug("slug", slug)?;
        if BUILT_IN.contains(&slug) {
            return Err(ServiceError::Conflict(format!(
                "every vault has the environment `{slug}`; it cannot be deleted"
            )));
        }
        let place = place_of(slug)?;
        let grant = self
            .gate
            .admit::<DeleteSecret>(context, caller, vault, &place)
            .await?;
        let vars = self.store.env_vars_in(vault, slug).await?;
        for var in &vars {
            self.admit_in::<DeleteSecret>(context, caller, vault, (&[slug.to_owned()], &var.name))
                .await?;
        }
        let event = events::by_caller(context, caller, "environment.delete", "environment", slug)
            .in_vault(vault)
            .with_details(json!({"variables": vars.len()}))
            .and_resting_on(grant.evidence.clone());
        match self.store.delete_environment(vault, slug, event).await {
            Err(StoreError::NotFound) => Err(self
                .gate
                .nothing_done(context, caller, &grant, &place, UNKNOWN)
                .await?),
            other => Ok(other?),
        }
    }
}

/// Where policies know an environment itself.
fn place_of(slug: &str) -> Result<SecretPath> {
    format!("env/{slug}")
        .parse()
        .map_err(|e| ServiceError::field("slug", e))
}

fn taken(slug: &str) -> ServiceError {
    ServiceError::Conflict(format!("the vault has an environment `{slug}` already"))
}

fn wire(environment: &Environment) -> api::Environment {
    api::Environment {
        id: environment.id.clone(),
        slug: environment.slug.clone(),
        description: environment.description.clone(),
        is_builtin: false,
        copied_from: environment.copied_from.clone(),
        is_detached: environment.copied_from.is_some(),
        created_at: time::format(environment.created_at),
    }
}
