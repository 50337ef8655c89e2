//! Everything that holds in one environment, put together.

use std::collections::BTreeMap;

use oneclaw_core::api::{ResolvedEnvVars, Sensitive};
use oneclaw_core::ids::VaultId;
use oneclaw_policy_host::ReadSecret;
use oneclaw_store::{EnvVar, Vault};
use serde_json::json;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::{Services, time};
use super::list::ReadableVar;
use super::{BUILT_IN, EnvVarQuery, RECORDED_NAMES, event};

/// Where a value comes from; the later outweighs the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Shared,
    SharedBranch,
    Vault,
    Branch,
}

impl Source {
    fn of(var: &EnvVar, vault: VaultId) -> Self {
        match (var.vault_id == vault, var.git_branch.is_some()) {
            (false, false) => Self::Shared,
            (false, true) => Self::SharedBranch,
            (true, false) => Self::Vault,
            (true, true) => Self::Branch,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Shared | Self::SharedBranch => "shared",
            Self::Vault => "vault",
            Self::Branch => "branch",
        }
    }
}

impl Services {
    /// `GET /v1/vaults/{vault_id}/env-vars/resolve`: of each name the value that holds, as far as the caller may read it.
    /// What outweighs a value does so for those as well who may not read it.
    ///
    /// # Errors
    /// Names the parameter at fault; [`ServiceError::NotFound`] for an unknown vault or environment; the refusal of the gate
    /// for who may read nothing in the environment.
    pub async fn resolve_env_vars(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        query: &EnvVarQuery,
    ) -> Result<ResolvedEnvVars> {
        let query = query.checked()?;
        let own = caller
            .agent()
            .and_then(|session| session.environment.clone());
        let Some(environment) = query.environment.or(own) else {
            return Err(ServiceError::field(
                "environment",
                "is missing; name the environment whose variables you want",
            ));
        };
        super::check_slug("environment", &environment)?;
        let branch = query.git_branch;
        let (vault, revision) = self.gate.vault_for_listing(context, caller, vault).await?;
        let winners = self
            .winners(&vault, &environment, branch.as_deref())
            .await?;
        let (of_vault, linked): (Vec<EnvVar>, Vec<EnvVar>) = winners
            .into_values()
            .partition(|var| var.vault_id == vault.id);
        let (readable, mut plugins) = self
            .readable_vars(context, caller, (&vault, revision), of_vault)
            .await?;
        let mut found: Vec<(ReadableVar, &Vault)> =
            readable.into_iter().map(|var| (var, &vault)).collect();
        let shared = match linked.first() {
            Some(var) => {
                self.store
                    .vault_access(vault.org_id, var.vault_id, caller.principal())
                    .await?
            }
            None => None,
        };
        if let Some((shared, revision)) = &shared {
            let (readable, of_shared) = self
                .readable_vars(context, caller, (shared, *revision), linked)
                .await?;
            found.extend(readable.into_iter().map(|var| (var, shared)));
            plugins = json!([plugins, of_shared]);
        }
        if found.is_empty() {
            self.may_see_nothing(context, caller, vault.id, &environment)
                .await?;
        }
        let keys: Vec<&str> = found
            .iter()
            .map(|(found, _)| found.var.name.as_str())
            .take(RECORDED_NAMES)
            .collect();
        let details = json!({
            "environment": environment, "git_branch": branch, "shown": found.len(), "keys": keys,
            "plugins": plugins,
        });
        let resolve = ("env_var.resolve", environment.as_str());
        self.store
            .record(event(context, caller, vault.id, resolve, details))
            .await?;
        let mut vars: BTreeMap<String, Sensitive> = BTreeMap::new();
        let mut sources = BTreeMap::new();
        for (found, place) in found {
            if let Some(value) = found.open(self, place, context)? {
                let source = Source::of(&found.var, vault.id).as_str().to_owned();
                sources.insert(found.var.name.clone(), source);
                vars.insert(found.var.name, value);
            }
        }
        Ok(ResolvedEnvVars {
            variables: vars.clone(),
            vars,
            sources,
            environment,
            git_branch: branch,
            resolved_at: time::format(context.at),
        })
    }

    /// Of each name the one variable that holds.
    async fn winners(
        &self,
        vault: &Vault,
        environment: &str,
        branch: Option<&str>,
    ) -> Result<BTreeMap<String, EnvVar>> {
        let mut all = self.store.env_vars_in(vault.id, environment).await?;
        all.extend(self.store.env_vars_linked_to(vault.id, environment).await?);
        let mut winners: BTreeMap<String, EnvVar> = BTreeMap::new();
        for var in all {
            if var.git_branch.is_some() && var.git_branch.as_deref() != branch {
                continue;
            }
            let outweighed = winners
                .get(&var.name)
                .is_some_and(|other| Source::of(other, vault.id) >= Source::of(&var, vault.id));
            if !outweighed {
                winners.insert(var.name.clone(), var);
            }
        }
        Ok(winners)
    }

    /// Nothing was found that the caller may read: is that because there is nothing, or because they may not? The gate says,
    /// about the environment itself, so that the answer does not depend on what there is.
    async fn may_see_nothing(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        environment: &str,
    ) -> Result<()> {
        let path = format!("env/{environment}")
            .parse()
            .map_err(|e| ServiceError::field("environment", e))?;
        let grant = self
            .gate
            .admit::<ReadSecret>(context, caller, vault, &path)
            .await?;
        let is_known = BUILT_IN.contains(&environment)
            || self
                .store
                .environments(vault)
                .await?
                .iter()
                .any(|known| known.slug == environment);
        if is_known {
            return Ok(());
        }
        let why = ServiceError::NotFound("the vault has no such environment");
        Err(self
            .gate
            .nothing_done(context, caller, &grant, &path, why)
            .await?)
    }
}
