//! What decisions are to be made with: checked when a replay is asked for, so that it does not fail later.

use oneclaw_core::api::CreatePolicyRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::service::error::{Result, ServiceError};
use crate::service::plugins::AttachmentDraft;

/// What takes the place of what decided.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Candidate {
    /// The plugins, policies and guardrails that are in force now.
    Current,
    /// The very versions and settings that decided.
    Recorded,
    /// Another set of policies in a vault.
    Policies(PolicyDraft),
    /// Other guardrails of an agent.
    Guardrails(GuardrailDraft),
    /// Other settings of the plugin that is in force.
    Settings(SettingsDraft),
    /// Another component in place of the one with its name.
    Plugin(PluginDraft),
    /// An attachment as it would be, asked about what is in its scope, and counting for everybody.
    #[serde(rename = "attachment")]
    Attached(AttachmentDraft),
}

/// Policies, as they would be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// The vault.
    pub vault_id: String,
    /// These alone; absent: those that are in force, with the changes below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Vec<CreatePolicyRequest>>,
    /// These too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<CreatePolicyRequest>,
    /// Without those with these ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// Guardrails, as they would be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailDraft {
    /// The agent.
    pub agent_id: String,
    /// Fields of the agent, as in an update of it.
    pub fields: Map<String, Value>,
}

/// Settings of a plugin, as they would be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsDraft {
    /// `access-policy` or `transaction-guardrail`.
    pub world: String,
    /// The settings.
    pub settings: Value,
}

/// A component.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginDraft {
    /// SHA-256, in hexadecimal.
    pub digest: String,
    /// `access-policy` or `transaction-guardrail`.
    pub world: String,
    /// Its settings; absent: those that the plugin of its name decided with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
}

/// What a promotion asks for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Nothing may be allowed that was not.
    #[serde(default)]
    pub no_new_allow: bool,
    /// At most so many verdicts may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_changes: Option<u64>,
}

impl Demand {
    /// Whether anything is demanded.
    pub const fn is_any(self) -> bool {
        self.no_new_allow || self.max_changes.is_some()
    }
}

impl Candidate {
    /// Reads what was sent.
    ///
    /// # Errors
    /// Names the field at fault.
    pub fn read(value: Option<Value>) -> Result<Self> {
        serde_json::from_value(value.unwrap_or_else(|| Value::from("current"))).map_err(|e| {
            ServiceError::field(
                "candidate",
                format!(
                    "must be `current`, `recorded`, or an object with one of `policies`, `guardrails`, `settings`, `plugin` and `attachment`: {e}"
                ),
            )
        })
    }
}
