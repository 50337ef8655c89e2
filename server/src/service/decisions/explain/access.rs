//! Access to secrets.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::glob::PathGlob;
use oneclaw_core::request::AccessRequest;
use oneclaw_core::verdict::Reason;
use serde::Deserialize;

use super::Remedy;
use super::window::{self, Window, Zones};

/// Policies that are named in one explanation.
const MOST_NAMED: usize = 5;

/// What the built-in policy was told, as far as it helps to explain.
#[derive(Debug, Deserialize)]
struct Settings {
    #[serde(default)]
    policies: Vec<Policy>,
    #[serde(default)]
    zones: Zones,
}

#[derive(Debug, Deserialize)]
struct Policy {
    id: String,
    pattern: String,
    allow: bool,
    permissions: Vec<String>,
    expires_at_ms: Option<i64>,
    networks: Option<Vec<String>>,
    time_window: Option<Window>,
    environments: Option<Vec<String>>,
}

pub(super) fn sentence(request: &AccessRequest, code: &str) -> String {
    let what = format!(
        "`{}` on `{}` by {}",
        request.permission.as_str(),
        request.path,
        request.principal
    );
    match code {
        "policy/owner" => format!("{what} is allowed: the caller created the vault."),
        "policy/allowed" => format!("{what} is allowed by a policy."),
        "policy/no-match" => format!("No policy grants {what}."),
        "policy/denied-by-rule" => format!("A policy denies {what}."),
        "policy/condition-failed" => {
            format!("A policy would grant {what}, but one of its conditions does not hold.")
        }
        "scope/path-not-in-scope" => {
            format!("{what} is refused: the path is outside the scopes of the agent's token.")
        }
        "binding/vault-not-bound" => {
            format!("{what} is refused: the agent is bound to other vaults.")
        }
        _ => format!("{what} came out as `{code}`."),
    }
}

pub(super) fn remedy(
    request: &AccessRequest,
    code: &str,
    reason: Option<&Reason>,
    settings: Option<&str>,
) -> Remedy {
    let settings: Option<Settings> = settings.and_then(|text| serde_json::from_str(text).ok());
    let permission = request.permission.as_str();
    match code {
        "policy/no-match" => {
            let mut ways = vec![format!(
                "a policy for {} in vault {} that gives `{permission}` at `{}`{}",
                request.principal,
                request.vault,
                request.path,
                wider(request)
            )];
            for policy in settings.iter().flat_map(|s| &s.policies) {
                if ways.len() > MOST_NAMED {
                    break;
                }
                let reaches = PathGlob::new(&policy.pattern)
                    .is_ok_and(|glob| glob.matches(request.path.as_str()));
                let gives = gives(policy, permission);
                if policy.allow && reaches && !gives {
                    ways.push(format!(
                        "policy {} reaches this path and gives {}; it would have to give `{permission}`",
                        policy.id,
                        policy.permissions.join(", ")
                    ));
                }
            }
            Remedy { ways, from: None }
        }
        "policy/denied-by-rule" => Remedy::way(format!(
            "the deny policy{} would have to go, reach less, or be outranked by an allow policy of higher priority",
            named(reason)
        )),
        "policy/condition-failed" => condition(request, reason, settings.as_ref()),
        "scope/path-not-in-scope" => Remedy::way(format!(
            "the agent's scopes would have to reach `{}`, for example by `{}`; a token that was issued before keeps its scopes",
            request.path, request.path
        )),
        "binding/vault-not-bound" => Remedy::way(format!(
            "vault {} would have to be among the agent's `vault_ids`",
            request.vault
        )),
        "vault/system-managed" => Remedy::way(
            "nothing: what lies in a system vault is written by the server alone".to_owned(),
        ),
        "vault/signing-key-blocked" => Remedy::way(
            "nothing by a policy: a human who manages the agent can export the key with their password".to_owned(),
        ),
        "vault/private-key-blocked" => Remedy::way(
            "the Intents API would have to be off for the agent: with it on, keys are used and never read".to_owned(),
        ),
        "vault/exhausted" => Remedy::way(
            "a new version of the secret, or one that may be read more often".to_owned(),
        ),
        "internal/no-plugin" => Remedy::way("a policy plugin has to be attached".to_owned()),
        "policy/no-decision" => Remedy::way(
            "a plugin has to allow this: none that was asked has anything to say about it".to_owned(),
        ),
        _ => Remedy::way(
            "the request would have to keep to the rule that the sentence names, or an administrator would have to change it"
                .to_owned(),
        ),
    }
}

fn gives(policy: &Policy, permission: &str) -> bool {
    policy.permissions.iter().any(|given| {
        given == permission || (given == "write" && matches!(permission, "delete" | "rotate"))
    })
}

fn wider(request: &AccessRequest) -> String {
    match request.path.as_str().rsplit_once('/') {
        Some((folder, _)) => format!(" (or at `{folder}/*`)"),
        None => String::new(),
    }
}

fn named(reason: Option<&Reason>) -> String {
    match reason.map(|reason| reason.rule.as_str()) {
        Some(rule) if !rule.is_empty() => format!(" {rule}"),
        _ => String::new(),
    }
}

fn condition(
    request: &AccessRequest,
    reason: Option<&Reason>,
    settings: Option<&Settings>,
) -> Remedy {
    let Some(reason) = reason else {
        return Remedy::default();
    };
    let rule = named(Some(reason));
    let policy = settings.and_then(|s| s.policies.iter().find(|p| p.id == reason.rule));
    match reason.condition.as_str() {
        "time_window" => {
            let from = policy
                .and_then(|policy| policy.time_window.as_ref())
                .zip(settings)
                .and_then(|(window, settings)| window::opens(window, &settings.zones, request.at));
            Remedy {
                ways: vec![format!(
                    "the request would have to come within the time window of policy{rule}"
                )],
                from,
            }
        }
        "ip_allowlist" => {
            let networks = policy
                .and_then(|policy| policy.networks.as_ref())
                .map(|networks| format!(": {}", networks.join(", ")))
                .unwrap_or_default();
            Remedy::way(format!(
                "the request would have to come from a network of policy{rule}{networks}; it came from {}",
                request.client
            ))
        }
        "expires_at" => {
            let at = policy
                .and_then(|policy| policy.expires_at_ms)
                .map(|ms| crate::service::time::format(Timestamp::from_millis(ms)))
                .map(|at| format!(" expired at {at} and"))
                .unwrap_or_default();
            Remedy::way(format!(
                "policy{rule}{at} would have to be extended or replaced"
            ))
        }
        "environment_in" => {
            let names = policy
                .and_then(|policy| policy.environments.as_ref())
                .map(|names| format!(" ({})", names.join(", ")))
                .unwrap_or_default();
            Remedy::way(format!(
                "the agent's token would have to be for an environment of policy{rule}{names}; it is for {}",
                request.environment.as_deref().unwrap_or("none")
            ))
        }
        other => Remedy::way(format!(
            "condition `{other}` of policy{rule} would have to hold"
        )),
    }
}
