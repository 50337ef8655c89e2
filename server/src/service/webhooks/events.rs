//! Which events of the audit trail webhooks are told of, and under which names.

use oneclaw_store::AuditEvent;
use serde_json::{Value, json};

use super::super::error::{Result, ServiceError};
use super::super::time;
use oneclaw_core::path::excerpt;

/// Actions of the trail, and the names under which webhooks know them. What is not here is not told.
const NAMES: &[(&str, &str)] = &[
    ("agent.register", "agent.created"),
    ("agent.enroll", "agent.enrollment_requested"),
    ("agent.enroll_deny", "agent.enrollment_denied"),
    ("agent.update", "agent.updated"),
    ("agent.deactivate", "agent.suspended"),
    ("agent.delete", "agent.deleted"),
    ("agent.rotate_key", "agent.key_rotated"),
    ("intent.signed", "agent.transaction.signed"),
    ("transaction.broadcast", "agent.transaction.broadcast"),
    ("transaction.denied", "agent.transaction.denied"),
    ("transaction.abandoned", "agent.transaction.abandoned"),
    ("signing_key.create", "signing_key.created"),
    ("signing_key.import", "signing_key.imported"),
    ("signing_key.export", "signing_key.exported"),
    ("signing_key.rotate", "signing_key.rotated"),
    ("signing_key.deactivate", "signing_key.deactivated"),
    ("policy.create", "policy.created"),
    ("policy.update", "policy.updated"),
    ("policy.delete", "policy.deleted"),
    ("share.create", "share.created"),
    ("share.accept", "share.accepted"),
    ("share.decline", "share.declined"),
    ("share.revoke", "share.revoked"),
    ("share.access", "share.accessed"),
    ("vault.create", "vault.created"),
    ("vault.delete", "vault.deleted"),
    ("secret.write", "secret.written"),
    ("secret.rotate", "secret.rotated"),
    ("secret.delete", "secret.deleted"),
    ("org.invite", "member.invited"),
    ("org.member_join", "member.joined"),
    ("org.member_update", "member.updated"),
    ("org.member_delete", "member.removed"),
    ("api_key.create", "api_key.created"),
    ("api_key.revoke", "api_key.revoked"),
    ("mfa.enable", "mfa.enabled"),
    ("mfa.disable", "mfa.disabled"),
    ("ip_rule.create", "ip_rule.created"),
    ("ip_rule.delete", "ip_rule.deleted"),
    ("plugin.attach", "plugin.attached"),
    ("plugin.detach", "plugin.detached"),
    ("webhook.disable", "webhook.disabled"),
];

/// Most entries in the list of a webhook.
const MAX_EVENTS: usize = 100;

/// The name under which webhooks know an event. What was refused did not happen; only a refused transaction is news of its
/// own.
pub fn name_of(event: &AuditEvent) -> Option<&'static str> {
    let (action, name) = NAMES.iter().find(|(action, _)| *action == event.action)?;
    let is_refusal = event.details.get("decision") == Some(&json!("deny"));
    (!is_refusal || *action == "transaction.denied").then_some(*name)
}

/// Whether a webhook wants to be told.
pub fn wants(subscribed: &[String], name: &str) -> bool {
    subscribed.iter().any(|wanted| {
        wanted == "*"
            || wanted == name
            || wanted
                .strip_suffix('*')
                .filter(|family| family.ends_with('.'))
                .is_some_and(|family| name.starts_with(family))
    })
}

/// The list of a webhook, each entry once.
pub fn check(subscribed: &[String]) -> Result<Vec<String>> {
    if subscribed.is_empty() || subscribed.len() > MAX_EVENTS {
        return Err(ServiceError::field(
            "events",
            format!("must have 1 to {MAX_EVENTS} entries; `*` stands for all events"),
        ));
    }
    let mut checked: Vec<String> = Vec::with_capacity(subscribed.len());
    for wanted in subscribed {
        let is_known = NAMES
            .iter()
            .any(|(_, name)| wants(std::slice::from_ref(wanted), name));
        if !is_known {
            let names: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            return Err(ServiceError::field(
                "events",
                format!(
                    "there is no event `{}`; there are {}, families such as `agent.*`, and `*`",
                    excerpt(wanted),
                    names.join(", ")
                ),
            ));
        }
        if !checked.contains(wanted) {
            checked.push(wanted.clone());
        }
    }
    Ok(checked)
}

/// What is sent.
pub fn body(event: &AuditEvent, name: &str) -> Value {
    json!({
        "id": event.id.to_string(),
        "type": name,
        "created_at": time::format(event.at),
        "org_id": event.org_id.to_string(),
        "data": {
            "action": event.action,
            "actor_type": event.actor_type,
            "actor_id": event.actor_id,
            "resource_type": event.resource_type,
            "resource_id": event.resource_id,
            "vault_id": event.vault_id.map(|id| id.to_string()),
            "details": event.details,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_cover_what_begins_with_them_and_nothing_else() {
        let wants = |wanted: &str, name| wants(&[wanted.to_owned()], name);
        assert!(wants("*", "agent.created"));
        assert!(wants("agent.*", "agent.created"));
        assert!(wants("agent.*", "agent.transaction.signed"));
        assert!(wants("agent.transaction.*", "agent.transaction.signed"));
        assert!(!wants("agent.transaction.*", "agent.created"));
        assert!(!wants("agent*", "agent.created"));
        assert!(!wants("agent.", "agent.created"));
        assert!(!wants("agent.create", "agent.created"));
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_list_of_those_there_are() {
        for wrong in [
            "",
            "agent",
            "agent.exploded",
            "**",
            "*.created",
            "agent.*.x",
        ] {
            let error = check(&[wrong.to_owned()]).unwrap_err().to_string();
            assert!(error.contains("policy.created"), "{wrong}: {error}");
        }
        assert!(check(&[]).is_err());
        let twice = ["agent.*".to_owned(), "agent.*".to_owned()];
        assert_eq!(check(&twice).unwrap(), ["agent.*"]);
    }
}
