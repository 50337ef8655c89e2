//! What must hold for a policy to apply, besides path and permission.

use oneclaw_policy_sdk::AccessRequest;
use oneclaw_policy_sdk::time::{Window, Zone};

use crate::decide::Condition;
use crate::network::Network;

/// All of it must hold. What is absent holds always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Conditions {
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) networks: Option<Box<[Network]>>,
    pub(crate) window: Option<ZonedWindow>,
    pub(crate) environments: Option<Box<[Box<str>]>>,
}

/// A window and the index of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZonedWindow {
    pub(crate) window: Window,
    pub(crate) zone: u32,
}

impl Conditions {
    /// Checks in the order in which [`Condition`] lists its values.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub(crate) fn check(&self, request: &AccessRequest, zones: &[Zone]) -> Result<(), Condition> {
        if self.expires_at_ms.is_some_and(|end| request.at_ms >= end) {
            return Err(Condition::ExpiresAt);
        }
        if let Some(networks) = &self.networks
            && !networks.iter().any(|n| n.contains(&request.client))
        {
            return Err(Condition::IpAllowlist);
        }
        if let Some(zoned) = &self.window {
            let zone = usize::try_from(zoned.zone)
                .ok()
                .and_then(|index| zones.get(index));
            if !zone.is_some_and(|zone| zoned.window.is_open(zone, request.at_ms)) {
                return Err(Condition::TimeWindow);
            }
        }
        if let Some(names) = &self.environments {
            let named = |environment: &String| names.iter().any(|n| **n == **environment);
            if !request.environment.as_ref().is_some_and(named) {
                return Err(Condition::EnvironmentIn);
            }
        }
        Ok(())
    }
}
