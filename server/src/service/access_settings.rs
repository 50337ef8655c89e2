//! From stored policies to the settings of the access plugin.

use std::collections::BTreeMap;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::{AccessSettings, Conditions, PolicyRule, WindowRule};
use oneclaw_core::request::Permission;
use oneclaw_core::template;
use oneclaw_policy_host::zone_table;
use oneclaw_store::CallerPolicies;

use super::error::{Result, ServiceError};

/// The settings for one caller in one vault: just the policies that can apply to it, with the caller's own words in their
/// patterns.
///
/// # Errors
/// When a stored policy cannot be read; the caller then gets nothing, rather than what the other policies say.
pub fn build(about: &CallerPolicies, now: Timestamp) -> Result<AccessSettings> {
    let mut settings = AccessSettings {
        policies: Vec::with_capacity(about.policies.len()),
        zones: BTreeMap::new(),
    };
    for policy in &about.policies {
        let broken =
            |what: &str| ServiceError::Internal(format!("policy {} has {what}", policy.id));
        let words = about.words.as_ref();
        let pattern = if policy.allow {
            match template::for_allow(&policy.pattern, words) {
                Some(pattern) => pattern,
                // Nothing of this caller fits into it.
                None => continue,
            }
        } else {
            template::for_denial(&policy.pattern, words)
                .ok_or_else(|| broken("a broken pattern"))?
        };
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
            pattern,
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
