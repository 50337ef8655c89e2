//! Variables listed and looked up.

use std::collections::BTreeMap;

use oneclaw_core::api::{EnvVar as Answer, EnvVarList};
use oneclaw_core::ids::{EnvVarId, VaultId};
use oneclaw_policy_host::{Permit, ReadSecret};
use oneclaw_store::{EnvVar, PolicyRevision, Vault};
use serde_json::json;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::{
    RECORDED_NAMES, UNKNOWN, check_branch, check_slug, described, environments_of, event, path_of,
    wire,
};

/// Which of several variables of one name is meant.
#[derive(Debug, Default, Clone)]
pub struct EnvVarQuery {
    /// The one that holds in this environment.
    pub environment: Option<String>,
    /// The one for this branch; absent: the one for every branch, if there is one.
    pub git_branch: Option<String>,
}

impl EnvVarQuery {
    /// Checked for form; empty text counts as absent.
    ///
    /// # Errors
    /// Names the parameter.
    pub(super) fn checked(&self) -> Result<Self> {
        let environment = self.environment.clone().filter(|slug| !slug.is_empty());
        if let Some(slug) = &environment {
            check_slug("environment", slug)?;
        }
        Ok(Self {
            environment,
            git_branch: check_branch(self.git_branch.as_deref())?,
        })
    }

    /// The one that is meant.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] if it is not clear which.
    pub(super) fn pick(&self, vars: Vec<EnvVar>) -> Result<Option<EnvVar>> {
        let mut found: Vec<EnvVar> = vars
            .into_iter()
            .filter(|var| {
                self.environment
                    .as_ref()
                    .is_none_or(|slug| var.values.iter().any(|v| v.environment == *slug))
            })
            .collect();
        if self.git_branch.is_some() || found.iter().any(|var| var.git_branch.is_none()) {
            found.retain(|var| var.git_branch == self.git_branch);
        }
        if found.len() > 1 {
            return Err(ServiceError::Conflict(
                "there are several variables of this key; name `environment` or `git_branch`"
                    .to_owned(),
            ));
        }
        Ok(found.pop())
    }
}

impl Services {
    /// `GET /v1/vaults/{vault_id}/env-vars`: those that the caller may read, in one environment if one is named.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a vault that is not the caller's organisation's.
    pub async fn env_vars(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        query: &EnvVarQuery,
    ) -> Result<EnvVarList> {
        let query = query.checked()?;
        self.listed(context, caller, vault, &query, &BTreeMap::new())
            .await
    }

    pub(super) async fn listed(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        query: &EnvVarQuery,
        links: &BTreeMap<EnvVarId, Vec<VaultId>>,
    ) -> Result<EnvVarList> {
        let (vault, revision) = self.gate.vault_for_listing(context, caller, vault).await?;
        let mut vars = match &query.environment {
            Some(environment) => self.store.env_vars_in(vault.id, environment).await?,
            None => self.store.env_vars(vault.id).await?,
        };
        if query.git_branch.is_some() {
            vars.retain(|var| var.git_branch == query.git_branch);
        }
        let (readable, plugins) = self
            .readable_vars(context, caller, (&vault, revision), vars)
            .await?;
        let names: Vec<&str> = readable
            .iter()
            .map(|readable| readable.var.name.as_str())
            .take(RECORDED_NAMES)
            .collect();
        let details = json!({
            "environment": query.environment, "shown": readable.len(), "keys": names, "plugins": plugins,
        });
        let listing = event(context, caller, vault.id, ("env_var.list", ""), details);
        self.store.record(listing).await?;
        let mut env_vars = Vec::with_capacity(readable.len());
        for found in readable {
            let value = if found.var.sensitive {
                None
            } else {
                found.open(self, &vault, context)?
            };
            let linked = links.get(&found.var.id).map_or(&[][..], Vec::as_slice);
            env_vars.push(wire(&found.var, found.environments(), value, linked));
        }
        Ok(EnvVarList { env_vars })
    }

