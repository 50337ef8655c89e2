//! The built-in plugin compiled for this machine, without a sandbox: what the sandbox is measured against.

use std::net::IpAddr;

use oneclaw_access_policy::{Outcome, Policies, Settings};
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_sdk as sdk;

use crate::{Result, workload::Workload};

/// The policies of a workload, configured.
///
/// # Errors
/// Names the problems of the settings.
pub fn configure(workload: &Workload) -> Result<Policies> {
    sdk::settings::parse::<Settings>(&workload.settings_json)
        .and_then(Settings::into_policies)
        .map_err(|problems| format!("{problems:?}").into())
}

/// Whether an outcome opens the door.
#[must_use]
pub fn allowed(outcome: &Outcome<'_>) -> bool {
    match outcome {
        Outcome::Owner | Outcome::Allowed { .. } => true,
        Outcome::Denied { .. } | Outcome::ConditionFailed { .. } | Outcome::NoMatch => false,
    }
}

/// A request as the plugin is given it.
#[must_use]
pub fn request(request: &AccessRequest) -> sdk::AccessRequest {
    let id = |uuid: uuid::Uuid| {
        let (high, low) = uuid.as_u64_pair();
        sdk::Id { high, low }
    };
    let client = match request.client {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    sdk::AccessRequest {
        organisation: id(request.org.as_uuid()),
        vault: id(request.vault.as_uuid()),
        principal: principal(&request.principal, id),
        owner: request.owner,
        permission: match request.permission {
            Permission::Read => sdk::Permission::Read,
            Permission::Write => sdk::Permission::Write,
            Permission::Delete => sdk::Permission::Delete,
            Permission::Rotate => sdk::Permission::Rotate,
        },
        path: request.path.as_str().to_owned(),
        client: sdk::IpAddress {
            high: (client >> 64) as u64,
            low: client as u64,
        },
        at_ms: request.at.as_millis(),
        environment: request.environment.clone(),
        facts: Vec::new(),
    }
}

fn principal(principal: &Principal, id: impl Fn(uuid::Uuid) -> sdk::Id) -> sdk::Principal {
    sdk::Principal {
        kind: match principal.kind() {
            PrincipalKind::User => sdk::PrincipalKind::User,
            PrincipalKind::Agent => sdk::PrincipalKind::Agent,
        },
        id: id(principal.uuid()),
    }
}
