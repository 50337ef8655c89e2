//! Variables made and removed.

use oneclaw_core::api::{CreateEnvVarRequest, EnvVar as Answer};
use oneclaw_core::ids::{EnvVarId, VaultId};
use oneclaw_crypto::random;
use oneclaw_policy_host::{DeleteSecret, WriteSecret};
use oneclaw_store::{EnvVar, EnvVarChange};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::EventExt;
use super::{
    BUILT_IN, EnvVarQuery, MAX_VARS, check_branch, check_comment, check_environments, check_name,
    check_value, described, environments_of, event, in_the_way, wire,
};

impl Services {
    /// `POST /v1/vaults/{vault_id}/env-vars`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] if there is a value for the key, branch and one of the
    /// environments; the refusal of the gate, which asks for write in each of them.
    pub async fn create_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        request: &CreateEnvVarRequest,
    ) -> Result<Answer> {
        if request
            .vault_ids
            .as_ref()
            .is_some_and(|ids| !ids.is_empty())
        {
            return Err(ServiceError::field(
                "vault_ids",
                "is for variables of the organisation; they are made at /v1/org/env-vars",
            ));
        }
        let var = self.insert_env_var(context, caller, vault, request).await?;
        let value = (!var.sensitive).then(|| request.value.clone());
        Ok(wire(&var, environments_of(&var), value, &[]))
    }

    pub(super) async fn insert_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        request: &CreateEnvVarRequest,
    ) -> Result<EnvVar> {
        check_name(&request.key)?;
        check_value(&request.value)?;
        let environments = match &request.environments {
            Some(list) => check_environments(list)?,
            None => check_environments(&BUILT_IN.map(ToOwned::to_owned))?,
        };
        let git_branch = check_branch(request.git_branch.as_deref())?;
        let comment = check_comment(request.comment.as_deref())?;
        let wanted = (environments.as_slice(), request.key.as_str());
        let grants = self
            .admit_in::<WriteSecret>(context, caller, vault, wanted)
            .await?;
        self.environments_exist(vault, &environments).await?;
        let mut values = Vec::with_capacity(grants.len());
        for (environment, (path, grant)) in environments.iter().zip(&grants) {
            let place = (environment.as_str(), path);
            values.push(self.seal_variable(
                &grant.permit,
                &grant.vault,
                place,
                &request.value,
                context.at,
            )?);
        }
        let var = EnvVar {
            id: EnvVarId::from_uuid(random::new_id()),
            org_id: caller.org(),
            vault_id: vault,
            name: request.key.clone(),
            git_branch,
            sensitive: request.sensitive.unwrap_or(false),
            comment,
            version: 1,
            created_by: caller.principal(),
            created_at: context.at,
            updated_at: context.at,
            values,
        };
        let made = ("env_var.create", var.name.as_str());
        let mut event = event(context, caller, vault, made, described(&var, &environments));
        if let Some((_, grant)) = grants.first() {
            event = event.and_resting_on(grant.evidence.clone());
        }
        let change = EnvVarChange::Insert(var.clone());
        self.store
            .change_env_vars(vault, &[change], MAX_VARS, event)
            .await
            .map_err(in_the_way)?;
        Ok(var)
    }

    /// `DELETE /v1/vaults/{vault_id}/env-vars/{key}`: in one environment, if one is named, else everywhere.
    ///
    /// # Errors
    /// As [`Services::env_var`]; the gate is asked for delete.
    pub async fn delete_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        key: &str,
        query: &EnvVarQuery,
    ) -> Result<()> {
        let query = query.checked()?;
        let (known, _) = self.gate.vault_for_listing(context, caller, vault).await?;
        let Some(mut var) = query.pick(self.named(known.id, key).await?)? else {
            return Err(self
                .no_such_var(context, caller, vault, key, &query)
                .await?);
        };
        let doomed = match &query.environment {
            Some(environment) => vec![environment.clone()],
            None => environments_of(&var),
        };
        let wanted = (doomed.as_slice(), var.name.as_str());
        let grants = self
            .admit_in::<DeleteSecret>(context, caller, vault, wanted)
            .await?;
        let gone = ("env_var.delete", var.name.as_str());
        let mut event = event(context, caller, vault, gone, described(&var, &doomed));
        if let Some((_, grant)) = grants.first() {
            event = event.and_resting_on(grant.evidence.clone());
        }
        let version = var.version;
        var.values
            .retain(|value| !doomed.contains(&value.environment));
        let change = if var.values.is_empty() {
            EnvVarChange::Remove(var.id, version)
        } else {
            EnvVarChange::Replace(EnvVar {
                version: version.saturating_add(1),
                updated_at: context.at,
                ..var
            })
        };
        self.store
            .change_env_vars(vault, &[change], MAX_VARS, event)
            .await
            .map_err(in_the_way)
    }
}