    /// `GET /v1/vaults/{vault_id}/env-vars/{key}`, with its value.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Conflict`] if it is not clear which one is meant, or the refusal of the
    /// gate, which says nothing about what there is.
    pub async fn env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        key: &str,
        query: &EnvVarQuery,
    ) -> Result<Answer> {
        let query = query.checked()?;
        let (vault, revision) = self.gate.vault_for_listing(context, caller, vault).await?;
        let found = query.pick(self.named(vault.id, key).await?)?;
        let Some(var) = found else {
            return Err(self
                .no_such_var(context, caller, vault.id, key, &query)
                .await?);
        };
        let environment = environments_of(&var).into_iter().next().unwrap_or_default();
        let (mut readable, plugins) = self
            .readable_vars(context, caller, (&vault, revision), vec![var.clone()])
            .await?;
        let Some(found) = readable.pop() else {
            let path = path_of(
                query.environment.as_deref().unwrap_or(&environment),
                &var.name,
            )?;
            // It says no, and records that.
            self.gate
                .admit::<ReadSecret>(context, caller, vault.id, &path)
                .await?;
            return Err(UNKNOWN);
        };
        let mut details = described(&var, &found.environments());
        if let Some(details) = details.as_object_mut() {
            details.insert("plugins".to_owned(), plugins);
        }
        let read = ("env_var.read", var.name.as_str());
        self.store
            .record(event(context, caller, vault.id, read, details))
            .await?;
        let value = found.open(self, &vault, context)?;
        Ok(wire(&var, found.environments(), value, &[]))
    }

    /// What is said of a variable that is not there: to who may not read it, the same as if it were.
    pub(super) async fn no_such_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        key: &str,
        query: &EnvVarQuery,
    ) -> Result<ServiceError> {
        // Nobody guesses an id.
        if super::check_name(key).is_err() {
            return Ok(UNKNOWN);
        }
        let environment = query.environment.as_deref().unwrap_or("production");
        let path = path_of(environment, key)?;
        let grant = self
            .gate
            .admit::<ReadSecret>(context, caller, vault, &path)
            .await?;
        self.gate
            .nothing_done(context, caller, &grant, &path, UNKNOWN)
            .await
    }

    /// Those that the caller may read in some environment, with a permit for each of those.
    pub(super) async fn readable_vars(
        &self,
        context: &RequestContext,
        caller: &Caller,
        (vault, revision): (&Vault, PolicyRevision),
        vars: Vec<EnvVar>,
    ) -> Result<(Vec<ReadableVar>, serde_json::Value)> {
        let mut paths = Vec::new();
        for var in &vars {
            for value in &var.values {
                paths.push(path_of(&value.environment, &var.name)?);
            }
        }
        let (permits, plugins) = self
            .gate
            .permits_to_read(context, caller, vault, revision, paths)
            .await?;
        let mut permits = permits.into_iter();
        let mut readable = Vec::new();
        for var in vars {
            let permits: Vec<_> = permits.by_ref().take(var.values.len()).collect();
            if permits.iter().any(Option::is_some) {
                readable.push(ReadableVar { var, permits });
            }
        }
        Ok((readable, plugins))
    }
}

/// A variable, with the permits for its values, in their order.
pub(super) struct ReadableVar {
    pub var: EnvVar,
    permits: Vec<Option<Permit<ReadSecret>>>,
}

impl ReadableVar {
    /// The environments that the caller may read it in.
    pub fn environments(&self) -> Vec<String> {
        self.var
            .values
            .iter()
            .zip(&self.permits)
            .filter(|(_, permit)| permit.is_some())
            .map(|(value, _)| value.environment.clone())
            .collect()
    }

    /// Its value: all environments of one variable have the same.
    ///
    /// # Errors
    /// When what is stored does not open.
    pub fn open(
        &self,
        services: &Services,
        vault: &Vault,
        context: &RequestContext,
    ) -> Result<Option<oneclaw_core::api::Sensitive>> {
        for (value, permit) in self.var.values.iter().zip(&self.permits) {
            if let Some(permit) = permit {
                let path = path_of(&value.environment, &self.var.name)?;
                return services
                    .open_variable(permit, vault, &path, value, context.at)
                    .map(Some);
            }
        }
        Ok(None)
    }
}
