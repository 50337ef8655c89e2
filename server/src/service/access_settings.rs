//! From stored policies to the settings of the access plugin.

use std::collections::BTreeMap;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::{AccessSettings, Conditions, PolicyRule, WindowRule};
use oneclaw_core::request::Permission;
use oneclaw_policy_host::zone_table;
use oneclaw_store::Policy;

use super::error::{Result, ServiceError};

/// The settings for one caller in one vault: just the policies that can apply to it.
///
/// # Errors
/// When a stored policy cannot be read; the caller then gets nothing, rather than what the other policies say.
pub fn build(policies: &[Policy], now: Timestamp) -> Result<AccessSettings> {
    let mut settings = AccessSettings {
        policies: Vec::with_capacity(policies.len()),
        zones: BTreeMap::new(),
    };
    for policy in policies {
        let broken =
            |what: &str| ServiceError::Internal(format!("policy {} has {what}", policy.id));
        let conditions = Conditions::parse(&policy.conditions)
            .map_err(|e| broken(&format!("a broken condition: {e}")))?;
        if let Some(window) = &conditions.time_window
            && !settings.zones.contains_key(&window.zone)
        {
            let table =
                zone_table(&window.zone, now).map_err(|_| broken("an unknown time zone"))?;
            settings.zones.insert(window.zone.clone(), table);
        }
        settings.policies.push(PolicyRule {
            id: policy.id.to_string(),
            pattern: policy.pattern.clone(),
            allow: policy.allow,
            priority: policy.priority,
            permissions: policy
                .permissions
                .iter()
                .map(|p: &Permission| p.as_str())
                .collect(),
            expires_at_ms: policy.expires_at.map(Timestamp::as_millis),
            networks: conditions
                .networks
                .map(|list| list.iter().map(ToString::to_string).collect()),
            time_window: conditions.time_window.as_ref().map(WindowRule::from),
            environments: conditions.environments,
        });
    }
    Ok(settings)
}
