//! Variables changed.

use oneclaw_core::api::{EnvVar as Answer, Sensitive, UpdateEnvVarRequest};
use oneclaw_core::ids::{EnvVarId, VaultId};
use oneclaw_crypto::random;
use oneclaw_policy_host::{DeleteSecret, ReadSecret, WriteSecret};
use oneclaw_store::{EnvVar, EnvVarChange};

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::Result;
use super::super::events::EventExt;
use super::{
    EnvVarQuery, MAX_VARS, UNKNOWN, check_comment, check_environments, check_value, described,
    environments_of, event, in_the_way, path_of, wire,
};

impl Services {
    /// `PATCH /v1/vaults/{vault_id}/env-vars/{key}`. Named with an environment, the variable changes in that one alone: if
    /// it holds in others too, those keep what they have, as another variable.
    ///
    /// # Errors
    /// As [`Services::env_var`]; the gate is asked for write where something changes, for delete where the variable is not
    /// to hold any more, and for read where its value goes into further environments.
    pub async fn update_env_var(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        (key, query): (&str, &EnvVarQuery),
        request: UpdateEnvVarRequest,
    ) -> Result<Answer> {
        let query = query.checked()?;
        if let Some(value) = &request.value {
            check_value(value)?;
        }
        let wanted = request
            .environments
            .as_deref()
            .map(check_environments)
            .transpose()?;
        let comment = match &request.comment {
            None => None,
            Some(comment) => Some(check_comment(comment.as_deref())?),
        };
        let (known, _) = self.gate.vault_for_listing(context, caller, vault).await?;
        let Some(mut var) = query.pick(self.named(known.id, key).await?)? else {
            return Err(self
                .no_such_var(context, caller, vault, key, &query)
                .await?);
        };
        let before = environments_of(&var);
        let after = match (wanted, &query.environment) {
            (Some(wanted), _) => wanted,
            (None, Some(environment)) => vec![environment.clone()],
            (None, None) => before.clone(),
        };
        // What of a variable that is named with an environment lies in others stays there as it is.
        let mut rest = None;
        if let (None, Some(environment)) = (&request.environments, &query.environment)
            && before.len() > 1
        {
            let mut others = var.clone();
            others.version = others.version.saturating_add(1);
            others.values.retain(|v| v.environment != *environment);
            rest = Some(others);
            var.values.retain(|v| v.environment == *environment);
            var.id = EnvVarId::from_uuid(random::new_id());
            var.version = 0;
            var.created_at = context.at;
            var.created_by = caller.principal();
        } else {
            let dropped: Vec<String> = before
                .iter()
                .filter(|slug| !after.contains(slug))
                .cloned()
                .collect();
            self.admit_in::<DeleteSecret>(context, caller, vault, (&dropped, &var.name))
                .await?;
        }
        let grants = self
            .admit_in::<WriteSecret>(context, caller, vault, (&after, &var.name))
            .await?;
        self.environments_exist(vault, &after).await?;
        let mut value = request.value.clone();
        let mut values = Vec::with_capacity(after.len());
        for (environment, (path, grant)) in after.iter().zip(&grants) {
            let kept = var.values.iter().find(|v| v.environment == *environment);
            if let (Some(kept), None) = (kept, &request.value) {
                values.push(kept.clone());
                continue;
            }
            let value = match &value {
                Some(value) => value,
                None => value.insert(self.value_of(context, caller, &var).await?),
            };
            let place = (environment.as_str(), path);
            values.push(self.seal_variable(
                &grant.permit,
                &grant.vault,
                place,
                value,
                context.at,
            )?);
        }
        let is_new = rest.is_some();
        let var = EnvVar {
            version: var.version.saturating_add(1),
            sensitive: request.sensitive.unwrap_or(var.sensitive),
            comment: comment.unwrap_or(var.comment),
            updated_at: context.at,
            values,
            ..var
        };
        let changed = ("env_var.update", var.name.as_str());
        let mut event = event(context, caller, vault, changed, described(&var, &after));
        if let Some((_, grant)) = grants.first() {
            event = event.and_resting_on(grant.evidence.clone());
        }
        let mut changes: Vec<EnvVarChange> = rest.into_iter().map(EnvVarChange::Replace).collect();
        changes.push(if is_new {
            EnvVarChange::Insert(var.clone())
        } else {
            EnvVarChange::Replace(var.clone())
        });
        self.store
            .change_env_vars(vault, &changes, MAX_VARS, event)
            .await
            .map_err(in_the_way)?;
        let shown = request.value.filter(|_| !var.sensitive);
        Ok(wire(&var, after, shown, &[]))
    }

    /// The value of a variable that goes into further environments; read where the caller may read it.
    async fn value_of(
        &self,
        context: &RequestContext,
        caller: &Caller,
        var: &EnvVar,
    ) -> Result<Sensitive> {
        let value = var.values.first().ok_or(UNKNOWN)?;
        let path = path_of(&value.environment, &var.name)?;
        let grant = self
            .gate
            .admit::<ReadSecret>(context, caller, var.vault_id, &path)
            .await?;
        let read = ("env_var.read", var.name.as_str());
        let environments = [value.environment.clone()];
        let details = described(var, &environments);
        let event = event(context, caller, var.vault_id, read, details);
        self.store
            .record(event.and_resting_on(grant.evidence.clone()))
            .await?;
        self.open_variable(&grant.permit, &grant.vault, &path, value, context.at)
    }
}
