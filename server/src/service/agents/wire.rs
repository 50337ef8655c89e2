//! The wire form of an agent.

use oneclaw_core::api::Agent;
use serde_json::{Value, json};

use super::super::time;

/// An agent with every field of the contract; those about what it spent are `null`.
pub fn agent(agent: &oneclaw_store::Agent) -> Agent {
    let mut profile = agent.profile.as_object().cloned().unwrap_or_default();
    // Clients differ in which of two names they read.
    for (name, alias) in [
        ("tx_max_value", "tx_max_value_eth"),
        ("tx_daily_limit", "tx_daily_limit_eth"),
    ] {
        let value = profile.get(name).cloned().unwrap_or(Value::Null);
        profile.insert(alias.to_owned(), value);
    }
    // What has to be counted or looked up is known where one agent is asked for; see `spending`.
    for (name, value) in [
        ("tx_spent_today", Value::Null),
        ("tx_spent_today_eth", Value::Null),
        ("tx_spent_today_by_chain", Value::Null),
        ("tx_count_today", Value::Null),
        ("signing_chains", json!([])),
        ("evm_address", Value::Null),
        ("smart_accounts", json!([])),
    ] {
        profile.insert(name.to_owned(), value);
    }
    Agent {
        id: agent.id.to_string(),
        org_id: agent.org_id.to_string(),
        created_by: agent.created_by.map(|id| id.to_string()),
        name: agent.name.clone(),
        description: agent.description.clone(),
        auth_method: agent.auth_method.clone(),
        scopes: agent.scopes.clone(),
        is_active: agent.is_active,
        expires_at: time::format_option(agent.expires_at),
        api_key_expires_at: time::format_option(agent.api_key_expires_at),
        api_key_prefix: agent.key_prefix.clone(),
        token_ttl_seconds: agent.token_ttl_seconds,
        vault_ids: agent.vault_ids.iter().map(ToString::to_string).collect(),
        intents_api_enabled: agent.intents_api_enabled,
        environment: agent.environment.clone(),
        ssh_public_key: agent.ssh_public_key.clone(),
        ecdh_public_key: agent.ecdh_public_key.clone(),
        created_at: time::format(agent.created_at),
        last_active_at: time::format_option(agent.last_active_at),
        profile,
    }
}
